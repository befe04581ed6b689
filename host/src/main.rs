//! `goldfish`: builds the components and serves the application. `cargo up` runs it.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Parser;
use goldfish_host::{Host, Logs, Options, build};
use tokio::signal::unix::{SignalKind, signal};

/// Builds and serves the application of a spin.toml on this machine.
#[derive(Parser)]
#[command(name = "goldfish")]
struct Arguments {
    /// Address and port to listen on; port 0 is any free one.
    #[arg(long, default_value = "127.0.0.1:3000")]
    listen: SocketAddr,
    /// The manifest; by default the spin.toml of this directory or the nearest one above.
    #[arg(long)]
    from: Option<PathBuf>,
    /// Where the key-value store is kept; by default .spin beside the manifest.
    #[arg(long)]
    state_dir: Option<PathBuf>,
    /// Sets an application variable; may be repeated. Comes before SPIN_VARIABLE_* and .env.
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    variable: Vec<(String, String)>,
    /// Prints the address and nothing else: no build progress, no routes, no logs.
    #[arg(long)]
    quiet: bool,
    /// Serves the components as they are.
    #[arg(long)]
    no_build: bool,
    /// Only compiles into the cache (used by goldfish itself).
    #[arg(long, hide = true)]
    compile_only: bool,
    /// Seconds that requests and the work after them may go on after Ctrl-C.
    #[arg(long, default_value_t = 10)]
    grace: u64,
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        None => Err("must be NAME=VALUE".into()),
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<ExitCode> {
    let manifest = match arguments.from {
        Some(path) if path.is_dir() => path.join("spin.toml"),
        Some(path) => path,
        None => find_manifest()?,
    };
    if !arguments.no_build {
        let (manifest, quiet) = (manifest.clone(), arguments.quiet);
        tokio::task::spawn_blocking(move || build::components(&manifest, quiet)).await??;
    }
    if arguments.compile_only {
        goldfish_host::compile_into_cache(&manifest).await?;
        return Ok(ExitCode::SUCCESS);
    }
    compile_apart(&manifest, arguments.quiet)?;
    let root = manifest.parent().unwrap_or(Path::new("."));
    let host = Host::start(Options {
        state_dir: arguments.state_dir.unwrap_or_else(|| root.join(".spin")),
        manifest,
        listen: arguments.listen,
        variables: arguments.variable,
        env_variables: true,
        logs: if arguments.quiet {
            Logs::Discard
        } else {
            Logs::Stderr
        },
        grace: Duration::from_secs(arguments.grace),
    })
    .await?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    announce(&host, arguments.quiet)?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    tokio::select! {
        () = host.shutdown() => Ok(ExitCode::SUCCESS),
        // As a shell tells of a process that Ctrl-C ended.
        _ = interrupt.recv() => std::process::exit(130),
    }
}

/// Has another process compile what is not in the cache: the memory this takes is never given back
/// by the one that did it. If it fails, so will the start, and will say why.
fn compile_apart(manifest: &Path, quiet: bool) -> Result<()> {
    if goldfish_host::is_cached(manifest)? {
        return Ok(());
    }
    if !quiet {
        writeln!(
            std::io::stderr(),
            "   Compiling the components for this machine"
        )?;
    }
    let _ = Command::new(std::env::current_exe()?)
        .args(["--no-build", "--compile-only", "--from"])
        .arg(manifest)
        .stderr(Stdio::null())
        .status();
    Ok(())
}

/// In this directory or one above it; else where this program was built from.
fn find_manifest() -> Result<PathBuf> {
    let current = std::env::current_dir()?;
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    current
        .ancestors()
        .chain([built.as_path()])
        .map(|directory| directory.join("spin.toml"))
        .find(|path| path.is_file())
        .context("there is no spin.toml in this directory or above it; name one with --from")
}

fn announce(host: &Host, quiet: bool) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    if !quiet {
        let width = host.routes().iter().map(|(route, _)| route.len()).max();
        writeln!(out, "Routes:")?;
        for (route, component) in host.routes() {
            writeln!(
                out,
                "  {route:<width$}  {component}",
                width = width.unwrap_or(0)
            )?;
        }
    }
    writeln!(out, "Serving http://{}", host.address())?;
    out.flush()
}
