//! A whole election in memory, with everybody's keys: for examples, tests and generators (feature `sample`).
//!
//! Each step makes the entries that the real programs make and puts them through [`RecordState`]; a test that wants to
//! cheat makes an entry of its own, with the real keys, and hands it to [`SampleElection::append`].

use rand::CryptoRng;

use crate::ballot::EncryptedBallot;
use crate::ceremony::{Dealer, prove_possession};
use crate::contests::{Answer, Answers, Choice, ChoiceAnswer, Rule};
use crate::credential::{Credential, CredentialCode};
use crate::group::{EncodedPoint, SecretScalar};
use crate::hash::Hash;
use crate::id::{Id, IdError, TrusteeId};
use crate::leaves::{
    Agreement, AgreementTag, Closing, ClosingTag, DecryptionShare, DecryptionShareTag, ElectionResult, Head, Leaf,
    Opening, OpeningTag, ResultTag, Roll, RollEntry, RollPart, RollPartTag, RollTag, split,
};
use crate::manifest::{
    Administrator, BallotStyle, Contest, Group, LogIdentity, Manifest, ManifestTag, NamedKey, Schedule, Selection,
    Texts, TrusteeKeys,
};
use crate::record::{RecordState, Rejection, roll_hash};
use crate::signature::{SignedEntry, SigningSecret, sign};
use crate::{canonical, decryption};

mod ceremony;
mod voters;

/// Anything that goes wrong in a sample election.
pub type SampleError = Box<dyn std::error::Error + Send + Sync>;

/// Voting in the sample opens at this time (2027-01-01) and closes a day later.
pub const OPENS_AT_MS: u64 = 1_798_761_600_000;

/// A trustee with its secrets.
#[derive(Debug)]
pub struct SampleTrustee {
    /// Its number.
    pub id: TrusteeId,
    /// Signs its entries.
    pub identity: SigningSecret,
    /// d_i.
    pub decryption_secret: SecretScalar,
    /// Of its polynomials.
    pub seed: [u8; 32],
}

/// A voter with its code.
#[derive(Debug)]
pub struct SampleVoter {
    /// The letter's code.
    pub code: CredentialCode,
    /// The credential.
    pub credential: Credential,
    /// Ballot style, group, weight.
    pub entry: RollEntry,
}

/// An election in memory.
#[derive(Debug)]
pub struct SampleElection {
    /// Everybody's judge.
    pub state: RecordState,
    /// The log.
    pub entries: Vec<Vec<u8>>,
    /// The only administrator.
    pub administrator: SigningSecret,
    /// The registrar.
    pub registrar: SigningSecret,
    /// The log's key.
    pub log_key: SigningSecret,
    /// All trustees.
    pub trustees: Vec<SampleTrustee>,
    /// All voters.
    pub voters: Vec<SampleVoter>,
    /// The clock.
    pub time_ms: u64,
}

/// An id from a literal that is one.
///
/// # Errors
/// [`IdError`].
pub fn id(text: &str) -> Result<Id, IdError> {
    Id::new(text)
}

/// English text.
#[must_use]
pub fn english(text: &str) -> Texts {
    Texts::from([("en".into(), text.into())])
}

/// A choice contest whose selections have the ids `a`, `b`, `c`, …
///
/// # Errors
/// [`IdError`] for an ill-formed id.
pub fn choice_contest(contest: &str, selections: u8, rule: Choice) -> Result<Contest, IdError> {
    let selection = |i: u8| {
        let letter = char::from(b'a' + i % 26).to_string();
        Ok(Selection { name: english(&letter.to_uppercase()), id: Id::new(letter)? })
    };
    let selections = (0..selections).map(selection).collect::<Result<_, _>>()?;
    Ok(Contest { id: id(contest)?, name: english(contest), random_order: false, rule: Rule::Choice(rule), selections })
}

/// The answers that choose `selections` in one choice contest; none of them: blank.
///
/// # Errors
/// [`IdError`] for an ill-formed id.
pub fn choose(contest: &str, selections: &[&str], blank: bool) -> Result<Answers, IdError> {
    let selections = selections.iter().map(|s| id(s)).collect::<Result<_, _>>()?;
    Ok(Answers::from([(id(contest)?, Answer::Choice(ChoiceAnswer { blank, selections }))]))
}

impl SampleElection {
    /// Draws all keys and lets `edit` change the manifest before it is logged: one contest `chair`, 1 of 5, one style
    /// `all`, one group `all`, trustees `n` with quorum `k`, q = k, floor 1.
    ///
    /// # Errors
    /// When the manifest is refused.
    pub fn start(
        (k, n): (u64, u64),
        edit: impl FnOnce(&mut Manifest),
        rng: &mut impl CryptoRng,
    ) -> Result<Self, SampleError> {
        let trustees: Vec<_> = (1..=n)
            .map(|i| SampleTrustee {
                id: TrusteeId(i),
                identity: SigningSecret::generate(rng),
                decryption_secret: SecretScalar::random(rng),
                seed: {
                    let mut seed = [0; 32];
                    rng.fill_bytes(&mut seed);
                    seed
                },
            })
            .collect();
        let (administrator, registrar) = (SigningSecret::generate(rng), SigningSecret::generate(rng));
        let log_key = SigningSecret::generate(rng);
        let keys = |t: &SampleTrustee, rng: &mut _| TrusteeKeys {
            encryption_key: EncodedPoint::from(&t.decryption_secret.public_point()),
            identity_key: t.identity.verification_key(),
            name: t.id.to_string(),
            proof: prove_possession(&t.identity.verification_key(), &t.decryption_secret, rng),
        };
        let rule = Choice { blank: false, max: 1, min: 1, seats: 1, undervotes: false };
        let mut manifest = Manifest {
            administrators: vec![Administrator {
                held_by_board: false,
                key: administrator.verification_key(),
                name: "administrator".into(),
            }],
            agreement_quorum: k,
            ballot_styles: vec![BallotStyle { contests: vec![id("chair")?], id: id("all")?, name: english("All") }],
            casts_per_credential: 10,
            contests: vec![choice_contest("chair", 5, rule)?],
            description: english(""),
            dispute_window_ms: 0,
            election: id("sample")?,
            floor: 1,
            groups: vec![Group { id: id("all")?, name: english("All") }],
            languages: vec!["en".into()],
            log: LogIdentity { key: log_key.verification_key(), origin: "example.org/sample".into() },
            max_total_weight: 1 << 20,
            name: english("Sample election"),
            quorum: k,
            registrar: NamedKey { key: registrar.verification_key(), name: "registrar".into() },
            schedule: Schedule { closes_at_ms: OPENS_AT_MS + 86_400_000, opens_at_ms: OPENS_AT_MS },
            trustees: trustees.iter().map(|t| keys(t, rng)).collect(),
            tag: ManifestTag,
            weights_may_identify: false,
            witness_quorum: 0,
            witnesses: vec![],
        };
        edit(&mut manifest);
        let leaf = manifest.to_leaf()?;
        let state = RecordState::start(&leaf)?;
        let entries = vec![leaf];
        Ok(Self { state, entries, administrator, registrar, log_key, trustees, voters: vec![], time_ms: OPENS_AT_MS })
    }

    /// The sample with `voters` voters of weight 1, opened.
    ///
    /// # Errors
    /// None that the sample itself causes.
    pub fn open_with(voters: usize, rng: &mut impl CryptoRng) -> Result<Self, SampleError> {
        let mut election = Self::start((2, 3), |_| {}, rng)?;
        election.ceremony(rng)?;
        election.roll(&vec![("all", "all", 1); voters], rng)?;
        election.open()?;
        Ok(election)
    }

    /// SHA-256 of leaf 0.
    #[must_use]
    pub fn fingerprint(&self) -> Hash {
        self.state.fingerprint()
    }

    /// Appends an entry's bytes, whatever they are but a ballot.
    ///
    /// # Errors
    /// [`Rejection`].
    pub fn append(&mut self, bytes: Vec<u8>) -> Result<(), Rejection> {
        let leaf = Leaf::parse(&bytes)?;
        self.state.apply(&leaf, &bytes)?;
        self.entries.push(bytes);
        Ok(())
    }

    /// Signs and appends.
    ///
    /// # Errors
    /// [`Rejection`].
    pub fn append_signed<E: SignedEntry + Clone>(&mut self, entry: E, key: &SigningSecret) -> Result<(), Rejection> {
        let signed = sign(entry, &self.fingerprint(), key)?;
        self.append(canonical::to_bytes(&signed)?)
    }

    fn append_message<E: SignedEntry + Clone>(
        &mut self,
        message: E,
        type_name: &str,
        trustee: usize,
    ) -> Result<(), SampleError> {
        let fingerprint = self.fingerprint();
        let trustee = self.trustees.get(trustee).ok_or("no such trustee")?;
        let message = sign(message, &fingerprint, &trustee.identity)?;
        for part in split(&message, type_name, trustee.id, &fingerprint, &trustee.identity)? {
            self.append(part)?;
        }
        Ok(())
    }

    /// The private side of a trustee (from 0).
    ///
    /// # Errors
    /// When there is no such trustee.
    pub fn dealer(&self, trustee: usize) -> Result<Dealer, SampleError> {
        let t = self.trustees.get(trustee).ok_or("no such trustee")?;
        let parameters = self.state.ceremony().parameters().clone();
        Ok(Dealer::new(parameters, t.id, &t.seed, t.decryption_secret.clone())?)
    }

    /// Draws codes and logs the roll; a voter for each (style, group, weight).
    ///
    /// # Errors
    /// When the roll is refused.
    pub fn roll(&mut self, voters: &[(&str, &str, u64)], rng: &mut impl CryptoRng) -> Result<(), SampleError> {
        self.roll_with(voters, &[], rng)
    }

    /// As [`SampleElection::roll`]; on the roll are also `others`, whose credentials nobody looks at.
    ///
    /// # Errors
    /// When the roll is refused.
    pub fn roll_with(
        &mut self,
        voters: &[(&str, &str, u64)],
        others: &[RollEntry],
        rng: &mut impl CryptoRng,
    ) -> Result<(), SampleError> {
        let fingerprint = self.fingerprint();
        for (style, group, weight) in voters {
            let code = CredentialCode::random(rng);
            let credential = code.credential(&fingerprint);
            let entry =
                RollEntry { credential: credential.public().0, group: id(group)?, style: id(style)?, weight: *weight };
            self.voters.push(SampleVoter { code, credential, entry });
        }
        let mut entries: Vec<_> = self.voters.iter().map(|voter| &voter.entry).chain(others).cloned().collect();
        entries.sort_by_key(|entry| entry.credential);
        let registrar = SigningSecret::from_seed(&self.registrar.expose_seed());
        let mut hashes = vec![];
        for (chunk, part) in entries.chunks(400).zip(0..) {
            let part = RollPart { entries: chunk.to_vec(), part, signature: None, tag: RollPartTag };
            let part = sign(part, &fingerprint, &registrar)?;
            let bytes = canonical::to_bytes(&part)?;
            self.state.apply_roll_part_undecoded(&part, &bytes)?;
            hashes.push(Hash::of(&bytes));
            self.entries.push(bytes);
        }
        let roll = Roll {
            count: entries.len() as u64,
            hash: roll_hash(&fingerprint, &hashes),
            parts: hashes.len() as u64,
            signature: None,
            total_weight: entries.iter().map(|entry| entry.weight).sum(),
            tag: RollTag,
        };
        Ok(self.append_signed(roll, &registrar)?)
    }

    fn administrator_key(&self) -> SigningSecret {
        SigningSecret::from_seed(&self.administrator.expose_seed())
    }

    /// Opens voting.
    ///
    /// # Errors
    /// When the opening is refused.
    pub fn open(&mut self) -> Result<(), SampleError> {
        let opening = Opening {
            administrator: 1,
            ceremony: self.state.ceremony().hash().ok_or("no ceremony")?,
            roll: self.state.roll_hash().ok_or("no roll")?,
            signature: None,
            time_ms: self.time_ms,
            tag: OpeningTag,
        };
        Ok(self.append_signed(opening, &self.administrator_key())?)
    }

    /// Encrypts and proves a voter's (from 0) next ballot, without sending it.
    ///
    /// # Errors
    /// When the answers are refused.
    pub fn ballot(
        &self,
        voter: usize,
        answers: &Answers,
        rng: &mut impl CryptoRng,
    ) -> Result<EncryptedBallot, SampleError> {
        let voter = self.voters.get(voter).ok_or("no such voter")?;
        let key = voter.credential.public();
        let record = self.state.voter(key).ok_or("not on the roll")?;
        let context = self.state.ballot_context().ok_or("not open")?;
        let (counter, previous) = (record.counter + 1, record.last_hash);
        Ok(context.prepare(&voter.entry.style, answers, key, counter, previous, rng)?.cast(&voter.credential, rng)?)
    }

    /// Verifies and appends a ballot.
    ///
    /// # Errors
    /// [`Rejection`].
    pub fn submit(&mut self, ballot: EncryptedBallot, rng: &mut impl CryptoRng) -> Result<(), Rejection> {
        self.state.precheck(&ballot)?;
        let context = self.state.ballot_context().cloned();
        let context = context.ok_or(Rejection::Phase { entry: "ballot", phase: self.state.phase() })?;
        let superseded = self.state.superseded(&ballot).and_then(|i| usize::try_from(i).ok());
        let superseded = superseded.and_then(|i| self.entries.get(i)).map(Vec::as_slice);
        let bytes = ballot.bytes().to_vec();
        let verified = context.verify(ballot, rng)?;
        self.state.apply_ballot(&verified, superseded)?;
        self.entries.push(bytes);
        Ok(())
    }

    /// A voter votes.
    ///
    /// # Errors
    /// When answers or ballot are refused.
    pub fn cast(&mut self, voter: usize, answers: &Answers, rng: &mut impl CryptoRng) -> Result<(), SampleError> {
        let ballot = self.ballot(voter, answers, rng)?;
        Ok(self.submit(ballot, rng)?)
    }

    /// Logs a tally head if one is due.
    ///
    /// # Errors
    /// [`Rejection`].
    pub fn tally_head(&mut self) -> Result<(), Rejection> {
        if self.state.tally_head_due() {
            self.append(canonical::to_bytes(&self.state.tally_head(self.time_ms))?)?;
        }
        Ok(())
    }

    /// Ends voting.
    ///
    /// # Errors
    /// When the closing is refused.
    pub fn close(&mut self) -> Result<(), SampleError> {
        self.tally_head()?;
        self.time_ms = self.state.closes_at_ms();
        let closing = Closing { administrator: 1, signature: None, time_ms: self.time_ms, tag: ClosingTag };
        Ok(self.append_signed(closing, &self.administrator_key())?)
    }

    /// A trustee (from 0) agrees to a head.
    ///
    /// # Errors
    /// [`Rejection`].
    pub fn agree_to(&mut self, trustee: usize, head: Head) -> Result<(), SampleError> {
        let t = self.trustees.get(trustee).ok_or("no such trustee")?;
        let identity = SigningSecret::from_seed(&t.identity.expose_seed());
        let agreement = Agreement { head, signature: None, time_ms: self.time_ms, trustee: t.id, tag: AgreementTag };
        Ok(self.append_signed(agreement, &identity)?)
    }

    /// A trustee (from 0) agrees to the closing head.
    ///
    /// # Errors
    /// [`Rejection`].
    pub fn agree(&mut self, trustee: usize) -> Result<(), SampleError> {
        let head = self.state.closing_head().ok_or("not closed")?;
        self.agree_to(trustee, head)
    }

    /// A trustee's (from 0) decryption shares, unsigned.
    ///
    /// # Errors
    /// When the election is not closed.
    pub fn decryption_share(&self, trustee: usize, rng: &mut impl CryptoRng) -> Result<DecryptionShare, SampleError> {
        let shares = self.dealer(trustee)?.open_shares(self.state.ceremony())?;
        let mut contests = vec![];
        for cells in self.state.decryptable() {
            let made = self.state.with_decryption(cells, |what| decryption::decrypt_contest(what, &shares, rng));
            contests.push(made.ok_or("not closed")??);
        }
        let head = self.state.closing_head().ok_or("not closed")?;
        Ok(DecryptionShare { contests, head, signature: None, trustee: shares.trustee(), tag: DecryptionShareTag })
    }

    /// Signs a share with its trustee's (from 0) key and appends it.
    ///
    /// # Errors
    /// [`Rejection`].
    pub fn submit_share(&mut self, trustee: usize, share: DecryptionShare) -> Result<(), SampleError> {
        self.append_message(share, DecryptionShareTag::NAME, trustee)
    }

    /// A trustee (from 0) posts its decryption shares.
    ///
    /// # Errors
    /// [`Rejection`].
    pub fn share(&mut self, trustee: usize, rng: &mut impl CryptoRng) -> Result<(), SampleError> {
        let share = self.decryption_share(trustee, rng)?;
        self.submit_share(trustee, share)
    }

    /// The administrator publishes the counts.
    ///
    /// # Errors
    /// When nothing is decrypted.
    pub fn publish(&mut self) -> Result<(), SampleError> {
        let contests = self.state.decrypted().ok_or("not decrypted")?.to_vec();
        let result =
            ElectionResult { administrator: 1, contests, signature: None, time_ms: self.time_ms, tag: ResultTag };
        Ok(self.append_signed(result, &self.administrator_key())?)
    }

    /// Closes, lets the first `k` trustees agree and decrypt, publishes.
    ///
    /// # Errors
    /// When a step is refused.
    pub fn finish(&mut self, rng: &mut impl CryptoRng) -> Result<(), SampleError> {
        self.close()?;
        let manifest = self.state.manifest().clone();
        let (q, k) = (usize::try_from(manifest.agreement_quorum)?, usize::try_from(manifest.quorum)?);
        for trustee in 0..q {
            self.agree(trustee)?;
        }
        if self.state.decrypted().is_none() {
            for trustee in 0..k {
                self.share(trustee, rng)?;
            }
        }
        self.publish()
    }
}
