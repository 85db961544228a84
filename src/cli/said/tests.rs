use std::error::Error;
use std::fmt;

use tonic::Code;
use tonic::Status;
use tonic_types::ErrorDetails;
use tonic_types::StatusExt as _;

use crate::cli::said::answer;
use crate::cli::said::causes;

#[derive(Debug)]
struct Because(&'static str, Option<Box<Self>>);

impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for Because {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.1.as_deref().map(|cause| cause as &dyn Error)
    }
}

fn chain(words: &[&'static str]) -> Because {
    let (last, before) = words.split_last().unwrap();
    before.iter().rev().fold(Because(last, None), |cause, words| Because(words, Some(Box::new(cause))))
}

#[test]
fn each_cause_is_said_once() {
    for (chained, said) in [
        (&["a"][..], "a"),
        (&["a", "b"], "a: b"),
        // As an error has it that prints its source and has it as its source, too.
        (&["a: b", "b"], "a: b"),
        (&["a: b: c", "b: c", "c"], "a: b: c"),
        // As a refused connection has it.
        (&["transport", "tcp connect", "tcp connect: refused"], "transport: tcp connect: refused"),
        (&["a", "a: b", "b"], "a: b"),
        (&["cannot read", "no such file"], "cannot read: no such file"),
        (&["full", "a full disk"], "full: a full disk"),
    ] {
        assert_eq!(causes(&chain(chained)), said, "{chained:?}");
    }
}

#[test]
fn what_the_message_says_is_not_said_again() {
    let refused = |message: &str, fields: &[(&str, &str)]| {
        let mut details = ErrorDetails::new();
        details.set_error_info("FIELD_INVALID", "probity", [("field".to_owned(), "name".to_owned())]);
        for (field, description) in fields {
            details.add_bad_request_violation(*field, *description);
        }
        answer(&Status::with_error_details(Code::InvalidArgument, message, details))
    };
    assert_eq!(refused("name: an id", &[("name", "an id")]), "name: an id (FIELD_INVALID)");
    assert_eq!(
        refused("name: an id", &[("name", "an id"), ("body", "a body")]),
        "name: an id; body: a body (FIELD_INVALID)"
    );
    assert_eq!(refused("refused", &[("name", "an id")]), "refused; name: an id (FIELD_INVALID)");
    assert_eq!(answer(&Status::unavailable("not now")), "not now (Unavailable)");
}
