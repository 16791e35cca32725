//! `tampered DIR`: writes the tampered corpus, a folder for each case and `cases.json`, what a verifier has to say of them.

use std::path::Path;
use std::process::ExitCode;

use serde_json::json;
use veritally_benches::tampered::{Tampered, cases, honest};
use veritally_crypto::sample::SampleError;
use veritally_verifier::sample::write_folder;

fn write(folder: &Path, name: &str, tampered: &Tampered) -> Result<(), SampleError> {
    write_folder(&tampered.files, &folder.join(name))
}

fn generate(folder: &Path) -> Result<usize, SampleError> {
    std::fs::create_dir_all(folder)?;
    let honest = honest()?;
    write(folder, "honest", &honest)?;
    let mut listed = vec![json!({"name": "honest", "fails": [], "fingerprint": honest.fingerprint, "by": "nobody",
        "what": "Nobody cheats."})];
    for case in cases() {
        let tampered = (case.make)().map_err(|error| format!("{}: {error}", case.name))?;
        write(folder, case.name, &tampered)?;
        listed.push(json!({"name": case.name, "fails": [case.check], "fingerprint": tampered.fingerprint,
            "by": case.by, "what": case.what}));
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
