//! The benchmark: added latency, throughput, CPU, memory and writes. One run starts a fake OpenAI
//! server, a native pass-through proxy as the lower bound of latency, and goldfish as a separate
//! process. `cargo benchmark` prints one Markdown table; `cargo benchmark --quick` takes less time
//! and varies more, `--only=messaging` measures one part ([`PARTS`]), and `--baseline=FOLDER` compares with the
//! components of another checkout ([`baseline`]).
//!
//! Authentication is on and every user is a guest. Only the rate limits are raised.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark fails by panicking and prints its result"
)]

mod baseline;
mod client;
mod credentials;
mod goldfish;
mod messaging;
mod peers;
mod process;
mod protocols;
mod proxy;
mod realtime;
mod slow;
mod streams;
mod table;
mod work;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use upstream::{Fault, Script, Upstream};

use goldfish::Goldfish;
use proxy::Proxy;
use table::{Goal, Peer, Row, Table};
use work::Target;

/// The fake provider's delay before its first token: shorter than that of a real provider, and long
/// enough that requests overlap.
const FIRST_TOKEN_DELAY: Duration = Duration::from_millis(50);

/// Tokens of a short reply.
const SHORT_REPLY: usize = 20;

/// Connections of the throughput measurements.
const CONNECTIONS: usize = 16;

/// Tokens of a long reply, whose cost is mostly that of its tokens.
const LONG_REPLY: usize = 1000;

/// Measures goldfish beside a native proxy, or beside another checkout of it.
#[derive(Parser)]
struct Arguments {
    /// Shorter measurements, which vary more.
    #[arg(long)]
    quick: bool,
    /// Measures one part only.
    #[arg(long, value_parser = PARTS)]
    only: Option<String>,
    /// Compares with the components of another checkout, in turns.
    #[arg(long, value_name = "FOLDER", conflicts_with = "manifest")]
    baseline: Option<PathBuf>,
    /// Measures the application of another `spin.toml`, whose components are built, and prints nothing but figures.
    #[arg(long, hide = true)]
    manifest: Option<PathBuf>,
    /// Cargo's own argument for a benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if !goldfish::can_open_enough_files() {
        return goldfish::restart_with_more_open_files();
    }
    let only = arguments.only.as_deref();
    let runtime = tokio::runtime::Runtime::new()?;
    let prints_figures = arguments.manifest.is_some();
    if let Some(manifest) = arguments.manifest {
        goldfish::measure_instead(manifest);
    } else {
        runtime.block_on(goldfish::build())?;
    }
    if let Some(baseline) = arguments.baseline {
        let mut same = Vec::new();
        same.extend(arguments.quick.then_some("--quick"));
        same.extend(only.map(|_| "--only"));
        same.extend(only);
        let comparisons = baseline::compare(&baseline, &same)?;
        println!("{}", table::display_comparisons(&comparisons));
        return Ok(());
    }
    let table = runtime.block_on(run(if arguments.quick { 1 } else { 4 }, only))?;
    if prints_figures {
        table.print_figures();
    } else {
        println!("{table}");
    }
    Ok(())
}

/// What `--only` selects.
const PARTS: [&str; 9] = [
    "protocols",
    "chats",
    "slow-readers",
    "authentication",
    "memory",
    "writes",
    "messaging",
    "realtime",
    "streams",
];

/// Runs all measurements, or one part of them. `length` multiplies the duration of each.
async fn run(length: u32, only: Option<&str>) -> Result<Table> {
    let is_wanted = |part| only.is_none_or(|only| only == part);
    let mut table = Table::default();
    let upstream = Upstream::start(Script::words(SHORT_REPLY)).await?;
    upstream.stop_recording();
    let proxy = Proxy::start(upstream.address()).await?;
    if is_wanted("protocols") {
        let goldfish = Goldfish::start(&upstream).await?;
        protocols::measure(&mut table, &upstream, &proxy, &goldfish, length).await;
    }
    if is_wanted("chats") {
        let goldfish = Goldfish::start(&upstream).await?;
        upstream.set(Script::words(SHORT_REPLY));
        throughput(&mut table, &proxy, &goldfish, length).await;
        upstream.set(Script::words(LONG_REPLY));
        cost_of_tokens(&mut table, &goldfish, length).await;
    }
    if is_wanted("slow-readers") {
        slow::measure(&mut table, &upstream, length).await?;
    }
    if is_wanted("authentication") {
        progress("authentication");
        credentials::measure(&mut table, &upstream, length).await?;
    }
    if is_wanted("memory") {
        // A new process, so that its memory is that of the streams alone.
        upstream.set(Script::words(SHORT_REPLY).fault(Fault::HangAfter(1)));
        let goldfish = Goldfish::start(&upstream).await?;
        memory(&mut table, &goldfish).await;
    }
    upstream.set(Script::words(SHORT_REPLY));
    if is_wanted("writes") {
        writes(&mut table, &upstream).await?;
    }
    if is_wanted("messaging") {
        messaging::measure(&mut table, &upstream, length).await?;
    }
    if is_wanted("realtime") {
        realtime::measure(&mut table, &upstream, length).await?;
    }
    if is_wanted("streams") {
        streams::measure(&mut table, &upstream, length).await?;
    }
    Ok(table)
}

async fn throughput(table: &mut Table, proxy: &Proxy, goldfish: &Goldfish, length: u32) {
    let time = Duration::from_secs(2) * length;
    progress("chats a second");
    let users = goldfish.users(CONNECTIONS).await;
    work::chats(&users, time / 4).await;
    let before = goldfish.process.cpu();
    let goldfish_chats = work::chats(&users, time).await;
    let cpu = goldfish.process.cpu() - before;
    let native = Target::provider(proxy.address(), &protocols::completions("gpt-4o"));
    let native_chats = work::chats(&vec![native; CONNECTIONS], time).await;
    table.add(Row {
        what: format!("chats of {SHORT_REPLY} tokens, {CONNECTIONS} connections"),
        unit: "/s",
        value: goldfish_chats.rate(),
        target: Some(Goal::AtLeast(700.0)),
        compared: Some((Peer::Native, native_chats.rate())),
    });
    table.add(Row {
        what: format!("CPU of a chat of {SHORT_REPLY} tokens"),
        unit: "µs",
        value: cpu.as_secs_f64() * 1e6 / goldfish_chats.count as f64,
        target: None,
        compared: None,
    });
    progress("listings a second");
    work::listings(&users, time / 4).await;
    let listings = work::listings(&users, time).await;
    table.add(Row {
        what: format!("GET /api/conversations, {CONNECTIONS} connections"),
        unit: "/s",
        value: listings.rate(),
        target: Some(Goal::AtLeast(5000.0)),
        compared: None,
    });
}

async fn cost_of_tokens(table: &mut Table, goldfish: &Goldfish, length: u32) {
    progress("CPU of long replies");
    let users = goldfish.users(CONNECTIONS).await;
    let before = goldfish.process.cpu();
    let chats = work::chats(&users, Duration::from_secs(2) * length).await;
    let cpu = goldfish.process.cpu() - before;
    table.add(Row {
        what: format!("CPU per token in replies of {LONG_REPLY} tokens"),
        unit: "µs",
        value: cpu.as_secs_f64() * 1e6 / (chats.count * LONG_REPLY as u64) as f64,
        target: None,
        compared: None,
    });
}

async fn memory(table: &mut Table, goldfish: &Goldfish) {
    let mut open = Vec::new();
    for streams in [500, 1000] {
        progress(&format!("memory with {streams} open streams"));
        let users = goldfish.users(streams - open.len()).await;
        open.extend(work::open_streams(&users).await);
        table.add(Row {
            what: format!("peak memory, {streams} open idle streams"),
            unit: "MB",
            value: goldfish.process.peak_memory() as f64 / 1e6,
            target: (streams == 1000).then_some(Goal::AtMost(200.0)),
            compared: None,
        });
    }
}

async fn writes(table: &mut Table, upstream: &Upstream) -> Result<()> {
    for ledger in ["on", "off"] {
        progress(&format!("writes a chat, usage ledger {ledger}"));
        let (host, _state) = goldfish::in_this_process(upstream, ledger).await?;
        let users = goldfish::users_of(host.address(), CONNECTIONS).await;
        // Four chats of each user, so that the eviction of a conversation is counted too.
        work::some_chats(&users, 4).await;
        let before = host.kv_counts();
        work::some_chats(&users, 4).await;
        // The ledger is written after the end of the reply.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let after = host.kv_counts();
        table.add(Row {
            what: format!("key-value writes a chat, default limits, usage ledger {ledger}"),
            unit: "",
            value: (after.writes - before.writes) as f64 / (4 * CONNECTIONS) as f64,
            target: (ledger == "off").then_some(Goal::AtMost(4.0)),
            compared: None,
        });
        host.shutdown().await;
    }
    Ok(())
}

/// Prints the current measurement to standard error; standard output has only the table.
fn progress(measurement: &str) {
    eprintln!("… {measurement}");
}
