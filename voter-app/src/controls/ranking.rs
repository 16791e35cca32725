//! Rankings: by dragging, by buttons, and by Alt+Up and Alt+Down.

use std::cell::RefCell;
use std::rc::Rc;

use gtk::prelude::*;
use gtk::{gdk, glib};
use veritally_crypto::contests::Rule;
use veritally_crypto::id::Id;
use veritally_session::flow::{Draft, Edit};

use super::Filling;
use crate::i18n::{mark, tr, tr_with};
use crate::ui;

pub(super) fn control(filling: &Filling) -> gtk::Box {
    let ranked = gtk::Box::new(gtk::Orientation::Vertical, 0);
    let unranked = gtk::Box::new(gtk::Orientation::Vertical, 0);
    let content = gtk::Box::new(gtk::Orientation::Vertical, 6);
    for (words, list) in [(tr("Your order, best first"), &ranked), (tr("Not ranked"), &unranked)] {
        let heading = ui::text(&words);
        heading.add_css_class("heading");
        content.append(&heading);
        list.add_css_class("card");
        content.append(list);
    }
    let shown = Rc::new(Shown { filling: filling.clone(), ranked, unranked, touched: RefCell::default() });
    shown.show();
    accept_drop(&shown, &shown.unranked, Edit::Unrank);
    // The rows know it weakly; it lives as long as the page.
    content.connect_destroy(move |_| {
        let _ = &shown;
    });
    content
}

/// What was touched last, so that the keyboard's focus stays with it when the rows are made anew.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Act {
    Up,
    Down,
    Tie,
    Remove,
    Add,
}

struct Shown {
    filling: Filling,
    ranked: gtk::Box,
    unranked: gtk::Box,
    touched: RefCell<Option<(Id, Act)>>,
}

/// Where the ranking stands around one selection.
#[derive(Default)]
struct Around {
    place: usize,
    tied: bool,
}

fn around(draft: &Draft, id: &Id) -> Around {
    let groups = draft.ranking();
    let place = groups.iter().position(|group| group.contains(id)).unwrap_or(groups.len());
    Around { place, tied: groups.get(place).is_some_and(|group| group.len() > 1) }
}

impl Shown {
    fn touch(self: &Rc<Self>, id: &Id, act: Act) {
        let around = self.filling.get(|draft| around(draft, id));
        let selection = id.clone();
        let edit = match act {
            Act::Up => Edit::Up(selection),
            Act::Down => Edit::Down(selection),
            Act::Add => Edit::Place { selection, place: usize::MAX },
            Act::Remove => Edit::Unrank(selection),
            Act::Tie if around.tied => Edit::Down(selection),
            Act::Tie => match around.place.checked_sub(1) {
                Some(place) => Edit::Join { selection, place },
                None => return,
            },
        };
        if self.filling.draft.edit(edit).is_ok() {
            *self.touched.borrow_mut() = Some((id.clone(), act));
            self.show_later();
        }
    }

    /// The rows are not remade while one of them handles an event.
    fn show_later(self: &Rc<Self>) {
        let shown = self.clone();
        glib::idle_add_local_once(move || shown.show());
    }

    fn show(self: &Rc<Self>) {
        ui::clear(&self.ranked);
        ui::clear(&self.unranked);
        let mut focus: Option<gtk::Widget> = None;
        let touched = self.touched.take();
        let groups = self.filling.get(Draft::ranking);
        for (place, group) in groups.iter().enumerate() {
            for id in group {
                let (row, buttons) = self.ranked_row(id, place, groups.len(), group.len() > 1);
                self.ranked.append(&row);
                if let Some((_, act)) = touched.as_ref().filter(|(touched, _)| touched == id) {
                    focus = usable(&buttons, Some(*act)).or_else(|| usable(&buttons, None));
                }
            }
        }
        let mut all_ranked = true;
        for id in
            self.filling.selections().map(|selection| &selection.id).filter(|id| !groups.iter().any(|g| g.contains(id)))
        {
            all_ranked = false;
            let button = self.add_button(id);
            self.unranked.append(&button);
            if touched.as_ref().is_some_and(|(touched, act)| *act == Act::Remove && touched == id) {
                focus = Some(button.upcast());
            }
        }
        // Adding one after the other: the focus goes on to the next.
        if touched.is_some_and(|(_, act)| act == Act::Add) && !all_ranked {
            focus = self.unranked.first_child().or(focus);
        }
        let nothing = tr("Nothing yet: choose your favourite below, then the next.");
        placeholder(&self.ranked, groups.is_empty(), &nothing);
        placeholder(&self.unranked, all_ranked, &tr("All are ranked."));
        if let Some(widget) = focus {
            widget.grab_focus();
        }
    }

    fn add_button(self: &Rc<Self>, id: &Id) -> gtk::Button {
        let name = self.filling.name(id);
        let content = gtk::Box::new(gtk::Orientation::Horizontal, 6);
        content.append(&gtk::Image::from_icon_name("list-add-symbolic"));
        content.append(&ui::text(&name));
        let button: gtk::Button = ui::named(&tr_with("Rank {name} next", &[("name", &name)]));
        button.set_child(Some(&content));
        button.set_css_classes(&["flat", "option"]);
        self.connect(&button, id, Act::Add);
        self.make_draggable(&button, id);
        button
    }

    fn ranked_row(
        self: &Rc<Self>,
        id: &Id,
        place: usize,
        places: usize,
        tied: bool,
    ) -> (gtk::Box, Vec<(Act, gtk::Button)>) {
        let name = self.filling.name(id);
        let number = (place + 1).to_string();
        let row = gtk::Box::builder().spacing(3).css_classes(["ranked"]).build();
        let shared = if tied { format!("{number}.\u{2009}=") } else { format!("{number}.") };
        row.append(&gtk::Label::builder().label(shared).css_classes(["place", "numeric"]).build());
        let words = gtk::Box::builder().orientation(gtk::Orientation::Vertical).valign(gtk::Align::Center).build();
        words.append(&ui::text(&name));
        row.append(&words);
        let ties = matches!(self.filling.contest.rule, Rule::Condorcet(_));
        let mut buttons = vec![];
        let mut add = |act, icon: &str, words: &str, usable: bool| {
            let values = [("name", name.as_str()), ("place", number.as_str())];
            let words = tr_with(words, &values);
            let standing = tr_with("{name} is in place {place}", &values);
            let button: gtk::Button = ui::named(&words);
            button.set_icon_name(icon);
            button.set_css_classes(&["flat", "circular"]);
            // The tooltip is what a screen reader gets as description.
            button.set_tooltip_text(Some(&format!("{words}. {standing}")));
            button.set_valign(gtk::Align::Center);
            button.set_sensitive(usable);
            self.connect(&button, id, act);
            row.append(&button);
            buttons.push((act, button));
        };
        add(Act::Up, "go-up-symbolic", mark("Move {name} up"), place > 0 || tied);
        add(Act::Down, "go-down-symbolic", mark("Move {name} down"), place + 1 < places || tied);
        add(Act::Remove, "list-remove-symbolic", mark("Take {name} out of your order"), true);
        if ties && (tied || place > 0) {
            let button = tie_button(&name, tied);
            self.connect(&button, id, Act::Tie);
            words.append(&button);
            buttons.push((Act::Tie, button));
        }
        self.connect_keys(&row, id);
        self.make_draggable(&row, id);
        accept_drop(self, &row, move |selection| Edit::Place { selection, place });
        (row, buttons)
    }

    fn connect(self: &Rc<Self>, button: &gtk::Button, id: &Id, act: Act) {
        let (shown, id) = (Rc::downgrade(self), id.clone());
        button.connect_clicked(move |_| {
            if let Some(shown) = shown.upgrade() {
                shown.touch(&id, act);
            }
        });
    }

    fn connect_keys(self: &Rc<Self>, row: &gtk::Box, id: &Id) {
        let keys = gtk::EventControllerKey::new();
        let (shown, id) = (Rc::downgrade(self), id.clone());
        keys.connect_key_pressed(move |_, key, _, modifiers| {
            let act = match key {
                gdk::Key::Up => Act::Up,
                gdk::Key::Down => Act::Down,
                _ => return glib::Propagation::Proceed,
            };
            match shown.upgrade().filter(|_| modifiers.contains(gdk::ModifierType::ALT_MASK)) {
                None => glib::Propagation::Proceed,
                Some(shown) => {
                    shown.touch(&id, act);
                    glib::Propagation::Stop
                }
            }
        });
        row.add_controller(keys);
    }

    fn make_draggable(&self, row: &impl IsA<gtk::Widget>, id: &Id) {
        let drag = gtk::DragSource::builder().actions(gdk::DragAction::MOVE).build();
        let id = id.as_str().to_owned();
        drag.connect_prepare(move |_, _, _| Some(gdk::ContentProvider::for_value(&id.to_value())));
        row.add_controller(drag);
    }
}

/// In words: no picture says it. Screen readers hear which row it is about.
fn tie_button(name: &str, tied: bool) -> gtk::Button {
    let (named, shown) = if tied {
        (mark("Give {name} a place of its own"), tr("A place of its own"))
    } else {
        (mark("Put {name} on the same place as the one above"), tr("Same place as above"))
    };
    let button: gtk::Button = ui::named(&tr_with(named, &[("name", name)]));
    // As a child: a label of the button's own would take its name away.
    button.set_child(Some(&ui::text(&shown)));
    button.set_halign(gtk::Align::Start);
    button.set_css_classes(&["tie"]);
    button
}

/// The button for an act, or any, if it can be pressed.
fn usable(buttons: &[(Act, gtk::Button)], wanted: Option<Act>) -> Option<gtk::Widget> {
    let fits =
        |(act, button): &&(Act, gtk::Button)| button.is_sensitive() && wanted.is_none_or(|wanted| wanted == *act);
    buttons.iter().find(fits).map(|(_, button)| button.clone().upcast())
}

fn placeholder(list: &gtk::Box, empty: bool, words: &str) {
    if empty {
        let label = ui::text(words);
        label.set_css_classes(&["dim-label", "option"]);
        list.append(&label);
    }
}

fn accept_drop(shown: &Rc<Shown>, target: &gtk::Box, edit: impl Fn(Id) -> Edit + 'static) {
    let drop = gtk::DropTarget::new(glib::Type::STRING, gdk::DragAction::MOVE);
    let marked = target.clone();
    drop.connect_enter(move |_, _, _| {
        marked.add_css_class("drop-target");
        gdk::DragAction::MOVE
    });
    let marked = target.clone();
    drop.connect_leave(move |_| marked.remove_css_class("drop-target"));
    let shown = Rc::downgrade(shown);
    drop.connect_drop(move |_, value, _, _| {
        let id = value.get::<String>().ok().and_then(|id| Id::new(&id).ok());
        let (Some(id), Some(shown)) = (id, shown.upgrade()) else { return false };
        let done = shown.filling.draft.edit(edit(id)).is_ok();
        shown.show_later();
        done
    });
    target.add_controller(drop);
}
