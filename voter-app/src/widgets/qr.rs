//! A QR code, drawn in black on white whatever the theme: phones read nothing else well.

use gtk::prelude::*;
use qrcode::{EcLevel, QrCode};

use crate::ui;

/// Modules of white around the code, as the standard asks.
const QUIET: usize = 4;
/// From so many bytes on, few modules count more than repair.
const LONG: usize = 200;

/// Smallest and largest side, pixels: the former fits a narrow window.
const SIDES: (usize, usize) = (220, 400);
/// Pixels for a module, where there is room.
const MODULE: usize = 3;

/// A QR code of `payload`, or `None` when that is too long for one.
pub fn qr(payload: &str, name: &str) -> Option<gtk::DrawingArea> {
    let level = if payload.len() > LONG { EcLevel::L } else { EcLevel::M };
    let code = QrCode::with_error_correction_level(payload, level).ok()?;
    let modules = code.width();
    let side = ((modules + 2 * QUIET) * MODULE).clamp(SIDES.0, SIDES.1);
    let colours = code.to_colors();
    let area: gtk::DrawingArea = ui::described(name, "", Some("img"));
    area.set_content_width(i32::try_from(SIDES.0).ok()?);
    area.set_content_height(i32::try_from(side).ok()?);
    area.set_hexpand(true);
    area.set_draw_func(move |_, context, width, height| {
        // Whole pixels: a blurred code is hard to read.
        let total = i32::try_from(modules + 2 * QUIET).unwrap_or(1);
        let size = (width.min(height) / total).max(1) * total;
        context.translate(f64::from((width - size) / 2), f64::from((height - size) / 2));
        paint(context, &colours, modules, size);
    });
    Some(area)
}

/// Draws the code into a square of this many pixels.
#[allow(clippy::cast_precision_loss)]
pub fn paint(context: &cairo::Context, colours: &[qrcode::Color], modules: usize, size: i32) {
    let step = (f64::from(size) / (modules + 2 * QUIET) as f64).max(1.0);
    context.set_source_rgb(1.0, 1.0, 1.0);
    context.rectangle(0.0, 0.0, f64::from(size), f64::from(size));
    let _ = context.fill();
    context.set_source_rgb(0.0, 0.0, 0.0);
    for (index, _) in colours.iter().enumerate().filter(|(_, colour)| **colour == qrcode::Color::Dark) {
        let (row, column) = (index / modules + QUIET, index % modules + QUIET);
        context.rectangle(column as f64 * step, row as f64 * step, step + 0.02, step + 0.02);
    }
    let _ = context.fill();
}
