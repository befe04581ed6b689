//! The program `goldfish` (`cargo up`): builds the components of a manifest and serves it.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{self, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::{Args, Parser, Subcommand};
use goldfish_host::proxy::{self, Proxy};
use goldfish_host::{BehindProxy, Host, Logs, Options, build};
use tokio::signal::unix::{SignalKind, signal};
use uuid::Uuid;

/// The variables of the application that configure how it publishes, if it has them.
const CONTROL_VARIABLE: &str = "grip_control_url";
const KEY_VARIABLE: &str = "grip_key";

/// Builds and serves the application of a spin.toml on this machine.
#[derive(Parser)]
#[command(name = "goldfish", args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    up: Up,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the local GRIP proxy before an application that runs elsewhere, for example by `spin up`.
    Proxy(ProxyArguments),
}

#[derive(Args)]
struct ProxyArguments {
    /// Address and port for clients; port 0 selects a free port.
    #[arg(long, default_value = "127.0.0.1:7999")]
    listen: SocketAddr,
    /// Address and port of the application.
    #[arg(long, default_value = "127.0.0.1:3000")]
    backend: SocketAddr,
    /// Address and port where the application publishes.
    #[arg(long, default_value = "127.0.0.1:5561")]
    control: SocketAddr,
    /// The key of Grip-Sig, which the application has too.
    #[arg(long, env = "GRIP_KEY", hide_env_values = true)]
    key: String,
}

#[derive(Args)]
struct Up {
    /// Address and port to listen on; port 0 selects a free port.
    #[arg(long, default_value = "127.0.0.1:3000")]
    listen: SocketAddr,
    /// The manifest; by default the spin.toml of this directory or of the nearest parent.
    #[arg(long)]
    from: Option<PathBuf>,
    /// Directory of the key-value store and of the SQL database; by default .spin beside the manifest.
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
    /// Address and port where the application publishes to the proxy before it; port 0 selects a free
    /// port.
    #[arg(long, default_value = "127.0.0.1:0")]
    grip_control: SocketAddr,
    /// Starts no proxy before the application: WebSockets need another one then.
    #[arg(long)]
    no_proxy: bool,
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
    let arguments = Arguments::parse();
    let done = match arguments.command {
        None => up(arguments.up).await,
        Some(Command::Proxy(arguments)) => run_proxy(arguments).await,
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn up(arguments: Up) -> Result<ExitCode> {
    let manifest = match arguments.from.clone() {
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
    // The proxy is bound first, so that the application knows where to publish.
    let bound = match arguments.no_proxy {
        true => None,
        false => Some(bind_proxy(&arguments).await?),
    };
    let host = Host::start(Options {
        state_dir: arguments.state_dir.unwrap_or_else(|| root.join(".spin")),
        runtime_config: arguments.runtime_config_file,
        manifest,
        listen: match &bound {
            None => arguments.listen,
            Some(_) => SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        },
        behind: bound.as_ref().map(|(_, behind)| behind.clone()),
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
    let address = bound
        .as_ref()
        .map_or(host.address(), |(bound, _)| bound.address());
    let _proxy = bound.map(|(bound, _)| bound.serve(host.address()));
    announce(&host, address, arguments.quiet)?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    tokio::select! {
        () = host.shutdown() => Ok(ExitCode::SUCCESS),
        // The exit code that shells use for a process ended by Ctrl-C.
        _ = interrupt.recv() => process::exit(130),
    }
}

/// Binds the proxy before the application, with a key and a secret for this run.
async fn bind_proxy(arguments: &Up) -> Result<(proxy::Bound, BehindProxy)> {
    let random = || format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    let (key, peer_secret) = (random(), random());
    let bound = Proxy::bind(proxy::Options {
        listen: arguments.listen,
        control: arguments.grip_control,
        key: key.clone(),
        peer_secret: Some(peer_secret.clone()),
    })
    .await?;
    let control = format!("http://{}", bound.control_address());
    let variables = [(CONTROL_VARIABLE, control), (KEY_VARIABLE, key)];
    let variables = variables.map(|(name, value)| (name.to_owned(), value));
    let behind = BehindProxy {
        peer_secret,
        variables: variables.into(),
    };
    Ok((bound, behind))
}

async fn run_proxy(arguments: ProxyArguments) -> Result<ExitCode> {
    let bound = Proxy::bind(proxy::Options {
        listen: arguments.listen,
        control: arguments.control,
        key: arguments.key,
        peer_secret: None,
    })
    .await?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    {
        let mut out = std::io::stdout().lock();
        writeln!(out, "Serving http://{}", bound.address())?;
        writeln!(
            out,
            "Publishing on http://{}/publish/",
            bound.control_address()
        )?;
        out.flush()?;
    }
    let _proxy = bound.serve(arguments.backend);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(ExitCode::SUCCESS)
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
    let _ = process::Command::new(std::env::current_exe()?)
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

fn announce(host: &Host, address: SocketAddr, quiet: bool) -> std::io::Result<()> {
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
    writeln!(out, "Serving http://{address}")?;
    out.flush()
}
