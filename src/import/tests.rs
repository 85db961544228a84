use crate::import::mapping::Mapping;
use crate::import::mapping::SHIPPED;

#[test]
fn every_shipped_mapping_is_right() {
    for (name, text) in SHIPPED {
        if let Err(error) = Mapping::parse(name, text) {
            panic!("{error}");
        }
    }
}
