//! goldfish as a process of its own, and what the system says of it (`/proc`, so Linux only).

use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use futures::future::join_all;
use goldfish_host::{Host, Logs, Options};
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use upstream::Upstream;

use crate::client::Connection;
use crate::work::Target;

/// Open files that a thousand streams need on both of their sides, and some.
const FILES: u64 = 4096;

/// The kernel's `USER_HZ`, the unit of times in `/proc/<pid>/stat`: 100 on every Linux that Rust
/// supports.
const TICKS_A_SECOND: f64 = 100.0;

pub(crate) fn manifest() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../spin.toml")
}

/// Whether this process may have as many files open as the streams need.
pub(crate) fn has_room_for_streams() -> bool {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().nth(3));
    soft.is_none_or(|soft| soft.parse().map_or(true, |soft: u64| soft >= FILES))
}

/// Replaces this process by itself with a higher limit, which only a shell can set without unsafe
/// code.
pub(crate) fn run_again_with_room() -> Result<()> {
    let script = format!("ulimit -n {FILES} && exec \"$0\" \"$@\"");
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
        // On the disk of the build, since temporary folders may be in memory.
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
        limit("chat"),
        limit("api"),
        limit("auth"),
        limit("password"),
    ]
}

/// A running goldfish; it is killed when dropped.
pub(crate) struct Goldfish {
    child: Child,
    address: SocketAddr,
    _state: State,
}

impl Drop for Goldfish {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Goldfish {
    pub(crate) async fn start(upstream: &Upstream) -> Result<Self> {
        Self::start_with(upstream, &[]).await
    }

    /// With more variables.
    pub(crate) async fn start_with(upstream: &Upstream, more: &[(&str, String)]) -> Result<Self> {
        let state = State::new()?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_goldfish"));
        command
            .arg("--from")
            .arg(manifest())
            .args(["--no-build", "--listen", "127.0.0.1:0"]);
        command.arg("--state-dir").arg(&state.0);
        for (name, value) in variables(upstream) {
            command.arg("--variable").arg(format!("{name}={value}"));
        }
        for (name, value) in more {
            command.arg("--variable").arg(format!("{name}={value}"));
        }
        // Logs are written, as they would be, and not read.
        let log = std::fs::File::create(state.0.join("log"))?;
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn()?;
        let output = child.stdout.take().context("no output")?;
        let address = tokio::task::spawn_blocking(move || {
            use std::io::BufRead;
            std::io::BufReader::new(output)
                .lines()
                .map_while(Result::ok)
                .find_map(|line| line.split_once("http://")?.1.trim().parse().ok())
        })
        .await?
        .context("goldfish did not start")?;
        Ok(Self {
            child,
            address,
            _state: state,
        })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// That many users, each with a token of its own.
    pub(crate) async fn users(&self, count: usize) -> Vec<Target> {
        users_of(self.address, count).await
    }

    /// Time that the process has spent on the processors so far.
    pub(crate) fn cpu(&self) -> Duration {
        let stat = self.proc("stat");
        // The name, in parentheses, may hold spaces; times are the 14th and 15th field of all.
        let fields = stat.rsplit_once(") ").unwrap().1;
        let times = fields
            .split(' ')
            .skip(11)
            .take(2)
            .map(|field| field.parse::<u32>().unwrap());
        Duration::from_secs_f64(f64::from(times.sum::<u32>()) / TICKS_A_SECOND)
    }

    /// The most memory it has had, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        self.status("VmHWM:")
    }

    /// The memory it has now, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        self.status("VmRSS:")
    }

    fn status(&self, name: &str) -> u64 {
        let status = self.proc("status");
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap();
        let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
        kilobytes * 1024
    }

    fn proc(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).unwrap()
    }
}

/// Signs guests in.
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

/// A host in this process, whose key-value calls can be counted. The ledger of usage is `on` or `off`.
pub(crate) async fn in_this_process(upstream: &Upstream, ledger: &str) -> Result<(Host, State)> {
    let state = State::new()?;
    let host = Host::start(Options {
        runtime_config: None,
        manifest: manifest(),
        state_dir: state.0.clone(),
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        // With the default limit of chats, each is counted on its own; a limit out of reach would be
        // counted in larger steps, and so in fewer writes.
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
