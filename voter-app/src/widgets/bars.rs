//! A bar chart that is a table too: each bar stands in a row with its name and number.

use gtk::prelude::*;

use crate::ui;

/// A row of the chart.
#[derive(Debug, Clone)]
pub struct Bar {
    /// Of what.
    pub name: String,
    /// Its length; `None` when it was not decrypted.
    pub count: Option<u64>,
    /// Whether it won.
    pub won: bool,
}

/// Space for a bar, in pixels; it grows with the window.
const BAR_WIDTH: i32 = 96;

/// The chart. The longest bar fills its column.
pub fn chart(name: &str, bars: &[Bar]) -> gtk::Grid {
    let grid: gtk::Grid = ui::described(name, "", Some("table"));
    grid.set_column_spacing(12);
    grid.set_row_spacing(6);
    let longest = bars.iter().filter_map(|bar| bar.count).max().unwrap_or(0).max(1);
    for (bar, row) in bars.iter().zip(0..) {
        let label = ui::text(&bar.name);
        label.set_max_width_chars(24);
        if bar.won {
            label.add_css_class("heading");
        }
        grid.attach(&label, 0, row, 1, 1);
        #[allow(clippy::cast_precision_loss)]
        let share = bar.count.map_or(0.0, |count| count as f64 / longest as f64);
        grid.attach(&area(share, bar.won), 1, row, 1, 1);
        let number = bar.count.map_or_else(|| "–".to_owned(), |count| count.to_string());
        let number = gtk::Label::builder().label(number).xalign(1.0).css_classes(["numeric", "heading"]).build();
        grid.attach(&number, 2, row, 1, 1);
    }
    grid
}

fn area(share: f64, won: bool) -> gtk::DrawingArea {
    let role = gtk::AccessibleRole::Presentation;
    let area = gtk::DrawingArea::builder().content_height(18).content_width(BAR_WIDTH).accessible_role(role).build();
    area.set_hexpand(true);
    area.set_valign(gtk::Align::Center);
    area.add_css_class("bar-area");
    area.set_draw_func(move |area, context, width, height| {
        // The theme's colour, so that dark and high contrast follow.
        let colour = area.style_context().color();
        let alpha = if won { 1.0 } else { 0.55 };
        let channel = f64::from;
        context.set_source_rgba(channel(colour.red()), channel(colour.green()), channel(colour.blue()), alpha);
        context.rectangle(0.0, 0.0, (share * f64::from(width)).max(1.0), f64::from(height));
        let _ = context.fill();
    });
    area
}
