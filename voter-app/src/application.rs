//! The application: options, actions, one window.

use std::path::{Path, PathBuf};
use std::time::Instant;

use adw::prelude::*;
use clap::{Parser, Subcommand};
use gtk::{gio, glib};
use veritally_board_api::manual::Manual;
use veritally_crypto::hash::Hash;
use veritally_session::StateDirectory;

use crate::i18n::tr;
use crate::timings::Timings;
use crate::ui::RESOURCES;
use crate::window::Window;

/// Name on the bus, of the icon and of the desktop file.
pub const ID: &str = "org.veritally.App";

/// Vote, test that your vote was encrypted honestly, and see that it counts.
#[derive(Debug, Clone, Parser)]
#[command(
    version,
    about,
    args_conflicts_with_subcommands = true,
    after_help = "The language follows the environment: LANGUAGE=de veritally-app"
)]
pub struct Options {
    /// Link to the election: veritally://HOST/ELECTION?fp=HEX, as on your letter
    pub link: Option<String>,
    /// Start the built-in practice election: nothing counts, and nothing leaves this computer
    #[arg(long, conflicts_with = "link")]
    pub practice: bool,
    /// Where receipts and encrypted ballots are kept [default: $XDG_DATA_HOME/veritally]
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Instead of a window.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What the program does without a window.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Write man pages and shell completions
    #[command(hide = true)]
    Manual(Manual),
}

/// Name on the bus: a start hands its link to a running app that keeps the same elections, never to one with another
/// `--state`.
fn id_of(state: Option<&Path>) -> String {
    let absolute = state.and_then(|state| std::path::absolute(state).ok());
    match absolute {
        Some(state) => {
            // Without what says nothing, as a last slash.
            let state: PathBuf = state.components().collect();
            let digest = Hash::of(state.as_os_str().as_encoded_bytes()).to_string();
            format!("{ID}.State{}", digest.get(..16).unwrap_or_default())
        }
        None => ID.to_owned(),
    }
}

/// The application; a second start hands its link to the first.
pub fn build(options: &Options, started: Instant) -> adw::Application {
    let application = adw::Application::builder()
        .application_id(id_of(options.state.as_deref()))
        .resource_base_path(RESOURCES)
        .flags(gio::ApplicationFlags::HANDLES_COMMAND_LINE)
        .build();
    let timings = Timings::start(started);
    let measured = timings.clone();
    application.connect_startup(|application| {
        gtk::Window::set_default_icon_name(ID);
        // A text that can be copied shall not look marked when it has the focus.
        if let Some(settings) = gtk::Settings::default() {
            settings.set_gtk_label_select_on_focus(false);
        }
        add_actions(application);
    });
    application.connect_shutdown(move |_| {
        Window::end();
        measured.print();
    });
    let state = options.state.clone().map(StateDirectory::new).or_else(StateDirectory::standard);
    application.connect_command_line(move |application, line| {
        // Faulty options end a start before it comes here.
        let options = Options::try_parse_from(line.arguments()).ok();
        let Some(state) = state.clone() else {
            eprintln!("veritally-app: there is no home directory to keep receipts in; say --state DIR");
            return glib::ExitCode::FAILURE;
        };
        let window = match Window::of(application, state, &timings) {
            Ok(window) => window,
            Err(error) => {
                eprintln!("veritally-app: the system gives no threads: {error}");
                return glib::ExitCode::FAILURE;
            }
        };
        window.present();
        match options {
            Some(Options { link: Some(link), .. }) => window.open_link(&link),
            Some(Options { practice: true, .. }) => window.practice(),
            _ => {}
        }
        glib::ExitCode::SUCCESS
    });
    application
}

fn add_actions(application: &adw::Application) {
    let about = gio::ActionEntry::builder("about").activate(|application: &adw::Application, _, _| about(application));
    let quit = gio::ActionEntry::builder("quit").activate(|application: &adw::Application, _, _| {
        for window in application.windows() {
            window.close();
        }
    });
    application.add_action_entries([about.build(), quit.build()]);
    application.set_accels_for_action("app.quit", &["<Control>q"]);
    application.set_accels_for_action("win.back", &["<Alt>Left", "Escape"]);
    application.set_accels_for_action("win.show-help-overlay", &["<Control>question"]);
}

fn about(application: &adw::Application) {
    let window = adw::AboutWindow::builder()
        .application_name("Veritally")
        .application_icon(ID)
        .version(env!("CARGO_PKG_VERSION"))
        .developer_name("The Veritally authors")
        .comments(tr("Vote, test that your vote was encrypted honestly, and see that it counts."))
        .license_type(gtk::License::MitX11)
        .modal(true)
        .build();
    window.set_transient_for(application.active_window().as_ref());
    window.present();
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{ID, id_of};

    #[test]
    fn apps_with_another_state_have_another_name_on_the_bus() {
        assert_eq!(id_of(None), ID);
        let (one, other) = (id_of(Some(Path::new("/tmp/one"))), id_of(Some(Path::new("/tmp/other"))));
        assert_ne!(one, other);
        assert_eq!(one, id_of(Some(Path::new("/tmp/one/"))));
        for name in [one, other] {
            assert!(gtk::gio::Application::id_is_valid(&name), "{name}");
        }
    }
}
