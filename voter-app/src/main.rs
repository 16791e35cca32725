//! The voter's desktop app: GTK pages over `veritally-session`, which decides everything.
//!
//! Where to start reading: [`window`], which shows a page for each state; [`pages`], one file pair each; [`controls`], the
//! ways of filling in a contest. No page knows cryptography or network: that is the session's, on threads of its own.

mod application;
mod controls;
mod i18n;
mod pages;
mod pdf;
mod scan;
mod shell;
mod timings;
mod troubles;
mod ui;
mod widgets;
mod window;
mod words;
mod work;

use std::process::ExitCode;
use std::time::Instant;

use clap::{CommandFactory as _, Parser as _};
use gtk::prelude::*;
use gtk::{gio, glib};

fn main() -> ExitCode {
    let started = Instant::now();
    let options = application::Options::parse();
    if let Some(application::Command::Manual(manual)) = &options.command {
        return match manual.write(application::Options::command()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("veritally-app: {error}");
                ExitCode::FAILURE
            }
        };
    }
    // No voting code in a core dump; where the limit can't be set there is none to lower.
    let _ = rlimit::setrlimit(rlimit::Resource::CORE, 0, 0);
    i18n::start();
    if gio::resources_register_include!("veritally.gresource").is_err() {
        eprintln!("veritally-app: the program file is damaged: its pages are missing");
        return ExitCode::FAILURE;
    }
    glib::set_application_name("Veritally");
    let application = application::build(&options, started);
    // Read again by `application`, which also gets the arguments of later starts.
    let status = application.run();
    if status == glib::ExitCode::SUCCESS { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
