//! A bar on a terminal, a line every few seconds elsewhere.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Between lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// How far something is.
pub(crate) struct Meter {
    bar: Option<ProgressBar>,
    what: &'static str,
    begin: Instant,
    next_line: Instant,
    /// What earlier runs did; not counted in the rate.
    before: usize,
}

impl Meter {
    /// Begins at `before` of `total`.
    pub(crate) fn new(what: &'static str, before: usize, total: usize) -> Self {
        let begin = Instant::now();
        let bar = std::io::stderr().is_terminal().then(|| bar(what, before, total));
        Self { bar, what, begin, next_line: begin + LINE_EVERY, before }
    }

    /// Shows `done` of `total`.
    pub(crate) fn show(&mut self, done: usize, total: usize) {
        if let Some(bar) = &self.bar {
            bar.set_position(done as u64);
        } else if Instant::now() >= self.next_line {
            self.next_line = Instant::now() + LINE_EVERY;
            let rate = done.saturating_sub(self.before) as f64 / self.begin.elapsed().as_secs_f64();
            eprintln!("{}: {done} of {total}, {rate:.0} a second", self.what);
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(what: &'static str, before: usize, total: usize) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total as u64), ProgressDrawTarget::stderr_with_hz(5));
    let style = ProgressStyle::with_template("{msg} {bar:40} {human_pos}/{human_len} {per_sec} {eta}");
    let bar = style.map_or(bar.clone(), |style| bar.with_style(style));
    bar.set_message(what);
    bar.set_position(before as u64);
    bar.reset_eta();
    bar
}
