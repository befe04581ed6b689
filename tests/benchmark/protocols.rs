//! What goldfish adds to the time to the first token and to each token, in each protocol that it speaks. Every
//! protocol is compared with its own provider, asked directly and through the native proxy; the protocols and the
//! three ways alternate, so that other load on the machine affects all alike.

use std::time::Duration;

use serde_json::{Value, json};
use upstream::{Script, Upstream};

use crate::goldfish::Goldfish;
use crate::proxy::Proxy;
use crate::table::{Goal, Peer, Row, Table, percentile};
use crate::work::{self, Target};
use crate::{FIRST_TOKEN_DELAY, LONG_REPLY, SHORT_REPLY, progress};

const QUESTION: &str = "What do goldfish remember?";
const OPENAI: &str = "gpt-4o";
const ANTHROPIC: &str = "claude-sonnet-5";

/// A request, and the last bytes of the response to it.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) path: &'static str,
    pub(crate) body: Value,
    pub(crate) end: &'static [u8],
}

/// A protocol of goldfish, and the request that goldfish sends to the provider for it.
struct Protocol {
    name: &'static str,
    goldfish: Call,
    provider: Call,
}

/// goldfish's own protocol.
pub(crate) fn own() -> Call {
    Call {
        path: "/api/chat",
        body: json!({ "message": QUESTION, "model": OPENAI }),
        end: b"[DONE]",
    }
}

/// OpenAI's Chat Completions.
pub(crate) fn completions(model: &str) -> Call {
    Call {
        path: "/v1/chat/completions",
        body: json!({
            "model": model,
            "messages": [{ "role": "user", "content": QUESTION }],
            "stream": true,
            "stream_options": { "include_usage": true },
        }),
        end: b"[DONE]",
    }
}

fn responses(model: &str) -> Call {
    Call {
        path: "/v1/responses",
        body: json!({ "model": model, "input": QUESTION, "stream": true, "store": false }),
        end: b"\"response.completed\"",
    }
}

fn messages(model: &str) -> Call {
    Call {
        path: "/v1/messages",
        body: json!({
            "model": model,
            "max_tokens": 4096,
            "messages": [{ "role": "user", "content": QUESTION }],
            "stream": true,
        }),
        end: b"\"message_stop\"",
    }
}

fn ai_sdk() -> Call {
    let message =
        json!({ "id": "m", "role": "user", "parts": [{ "type": "text", "text": QUESTION }] });
    Call {
        path: "/api/chat",
        body: json!({ "messages": [message], "model": OPENAI }),
        end: b"[DONE]",
    }
}

/// The first one is what the others are compared with.
fn protocols() -> Vec<Protocol> {
    let protocol = |name, goldfish, provider| Protocol {
        name,
        goldfish,
        provider,
    };
    vec![
        protocol(
            "/v1/chat/completions",
            completions(OPENAI),
            completions(OPENAI),
        ),
        protocol("/api/chat", own(), completions(OPENAI)),
        protocol("/api/chat, AI SDK", ai_sdk(), completions(OPENAI)),
        protocol("/v1/responses", responses(OPENAI), responses(OPENAI)),
        protocol("/v1/messages", messages(ANTHROPIC), messages(ANTHROPIC)),
        protocol(
            "/v1/responses, translated",
            responses(ANTHROPIC),
            messages(ANTHROPIC),
        ),
        protocol(
            "/v1/messages, translated",
            messages(OPENAI),
            completions(OPENAI),
        ),
    ]
}

/// Times of one protocol in milliseconds: from the provider directly, through the native proxy, through goldfish.
type Samples = [Vec<f64>; 3];

/// Adds the rows of 1, 16, 64 and 256 streams.
pub(crate) async fn measure(
    table: &mut Table,
    upstream: &Upstream,
    proxy: &Proxy,
    goldfish: &Goldfish,
    length: u32,
) {
    let protocols = protocols();
    for streams in [1, 16, 64, 256] {
        let users = goldfish.users(streams).await;
        first_token(table, upstream, proxy, &protocols, &users, length).await;
        per_token(table, upstream, proxy, &protocols, &users, length).await;
    }
}

/// The three ways to the provider, for each of the users.
fn ways(
    upstream: &Upstream,
    proxy: &Proxy,
    protocol: &Protocol,
    users: &[Target],
) -> [Vec<Target>; 3] {
    let provider = |address| vec![Target::provider(address, &protocol.provider); users.len()];
    [
        provider(upstream.address()),
        provider(proxy.address()),
        users
            .iter()
            .map(|user| user.calling(&protocol.goldfish))
            .collect(),
    ]
}

async fn first_token(
    table: &mut Table,
    upstream: &Upstream,
    proxy: &Proxy,
    protocols: &[Protocol],
    users: &[Target],
    length: u32,
) {
    let streams = users.len();
    // Above 64 streams chats take longer, so that their rate stays the same.
    let delay = Duration::from_millis(10) * (streams as u32).div_ceil(64);
    upstream.set(
        Script::words(SHORT_REPLY)
            .first_delay(FIRST_TOKEN_DELAY)
            .delay(delay),
    );
    let chat = FIRST_TOKEN_DELAY + delay * SHORT_REPLY as u32;
    let chats = if streams == 1 { 6 } else { 4 };
    let mut samples = vec![Samples::default(); protocols.len()];
    for round in 0..=2 * length {
        progress(&format!(
            "time to first token, {streams} streams, round {round}"
        ));
        for (protocol, samples) in protocols.iter().zip(&mut samples) {
            let ways = ways(upstream, proxy, protocol, users);
            for (targets, samples) in ways.iter().zip(samples) {
                let times = work::first_tokens(targets, chats, chat).await;
                // The first round warms up instances and their caches.
                if round > 0 {
                    samples.extend(times);
                }
            }
        }
    }
    for (protocol, [direct, native, goldfish]) in protocols.iter().zip(&samples) {
        for (rank, target) in [(50, 1.0), (99, 5.0)] {
            let baseline = percentile(direct, rank);
            table.add(Row {
                what: format!(
                    "added time to first token, {}, p{rank}, {streams} streams",
                    protocol.name
                ),
                unit: "ms",
                value: percentile(goldfish, rank) - baseline,
                target: (streams == 64).then_some(Goal::AtMost(target)),
                compared: Some((Peer::Native, percentile(native, rank) - baseline)),
            });
        }
    }
}

/// The added time of each token of a long reply from a provider without delays.
async fn per_token(
    table: &mut Table,
    upstream: &Upstream,
    proxy: &Proxy,
    protocols: &[Protocol],
    users: &[Target],
    length: u32,
) {
    let streams = users.len();
    upstream.set(Script::words(LONG_REPLY));
    let mut samples = vec![Samples::default(); protocols.len()];
    let rounds = length * if streams == 1 { 8 } else { 1 };
    for round in 0..=rounds {
        progress(&format!(
            "time of a token, {streams} streams, round {round}"
        ));
        for (protocol, samples) in protocols.iter().zip(&mut samples) {
            let ways = ways(upstream, proxy, protocol, users);
            for (targets, samples) in ways.iter().zip(samples) {
                let times = work::whole_chats(targets).await;
                if round > 0 {
                    samples.extend(times);
                }
            }
        }
    }
    for (protocol, samples) in protocols.iter().zip(&samples) {
        let [direct, native, goldfish] = samples.each_ref().map(|samples| percentile(samples, 50));
        let added = |time: f64| (time - direct) * 1000.0 / LONG_REPLY as f64;
        table.add(Row {
            what: format!(
                "added time per token, {}, replies of {LONG_REPLY} tokens, p50, {streams} streams",
                protocol.name
            ),
            unit: "µs",
            value: added(goldfish),
            target: None,
            compared: Some((Peer::Native, added(native))),
        });
    }
}
