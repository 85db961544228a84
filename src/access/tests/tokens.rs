//! Tokens that are to be believed, and every way in which they are not.

use data_encoding::BASE64;
use data_encoding::BASE64URL_NOPAD;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::ECDSA_P256_SHA256_FIXED_SIGNING;
use ring::signature::EcdsaKeyPair;
use ring::signature::Ed25519KeyPair;
use ring::signature::KeyPair as _;
use ring::signature::RSA_PKCS1_SHA256;
use ring::signature::RsaKeyPair;
use ring::signature::RsaPublicKeyComponents;
use serde_json::Value;
use serde_json::json;

use crate::access::Keys;
use crate::access::KeysError;
use crate::access::TokenError;
use crate::access::TokenSettings;
use crate::access::subject_of;

const NOW_S: u64 = 1_700_000_000;

/// A key of nobody, made for this test: PKCS #8.
const RSA: &str = "\
    MIIEvAIBADANBgkqhkiG9w0BAQEFAASCBKYwggSiAgEAAoIBAQCtdura1SqjmeSqZEvrt1z8p4ZgqrkioG4HE5IkhbQopow82VBJ\
    1IMijiMp+aX7VuUJmuE8npuxyeKjZ0Ny8sfe6aUU2kjkz42o2hR1tIuedASt2HYQWlhEdz2uq8avwhNiLdhE4CzL4rnzYn+KPX1w\
    T5y8f41IhkAp96va0fOeHCbVG/mTRcxJqU63Za54c+xRSJfzecqkhD6RyuJGguZ3u1QXHPcY9OHP0Jzh1Ib/6AOEvT5rg+F5RFE/\
    2dID8gdiSGxWPgcwqg4OZZh2hlcp/0DrpzXXvaz3l4Zf0n3hmZXx1TzKkP16ST1hLjPhf24dQj/f5m+eMzItvqpb9GQNAgMBAAEC\
    ggEAFaPwSLyvRRm93UQF9LI7d4muygCCeD9repaGdOf5QdkFRdIWoh9Q/M6etG3gtypwCHK6BsYCxntZOul3ELAZH0YmwiM5VNJP\
    6fDK/KQ5htsSel223PNob6Iwn8nuT572rBjsEiulawouCJ8RKj3hmFFWTG3dQl79Qj8TwYjPy7miySy6j3sJNsnm1q4ycrKv8Xwi\
    QW9PrgZ9S/Bk0i8nUcfLCbj30XnQ912CLRmQW9rKOlk4yuq8ZI54E4pBYONfISlXuGSZnfPMaofmYZ2TIu0K37HU+L3V36HyntX/\
    5WFu3vKm8iJNIFsXsPijImfpPmskuU4XUE8KQ4NZFbXcQQKBgQDVYmWx/R8ERm8IGn09wkGAxVLp1Q6UY+PafRE2osOQDDaYVsdD\
    SNrr5kbtyHO0WeNxmrP8fBBHvyZJZhjoMyCFxGvsoiS0RaG116+nMyih8F8SDpEbhcY1b8hJYo1OnfiBQH6xBmr6JPLY5RhU4UJv\
    D81YJtrEW3kXV2YID1/K5wKBgQDQG46V25y9b1doKQY2kfc40TexM2ksUPc06bakC1NUYweWoaZPyooaclpLEn92TH6eRxwyRoLm\
    5l1CZvTccPuWhAvQToP4KTwfJ4vU6RDoz2mlMlsXe/YB4T1iCYZZ/fOb8eqmq0+eDXCxQfYuT4xJgAsZrm/YZhj1r1g9UZ+O6wKB\
    gCvur0te9uTVb4S2l3SAqyXM+o4kDHVmv4G7YDDkf+kHarIgo7PpqxEIfy/zpkbKfvZjyIzCKkPrSgGwoI4mAJsp3qKAm5f2Ah5D\
    QunksYftylUYZK3K9A0Kb60UOk2mXoSV97+Qt7O6qbkYKdNH8XqWQUvV7BKjVqIEn4AnUiyfAoGANJtyvPFKOx0FVIBiYLMfcs54\
    rKPZZ2mERGz8TZXLV9680VhFyY/iv3K+3pFrhUUrEOna996ZQrNjSeDq7zrkbpUsw1jFxZru5tVBZO4R5zhfdXI4UsR0WN9OfBT6\
    UI+A4KAT+FQACW1OWpDZIbXcOcxTggd1oJeWoazUupOCqUcCgYA5GT8aIR9wDZqNBCyOsjSOKIF3OwJNt8MFFEorq/usxpZkmbvk\
    69/yZQ816I7/moIVt9QlWD+MmzJBfRMYGLba+FbDn83IFLKFwE34q9QZL7CXDOnJlwBlA9+vscZUC/L5AJ9nVApNSswyLVtpMl7O\
    3ExnTxHSvrXAtyOHk9QJug==";

enum Signer {
    Ed(Ed25519KeyPair),
    Ec(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

impl Signer {
    fn of(algorithm: &str) -> Self {
        let random = SystemRandom::new();
        match algorithm {
            "EdDSA" => Self::Ed(Ed25519KeyPair::from_seed_unchecked(&[3; 32]).unwrap()),
            "ES256" => {
                let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random);
                Self::Ec(pair.unwrap())
            }
            _ => Self::Rsa(RsaKeyPair::from_pkcs8(&BASE64.decode(RSA.as_bytes()).unwrap()).unwrap()),
        }
    }

    fn jwk(&self, kid: &str) -> Value {
        let text = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
        match self {
            Self::Ed(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": text(pair.public_key().as_ref())})
            }
            Self::Ec(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({"kty": "EC", "crv": "P-256", "kid": kid, "use": "sig", "x": text(x), "y": text(y)})
            }
            Self::Rsa(pair) => {
                let public: RsaPublicKeyComponents<Vec<u8>> = pair.public().into();
                let (n, e) = (text(&public.n), text(&public.e));
                json!({"kty": "RSA", "kid": kid, "alg": "RS256", "n": n, "e": e})
            }
        }
    }

    fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Ed(pair) => pair.sign(bytes).as_ref().to_vec(),
            Self::Ec(pair) => pair.sign(&random, bytes).unwrap().as_ref().to_vec(),
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, bytes, &mut signature).unwrap();
                signature
            }
        }
    }
}

fn settings(algorithm: &str) -> TokenSettings {
    TokenSettings {
        issuer: "https://idp.example".to_owned(),
        audience: "probity".to_owned(),
        keys: "keys.json".to_owned(),
        algorithm: algorithm.to_owned(),
        leeway_s: 60,
        keys_within_s: 10,
    }
}

fn keys(signer: &Signer, algorithm: &str) -> Keys {
    let set = json!({"keys": [{"kty": "oct", "kid": "k", "k": "c2VjcmV0"}, signer.jwk("k")]});
    Keys::parse(set.to_string().as_bytes(), algorithm).unwrap()
}

fn claims() -> Value {
    json!({"iss": "https://idp.example", "aud": "probity", "sub": "somebody", "exp": NOW_S + 300, "nbf": NOW_S})
}

fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    format!("{}.{}", part(header), part(claims))
}

fn token(signer: &Signer, header: &Value, claims: &Value) -> String {
    let signed = unsigned(header, claims);
    format!("{signed}.{}", BASE64URL_NOPAD.encode(&signer.sign(signed.as_bytes())))
}

#[test]
fn each_algorithm_of_a_policy_tells_whose_a_token_is() {
    for algorithm in ["EdDSA", "ES256", "RS256"] {
        let signer = Signer::of(algorithm);
        let (keys, settings) = (keys(&signer, algorithm), settings(algorithm));
        let header = json!({"alg": algorithm, "kid": "k", "typ": "JWT"});
        let good = token(&signer, &header, &claims());
        assert_eq!(subject_of(&good, &settings, &keys, NOW_S).as_deref(), Ok("somebody"), "{algorithm}");
        let mut several = claims();
        several["aud"] = json!(["another", "probity"]);
        assert!(subject_of(&token(&signer, &header, &several), &settings, &keys, NOW_S).is_ok());
        // Any bit of it.
        for at in (0..good.len()).step_by(7) {
            let mut changed = good.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(subject_of(&changed, &settings, &keys, NOW_S).is_err(), "{algorithm}: character {at}");
        }
    }
}

#[test]
fn what_is_not_to_be_believed_is_not() {
    let signer = Signer::of("ES256");
    let (keys, settings) = (keys(&signer, "ES256"), settings("ES256"));
    let header = json!({"alg": "ES256", "kid": "k"});
    let with = |name: &str, value: Value| {
        let mut claims = claims();
        claims[name] = value;
        token(&signer, &header, &claims)
    };
    let without = |name: &str| {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(name);
        token(&signer, &header, &claims)
    };
    let head = |header: Value| token(&signer, &header, &claims());
    let other = Signer::of("ES256");
    let none = format!("{}.", unsigned(&json!({"alg": "none", "kid": "k"}), &claims()));
    let cases = [
        ("stolen and over", with("exp", json!(NOW_S - 61)), TokenError::Expired),
        ("without an end", without("exp"), TokenError::Expired),
        ("an end that is no number", with("exp", json!("later")), TokenError::Malformed),
        ("a negative end", with("exp", json!(-1)), TokenError::Malformed),
        ("not yet", with("nbf", json!(NOW_S + 61)), TokenError::NotYet),
        ("another issuer", with("iss", json!("https://idp.example/")), TokenError::Issuer),
        ("no issuer", without("iss"), TokenError::Issuer),
        ("another audience", with("aud", json!("probity2")), TokenError::Audience),
        ("other audiences", with("aud", json!(["a", "b"])), TokenError::Audience),
        ("no audience", without("aud"), TokenError::Audience),
        ("nobody", without("sub"), TokenError::Malformed),
        ("an empty subject", with("sub", json!("")), TokenError::Malformed),
        ("alg none", none, TokenError::Algorithm),
        ("alg None with a signature", head(json!({"alg": "None", "kid": "k"})), TokenError::Algorithm),
        ("another algorithm", head(json!({"alg": "EdDSA", "kid": "k"})), TokenError::Algorithm),
        ("what must be understood", head(json!({"alg": "ES256", "kid": "k", "crit": ["b64"]})), TokenError::Algorithm),
        ("unknown kid", head(json!({"alg": "ES256", "kid": "j"})), TokenError::UnknownKey),
        ("no kid", head(json!({"alg": "ES256"})), TokenError::UnknownKey),
        ("a path as kid", head(json!({"alg": "ES256", "kid": "../../k"})), TokenError::UnknownKey),
        (
            "a key of its own",
            token(&other, &json!({"alg": "ES256", "kid": "k", "jwk": other.jwk("k")}), &claims()),
            TokenError::Signature,
        ),
        ("another key", token(&other, &header, &claims()), TokenError::Signature),
        ("no signature", format!("{}.", unsigned(&header, &claims())), TokenError::Signature),
        ("four parts", format!("{}.x", head(header.clone())), TokenError::Malformed),
        ("two parts", unsigned(&header, &claims()), TokenError::Malformed),
        ("nothing", String::new(), TokenError::Malformed),
        ("far too long", "a.".repeat(5000), TokenError::Malformed),
    ];
    for (what, token, error) in cases {
        assert_eq!(subject_of(&token, &settings, &keys, NOW_S), Err(error), "{what}");
    }
    // Within what the clocks may differ.
    for near in [with("exp", json!(NOW_S - 59)), with("nbf", json!(NOW_S + 59))] {
        assert!(subject_of(&near, &settings, &keys, NOW_S).is_ok());
    }
}

#[test]
fn a_public_key_is_no_secret_of_hmac() {
    let signer = Signer::of("RS256");
    let (keys, settings) = (keys(&signer, "RS256"), settings("RS256"));
    let Signer::Rsa(pair) = &signer else { unreachable!() };
    let RsaPublicKeyComponents { n: modulus, e: _ }: RsaPublicKeyComponents<Vec<u8>> = pair.public().into();
    let jwk = signer.jwk("k");
    let secrets =
        [modulus, jwk["n"].as_str().unwrap().as_bytes().to_vec(), jwk.to_string().into_bytes(), b"secret".to_vec()];
    for secret in secrets {
        for (algorithm, error) in [("HS256", TokenError::Algorithm), ("RS256", TokenError::Signature)] {
            let signed = unsigned(&json!({"alg": algorithm, "kid": "k"}), &claims());
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), signed.as_bytes());
            let forged = format!("{signed}.{}", BASE64URL_NOPAD.encode(tag.as_ref()));
            assert_eq!(subject_of(&forged, &settings, &keys, NOW_S), Err(error), "{algorithm}");
        }
    }
}

#[test]
fn keys_that_the_algorithm_cannot_use_are_none() {
    let good = Signer::of("ES256").jwk("k");
    let with = |name: &str, value: Value| {
        let mut key = good.clone();
        key[name] = value;
        key
    };
    let parse = |key: &Value, algorithm: &str| Keys::parse(json!({"keys": [key]}).to_string().as_bytes(), algorithm);
    assert!(parse(&good, "ES256").is_ok());
    assert_eq!(parse(&good, "RS256"), Err(KeysError::NoKey));
    assert_eq!(parse(&good, "HS256"), Err(KeysError::NoKey));
    for (name, value) in [
        ("kty", json!("oct")),
        ("crv", json!("P-384")),
        ("kid", json!("")),
        ("kid", Value::Null),
        ("use", json!("enc")),
        ("alg", json!("ES384")),
        ("x", json!("AAAA")),
        ("y", json!("not base 64!")),
    ] {
        assert_eq!(parse(&with(name, value.clone()), "ES256"), Err(KeysError::NoKey), "{name} {value}");
    }
    for text in ["", "[]", "{}", "{\"keys\": 1}"] {
        assert_eq!(Keys::parse(text.as_bytes(), "ES256"), Err(KeysError::NoSet), "{text}");
    }
}
