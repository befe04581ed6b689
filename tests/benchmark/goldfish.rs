//! goldfish as a separate process.

use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result};
use futures::future::join_all;
use goldfish_host::{Host, Logs, Options};
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use upstream::Upstream;

use crate::client::Connection;
use crate::process::{Process, free_address, listening};
use crate::work::Target;

/// Open files: a socket for each of ten thousand connections, and a reserve.
const OPEN_FILES: u64 = 12_000;

/// The `spin.toml` of another checkout, if that is what is measured.
static OTHER_MANIFEST: OnceLock<PathBuf> = OnceLock::new();

/// Measures the application of another manifest.
pub(crate) fn measure_instead(manifest: PathBuf) {
    // It is set once, at the start.
    let _ = OTHER_MANIFEST.set(manifest);
}

/// The manifest of the application that is measured.
pub(crate) fn manifest() -> PathBuf {
    let own = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../spin.toml");
    OTHER_MANIFEST.get().cloned().unwrap_or_else(own)
}

/// Whether this process may open as many files as the measurements need.
pub(crate) fn can_open_enough_files() -> bool {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().nth(3));
    soft.is_none_or(|soft| soft.parse().map_or(true, |soft: u64| soft >= OPEN_FILES))
}

/// Restarts this program with a higher limit. A shell sets it, since doing so here needs unsafe code.
pub(crate) fn restart_with_more_open_files() -> Result<()> {
    let script = format!("ulimit -n {OPEN_FILES} && exec \"$0\" \"$@\"");
    let error = Command::new("sh")
        .arg("-c")
        .arg(script)
        .args(std::env::args_os())
        .exec();
    Err(error).context("cannot raise the limit of open files")
}

/// Builds the components.
pub(crate) async fn build() -> Result<()> {
    let build = || goldfish_host::build::components(&manifest(), false);
    tokio::task::spawn_blocking(build).await?
}

/// A state directory, removed when dropped.
pub(crate) struct State(PathBuf);

impl State {
    fn new() -> Result<Self> {
        let name = format!("goldfish-benchmark-{}", std::process::id());
        // On the disk of the build, because the temporary folder may be in memory.
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for State {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn variables(upstream: &Upstream) -> Vec<(String, String)> {
    let limit = |name: &str| {
        (
            format!("rate_limit_{name}_per_minute"),
            "1000000000".to_owned(),
        )
    };
    vec![
        ("openai_api_key".to_owned(), "sk-benchmark".to_owned()),
        ("openai_base_url".to_owned(), upstream.openai_base_url()),
        ("anthropic_api_key".to_owned(), "sk-benchmark".to_owned()),
        (
            "anthropic_base_url".to_owned(),
            upstream.anthropic_base_url(),
        ),
        limit("chat"),
        limit("api"),
        limit("auth"),
        limit("password"),
    ]
}

/// A running goldfish process.
pub(crate) struct Goldfish {
    pub(crate) process: Process,
    address: SocketAddr,
    state: State,
}

/// The local proxy for WebSockets as a process of its own, before a goldfish.
pub(crate) struct BehindProxy {
    #[expect(dead_code, reason = "kept until it is dropped")]
    goldfish: Goldfish,
    pub(crate) proxy: Process,
    /// Where clients connect.
    pub(crate) address: SocketAddr,
}

impl BehindProxy {
    pub(crate) async fn start(upstream: &Upstream) -> Result<Self> {
        let key = "benchmark";
        let (address, control) = (free_address()?, free_address()?);
        let variables = [
            ("grip_control_url", format!("http://{control}")),
            ("grip_key", key.to_owned()),
            ("rate_limit_messages_per_minute", "1000000000".to_owned()),
            ("rate_limit_joins_per_minute", "1000000000".to_owned()),
        ];
        let goldfish = Goldfish::start_with(upstream, &variables).await?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_goldfish"));
        command.args(["proxy", "--key", key]);
        for (name, address) in [
            ("--listen", address),
            ("--control", control),
            ("--backend", goldfish.address()),
        ] {
            command.arg(name).arg(address.to_string());
        }
        let proxy = Process::start(&mut command)?;
        listening(address).await?;
        Ok(Self {
            goldfish,
            proxy,
            address,
        })
    }
}

impl Goldfish {
    pub(crate) async fn start(upstream: &Upstream) -> Result<Self> {
        Self::start_with(upstream, &[]).await
    }

    /// Starts with additional variables.
    pub(crate) async fn start_with(
        upstream: &Upstream,
        additional: &[(&str, String)],
    ) -> Result<Self> {
        let additional: Vec<_> = additional
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        Self::start_of(&manifest(), upstream, &additional).await
    }

    /// Starts the application of a manifest with additional variables.
    pub(crate) async fn start_of(
        manifest: &Path,
        upstream: &Upstream,
        additional: &[(String, String)],
    ) -> Result<Self> {
        let state = State::new()?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_goldfish"));
        // The proxy for WebSockets is a program of its own in production.
        command.arg("--from").arg(manifest).args([
            "--no-build",
            "--no-proxy",
            "--listen",
            "127.0.0.1:0",
        ]);
        command.arg("--state-dir").arg(&state.0);
        for (name, value) in variables(upstream) {
            command.arg("--variable").arg(format!("{name}={value}"));
        }
        for (name, value) in additional {
            command.arg("--variable").arg(format!("{name}={value}"));
        }
        // Logs are written to a file, as in production.
        let log = std::fs::File::create(state.0.join("log"))?;
        let mut process = Process::start(command.stderr(log))?;
        let address = process.address().await?;
        Ok(Self {
            process,
            address,
            state,
        })
    }

    /// The address on which it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The folder of the key-value store and of the SQL database.
    pub(crate) fn state_folder(&self) -> &Path {
        &self.state.0
    }

    /// Signs `count` guests in.
    pub(crate) async fn users(&self, count: usize) -> Vec<Target> {
        users_of(self.address, count).await
    }
}

/// Signs `count` guests in.
pub(crate) async fn users_of(address: SocketAddr, count: usize) -> Vec<Target> {
    let users = (0..count.div_ceil(50)).map(|batch| async move {
        let mut connection = Connection::open(address).await;
        let mut users = Vec::new();
        for _ in batch * 50..count.min(batch * 50 + 50) {
            let request = http::Request::post("/api/v1/auth/guest")
                .header("host", "localhost")
                .body(Full::default())
                .unwrap();
            let body = connection
                .send(request)
                .await
                .collect()
                .await
                .unwrap()
                .to_bytes();
            let session: Value = serde_json::from_slice(&body).unwrap();
            users.push(Target::goldfish(
                address,
                session["token"].as_str().unwrap(),
            ));
        }
        users
    });
    join_all(users).await.concat()
}

/// Starts a host in this process, to count its key-value calls. `ledger` is the value of the variable
/// `usage_ledger`.
pub(crate) async fn in_this_process(upstream: &Upstream, ledger: &str) -> Result<(Host, State)> {
    let state = State::new()?;
    let host = Host::start(Options {
        runtime_config: None,
        manifest: manifest(),
        state_dir: state.0.clone(),
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        // The default limit of chats, because a much higher limit is counted in larger steps, with
        // fewer writes.
        variables: variables(upstream)
            .into_iter()
            .filter(|(name, _)| name != "rate_limit_chat_per_minute")
            .chain([("usage_ledger".to_owned(), ledger.to_owned())])
            .collect(),
        env_variables: false,
        logs: Logs::Discard,
        grace: Duration::from_secs(5),
        behind: None,
    })
    .await?;
    Ok((host, state))
}
