//! `tampered DIR`: writes the tampered corpus, a folder for each case and `cases.json`, what a verifier has to say of them.

use std::path::Path;
use std::process::ExitCode;

use serde_json::json;
use veritally_benches::tampered::{Tampered, cases, clock_stepped_back, honest};
use veritally_crypto::sample::SampleError;
use veritally_verifier::sample::write_folder;

fn write(folder: &Path, name: &str, tampered: &Tampered) -> Result<(), SampleError> {
    write_folder(&tampered.files, &folder.join(name))
}

fn generate(folder: &Path) -> Result<usize, SampleError> {
    std::fs::create_dir_all(folder)?;
    let mut listed = vec![];
    for (name, what, honest) in [
        ("honest", "Nobody cheats.", honest()?),
        ("clock-stepped-back", "Nobody cheats; the board's clock was wrong for some time.", clock_stepped_back()?),
    ] {
        write(folder, name, &honest)?;
        listed
            .push(json!({"name": name, "fails": [], "entries": [], "fingerprint": honest.fingerprint, "by": "nobody",
            "what": what}));
    }
    for case in cases() {
        let tampered = (case.make)().map_err(|error| format!("{}: {error}", case.name))?;
        write(folder, case.name, &tampered)?;
        listed.push(json!({"name": case.name, "fails": [case.check], "entries": tampered.culprits,
            "fingerprint": tampered.fingerprint, "by": case.by, "what": case.what}));
    }
    std::fs::write(folder.join("cases.json"), serde_json::to_string_pretty(&listed)? + "\n")?;
    Ok(listed.len())
}

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1) else {
        eprintln!("tampered: say where the records go: tampered DIR");
        return ExitCode::from(2);
    };
    match generate(Path::new(&folder)) {
        Ok(written) => {
            println!("{written} records");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("tampered: {error}");
            ExitCode::FAILURE
        }
    }
}
