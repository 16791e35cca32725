//! What the fuzz targets run: a function for each, in `protocol`, `record` and `outside`, which says whether the decoder read
//! the input and panics when it should not have. They share one small election from its manifest to its result, always the
//! same. `benches/tests/fuzzed.rs` compiles these files too.

use std::sync::OnceLock;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use veritally_crypto::hash::Hash;
use veritally_crypto::leaves::{Extension, ExtensionTag, Leaf};
use veritally_crypto::log::{Checkpoint, InclusionProof, Receipt, SignedCheckpoint};
use veritally_crypto::manifest::{CheckedManifest, Manifest};
use veritally_crypto::sample::{SampleElection, choice_contest, choose, id};
use veritally_crypto::signature::{SignedEntry, SigningSecret, sign};
use veritally_crypto::{ballot::BallotOpening, canonical, contests::Choice};

mod outside;
mod protocol;
mod record;
mod seeds;

pub use outside::{EVIDENCE_FILES, ballot_file, bounce, code_list, evidence, link, marks, voter_list, witness_request};
pub use protocol::{
    ballot, canonical, checkpoint, credential_code, entry_bundle, leaf, manifest, note, opening, receipt, spoiled,
    tile_path,
};
pub use record::record;
pub use seeds::{Seed, seeds};

/// The sample's seed.
const SEED: u64 = 1;

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

/// A refusal has words for it.
fn says_why(error: &dyn std::error::Error) -> bool {
    assert!(!error.to_string().is_empty());
    false
}

/// The same sequence each time.
pub fn rng() -> StdRng {
    StdRng::seed_from_u64(SEED)
}

/// An election up to its opening: one trustee, a choice of one of two, two voters.
pub fn open_election(rng: &mut StdRng) -> SampleElection {
    let rule = Choice { blank: false, max: 1, min: 1, seats: 1, undervotes: false };
    let contest = choice_contest("chair", 2, rule).expect("the ids are well-formed");
    let mut election =
        SampleElection::start((1, 1), |m| m.contests = vec![contest], rng).expect("the manifest is right");
    election.ceremony(rng).expect("the trustee is honest");
    election.roll(&[("all", "all", 1), ("all", "all", 2)], rng).expect("the roll is right");
    election.open().expect("all is there");
    election
}

/// The whole election: a credential re-issued, a test published, voting extended, both voters having voted, one of them
/// twice.
pub fn election() -> &'static SampleElection {
    static ELECTION: OnceLock<SampleElection> = OnceLock::new();
    ELECTION.get_or_init(|| {
        let rng = &mut rng();
        let mut election = open_election(rng);
        let answers = |choice| choose("chair", &[choice], false).expect("the ids are well-formed");
        election.reissue(1, rng).expect("nobody has voted");
        election.publish_spoiled(0, &answers("a"), rng).expect("voting is open");
        let key = SigningSecret::from_seed(&election.administrator.expose_seed());
        let (time_ms, closes_at_ms) = (election.time_ms, election.state.closes_at_ms() + 1);
        let extension = Extension { administrator: 1, closes_at_ms, signature: None, time_ms, tag: ExtensionTag };
        election.append_signed(extension, &key).expect("it is later");
        for (voter, choice) in [(0, "a"), (1, "b"), (0, "b")] {
            let answers = answers(choice);
            election.cast(voter, &answers, rng).expect("the ballot is right");
        }
        election.finish(rng).expect("all is there");
        election
    })
}

/// A spoiled ballot of the election.
pub fn the_opening() -> &'static BallotOpening {
    static OPENING: OnceLock<BallotOpening> = OnceLock::new();
    OPENING.get_or_init(|| {
        let (election, rng) = (election(), &mut rng());
        let context = election.state.ballot_context().expect("the election was opened");
        let answers = choose("chair", &["a"], false).expect("the ids are well-formed");
        let key = election.voters[0].credential.public();
        let style = id("all").expect("the id is well-formed");
        context.prepare(&style, &answers, key, 1, Hash::ZERO, rng).expect("the answers are right").spoil()
    })
}

/// The election's published spoiled ballot.
pub fn the_spoiled() -> &'static [u8] {
    let is_spoiled = |bytes: &&Vec<u8>| matches!(Leaf::parse(bytes), Ok(Leaf::SpoiledBallot(_)));
    election().entries.iter().find(is_spoiled).expect("one was published")
}

/// A manifest like the sample's with a contest of every type.
pub fn every_type() -> &'static CheckedManifest {
    static MANIFEST: OnceLock<CheckedManifest> = OnceLock::new();
    MANIFEST.get_or_init(|| {
        let sample: &CheckedManifest = election().state.manifest();
        let mut manifest: Manifest = (**sample).clone();
        let rules = [
            r#"{"blank":true,"max":2,"min":1,"seats":1,"type":"choice"}"#,
            r#"{"limit":4,"max":3,"seats":1,"type":"score"}"#,
            r#"{"credits":9,"seats":1,"type":"quadratic"}"#,
            r#"{"first_place":"n-1","min":0,"places":2,"seats":1,"type":"borda"}"#,
            r#"{"seats":1,"type":"condorcet"}"#,
        ];
        let first = manifest.contests.remove(0);
        for (i, rule) in rules.iter().enumerate() {
            let mut contest = first.clone();
            contest.id = id(&format!("contest-{i}")).expect("the id is well-formed");
            contest.rule = serde_json::from_str(rule).expect("the rule is well-formed");
            manifest.contests.push(contest);
        }
        manifest.ballot_styles[0].contests = manifest.contests.iter().map(|contest| contest.id.clone()).collect();
        CheckedManifest::from_leaf(&manifest.to_leaf().expect("it is small")).expect("the manifest is right")
    })
}

/// A checkpoint of a log with one entry, and a receipt for it.
pub fn checkpoint_and_receipt() -> &'static (SignedCheckpoint, Receipt) {
    static BOTH: OnceLock<(SignedCheckpoint, Receipt)> = OnceLock::new();
    BOTH.get_or_init(|| {
        let election = election();
        let mut frontier = veritally_crypto::log::Frontier::new();
        frontier.push(veritally_crypto::log::leaf_hash(&election.entries[0]));
        let checkpoint = Checkpoint::new(origin(), &frontier.head());
        let signed = SignedCheckpoint::sign(checkpoint, &election.log_key).expect("the origin names a key");
        let receipt = Receipt::new(0, InclusionProof(vec![]), &signed);
        (signed, receipt)
    })
}

/// The log's origin.
pub fn origin() -> &'static str {
    &election().state.manifest().log.origin
}

/// The same entry signed by the official whose entry it is.
pub fn resigned(leaf: Leaf) -> Option<Vec<u8>> {
    let election = election();
    let (trustee, registrar, administrator) =
        (&election.trustees[0].identity, &election.registrar, &election.administrator);
    match leaf {
        Leaf::Commit(e) => signed(e, trustee),
        Leaf::Reveal(e) => signed(e, trustee),
        Leaf::Shares(e) => signed(e, trustee),
        Leaf::Confirm(e) => signed(e, trustee),
        Leaf::Rehearsal(e) => signed(e, trustee),
        Leaf::Complaint(e) => signed(e, trustee),
        Leaf::Restart(e) => signed(e, administrator),
        Leaf::Part(e) => signed(e, trustee),
        Leaf::Agreement(e) => signed(e, trustee),
        Leaf::DecryptionShare(e) => signed(e, trustee),
        Leaf::RollPart(e) => signed(e, registrar),
        Leaf::Roll(e) => signed(e, registrar),
        Leaf::Reissue(e) => signed(e, registrar),
        Leaf::Opening(e) => signed(e, administrator),
        Leaf::Extension(e) => signed(e, administrator),
        Leaf::Closing(e) => signed(e, administrator),
        Leaf::Result(e) => signed(e, administrator),
        Leaf::Abandonment(e) => signed(e, administrator),
        Leaf::Manifest(_) | Leaf::Ballot(_) | Leaf::SpoiledBallot(_) | Leaf::TallyHead(_) => None,
    }
}

fn signed<E: SignedEntry + Clone>(entry: E, key: &SigningSecret) -> Option<Vec<u8>> {
    canonical::to_bytes(&sign(entry, &election().fingerprint(), key).ok()?).ok()
}
