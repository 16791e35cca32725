//! Charts as SVG, made here: no script, no style attribute, the same numbers as in the table beside them.

use std::fmt::Write as _;

use super::history::Point;

const WIDTH: u64 = 640;
const HEIGHT: u64 = 200;
const LEFT: u64 = 52;
const BOTTOM: u64 = 24;
const TOP: u64 = 10;
const RIGHT: u64 = 12;

/// A line that rises, between two times.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub width: u64,
    pub height: u64,
    /// Points of the line, for `polyline`.
    pub line: String,
    /// The same, closed to an area.
    pub area: String,
    /// Horizontal lines: height on the drawing, value.
    pub grid: Vec<(u64, u64)>,
    pub left: u64,
    pub right: u64,
    pub from_ms: u64,
    pub to_ms: u64,
}

/// A step for the grid: 1, 2 or 5 times a power of ten, so that there are at most five.
fn step(largest: u64) -> u64 {
    let mut step = 1;
    loop {
        for factor in [1, 2, 5] {
            if largest / (step * factor) <= 5 {
                return step * factor;
            }
        }
        step *= 10;
    }
}

impl Line {
    /// From the beginning of voting to `to_ms`; `None` without points.
    pub fn new(points: &[Point], from_ms: u64, to_ms: u64) -> Option<Self> {
        let last = points.last()?;
        let from_ms = from_ms.min(points.first()?.time_ms);
        let to_ms = to_ms.max(last.time_ms).max(from_ms + 1);
        let step = step(last.ballots);
        let top = last.ballots.div_ceil(step).max(1) * step;
        let scale = |value: u64, most: u64, length: u64| {
            u64::try_from(u128::from(value) * u128::from(length) * 10 / u128::from(most)).unwrap_or(0)
        };
        let (width, height) = (WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM);
        let x = |time: u64| LEFT * 10 + scale(time.clamp(from_ms, to_ms) - from_ms, to_ms - from_ms, width);
        let y = |value: u64| (HEIGHT - BOTTOM) * 10 - scale(value, top, height);
        let mut line = String::new();
        let mut put = |x: u64, y: u64| {
            let _ = write!(line, "{}.{},{}.{} ", x / 10, x % 10, y / 10, y % 10);
        };
        let mut before = 0;
        put(x(from_ms), y(0));
        for point in points {
            put(x(point.time_ms), y(before));
            put(x(point.time_ms), y(point.ballots));
            before = point.ballots;
        }
        put(x(to_ms), y(before));
        let base = HEIGHT - BOTTOM;
        let area = format!("{line}{},{base} {LEFT},{base}", WIDTH - RIGHT);
        let grid = (0..=top / step).map(|i| (y(i * step) / 10, i * step)).collect();
        let (left, right) = (LEFT, WIDTH - RIGHT);
        Some(Self { width: WIDTH, height: HEIGHT, line, area, grid, left, right, from_ms, to_ms })
    }
}

/// The length of a bar, of 1,000.
pub(super) fn bar(value: u64, largest: u64) -> u64 {
    if largest == 0 { 0 } else { u64::try_from(u128::from(value) * 1_000 / u128::from(largest)).unwrap_or(1_000) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn a_line_stays_inside_its_drawing() {
        assert!(Line::new(&[], 0, 10).is_none());
        for ballots in [0, 1, 6, 49, 50, 51, 999_999, 1 << 40] {
            let points = [Point { time_ms: 5, ballots: ballots / 2 }, Point { time_ms: 9, ballots }];
            let line = Line::new(&points, 7, 8).unwrap();
            assert_eq!((line.from_ms, line.to_ms), (5, 9));
            for pair in line.line.split_whitespace().chain(line.area.split_whitespace()) {
                let (x, y) = pair.split_once(',').unwrap();
                assert!((0.0..=640.0).contains(&x.parse::<f64>().unwrap()), "{pair}");
                assert!((10.0..=176.0).contains(&y.parse::<f64>().unwrap()), "{pair} of {ballots}");
            }
            assert!((2..=7).contains(&line.grid.len()), "{ballots}");
        }
    }
}
