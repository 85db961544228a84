use crate::tls::Bounds;
use crate::tls::bounds::open_files;

#[test]
fn the_limit_of_open_files_is_read_from_the_table_of_the_system() {
    let table = "Limit                     Soft Limit           Hard Limit           Units     \n\
                 Max processes             95000                95000                processes \n\
                 Max open files            1024                 524288               files     \n";
    assert_eq!(open_files(table), Some(1024));
    for other in ["", "Max open files", "Max open files   unlimited   unlimited  files", "Max open file 7"] {
        assert_eq!(open_files(other), None, "{other}");
    }
    assert!(Bounds::default().places() >= 1);
    assert_eq!(Bounds { max: 1, ..Bounds::default() }.places(), 1);
}

#[test]
fn bounds_that_would_shut_everybody_out_are_refused() {
    let good = Bounds::default();
    assert_eq!(good.check(), Ok(()));
    for (bad, key) in [
        (Bounds { max: 0, ..good }, "connections.max"),
        (Bounds { handshake_within_s: 0, ..good }, "connections.handshake_within_s"),
        (Bounds { handshake_within_s: 601, ..good }, "connections.handshake_within_s"),
        (Bounds { request_within_s: 0, ..good }, "connections.request_within_s"),
        (Bounds { request_within_s: 3601, ..good }, "connections.request_within_s"),
        (Bounds { arriving_bytes: (64 << 20) - 1, ..good }, "connections.arriving_bytes"),
    ] {
        assert_eq!(bad.check().unwrap_err().0, key);
    }
}
