//! Components for tests, in `tests/probes`.

use std::process::{Command, Stdio};

use toml::Value;

use crate::harness::manifest;

/// Builds packages of probes.
pub(super) fn build(packages: &[&str]) {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let root = manifest().parent().unwrap().to_owned();
    let built = cargo
        .args(["build", "--release", "--quiet", "--target", "wasm32-wasip2"])
        .args(packages.iter().flat_map(|package| ["--package", package]))
        .env("CARGO_TARGET_DIR", root.join("target"))
        .current_dir(root)
        .stdin(Stdio::null())
        .status()
        .unwrap();
    assert!(built.success());
}

/// The path of a probe's file.
pub(super) fn wasm(package: &str) -> Value {
    let root = manifest().parent().unwrap().to_owned();
    let name = package.replace('-', "_");
    let path = root.join(format!("target/wasm32-wasip2/release/{name}.wasm"));
    path.to_str().unwrap().into()
}
