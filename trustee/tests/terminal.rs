//! The program at a real terminal (the pty of `script`, from bsdutils): prompts, confirmation, clear errors, no echo.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use std::io::{Read as _, Write as _};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use veritally_trustee::journal;
use veritally_trustee::key_store::KeyStore;
use zeroize::Zeroizing;

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
                terminal.expect("downloading files");
                terminal.expect("verifying the whole record");
                terminal.expect("verifying entries");
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
async fn names_and_errors_from_elsewhere_can_not_drive_the_terminal() {
    // Clears the screen, writes a line of its own, and turns the direction of writing.
    let hostile = "\u{1b}[2J\u{1b}[1;1HPASS\r\n\u{9b}31m\u{202e}Name";
    let contest = "[[contests]]\nid = \"chair\"\nname = \"Chair\"\n\
                   rule = { type = \"choice\", min = 1, max = 1, seats = 1, blank = false }\n\
                   selections = [{ id = \"a\", name = \"A\" }, { id = \"b\", name = \"B\" }]\n";
    let mut world = World::create_named((2, 2, 3), (hostile, hostile), contest).await;
    world.hold_ceremony(&[1, 2, 3]).await;
    world.open(1).await;
    world.cast(0, "a").await;
    world.close().await;
    let (public, strange) = (world.dir.path().join("public.json"), world.dir.path().join("strange.json"));
    let made = succeeds(world.command(1, "public", &["--out", public.to_str().unwrap()])).await;
    std::fs::write(&strange, "{\"\\u001b[2J\":1}").unwrap();
    let fingerprint = |path: &std::path::Path| {
        let mut command = Command::new(PROGRAM);
        command.arg("fingerprint").arg(path);
        command
    };
    let link = world.link.to_string();
    let asked = world.command(1, "decrypt", &["--link", &link, "--wait", "0", "--accept-early-closing"]);
    let shown = [
        made,
        succeeds(fingerprint(&public)).await,
        succeeds(world.status()).await,
        fails_with(asked, "nothing was posted").await,
        fails_with(fingerprint(&strange), "is no public file").await,
    ];
    for text in &shown {
        let control = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!text.contains(control) && !text.contains("\nPASS") && text.contains('?'), "{text:?}");
    }
    assert!(shown[..4].iter().all(|text| text.contains("?[2J?[1;1HPASS???31m?Name")), "{shown:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_file_is_made_again_and_read_aloud_with_the_same_characters() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).env("VERITALLY_PASSPHRASE", PASSPHRASE).stdin(Stdio::null());
        command
    };
    let (key, public, again) = (at("key"), at("public.json"), at("again.json"));
    let init = ["init", "--work-factor", "2", "--name", "Ada", "--key", &key, "--public", &public];
    // Interrupted before the public file: its folder is not there.
    let mut interrupted = init;
    let nowhere = at("nowhere/public.json");
    interrupted[8] = &nowhere;
    fails_with(run(&interrupted), "can't write").await;
    fails_with(run(&init), "can't create").await;
    let made = succeeds(run(&["public", "--key", &key, "--out", &public])).await;
    let words = made.lines().find_map(|line| line.strip_prefix("read aloud   ")).unwrap().to_owned();
    assert_eq!(words.len(), 24);
    let remade = succeeds(run(&["public", "--key", &key, "--out", &again])).await;
    assert!(remade.contains(&words), "{remade}");
    let shown = succeeds(run(&["fingerprint", &public, &again])).await;
    assert!(shown.matches(&words).count() == 2 && shown.matches("name         Ada").count() == 2, "{shown}");
    assert!(shown.contains('█') || shown.contains('▀'), "{shown}");
    // A file that was changed on the way proves nothing any more.
    let other = at("other.json");
    let store = KeyStore::open(std::path::Path::new(&key), Zeroizing::new(PASSPHRASE.into())).unwrap();
    let mut keys = store.public_keys(&mut rng(1));
    keys.identity_key = veritally_crypto::signature::SigningSecret::from_seed(&[7; 32]).verification_key();
    std::fs::write(&other, veritally_crypto::canonical::to_bytes(&keys).unwrap()).unwrap();
    fails_with(run(&["fingerprint", &other]), "other.json").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_opened_with_the_program_age() {
    if Command::new("age").arg("--version").output().is_err() {
        eprintln!("SKIPPED: the program age is not installed (package age; scripts/test unit installs it)");
        return;
    }
    let world = World::create(2, 2, 3).await;
    fails_with(world.ceremony(1, 0), "still waiting").await;
    let (backup, plain) = (world.dir.path().join("backup.age"), world.dir.path().join("plain.json"));
    succeeds(world.command(1, "backup", &["--out", backup.to_str().unwrap()])).await;
    let line = format!("age -d -o {} {}", plain.display(), backup.display());
    let (screen, good) = tokio::task::spawn_blocking(move || {
        let mut terminal = Terminal::run(&line);
        terminal.expect("Enter passphrase");
        terminal.write(PASSPHRASE);
        terminal.end()
    })
    .await
    .unwrap();
    assert!(good, "{screen}");
    let plain: serde_json::Value = serde_json::from_slice(&std::fs::read(plain).unwrap()).unwrap();
    let seed = world.store(1).known_seed(&world.link.fingerprint.unwrap(), 1).unwrap();
    let name = format!("{}/1", world.link.fingerprint.unwrap());
    let hex: String = seed.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(plain["key"]["seeds"][&name], hex);
    assert_eq!(plain["journal"], std::fs::read_to_string(journal::path_of(&world.key(1))).unwrap());
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
    let journal = std::fs::read(journal::path_of(&world.key(1))).unwrap();
    assert!(journal.is_empty(), "it was locked, and nothing was begun");
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
