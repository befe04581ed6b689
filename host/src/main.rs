//! The program `goldfish` (`cargo up`): builds the components of a manifest and serves it.

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
    /// Address and port to listen on; port 0 selects a free port.
    #[arg(long, default_value = "127.0.0.1:3000")]
    listen: SocketAddr,
    /// The manifest; by default the spin.toml of this directory or of the nearest parent.
    #[arg(long)]
    from: Option<PathBuf>,
    /// Directory of the key-value store; by default .spin beside the manifest.
    #[arg(long)]
    state_dir: Option<PathBuf>,
    /// The runtime configuration, in the format of Spin: the key-value store may be Redis.
    #[arg(long)]
    runtime_config_file: Option<PathBuf>,
    /// Sets an application variable; may be repeated. Overrides SPIN_VARIABLE_* and .env.
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    variable: Vec<(String, String)>,
    /// Prints only the address: no build progress, no routes, no logs.
    #[arg(long)]
    quiet: bool,
    /// Does not build the components.
    #[arg(long)]
    no_build: bool,
    /// Only compiles the components into the cache (used by goldfish itself).
    #[arg(long, hide = true)]
    compile_only: bool,
    /// Seconds that running requests and their background work have to finish after Ctrl-C.
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
    compile_in_child_process(&manifest, arguments.quiet)?;
    let root = manifest.parent().unwrap_or(Path::new("."));
    let host = Host::start(Options {
        state_dir: arguments.state_dir.unwrap_or_else(|| root.join(".spin")),
        runtime_config: arguments.runtime_config_file,
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
        // The exit code that shells use for a process ended by Ctrl-C.
        _ = interrupt.recv() => std::process::exit(130),
    }
}

/// Compiles components that are not in the cache, in a child process: the memory that compiling takes
/// is not returned to the system before the process ends. An error is ignored, since the start fails
/// with the same error and reports it.
fn compile_in_child_process(manifest: &Path, quiet: bool) -> Result<()> {
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

/// Finds `spin.toml` in the working directory, in its parents, or where this program was built.
fn find_manifest() -> Result<PathBuf> {
    let current = std::env::current_dir()?;
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    current
        .ancestors()
        .chain([source.as_path()])
        .map(|directory| directory.join("spin.toml"))
        .find(|path| path.is_file())
        .context("no spin.toml in this directory or its parents; name one with --from")
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
