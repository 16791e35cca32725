//! `specs/openapi.yaml` against the code: routes and methods, problem types and their statuses, members of answers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeSet;

use serde_json::{Value, json};
use veritally_board_api::ProblemKind;
use veritally_board_api::answers::{BoardInfo, ElectionSummary, Readiness, Service, Status, WitnessState, Witnesses};
use veritally_board_api::paths::ROUTES;
use veritally_crypto::hash::Hash;
use veritally_crypto::leaves::Head;
use veritally_crypto::record::{Counts, Phase};
use veritally_crypto::signature::SigningSecret;

const TEXT: &str = include_str!("../../specs/openapi.yaml");

fn document() -> Value {
    serde_saphyr::from_str(TEXT).unwrap()
}

fn keys(value: &Value) -> BTreeSet<String> {
    value.as_object().unwrap().keys().cloned().collect()
}

/// Follows `$ref`.
fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value.get("$ref") {
        Some(reference) => document.pointer(reference.as_str().unwrap().strip_prefix('#').unwrap()).unwrap(),
        None => value,
    }
}

#[test]
fn every_route_is_described_and_nothing_else() {
    let document = document();
    let described: BTreeSet<_> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            let methods = keys(item).into_iter().filter(|key| key != "parameters");
            methods.map(|method| format!("{} {path}", method.to_uppercase())).collect::<Vec<_>>()
        })
        .collect();
    let served: BTreeSet<_> =
        ROUTES.iter().flat_map(|r| r.methods.iter().map(|method| format!("{method} {}", r.template))).collect();
    assert_eq!(described, served);
    let names: BTreeSet<_> = ROUTES.iter().map(|route| route.name).collect();
    assert_eq!(names.len(), ROUTES.len());
}

#[test]
fn every_problem_is_described_with_its_status() {
    let document = document();
    let types: Vec<String> =
        serde_json::from_value(document.pointer("/components/schemas/Problem/properties/type/enum").unwrap().clone())
            .unwrap();
    let sent: Vec<_> = ProblemKind::ALL.iter().map(|kind| format!("urn:veritally:problem:{}", kind.tag())).collect();
    assert_eq!(types.iter().collect::<BTreeSet<_>>(), sent.iter().collect());
    // Each is named where an answer with its status is described; of what fits no route, the introduction tells.
    let mut described = BTreeSet::new();
    for item in document["paths"].as_object().unwrap().values() {
        for (method, operation) in item.as_object().unwrap() {
            let Some(responses) = operation.get("responses").filter(|_| method != "parameters") else { continue };
            for (status, response) in responses.as_object().unwrap() {
                let response = resolve(&document, response);
                let description = response["description"].as_str().unwrap();
                for kind in ProblemKind::ALL.iter().filter(|kind| description.contains(&format!("`{}`", kind.tag()))) {
                    assert_eq!(kind.status().to_string(), *status, "{} in {description}", kind.tag());
                    described.insert(kind.tag());
                }
                let is_problem = status.starts_with(['4', '5']);
                assert_eq!(is_problem, response.pointer("/content/application~1problem+json").is_some(), "{status}");
            }
        }
    }
    let introduction = document["info"]["description"].as_str().unwrap();
    for kind in ProblemKind::ALL {
        let told = introduction.contains(&format!("`{}`", kind.tag())) || described.contains(kind.tag());
        assert!(told, "{} is not described", kind.tag());
    }
}

fn check_members(document: &Value, schema: &str, value: &Value) {
    let schema = &document["components"]["schemas"][schema];
    let members = keys(value);
    let required: BTreeSet<String> = serde_json::from_value(schema["required"].clone()).unwrap();
    let properties = keys(&schema["properties"]);
    assert!(required.is_subset(&members), "{members:?} lack some of {required:?}");
    assert!(members.is_subset(&properties), "{members:?} have more than {properties:?}");
}

#[test]
fn answers_have_the_members_that_are_described() {
    let document = document();
    let election: veritally_crypto::id::Id = "village".parse().unwrap();
    let log_key = SigningSecret::from_seed(&[1; 32]).verification_key();
    let (fingerprint, counts) = (Hash::ZERO, Counts::default());
    let (phase, service) = (Phase::Open, Service::Serving);
    let summary = ElectionSummary {
        closes_at_ms: 2,
        election: election.clone(),
        fingerprint,
        name: veritally_crypto::sample::english("Village"),
        opens_at_ms: 1,
        phase,
        service,
    };
    let head = Head { root: Hash::ZERO, tree_size: 1 };
    let status = Status {
        checkpoint: String::new(),
        closes_at_ms: 2,
        counts,
        election,
        fingerprint,
        head,
        opens_at_ms: 1,
        phase,
        service,
        time_ms: 3,
    };
    let witness = WitnessState { name: "w".into(), problem: Some("down".into()), time_ms: Some(1), tree_size: 0 };
    let witnesses = Witnesses { quorum: 1, tree_size: 0, witnesses: vec![witness] };
    for (schema, value) in [
        (
            "BoardInfo",
            json!(BoardInfo { administrator_key: Some(log_key), log_key, origin_prefix: "b".into(), time_ms: 1 }),
        ),
        ("ElectionSummary", json!(summary)),
        ("Counts", json!(status.counts)),
        ("Head", json!(status.head)),
        ("Status", json!(status)),
        ("Readiness", json!(Readiness { elections: 0, stopped: vec![], warnings: vec![] })),
        ("Problem", json!(veritally_board_api::Problem::new(ProblemKind::QueueFull, "").with_retry_after(1))),
    ] {
        check_members(&document, schema, &value);
    }
    check_members(&document, "Witnesses", &json!(witnesses));
    let items = &document["components"]["schemas"]["Witnesses"]["properties"]["witnesses"]["items"];
    assert_eq!(keys(&items["properties"]), keys(&json!(witnesses)["witnesses"][0]));
    let phases = &document["components"]["schemas"]["Phase"]["enum"];
    let all =
        [Phase::Setup, Phase::Open, Phase::Closed, Phase::Agreed, Phase::Decrypted, Phase::Published, Phase::Abandoned];
    assert_eq!(*phases, json!(all));
    let services = [Service::Serving, Service::Unavailable, Service::Stopped];
    assert_eq!(document["components"]["schemas"]["Service"]["enum"], json!(services));
}
