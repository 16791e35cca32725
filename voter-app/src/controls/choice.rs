//! Radio buttons where one may be chosen, else check boxes; and the blank vote.

use std::cell::Cell;
use std::rc::Rc;

use gtk::prelude::*;
use veritally_crypto::contests::Choice;
use veritally_crypto::id::Id;
use veritally_session::flow::{Edit, Standing};

use super::Filling;
use crate::i18n::tr;
use crate::ui;

pub(super) fn control(filling: &Filling, rule: &Choice) -> gtk::Box {
    let list = gtk::Box::new(gtk::Orientation::Vertical, 0);
    list.add_css_class("card");
    let mut buttons: Vec<(Option<Id>, gtk::CheckButton)> = vec![];
    let offered = filling.selections().map(|selection| Some(selection.id.clone())).chain(rule.blank.then_some(None));
    for selection in offered {
        let words = selection.as_ref().map_or_else(|| tr("Blank vote: none of these"), |id| filling.name(id));
        let label = ui::text(&words);
        let role = (rule.max == 1).then_some("radio");
        let button: gtk::CheckButton = ui::described(&words, "", role);
        button.set_child(Some(&label));
        button.add_css_class("option");
        if rule.max == 1 {
            button.set_group(buttons.first().map(|(_, first)| first));
        }
        if selection.is_none() && rule.max > 1 {
            list.append(&gtk::Separator::new(gtk::Orientation::Horizontal));
        }
        list.append(&button);
        buttons.push((selection, button));
    }
    let shown = Shown { filling: filling.clone(), buttons: buttons.into(), showing: Cell::new(false).into() };
    shown.show();
    for (selection, button) in shown.buttons.iter() {
        let (selection, shown) = (selection.clone(), shown.clone());
        button.connect_toggled(move |button| shown.toggled(selection.as_ref(), button.is_active()));
    }
    list
}

#[derive(Clone)]
struct Shown {
    filling: Filling,
    buttons: Rc<[(Option<Id>, gtk::CheckButton)]>,
    /// The buttons change because the draft did, not the other way round.
    showing: Rc<Cell<bool>>,
}

impl Shown {
    fn show(&self) {
        self.showing.set(true);
        for (selection, button) in self.buttons.iter() {
            button.set_active(self.filling.get(|draft| match selection {
                Some(id) => draft.is_marked(id),
                None => matches!(draft.standing(), Standing::Choice { blank: Some(true), .. }),
            }));
        }
        self.showing.set(false);
    }

    fn toggled(&self, selection: Option<&Id>, on: bool) {
        if self.showing.get() {
            return;
        }
        let edit = match selection {
            Some(selection) => Edit::Mark { selection: selection.clone(), on },
            None => Edit::Blank(on),
        };
        // A refusal is said by the page; the check goes back to what is marked.
        let _ = self.filling.draft.edit(edit);
        self.show();
    }
}
