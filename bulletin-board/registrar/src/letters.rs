//! Printable letters: one page a voter, with code, QR code, public id, fingerprint and whom to ask, as one HTML file that
//! loads nothing and is as secret as the file of codes.

use qrcode::QrCode;
use qrcode::render::svg;
use veritally_board_api::html::escaped;
use zeroize::Zeroizing;

use crate::credentials::{CodeRow, Occasion, words_of};

const STYLE: &str = "body{font:11pt/1.4 serif;margin:0}article{break-after:page;padding:2cm;max-width:17cm;margin:auto}\
     h1{font-size:15pt}dt{font-size:9pt}dd{margin:0 0 .4em;font:10pt monospace;overflow-wrap:anywhere}\
     .code dd{font:bold 16pt monospace}svg{width:4cm;height:4cm}";

/// All letters, in the list's order.
#[must_use]
pub fn letters(occasion: &Occasion<'_>, voters: &[CodeRow]) -> Zeroizing<String> {
    let mut out = Zeroizing::new(String::with_capacity(voters.len() * 16_384 + 1_024));
    out.push_str("<!doctype html><meta charset=utf-8><title>");
    out.push_str(&escaped(&occasion.subject()));
    out.push_str("</title><style>");
    out.push_str(STYLE);
    out.push_str("</style>\n");
    for voter in voters {
        for words in words_of(occasion.manifest) {
            let message = occasion.message(words, voter);
            out.push_str(&format!("<article lang=\"{}\"><h1>{}</h1>", words.language, escaped(&message.election)));
            out.push_str(&format!("<p>{} ({})</p>", escaped(&voter.name), escaped(&voter.id)));
            out.push_str(&format!("<p>{}</p><p>{}</p><dl>", escaped(&message.greeting), escaped(message.intro)));
            for (i, (label, value)) in message.facts.iter().enumerate() {
                let class = if i == 0 { " class=\"code\"" } else { "" };
                out.push_str(&format!("<div{class}><dt>{}</dt><dd>{}</dd></div>", escaped(label), escaped(value)));
            }
            out.push_str("</dl>");
            out.push_str(&qr(&voter.code));
            out.push_str(&format!("<p>{}</p></article>\n", escaped(message.keep)));
        }
    }
    out
}

/// The code alone: what the voting program reads with a camera.
fn qr(text: &str) -> String {
    let image = QrCode::new(text).map(|code| code.render::<svg::Color<'_>>().build()).unwrap_or_default();
    image.find("<svg").and_then(|at| image.get(at..)).unwrap_or_default().to_owned()
}
