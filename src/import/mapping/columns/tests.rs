use std::collections::BTreeMap;

use crate::import::mapping::columns::Aliases;
use crate::import::mapping::columns::Spelling;
use crate::import::template::Template;

fn check(name: &str, pattern: &str, column: &str, then: Option<&str>) {
    let aliases = Aliases::new(BTreeMap::from([(name.to_owned(), vec![pattern.to_owned()])]));
    assert_eq!(aliases.name(column).as_deref(), then, "{name} = [{pattern}], {column}");
}

#[test]
fn a_column_has_one_name_whatever_it_is_called() {
    check("Registered", "Registration Date", "Registration Date", Some("Registered"));
    check("Registered", "Registration Date", "Registration Dates", None);
    check("Registered", "Registration Date", "registration date", None);
    check("Donors_*_Name", "Donors_Name_*", "Donors_Name_12", Some("Donors_12_Name"));
    check("Donors_*_Name", "Donors_Name_*", "Donors_1_Name", None);
    check("Donors_*_Name", "Donors_Name_*", "Name_1", None);
    check("a", "ab*ba", "aba", None);
}

#[test]
fn a_spelling_is_about_the_columns_that_fit() {
    let columns = vec!["Value".to_owned(), "Donors_*_Value".to_owned()];
    let spelling = Spelling { columns, value: Template::parse("{$cell|number}").unwrap() };
    assert!(spelling.is_about("Value") && spelling.is_about("Donors_3_Value"));
    assert!(!spelling.is_about("Values") && !spelling.is_about("Donors_3_Name") && !spelling.is_about(""));
}
