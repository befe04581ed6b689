//! The benchmark: what goldfish adds to a provider's answer, how much it serves, and what that
//! costs. Everything runs on this machine in one go: a fake OpenAI, a native pass-through proxy as
//! the limit of what can be had, and goldfish as a process of its own. `cargo benchmark` prints one
//! Markdown table; `cargo benchmark --quick` takes less time and is less steady.
//!
//! Authentication is on and every user is a real guest; only the rate limits are raised.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark that goes wrong is to stop and say where, and prints its result"
)]

mod client;
mod credentials;
mod goldfish;
mod proxy;
mod slow;
mod table;
mod work;

use std::time::Duration;

use anyhow::Result;
use upstream::{Fault, Script, Upstream};

use goldfish::Goldfish;
use proxy::Proxy;
use table::{Goal, Row, Table, percentile};
use work::Target;

/// How long a provider takes for its first token here: short beside real ones, and enough that
/// requests are under way side by side.
const FIRST_TOKEN: Duration = Duration::from_millis(50);

/// Tokens of a short chat.
const SHORT: usize = 20;

/// Connections of the throughput measurements.
const CONNECTIONS: usize = 16;

/// Tokens of a long one, whose cost is that of its tokens.
const LONG: usize = 1000;

fn main() -> Result<()> {
    let quick = std::env::args().any(|argument| argument == "--quick");
    if !goldfish::has_room_for_streams() {
        return goldfish::run_again_with_room();
    }
    let runtime = tokio::runtime::Runtime::new()?;
    let table = runtime.block_on(run(if quick { 1 } else { 4 }))?;
    println!("{table}");
    Ok(())
}

/// All measurements, each for `length` times its shortest.
async fn run(length: u32) -> Result<Table> {
    let mut table = Table::default();
    let upstream = Upstream::start(Script::words(SHORT)).await?;
    upstream.stop_recording();
    let proxy = Proxy::start(upstream.address()).await?;
    goldfish::build().await?;

    let goldfish = Goldfish::start(&upstream).await?;
    first_token(&mut table, &upstream, &proxy, &goldfish, length).await;
    per_token(&mut table, &upstream, &proxy, &goldfish, length).await;
    upstream.set(Script::words(SHORT));
    throughput(&mut table, &proxy, &goldfish, length).await;
    upstream.set(Script::words(LONG));
    cost_of_tokens(&mut table, &goldfish, length).await;
    drop(goldfish);

    slow::measure(&mut table, &upstream, length).await?;

    progress("authentication");
    credentials::measure(&mut table, &upstream, length).await?;

    // A process that has done nothing else, for its memory.
    upstream.set(Script::words(SHORT).fault(Fault::HangAfter(1)));
    let goldfish = Goldfish::start(&upstream).await?;
    memory(&mut table, &goldfish).await;
    drop(goldfish);

    upstream.set(Script::words(SHORT));
    writes(&mut table, &upstream).await?;
    Ok(table)
}

/// Over `/api/chat`, and over `/v1` up to more streams.
async fn first_token(
    table: &mut Table,
    upstream: &Upstream,
    proxy: &Proxy,
    goldfish: &Goldfish,
    length: u32,
) {
    let kinds: [(&str, &[usize]); 2] = [("", &[1, 16, 64]), (", /v1", &[1, 16, 64, 256])];
    for (kind, counts) in kinds {
        for &streams in counts {
            progress(&format!("time to first token{kind}, {streams} streams"));
            // As many chats a second with more streams than 64, which are longer then.
            let delay = Duration::from_millis(10) * (streams as u32).div_ceil(64);
            upstream.set(Script::words(SHORT).first_delay(FIRST_TOKEN).delay(delay));
            let chat = FIRST_TOKEN + delay * SHORT as u32;
            let targets = targets(upstream, proxy, goldfish, streams, !kind.is_empty()).await;
            let mut samples = [Vec::new(), Vec::new(), Vec::new()];
            let chats = if streams == 1 { 6 } else { 4 };
            // Turn by turn, so that whatever else the machine does meets all three alike.
            for round in 0..=2 * length {
                for (targets, samples) in targets.iter().zip(&mut samples) {
                    let taken = work::first_tokens(targets, chats, chat).await;
                    // The first round warms up instances and their caches.
                    if round > 0 {
                        samples.extend(taken);
                    }
                }
            }
            let [direct, native, ours] = samples;
            for (rank, target) in [(50, 1.0), (99, 5.0)] {
                let base = percentile(&direct, rank);
                table.add(Row {
                    what: format!("added time to first token{kind}, p{rank}, {streams} streams"),
                    unit: "ms",
                    value: percentile(&ours, rank) - base,
                    target: (streams == 64).then_some(Goal::AtMost(target)),
                    native: Some(percentile(&native, rank) - base),
                });
            }
        }
    }
}

/// The provider itself, the native proxy, and goldfish, as often as there are to be streams.
async fn targets(
    upstream: &Upstream,
    proxy: &Proxy,
    goldfish: &Goldfish,
    streams: usize,
    through_v1: bool,
) -> [Vec<Target>; 3] {
    let mut users = goldfish.users(streams).await;
    if through_v1 {
        users = users.iter().map(Target::through_v1).collect();
    }
    [
        vec![Target::openai(upstream.address()); streams],
        vec![Target::openai(proxy.address()); streams],
        users,
    ]
}

/// What a token more of a long reply takes over `/v1`, where the provider never waits.
async fn per_token(
    table: &mut Table,
    upstream: &Upstream,
    proxy: &Proxy,
    goldfish: &Goldfish,
    length: u32,
) {
    upstream.set(Script::words(LONG));
    for streams in [1, 16, 64, 256] {
        progress(&format!("time of a token, {streams} streams"));
        let targets = targets(upstream, proxy, goldfish, streams, true).await;
        let mut samples = [Vec::new(), Vec::new(), Vec::new()];
        let rounds = length * if streams == 1 { 8 } else { 1 };
        for round in 0..=rounds {
            for (targets, samples) in targets.iter().zip(&mut samples) {
                let taken = work::whole_chats(targets).await;
                if round > 0 {
                    samples.extend(taken);
                }
            }
        }
        let [direct, native, ours] = samples.map(|samples| percentile(&samples, 50));
        let added = |time: f64| (time - direct) * 1000.0 / LONG as f64;
        table.add(Row {
            what: format!(
                "added time per token, /v1, replies of {LONG} tokens, p50, {streams} streams"
            ),
            unit: "µs",
            value: added(ours),
            target: None,
            native: Some(added(native)),
        });
    }
}

async fn throughput(table: &mut Table, proxy: &Proxy, goldfish: &Goldfish, length: u32) {
    let time = Duration::from_secs(2) * length;
    progress("chats a second");
    let users = goldfish.users(CONNECTIONS).await;
    work::chats(&users, time / 4).await;
    let before = goldfish.cpu();
    let ours = work::chats(&users, time).await;
    let cpu = goldfish.cpu() - before;
    let native = work::chats(&vec![Target::openai(proxy.address()); CONNECTIONS], time).await;
    table.add(Row {
        what: format!("chats of {SHORT} tokens, {CONNECTIONS} connections"),
        unit: "/s",
        value: ours.rate(),
        target: Some(Goal::AtLeast(700.0)),
        native: Some(native.rate()),
    });
    table.add(Row {
        what: format!("CPU of a chat of {SHORT} tokens"),
        unit: "µs",
        value: cpu.as_secs_f64() * 1e6 / ours.count as f64,
        target: None,
        native: None,
    });
    progress("listings a second");
    work::listings(&users, time / 4).await;
    let listings = work::listings(&users, time).await;
    table.add(Row {
        what: format!("GET /api/conversations, {CONNECTIONS} connections"),
        unit: "/s",
        value: listings.rate(),
        target: Some(Goal::AtLeast(5000.0)),
        native: None,
    });
}

async fn cost_of_tokens(table: &mut Table, goldfish: &Goldfish, length: u32) {
    progress("CPU of long replies");
    let users = goldfish.users(CONNECTIONS).await;
    let before = goldfish.cpu();
    let done = work::chats(&users, Duration::from_secs(2) * length).await;
    let cpu = goldfish.cpu() - before;
    table.add(Row {
        what: format!("CPU per token in replies of {LONG} tokens"),
        unit: "µs",
        value: cpu.as_secs_f64() * 1e6 / (done.count * LONG as u64) as f64,
        target: None,
        native: None,
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
            value: goldfish.peak_memory() as f64 / 1e6,
            target: (streams == 1000).then_some(Goal::AtMost(200.0)),
            native: None,
        });
    }
}

async fn writes(table: &mut Table, upstream: &Upstream) -> Result<()> {
    for ledger in ["on", "off"] {
        progress(&format!("writes a chat, usage ledger {ledger}"));
        let (host, _state) = goldfish::in_this_process(upstream, ledger).await?;
        let users = goldfish::users_of(host.address(), CONNECTIONS).await;
        // Four of each, so that letting go of a conversation is among what is counted.
        work::some_chats(&users, 4).await;
        let before = host.kv_counts();
        work::some_chats(&users, 4).await;
        // The ledger is written when the reply has ended.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let after = host.kv_counts();
        table.add(Row {
            what: format!("key-value writes a chat, default limits, usage ledger {ledger}"),
            unit: "",
            value: (after.writes - before.writes) as f64 / (4 * CONNECTIONS) as f64,
            target: (ledger == "off").then_some(Goal::AtMost(4.0)),
            native: None,
        });
        host.shutdown().await;
    }
    Ok(())
}

/// What is being done, on standard error: the table alone is on standard output.
fn progress(what: &str) {
    eprintln!("… {what}");
}
