//! Builds the components of a manifest.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError};

use anyhow::{Context as _, Result, bail, ensure};

use crate::manifest::Manifest;

const TARGET: &str = "wasm32-wasip2";

/// The manifests that this process has built, each with the error if the build failed.
static BUILT: LazyLock<Mutex<BTreeMap<PathBuf, Option<String>>>> = LazyLock::new(Mutex::default);

/// Builds every component of the manifest: all its `cargo build` commands in one run of cargo, then
/// the other commands one by one. A process builds a manifest once.
///
/// # Errors
/// If the WebAssembly target is missing and cannot be installed, or a build fails.
pub fn components(manifest: &Path, quiet: bool) -> Result<()> {
    let key = std::path::absolute(manifest)?;
    // The lock is held while building, so that a second caller waits for the result.
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    let failure = built.entry(key).or_insert_with(|| {
        build(manifest, quiet)
            .err()
            .map(|error| format!("{error:#}"))
    });
    match failure {
        None => Ok(()),
        Some(error) => bail!("cannot build the components: {error}"),
    }
}

fn build(manifest: &Path, quiet: bool) -> Result<()> {
    let manifest = Manifest::read(manifest)?;
    let (packages, others) = commands(&manifest);
    if !packages.is_empty() {
        install_target(&manifest.root, quiet)?;
        let mut cargo = cargo(&manifest.root);
        cargo.args(["build", "--release", "--target", TARGET]);
        // The `source` paths in `spin.toml` are below this directory.
        cargo.env(
            "CARGO_TARGET_DIR",
            std::path::absolute(manifest.root.join("target"))?,
        );
        if quiet {
            cargo.arg("--quiet");
        }
        for package in &packages {
            cargo.args(["-p", package]);
        }
        run(cargo, "cargo build")?;
    }
    for (command, directory) in others {
        let mut shell = Command::new("sh");
        shell.args(["-c", &command]).current_dir(directory);
        run(shell, &command)?;
    }
    Ok(())
}

/// The packages of all commands that are a release `cargo build` for [`TARGET`], and the remaining
/// commands with their working directories.
fn commands(manifest: &Manifest) -> (BTreeSet<String>, Vec<(String, PathBuf)>) {
    let mut packages = BTreeSet::new();
    let mut others = Vec::new();
    for component in manifest.components.values() {
        let Some(build) = &component.build else {
            continue;
        };
        for command in build.command.iter() {
            let in_root = build.workdir.is_none();
            match cargo_packages(command).filter(|_| in_root) {
                Some(names) => packages.extend(names),
                None => {
                    let directory = build.workdir.as_deref().unwrap_or(Path::new(""));
                    let other = (command.to_owned(), manifest.root.join(directory));
                    if !others.contains(&other) {
                        others.push(other);
                    }
                }
            }
        }
    }
    (packages, others)
}

/// The packages of a command such as `cargo build --release --target wasm32-wasip2 -p a -p b`;
/// `None` if the command is anything else.
fn cargo_packages(command: &str) -> Option<Vec<String>> {
    let mut words = command.split_whitespace();
    if (words.next(), words.next()) != (Some("cargo"), Some("build")) {
        return None;
    }
    let mut packages = Vec::new();
    let (mut release, mut target) = (false, false);
    while let Some(word) = words.next() {
        match word {
            "--release" | "-r" => release = true,
            "--locked" => {}
            "--target" => target = words.next() == Some(TARGET),
            "-p" | "--package" => packages.push(words.next()?.to_owned()),
            _ => match word.split_once('=') {
                Some(("--target", TARGET)) => target = true,
                Some(("--package" | "-p", package)) => packages.push(package.to_owned()),
                _ => return None,
            },
        }
    }
    (release && target && !packages.is_empty()).then_some(packages)
}

/// The cargo that runs this process, or the one on `PATH`. Environment variables that cargo set for
/// the host's own package are removed, since they would cause rebuilds of other packages.
fn cargo(root: &Path) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(root);
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        let of_package = [
            "CARGO_PKG_",
            "CARGO_MANIFEST_",
            "CARGO_BIN_",
            "CARGO_CRATE_",
        ];
        if of_package.iter().any(|prefix| name.starts_with(prefix)) {
            command.env_remove(&*name);
        }
    }
    command
}

fn install_target(root: &Path, quiet: bool) -> Result<()> {
    if has_target(root)? {
        return Ok(());
    }
    let mut rustup = Command::new("rustup");
    rustup.args(["target", "add", TARGET]).current_dir(root);
    if quiet {
        rustup.stderr(Stdio::null()).stdout(Stdio::null());
    }
    match rustup.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => bail!("`rustup target add {TARGET}` failed"),
        Err(error) if error.kind() == ErrorKind::NotFound => bail!(
            "the Rust toolchain lacks the target {TARGET}, and rustup is not installed: \
             install the target with the package manager of the toolchain, or get rustup from https://rustup.rs"
        ),
        Err(error) => Err(error).context("cannot run rustup"),
    }
}

/// Whether the toolchain has the standard library of [`TARGET`].
fn has_target(root: &Path) -> Result<bool> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .args(["--print", "target-libdir", "--target", TARGET])
        .current_dir(root)
        .output()
        .context("cannot run rustc")?;
    let directory = String::from_utf8_lossy(&output.stdout);
    let files = std::fs::read_dir(directory.trim());
    Ok(output.status.success()
        && files.is_ok_and(|mut files| {
            files.any(|file| {
                file.is_ok_and(|file| file.file_name().to_string_lossy().starts_with("libstd"))
            })
        }))
}

fn run(mut command: Command, name: &str) -> Result<()> {
    // Standard output is reserved for the caller: the test runner, or the line with the address.
    let status = command
        .stdin(Stdio::null())
        .stdout(std::io::stderr())
        .status()
        .with_context(|| format!("cannot run {name}"))?;
    ensure!(status.success(), "{name} failed ({status})");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_packages_returns_packages_of_release_builds_only() {
        let packages = |command| cargo_packages(command);
        assert_eq!(
            packages("cargo build --release --target wasm32-wasip2 -p chat --package=llm").unwrap(),
            ["chat", "llm"]
        );
        assert_eq!(
            packages("cargo build --target=wasm32-wasip2 -r -p chat").unwrap(),
            ["chat"]
        );
        for other in [
            "cargo build --target wasm32-wasip2 -p chat",
            "cargo build --release -p chat",
            "cargo build --release --target wasm32-wasip2",
            "cargo build --release --target wasm32-wasip2 -p a && true",
            "make",
        ] {
            assert_eq!(packages(other), None, "{other}");
        }
    }
}
