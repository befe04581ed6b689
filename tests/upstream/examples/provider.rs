//! A fake provider to be run by hand: `cargo run -p upstream --example provider -- 127.0.0.1:8099`.
//! A message that contains one of the words below gets that behaviour, any other a plain reply.

use std::time::Duration;
use upstream::{Failure, Fault, Outcome, Recorded, Script, Upstream};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:8099".to_owned());
    let upstream = Upstream::bind(&address, choose).await?;
    eprintln!("a fake provider listens on {}", upstream.url());
    let mut printed = 0;
    loop {
        upstream
            .wait_forever(|requests| {
                requests
                    .get(printed)
                    .filter(|request| request.outcome != Outcome::Open)
                    .map(drop)
            })
            .await;
        if let Some(request) = upstream.requests().get(printed) {
            eprintln!(
                "{} {} {:?} after {} tokens",
                request.method, request.path, request.outcome, request.tokens_sent
            );
        }
        printed += 1;
    }
}

fn choose(request: &Recorded) -> Script {
    let json = request.json();
    let message = json
        .get("messages")
        .and_then(|messages| messages.as_array()?.last()?.get("content")?.as_str())
        .unwrap_or_default();
    let plain = Script::new(["Hello", " wörld", " 👋", "!"]);
    let second = Some("7".to_owned());
    match message {
        "slow" => Script::words(20).delay(Duration::from_millis(100)),
        "words" => Script::words(20),
        "bytes" => plain.split(1),
        "crlf" => plain.crlf().comments().bom(),
        "nodone" => plain.without_done(),
        "nousage" => plain.without_usage(),
        "whole" => plain.whole(),
        "badkey" => Script::refuse(Failure::BadKey),
        "unknown" => Script::refuse(Failure::UnknownModel),
        "long" => Script::refuse(Failure::ContextTooLong),
        "filtered" => Script::refuse(Failure::ContentFiltered),
        "invalid" => Script::refuse(Failure::InvalidRequest),
        "limited" => Script::refuse(Failure::RateLimited(second)),
        "overloaded" => Script::refuse(Failure::Overloaded(second)),
        "hang" => plain.fault(Fault::HangBeforeHeaders),
        "hangmid" => plain.fault(Fault::HangAfter(2)),
        "hangfirst" => plain.fault(Fault::HangAfter(0)),
        "cut" => plain.fault(Fault::CutAfter(2)),
        "error" => plain.fault(Fault::ErrorAfter(2)),
        "garbage" => plain.fault(Fault::Garbage),
        "json" => plain.fault(Fault::JsonError),
        "html" => plain.fault(Fault::Html),
        "huge" => plain.fault(Fault::Oversized(10_000_000)),
        _ => plain,
    }
}
