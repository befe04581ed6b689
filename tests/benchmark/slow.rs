//! The cost of slow readers: for other readers, and in memory.

use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::task::JoinHandle;
use upstream::{Script, Upstream};

use crate::goldfish::Goldfish;
use crate::protocols;
use crate::table::{Row, Table, percentile};
use crate::work::{self, Target};
use crate::{CONNECTIONS, FIRST_TOKEN_DELAY, SHORT_REPLY, progress};

/// Tokens of the reply that is read slowly, about 14 MB of events.
const SLOW_REPLY: usize = 60_000;
/// The speed of a slow reader in bytes per second.
const BYTES_PER_SECOND: usize = 1024;
/// Bytes. The smallest possible buffer, so that the operating system does not buffer the reply.
const RECEIVE_BUFFER: u32 = 2048;
/// The number of slow readers whose memory is measured.
const READERS: usize = 8;
/// The delay between tokens of the other readers' chats.
const TOKEN_DELAY: Duration = Duration::from_millis(10);

/// A slow reader. It disconnects on drop.
struct SlowReader(JoinHandle<()>);

impl Drop for SlowReader {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl SlowReader {
    async fn open(target: &Target) -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
        let mut stream = socket.connect(target.address()).await?;
        stream.write_all(&target.chat_bytes()).await?;
        let mut buffer = vec![0; BYTES_PER_SECOND];
        // Waits for the start of the reply.
        anyhow::ensure!(stream.read(&mut buffer).await? > 0, "no reply");
        Ok(Self(tokio::spawn(async move {
            while stream.read_exact(&mut buffer).await.is_ok() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        })))
    }
}

/// Adds rows for chats and for completions.
pub(crate) async fn measure(table: &mut Table, upstream: &Upstream, length: u32) -> Result<()> {
    for (name, through_v1) in [("/api/chat", false), ("/v1", true)] {
        // A new process, so that its memory is that of the slow readers alone.
        let goldfish = Goldfish::start(upstream).await?;
        let users = |users: Vec<Target>| match through_v1 {
            true => {
                let call = protocols::completions("gpt-4o");
                users.iter().map(|user| user.calling(&call)).collect()
            }
            false => users,
        };
        let others: Vec<Target> = users(goldfish.users(CONNECTIONS).await);
        let slow: Vec<Target> = users(goldfish.users(READERS).await);
        beside_others(table, upstream, name, &others, &slow, length).await?;
        memory(table, upstream, name, &goldfish, &slow).await?;
    }
    Ok(())
}

/// The other readers' time to first token and throughput, alternating with and without a slow reader.
async fn beside_others(
    table: &mut Table,
    upstream: &Upstream,
    name: &str,
    others: &[Target],
    slow: &[Target],
    length: u32,
) -> Result<()> {
    progress(&format!("a slow reader beside others, {name}"));
    let chat = FIRST_TOKEN_DELAY + TOKEN_DELAY * SHORT_REPLY as u32;
    let (mut first, mut rates) = ([Vec::new(), Vec::new()], [0.0, 0.0]);
    for round in 0..=length {
        for (turn, (first, rate)) in first.iter_mut().zip(&mut rates).enumerate() {
            upstream.set(Script::words(SLOW_REPLY));
            let reader = match slow.first() {
                Some(target) if turn == 1 => Some(SlowReader::open(target).await?),
                _ => None,
            };
            upstream.set(
                Script::words(SHORT_REPLY)
                    .first_delay(FIRST_TOKEN_DELAY)
                    .delay(TOKEN_DELAY),
            );
            let times = work::first_tokens(others, 4, chat).await;
            upstream.set(Script::words(SHORT_REPLY));
            let chats = work::chats(others, Duration::from_secs(1)).await;
            // The first round warms up.
            if round > 0 {
                first.extend(times);
                *rate += chats.rate() / f64::from(length);
            }
            drop(reader);
        }
    }
    let [without, with] = first;
    for rank in [50, 99] {
        table.add(Row {
            what: format!(
                "added to others' time to first token by a reader at 1 KB/s, {name}, p{rank}, {CONNECTIONS} streams"
            ),
            unit: "ms",
            value: percentile(&with, rank) - percentile(&without, rank),
            target: None,
            compared: None,
        });
    }
    let [without, with] = rates;
    table.add(Row {
        what: format!("others' throughput beside it, of that without it, {name}"),
        unit: "%",
        value: with / without * 100.0,
        target: None,
        compared: None,
    });
    Ok(())
}

async fn memory(
    table: &mut Table,
    upstream: &Upstream,
    name: &str,
    goldfish: &Goldfish,
    slow: &[Target],
) -> Result<()> {
    progress(&format!("memory of slow readers, {name}"));
    upstream.set(Script::words(SLOW_REPLY));
    let before = goldfish.process.memory();
    let mut readers = Vec::new();
    for target in slow {
        readers.push(SlowReader::open(target).await?);
    }
    // Waits until the process is idle (replies ended, or blocked by their readers), at most a minute.
    let mut cpu = goldfish.process.cpu();
    for _ in 0..30 {
        tokio::time::sleep(Duration::from_secs(2)).await;
        let now = goldfish.process.cpu();
        if now - cpu < Duration::from_millis(200) {
            break;
        }
        cpu = now;
    }
    let held = goldfish.process.memory().saturating_sub(before);
    table.add(Row {
        what: format!(
            "memory held for each of {READERS} readers at 1 KB/s of replies of {SLOW_REPLY} tokens, {name}"
        ),
        unit: "KB",
        value: held as f64 / READERS as f64 / 1e3,
        target: None,
        compared: None,
    });
    drop(readers);
    Ok(())
}
