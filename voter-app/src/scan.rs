//! QR codes in pictures: of a letter, of a test ballot, of a confirmation code. GTK decodes the picture.

use std::io::Read as _;
use std::path::Path;

use gtk::gdk;
use gtk::prelude::*;
use veritally_session::second::MAX_TEST_BYTES;
use zeroize::Zeroizing;

/// Largest picture that is looked at: more than any phone's camera makes.
const MAX_PIXELS: usize = 60_000_000;
/// Bytes of a pixel: blue, green, red, and how opaque it is.
const PIXEL: usize = 4;

/// Why nothing was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// The file can't be read, or is neither picture nor text.
    File,
    /// The picture shows no QR code, or not well enough.
    NoCode,
}

/// What a file is.
#[derive(Debug)]
pub enum Content {
    /// A picture of a QR code that says this.
    Picture(Zeroizing<String>),
    /// A text.
    Text(Zeroizing<String>),
}

/// Looks into a file. Blocks.
pub fn file(path: &Path) -> Result<Content, Unread> {
    match gdk::Texture::from_filename(path) {
        Ok(picture) => self::picture(&picture).map(Content::Picture),
        Err(_) => text(path).map(Content::Text),
    }
}

fn text(path: &Path) -> Result<Zeroizing<String>, Unread> {
    let mut text = Zeroizing::new(String::new());
    let file = std::fs::File::open(path).map_err(|_| Unread::File)?;
    file.take(MAX_TEST_BYTES as u64).read_to_string(&mut text).map_err(|_| Unread::File)?;
    Ok(text)
}

/// The text of the QR code in a picture. Blocks: large pictures take a moment.
pub fn picture(picture: &gdk::Texture) -> Result<Zeroizing<String>, Unread> {
    let size = |length: i32| usize::try_from(length).unwrap_or(0);
    let (width, height) = (size(picture.width()), size(picture.height()));
    if width == 0 || height == 0 || width.saturating_mul(height) > MAX_PIXELS {
        return Err(Unread::NoCode);
    }
    let line = width * PIXEL;
    // A letter's picture shows its code.
    let mut pixels = Zeroizing::new(vec![0; line * height]);
    picture.download(&mut pixels, line);
    let grey = |x: usize, y: usize| {
        let at = y * line + x * PIXEL;
        match pixels.get(at..at + PIXEL) {
            // On white, where the picture is transparent.
            Some(&[blue, green, red, opaque]) => {
                let sum = u16::from(blue) + 2 * u16::from(green) + u16::from(red);
                u8::try_from(sum / 4).unwrap_or(u8::MAX).saturating_add(u8::MAX - opaque)
            }
            _ => u8::MAX,
        }
    };
    let mut prepared = rqrr::PreparedImage::prepare_from_greyscale(width, height, grey);
    let read = |grid: &rqrr::Grid<_>| Some(Zeroizing::new(grid.decode().ok()?.1));
    prepared.detect_grids().iter().find_map(read).ok_or(Unread::NoCode)
}
