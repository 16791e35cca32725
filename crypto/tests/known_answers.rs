//! Known answers: RFC 9496 for the group, merlin's for transcripts, RFC 8032 for signatures, RFC 8785 for canonical JSON.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use veritally_crypto::canonical;
use veritally_crypto::group::{EncodedPoint, GroupError, RistrettoPoint, Scalar};
use veritally_crypto::signature::{Signature, SigningSecret, VerificationKey};
use veritally_crypto::transcript::Transcript;

fn bytes32(text: &str) -> [u8; 32] {
    hex::decode(text).unwrap().try_into().unwrap()
}

/// RFC 9496 appendix A.1.
const MULTIPLES_OF_THE_GENERATOR: [&str; 16] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76",
    "6a493210f7499cd17fecb510ae0cea23a110e8d5b901f8acadd3095c73a3b919",
    "94741f5d5d52755ece4f23f044ee27d5d1ea1e2bd196b462166b16152a9d0259",
    "da80862773358b466ffadfe0b3293ab3d9fd53c5ea6c955358f568322daf6a57",
    "e882b131016b52c1d3337080187cf768423efccbb517bb495ab812c4160ff44e",
    "f64746d3c92b13050ed8d80236a7f0007c3b3f962f5ba793d19a601ebb1df403",
    "44f53520926ec81fbd5a387845beb7df85a96a24ece18738bdcfa6a7822a176d",
    "903293d8f2287ebe10e2374dc1a53e0bc887e592699f02d077d5263cdd55601c",
    "02622ace8f7303a31cafc63f8fc48fdc16e1c8c8d234b2f0d6685282a9076031",
    "20706fd788b2720a1ed2a5dad4952b01f413bcf0e7564de8cdc816689e2db95f",
    "bce83f8ba5dd2fa572864c24ba1810f9522bc6004afe95877ac73241cafdab42",
    "e4549ee16b9aa03099ca208c67adafcafa4c3f3e4e5303de6026e3ca8ff84460",
    "aa52e000df2e16f55fb1032fc33bc42742dad6bd5a8fc0be0167436c5948501f",
    "46376b80f409b29dc2b5f6f0c52591990896e5716f41477cd30085ab7f10301e",
    "e0c418f7c8d9c4cdd7395b93ea124f3ad99021bb681dfc3302a9d99a2e53e64e",
];

#[test]
fn multiples_of_the_generator_are_those_of_rfc_9496() {
    for (i, expected) in MULTIPLES_OF_THE_GENERATOR.iter().enumerate() {
        let point = RistrettoPoint::mul_base(&Scalar::from(i as u64));
        assert_eq!(EncodedPoint::from(&point), EncodedPoint(bytes32(expected)));
        assert_eq!(EncodedPoint(bytes32(expected)).decode().unwrap(), point);
    }
}

/// RFC 9496 appendix A.2: non-canonical, negative, non-square, negative xy, y = 0.
#[test]
fn invalid_encodings_of_rfc_9496_are_refused() {
    for invalid in [
        "00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "f3ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ed57ffd8c914fb201471d1c3d245ce3c746fcbe63a3679d51b6a516ebebe0e20",
        "c34c4e1826e5d403b78e246e88aa051c36ccf0aafebffe137d148a2bf9104562",
        "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371",
        "4eac077a713c57b4f4397629a4145982c661f48044dd3f96427d40b147d9742f",
        "3eb858e78f5a7254d8c9731174a94f76755fd3941c0ac93735c07ba14579630e",
        "a45fdc55c76448c049a1ab33f17023edfb2be3581e9c7aade8a6125215e04220",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ] {
        assert_eq!(EncodedPoint(bytes32(invalid)).decode(), Err(GroupError::Point), "{invalid}");
    }
}

/// RFC 9496 appendix A.3, the one-way map from 64 bytes.
#[test]
fn the_one_way_map_is_that_of_rfc_9496() {
    let input = "5d1be09e3d0c82fc538112490e35701979d99e06ca3e2b5b54bffe8b4dc772c1\
                 4d98b696a1bbfb5ca32c436cc61c16563790306c79eaca7705668b47dffe5bb6";
    let input: [u8; 64] = hex::decode(input).unwrap().try_into().unwrap();
    let expected = "3066f82a1a747d45120d1740f14358531a8f04bbffe6a819f86dfe50f44a0a46";
    assert_eq!(EncodedPoint::from(&RistrettoPoint::from_uniform_bytes(&input)), EncodedPoint(bytes32(expected)));
}

/// merlin's own test vector ("equivalence_simple").
#[test]
fn merlin_gives_its_known_answer() {
    let mut transcript = Transcript::new(b"test protocol");
    transcript.append_message(b"some label", b"some data");
    let mut challenge = [0; 32];
    transcript.challenge_bytes(b"challenge", &mut challenge);
    assert_eq!(hex::encode(challenge), "d5a21972d0d5fe320c0d263fac7fffb8145aa640af6e9bca177c03c7efcf0615");
}

/// RFC 8032 section 7.1, test 2.
#[test]
fn ed25519_gives_the_answer_of_rfc_8032() {
    let seed = bytes32("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
    let key = VerificationKey(bytes32("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"));
    let expected = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
                    085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";
    let signature = Signature(hex::decode(expected).unwrap().try_into().unwrap());
    let secret = SigningSecret::from_seed(&seed);
    assert_eq!(secret.verification_key(), key);
    assert_eq!(secret.sign_bytes(&[0x72]), signature);
    assert!(key.verify_bytes(&[0x72], &signature).is_ok());
    assert!(key.verify_bytes(&[0x73], &signature).is_err());
    // Small-order keys verify anything in lax implementations.
    let small_order = VerificationKey(bytes32("0100000000000000000000000000000000000000000000000000000000000000"));
    let mut trivial = [0; 64];
    trivial[0] = 1;
    assert!(small_order.verify_bytes(b"anything", &Signature(trivial)).is_err());
}

/// RFC 8785 section 3.2.2 and 3.2.3, as far as the profile goes.
#[test]
fn canonical_json_sorts_members_and_uses_the_shortest_escapes() {
    let value: serde_json::Value = serde_json::from_str(
        r#" { "b": [true, false], "a": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/", "a1": 5 } "#,
    )
    .unwrap();
    let text = String::from_utf8(canonical::to_bytes(&value).unwrap()).unwrap();
    assert_eq!(text, "{\"a\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\",\"a1\":5,\"b\":[true,false]}");
    for outside in ["null", "1.5", "-1", "9007199254740992", "{\"ä\":1}", "1e400"] {
        let value = serde_json::from_str::<serde_json::Value>(outside);
        assert!(value.is_err() || canonical::to_bytes(&value.unwrap()).is_err(), "{outside}");
    }
}

#[test]
fn deeply_nested_json_is_an_error_not_a_crash() {
    let deep = format!("{{\"type\":{}1{}}}", "[".repeat(30_000), "]".repeat(30_000));
    assert!(veritally_crypto::leaves::Leaf::parse(deep.as_bytes()).is_err());
    assert!(veritally_crypto::leaves::Leaf::parse(b"").is_err());
    assert!(veritally_crypto::leaves::Leaf::parse(&[0xff; 100]).is_err());
    assert!(veritally_crypto::leaves::Leaf::parse(&vec![b' '; 70_000]).is_err());
}
