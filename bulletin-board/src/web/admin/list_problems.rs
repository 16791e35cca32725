//! What is wrong with a list of voters, in the language of who uploads it. The registrar's program says the same in
//! English.

use veritally_board_api::voters::{LineProblem, MAX_FIELD_BYTES, VoterProblem};

use super::Words;

/// One line's problem.
pub(super) fn said(w: Words, at: &LineProblem) -> String {
    let what = match &at.problem {
        VoterProblem::NoHeader => w.t("list_no_header").to_owned(),
        VoterProblem::NoIdColumn(found) => w.f("list_no_id", found.join(", ")),
        VoterProblem::UnknownColumn(name) => w.f("list_unknown_column", name),
        VoterProblem::RepeatedColumn(name) => w.f("list_repeated_column", name),
        VoterProblem::MissingColumn { column, choices } => w.f2("list_missing_column", column, choices),
        VoterProblem::NoVoters => w.t("list_no_voters").to_owned(),
        VoterProblem::Fields { found, expected } => w.f2("list_fields", found, expected),
        VoterProblem::Encoding => w.t("list_encoding").to_owned(),
        VoterProblem::LongField(name) => w.f2("list_long_field", name, MAX_FIELD_BYTES),
        VoterProblem::EmptyId => w.t("list_empty_id").to_owned(),
        VoterProblem::ControlCharacter(id) => w.f("list_control", id.escape_debug()),
        VoterProblem::DuplicateId { id, first } => w.f2("list_duplicate", id, first),
        VoterProblem::Weight(found) => w.f("list_weight", found),
        VoterProblem::Unknown { column, found, choices } => {
            format!("{} {choices}", w.f2("list_unknown", column, found))
        }
        VoterProblem::Unclear { column, choices } => w.f2("list_unclear", column, choices),
        VoterProblem::Csv(reason) => w.f("list_csv", reason),
        // Larger than any form.
        other => other.to_string(),
    };
    w.f2("list_line", at.line, what)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;
    use crate::web::words::Language;

    #[test]
    fn what_is_wrong_with_a_list_is_said_in_four_languages_with_its_values() {
        let text = || "value".to_owned();
        let all = [
            VoterProblem::NoHeader,
            VoterProblem::NoIdColumn(vec![text()]),
            VoterProblem::UnknownColumn(text()),
            VoterProblem::RepeatedColumn(text()),
            VoterProblem::MissingColumn { column: "style", choices: text() },
            VoterProblem::NoVoters,
            VoterProblem::Fields { found: 3, expected: 7 },
            VoterProblem::Encoding,
            VoterProblem::LongField("name"),
            VoterProblem::EmptyId,
            VoterProblem::ControlCharacter(text()),
            VoterProblem::DuplicateId { id: text(), first: 7 },
            VoterProblem::Weight(text()),
            VoterProblem::Unknown { column: "style", found: "x".into(), choices: text() },
            VoterProblem::Unclear { column: "group", choices: text() },
            VoterProblem::Csv(text()),
        ];
        for problem in all {
            let english = problem.to_string();
            let line = LineProblem { line: 42, problem };
            let said = Language::ALL.map(|language| said(Words(language), &line));
            for (i, text) in said.iter().enumerate() {
                assert!(text.contains("42") && !text.contains("list_") && !text.contains("{}"), "{text}");
                assert_eq!(text.contains("value"), english.contains("value"), "{text}");
                assert!(i == 0 || *text != said[0], "{text}");
            }
        }
    }
}
