use crate::import::mapping::lines::line_of;

const TEXT: &str = "about = \"day\"

[record]
key = [\"{a}\", \"{day}\"]

[[events]]
event = \"One\"
[events.fields]
day = \"{day}\"

[[events]]
event = \"Two\"
on = [\"frist\"]
[events.fields]
day = \"{day}\"
deep = { day = [1, { more = \"{day}\" }] }
";

#[track_caller]
fn check(key: &str, needle: &str, then: usize) {
    assert_eq!(line_of(TEXT, key, needle), then, "{key}, {needle}");
}

#[test]
fn a_mistake_has_the_line_of_its_key_and_not_of_the_first_like_it() {
    check("about", "day", 1);
    check("record.key", "{day}", 4);
    check("record.key[1]", "", 4);
    check("events[0].fields.day", "{day}", 9);
    check("events[1].fields.day", "{day}", 15);
    check("events[1].fields.deep.day[1].more", "{day}", 16);
    check("events[1].on", "frist", 13);
    check("events[1].event", "\"Two\"", 12);
}

#[test]
fn a_key_that_is_not_there_has_the_line_of_what_is_above_it() {
    check("record.keys", "", 3);
    check("events[1].fields.nothing", "nothing", 14);
    check("events[7]", "", 6);
    check("nothing", "", 1);
    check("nothing", "{day}", 4);
    assert_eq!(line_of("not = = toml", "not", ""), 1);
    assert_eq!(line_of("", "", "x"), 1);
}
