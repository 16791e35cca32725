//! A contest of every type, in the sizes that are measured, and the floor that a check of its ballots is compared with.

use rand::CryptoRng;
use veritally_crypto::ballot::EncryptedBallot;
use veritally_crypto::contests::{
    Answer, Answers, Borda, BordaAnswer, Choice, ChoiceAnswer, Condorcet, CondorcetAnswer, FirstPlace, Quadratic,
    QuadraticAnswer, Rule, Score, ScoreAnswer,
};
use veritally_crypto::group::{
    EncodedPoint, GroupError, RistrettoPoint, Scalar, random_scalar, vartime_multiscalar_mul,
};
use veritally_crypto::id::{Id, IdError};
use veritally_crypto::manifest::Selection;
use veritally_crypto::sample::{SampleElection, SampleError, english, id};

/// An election with one contest, and what its voters fill in.
pub struct Case {
    /// Its type, for tables.
    pub name: &'static str,
    /// Options.
    pub options: usize,
    rule: Rule,
    selections: Vec<Selection>,
    answers: Answers,
}

impl Case {
    fn new(
        name: &'static str,
        options: usize,
        rule: Rule,
        fill_in: impl Fn(Vec<Id>) -> Answer,
    ) -> Result<Self, IdError> {
        let ids = (1..=options).map(|i| id(&format!("s{i}"))).collect::<Result<Vec<_>, _>>()?;
        let selections = ids.iter().map(|id| Selection { id: id.clone(), name: english("x") }).collect();
        Ok(Self { name, options, rule, selections, answers: Answers::from([(id("chair")?, fill_in(ids))]) })
    }

    /// Its name and size, as benches are named.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}, n = {}", self.name, self.options)
    }

    /// Such an election, open, with so many voters.
    ///
    /// # Errors
    /// None that the sample itself causes.
    pub fn election(&self, voters: usize, rng: &mut impl CryptoRng) -> Result<SampleElection, SampleError> {
        let edit = |manifest: &mut veritally_crypto::manifest::Manifest| {
            for contest in &mut manifest.contests {
                contest.selections.clone_from(&self.selections);
                contest.rule = self.rule.clone();
            }
        };
        let mut election = SampleElection::start((2, 3), edit, rng)?;
        election.ceremony(rng)?;
        election.roll(&vec![("all", "all", 1); voters], rng)?;
        election.open()?;
        Ok(election)
    }

    /// A voter's (from 0) ballot.
    ///
    /// # Errors
    /// When there is no such voter.
    pub fn ballot(
        &self,
        election: &SampleElection,
        voter: usize,
        rng: &mut impl CryptoRng,
    ) -> Result<EncryptedBallot, SampleError> {
        election.ballot(voter, &self.answers, rng)
    }
}

fn all_cases() -> Result<Vec<Case>, IdError> {
    let mut cases = vec![];
    for n in [2, 5, 20] {
        let one = Rule::Choice(Choice { blank: false, max: 1, min: 1, seats: 1, undervotes: false });
        let first =
            |ids: Vec<Id>| Answer::Choice(ChoiceAnswer { blank: false, selections: ids.into_iter().take(1).collect() });
        cases.push(Case::new("choice, 1 of n", n, one, first)?);
    }
    for n in [16, 100] {
        let any = Rule::Choice(Choice { blank: false, max: n as u64, min: 0, seats: 1, undervotes: false });
        let all = |selections| Answer::Choice(ChoiceAnswer { blank: false, selections });
        cases.push(Case::new("choice, approval", n, any, all)?);
    }
    for n in [5, 20] {
        let score = Rule::Score(Score { limit: 0, max: 10, seats: 1 });
        let sevens = |ids: Vec<Id>| Answer::Score(ScoreAnswer { scores: ids.into_iter().map(|id| (id, 7)).collect() });
        cases.push(Case::new("score 0…10", n, score, sevens)?);
    }
    let fours =
        |ids: Vec<Id>| Answer::Quadratic(QuadraticAnswer { votes: ids.into_iter().map(|id| (id, 4)).collect() });
    cases.push(Case::new("quadratic, 100 credits", 5, Rule::Quadratic(Quadratic { credits: 100, seats: 1 }), fours)?);
    for n in [5, 10] {
        let borda = Rule::Borda(Borda { first_place: FirstPlace::N, min: 0, places: n as u64, seats: 1 });
        cases.push(Case::new("Borda, all places", n, borda, |ranking| Answer::Borda(BordaAnswer { ranking }))?);
    }
    for n in [3, 5, 10] {
        let ranking =
            |ids: Vec<Id>| Answer::Condorcet(CondorcetAnswer { ranking: ids.into_iter().map(|id| vec![id]).collect() });
        cases.push(Case::new("Condorcet", n, Rule::Condorcet(Condorcet { seats: 1 }), ranking)?);
    }
    Ok(cases)
}

/// All of them.
#[must_use]
pub fn cases() -> Vec<Case> {
    // The ids above are well-formed.
    all_cases().unwrap_or_default()
}

/// The contest that figures are given for where one must do.
pub const ONE_OF_FIVE: &str = "choice, 1 of n, n = 5";

/// So many points as they are sent, with a scalar for each.
pub fn random_points(count: usize, rng: &mut impl CryptoRng) -> (Vec<EncodedPoint>, Vec<Scalar>) {
    let mut point = || EncodedPoint::from(&RistrettoPoint::mul_base(&random_scalar(rng)));
    let points: Vec<_> = (0..count).map(|_| point()).collect();
    (points, (0..count).map(|_| random_scalar(rng)).collect())
}

/// The floor: what no check of ballots with these points can do without.
///
/// # Errors
/// When a point does not decode.
pub fn decode_and_multiply(encoded: &[EncodedPoint], scalars: &[Scalar]) -> Result<RistrettoPoint, GroupError> {
    let points = encoded.iter().map(EncodedPoint::decode).collect::<Result<Vec<_>, _>>()?;
    Ok(vartime_multiscalar_mul(scalars, &points))
}
