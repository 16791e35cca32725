//! The question that is asked before choices are lost.

use std::cell::Cell;

use adw::prelude::*;
use veritally_session::flow::Event;

use super::Window;
use crate::i18n::tr;
use crate::pages::Intent;

impl Window {
    /// Asks whether a begun ballot is to be given up: for something else, or to close the app.
    pub(super) fn ask_before_leaving(&self, next: Option<Intent>) {
        let body = match &next {
            Some(_) => tr("Your answers are not stored anywhere. If you leave this ballot now, they are gone."),
            None => tr("Your answers are not stored anywhere. If you close the app now, they are gone."),
        };
        let leave = if next.is_some() { tr("Leave this ballot") } else { tr("Close") };
        let dialog =
            adw::MessageDialog::new(Some(&self.shell.window), Some(&tr("You have not voted yet")), Some(&body));
        dialog.add_responses(&[("stay", &tr("Stay")), ("leave", &leave)]);
        dialog.set_response_appearance("leave", adw::ResponseAppearance::Destructive);
        dialog.set_default_response(Some("stay"));
        dialog.set_close_response("stay");
        let (weak, next) = (self.this.clone(), Cell::new(next));
        dialog.connect_response(None, move |_, response| {
            let Some(window) = weak.upgrade() else { return };
            window.question.take();
            if response != "leave" {
                return;
            }
            window.handle(Event::Leave);
            match next.take() {
                Some(intent) => window.obey(intent),
                None => window.shell.window.close(),
            }
        });
        // A later question takes the place of one that was not answered: the link that was clicked last is meant.
        if let Some(before) = self.question.replace(Some(dialog.clone())) {
            before.destroy();
        }
        dialog.present();
    }
}
