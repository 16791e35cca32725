//! `witness`: the server, and asking boards.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use veritally_board_api::files::Ready;
use veritally_board_api::{Client, ElectionClient, Link, key_file};
use veritally_crypto::log::note::{Algorithm, NoteVerifier};
use veritally_crypto::manifest::CheckedManifest;
use veritally_crypto::signature::SigningSecret;
use veritally_verifier::evidence::LogIdentity;
use veritally_verifier::witness::server::{now_s, serve};
use veritally_verifier::witness::{Witness, WitnessError, WitnessedLog};

use super::block_on;

/// `witness`.
#[derive(Args)]
pub(crate) struct Run {
    /// The witness's key file.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Its name, as manifests list it: like `witness.example/w1`.
    #[arg(long)]
    name: String,
    /// Make the key file, print name and key for manifests, and stop.
    #[arg(long, conflicts_with_all = ["state", "listen", "log", "follow"])]
    new_key: bool,
    /// Where it remembers what it cosigned. ⚠ Never restore an old copy: a witness that forgets can be led astray.
    #[arg(long, value_name = "DIR", required_unless_present = "new_key")]
    state: Option<PathBuf>,
    /// Serve `POST /add-checkpoint` here (plain HTTP: put a proxy with TLS before it).
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// A log to cosign: an election's link with fingerprint, or the log's key `<name>+<id>+<key>`.
    #[arg(long, value_name = "LINK|KEY")]
    log: Vec<String>,
    /// Ask this election's board for checkpoints; a link with fingerprint.
    #[arg(long, value_name = "LINK")]
    follow: Vec<Link>,
    /// Pause between two questions.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    every: u64,
    /// Ask each board once, and stop.
    #[arg(long, requires = "follow")]
    once: bool,
    /// Written when it listens: a JSON file with the address.
    #[arg(long, value_name = "FILE", requires = "listen")]
    ready_file: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Run) -> anyhow::Result<ExitCode> {
    if arguments.new_key {
        let key = SigningSecret::generate(&mut rand::rng());
        let verifier = NoteVerifier::witness(&arguments.name, key.verification_key())?;
        key_file::create(&arguments.key, &key)?;
        println!("{verifier}\nname = {:?}, key = \"{}\"", arguments.name, verifier.key());
        return Ok(ExitCode::SUCCESS);
    }
    let state = arguments.state.as_ref().context("--state is missing")?;
    let witness = Witness::open(state, &arguments.name, key_file::read(&arguments.key)?)?;
    block_on(witnessing(arguments, Arc::new(witness)))
}

/// A log by its election's link: the fingerprint says which key is the log's.
async fn log_of_link(link: &Link) -> anyhow::Result<(ElectionClient, WitnessedLog)> {
    let Some(expected) = link.fingerprint else {
        bail!("{link} has no fingerprint: a witness must know which log it means (add ?fp=HEX)");
    };
    let client = Client::for_link(link)?;
    let bytes = client.manifest_bytes().await?;
    let manifest = CheckedManifest::from_leaf(&bytes)?;
    if manifest.fingerprint() != expected {
        bail!("{link}: the board serves another election there, with fingerprint {}", manifest.fingerprint());
    }
    let identity = LogIdentity { origin: manifest.log.origin.clone(), key: manifest.log.key };
    Ok((client, WitnessedLog { identity, manifest: Some(bytes.to_vec()) }))
}

async fn witnessing(arguments: &Run, witness: Arc<Witness>) -> anyhow::Result<ExitCode> {
    eprintln!("witness {}", witness.verifier());
    for log in &arguments.log {
        let log = match Link::parse(log) {
            Ok(link) => log_of_link(&link).await?.1,
            Err(_) => {
                let key = NoteVerifier::parse(log, Algorithm::Ed25519)
                    .with_context(|| format!("{log} is neither a link nor a log's key"))?;
                let identity = LogIdentity { origin: key.name().to_owned(), key: *key.key() };
                WitnessedLog { identity, manifest: None }
            }
        };
        witness.add_log(log)?;
    }
    let mut followed = vec![];
    for link in &arguments.follow {
        let (client, log) = log_of_link(link).await?;
        let origin = log.identity.origin.clone();
        witness.add_log(log)?;
        followed.push((client, origin));
    }
    if arguments.listen.is_none() && followed.is_empty() {
        bail!("nothing to do: give --listen, --follow or both");
    }
    let server = match arguments.listen {
        None => None,
        Some(address) => {
            let listener = tokio::net::TcpListener::bind(address).await.context("can't listen")?;
            let ready = Ready::new(listener.local_addr()?);
            eprintln!("listening on {}", ready.url);
            if let Some(path) = &arguments.ready_file {
                ready.write(path)?;
            }
            Some(tokio::spawn(serve(listener, Arc::clone(&witness))))
        }
    };
    let mut good = true;
    loop {
        for (client, origin) in &followed {
            good &= pull(&witness, client, origin).await?;
        }
        if arguments.once {
            return Ok(super::status(good));
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(arguments.every)) => {}
            // What was cosigned is on disk already.
            _ = tokio::signal::ctrl_c() => break,
        }
    }
    drop(server);
    Ok(super::status(good))
}

/// False when the board was caught. Boards that can't be reached are asked again.
async fn pull(witness: &Witness, client: &ElectionClient, origin: &str) -> anyhow::Result<bool> {
    match witness.pull(client, origin, now_s()).await {
        Ok(cosigned) => {
            println!("cosigned {origin}: {} entries, root {}", cosigned.head.tree_size, cosigned.head.root);
            Ok(true)
        }
        Err(error @ (WitnessError::Caught { .. } | WitnessError::Fork(_) | WitnessError::Checkpoint(_))) => {
            println!("⚠ {origin}: {error}");
            Ok(false)
        }
        Err(error @ (WitnessError::File(_) | WitnessError::State(_) | WitnessError::Evidence(_))) => Err(error.into()),
        Err(error) => {
            eprintln!("{origin}: {error}");
            Ok(true)
        }
    }
}
