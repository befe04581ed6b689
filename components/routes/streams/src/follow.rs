//! `GET …?live=sse`: the content of a stream as server-sent events, from an offset on and as it arrives.

use std::time::{Duration, Instant};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use contracts::streams::{
    streams,
    types::{Page, Start},
};
use http_edge::{ApiError, BodyWriter, Context, LogRecord, Response};
use serde::Serialize;

use crate::{
    failure,
    page::{is_at_end, is_at_tail, is_json},
    position,
    query::{Query, next_cursor},
    source::Source,
};

/// How long a response lasts. The client then requests again, so a connection moves to another instance from time to time.
const MAX_TIME: Duration = Duration::from_secs(60);
/// Silence after which the position is sent again, so that proxies keep the connection open.
const SILENCE: Duration = Duration::from_secs(15);
/// How long nothing may happen before it is checked that the client is still there, in milliseconds.
const WAIT: u32 = 1000;

/// The data of `event: control`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Control {
    stream_next_offset: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_cursor: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    up_to_date: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream_closed: bool,
}

/// A reader of one stream.
struct Follower {
    source: Source,
    /// For the quota.
    reader: String,
    cursor: Option<u64>,
    /// Whether the content is sent in base64: only text can be data of events.
    is_binary: bool,
}

pub(crate) async fn follow(
    context: &mut Context,
    source: Source,
    first: Page,
    query: Query,
) -> Result<Response, ApiError> {
    let reader = streams::start_following(source.owner().to_owned())
        .await
        .map_err(|error| failure::of(context, error))?;
    let is_binary = !is_text(&first.part.metadata.content_type);
    let follower = Follower {
        source,
        reader,
        cursor: query.cursor,
        is_binary,
    };
    let response = Response::events(|body, log| follower.run(first, body, log));
    Ok(match is_binary {
        true => response.header("stream-sse-data-encoding", "base64"),
        false => response,
    })
}

/// Whether the content can be sent unchanged.
fn is_text(content_type: &str) -> bool {
    let is_text = content_type
        .trim_start()
        .get(..5)
        .is_some_and(|beginning| beginning.eq_ignore_ascii_case("text/"));
    is_text || is_json(content_type)
}

impl Follower {
    async fn run(mut self, first: Page, mut body: BodyWriter, mut log: LogRecord) -> LogRecord {
        let begun = Instant::now();
        let mut written = begun;
        let mut page = first;
        let mut is_first = true;
        loop {
            let is_due = is_first || page.part.appends > 0 || is_at_end(&page.part);
            if is_due || written.elapsed() >= SILENCE {
                if !body.write(self.events(&page)).await {
                    break;
                }
                written = Instant::now();
                is_first = false;
            } else if !body.is_open().await {
                break;
            }
            if is_at_end(&page.part) || begun.elapsed() >= MAX_TIME {
                break;
            }
            match self
                .source
                .read(Start::Position(page.part.next), WAIT)
                .await
            {
                Ok(next) => page = next,
                Err(error) => {
                    log.warn(&format!("following a stream ended: {}", cause_of(&error)));
                    break;
                }
            }
        }
        let owner = self.source.owner().to_owned();
        if streams::stop_following(owner, self.reader).await.is_err() {
            log.warn("a reader could not be taken off the count");
        }
        log
    }

    /// The content of a page, if it has any, and the position after it.
    fn events(&mut self, page: &Page) -> Vec<u8> {
        let mut out = String::new();
        let part = &page.part;
        if part.appends > 0 {
            let data = match self.is_binary {
                true => STANDARD.encode(&page.content).into(),
                false => String::from_utf8_lossy(&page.content),
            };
            write_event(&mut out, "data", &data);
        }
        let is_at_end = is_at_end(part);
        let cursor = (!is_at_end).then(|| next_cursor(self.cursor));
        self.cursor = cursor.or(self.cursor);
        let control = Control {
            stream_next_offset: position::format(part.next),
            stream_cursor: cursor.map(|cursor| cursor.to_string()),
            up_to_date: is_at_tail(part),
            stream_closed: is_at_end,
        };
        let control = serde_json::to_string(&control).unwrap_or_default();
        write_event(&mut out, "control", &control);
        out.into_bytes()
    }
}

/// Writes an event. The protocol has no space after the colon; a client drops one, so that a line that begins with a
/// space gets another one. Any end of a line (CR LF, CR or LF) begins a line of data, so that data ends no event.
fn write_event(out: &mut String, name: &str, data: &str) {
    out.push_str("event: ");
    out.push_str(name);
    out.push('\n');
    let lines = data.replace("\r\n", "\n").replace('\r', "\n");
    for line in lines.split('\n') {
        out.push_str(if line.starts_with(' ') {
            "data: "
        } else {
            "data:"
        });
        out.push_str(line);
        out.push('\n');
    }
    out.push('\n');
}

/// For the log.
fn cause_of(error: &contracts::streams::types::Error) -> &str {
    use contracts::streams::types::Error;
    match error {
        Error::NotFound | Error::Gone => "it was deleted",
        Error::Unavailable(cause) => cause,
        _ => "it cannot be read",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn write_event_escapes_data_that_would_end_an_event() {
        let mut out = String::new();
        write_event(&mut out, "data", " a\r\n\r\nevent: control\rdata: {}\n");
        assert_eq!(
            out,
            "event: data\ndata:  a\ndata:\ndata:event: control\ndata:data: {}\ndata:\n\n"
        );
    }

    #[test]
    fn is_text_is_true_for_text_and_json() {
        assert!(is_text("text/plain; charset=utf-8") && is_text("Application/JSON"));
        assert!(!is_text("application/octet-stream") && !is_text("") && !is_text("é"));
    }
}
