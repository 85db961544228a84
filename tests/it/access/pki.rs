//! Certificates and tokens of these tests: a CA, and whatever it or another one issues.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use data_encoding::BASE64URL_NOPAD;
use rcgen::BasicConstraints;
use rcgen::CertificateParams;
use rcgen::CertificateRevocationListParams;
use rcgen::ExtendedKeyUsagePurpose;
use rcgen::IsCa;
use rcgen::Issuer;
use rcgen::KeyIdMethod;
use rcgen::KeyPair;
use rcgen::RevokedCertParams;
use rcgen::SerialNumber;
use ring::rand::SystemRandom;
use ring::signature::ECDSA_P256_SHA256_FIXED_SIGNING;
use ring::signature::EcdsaKeyPair;
use ring::signature::KeyPair as _;
use serde_json::Value;
use serde_json::json;

use crate::access::NOW_S;

/// A CA with a folder, and the key of somebody who issues tokens.
pub(crate) struct Pki {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
    tokens: EcdsaKeyPair,
}

impl Pki {
    pub(crate) fn new(folder: &Path) -> Self {
        fs::create_dir_all(folder).unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        fs::write(folder.join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let tokens = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap();
        Self { folder: folder.to_owned(), issuer: Issuer::new(params, key), tokens }
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.folder.join(file)
    }

    /// `<name>.pem` and `<name>.key` of a server on this machine.
    pub(crate) fn server(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) {
        self.issue(name, &["localhost".to_owned()], ExtendedKeyUsagePurpose::ServerAuth, change);
    }

    /// The same of a client, with the name `<name>.test`.
    pub(crate) fn client(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) {
        self.issue(name, &[format!("{name}.test")], ExtendedKeyUsagePurpose::ClientAuth, change);
    }

    /// `crl.pem`: a list of certificates that were taken back, by their serial numbers, for so many years from 2020 on.
    pub(crate) fn revoke(&self, serials: &[u64], years: i32) {
        let revoked = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: rcgen::date_time_ymd(2020, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: rcgen::date_time_ymd(2020, 1, 1),
            next_update: rcgen::date_time_ymd(2020 + years, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        fs::write(self.path("crl.pem"), list.signed_by(&self.issuer).unwrap().pem().unwrap()).unwrap();
    }

    fn issue(
        &self,
        file: &str,
        names: &[String],
        usage: ExtendedKeyUsagePurpose,
        change: impl FnOnce(&mut CertificateParams),
    ) {
        let mut params = CertificateParams::new(names).unwrap();
        params.extended_key_usages = vec![usage];
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        fs::write(self.path(&format!("{file}.pem")), params.signed_by(&key, &self.issuer).unwrap().pem()).unwrap();
        fs::write(self.path(&format!("{file}.key")), key.serialize_pem()).unwrap();
    }

    /// The keys of whoever issues tokens.
    pub(crate) fn jwks(&self) -> String {
        let (x, y) = self.tokens.public_key().as_ref()[1..].split_at(32);
        let text = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
        let key = json!({"kty": "EC", "crv": "P-256", "kid": "1", "x": text(x), "y": text(y)});
        json!({"keys": [key]}).to_string()
    }

    /// A token of a person for five minutes, changed as a test wants it.
    pub(crate) fn token(&self, change: impl FnOnce(&mut Value, &mut Value)) -> String {
        let mut header = json!({"alg": "ES256", "kid": "1"});
        let mut claims = json!({"iss": "https://idp.test", "aud": "probity", "sub": "person-of-a", "exp": NOW_S + 300});
        change(&mut header, &mut claims);
        let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let signature = self.tokens.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", BASE64URL_NOPAD.encode(signature.as_ref()))
    }
}
