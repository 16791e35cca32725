//! One control for each way of filling in a contest. They show a [`Draft`] and say what was touched, as an
//! [`Edit`]; what that means is the draft's business.

use std::rc::Rc;

use gtk::prelude::*;
use veritally_crypto::contests::Rule;
use veritally_crypto::id::Id;
use veritally_crypto::manifest::{Contest, Selection, text};
use veritally_session::flow::{Draft, Edit, EditRefused};

mod choice;
mod ranking;
mod values;

/// Where the draft is: the session's.
pub trait Drafting {
    /// Looks at the draft, if there is one.
    fn read(&self, look: &mut dyn FnMut(&Draft));
    /// Changes it, and says so on the page.
    ///
    /// # Errors
    /// [`EditRefused`], said on the page too.
    fn edit(&self, edit: Edit) -> Result<(), EditRefused>;
}

/// A contest that is being filled in.
#[derive(Clone)]
pub struct Filling {
    /// What is marked.
    pub draft: Rc<dyn Drafting>,
    /// Of the contest.
    pub contest: Rc<Contest>,
    /// Of the contest's texts.
    pub language: Rc<str>,
    /// The order in which the selections stand on the screen.
    pub order: Rc<[usize]>,
}

impl Filling {
    /// What the draft says; nothing when it is gone.
    fn get<T: Default>(&self, look: impl Fn(&Draft) -> T) -> T {
        let mut found = T::default();
        self.draft.read(&mut |draft| found = look(draft));
        found
    }

    /// The selections in the order of the screen.
    fn selections(&self) -> impl Iterator<Item = &Selection> {
        self.order.iter().filter_map(|index| self.contest.selections.get(*index))
    }

    /// What a selection is called.
    fn name(&self, id: &Id) -> String {
        let selection = self.contest.selections.iter().find(|selection| selection.id == *id);
        selection.map(|selection| text(&selection.name, &self.language).to_owned()).unwrap_or_default()
    }
}

/// The control that fits the contest.
pub fn control(filling: &Filling) -> gtk::Widget {
    match &filling.contest.rule {
        Rule::Choice(rule) => choice::control(filling, rule).upcast(),
        Rule::Score(_) | Rule::Quadratic(_) => values::control(filling).upcast(),
        Rule::Borda(_) | Rule::Condorcet(_) => ranking::control(filling).upcast(),
    }
}
