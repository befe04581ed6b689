//! kill -9 while streams are written, made and deleted: acknowledged appends are there once and in their order, and
//! deleted streams are not there.
//!
//! `GOLDFISH_STREAM_KILLS` sets the number of kills on each database; 6 without it, 100 for a whole run.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::{STREAMS, listed, path};
use crate::harness::{App, Client, Database, repetitions};

/// Appends numbers, from `next` on, until the process is killed. Returns the first number that was not acknowledged.
async fn append_numbers(client: Client, stream: &'static str, mut next: u64) -> u64 {
    let client = client
        .with("producer-id", "counter")
        .with("producer-epoch", "0");
    loop {
        let client = client.with("producer-seq", &next.to_string());
        let Ok(response) = client
            .attempt("POST", &path(stream), Some(json!(next)))
            .await
        else {
            return next;
        };
        // 204: it was stored before the kill.
        assert!([200, 204].contains(&response.status), "{response:?}");
        next += 1;
    }
}

/// All values of a stream of JSON.
async fn whole(client: &Client, stream: &str) -> Vec<Value> {
    let mut values = Vec::new();
    let mut offset = "-1".to_owned();
    loop {
        let page = client
            .get(&format!("{}?offset={offset}", path(stream)))
            .await;
        values.extend(page.json().as_array().unwrap().iter().cloned());
        if page.header("stream-up-to-date").is_some() {
            return values;
        }
        offset = page.header("stream-next-offset").unwrap().to_owned();
    }
}

/// The state of a stream that is created or deleted.
#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Made,
    /// It may be there or not: there was no response.
    Unknown,
    Deleted,
}

/// Makes streams with one value, and deletes every second one, until the process is killed.
async fn make_and_delete(client: Client, round: usize) -> BTreeMap<String, State> {
    let mut states = BTreeMap::new();
    for number in 0.. {
        let name = format!("made-{round}-{number}");
        states.insert(name.clone(), State::Unknown);
        let made = client
            .attempt("PUT", &path(&name), Some(json!([number])))
            .await;
        let Ok(made) = made else { break };
        assert_eq!(made.status, 201, "{made:?}");
        states.insert(name.clone(), State::Made);
        if number % 2 == 0 {
            states.insert(name.clone(), State::Unknown);
            let Ok(deleted) = client.attempt("DELETE", &path(&name), None).await else {
                break;
            };
            assert_eq!(deleted.status, 204, "{deleted:?}");
            states.insert(name, State::Deleted);
        }
    }
    states
}

#[tokio::test]
async fn kill_at_any_moment_keeps_each_acknowledged_append_once() {
    let kills = repetitions("GOLDFISH_STREAM_KILLS", 6);
    for database in Database::each("streams::crashes").await {
        // Half of the streams that are made stay.
        let builder = App::with_defaults()
            .process()
            .database(&database)
            .variable("max_streams", "100000");
        let mut app = builder.clone().start().await;
        let token = app.client().guest().await.token;
        for stream in ["a", "b"] {
            let client = app.client().bearer(&token);
            let made = client.with("content-type", "application/json");
            assert_eq!(made.send("PUT", &path(stream), None).await.status, 201);
        }
        let mut next = [0, 0];
        let mut states = BTreeMap::new();
        for round in 0..kills {
            let client = app.client().bearer(&token);
            let working = (
                tokio::spawn(append_numbers(client.clone(), "a", next[0])),
                tokio::spawn(append_numbers(client.clone(), "b", next[1])),
                tokio::spawn(make_and_delete(client, round)),
            );
            let life = 60 + 53 * u64::try_from(round % 11).unwrap();
            tokio::time::sleep(Duration::from_millis(life)).await;
            app.signal("KILL").await;
            app.ended().await;
            next = [working.0.await.unwrap(), working.1.await.unwrap()];
            states.extend(working.2.await.unwrap());
            app = builder.clone().state_of(&app).start().await;
        }
        assert!(next.iter().all(|next| *next > 10), "{next:?}");
        let client = app.client().bearer(&token);
        for (stream, next) in ["a", "b"].into_iter().zip(next) {
            let stored = whole(&client, stream).await;
            // The last one may have been stored without a response.
            let count = u64::try_from(stored.len()).unwrap();
            assert!([next, next + 1].contains(&count), "{count} of {next}");
            assert_eq!(stored, (0..count).map(|n| json!(n)).collect::<Vec<_>>());
        }
        let there = listed(&client).await;
        for (name, state) in states {
            let is_there = there.contains(&name);
            assert!(
                state == State::Unknown || is_there == (state == State::Made),
                "{name} is {state:?}"
            );
            if is_there {
                let response = client.get(&path(&name)).await;
                assert_eq!(response.json().as_array().unwrap().len(), 1, "{response:?}");
            }
        }
        assert_eq!(client.delete("/api/clear").await.status, 200);
        assert_eq!(client.get(STREAMS).await.json()["streams"], json!([]));
    }
}
