//! The practice election: every contest type, one voter, no network, nothing that counts.
//!
//! It runs through the same code as a real one — log, signed heads, proofs, receipts —; only the board lives in this
//! process and everybody's keys are made on the spot and forgotten with it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use veritally_board_api::answers::{Service, Status};
use veritally_board_api::client::Bundle;
use veritally_board_api::{ClientError, Link, Problem, ProblemKind, Submitted};
use veritally_crypto::ballot::EncryptedBallot;
use veritally_crypto::contests::{Borda, Choice, Condorcet, FirstPlace, Quadratic, Rule, Score};
use veritally_crypto::credential::CredentialCode;
use veritally_crypto::hash::Hash;
use veritally_crypto::id::{Id, LeafIndex};
use veritally_crypto::log::merkle::{Frontier, InclusionProof, leaf_hash};
use veritally_crypto::log::receipt::Receipt;
use veritally_crypto::log::tiles::{TilePath, bundles_of, encode_entries};
use veritally_crypto::log::{Checkpoint, SignedCheckpoint};
use veritally_crypto::manifest::{BallotStyle, Contest, Manifest, Selection, Texts};
use veritally_crypto::record::Rejection;
use veritally_crypto::sample::{SampleElection, SampleError, id};

/// Under which the practice election is filed; nothing is asked there.
const LINK: &str = "veritally://localhost/practice";

/// A board in this process.
#[derive(Debug)]
pub struct PracticeBoard {
    election: Mutex<SampleElection>,
    manifest: Bytes,
    origin: String,
}

impl PracticeBoard {
    /// A fresh election with one voter, open.
    ///
    /// # Errors
    /// None that the election itself causes.
    pub fn new() -> Result<Self, SampleError> {
        let rng = &mut rand::rng();
        let mut election = SampleElection::start((2, 3), describe, rng)?;
        election.ceremony(rng)?;
        election.roll(&[("all", "all", 1)], rng)?;
        election.open()?;
        let manifest = Bytes::from(election.entries.first().cloned().unwrap_or_default());
        let origin = election.state.manifest().log.origin.clone();
        Ok(Self { election: Mutex::new(election), manifest, origin })
    }

    /// The code to vote with: practising is no secret.
    #[must_use]
    pub fn code(&self) -> Option<CredentialCode> {
        self.lock().voters.first().map(|voter| voter.code.clone())
    }

    /// Under which the practice election is filed.
    ///
    /// # Errors
    /// None: the link is a constant.
    pub fn link(&self) -> Result<Link, veritally_board_api::link::LinkError> {
        Link::parse(LINK)
    }

    fn lock(&self) -> MutexGuard<'_, SampleElection> {
        self.election.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn manifest_bytes(&self) -> Bytes {
        self.manifest.clone()
    }

    pub(crate) fn checkpoint(&self) -> Result<String, ClientError> {
        sign(&self.lock(), &self.origin).map(|checkpoint| checkpoint.to_string())
    }

    pub(crate) fn status(&self) -> Status {
        let election = self.lock();
        let schedule = election.state.manifest().schedule;
        Status {
            // A practice election that can't sign has no checkpoint to show either.
            checkpoint: sign(&election, &self.origin).map(|signed| signed.to_string()).unwrap_or_default(),
            closes_at_ms: election.state.closes_at_ms(),
            counts: election.state.counts(),
            election: election.state.manifest().election.clone(),
            fingerprint: election.fingerprint(),
            head: election.state.head(),
            opens_at_ms: schedule.opens_at_ms,
            phase: election.state.phase(),
            service: Service::Serving,
            // The practice election's clock stands still.
            time_ms: 0,
        }
    }

    pub(crate) fn bundles(&self, from: LeafIndex, tree_size: u64) -> Vec<Result<Bundle, ClientError>> {
        let election = self.lock();
        let bundle = |tile: TilePath| {
            let range = usize::try_from(tile.range().start).ok().zip(usize::try_from(tile.range().end).ok());
            let entries = range.and_then(|(start, end)| election.entries.get(start..end));
            let entries = entries.ok_or_else(|| failed("no such entries"))?;
            let bytes = encode_entries(entries.iter().map(Vec::as_slice)).map_err(failed)?;
            Bundle::parse(tile, from, bytes.into()).map_err(failed)
        };
        bundles_of(from, tree_size).map(bundle).collect()
    }

    /// The stored hashes of the log when it had this size.
    pub(crate) fn stored_hashes(&self, tree_size: u64) -> Vec<Hash> {
        let size = usize::try_from(tree_size).unwrap_or(usize::MAX);
        tree(self.lock().entries.iter().take(size)).1
    }

    pub(crate) async fn submit_ballot(&self, bytes: Vec<u8>) -> Result<Submitted, ClientError> {
        self.submit(bytes, |election, bytes| {
            let ballot = EncryptedBallot::parse(bytes).map_err(Rejection::from)?;
            election.submit(ballot, &mut rand::rng())
        })
    }

    pub(crate) async fn submit_entry(&self, bytes: Vec<u8>) -> Result<Submitted, ClientError> {
        self.submit(bytes, |election, bytes| election.append(bytes.to_vec()))
    }

    fn submit(
        &self,
        bytes: Vec<u8>,
        append: impl FnOnce(&mut SampleElection, &[u8]) -> Result<(), Rejection>,
    ) -> Result<Submitted, ClientError> {
        let mut election = self.lock();
        let known = election.entries.iter().position(|entry| *entry == bytes);
        if known.is_none() {
            append(&mut election, &bytes).map_err(|rejection| {
                let problem = Problem::new(ProblemKind::Rejected, rejection.to_string());
                ClientError::Refused(Box::new(problem.with_code(rejection.code())))
            })?;
        }
        let index = known.unwrap_or_else(|| election.entries.len().saturating_sub(1)) as u64;
        let (frontier, stored) = tree(&election.entries);
        let proof = InclusionProof::prove(index, frontier.size(), &stored).map_err(failed)?;
        let receipt = Receipt::new(index, proof, &sign(&election, &self.origin)?);
        Ok(Submitted::Receipt { text: receipt.to_string(), new: known.is_none() })
    }
}

/// The stored hashes and the frontier of the log. It has some 30 entries.
fn tree<'a>(entries: impl IntoIterator<Item = &'a Vec<u8>>) -> (Frontier, Vec<Hash>) {
    let (mut frontier, mut stored) = (Frontier::new(), vec![]);
    for entry in entries {
        frontier.push_with(leaf_hash(entry), |hash| stored.push(hash));
    }
    (frontier, stored)
}

fn sign(election: &SampleElection, origin: &str) -> Result<SignedCheckpoint, ClientError> {
    let checkpoint = Checkpoint::new(origin, &tree(&election.entries).0.head());
    SignedCheckpoint::sign(checkpoint, &election.log_key).map_err(failed)
}

fn failed(reason: impl ToString) -> ClientError {
    ClientError::Setup(format!("the practice election failed: {}", reason.to_string()))
}

/// In the four languages of the app: English, German, French, Spanish.
fn texts([en, de, fr, es]: [&str; 4]) -> Texts {
    [("en", en), ("de", de), ("fr", fr), ("es", es)].map(|(language, text)| (language.into(), text.into())).into()
}

/// Ids are literals that are well-formed; a contest whose id is not would be left out.
fn contest(name: &str, title: [&str; 4], rule: Rule, selections: &[(&str, [&str; 4])]) -> Option<Contest> {
    let selection = |(name, title): &(&str, [&str; 4])| Some(Selection { id: id(name).ok()?, name: texts(*title) });
    let selections = selections.iter().map(selection).collect::<Option<_>>()?;
    Some(Contest { id: id(name).ok()?, name: texts(title), random_order: false, rule, selections })
}

fn describe(manifest: &mut Manifest) {
    let meals = [
        ("soup", ["Soup", "Suppe", "Soupe", "Sopa"]),
        ("salad", ["Salad", "Salat", "Salade", "Ensalada"]),
        ("noodles", ["Noodles", "Nudeln", "Nouilles", "Fideos"]),
        ("curry", ["Curry", "Curry", "Curry", "Curry"]),
    ];
    let places = [
        ("lake", ["The lake", "Der See", "Le lac", "El lago"]),
        ("museum", ["The museum", "Das Museum", "Le musée", "El museo"]),
        ("forest", ["The forest", "Der Wald", "La forêt", "El bosque"]),
        ("cinema", ["The cinema", "Das Kino", "Le cinéma", "El cine"]),
    ];
    let plans = [
        ("benches", ["New benches", "Neue Bänke", "De nouveaux bancs", "Bancos nuevos"]),
        ("trees", ["More trees", "Mehr Bäume", "Plus d’arbres", "Más árboles"]),
        ("lamps", ["Better lamps", "Bessere Lampen", "De meilleurs éclairages", "Mejores farolas"]),
    ];
    let choice = Choice { blank: true, max: 1, min: 1, seats: 1, undervotes: false };
    let contests = [
        contest(
            "lunch",
            ["What is for lunch?", "Was gibt es zum Mittagessen?", "Que mange-t-on à midi ?", "¿Qué hay para comer?"],
            Rule::Choice(choice),
            &meals,
        ),
        contest(
            "trip",
            ["Rank the trips", "Ordne die Ausflüge", "Classez les excursions", "Ordena las excursiones"],
            Rule::Condorcet(Condorcet { seats: 1 }),
            &places,
        ),
        contest(
            "podium",
            ["Your three favourites", "Deine drei Liebsten", "Vos trois préférés", "Tus tres favoritos"],
            Rule::Borda(Borda { first_place: FirstPlace::N, min: 0, places: 3, seats: 1 }),
            &places,
        ),
        contest(
            "stars",
            ["Give 0 to 5 points", "Gib 0 bis 5 Punkte", "Donnez de 0 à 5 points", "Da de 0 a 5 puntos"],
            Rule::Score(Score { limit: 0, max: 5, seats: 1 }),
            &meals,
        ),
        contest(
            "credits",
            ["Spend 16 credits", "Gib 16 Punkte aus", "Dépensez 16 crédits", "Gasta 16 créditos"],
            Rule::Quadratic(Quadratic { credits: 16, seats: 1 }),
            &plans,
        ),
    ];
    manifest.contests = contests.into_iter().flatten().collect();
    let all: Vec<Id> = manifest.contests.iter().map(|contest| contest.id.clone()).collect();
    if let Some(style) = manifest.ballot_styles.first_mut() {
        *style = BallotStyle { contests: all, ..style.clone() };
    }
    manifest.casts_per_credential = 100;
    manifest.languages = ["en", "de", "fr", "es"].map(String::from).into();
    manifest.name = texts(["Practice election", "Übungswahl", "Élection d’essai", "Elección de práctica"]);
    manifest.description = texts([
        "Nothing counts here. Try everything.",
        "Hier zählt nichts. Probiere alles aus.",
        "Ici, rien ne compte. Essayez tout.",
        "Aquí nada cuenta. Prueba todo.",
    ]);
    if let Ok(practice) = id("practice") {
        manifest.election = practice;
    }
    manifest.log.origin = "practice.invalid/practice".into();
    for texts in
        manifest.ballot_styles.iter_mut().map(|s| &mut s.name).chain(manifest.groups.iter_mut().map(|g| &mut g.name))
    {
        *texts = self::texts(["All", "Alle", "Tous", "Todos"]);
    }
}
