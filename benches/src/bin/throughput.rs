//! `throughput raw|verify RECORD`: how fast ballots are verified, by the bare equation or with everything around it.
//!
//! `raw`: the batch verification alone, of ballots in memory, on all cores. Times are of the clock, and of the CPU: on a
//! machine that others use the clock tells how much of it was left, not how fast this is. `verify`: the whole verification of a record, and
//! the memory that it took. `benches/verify_throughput` runs both in turn and compares.

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use rand::SeedableRng as _;
use rand::rngs::{StdRng, SysRng};
use rayon::prelude::*;
use veritally_benches::cpu::cpu_time;
use veritally_crypto::ballot::EncryptedBallot;
use veritally_crypto::leaves::Leaf;
use veritally_crypto::log::tiles::{bundles_of, decode_entries};
use veritally_crypto::record::RecordState;
use veritally_crypto::sample::SampleError;
use veritally_verifier::source::Folder;
use veritally_verifier::{NoProgress, Options, Source as _, verify};

/// Ballots in memory for `raw`: enough for some seconds.
const SAMPLE: usize = 16_384;
/// Ballots in one equation, as in the verifier.
const BATCH: usize = 1024;

fn raw(folder: &Folder) -> Result<(), SampleError> {
    let mut state: Option<RecordState> = None;
    let mut ballots = vec![];
    'reading: for tile in bundles_of(0, u64::from(u32::MAX)) {
        let Some(bytes) = folder.read(&tile.to_string(), 32 << 20)?.bytes() else { break };
        for entry in decode_entries(&bytes, tile.width())? {
            match &mut state {
                None => state = Some(RecordState::start(entry)?),
                Some(state) if state.ballot_context().is_none() => state.apply(&Leaf::parse(entry)?, entry)?,
                Some(_) => ballots.extend(EncryptedBallot::parse(entry).ok()),
            }
            if ballots.len() == SAMPLE {
                break 'reading;
            }
        }
    }
    let context = state.as_ref().and_then(RecordState::ballot_context).ok_or("not open, or too few ballots")?;
    let count = ballots.len();
    let (started, cpu) = (Instant::now(), cpu_time());
    let bad: usize = ballots
        .par_chunks(BATCH)
        .map(|batch| -> Result<usize, String> {
            let mut rng = StdRng::try_from_rng(&mut SysRng).map_err(|error| error.to_string())?;
            Ok(context.verify_batch(batch.to_vec(), &mut rng).iter().filter(|verdict| verdict.is_err()).count())
        })
        .sum::<Result<usize, String>>()?;
    let (seconds, cpu) = (started.elapsed().as_secs_f64(), cpu_time().saturating_sub(cpu).as_secs_f64());
    let (rate, cpu_us) = (count as f64 / seconds, cpu * 1e6 / count as f64);
    println!("raw {rate:.0} ballots/s, {cpu_us:.1} µs of CPU time each ({count} ballots, {bad} bad)");
    Ok(())
}

/// The most memory that this process had, in bytes.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kib| kib << 10)
}

fn whole(folder: &Folder) -> Result<(), SampleError> {
    let started = Instant::now();
    let report = verify(folder, &Options::default(), &NoProgress)?;
    let seconds = started.elapsed().as_secs_f64();
    let (ballots, voters) = (report.ballots_cast, report.credentials);
    let peak = peak_memory().ok_or("no /proc")?;
    let bound = 250 * voters + (128 << 20);
    let (rate, cpu_us) = (ballots as f64 / seconds, cpu_time().as_secs_f64() * 1e6 / ballots as f64);
    println!("verify {rate:.0} ballots/s, {cpu_us:.1} µs of CPU time each ({ballots} ballots, {:?})", report.verdict);
    println!("memory {peak} of {bound} bytes");
    Ok(())
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (what, record) = (arguments.next().unwrap_or_default(), arguments.next().unwrap_or_default());
    let folder = Folder::new(Path::new(&record));
    let done = match what.as_str() {
        "raw" => raw(&folder),
        "verify" => whole(&folder),
        _ => Err("throughput raw|verify RECORD".into()),
    };
    if let Err(error) = done {
        eprintln!("throughput: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
