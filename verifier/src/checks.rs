//! The numbered checks: one place for their ids, names and meanings; `specs/verification.md` is the authority, a test
//! compares the two.
//!
//! Each submodule is one group of checks: what is looked at while entries go by, and what can be said at the end.

pub(crate) mod ballots;
pub(crate) mod cells;
pub(crate) mod counts;
pub(crate) mod decryption;
pub(crate) mod election;
pub(crate) mod entries;
pub(crate) mod log;
pub(crate) mod rejections;
pub(crate) mod roll;
pub(crate) mod schedule;
pub(crate) mod tally;
pub(crate) mod tree;
pub(crate) mod trustees;
pub(crate) mod whole;

macro_rules! checks {
    ($($check:ident $number:literal $name:literal $meaning:literal)*) => {
        /// A check of `specs/verification.md`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Check {
            $(#[doc = concat!("V", $number, ", ", $name, ". When it fails: ", $meaning)] $check),*
        }

        impl Check {
            /// All checks, in order.
            pub const ALL: &'static [Self] = &[$(Self::$check),*];

            /// `V1`, `V2`, …
            #[must_use]
            pub fn id(self) -> &'static str {
                match self {
                    $(Self::$check => concat!("V", $number)),*
                }
            }

            /// Its short name.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$check => $name),*
                }
            }

            /// What its failure means, for people who know nothing of cryptography.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$check => $meaning),*
                }
            }
        }
    };
}

checks! {
    Manifest 1 "Manifest"
        "The description of the election breaks the rules for such descriptions, so nobody can say what was voted \
         on, how, and by whom it was run."
    Fingerprint 2 "Fingerprint"
        "This is the record of another election than the one whose fingerprint you gave."
    Checkpoint 3 "Checkpoint"
        "The board did not sign for this content, so it can deny having published it, or somebody else made it up."
    Witnesses 4 "Witnesses"
        "Too few independent witnesses confirmed that the board shows everybody the same content."
    Root 5 "Entries and root hash"
        "The entries are not the ones that the board signed for: some were changed, removed, added or are missing \
         from this copy."
    Tiles 6 "Hash tiles"
        "The files from which receipts are proved do not fit the entries, so voters may be shown wrong proofs."
    Beyond 7 "Nothing beyond the checkpoint"
        "The copy has content that the board did not sign for, or two versions of the same content."
    Canonical 8 "Canonical form"
        "An entry is not written in the one permitted way, so two programs could read different things in it."
    Order 9 "Order of entries"
        "An entry stands where none of its kind may stand, for example a ballot after the end of voting."
    Signatures 10 "Signatures of officials"
        "An entry was not signed by the official in whose name it was made."
    Ceremony 11 "Key ceremony"
        "The trustees did not make the election's keys as they should, so the secret of the votes or their \
         decryption is not assured."
    Keys 12 "Election keys"
        "The keys to which votes are encrypted are not sound: votes may be readable or impossible to count."
    Roll 13 "Electoral roll"
        "The list of those who may vote is inconsistent or was changed."
    Opening 14 "Opening"
        "Voting was not opened as announced, or on other keys or another roll than the published ones."
    Extension 15 "Extensions and abandonment"
        "The end of voting was moved, or the election given up, against the rules."
    BallotForm 16 "Ballot form and style"
        "A ballot is not of the form that its voter was to get: it can't be counted like the others."
    OnRoll 17 "Voters on the roll"
        "A ballot was cast by somebody who is not on the roll."
    Revotes 18 "Re-votes in order"
        "A ballot was repeated or brought into another order, so that not the voter's last vote would count."
    CastLimit 19 "Number of casts"
        "Somebody cast more ballots than the election allows."
    Copies 20 "No copied encryption"
        "A ballot repeats the encryption of another one: with it somebody could find out or copy another voter's vote."
    BallotProof 21 "Ballot proofs"
        "A ballot does not prove that it holds a permitted vote made by its voter: it may count for more than one \
         vote, or be forged."
    TallyHeads 22 "Running tally"
        "The sum of encrypted votes that the board published is not the sum of the ballots."
    Closing 23 "Closing"
        "Voting was not closed according to the rules."
    Agreements 24 "Agreements"
        "Too few trustees agreed to the same final list of ballots, or one agreed to another list: different people \
         may have been shown different ballots."
    Cells 25 "Reporting cells"
        "Results are given for other groups of voters than the rules allow: single votes could be recognised, or \
         votes be left out."
    Shares 26 "Decryption shares"
        "Too few trustees proved that they decrypted correctly, so the counts do not follow from the ballots."
    Result 27 "Result"
        "The published result is not what the ballots add up to."
    Codes 28 "Confirmation codes"
        "Two ballots have the same confirmation code, so one voter's check shows another voter's ballot."
    Unexplained 29 "Nothing unexplained"
        "The record has something in it that no rule explains."
    Reissues 30 "Re-issues"
        "A voter's code was replaced against the rules: somebody may have voted in another's place."
    SpoiledBallots 31 "Published spoiled ballots"
        "A ballot that was published as a test is not one: a test was made up, or a ballot that was cast was opened."
    Disputes 32 "Complaints and restarts"
        "A complaint about a trustee does not prove what it claims, or trustees were left out of the key ceremony \
         against the rules."
}

impl std::fmt::Display for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.id())
    }
}
