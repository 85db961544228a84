use crate::domain::Rule;
use crate::domain::tests::ADMITTED;
use crate::domain::tests::assigned;
use crate::domain::tests::check;
use crate::domain::tests::ended;
use crate::domain::tests::id;
use crate::domain::tests::on;
use crate::domain::tests::organisation;
use crate::domain::tests::person;
use crate::domain::tests::refused;
use crate::events::OrganisationRegistered;
use crate::events::PersonIdentity;
use crate::events::PersonRegistered;
use crate::events::PositionAssigned;
use crate::events::PositionEnded;

#[test]
fn an_entity_is_registered_once() {
    let twice = refused(Rule::AlreadyRegistered, "entity_id");
    check(&[], person(1), ADMITTED);
    check(&[person(1)], person(2), ADMITTED);
    check(&[person(1)], person(1), twice);
    check(&[person(1)], organisation(1), twice);
    check(&[organisation(1)], organisation(1), twice);
    check(&[organisation(1)], person(1), twice);
}

#[test]
fn a_birth_date_is_in_the_calendar() {
    let born = |text| {
        let identity = Some(PersonIdentity { birth_date: on(text), ..PersonIdentity::default() });
        PersonRegistered { entity_id: id(1), identity, ..PersonRegistered::default() }
    };
    check(&[], born("1968"), ADMITTED);
    check(&[], born("1968-02-30"), refused(Rule::DateImpossible, "identity.birth_date"));
    let rejection = crate::domain::check(&born("1968-02-30").into()).expect_err("no such day");
    assert!(!rejection.to_string().contains("1968"), "what is sealed is not told: {rejection}");
}

#[test]
fn a_body_stands_below_a_registered_body() {
    let below = |parent| OrganisationRegistered {
        entity_id: id(2),
        parent_id: id(parent),
        ..OrganisationRegistered::default()
    };
    check(&[organisation(1)], below(1), ADMITTED);
    check(&[organisation(1)], below(3), refused(Rule::NotRegistered, "parent_id"));
    check(&[organisation(1)], below(2), refused(Rule::NotRegistered, "parent_id"));
    check(&[person(1)], below(1), refused(Rule::NotAnOrganisation, "parent_id"));
}

#[test]
fn a_post_is_taken_by_a_person_in_a_body() {
    let given = [person(1), organisation(2), assigned(1, 7).into()];
    let within = |body| PositionAssigned { body_id: id(body), ..assigned(1, 1) };
    check(&given, within(2), ADMITTED);
    check(&given, within(0), ADMITTED);
    check(&given, assigned(1, 8), ADMITTED);
    check(&given, PositionAssigned { from: on("2030"), ..assigned(1, 1) }, ADMITTED);
    check(&given, PositionAssigned { from: on("2030-13"), ..assigned(1, 1) }, refused(Rule::DateImpossible, "from"));
    check(&given, within(3), refused(Rule::NotRegistered, "body_id"));
    check(&given, within(1), refused(Rule::NotAnOrganisation, "body_id"));
    check(&given, assigned(1, 7), refused(Rule::PositionNumberUsed, "position_number"));
    check(&given, assigned(2, 1), refused(Rule::NotAPerson, "person_id"));
    check(&given, assigned(3, 1), refused(Rule::NotRegistered, "person_id"));
}

#[test]
fn a_post_ends_once_and_not_before_it_was_taken() {
    let from = PositionAssigned { from: on("2020-05"), ..assigned(1, 1) };
    let given = [person(1), organisation(2), from.into(), assigned(1, 2).into()];
    let to = |text| PositionEnded { to: on(text), ..ended(1, 1) };
    for text in ["2020-05", "2020", "2020-05-01", "2021-01-01", "2031"] {
        check(&given, to(text), ADMITTED);
    }
    check(&given, ended(1, 1), ADMITTED);
    check(&given, PositionEnded { to: on("1"), ..ended(1, 2) }, ADMITTED);
    for text in ["2020-04-30", "2020-04", "2019"] {
        check(&given, to(text), refused(Rule::PositionEndsBeforeItBegan, "to"));
    }
    check(&given, to("2020-04-31"), refused(Rule::DateImpossible, "to"));
    check(&given, ended(1, 3), refused(Rule::PositionUnknown, "position_number"));
    check(&given, ended(2, 1), refused(Rule::NotAPerson, "person_id"));
    check(&given, ended(3, 1), refused(Rule::NotRegistered, "person_id"));
    let given = [person(1), assigned(1, 1).into(), ended(1, 1).into()];
    check(&given, ended(1, 1), refused(Rule::PositionAlreadyEnded, "position_number"));
    check(&given, assigned(1, 1), refused(Rule::PositionNumberUsed, "position_number"));
}
