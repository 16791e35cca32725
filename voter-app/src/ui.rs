//! Pages are described in `.ui` files, one beside each `.rs`; this loads them.

use gtk::glib;
use gtk::prelude::*;

/// Where the resource bundle has everything of ours.
pub const RESOURCES: &str = "/org/veritally/App";

/// A loaded `.ui` file.
#[derive(Debug)]
pub struct Ui(gtk::Builder);

impl Ui {
    /// Loads a file of the resource bundle.
    pub fn load(name: &str) -> Self {
        Self(gtk::Builder::from_resource(&format!("{RESOURCES}/{name}.ui")))
    }

    /// An object of the file.
    ///
    /// # Panics
    /// When the file has no such object of that type: both are part of this program, and the tests open every page.
    #[allow(clippy::panic)]
    pub fn get<T: IsA<glib::Object>>(&self, id: &str) -> T {
        self.0.object(id).unwrap_or_else(|| panic!("no {} with the id {id} in the .ui file", T::static_type()))
    }

    /// The page `content`, scrollable, and no wider than is good to read.
    pub fn page(&self) -> gtk::ScrolledWindow {
        let content: gtk::Box = self.get("content");
        content.add_css_class("page");
        wrap_button_labels(content.upcast_ref());
        let clamp = adw::Clamp::builder().maximum_size(600).child(&content).build();
        let hidden = gtk::PolicyType::Never;
        gtk::ScrolledWindow::builder().hscrollbar_policy(hidden).vexpand(true).child(&clamp).build()
    }
}

/// Lets the labels of buttons, boxes to check and expanders break, so that large text fits a narrow window.
pub fn wrap_button_labels(widget: &gtk::Widget) {
    if let Some(button) = widget.downcast_ref::<gtk::Button>()
        && let Some(label) = button.child().and_downcast::<gtk::Label>()
    {
        label.set_wrap(true);
        label.set_justify(gtk::Justification::Center);
    }
    if widget.is::<gtk::CheckButton>() {
        for label in children(widget).iter().filter_map(|child| child.downcast_ref::<gtk::Label>()) {
            label.set_wrap(true);
            label.set_xalign(0.0);
        }
    }
    if let Some(label) = widget.downcast_ref::<gtk::Expander>().and_then(gtk::Expander::label_widget)
        && let Ok(label) = label.downcast::<gtk::Label>()
    {
        label.set_wrap(true);
        label.set_xalign(0.0);
    }
    for child in children(widget) {
        wrap_button_labels(&child);
    }
}

/// The children of a widget.
pub fn children(widget: &impl IsA<gtk::Widget>) -> Vec<gtk::Widget> {
    std::iter::successors(widget.first_child(), |child| child.next_sibling()).collect()
}

/// Empties a box.
pub fn clear(container: &gtk::Box) {
    for child in children(container) {
        container.remove(&child);
    }
}

/// A label that breaks its lines, from the left.
pub fn text(words: &str) -> gtk::Label {
    let wrap = gtk::pango::WrapMode::WordChar;
    gtk::Label::builder().label(words).wrap(true).wrap_mode(wrap).xalign(0.0).hexpand(true).build()
}

/// A widget with the name that a screen reader says. Through a `.ui` text, because the bindings offer names from GTK 4.10
/// on only.
pub fn named<T: IsA<gtk::Widget> + IsA<glib::Object>>(words: &str) -> T {
    described(words, "", None)
}

/// A widget with name, description and, if it is not the class's own, role.
///
/// # Panics
/// Never: the text describes an object of the type that is asked for.
#[allow(clippy::panic)]
pub fn described<T: IsA<gtk::Widget> + IsA<glib::Object>>(words: &str, description: &str, role: Option<&str>) -> T {
    let (class, words) = (T::static_type().name(), glib::markup_escape_text(words));
    let role = role.map(|role| format!("<property name=\"accessible-role\">{role}</property>")).unwrap_or_default();
    let description = match glib::markup_escape_text(description) {
        none if none.is_empty() => String::new(),
        some => format!("<property name=\"description\">{some}</property>"),
    };
    let described = format!(
        "<interface><object class=\"{class}\" id=\"it\">{role}<accessibility><property name=\"label\">{words}</property>{description}</accessibility></object></interface>"
    );
    gtk::Builder::from_string(&described).object("it").unwrap_or_else(|| panic!("{class} can't be built"))
}
