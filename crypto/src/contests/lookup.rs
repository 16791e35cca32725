//! What a voter marked, selection by selection, in time that does not say which.
//!
//! Every offered selection is compared with every marked one, whole and padded to the longest id, and nothing branches on
//! the outcome but the refusal of answers that no ballot may have. How many were marked still shows where their list is
//! shorter than the rule's longest, and so does how ids lie in memory: specs/security.md section 14.

use subtle::{Choice, ConstantTimeEq as _, ConstantTimeLess as _};

use super::AnswerError;
use crate::id::Id;
use crate::manifest::Selection;

/// What was found for one selection.
pub(super) struct Mark {
    /// Whether it was marked.
    pub marked: Choice,
    /// The value given with it; 0 when it was not marked.
    pub value: u64,
}

/// The id's bytes and zeros behind. An id has at least one byte.
fn padded(id: &Id) -> [u8; Id::MAX_BYTES] {
    let bytes = id.as_bytes();
    let last = bytes.len().saturating_sub(1);
    std::array::from_fn(|i| {
        let inside = (i as u64).ct_lt(&(bytes.len() as u64)).unwrap_u8();
        bytes.get(i.min(last)).copied().unwrap_or(0) & inside.wrapping_neg()
    })
}

/// For each selection whether it is among `given`, and the value given with it. `slots` is how many may be given at most:
/// as many are looked at in any case.
///
/// # Errors
/// [`AnswerError::UnknownSelection`], [`AnswerError::Repeated`].
pub(super) fn marks<'a>(
    contest: &Id,
    offered: &[Selection],
    given: impl Iterator<Item = (&'a Id, u64)> + Clone,
    slots: usize,
) -> Result<Vec<Mark>, AnswerError> {
    let ids = given.clone().map(|(id, value)| (padded(id), value));
    // No id is all zeros: padding is equal to none.
    let count = given.clone().count();
    let slots: Vec<_> = ids.chain(std::iter::repeat_n(([0; Id::MAX_BYTES], 0), slots.saturating_sub(count))).collect();
    let mut found = 0u64;
    let mut repeated = Choice::from(0);
    let marks = offered
        .iter()
        .map(|selection| {
            let id = padded(&selection.id);
            let mut mark = Mark { marked: Choice::from(0), value: 0 };
            for (slot, value) in &slots {
                let same = slot.ct_eq(&id);
                repeated |= mark.marked & same;
                mark.marked |= same;
                mark.value |= value & u64::from(same.unwrap_u8()).wrapping_neg();
            }
            found += u64::from(mark.marked.unwrap_u8());
            mark
        })
        .collect();
    if bool::from(repeated) || found != count as u64 {
        AnswerError::check_selections(contest, offered, given.map(|(id, _)| id))?;
    }
    Ok(marks)
}

/// Whether a < b, for numbers of selections, places, points: without a branch.
pub(super) fn less(a: u64, b: u64) -> Choice {
    a.ct_lt(&b)
}

/// Whether a = b, without a branch.
pub(super) fn equal(a: u64, b: u64) -> Choice {
    a.ct_eq(&b)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    fn id(text: &str) -> Id {
        Id::new(text).unwrap()
    }

    #[test]
    fn marked_selections_are_found_with_their_values_whatever_their_ids_have_in_common() {
        let long = "a".repeat(64);
        let names = ["a", "aa", "a.a", &long, "b"];
        let offered: Vec<_> = names.iter().map(|name| Selection { id: id(name), name: Default::default() }).collect();
        for chosen in 0..1u32 << names.len() {
            let chosen: Vec<_> =
                (0..names.len()).filter(|i| chosen >> i & 1 == 1).rev().map(|i| (id(names[i]), i)).collect();
            let given = chosen.iter().map(|(id, i)| (id, *i as u64 + 7));
            for slots in [0, 5, 9] {
                let marks = marks(&id("c"), &offered, given.clone(), slots).unwrap();
                for (i, mark) in marks.iter().enumerate() {
                    let expected = chosen.iter().any(|(_, of)| *of == i);
                    assert_eq!(bool::from(mark.marked), expected);
                    assert_eq!(mark.value, if expected { i as u64 + 7 } else { 0 });
                }
            }
        }
    }

    #[test]
    fn unknown_and_repeated_selections_are_refused_by_name() {
        let offered = vec![Selection { id: id("a"), name: Default::default() }];
        let refused = |ids: &[Id]| marks(&id("c"), &offered, ids.iter().map(|id| (id, 1)), 3).err().unwrap();
        let (contest, selection) = (id("c"), id("b"));
        assert_eq!(refused(&[id("a"), id("b")]), AnswerError::UnknownSelection { contest, selection });
        let (contest, selection) = (id("c"), id("a"));
        assert_eq!(refused(&[id("a"), id("a")]), AnswerError::Repeated { contest, selection });
    }
}
