//! Section 1 and encoding.md: generators, hashes, transcripts, encodings, canonical JSON, signatures.

use serde_json::Value;
use veritally_crypto::group::{EncodedPoint, EncodedScalar, Generators, GroupError, RistrettoPoint};
use veritally_crypto::hash::{Hash, Hasher};
use veritally_crypto::leaves::Leaf;
use veritally_crypto::signature::{Signature, VerificationKey, verify};
use veritally_crypto::transcript::{Transcript, TranscriptProtocol as _};

use super::{Case, array};

pub fn point(value: &Value) -> RistrettoPoint {
    EncodedPoint(array(value)).decode().unwrap()
}

/// Transcripts take labels that live for ever.
fn label(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

pub fn generator(kind: &str, case: Case<'_>) {
    assert_eq!(kind, "generator", "unread kind {kind}");
    let (generators, index) = (Generators::new(8), usize::try_from(case.number("index")).unwrap());
    let made = match (case.text("generator"), index) {
        ("H", _) => generators.h,
        ("G", 0) => generators.g_0,
        (_, i) => generators.g[i - 1],
    };
    assert_eq!(EncodedPoint::from(&made).0, array(&case.value["point"]));
}

pub fn hash(kind: &str, case: Case<'_>) {
    assert_eq!(kind, "hash", "unread kind {kind}");
    let hasher = case.list("items").iter().fold(Hasher::new(case.text("label")), |hasher, item| {
        let (kind, value) = item.as_object().unwrap().iter().next().unwrap();
        match kind.as_str() {
            "u64" => hasher.u64(value.as_u64().unwrap()),
            "string" => hasher.bytes(value.as_str().unwrap().as_bytes()),
            "bytes" => hasher.bytes(&hex::decode(value.as_str().unwrap()).unwrap()),
            "hash" => hasher.hash(&Hash(array(value))),
            "point" => hasher.point(&EncodedPoint(array(value))),
            other => panic!("unread kind of item {other}"),
        }
    });
    assert_eq!(hasher.finish().0, array(&case.value["hash"]));
}

pub fn transcript(kind: &str, case: Case<'_>) {
    assert_eq!(kind, "transcript", "unread kind {kind}");
    let mut transcript = Transcript::protocol(label(case.text("protocol")));
    for message in case.list("append") {
        let name = label(message["label"].as_str().unwrap()).as_bytes();
        if let Some(number) = message.get("u64") {
            transcript.append_integer(name, number.as_u64().unwrap());
        } else if let Some(text) = message.get("string") {
            transcript.append_message(name, text.as_str().unwrap().as_bytes());
        } else if let Some(bytes) = message.get("bytes") {
            transcript.append_message(name, &hex::decode(bytes.as_str().unwrap()).unwrap());
        } else {
            let points: Vec<_> = message["points"].as_array().unwrap().iter().map(|p| EncodedPoint(array(p))).collect();
            transcript.append_points(name, &points);
        }
    }
    assert_eq!(transcript.challenge_scalar(b"c").to_bytes(), array(&case.value["challenge"]));
    let mut mask = vec![0; case.hex("mask").len()];
    transcript.challenge_bytes(b"mask", &mut mask);
    assert_eq!(mask, case.hex("mask"));
}

pub fn encoding(kind: &str, case: Case<'_>) {
    let bytes: Result<[u8; 32], _> = case.hex("bytes").try_into();
    match kind {
        "point" => {
            let encoded = EncodedPoint(bytes.unwrap());
            let identity = encoded.decode_non_identity() == Err(GroupError::Identity);
            assert_eq!(Some(identity), case.value["identity"].as_bool());
            assert_eq!(EncodedPoint::from(&encoded.decode().unwrap()), encoded);
        }
        "bad-point" => assert!(bytes.is_err() || EncodedPoint(bytes.unwrap()).decode().is_err()),
        "scalar" => assert_eq!(EncodedScalar(bytes.clone().unwrap()).decode().unwrap().to_bytes(), bytes.unwrap()),
        "bad-scalar" => assert!(EncodedScalar(bytes.unwrap()).decode().is_err()),
        other => panic!("unread kind {other}"),
    }
}

pub fn canonical(kind: &str, case: Case<'_>) {
    let bytes = case.value["text"].as_str().map_or_else(|| case.hex("hex"), |text| text.as_bytes().to_vec());
    match kind {
        "entry" => assert!(Leaf::parse(&bytes).is_ok()),
        "bad-entry" => assert!(Leaf::parse(&bytes).is_err()),
        other => panic!("unread kind {other}"),
    }
}

pub fn signature(kind: &str, case: Case<'_>) {
    let key = VerificationKey(array(&case.value["key"]));
    let holds = if kind.ends_with("signed-entry") {
        let Ok(Leaf::Abandonment(entry)) = Leaf::parse(case.text("entry").as_bytes()) else { panic!("an abandonment") };
        verify(&entry, &Hash(array(&case.value["fingerprint"])), &key).is_ok()
    } else {
        key.verify_bytes(&case.hex("message"), &Signature(array(&case.value["signature"]))).is_ok()
    };
    match kind {
        "signed-entry" | "ed25519" => assert!(holds),
        "bad-signed-entry" | "bad-ed25519" => assert!(!holds),
        other => panic!("unread kind {other}"),
    }
}
