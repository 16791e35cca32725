//! Drawn widgets: QR codes and bars. Beside each the same stands in words or numbers.

mod bars;
mod qr;

pub use bars::{Bar, chart};
pub use qr::{paint, qr};
