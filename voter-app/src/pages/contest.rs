//! One contest of the ballot.

use std::cell::RefCell;
use std::rc::Rc;

use gtk::prelude::*;
use veritally_crypto::manifest::text;
use veritally_session::flow::{Draft, Edit, EditRefused};

use super::{Intent, Post, on_click};
use crate::controls::{self, Drafting, Filling};
use crate::i18n::tr_with;
use crate::ui::{self, Ui};
use crate::words;

/// What is shown.
pub struct ContestView {
    /// The contest and what is marked in it.
    pub filling: Filling,
    /// Place on the ballot, from 0.
    pub index: usize,
    /// Contests on the ballot.
    pub count: usize,
}

/// Widgets of the page.
pub struct ContestPage {
    /// What the window shows.
    pub root: gtk::ScrolledWindow,
    progress: gtk::Label,
    name: gtk::Label,
    rule: gtk::Label,
    controls: gtk::Box,
    counter: Counter,
    shown: Rc<RefCell<Option<Filling>>>,
}

/// The line that says how the draft stands, and the button that leads on.
#[derive(Clone)]
struct Counter {
    standing: gtk::Label,
    next: gtk::Button,
}

impl Counter {
    fn say(&self, draft: &Draft) {
        let allowed = draft.is_castable();
        self.standing.set_label(&words::standing(draft));
        self.standing.set_css_classes(if allowed { &["heading"] } else { &["heading", "warning"] });
        self.next.set_sensitive(allowed);
    }

    fn refuse(&self, refused: EditRefused) {
        self.standing.set_label(&words::refused(refused));
        self.standing.set_css_classes(&["heading", "error"]);
    }
}

/// A draft whose changes are said on the page.
struct Said {
    draft: Rc<dyn Drafting>,
    counter: Counter,
}

impl Drafting for Said {
    fn read(&self, look: &mut dyn FnMut(&Draft)) {
        self.draft.read(look);
    }

    fn edit(&self, edit: Edit) -> Result<(), EditRefused> {
        let done = self.draft.edit(edit);
        self.draft.read(&mut |draft| self.counter.say(draft));
        if let Err(refused) = done {
            self.counter.refuse(refused);
        }
        done
    }
}

impl ContestPage {
    /// Loads the page.
    pub fn new(post: &Post) -> Self {
        let ui = Ui::load("pages/contest");
        let next: gtk::Button = ui.get("next");
        on_click(&next, post, || Intent::Next);
        let page = Self {
            root: ui.page(),
            progress: ui.get("progress"),
            name: ui.get("name"),
            rule: ui.get("rule"),
            controls: ui.get("controls"),
            counter: Counter { standing: ui.get("standing"), next },
            shown: Rc::default(),
        };
        let (shown, controls) = (page.shown.clone(), page.controls.clone());
        ui.get::<gtk::Button>("clear").connect_clicked(move |_| {
            let Some(filling) = shown.borrow().clone() else { return };
            // Clearing is always possible.
            let _ = filling.draft.edit(Edit::Clear);
            ui::clear(&controls);
            controls.append(&controls::control(&filling));
        });
        page
    }

    /// Shows a contest.
    pub fn show(&self, view: ContestView) {
        let (number, count) = ((view.index + 1).to_string(), view.count.to_string());
        self.progress.set_label(&tr_with("Page {number} of {count}", &[("number", &number), ("count", &count)]));
        let ContestView { mut filling, .. } = view;
        self.name.set_label(text(&filling.contest.name, &filling.language));
        self.rule.set_label(&words::rule(&filling.contest));
        filling.draft.read(&mut |draft| self.counter.say(draft));
        filling.draft = Rc::new(Said { draft: filling.draft.clone(), counter: self.counter.clone() });
        ui::clear(&self.controls);
        self.controls.append(&controls::control(&filling));
        *self.shown.borrow_mut() = Some(filling);
    }

    /// Lets go of the answers.
    pub fn forget(&self) {
        *self.shown.borrow_mut() = None;
        ui::clear(&self.controls);
    }
}
