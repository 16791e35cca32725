//! Trustees that cheat with their polynomials: refused in the reveal phase, or by who receives the shares.

use super::refused;
use crate::ceremony::messages::{ConstantTerms, coefficients_hash, transcript};
use crate::ceremony::tests::fixture::{
    Fixture, QUORUM, ROWS, TRUSTEES, dealer, decryption_secret, message_hash, parameters, rng,
};
use crate::ceremony::{Ceremony, CeremonyError, CeremonyPhase, Dealer};
use crate::group::{EncodedPoint, GroupError, RistrettoPoint, Scalar, random_scalar};
use crate::hash::Hash;
use crate::id::TrusteeId;
use crate::knowledge::KnowledgeProof;
use crate::leaves::{Commit, CommitTag, Reveal, RevealTag};
use crate::transcript::TranscriptProtocol as _;

const CHEAT: TrusteeId = TrusteeId(3);
const TERMS: usize = ROWS * QUORUM as usize;

/// Trustees 1 and 2 have revealed; trustee 3 committed to `commitments`, which gives what it has to prove.
fn revealing(commitments: &[EncodedPoint]) -> Fixture {
    let mut fixture = Fixture::at("election", CeremonyPhase::Commit);
    fixture.post(TrusteeId(1));
    fixture.post(TrusteeId(2));
    let hash = coefficients_hash(fixture.ceremony.parameters(), CHEAT, commitments);
    let commit = Commit { attempt: 1, hash, signature: None, trustee: CHEAT, tag: CommitTag };
    fixture.ceremony.apply_commit(&commit, message_hash(&commit)).unwrap();
    fixture.post(TrusteeId(1));
    fixture.post(TrusteeId(2));
    fixture
}

fn reveal(commitments: Vec<EncodedPoint>, commits: Hash, proof: KnowledgeProof) -> Reveal {
    Reveal { attempt: 1, commitments, commits, proof, signature: None, trustee: CHEAT, tag: RevealTag }
}

fn commitments_to(coefficients: &[Scalar]) -> Vec<EncodedPoint> {
    coefficients.iter().map(|a| EncodedPoint::from(&RistrettoPoint::mul_base(a))).collect()
}

/// Tries to reveal what the coefficients commit to, with an honest proof.
fn honest_proof_for(coefficients: &[Scalar]) -> Result<(), CeremonyError> {
    let commitments = commitments_to(coefficients);
    let mut fixture = revealing(&commitments);
    let commits = fixture.ceremony.commits().unwrap();
    let parameters = fixture.ceremony.parameters();
    let statement = ConstantTerms { parameters, trustee: CHEAT, commits: &commits, commitments: &commitments };
    let proof = statement.prove(coefficients, &mut rng(3));
    let reveal = reveal(commitments, commits, proof);
    let before = format!("{:?}", fixture.ceremony);
    let result = fixture.ceremony.apply_reveal(&reveal, message_hash(&reveal));
    assert_eq!(result.is_err(), before == format!("{:?}", fixture.ceremony));
    result
}

fn random_coefficients(count: usize) -> Vec<Scalar> {
    let rng = &mut rng(33);
    (0..count).map(|_| random_scalar(rng)).collect()
}

#[test]
fn an_honest_reveal_is_admitted() {
    assert_eq!(honest_proof_for(&random_coefficients(TERMS)), Ok(()));
}

#[test]
fn a_trustee_that_reveals_other_commitments_is_refused() {
    let mut fixture = Fixture::at("election", CeremonyPhase::Reveal);
    // Even with a valid proof for them: the last to reveal must not choose.
    let commitments = commitments_to(&random_coefficients(TERMS));
    let commits = fixture.ceremony.commits().unwrap();
    let parameters = fixture.ceremony.parameters();
    let statement = ConstantTerms { parameters, trustee: CHEAT, commits: &commits, commitments: &commitments };
    let proof = statement.prove(&random_coefficients(TERMS), &mut rng(3));
    let reveal = reveal(commitments, commits, proof);
    let error = refused(&mut fixture.ceremony, |c| c.apply_reveal(&reveal, Hash::ZERO));
    assert_eq!(error, CeremonyError::CommitmentsHash { trustee: CHEAT });
}

#[test]
fn too_many_or_too_few_coefficients_are_refused() {
    for found in [TERMS + 1, TERMS + ROWS, TERMS - 1, TERMS - ROWS, 0] {
        let error = honest_proof_for(&random_coefficients(found)).unwrap_err();
        assert_eq!(error, CeremonyError::CommitmentCount { trustee: CHEAT, found, expected: TERMS });
    }
}

#[test]
fn a_reveal_for_other_commits_is_refused() {
    let mut fixture = Fixture::at("election", CeremonyPhase::Reveal);
    let mut reveal = fixture.dealer(3).reveal(&fixture.ceremony, &mut rng(3)).unwrap();
    reveal.commits = Hash::of(b"another log");
    let error = refused(&mut fixture.ceremony, |c| c.apply_reveal(&reveal, Hash::ZERO));
    assert_eq!(error, CeremonyError::CommitsHash { trustee: CHEAT });
}

#[test]
fn a_commitment_that_is_no_point_is_refused() {
    let mut commitments = commitments_to(&random_coefficients(TERMS));
    commitments[5] = EncodedPoint([0xff; 32]);
    let mut fixture = revealing(&commitments);
    let proof = Fixture::at("election", CeremonyPhase::Reveal);
    let proof = proof.dealer(3).reveal(&proof.ceremony, &mut rng(3)).unwrap().proof;
    let reveal = reveal(commitments, fixture.ceremony.commits().unwrap(), proof);
    let error = refused(&mut fixture.ceremony, |c| c.apply_reveal(&reveal, Hash::ZERO));
    assert_eq!(error, CeremonyError::Encoding { trustee: CHEAT, source: GroupError::Point });
}

#[test]
fn a_rogue_key_with_a_proof_of_the_plain_sum_is_refused() {
    // Suppose that trustee 3 had seen the others' commitments. In row 1 it cancels their keys and puts in its own; in
    // row 2 it takes the same away again, so that it knows the sum of its constant terms, though none of the two.
    let others = Fixture::at("election", CeremonyPhase::Shares);
    let key_1: RistrettoPoint =
        [1, 2].map(|l| others.ceremony.commitments_of(TrusteeId(l)).unwrap()[0]).into_iter().sum();
    let mut coefficients = random_coefficients(TERMS);
    let k = QUORUM as usize;
    let mut commitments = commitments_to(&coefficients);
    let shifted = |a: &Scalar, by: RistrettoPoint| EncodedPoint::from(&(RistrettoPoint::mul_base(a) + by));
    commitments[0] = shifted(&coefficients[0], -key_1);
    commitments[k] = shifted(&coefficients[k], key_1);

    let mut fixture = revealing(&commitments);
    let commits = fixture.ceremony.commits().unwrap();
    let parameters = fixture.ceremony.parameters();
    let mut transcript = transcript("constant-terms", parameters);
    transcript.append_integer(b"trustee", CHEAT.0);
    transcript.append_hash(b"commits", &commits);
    transcript.append_points(b"commitments", &commitments);
    let v = random_scalar(&mut rng(4));
    let announcement = EncodedPoint::from(&RistrettoPoint::mul_base(&v));
    transcript.append_point(b"v", &announcement);
    let e = transcript.challenge_scalar(b"e");
    let sum: Scalar = coefficients.iter().step_by(k).sum();
    let plain = KnowledgeProof { v: announcement, z: (&(v + e * sum)).into() };
    let plain_reveal = reveal(commitments.clone(), commits, plain);
    let error = refused(&mut fixture.ceremony, |c| c.apply_reveal(&plain_reveal, Hash::ZERO));
    assert_eq!(error, CeremonyError::ConstantTermsProof { trustee: CHEAT });

    // Nor does the proof proper work with what it knows.
    let statement = ConstantTerms {
        parameters: fixture.ceremony.parameters(),
        trustee: CHEAT,
        commits: &commits,
        commitments: &commitments,
    };
    coefficients[0] += Scalar::ONE;
    let proof = statement.prove(&coefficients, &mut rng(5));
    let reveal = reveal(commitments, commits, proof);
    let error = refused(&mut fixture.ceremony, |c| c.apply_reveal(&reveal, Hash::ZERO));
    assert_eq!(error, CeremonyError::ConstantTermsProof { trustee: CHEAT });
}

#[test]
fn a_proof_of_constant_terms_does_not_serve_another_trustee() {
    // Trustee 3 copies commitments and proof of trustee 1.
    let honest = Fixture::at("election", CeremonyPhase::Reveal);
    let copied = honest.dealer(1).reveal(&honest.ceremony, &mut rng(1)).unwrap();
    let mut fixture = revealing(&copied.commitments);
    let commits = fixture.ceremony.commits().unwrap();
    let original = fixture.dealer(1);
    let statement = ConstantTerms {
        parameters: fixture.ceremony.parameters(),
        trustee: TrusteeId(1),
        commits: &commits,
        commitments: &copied.commitments,
    };
    let proof = statement.prove(original.coefficients(), &mut rng(1));
    let reveal = reveal(copied.commitments.clone(), commits, proof);
    let error = refused(&mut fixture.ceremony, |c| c.apply_reveal(&reveal, Hash::ZERO));
    assert_eq!(error, CeremonyError::ConstantTermsProof { trustee: CHEAT });
}

/// A ceremony in which all trustees together arranged their coefficients, up to the last reveal.
fn conspiracy(arrange: impl Fn(u64, &mut [Scalar])) -> CeremonyError {
    let parameters = parameters("election", 1);
    let conspirator = |i| {
        let mut coefficients = dealer(&parameters, i).coefficients().to_vec();
        arrange(i, &mut coefficients);
        Dealer::from_coefficients(parameters.clone(), TrusteeId(i), coefficients.into(), decryption_secret(i))
    };
    let dealers = (1..=TRUSTEES).map(conspirator).collect();
    let mut fixture = Fixture::with(Ceremony::new(parameters.clone()), dealers, CeremonyPhase::Reveal);
    fixture.post(TrusteeId(1));
    fixture.post(TrusteeId(2));
    let reveal = fixture.dealer(3).reveal(&fixture.ceremony, &mut rng(3)).unwrap();
    refused(&mut fixture.ceremony, |c| c.apply_reveal(&reveal, message_hash(&reveal)))
}

#[test]
fn equal_election_keys_are_refused() {
    let error = conspiracy(|_, coefficients| coefficients[3 * QUORUM as usize] = coefficients[QUORUM as usize]);
    assert_eq!(error, CeremonyError::Keys);
}

#[test]
fn the_identity_is_no_election_key() {
    let error = conspiracy(|i, coefficients| {
        coefficients[0] = if i == 3 { -Scalar::from(3u8) } else { Scalar::from(i) };
    });
    assert_eq!(error, CeremonyError::Keys);
}

/// Trustee 3 deals to trustee 2 what `spoil` makes of its coefficients, and honestly to trustee 1.
fn wrong_shares_to_trustee_2(spoil: impl Fn(&mut [Scalar])) -> Fixture {
    let mut fixture = Fixture::at("election", CeremonyPhase::Shares);
    let mut coefficients = fixture.dealer(3).coefficients().to_vec();
    spoil(&mut coefficients);
    let parameters = fixture.ceremony.parameters().clone();
    let liar = Dealer::from_coefficients(parameters, CHEAT, coefficients.into(), decryption_secret(3));
    let mut shares = fixture.dealer(3).shares(&fixture.ceremony, &mut rng(3)).unwrap();
    shares.packages[1] = liar.package(TrusteeId(2), &mut rng(3)).unwrap();
    fixture.post(TrusteeId(1));
    fixture.post(TrusteeId(2));
    fixture.ceremony.apply_shares(&shares, message_hash(&shares)).unwrap();
    fixture
}

#[test]
fn a_wrong_share_is_noticed_by_its_recipient_who_names_the_dealer() {
    for row in 0..ROWS {
        let fixture = wrong_shares_to_trustee_2(|a| a[row * QUORUM as usize] += Scalar::ONE);
        let error = fixture.dealer(2).open_shares(&fixture.ceremony).unwrap_err();
        assert_eq!(error, CeremonyError::WrongShare { dealer: CHEAT, recipient: TrusteeId(2) });
        assert!(fixture.dealer(1).open_shares(&fixture.ceremony).is_ok());
        assert!(fixture.dealer(3).open_shares(&fixture.ceremony).is_ok());
    }
}

#[test]
fn wrong_shares_that_cancel_in_the_sum_are_noticed() {
    let fixture = wrong_shares_to_trustee_2(|a| {
        a[0] += Scalar::ONE;
        a[QUORUM as usize] -= Scalar::ONE;
    });
    let error = fixture.dealer(2).open_shares(&fixture.ceremony).unwrap_err();
    assert_eq!(error, CeremonyError::WrongShare { dealer: CHEAT, recipient: TrusteeId(2) });
}
