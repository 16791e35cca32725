//! Section 5, "Complain" and "Restart": who is named, who is left out, what is refused.

use serde_json::{Value, json};
use veritally_crypto::record::RecordState;

use super::record::{apply, replay};
use super::{Case, array};

fn complaints(state: &RecordState) -> Value {
    let listed = state.complaints().iter().map(|c| {
        let judged = c.judged;
        json!([c.attempt, judged.trustee, judged.dealer, judged.culprit()])
    });
    Value::Array(listed.collect())
}

pub fn disputes(kind: &str, case: Case<'_>) {
    let mut entries = case.file.entries("entries");
    entries.truncate(usize::try_from(case.number("after")).unwrap());
    let mut state = replay(&entries).unwrap();
    let tail = case.list("entries");
    let (last, admitted) = tail.split_last().unwrap();
    for entry in admitted {
        apply(&mut state, &mut entries, entry.as_str().unwrap().as_bytes()).unwrap();
    }
    let verdict = apply(&mut state, &mut entries, last.as_str().unwrap().as_bytes());
    match kind {
        "refused" => assert_eq!(verdict.unwrap_err().code(), case.text("code")),
        "dispute" => {
            verdict.unwrap();
            assert_eq!(complaints(&state), case.value["complaints"]);
            let parameters = state.ceremony().parameters();
            assert_eq!(json!(parameters.trustees().collect::<Vec<_>>()), case.value["trustees"]);
            assert_eq!(parameters.attempt(), case.number("attempt"));
            if let Some(expected) = case.value["keys"].as_array() {
                let keys = state.ceremony().keys().unwrap();
                let expected: Vec<[u8; 32]> = expected.iter().map(array).collect();
                assert_eq!(keys.encoded.iter().map(|key| key.0).collect::<Vec<_>>(), expected);
            }
        }
        other => panic!("unread kind {other}"),
    }
}
