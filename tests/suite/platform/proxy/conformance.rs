//! The cases of Autobahn's test suite for servers of WebSockets (RFC 6455), on the local proxy before a backend that
//! echoes.
//!
//! `GOLDFISH_WSTEST` names its program `wstest`, which needs Python 2:
//!
//! ```sh
//! export PYTHONUSERBASE=$PWD/target/autobahn
//! python2.7 -m pip install --user autobahntestsuite==0.8.2
//! GOLDFISH_WSTEST=$PYTHONUSERBASE/bin/wstest cargo test --workspace --test suite autobahn
//! ```

use std::collections::BTreeMap;
use std::path::Path;

use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};
use tokio::process::Command;

use super::backend::{Backend, BackendResponse};
use crate::harness::{GripProxy, ProxyKind};

/// Messages of more than 64 KiB, and compression, which the proxy does not offer.
const EXCLUDED: [&str; 3] = ["9.*", "12.*", "13.*"];

/// The events of a request as events of its response: pings become pongs.
fn echo(mut events: Bytes) -> Bytes {
    let mut echoed = BytesMut::new();
    while !events.is_empty() {
        let end = events.windows(2).position(|window| window == b"\r\n");
        let line = events.split_to(end.unwrap() + 2);
        let head = std::str::from_utf8(&line).unwrap().trim_end();
        let (kind, size) = head.split_once(' ').unwrap_or((head, ""));
        let content = match usize::from_str_radix(size, 16) {
            Ok(size) => events.split_to(size + 2),
            Err(_) => Bytes::new(),
        };
        match kind {
            "PING" => echoed.extend_from_slice(format!("PONG {size}\r\n").as_bytes()),
            "PONG" | "DISCONNECT" => continue,
            _ => echoed.extend_from_slice(&line),
        }
        echoed.extend_from_slice(&content);
    }
    echoed.freeze()
}

#[tokio::test]
async fn autobahn_finds_no_failure() {
    let Some(program) = std::env::var_os("GOLDFISH_WSTEST") else {
        // Not a failure in CI either: Python 2 is hard to come by.
        eprintln!("SKIPPED: Autobahn's cases: GOLDFISH_WSTEST names no program");
        return;
    };
    let backend = Backend::start(|request| BackendResponse::events(echo(request.body.clone())));
    let backend = backend.await;
    let proxy = GripProxy::bind(ProxyKind::Local).await;
    let proxy = proxy.serve(backend.address()).await;
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("autobahn");
    std::fs::create_dir_all(&folder).unwrap();
    let settings = json!({
        "outdir": folder,
        "servers": [{ "agent": "goldfish", "url": format!("ws://{}", proxy.address()) }],
        "cases": ["*"],
        "exclude-cases": EXCLUDED,
        "exclude-agent-cases": {},
    });
    let file = folder.join("settings.json");
    std::fs::write(&file, settings.to_string()).unwrap();
    let ran = Command::new(program)
        .args(["--mode", "fuzzingclient", "--spec"])
        .arg(&file)
        .output()
        .await
        .unwrap();
    assert!(ran.status.success(), "{ran:?}");
    let report = std::fs::read(folder.join("index.json")).unwrap();
    let report: Value = serde_json::from_slice(&report).unwrap();
    // The cases, by what was found of the messages and of the end of the connection.
    let mut found: BTreeMap<[&str; 2], Vec<&str>> = BTreeMap::new();
    for (case, result) in report["goldfish"].as_object().unwrap() {
        let outcome = ["behavior", "behaviorClose"].map(|name| result[name].as_str().unwrap());
        found.entry(outcome).or_default().push(case);
    }
    eprintln!("{found:?}");
    assert!(
        found.values().map(Vec::len).sum::<usize>() > 200,
        "{found:?}"
    );
    let allowed = ["OK", "INFORMATIONAL", "NON-STRICT"];
    let failed = found
        .iter()
        .filter(|(outcome, _)| outcome.iter().any(|one| !allowed.contains(one)));
    assert_eq!(failed.collect::<Vec<_>>(), []);
}
