//! Sections 3 and 4: credentials, contests and relations, encryption, ballot proofs.

use std::collections::BTreeMap;
use std::sync::Arc;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::Value;
use veritally_crypto::ballot::{BallotContext, BallotError, BallotOpening, EncryptedBallot};
use veritally_crypto::contests::{Answer, ContestRows, Rule};
use veritally_crypto::credential::CredentialCode;
use veritally_crypto::group::EncodedPoint;
use veritally_crypto::hash::Hash;
use veritally_crypto::id::Id;
use veritally_crypto::manifest::{Selection, Texts};
use veritally_crypto::relation::{CompiledStyle, Term};

use super::record::replay;
use super::{Case, array};

pub fn credential(kind: &str, case: Case<'_>) {
    let parsed = CredentialCode::parse(case.text("text"));
    // The bytes of a code do not leave the crate: its text, which is one to one, stands for them.
    match kind {
        "credential" => {
            let code = parsed.unwrap();
            assert_eq!(*code.expose_text(), case.text("text"));
            let key = code.credential(&Hash(array(&case.value["fingerprint"]))).public();
            assert_eq!(key.0, EncodedPoint(array(&case.value["public"])));
            assert_eq!(key.public_id(), case.text("public_id"));
        }
        "typed-code" => {
            let cases = case.file.member("cases").as_array().unwrap();
            let same = cases.iter().find(|c| c["kind"] == "credential" && c["code"] == case.value["code"]).unwrap();
            assert_eq!(*parsed.unwrap().expose_text(), same["text"].as_str().unwrap());
        }
        "bad-code" => assert!(parsed.is_err()),
        other => panic!("unread kind {other}"),
    }
}

fn selections(count: &Value) -> Vec<Selection> {
    let selection = |i| Selection { id: Id::new(format!("s{i}")).unwrap(), name: Texts::new() };
    (1..=count.as_u64().unwrap()).map(selection).collect()
}

fn rule(case: &Value) -> Option<Rule> {
    let rule: Rule = serde_json::from_value(case["rule"].clone()).ok()?;
    rule.validate(selections(&case["selections"]).len()).ok()?;
    Some(rule)
}

fn terms(row: &Value) -> Vec<Term> {
    let term =
        |t: &Value| Term { bit: usize::try_from(t[0].as_u64().unwrap()).unwrap(), weight: t[1].as_i64().unwrap() };
    row["terms"].as_array().unwrap().iter().map(term).collect()
}

fn relation(case: Case<'_>) {
    let contests = case.list("contests").iter();
    let rows: Vec<ContestRows> =
        contests.map(|c| rule(c).unwrap().compile(selections(&c["selections"]).len())).collect();
    let relation = CompiledStyle::compile(rows.iter().enumerate().map(|(i, rows)| (i, rows, 0))).unwrap().relation;
    assert_eq!(relation.bits as u64, case.number("bits"));
    assert_eq!(relation.secret, case.list("secret").iter().map(terms).collect::<Vec<_>>());
    let public: Vec<_> = relation.public.iter().map(|row| (row.terms.clone(), Some(row.value))).collect();
    assert_eq!(public, case.list("public").iter().map(|row| (terms(row), row["value"].as_i64())).collect::<Vec<_>>());
    assert_eq!(relation.digest.0, array(&case.value["digest"]));
}

fn indexes(value: &Value) -> Vec<usize> {
    serde_json::from_value(value.clone()).unwrap()
}

pub fn contest(kind: &str, case: Case<'_>) {
    let encoded = || {
        let answer: Answer = serde_json::from_value(case.value["answer"].clone()).ok()?;
        let id = Id::new("contest").unwrap();
        rule(case.value).unwrap().encode(&id, &selections(&case.value["selections"]), &answer).ok()
    };
    match kind {
        "relation" => relation(case),
        "answer" => {
            let bits: Vec<u64> = encoded().unwrap().into_iter().map(u64::from).collect();
            assert_eq!(bits, case.list("bits").iter().map(|b| b.as_u64().unwrap()).collect::<Vec<_>>());
        }
        "bad-answer" => assert_eq!(encoded(), None),
        "bad-rule" => assert_eq!(rule(case.value), None),
        "outcome" => {
            let counts: Vec<u64> = case.list("counts").iter().map(|c| c.as_u64().unwrap()).collect();
            let outcome = rule(case.value).unwrap().outcome(&counts, selections(&case.value["selections"]).len());
            let expected = (indexes(&case.value["winners"]), indexes(&case.value["tied"]));
            assert_eq!((outcome.winners, outcome.tied), expected);
        }
        other => panic!("unread kind {other}"),
    }
}

/// The context of the election that the file's `setup` opens.
fn context(case: Case<'_>) -> Arc<BallotContext> {
    thread_local! {
        static MADE: std::cell::RefCell<BTreeMap<Vec<u8>, Arc<BallotContext>>> = const { std::cell::RefCell::new(BTreeMap::new()) };
    }
    let setup = case.file.entries("setup");
    MADE.with_borrow_mut(|made| {
        let state = || replay(&setup).unwrap().ballot_context().unwrap().clone();
        made.entry(setup[0].clone()).or_insert_with(state).clone()
    })
}

pub fn opening(kind: &str, case: Case<'_>) {
    let opening = serde_json::from_value::<BallotOpening>(case.value["opening"].clone());
    let verdict = opening.ok().and_then(|opening| opening.verify(&context(case)).ok());
    match kind {
        "opening" => {
            let code = verdict.unwrap();
            assert_eq!(code.to_string(), case.text("short_code"));
            assert_eq!(code.0.0, array(&case.value["opening"]["code"]));
        }
        "bad-opening" => assert_eq!(verdict, None),
        other => panic!("unread kind {other}"),
    }
}

pub fn ballot(kind: &str, case: Case<'_>) {
    let (context, rng) = (context(case), &mut StdRng::seed_from_u64(1));
    let ballot = EncryptedBallot::parse(case.text("entry").as_bytes()).unwrap();
    let code = ballot.confirmation_code(&context.manifest().fingerprint());
    let verdict = context.verify(ballot, rng);
    match kind {
        "ballot" => {
            verdict.unwrap();
            assert_eq!(code.0.0, array(&case.value["code"]));
        }
        "bad-ballot" => match verdict.unwrap_err() {
            BallotError::Check(number) => assert_eq!(Some(u64::from(number)), case.value["fails"].as_u64()),
            BallotError::Element(_) | BallotError::Shape { .. } | BallotError::UnknownStyle(_) => {
                assert_eq!(case.value["fails"], "form");
            }
            other => panic!("{other}"),
        },
        other => panic!("unread kind {other}"),
    }
}
