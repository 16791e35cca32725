//! Trustees who make the keys together as they should not: all polynomials of a trustee are the same one, so that all
//! election keys are equal. Written from specs/protocol.md section 5; every proof holds.

use rand::CryptoRng;
use veritally_crypto::canonical;
use veritally_crypto::group::{EncodedPoint, RistrettoPoint, Scalar, random_scalar};
use veritally_crypto::hash::{Hash, Hasher};
use veritally_crypto::knowledge::KnowledgeProof;
use veritally_crypto::leaves::{Commit, CommitTag, Reveal, RevealTag};
use veritally_crypto::sample::{SampleElection, SampleError};
use veritally_crypto::signature::sign;
use veritally_crypto::transcript::{Transcript, TranscriptProtocol as _};

/// The only attempt.
const ATTEMPT: u64 = 1;

/// The signed commit and reveal entries of all trustees, for an election whose log has nothing but its manifest.
///
/// # Errors
/// None that the sample itself causes.
pub fn equal_keys(election: &SampleElection, rng: &mut impl CryptoRng) -> Result<Vec<Vec<u8>>, SampleError> {
    let fingerprint = election.fingerprint();
    let manifest = election.state.manifest();
    let (rows, quorum) = (manifest.row_count() as u64, manifest.quorum);
    let mut dealt = vec![];
    for trustee in &election.trustees {
        let one: Vec<Scalar> = (0..quorum).map(|_| random_scalar(rng)).collect();
        let points: Vec<_> = one.iter().map(|a| EncodedPoint::from(&RistrettoPoint::mul_base(a))).collect();
        let commitments: Vec<_> = (0..rows).flat_map(|_| points.clone()).collect();
        let hash = Hasher::new("coefficients").hash(&fingerprint).u64(ATTEMPT).u64(trustee.id.0);
        let hash = hash.u64(rows).u64(quorum).points(&commitments).finish();
        dealt.push((trustee, one, commitments, hash));
    }
    let commits =
        dealt.iter().fold(Hasher::new("commits").hash(&fingerprint).u64(ATTEMPT), |h, d| h.hash(&d.3)).finish();
    let mut entries = vec![];
    for (trustee, _, _, hash) in &dealt {
        let commit = Commit { attempt: ATTEMPT, hash: *hash, signature: None, trustee: trustee.id, tag: CommitTag };
        entries.push(canonical::to_bytes(&sign(commit, &fingerprint, &trustee.identity)?)?);
    }
    for (trustee, one, commitments, _) in dealt {
        let constant = one.first().ok_or("a quorum of 0")?;
        let proof = prove(&fingerprint, trustee.id.0, &commits, &commitments, constant, rows, rng);
        let reveal = Reveal {
            attempt: ATTEMPT,
            commitments,
            commits,
            proof,
            signature: None,
            trustee: trustee.id,
            tag: RevealTag,
        };
        entries.push(canonical::to_bytes(&sign(reveal, &fingerprint, &trustee.identity)?)?);
    }
    Ok(entries)
}

/// V = v·G, z = v + Σ_{r=1…R} e^r·a, the constant term being the same in all rows.
fn prove(
    fingerprint: &Hash,
    trustee: u64,
    commits: &Hash,
    commitments: &[EncodedPoint],
    constant: &Scalar,
    rows: u64,
    rng: &mut impl CryptoRng,
) -> KnowledgeProof {
    let mut transcript = Transcript::protocol("constant-terms");
    transcript.append_hash(b"fingerprint", fingerprint);
    transcript.append_integer(b"attempt", ATTEMPT);
    transcript.append_integer(b"trustee", trustee);
    transcript.append_hash(b"commits", commits);
    transcript.append_points(b"commitments", commitments);
    let v = random_scalar(rng);
    let announcement = EncodedPoint::from(&RistrettoPoint::mul_base(&v));
    transcript.append_point(b"v", &announcement);
    let e = transcript.challenge_scalar(b"e");
    let sum: Scalar = (0..rows).fold(Scalar::ZERO, |sum, _| (sum + constant) * e);
    KnowledgeProof { v: announcement, z: (&(v + sum)).into() }
}
