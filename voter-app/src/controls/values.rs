//! A number for each selection: scores, or votes that cost credits.

use gtk::prelude::*;
use veritally_crypto::contests::Rule;
use veritally_crypto::id::Id;
use veritally_session::flow::Edit;

use super::Filling;
use crate::i18n::{tr_count, tr_with};
use crate::ui;

pub(super) fn control(filling: &Filling) -> gtk::Box {
    let list = gtk::Box::new(gtk::Orientation::Vertical, 0);
    list.add_css_class("card");
    for selection in filling.selections() {
        list.append(&row(filling, selection.id.clone()));
    }
    list
}

// Values stay below 2^20: exact as floating point.
#[allow(clippy::cast_precision_loss)]
fn row(filling: &Filling, id: Id) -> gtk::Box {
    let (max, quadratic) = match &filling.contest.rule {
        Rule::Quadratic(rule) => (rule.most_votes(), true),
        Rule::Score(rule) => (rule.max, false),
        _ => (0, false),
    };
    let words = filling.name(&id);
    let names = gtk::Box::builder().orientation(gtk::Orientation::Vertical).hexpand(true).build();
    names.set_valign(gtk::Align::Center);
    names.append(&ui::text(&words));
    let of = if quadratic {
        tr_with("Votes for {name}", &[("name", &words)])
    } else {
        tr_with("Score for {name}", &[("name", &words)])
    };
    let spin: gtk::SpinButton = ui::named(&of);
    spin.set_range(0.0, max as f64);
    spin.set_increments(1.0, 5.0);
    spin.set_value(filling.get(|draft| draft.value(&id)) as f64);
    spin.set_numeric(true);
    spin.set_valign(gtk::Align::Center);
    spin.set_width_chars(i32::try_from(max.to_string().len()).unwrap_or(4));
    let cost = ui::text("");
    cost.add_css_class("dim-label");
    if quadratic {
        names.append(&cost);
    }
    let say_cost = move |votes: u64| cost.set_label(&tr_count("costs {n} credit", "costs {n} credits", votes * votes));
    say_cost(filling.get(|draft| draft.value(&id)));
    let filling = filling.clone();
    spin.connect_value_changed(move |spin| {
        let (value, before) = (u64::try_from(spin.value_as_int()).unwrap_or(0), filling.get(|draft| draft.value(&id)));
        if value == before {
            return;
        }
        match filling.draft.edit(Edit::Value { selection: id.clone(), value }) {
            Ok(()) => say_cost(value),
            // Said by the page; the number goes back.
            Err(_) => spin.set_value(before as f64),
        }
    });
    let row = gtk::Box::builder().spacing(12).css_classes(["option"]).build();
    row.append(&names);
    row.append(&spin);
    row
}
