//! How far a verification is: a bar on a terminal, a line every few seconds elsewhere, nothing for libraries.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Pause between plain lines.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// What is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// Files come from a board.
    Download,
    /// Entries are verified.
    Verify,
}

impl Stage {
    fn doing(self) -> &'static str {
        match self {
            Self::Download => "downloading files",
            Self::Verify => "verifying entries",
        }
    }
}

/// Is told how far the work is. Called from several threads.
pub trait Progress: Sync {
    /// A stage of `total` steps begins.
    fn begin(&self, stage: Stage, total: u64);
    /// So many steps more are done.
    fn advance(&self, steps: u64);
    /// The stage is over.
    fn finish(&self);
}

/// Says nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn begin(&self, _: Stage, _: u64) {}
    fn advance(&self, _: u64) {}
    fn finish(&self) {}
}

/// A bar on standard error when it is a terminal.
#[derive(Debug)]
pub struct Bar(ProgressBar);

impl Bar {
    /// Nothing is shown before a stage begins.
    #[must_use]
    pub fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let template = "{msg:18} [{wide_bar}] {human_pos}/{human_len} {percent}% {eta} left";
        // The template is a constant: if it were wrong, a plain bar would do.
        bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self(bar)
    }
}

impl Default for Bar {
    fn default() -> Self {
        Self::new()
    }
}

impl Progress for Bar {
    fn begin(&self, stage: Stage, total: u64) {
        self.0.reset();
        self.0.set_length(total);
        self.0.set_message(stage.doing());
    }
    fn advance(&self, steps: u64) {
        self.0.inc(steps);
    }
    fn finish(&self) {
        self.0.finish_and_clear();
    }
}

/// Plain lines on standard error.
#[derive(Debug)]
pub struct Lines {
    done: AtomicU64,
    stage: Mutex<(Stage, u64, Instant)>,
}

impl Lines {
    /// Nothing is shown before a stage begins.
    #[must_use]
    pub fn new() -> Self {
        Self { done: AtomicU64::new(0), stage: Mutex::new((Stage::Verify, 0, Instant::now())) }
    }
}

impl Default for Lines {
    fn default() -> Self {
        Self::new()
    }
}

impl Progress for Lines {
    fn begin(&self, stage: Stage, total: u64) {
        self.done.store(0, Ordering::Relaxed);
        if let Ok(mut state) = self.stage.lock() {
            *state = (stage, total, Instant::now());
        }
        eprintln!("{}: {total}", stage.doing());
    }

    fn advance(&self, steps: u64) {
        let done = self.done.fetch_add(steps, Ordering::Relaxed) + steps;
        if let Ok(mut state) = self.stage.try_lock()
            && state.2.elapsed() >= LINE_EVERY
        {
            state.2 = Instant::now();
            eprintln!("{}: {done} of {}", state.0.doing(), state.1);
        }
    }

    fn finish(&self) {
        if let Ok(state) = self.stage.lock() {
            eprintln!("{}: done, {}", state.0.doing(), self.done.load(Ordering::Relaxed));
        }
    }
}

/// The one that fits standard error.
#[must_use]
pub fn on_standard_error() -> Box<dyn Progress> {
    use std::io::IsTerminal as _;
    if std::io::stderr().is_terminal() { Box::new(Bar::new()) } else { Box::new(Lines::new()) }
}
