//! A receipt on paper: one A4 page as a PDF, with the code in words and as QR.

use gtk::pango;
use qrcode::QrCode;

use crate::i18n::tr;
use crate::widgets;

/// A4 in points.
const PAGE: (f64, f64) = (595.28, 841.89);
const MARGIN: f64 = 64.0;
/// Width of the QR code in points, about 5 cm.
const QR_SIZE: i32 = 142;

/// What stands on the page.
#[derive(Debug, Clone)]
pub struct Paper {
    /// Of the election.
    pub election: String,
    /// Label and text, from top to bottom.
    pub lines: Vec<(String, String)>,
    /// Short confirmation code.
    pub code: String,
    /// What the QR code carries.
    pub payload: String,
}

/// The page, as the bytes of a PDF file.
///
/// # Errors
/// Cairo's, when memory is short.
pub fn render(paper: &Paper) -> Result<Vec<u8>, cairo::Error> {
    let surface = cairo::PdfSurface::for_stream(PAGE.0, PAGE.1, Vec::<u8>::new())?;
    let context = cairo::Context::new(&surface)?;
    let mut pen = Pen { context: &context, y: MARGIN };
    pen.text(&tr("Receipt for your vote"), 22.0, true);
    pen.text(&paper.election, 14.0, true);
    pen.y += 12.0;
    pen.text(&tr("Confirmation code"), 10.0, false);
    pen.text(&paper.code, 20.0, true);
    pen.qr(&paper.payload)?;
    for (label, text) in &paper.lines {
        pen.text(label, 10.0, false);
        pen.text(text, 12.0, false);
        pen.y += 6.0;
    }
    pen.y += 6.0;
    pen.text(
        &tr("This receipt does not say how you voted. With the code anybody can see that this ballot is in the election’s public record."),
        11.0,
        false,
    );
    context.show_page()?;
    drop(context);
    let written = surface.finish_output_stream().map_err(|_| cairo::Error::WriteError)?;
    let bytes = written.downcast::<Vec<u8>>().map_err(|_| cairo::Error::WriteError)?;
    Ok(*bytes)
}

struct Pen<'a> {
    context: &'a cairo::Context,
    y: f64,
}

impl Pen<'_> {
    fn text(&mut self, words: &str, size: f64, bold: bool) {
        let layout = pangocairo::functions::create_layout(self.context);
        let mut font = pango::FontDescription::from_string("Sans");
        #[allow(clippy::cast_possible_truncation)]
        let units = |points: f64| (points * f64::from(pango::SCALE)) as i32;
        font.set_absolute_size(f64::from(units(size)));
        font.set_weight(if bold { pango::Weight::Bold } else { pango::Weight::Normal });
        layout.set_font_description(Some(&font));
        layout.set_width(units(PAGE.0 - 2.0 * MARGIN));
        layout.set_wrap(pango::WrapMode::WordChar);
        layout.set_text(words);
        self.context.set_source_rgb(0.0, 0.0, 0.0);
        self.context.move_to(MARGIN, self.y);
        pangocairo::functions::show_layout(self.context, &layout);
        self.y += f64::from(layout.size().1) / f64::from(pango::SCALE) + 4.0;
    }

    fn qr(&mut self, payload: &str) -> Result<(), cairo::Error> {
        let Ok(code) = QrCode::new(payload) else { return Ok(()) };
        self.context.save()?;
        self.context.translate(MARGIN - 10.0, self.y);
        widgets::paint(self.context, &code.to_colors(), code.width(), QR_SIZE);
        self.context.restore()?;
        self.y += f64::from(QR_SIZE) + 6.0;
        Ok(())
    }
}
