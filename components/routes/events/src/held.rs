//! A stream that the proxy holds. An item tells it to fetch what is new from a link that is signed for this stream.

use std::time::Duration;

use contracts::messaging::connections::{self, Owner};
use contracts::messaging::events::Scope;
use contracts::realtime::proxy::{self, Action, Item};
use http_edge::{ApiError, Context, Response};
use realtime_events::{
    channel_name, feed_name, proof_name, publish_in_background, thread_name, user_name,
};
use serde::Deserialize;
use spin_sdk::time::sleep;
use spin_sdk::wasip3::wit_bindgen::spawn;

use crate::cursor::Cursor;
use crate::followed::Followed;

/// After so many seconds of silence the proxy asks for what is new: a lost item is found then.
const QUIET_SECONDS: u32 = 20;
/// After this time the proxy has subscribed the stream.
const SUBSCRIBED: Duration = Duration::from_millis(400);

/// What a link carries.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Link {
    id: String,
    user: String,
    proof: String,
    threads: String,
    channels: String,
    cursor: String,
    signature: String,
}

pub(crate) async fn begin(
    context: &mut Context,
    followed: Followed,
    beginning: Vec<u8>,
) -> Result<Response, ApiError> {
    let id = ids::new_uuid();
    connections::open(id.clone(), followed.owner.clone(), None)
        .await
        .map_err(error_mapping::messaging)?;
    catch_up_in_background(context, &id);
    hold(&followed, &id, beginning).await
}

pub(crate) async fn next(context: &mut Context) -> Result<Response, ApiError> {
    let link: Link = context.query()?;
    let query = query_of(
        &link.id,
        &link.user,
        &link.proof,
        [&link.threads, &link.channels],
        &link.cursor,
    );
    let expected = proxy::sign(query).await.map_err(ApiError::internal)?;
    if !is_equal(&expected, &link.signature) {
        return Err(ApiError::Forbidden("The link is not signed."));
    }
    let owner = Owner {
        user: link.user,
        proof: link.proof,
    };
    let open = connections::check(link.id.clone())
        .await
        .map_err(error_mapping::messaging)?;
    if open.is_none() {
        // Without a hold and a link the proxy ends the stream.
        return Ok(Response::bytes("text/event-stream", Vec::new()));
    }
    publish_in_background(context);
    let mut followed = Followed::new(owner, &link.threads, &link.channels)?;
    let cursor = Cursor::parse(&link.cursor);
    let cursor = cursor.filter(|cursor| cursor.numbers.len() == followed.scopes.len());
    followed.set_cursor(cursor.ok_or_else(|| ApiError::invalid("cursor", "is damaged"))?);
    let bytes = followed.advance().await?;
    hold(&followed, &link.id, bytes).await
}

async fn hold(followed: &Followed, id: &str, body: Vec<u8>) -> Result<Response, ApiError> {
    let Owner { user, proof } = &followed.owner;
    let mut names = vec![proof_name(proof), user_name(user), stream_name(id)];
    names.extend(followed.current().map(|scope| match scope {
        Scope::Thread(id) => thread_name(id),
        Scope::Channel(id) => channel_name(id),
        Scope::Feed => feed_name(user),
    }));
    let names: Vec<_> = names
        .iter()
        .map(|name| format!("{name}; filter=skip-users"))
        .collect();
    let (mut threads, mut channels) = (Vec::new(), Vec::new());
    for scope in &followed.scopes {
        match scope {
            Scope::Thread(id) => threads.push(id.as_str()),
            Scope::Channel(id) => channels.push(id.as_str()),
            Scope::Feed => {}
        }
    }
    let query = query_of(
        id,
        user,
        proof,
        [&threads.join(","), &channels.join(",")],
        &followed.cursor(),
    );
    let signature = proxy::sign(query.clone())
        .await
        .map_err(ApiError::internal)?;
    let link = format!(
        "</api/events/next?{query}&signature={signature}>; rel=next; timeout={QUIET_SECONDS}"
    );
    Ok(Response::bytes("text/event-stream", body)
        .header("cache-control", "no-cache")
        .header("x-accel-buffering", "no")
        .header("grip-hold", "stream")
        .header("grip-channel", names.join(", "))
        .header("grip-set-meta", format!("user=\"{user}\""))
        .header(
            "grip-keep-alive",
            ": keep-alive\\n\\n; format=cstring; timeout=15",
        )
        .header("grip-link", link))
}

/// The query of a link without its signature.
fn query_of(id: &str, user: &str, proof: &str, followed: [&str; 2], cursor: &str) -> String {
    let [threads, channels] = followed;
    form_urlencoded::Serializer::new(String::new())
        .append_pair("id", id)
        .append_pair("user", user)
        .append_pair("proof", proof)
        .append_pair("threads", threads)
        .append_pair("channels", channels)
        .append_pair("cursor", cursor)
        .finish()
}

/// Compares without telling by the time where they differ.
fn is_equal(expected: &str, given: &str) -> bool {
    let pairs = expected.bytes().zip(given.bytes());
    let difference = pairs.fold(0, |difference, (a, b)| difference | (a ^ b));
    expected.len() == given.len() && difference == 0
}

/// The proxy's channel of one stream.
fn stream_name(id: &str) -> String {
    format!("s-{id}")
}

/// Has the stream fetch what came before it was subscribed.
fn catch_up_in_background(context: &Context, id: &str) {
    let log = context.log.background();
    let hint = Item {
        channel: stream_name(id),
        id: Some(ids::new_uuid()),
        previous_id: None,
        action: Action::Message("{}".to_owned()),
        sender: None,
        excluded: Vec::new(),
    };
    spawn(async move {
        sleep(SUBSCRIBED).await;
        if let Err(error) = proxy::publish(vec![hint]).await {
            log.failed(&error_mapping::realtime(error));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_equal_compares_whole_texts() {
        assert!(is_equal("ab", "ab"));
        for other in ["", "a", "abc", "ac"] {
            assert!(!is_equal("ab", other), "{other}");
        }
    }

    #[test]
    fn query_of_escapes_what_would_end_a_field() {
        let query = query_of("i", "user&proof=x", "session:a", ["t1,t2", ""], "e-1.x");
        assert_eq!(
            query,
            "id=i&user=user%26proof%3Dx&proof=session%3Aa&threads=t1%2Ct2&channels=&cursor=e-1.x"
        );
    }
}
