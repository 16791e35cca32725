//! How long starting took and how long the main loop was kept busy, on request (`VERITALLY_APP_TIMINGS`): printed when the
//! app ends.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use gtk::glib;

/// How often the main loop is felt for.
const TICK: Duration = Duration::from_millis(5);

/// Measures while the app runs.
#[derive(Debug, Clone, Default)]
pub struct Timings(Option<Rc<Measured>>);

#[derive(Debug)]
struct Measured {
    started: Instant,
    shown: Cell<Option<Duration>>,
    last: Cell<Instant>,
    longest: Cell<Duration>,
}

impl Timings {
    /// Begins, if the environment asks for it; `started` is when the program began.
    pub fn start(started: Instant) -> Self {
        if std::env::var_os("VERITALLY_APP_TIMINGS").is_none() {
            return Self::default();
        }
        let now = Cell::new(Instant::now());
        let measured = Rc::new(Measured { started, shown: Cell::default(), last: now, longest: Cell::default() });
        Self(Some(measured))
    }

    /// The first page is on the screen: pauses count from now on.
    pub fn shown(&self) {
        let Some(measured) = &self.0 else { return };
        if measured.shown.get().is_some() {
            return;
        }
        measured.shown.set(Some(measured.started.elapsed()));
        measured.last.set(Instant::now());
        let measured = measured.clone();
        glib::timeout_add_local_full(TICK, glib::Priority::HIGH, move || {
            let pause = measured.last.replace(Instant::now()).elapsed();
            measured.longest.set(measured.longest.get().max(pause.saturating_sub(TICK)));
            glib::ControlFlow::Continue
        });
    }

    /// Prints what was measured.
    pub fn print(&self) {
        let Some(measured) = &self.0 else { return };
        let start = measured.shown.get().unwrap_or_default().as_millis();
        println!("timings: start {start} ms, longest main-loop pause {} ms", measured.longest.get().as_millis());
    }
}
