//! A server as a process of its own, and its CPU time and memory from `/proc` (Linux only).

use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};

/// The kernel's `USER_HZ`, the unit of times in `/proc/<pid>/stat`: 100 on every Linux that Rust
/// supports.
const TICKS_PER_SECOND: f64 = 100.0;

/// A running process. It is killed on drop.
pub(crate) struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Process {
    /// Starts it. Its standard output is read by [`Self::address`] only.
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let program = command.get_program().to_owned();
        let child = command
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        Ok(Self(child))
    }

    /// The address that the process says it serves on: `http://…` at the end of a line.
    pub(crate) async fn address(&mut self) -> Result<SocketAddr> {
        let output = self.0.stdout.take().context("no output")?;
        let address = tokio::task::spawn_blocking(move || announced(output)).await?;
        address.context("the process ended without an address")
    }

    /// The CPU time so far.
    pub(crate) fn cpu(&self) -> Duration {
        let stat = self.proc("stat");
        // The second field, the name in parentheses, may contain spaces. The times are fields 14
        // and 15.
        let fields = stat.rsplit_once(") ").unwrap().1;
        let times = fields
            .split(' ')
            .skip(11)
            .take(2)
            .map(|field| field.parse::<u32>().unwrap());
        Duration::from_secs_f64(f64::from(times.sum::<u32>()) / TICKS_PER_SECOND)
    }

    /// The peak resident memory in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        self.status("VmHWM:")
    }

    /// The resident memory in bytes.
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
        std::fs::read_to_string(format!("/proc/{}/{file}", self.0.id())).unwrap()
    }
}

/// Reads up to the line with the address. The rest is read and dropped, so that the process never waits to write.
fn announced(output: ChildStdout) -> Option<SocketAddr> {
    use std::io::BufRead;
    let mut lines = std::io::BufReader::new(output)
        .lines()
        .map_while(Result::ok);
    let address = lines.find_map(|line| line.split_once("http://")?.1.trim().parse().ok());
    std::thread::spawn(move || lines.for_each(drop));
    address
}

/// A port of 127.0.0.1 that nobody listens on, for a server that cannot choose one itself.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// Waits until somebody listens there.
pub(crate) async fn listening(address: SocketAddr) -> Result<()> {
    for _ in 0..200 {
        if tokio::net::TcpStream::connect(address).await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("nobody listens on {address}")
}
