//! The program at a real terminal (the pty of `script`, from bsdutils): prompts, confirmation, clear errors, no echo.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use std::io::{Read as _, Write as _};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use veritally_trustee::journal;

use common::*;

/// A program at a terminal.
struct Terminal {
    child: std::process::Child,
    keyboard: ChildStdin,
    screen: Receiver<Vec<u8>>,
    seen: String,
}

impl Terminal {
    fn run(line: &str) -> Self {
        let mut command = Command::new("script");
        command.args(["-qefc", line, "/dev/null"]).env_remove("VERITALLY_PASSPHRASE");
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("script, from the package bsdutils");
        let (keyboard, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (sender, screen) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4_096];
            while let Ok(length @ 1..) = output.read(&mut buffer) {
                _ = sender.send(buffer[..length].to_vec());
            }
        });
        Self { child, keyboard, screen, seen: String::new() }
    }

    /// Waits until the screen shows this, and forgets what came before.
    fn expect(&mut self, text: &str) {
        while !self.seen.contains(text) {
            let more = self.screen.recv_timeout(Duration::from_secs(60));
            let more = more.unwrap_or_else(|_| panic!("{text:?} does not come after:\n{}", self.seen));
            self.seen.push_str(&String::from_utf8_lossy(&more));
        }
        let end = self.seen.find(text).unwrap() + text.len();
        self.seen.drain(..end);
    }

    fn write(&mut self, line: &str) {
        // The prompt is on the screen before the program switches the echo off.
        std::thread::sleep(Duration::from_millis(100));
        writeln!(self.keyboard, "{line}").unwrap();
        self.keyboard.flush().unwrap();
    }

    /// A key with Ctrl.
    fn control(&mut self, key: char) {
        std::thread::sleep(Duration::from_millis(100));
        self.keyboard.write_all(&[key as u8 & 0x1f]).unwrap();
        self.keyboard.flush().unwrap();
    }

    /// The rest of the screen, and whether the program succeeded.
    fn end(mut self) -> (String, bool) {
        drop(self.keyboard);
        loop {
            match self.screen.recv_timeout(Duration::from_secs(60)) {
                Ok(more) => self.seen.push_str(&String::from_utf8_lossy(&more)),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    _ = self.child.kill();
                    panic!("the program does not end after:\n{}", self.seen);
                }
            }
        }
        (self.seen, self.child.wait().unwrap().success())
    }
}

const PROGRAM: &str = env!("CARGO_BIN_EXE_veritally-trustee");

#[test]
fn a_key_file_is_made_at_the_terminal_and_no_passphrase_is_shown() {
    let dir = tempfile::tempdir().unwrap();
    let (key, public) = (dir.path().join("key"), dir.path().join("public.json"));
    let line =
        format!("{PROGRAM} init --work-factor 2 --name Ada --key {} --public {}", key.display(), public.display());
    let mut short = Terminal::run(&line);
    short.expect("Passphrase of the key file: ");
    short.write("short");
    short.expect("The same again: ");
    short.write("short");
    let (screen, good) = short.end();
    assert!(!good && screen.contains("the passphrase is too short"), "{screen}");
    let mut differing = Terminal::run(&line);
    differing.expect("Passphrase of the key file: ");
    differing.write("correct horse battery");
    differing.expect("The same again: ");
    differing.write("correct horse batterie");
    let (screen, good) = differing.end();
    assert!(!good && screen.contains("the two passphrases differ; nothing was written") && !key.exists(), "{screen}");
    let mut right = Terminal::run(&line);
    right.expect("Passphrase of the key file: ");
    right.write("correct horse battery");
    right.expect("The same again: ");
    right.write("correct horse battery");
    right.expect("read aloud   ");
    let (screen, good) = right.end();
    assert!(good && screen.contains("fingerprint  ") && screen.contains('█'), "{screen}");
    assert!(!screen.contains("battery"), "the passphrase is on the screen");
    let mut again = Terminal::run(&line);
    again.expect("Passphrase of the key file: ");
    again.write("correct horse battery");
    again.expect("The same again: ");
    again.write("correct horse battery");
    let (screen, good) = again.end();
    assert!(!good && screen.contains("can't create"), "a key file is never overwritten: {screen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agreement_is_asked_for_after_everything_was_shown() {
    let mut world = World::create(2, 2, 3).await;
    world.hold_ceremony(&[1, 2, 3]).await;
    world.open(2).await;
    world.cast(0, "a").await;
    world.cast(1, "b").await;
    let line = |wait: u64| {
        let (key, link) = (world.key(1), world.link.to_string());
        format!(
            "{PROGRAM} decrypt --work-factor 2 --accept-early-closing --wait {wait} --key {} --link '{link}'",
            key.display()
        )
    };
    let decrypt = |answer: &'static str, wait: u64, passphrase: &'static str| {
        let line = line(wait);
        tokio::task::spawn_blocking(move || {
            let mut terminal = Terminal::run(&line);
            terminal.expect("Passphrase of the key file: ");
            terminal.write(passphrase);
            if !answer.is_empty() {
                terminal.expect("You are about to agree to this, once and for ever:");
                terminal.expect("election     Test");
                terminal.expect("ballots      2 cast, 2 counted");
                terminal.expect("sum of 2 ballots, weight 2");
                terminal.expect("Type \"agree\" to agree");
                terminal.write(answer);
            }
            terminal.end()
        })
    };
    let (screen, good) = decrypt("", 0, "wrong passphrase").await.unwrap();
    assert!(!good && screen.contains("wrong passphrase, or not a trustee's key file"), "{screen}");
    let (screen, good) = decrypt("", 0, PASSPHRASE).await.unwrap();
    assert!(!good && screen.contains("run the same command again after voting has closed"), "{screen}");
    world.close().await;
    let (screen, good) = decrypt("no", 0, PASSPHRASE).await.unwrap();
    assert!(!good && screen.contains("nothing was posted"), "{screen}");
    let (screen, good) = decrypt("agree", 0, PASSPHRASE).await.unwrap();
    assert!(!good && screen.contains("1 of 2 agreements are there, trustee 2, trustee 3 have not agreed"), "{screen}");
    // It is asked once: the second run goes on.
    let second = tokio::spawn(output(world.decrypt(2, 60)));
    let (screen, good) = decrypt("", 60, PASSPHRASE).await.unwrap();
    assert!(good && screen.contains("its duty is done"), "{screen}");
    assert!(second.await.unwrap().status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ceremony_at_the_terminal_survives_wrong_passphrases_and_interruptions() {
    let world = World::create(2, 2, 3).await;
    let (key, link) = (world.key(1), world.link.to_string());
    // What the terminal is left like is asked afterwards.
    let line = move |wait: u64| {
        format!(
            "trap : INT; {PROGRAM} ceremony --work-factor 2 --wait {wait} --key {} --link '{link}'; \
             echo \"status $?\"; stty -a",
            key.display()
        )
    };
    let at = |wait: u64, acts: fn(&mut Terminal)| {
        let line = line(wait);
        tokio::task::spawn_blocking(move || {
            let mut terminal = Terminal::run(&line);
            terminal.expect("Passphrase of the key file: ");
            acts(&mut terminal);
            let (screen, _) = terminal.end();
            let set = |setting| screen.split_whitespace().any(|word| word == setting);
            assert!(set("echo") && set("isig") && set("icanon"), "the terminal is left without echo: {screen}");
            screen
        })
    };
    let screen = at(0, |terminal| terminal.write("wrong passphrase")).await.unwrap();
    assert!(
        screen.contains("wrong passphrase, or not a trustee's key file") && screen.contains("status 1"),
        "{screen}"
    );
    let screen = at(0, |terminal| terminal.control('d')).await.unwrap();
    assert!(screen.contains("can't read the passphrase from the terminal") && screen.contains("status 1"), "{screen}");
    let screen = at(0, |terminal| {
        terminal.control('c');
        terminal.expect("interrupted at the prompt; nothing was done");
    });
    assert!(screen.await.unwrap().contains("status 1"));
    assert!(!journal::path_of(&world.key(1)).exists(), "nothing was begun");
    // In the middle of it, while it waits for the others.
    let screen = at(60, |terminal| {
        terminal.write(PASSPHRASE);
        terminal.expect("trustee 1 has done its part of: commit");
        terminal.expect("waiting for trustee 2, trustee 3 to commit");
        terminal.control('c');
        terminal.expect("interrupted; nothing is lost, run the same command again");
    });
    assert!(screen.await.unwrap().contains("status 130"));
    // And to the end.
    let others = [2, 3].map(|i| tokio::spawn(output(world.ceremony(i, 60))));
    let screen = at(60, |terminal| {
        terminal.write(PASSPHRASE);
        terminal.expect("trustee 1 has done its part of: reveal");
        terminal.expect("trustee 1 has done its part of: rehearsal");
        terminal.expect("the key ceremony is complete");
    });
    assert!(screen.await.unwrap().contains("status 0"));
    for run in others {
        assert!(run.await.unwrap().status.success());
    }
}
