//! The real program as a process, with any settings.
#![allow(dead_code)]

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use veritally_board_api::Client;
use veritally_board_api::files::Ready;

use crate::common::{NAME, Running, open_on};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_veritally-board");

/// A running `veritally-board serve`; killed when dropped.
pub struct Program {
    pub child: Child,
    pub url: String,
    pub data: PathBuf,
}

/// The program with these arguments, without settings of whoever runs the tests.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).env_remove("RUST_LOG");
    command
}

pub fn output(command: &mut Command) -> (bool, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    (status.success(), format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr)))
}

impl Program {
    /// Starts a board on a free port; its log goes to `board.log` in its folder.
    pub fn start(data: &Path, arguments: &[&str]) -> Self {
        Self::start_with(data, arguments, |_| {})
    }

    pub fn start_with(data: &Path, arguments: &[&str], edit: impl Fn(&mut Command)) -> Self {
        let ready = data.join("ready.json");
        let _ = std::fs::remove_file(&ready);
        let log = std::fs::File::options().create(true).append(true).open(data.join("board.log")).unwrap();
        let mut command = command(&["serve", "--name", NAME]);
        if !arguments.contains(&"--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        command.args(arguments).arg("--data").arg(data).arg("--ready-file").arg(&ready).stderr(Stdio::from(log));
        edit(&mut command);
        let mut child = command.spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        while !ready.exists() {
            let ended = child.try_wait().unwrap().is_some();
            assert!(!ended && Instant::now() < deadline, "the board did not start: {}", log_of(data));
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { child, url: Ready::read(&ready).unwrap().url, data: data.to_owned() }
    }

    pub fn client(&self) -> Client {
        Client::new(&self.url).unwrap().with_patience(Duration::ZERO)
    }

    /// `IP:PORT`.
    pub fn address(&self) -> &str {
        self.url.split("://").nth(1).unwrap()
    }

    pub fn log(&self) -> String {
        log_of(&self.data)
    }

    /// Waits until the log says something.
    pub fn wait_for(&self, text: &str) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !self.log().contains(text) {
            assert!(Instant::now() < deadline, "the log never said {text:?}: {}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub fn signal(&self, signal: &str) {
        let killed = Command::new("kill").args(["-s", signal]).arg(self.child.id().to_string()).status().unwrap();
        assert!(killed.success());
    }

    /// SIGTERM, and whether it ended well.
    pub fn terminate(mut self) -> bool {
        self.signal("TERM");
        self.child.wait().unwrap().success()
    }

    /// Kibibytes of memory: now, and at most since the start.
    pub fn memory_kib(&self) -> (u64, u64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().trim_end_matches(" kB").trim().parse().unwrap()
        };
        (field("VmRSS:"), field("VmHWM:"))
    }

    /// An open election of the sample, with so many voters.
    pub async fn election(&self, client: &Client, voters: usize) -> Running {
        self.election_with(client, voters, |_| {}).await
    }

    /// The same with a change of the manifest.
    pub async fn election_with(
        &self,
        client: &Client,
        voters: usize,
        change: impl FnOnce(&mut veritally_crypto::manifest::Manifest),
    ) -> Running {
        open_on(client, &self.data, voters, change).await
    }
}

fn log_of(data: &Path) -> String {
    let mut text = String::new();
    if let Ok(mut file) = std::fs::File::open(data.join("board.log")) {
        file.read_to_string(&mut text).unwrap();
    }
    text
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
