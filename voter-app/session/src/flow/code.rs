//! A credential code while it is typed: what is wrong, group by group, at every keystroke.

use veritally_crypto::credential::CredentialCode;
use veritally_crypto::text::digits;
use zeroize::Zeroizing;

/// Groups of a code, as printed.
pub const GROUPS: usize = 7;
/// Characters of a group.
pub const GROUP_DIGITS: usize = 4;
const DIGITS: usize = GROUPS * GROUP_DIGITS;
/// The alphabet of codes.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// One group of four.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupState {
    /// Nothing typed yet.
    Empty,
    /// So many characters of four.
    Partial(usize),
    /// All four.
    Full,
    /// A character that no code has.
    Wrong(char),
    /// All four, and the code as a whole has a typing error that one change in this group would mend.
    Suspect,
}

/// What a typed text says of the code as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeVerdict {
    /// Go on typing: so many characters are missing.
    Missing(usize),
    /// A character that no code has.
    Character,
    /// Too many characters.
    TooLong(usize),
    /// Complete, with a typing error; suspect groups are marked, perhaps none.
    Mistyped,
    /// Complete, and its checksum fits.
    Good,
}

/// Feedback on a typed code. Holds nothing of the code but, perhaps, a character that does not belong there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeFeedback {
    /// The seven groups.
    pub groups: [GroupState; GROUPS],
    /// The whole.
    pub verdict: CodeVerdict,
}

impl Default for CodeFeedback {
    fn default() -> Self {
        Self { groups: [GroupState::Empty; GROUPS], verdict: CodeVerdict::Missing(DIGITS) }
    }
}

impl CodeFeedback {
    /// Looks at what is typed so far: either case, with or without hyphens and spaces.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut feedback = Self::default();
        let mut typed = 0;
        let mut wrong = false;
        for c in text.chars().filter(|c| !matches!(c, '-' | ' ' | '\t' | '\r' | '\n')) {
            let bad = digits(c.encode_utf8(&mut [0; 4])).is_err();
            wrong |= bad;
            if let Some(group) = feedback.groups.get_mut(typed / GROUP_DIGITS) {
                *group = match (*group, typed % GROUP_DIGITS + 1) {
                    (GroupState::Wrong(first), _) => GroupState::Wrong(first),
                    _ if bad => GroupState::Wrong(c),
                    (_, GROUP_DIGITS) => GroupState::Full,
                    (_, some) => GroupState::Partial(some),
                };
            }
            typed += 1;
        }
        feedback.verdict = match typed {
            _ if wrong => CodeVerdict::Character,
            few if few < DIGITS => CodeVerdict::Missing(DIGITS - few),
            many if many > DIGITS => CodeVerdict::TooLong(many - DIGITS),
            _ if CredentialCode::parse(text).is_ok() => CodeVerdict::Good,
            _ => CodeVerdict::Mistyped,
        };
        if feedback.verdict == CodeVerdict::Mistyped {
            feedback.mark_suspects(text);
        }
        feedback
    }

    /// Marks the groups in which one other character, or two swapped neighbours, would make the checksum fit.
    fn mark_suspects(&mut self, text: &str) {
        let Ok(typed) = digits(text).map(Zeroizing::new) else { return };
        let letter = |value: &u8| ALPHABET.get(usize::from(*value)).copied().unwrap_or(b'0');
        let mut candidate: Zeroizing<Vec<u8>> = Zeroizing::new(typed.iter().map(letter).collect());
        for at in 0..candidate.len() {
            let Some(own) = candidate.get(at).copied() else { return };
            let mut mends = false;
            for &other in ALPHABET.iter().filter(|other| **other != own) {
                if let Some(place) = candidate.get_mut(at) {
                    *place = other;
                }
                mends |= fits(&candidate);
            }
            if let Some(place) = candidate.get_mut(at) {
                *place = own;
            }
            if at + 1 < candidate.len() {
                candidate.swap(at, at + 1);
                mends |= fits(&candidate);
                candidate.swap(at, at + 1);
            }
            if let Some(group) = self.groups.get_mut(at / GROUP_DIGITS).filter(|_| mends) {
                *group = GroupState::Suspect;
            }
        }
    }

    /// Whether the code can be used.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.verdict == CodeVerdict::Good
    }
}

fn fits(candidate: &[u8]) -> bool {
    std::str::from_utf8(candidate).is_ok_and(|text| CredentialCode::parse(text).is_ok())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use rand::SeedableRng as _;

    use super::*;

    fn code(seed: u64) -> Zeroizing<String> {
        CredentialCode::random(&mut rand::rngs::StdRng::seed_from_u64(seed)).expose_text()
    }

    #[test]
    fn every_keystroke_of_a_code_is_followed_group_by_group() {
        let text = code(1);
        assert_eq!(CodeFeedback::of(""), CodeFeedback::default());
        for end in 1..text.len() {
            let typed = text[..end].bytes().filter(|b| *b != b'-').count();
            let feedback = CodeFeedback::of(&text[..end].to_lowercase());
            assert_eq!(feedback.verdict, CodeVerdict::Missing(28 - typed));
            for (i, group) in feedback.groups.iter().enumerate() {
                let expected = match typed.saturating_sub(i * 4) {
                    0 => GroupState::Empty,
                    some @ 1..4 => GroupState::Partial(some),
                    _ => GroupState::Full,
                };
                assert_eq!(*group, expected);
            }
        }
        assert!(CodeFeedback::of(&text).is_good());
        assert_eq!(CodeFeedback::of(&format!("{}7", text.as_str())).verdict, CodeVerdict::TooLong(1));
    }

    #[test]
    fn the_group_with_the_typing_error_is_among_the_suspects() {
        let mut suspects = 0;
        for seed in 0..20u64 {
            let text = code(seed).replace('-', "");
            let at = usize::try_from(seed).unwrap() % 28;
            let mut typed = text.clone();
            typed.replace_range(at..=at, if &text[at..=at] == "7" { "8" } else { "7" });
            let feedback = CodeFeedback::of(&typed);
            assert_eq!(feedback.verdict, CodeVerdict::Mistyped);
            assert_eq!(feedback.groups[at / 4], GroupState::Suspect);
            suspects += feedback.groups.iter().filter(|group| **group == GroupState::Suspect).count();
        }
        assert!(suspects < 40, "{suspects} groups are suspected for 20 errors");
        let text = code(3).replace('-', "");
        let at = (0..27).find(|&i| text.as_bytes()[i] != text.as_bytes()[i + 1]).unwrap();
        let mut swapped = text.clone().into_bytes();
        swapped.swap(at, at + 1);
        let feedback = CodeFeedback::of(std::str::from_utf8(&swapped).unwrap());
        assert_eq!(feedback.groups[at / 4], GroupState::Suspect);
    }

    #[test]
    fn a_character_that_no_code_has_is_shown_in_its_group() {
        let feedback = CodeFeedback::of("ABCD-E!GH-U");
        assert_eq!(feedback.verdict, CodeVerdict::Character);
        assert_eq!(feedback.groups[..3], [GroupState::Full, GroupState::Wrong('!'), GroupState::Wrong('U')]);
    }
}
