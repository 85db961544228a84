use crate::delivery::destination::settings;

/// Given an environment, these are the settings, or why not.
fn check(given: &[(&str, &str)], expected: Result<&[(&str, &str)], &str>) {
    let owned = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    let found = settings(owned(given).into_iter()).map_err(|error| error.to_string());
    assert_eq!(found, expected.map(owned).map_err(str::to_owned), "{given:?}");
}

#[test]
fn settings_of_object_stores_come_from_the_environment_and_nothing_else_of_it() {
    check(&[], Ok(&[]));
    check(
        &[("AWS_REGION", "eu-1"), ("AZURE_ENDPOINT", "https://h")],
        Ok(&[("aws_region", "eu-1"), ("azure_endpoint", "https://h")]),
    );
    // These are names of settings, too, and here they are another's.
    check(&[("TOKEN", "t"), ("REGION", "r"), ("ENDPOINT", "http://h"), ("PROXY_URL", "http://p")], Ok(&[]));
}

#[test]
fn a_server_without_tls_is_one_that_is_meant() {
    let plain = ("AWS_ENDPOINT_URL", "http://127.0.0.1:9000");
    let refused = "AWS_ENDPOINT_URL is http://127.0.0.1:9000, without TLS: set AWS_ALLOW_HTTP=true where that is meant";
    check(&[plain], Err(refused));
    check(&[plain, ("AWS_ALLOW_HTTP", "false")], Err(refused));
    check(&[plain, ("AZURE_ALLOW_HTTP", "true")], Err(refused));
    let allowed = [("aws_endpoint_url", "http://127.0.0.1:9000"), ("aws_allow_http", "true")];
    check(&[plain, ("AWS_ALLOW_HTTP", "true")], Ok(&allowed));
}
