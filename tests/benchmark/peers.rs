//! Other servers, measured beside goldfish in the same run. They come from npm; what is not installed is skipped.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Result, ensure};
use upstream::Upstream;

use crate::process::{Process, free_address, listening};

/// A server beside goldfish. It stops on drop.
pub(crate) struct PeerServer {
    #[expect(dead_code, reason = "kept until it is dropped")]
    process: Process,
    pub(crate) address: SocketAddr,
}

impl PeerServer {
    /// workerd with the Durable Objects of `peers/workerd`. They ask this provider.
    pub(crate) async fn workerd(upstream: &Upstream) -> Option<Self> {
        available("workerd", workerd(upstream).await)
    }

    /// The server of the Durable Streams protocol, with its files on the disk.
    pub(crate) async fn durable_streams() -> Option<Self> {
        available("@durable-streams/server", durable_streams().await)
    }
}

fn available(name: &str, server: Result<PeerServer>) -> Option<PeerServer> {
    server
        .inspect_err(|missing| eprintln!("… {name} is not measured: {missing:#}"))
        .ok()
}

async fn workerd(upstream: &Upstream) -> Result<PeerServer> {
    let folder = installed("workerd").await?;
    let storage = emptied(&folder.join("storage"))?;
    let address = free_address()?;
    let mut command = Command::new(folder.join("node_modules/.bin/workerd"));
    command
        .current_dir(&folder)
        .args(["serve", "config.capnp", "--socket-addr"])
        .arg(format!("http={address}"))
        .arg(format!("--directory-path=storage={}", storage.display()))
        .env("PROVIDER", upstream.url())
        .stderr(Stdio::null());
    started(&mut command, address).await
}

async fn durable_streams() -> Result<PeerServer> {
    let folder = installed("streams").await?;
    let storage = emptied(&folder.join("storage"))?;
    let address = free_address()?;
    let mut command = Command::new("node");
    command
        .current_dir(&folder)
        .arg("server.mjs")
        .arg(address.port().to_string())
        .arg(storage)
        .stderr(Stdio::null());
    started(&mut command, address).await
}

async fn started(command: &mut Command, address: SocketAddr) -> Result<PeerServer> {
    let process = Process::start(command)?;
    listening(address).await?;
    Ok(PeerServer { process, address })
}

/// A copy of a folder of `peers` with what its lockfile names.
async fn installed(name: &str) -> Result<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/benchmark/peers")
        .join(name);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("benchmark-peers")
        .join(name);
    std::fs::create_dir_all(&folder)?;
    for entry in std::fs::read_dir(&source)? {
        let entry = entry?;
        std::fs::copy(entry.path(), folder.join(entry.file_name()))?;
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--no-audit", "--no-fund", "--silent"])
        .current_dir(&folder)
        .stdout(Stdio::null());
    let status = tokio::task::spawn_blocking(move || npm.status()).await??;
    ensure!(status.success(), "npm ci failed");
    Ok(folder)
}

fn emptied(folder: &Path) -> Result<PathBuf> {
    let _ = std::fs::remove_dir_all(folder);
    std::fs::create_dir_all(folder)?;
    Ok(folder.to_owned())
}
