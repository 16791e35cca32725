//! Compiles the .ui files, style and icons into a resource bundle, and the translations into what gettext reads.

use std::path::Path;
use std::process::Command;

fn main() {
    glib_build_tools::compile_resources(
        &["src", "data"],
        "data/org.veritally.App.gresource.xml",
        "veritally.gresource",
    );
    println!("cargo:rerun-if-changed=po");
    if let Err(why) = compile_translations() {
        println!("cargo:error=the translations could not be compiled: {why} (Debian: apt-get install gettext)");
    }
}

/// `po/XX.po` becomes `OUT_DIR/locale/XX/LC_MESSAGES/veritally.mo`.
fn compile_translations() -> std::io::Result<()> {
    let out = std::env::var_os("OUT_DIR").ok_or(std::io::ErrorKind::NotFound)?;
    for entry in std::fs::read_dir("po")? {
        let path = entry?.path();
        let Some(language) = path.file_stem().filter(|_| path.extension().is_some_and(|e| e == "po")) else { continue };
        let folder = Path::new(&out).join("locale").join(language).join("LC_MESSAGES");
        std::fs::create_dir_all(&folder)?;
        let status =
            Command::new("msgfmt").arg("--check").arg("-o").arg(folder.join("veritally.mo")).arg(&path).status()?;
        if !status.success() {
            return Err(std::io::Error::other(format!("msgfmt refuses {}", path.display())));
        }
    }
    Ok(())
}
