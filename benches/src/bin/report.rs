//! `report CRITERION NOTES OUT`: makes `OUT/README.md` and its plots of what `benches/report` measured: criterion's folder, and a
//! folder with the output of everything else.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use plotters::prelude::*;
use serde_json::Value;
use veritally_benches::types::{ONE_OF_FIVE, cases};

/// Where a plot's data lie, and how it is drawn.
const SIZE: (u32, u32) = (820, 420);
const OURS: RGBColor = RGBColor(31, 90, 160);
const FLOOR: RGBColor = RGBColor(160, 160, 160);

/// Group → bench with its parameter → median time of one iteration in nanoseconds, and elements in it.
type Figures = BTreeMap<String, BTreeMap<String, (f64, f64)>>;

fn read_json(path: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("reading {}", path.display()))
}

/// Finds criterion's results below a folder.
fn collect(folder: &Path, figures: &mut Figures) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name == "new") {
            let (bench, estimates) =
                (read_json(&path.join("benchmark.json"))?, read_json(&path.join("estimates.json"))?);
            let text = |member: &str| bench.get(member).and_then(Value::as_str).unwrap_or_default().to_owned();
            let name = [text("function_id"), text("value_str")].into_iter().filter(|part| !part.is_empty());
            let elements = bench.pointer("/throughput/Elements").and_then(Value::as_f64).unwrap_or(1.0);
            let median = estimates.pointer("/median/point_estimate").and_then(Value::as_f64).context("no median")?;
            let name = name.collect::<Vec<_>>().join(", ");
            figures.entry(text("group_id")).or_default().insert(name, (median, elements));
        } else if path.is_dir() {
            collect(&path, figures)?;
        }
    }
    Ok(())
}

/// Nanoseconds, as people read them.
fn time(ns: f64) -> String {
    match ns {
        ns if ns < 1e3 => format!("{ns:.0} ns"),
        ns if ns < 1e6 => format!("{:.1} µs", ns / 1e3),
        ns if ns < 1e9 => format!("{:.2} ms", ns / 1e6),
        ns => format!("{:.2} s", ns / 1e9),
    }
}

/// Of one element, in microseconds.
fn each_us(figures: &Figures, group: &str, bench: &str) -> Option<f64> {
    figures.get(group)?.get(bench).map(|(ns, elements)| ns / elements / 1e3)
}

/// Batch sizes with check and floor of a 1-of-5 ballot.
fn batches(figures: &Figures) -> Vec<(f64, f64, f64)> {
    let of = |size: u32| {
        let check = each_us(figures, ONE_OF_FIVE, &format!("verify from bytes, {size}"))?;
        Some((f64::from(size), check, each_us(figures, ONE_OF_FIVE, &format!("floor, {size}"))?))
    };
    [1, 10, 100, 1_000, 10_000].into_iter().filter_map(of).collect()
}

fn plot_batches(path: &Path, points: &[(f64, f64, f64)]) -> Result<()> {
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let most = points.iter().map(|(_, check, _)| *check).fold(1.0, f64::max) * 1.1;
    let mut chart = ChartBuilder::on(&root)
        .caption("1 of 5: verification of a ballot from its bytes, one thread", ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(60)
        .build_cartesian_2d((1.0..10_000.0).log_scale(), 0.0..most)?;
    chart.configure_mesh().x_desc("ballots in one equation").y_desc("µs a ballot").draw()?;
    for (name, colour, floor) in [("check", OURS, false), ("floor", FLOOR, true)] {
        let line: Vec<_> = points.iter().map(|(x, check, least)| (*x, if floor { *least } else { *check })).collect();
        chart
            .draw_series(LineSeries::new(line.clone(), colour.stroke_width(2)))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], colour.stroke_width(2)));
        chart.draw_series(line.into_iter().map(|point| Circle::new(point, 3, colour.filled())))?;
    }
    chart.configure_series_labels().background_style(WHITE).border_style(BLACK).draw()?;
    Ok(root.present()?)
}

/// A bar for each contest type: its floor within its check.
fn plot_types(path: &Path, types: &[(String, f64, f64)]) -> Result<()> {
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let most = types.iter().map(|(_, check, _)| *check).fold(1.0, f64::max) * 1.1;
    let mut chart = ChartBuilder::on(&root)
        .caption("Verification of a ballot by contest type, batches of 200 (grey: the floor)", ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(210)
        .build_cartesian_2d(0.0..most, 0.0..types.len() as f64)?;
    let label = |y: &f64| types.get(*y as usize).map(|(name, ..)| name.clone()).unwrap_or_default();
    let mesh = &mut chart.configure_mesh();
    mesh.y_labels(types.len()).y_label_formatter(&label).x_desc("µs a ballot").disable_y_mesh().draw()?;
    for (row, (_, check, floor)) in types.iter().enumerate() {
        let row = row as f64;
        for (width, colour, inset) in [(*check, OURS, 0.2), (*floor, FLOOR, 0.35)] {
            let bar = [(0.0, row + inset - 0.2), (width, row + 0.8 - inset)];
            chart.draw_series([Rectangle::new(bar, colour.filled())])?;
        }
    }
    Ok(root.present()?)
}

/// Check and floor by contest type.
fn by_type(figures: &Figures) -> Vec<(String, f64, f64)> {
    let of = |case: veritally_benches::types::Case| {
        let id = case.id();
        let check = each_us(figures, &id, "verify from bytes, 200")?;
        let floor = each_us(figures, &id, "floor, 200")?;
        Some((id, check, floor))
    };
    cases().into_iter().filter_map(of).collect()
}

fn page(figures: &Figures, notes: &Path) -> Result<String> {
    let note = |name: &str| std::fs::read_to_string(notes.join(name)).unwrap_or_else(|_| "not measured\n".into());
    let mut page = String::from("# Measurements\n\nMade by `benches/report`; do not edit.\n\n");
    write!(page, "{}\n## Against peers\n\n{}\n", note("machine"), note("peers"))?;
    write!(
        page,
        "Verification starts from the JSON in which a ballot travels; ours is in batches of 1,000, with the voter's "
    )?;
    write!(
        page,
        "signature; elastic-elgamal has neither. *One*: a voter's; *of many*: with tables that only who encrypts many "
    )?;
    write!(page, "makes (`BallotContext::expect_many`). ")?;
    write!(
        page,
        "Against Belenios (the slope between two sizes of election):\n\n    {}\n",
        note("belenios").trim_end()
    )?;
    write!(
        page,
        "\n## The verifier on a whole record\n\n`raw` is the bare batch verification of ballots in memory.\n\n"
    )?;
    write!(page, "```\n{}```\n\n## By contest type\n\n", note("throughput"))?;
    write!(
        page,
        "`cargo bench -p veritally-benches --bench ballot_table`; batches of 200, check and floor in turn. The *floor* of a \
         batch is what no verification in this group can do without: decoding each of its M + 9 points, the credential \
         among them, and multiplying each once, in one multiscalar multiplication, by a scalar of full length. Weights have \
         half that length, so that a check can come out above 1.\n\n{}\n",
        note("ballot_table")
    )?;
    write!(page, "![by contest type](types.svg)\n\n## By size of batch\n\n![by size of batch](batches.svg)\n\n")?;
    writeln!(
        page,
        "| ballots in one equation | check, µs a ballot | floor, µs | of the floor |\n| ---: | ---: | ---: | ---: |"
    )?;
    for (size, check, floor) in batches(figures) {
        writeln!(page, "| {size} | {check:.0} | {floor:.0} | {:.2} |", floor / check)?;
    }
    write!(
        page,
        "\n## Cores\n\nThe bare batch verification with one thread and with two:\n\n```\n{}```\n",
        note("cores")
    )?;
    write!(page, "\n## The board end to end\n\n`veritally-load`, ")?;
    write!(page, "[what a ballot costs the board](../specs/board-performance.md):\n\n```\n{}```\n", note("board"))?;
    write!(page, "\n## Everything else\n\nMedians of criterion's samples, CPU time of the process.\n")?;
    for (group, benches) in figures.iter().filter(|(group, _)| cases().iter().all(|case| case.id() != **group)) {
        write!(page, "\n| {group} | |\n| --- | ---: |\n")?;
        let unit = benches.iter().find(|(name, _)| name.starts_with("unit")).map(|(_, (ns, _))| *ns);
        for (name, (ns, elements)) in benches {
            let each = if *elements > 1.0 { format!(", {} each", time(ns / elements)) } else { String::new() };
            let ratio = unit.map(|unit| format!(" = {:.0} scalar multiplications", ns / unit)).unwrap_or_default();
            writeln!(page, "| {name} | {}{each}{ratio} |", time(*ns))?;
        }
    }
    Ok(page)
}

fn main() -> Result<()> {
    let folders: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [criterion, notes, out] = folders.as_slice() else { anyhow::bail!("report CRITERION NOTES OUT") };
    let mut figures = Figures::new();
    collect(criterion, &mut figures)?;
    plot_batches(&out.join("batches.svg"), &batches(&figures))?;
    plot_types(&out.join("types.svg"), &by_type(&figures))?;
    std::fs::write(out.join("README.md"), page(&figures, notes)?)?;
    Ok(())
}
