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
    /// The same figure of the native pass-through proxy.
    pub(crate) native: Option<f64>,
}

/// All figures, displayed as Markdown.
#[derive(Default)]
pub(crate) struct Table(Vec<Row>);

impl Table {
    pub(crate) fn add(&mut self, row: Row) {
        self.0.push(row);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            out,
            "| | goldfish | target | reached | native pass-through |"
        )?;
        writeln!(out, "|---|---:|---:|---|---:|")?;
        for row in &self.0 {
            let unit = row.unit;
            let (target, reached) = match row.target {
                None => (String::new(), ""),
                Some(Goal::AtMost(most)) => (format!("≤ {most} {unit}"), yes(row.value <= most)),
                Some(Goal::AtLeast(least)) => {
                    (format!("≥ {least} {unit}"), yes(row.value >= least))
                }
            };
            let native = row
                .native
                .map(|value| figure(value, unit))
                .unwrap_or_default();
            let (what, value) = (&row.what, figure(row.value, unit));
            writeln!(
                out,
                "| {what} | {value} | {} | {reached} | {native} |",
                target.trim()
            )?;
        }
        Ok(())
    }
}

fn yes(reached: bool) -> &'static str {
    if reached { "yes" } else { "**no**" }
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
