//! The shipped mappings of registers in other words: another encoding, rows that are one declaration, editions whose
//! columns change their names. The rows are of the shape of those registers and about nobody.

use probity::events::DeclarationItem;
use probity::events::DeclarationSubmitted;
use probity::events::Event;
use probity::events::PublicationForm;
use probity::events::valuation::Value;
use probity::import::error::ImportError;

use crate::import::Bench;
use crate::import::fake::Fake;

const TSE: &str = "\"DT_GERACAO\";\"HH_GERACAO\";\"ANO_ELEICAO\";\"CD_ELEICAO\";\"DT_ELEICAO\";\"SG_UE\";\"SQ_CANDIDATO\";\
    \"NR_ORDEM_CANDIDATO\";\"CD_TIPO_BEM_CANDIDATO\";\"DS_TIPO_BEM_CANDIDATO\";\"DS_BEM_CANDIDATO\";\
    \"VR_BEM_CANDIDATO\";\"DT_ULTIMA_ATUALIZACAO\"\n";

/// A row of the Brazilian register, in Latin-1.
fn asset(candidate: &str, number: u32, class: &str, what: &str, amount: &str) -> Vec<u8> {
    let row = format!(
        "\"09/12/2022\";\"18:37:14\";\"2022\";\"546\";\"02/10/2022\";\"XX\";\"{candidate}\";\"{number}\";\"{class}\";\
         \"Ve\u{ed}culo\";\"{what}\";\"{amount}\";\"#NULO#\"\n"
    );
    row.chars().map(|letter| u8::try_from(letter).unwrap()).collect()
}

fn tse(rows: &[Vec<u8>]) -> Vec<u8> {
    [TSE.as_bytes(), &rows.concat()].concat()
}

/// Imports, and compares what is recorded and what is refused. The events.
async fn told(name: &str, inputs: &[(&str, &[u8])], story: &[&str], rejects: &[(u64, &str)]) -> Vec<Event> {
    let (fake, mut bench) = (Fake::start().await, Bench::new(&[]));
    for (path, bytes) in inputs {
        let parent = bench.path(path).parent().unwrap().to_owned();
        std::fs::create_dir_all(parent).unwrap();
        bench.input(path, bytes);
    }
    for again in [false, true] {
        let outcome = bench.run_shipped(&fake, name).await.unwrap();
        assert!(outcome.stopped.is_none(), "{:?}", outcome.stopped);
        assert_eq!(fake.story(), story);
        let found = bench.rejects();
        let found: Vec<(u64, &str)> = found.iter().map(|(_, line, reason)| (*line, reason.as_str())).collect();
        assert_eq!(found, rejects);
        let rows = &outcome.summary.rows;
        assert_eq!(rows.imported + rows.skipped + rows.rejected, rows.read);
        assert_eq!(rows.rejected, rejects.len() as u64);
        assert!(!again || rows.imported == 0, "a second run adds nothing");
    }
    fake.events()
}

fn submitted(event: &Event) -> &DeclarationSubmitted {
    let Event::DeclarationSubmitted(declaration) = event else { panic!("{event:?}") };
    declaration
}

fn items(declaration: &DeclarationSubmitted) -> &[DeclarationItem] {
    &declaration.content.as_ref().unwrap().items
}

fn exact(item: &DeclarationItem) -> Option<(i64, i32)> {
    match item.value.clone()?.value? {
        Value::Exact(money) => Some((money.units, money.nanos)),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_one_candidacy_are_one_declaration_wherever_they_stand() {
    let file = tse(&[
        asset("1", 2, "21", "carro\n vermelho", "40000,50"),
        asset("2", 1, "12", "casa", "0,01"),
        asset("1", 10, "21", "moto", "1.500,00"),
        asset("1", 1, "12", "casa em S\u{e3}o Jos\u{e9}", "123456789,99"),
    ]);
    let story = [
        "organisation.registered",
        "person.registered",
        "first_seen",
        "declaration.submitted",
        "person.registered",
        "first_seen",
        "declaration.submitted",
    ];
    let events = told("tse-assets", &[("bem_candidato_2022_XX.csv", &file)], &story, &[]).await;
    let declaration = submitted(&events[3]);
    let told: Vec<_> =
        items(declaration).iter().map(|item| (item.item_number, &*item.description, exact(item))).collect();
    let expected = [
        (1, "casa em S\u{e3}o Jos\u{e9}", Some((123_456_789, 990_000_000))),
        (2, "carro vermelho", Some((40_000, 500_000_000))),
        (10, "moto", Some((1500, 0))),
    ];
    assert_eq!(told, expected);
    assert_eq!(items(declaration)[0].item_type, "Ve\u{ed}culo");
    let sections: Vec<(&str, u32)> =
        declaration.sections.iter().map(|it| (&*it.asset_class.as_ref().unwrap().code, it.item_count)).collect();
    assert_eq!(sections, [("12", 1), ("21", 2)]);
    let Event::LegacyRecordImported(record) = &events[2] else { panic!("{:?}", events[2]) };
    assert_eq!((record.release.as_str(), record.row), ("XX-2022-12-09T18:37:14", 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_row_refuses_its_declaration_and_no_other() {
    let mut wrong = asset("1", 2, "21", "aspas ?", "1,00");
    let place = wrong.iter().position(|byte| *byte == b'?').unwrap();
    wrong[place] = 0x93;
    let file = tse(&[
        asset("1", 1, "21", "carro", "1,00"),
        wrong,
        asset("2", 1, "21", "carro", "1,00"),
        asset("3", 1, "21", "carro", "um"),
        asset("3", 2, "21", "carro", "1,00"),
    ]);
    let story = ["organisation.registered", "person.registered", "first_seen", "declaration.submitted"];
    let rejects = [(3, "NOT_LATIN1"), (2, "GROUP_INCOMPLETE"), (5, "AMOUNT_UNREADABLE"), (6, "AMOUNT_UNREADABLE")];
    told("tse-assets", &[("a.csv", &file)], &story, &rejects).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_could_be_of_any_declaration_refuses_those_of_its_file() {
    let file =
        tse(&[asset("1", 1, "21", "carro", "1,00"), b"\"1\";\"2\"\n".to_vec(), asset("2", 1, "21", "x", "1,00")]);
    let other = tse(&[asset("3", 1, "21", "carro", "1,00"), asset("3", 2, "21", "carro", "")]);
    let keyless = tse(&[asset("", 1, "21", "carro", "1,00")]);
    let rejects = [
        (3, "CSV_MALFORMED"),
        (2, "GROUP_INCOMPLETE"),
        (4, "GROUP_INCOMPLETE"),
        (2, "VALUE_ABSENT"),
        (3, "VALUE_ABSENT"),
        (2, "VALUE_ABSENT"),
    ];
    told("tse-assets", &[("a.csv", &file), ("b.csv", &other), ("c.csv", &keyless)], &[], &rejects).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declaration_that_stands_twice_comes_in_once() {
    let file = tse(&[asset("1", 1, "21", "carro", "1,00"), asset("1", 2, "12", "casa", "2,00")]);
    let other = tse(&[asset("1", 1, "21", "carro", "1,00")]);
    let story = ["organisation.registered", "person.registered", "first_seen", "declaration.submitted"];
    told("tse-assets", &[("a.csv", &file), ("b.csv", &file)], &story, &[]).await;
    told("tse-assets", &[("a.csv", &file), ("c.csv", &other)], &story, &[(2, "DUPLICATE_KEY")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_candidate_who_has_nothing_declares_it_and_the_assets_find_the_name() {
    let text = "DT_GERACAO;HH_GERACAO;ANO_ELEICAO;NR_TURNO;CD_ELEICAO;SG_UE;SQ_CANDIDATO;NM_CANDIDATO;ST_DECLARAR_BENS\n\
                09/12/2022;18:37:33;2022;1;546;XX;1;ALGU\u{c9}M;S\n\
                09/12/2022;18:37:33;2022;1;546;XX;2;OUTRO;N\n\
                09/12/2022;18:37:33;2022;2;546;XX;2;OUTRO;N\n\
                09/12/2022;18:37:33;2022;1;546;XX;3;TERCEIRO;N\u{e3}o divulg\u{e1}vel\n\
                09/12/2022;18:37:33;2022;1;546;XX;4;#NULO#;N\n";
    let candidates: Vec<u8> = text.chars().map(|letter| u8::try_from(letter).unwrap()).collect();
    let (fake, mut bench) = (Fake::start().await, Bench::new(&[("consulta_cand_2022_XX.csv", &candidates)]));
    bench.run_shipped(&fake, "tse-candidates").await.unwrap();
    let reasons: Vec<_> = bench.rejects().into_iter().map(|(_, line, reason)| (line, reason)).collect();
    assert_eq!(reasons, [(6, "VALUE_ABSENT".to_owned())]);
    bench.inputs.clear();
    bench.input("bem_candidato_2022_XX.csv", &tse(&[asset("1", 1, "21", "carro", "1,00")]));
    bench.run_shipped(&fake, "tse-assets").await.unwrap();
    let story = [
        "organisation.registered",
        "person.registered",
        "first_seen",
        "person.registered",
        "first_seen",
        "declaration.submitted",
        "first_seen",
        "person.registered",
        "first_seen",
        // The court and the candidate are there.
        "first_seen",
        "declaration.submitted",
    ];
    assert_eq!(fake.story(), story);
    let events = fake.events();
    let Event::PersonRegistered(person) = &events[1] else { panic!("{:?}", events[1]) };
    assert_eq!(person.identity.as_ref().unwrap().full_name, "ALGU\u{c9}M");
    let (nothing, assets) = (submitted(&events[5]), submitted(&events[10]));
    assert!(nothing.sections[0].none_declared && nothing.content.is_none());
    assert_eq!(assets.person_id, person.entity_id);
}

const OLD: &str = "ID,Parent Interest ID,Summary,Registration Date,Published Date,Updated Date,Category,Member,MNIS ID";
const NEW: &str = "ID,Summary,Parent Interest ID,Registered,Published,Updated_1,Category,MNIS ID,Member";
const GIFT: &str = "\"Gifts, benefits and hospitality from UK sources\"";

#[tokio::test(flavor = "multi_thread")]
async fn an_interest_is_submitted_amended_and_gone_and_a_new_spelling_is_no_change() {
    let first = format!(
        "{OLD},PaymentType,Value,ReceivedDate,IsSoleBeneficiary\n\
         1,,a gift,05/07/2024,06/07/2024,,{GIFT},Some One,9,Cash,5000.00,04/07/2024,TRUE\n\
         2,,another,05/07/2024,06/07/2024,,{GIFT},Some One,9,In kind,10.50,04/07/2024,FALSE\n"
    );
    let second = format!(
        "{NEW},PaymentType,Value,ReceivedDate,IsSoleBeneficiary,Link,Updated_2\n\
         1,a gift,,2024-07-05,2024-07-06,,{GIFT},9,Some One,Monetary,5000,2024-07-04,True,https://x.example,\n\
         2,another,,2024-07-05,2024-07-06,2024-09-01,{GIFT},9,Some One,InKind,11.5,2024-07-04,False,,\n"
    );
    // The name of a Member changes, and the day of registration: the one amends nothing, the other not the period.
    let third = format!(
        "{NEW},PaymentType,Value,ReceivedDate,IsSoleBeneficiary,Link,Updated_2\n\
         2,another,,2024-07-06,2024-07-06,2024-09-01,{GIFT},9,Some Other,InKind,11.5,2024-07-04,False,,\n"
    );
    let renamed = third.replace("Some Other", "Some Third");
    let (other, empty) = (format!("{NEW}\n"), format!("{OLD}\n"));
    let inputs: [(&str, &[u8]); 8] = [
        ("240804/Category_3.csv", first.as_bytes()),
        ("240804/Category_9.csv", empty.as_bytes()),
        ("240902/Category_3.csv", second.as_bytes()),
        ("240902/Category_9.csv", other.as_bytes()),
        ("240930/Category_3.csv", third.as_bytes()),
        ("240930/Category_9.csv", other.as_bytes()),
        ("241028/Category_3.csv", renamed.as_bytes()),
        ("241028/Category_9.csv", other.as_bytes()),
    ];
    let story = [
        "organisation.registered",
        "person.registered",
        "first_seen",
        "declaration.submitted",
        "declaration.published",
        "first_seen",
        "declaration.submitted",
        "declaration.published",
        "changed",
        "declaration.amended",
        "changed",
        "declaration.amended",
        "gone",
        "publication.ended",
        "changed",
    ];
    let events = told("uk-commons-interests", &inputs, &story, &[]).await;
    let declaration = submitted(&events[6]);
    assert_eq!(declaration.submitted_on.unwrap().month, 7);
    let item = &items(declaration)[0];
    assert_eq!(exact(item), Some((10, 500_000_000)));
    assert!(item.income.is_none());
    assert_eq!(item.held.unwrap().from.unwrap().day, 4);
    let fields: Vec<(&str, &str)> = item.fields.iter().map(|field| (&*field.name, &*field.value)).collect();
    assert_eq!(fields, [("PaymentType", "InKind"), ("IsSoleBeneficiary", "false")]);
    for (place, amended_on, units) in [(9, Some((9, 1)), 11), (11, None, 11)] {
        let Event::DeclarationAmended(amended) = &events[place] else { panic!("{:?}", events[place]) };
        assert_eq!(amended.period, declaration.period);
        assert_eq!(amended.amended_on.map(|date| (date.month, date.day)), amended_on);
        assert_eq!(exact(&amended.content.as_ref().unwrap().items[0]).unwrap().0, units);
    }
    let Event::DeclarationPublished(published) = &events[4] else { panic!("{:?}", events[4]) };
    let from = published.period.unwrap().from.unwrap();
    assert_eq!((published.form(), from.day), (PublicationForm::Register, 6));
    let Event::PublicationEnded(ended) = &events[13] else { panic!("{:?}", events[13]) };
    assert_eq!((&ended.person_id, ended.ended_on.unwrap().day), (&declaration.person_id, 30));
    let Event::LegacyRecordImported(row) = &events[5] else { panic!("{:?}", events[5]) };
    let shown = row.shown.as_ref().unwrap().columns.iter().find(|column| column.name == "Registered");
    assert_eq!(shown.unwrap().value, "2024-07-05", "as the register has it, in one spelling");
    let Event::LegacyRecordImported(gone) = &events[12] else { panic!("{:?}", events[12]) };
    assert!(gone.shown.is_none());
    assert_eq!((gone.release.as_str(), gone.observed_on.unwrap().day), ("240930", 30));
}

#[tokio::test(flavor = "multi_thread")]
async fn earnings_are_income_and_each_donor_of_a_visit_is_an_item() {
    let employment = format!(
        "{NEW},PaymentReceived,Value,UltimatePayerName\n\
         1,a fee,7,2024-07-05,2024-07-06,,Employment and earnings - Ad hoc payments,9,Some One,True,250.75,\n"
    );
    let visit = format!(
        "{NEW},StartDate,EndDate,Donors_Name_1,Donors_Value_1,Donors_Name_2,Donors_Value_2,Donors_PaymentType_2,Purpose\n\
         2,a visit,,,2024-07-06,,Visits outside the UK,9,Some One,2024-06-01,soon,A body,100.1,B body,about 5,InKind,to see\n"
    );
    let story = [
        "organisation.registered",
        "person.registered",
        "first_seen",
        "declaration.submitted",
        "declaration.published",
        "first_seen",
        "declaration.submitted",
        "declaration.published",
    ];
    let inputs: [(&str, &[u8]); 2] =
        [("251215/Category_1.1.csv", employment.as_bytes()), ("251215/Category_4.csv", visit.as_bytes())];
    let events = told("uk-commons-interests", &inputs, &story, &[]).await;
    let fee = &items(submitted(&events[3]))[0];
    let Some(Value::Exact(income)) = fee.income.clone().unwrap().value else { panic!("{fee:?}") };
    assert_eq!((income.units, income.nanos, fee.value.is_none()), (250, 750_000_000, true));
    assert_eq!(fee.fields[0].name, "Parent Interest ID");
    let visit = submitted(&events[6]);
    assert!(visit.submitted_on.is_none() && visit.period.is_none(), "no day of registration is told");
    assert_eq!(visit.sections[0].item_count, 3);
    let told: Vec<_> = items(visit).iter().map(|item| (item.item_number, &*item.description, exact(item))).collect();
    assert_eq!(told, [(1, "a visit", None), (2, "A body", Some((100, 100_000_000))), (3, "B body", None)]);
    let of = |item: &DeclarationItem| -> Vec<(String, String)> {
        item.fields.iter().map(|field| (field.name.clone(), field.value.clone())).collect()
    };
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(of(&items(visit)[0]), [pair("Purpose", "to see"), pair("EndDate", "soon")]);
    assert_eq!(of(&items(visit)[2]), [pair("PaymentType", "InKind"), pair("Value", "about 5")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interest_of_an_unknown_category_or_member_is_rejected() {
    let text = format!("{NEW}\n1,a,,,2024-07-06,,Yachts,9,Some One\n2,a,,,2024-07-06,,Miscellaneous,,Some One\n");
    let rejects = [(2, "VALUE_NOT_IN_TABLE"), (3, "VALUE_ABSENT")];
    told("uk-commons-interests", &[("251215/a.csv", text.as_bytes())], &[], &rejects).await;
}

/// Stops, for a reason.
async fn stops(inputs: &[(&str, &str)]) -> (ImportError, Vec<String>) {
    let (fake, mut bench) = (Fake::start().await, Bench::new(&[]));
    for (path, text) in inputs {
        std::fs::create_dir_all(bench.path(path).parent().unwrap()).unwrap();
        bench.input(path, text.as_bytes());
    }
    let outcome = bench.run_shipped(&fake, "uk-commons-interests").await.unwrap();
    (outcome.stopped.unwrap(), fake.story())
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_an_edition_stand_together_and_columns_have_one_name_each() {
    let empty = format!("{NEW}\n");
    let (error, story) = stops(&[("240804/a.csv", &empty), ("240902/a.csv", &empty), ("240804/b.csv", &empty)]).await;
    assert!(matches!(&error, ImportError::PartedEdition { edition, .. } if edition == "240804"), "{error}");
    assert!(story.is_empty());
    let twice = format!("{NEW},Registration Date\n");
    let (error, _) = stops(&[("240804/a.csv", &twice)]).await;
    assert!(matches!(&error, ImportError::RepeatedColumn { column, .. } if column == "Registered"), "{error}");
    let (error, _) = stops(&[("240804/a.csv", &empty.replace("Category", "Kind"))]).await;
    assert!(matches!(&error, ImportError::AbsentColumn { column, .. } if column == "Category"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edition_with_an_unreadable_row_in_any_file_says_nothing_about_who_is_gone() {
    let row = |id: u32| format!("{NEW}\n{id},a,,,2024-07-06,,Miscellaneous,9,Some One\n");
    let (broken, empty) = (format!("{NEW}\n1,a\n"), format!("{NEW}\n"));
    let (fake, mut bench) = (Fake::start().await, Bench::new(&[]));
    let inputs = [
        ("240804/a.csv", row(1)),
        ("240902/a.csv", broken),
        ("240902/b.csv", row(2)),
        ("240930/a.csv", row(2)),
        ("240930/b.csv", empty),
    ];
    for (path, text) in &inputs {
        std::fs::create_dir_all(bench.path(path).parent().unwrap()).unwrap();
        bench.input(path, text.as_bytes());
    }
    let summary = bench.run_shipped(&fake, "uk-commons-interests").await.unwrap().summary;
    assert_eq!((summary.gone_unknown, summary.gone.imported), (vec!["240902".to_owned()], 1));
    assert_eq!(fake.story().iter().filter(|event| *event == "gone").count(), 1, "gone from the third, which is whole");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_no_edition_stops_the_import() {
    let (fake, bench) = (Fake::start().await, Bench::new(&[("1.csv", crate::import::HEADER.as_bytes())]));
    let mapping = crate::import::MAPPING.replace("[snapshots]", "[snapshots]\nedition = \"{$file|after:_}\"");
    bench.mapping(&mapping);
    let stopped = bench.run(&fake).await.unwrap().stopped.unwrap();
    let line = mapping.lines().position(|line| line.contains("edition =")).unwrap() + 1;
    assert!(matches!(&stopped, ImportError::NoEdition { line: found, .. } if *found == line), "{stopped}");
    assert!(fake.log().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_ended_in_the_midst_of_an_edition_counts_its_rows_anew() {
    let row = |id: u32| format!("{NEW}\n{id},a,,,2024-07-06,,Miscellaneous,9,Some One\n");
    let (fake, mut bench) = (Fake::start().await, Bench::new(&[]));
    for folder in ["240804", "240902"] {
        std::fs::create_dir_all(bench.path(folder)).unwrap();
    }
    bench.input("240804/a.csv", row(1).as_bytes());
    bench.input("240902/a.csv", row(2).as_bytes());
    // The first is gone from what is here of the second edition; it will be back with the rest of it.
    bench.run_shipped(&fake, "uk-commons-interests").await.unwrap();
    assert_eq!(fake.story().last().unwrap(), "publication.ended");
    bench.input("240902/b.csv", row(1).as_bytes());
    bench.input("240902/c.csv", row(3).as_bytes());
    let rows = bench.run_shipped(&fake, "uk-commons-interests").await.unwrap().summary.rows;
    assert_eq!((rows.read, rows.imported, rows.skipped), (4, 1, 3), "{rows:?}");
}
