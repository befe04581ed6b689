//! The table of results.

use std::fmt;

/// The target of a figure.
#[derive(Clone, Copy)]
pub(crate) enum Goal {
    AtMost(f64),
    AtLeast(f64),
}

/// One figure.
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) unit: &'static str,
    pub(crate) value: f64,
    pub(crate) target: Option<Goal>,
    /// The same figure of another server in the same run.
    pub(crate) compared: Option<(Peer, f64)>,
}

/// A server beside goldfish.
#[derive(Clone, Copy)]
pub(crate) enum Peer {
    /// The native pass-through proxy: the lower bound.
    Native,
    /// The Durable Objects of `peers/workerd`.
    Workerd,
    /// The server of the Durable Streams protocol for Node.js.
    DurableStreams,
}

impl fmt::Display for Peer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Native => "native pass-through",
            Self::Workerd => "workerd",
            Self::DurableStreams => "@durable-streams/server",
        })
    }
}

/// All figures, displayed as Markdown.
#[derive(Default)]
pub(crate) struct Table(Vec<Row>);

impl Table {
    /// Adds a figure, and shows it on standard error, for those who do not wait for the whole table.
    pub(crate) fn add(&mut self, row: Row) {
        eprintln!("  {}: {}", row.what, figure(row.value, row.unit));
        self.0.push(row);
    }

    /// Prints each name and value, separated by a tab, for a program to read.
    pub(crate) fn print_figures(&self) {
        for Row {
            what, unit, value, ..
        } in &self.0
        {
            let unit = if unit.is_empty() { "" } else { ", " }.to_owned() + unit;
            println!("{what}{unit}\t{value}");
        }
    }
}

/// A figure of two checkouts.
pub(crate) struct Comparison {
    pub(crate) what: String,
    pub(crate) before: f64,
    pub(crate) after: f64,
    /// How far the samples of one checkout lie apart, relative to their median.
    pub(crate) noise: f64,
}

/// The figures of two checkouts as Markdown.
pub(crate) fn display_comparisons(comparisons: &[Comparison]) -> String {
    let mut text =
        "| | before | after | after / before | noise |\n|---|---:|---:|---:|---:|\n".to_owned();
    for comparison in comparisons {
        let Comparison {
            what,
            before,
            after,
            noise,
        } = comparison;
        text += &format!(
            "| {what} | {} | {} | {:.2} | ± {:.0} % |\n",
            figure(*before, ""),
            figure(*after, ""),
            after / before,
            noise * 100.0
        );
    }
    text
}

impl fmt::Display for Table {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "| | goldfish | target | reached | compared with |")?;
        writeln!(out, "|---|---:|---:|---|---:|")?;
        for row in &self.0 {
            let unit = row.unit;
            let (goal, reached) = match row.target {
                None => (String::new(), ""),
                Some(Goal::AtMost(most)) => {
                    (format!("≤ {}", target(most, unit)), yes(row.value <= most))
                }
                Some(Goal::AtLeast(least)) => (
                    format!("≥ {}", target(least, unit)),
                    yes(row.value >= least),
                ),
            };
            let compared = row
                .compared
                .map(|(peer, value)| format!("{} ({peer})", figure(value, unit)))
                .unwrap_or_default();
            let (what, value) = (&row.what, figure(row.value, unit));
            writeln!(
                out,
                "| {what} | {value} | {} | {reached} | {compared} |",
                goal.trim()
            )?;
        }
        Ok(())
    }
}

fn yes(reached: bool) -> &'static str {
    if reached { "yes" } else { "**no**" }
}

/// A target, which may be another server's figure.
fn target(value: f64, unit: &str) -> String {
    match value.fract() {
        0.0 => format!("{value} {unit}"),
        _ => figure(value, unit),
    }
}

fn figure(value: f64, unit: &str) -> String {
    let digits = if value.abs() < 100.0 { 2 } else { 0 };
    format!("{value:.digits$} {unit}").trim().to_owned()
}

/// The percentile of the samples (nearest rank method).
pub(crate) fn percentile(samples: &[f64], percent: usize) -> f64 {
    let mut samples = samples.to_vec();
    samples.sort_by(f64::total_cmp);
    let rank = (samples.len() * percent).div_ceil(100).max(1);
    samples[rank - 1]
}
