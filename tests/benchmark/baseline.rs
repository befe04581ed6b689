//! The components of another checkout beside those of this one, in turns, in the same host.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::goldfish;
use crate::table::{Comparison, percentile};

/// Measurements of each checkout. They alternate, so that other load on the machine affects both.
const ROUNDS: usize = 3;

/// Measures both with the same arguments, each time in a new process.
pub(crate) fn compare(baseline: &Path, arguments: &[&str]) -> Result<Vec<Comparison>> {
    let before = baseline.join("spin.toml");
    let after = goldfish::manifest();
    let mut names = Vec::new();
    let mut samples: BTreeMap<String, Samples> = BTreeMap::new();
    for round in 1..=ROUNDS {
        for (is_after, manifest) in [(false, &before), (true, &after)] {
            eprintln!("{} (round {round} of {ROUNDS})", manifest.display());
            for (what, value) in measure(manifest, arguments)? {
                let Samples { before, after } = samples.entry(what.clone()).or_insert_with(|| {
                    names.push(what);
                    Samples::default()
                });
                if is_after { after } else { before }.push(value);
            }
        }
    }
    let comparisons = names.into_iter().filter_map(|what| {
        let Samples { before, after } = samples.remove(&what)?;
        // A figure that only one of them has is none of a comparison.
        (!before.is_empty() && !after.is_empty()).then(|| Comparison {
            what,
            before: percentile(&before, 50),
            after: percentile(&after, 50),
            noise: spread(&before).max(spread(&after)),
        })
    });
    Ok(comparisons.collect())
}

#[derive(Default)]
struct Samples {
    before: Vec<f64>,
    after: Vec<f64>,
}

/// The figures of one checkout, measured by a process of this program.
fn measure(manifest: &Path, arguments: &[&str]) -> Result<Vec<(String, f64)>> {
    let output = Command::new(std::env::current_exe()?)
        .args(arguments)
        .arg("--manifest")
        .arg(manifest)
        .stderr(Stdio::inherit())
        .output()?;
    ensure!(
        output.status.success(),
        "the measurement of {} failed",
        manifest.display()
    );
    String::from_utf8(output.stdout)?
        .lines()
        .map(|line| {
            let (what, value) = line.rsplit_once('\t').context("a line without a figure")?;
            Ok((what.to_owned(), value.parse()?))
        })
        .collect()
}

/// The largest difference between samples, relative to their median.
fn spread(samples: &[f64]) -> f64 {
    let least = percentile(samples, 0);
    let most = percentile(samples, 100);
    (most - least) / percentile(samples, 50).abs().max(f64::EPSILON)
}
