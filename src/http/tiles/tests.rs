use hyper::HeaderMap;
use hyper::header::ACCEPT_ENCODING;

use crate::http::tiles::takes_gzip;

#[test]
fn gzip_is_given_to_whoever_names_it_and_to_nobody_else() {
    for (accepted, wanted) in [
        (&["gzip"][..], true),
        (&["GZIP"], true),
        (&["br, gzip;q=0.5"], true),
        (&["br", "gzip"], true),
        (&["gzip; q=1.000"], true),
        (&[], false),
        (&[""], false),
        (&["identity"], false),
        (&["*"], false),
        (&["br, deflate"], false),
        (&["gzip;q=0"], false),
        (&["gzip ; Q=0.000"], false),
        (&["xgzip, gzipx"], false),
    ] {
        let mut headers = HeaderMap::new();
        for value in accepted {
            headers.append(ACCEPT_ENCODING, value.parse().unwrap());
        }
        assert_eq!(takes_gzip(&headers), wanted, "{accepted:?}");
    }
}
