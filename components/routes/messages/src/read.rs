//! Reading and searching messages.

use contracts::messaging::messages::{self, Position, SearchScope};
use http_edge::{ApiError, Context, Response, Validator, pagination};
use serde::Deserialize;
use team::respond_with_list;

use crate::{
    MESSAGE,
    view::{MessageView, PreviousTextView},
};

/// What a path names, for [`ApiError::NotFound`].
const THREAD: &str = "Thread";
/// Parameters that say where a part of a thread begins.
const POSITIONS: [&str; 4] = ["before", "after", "around", "offset"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListMessages {
    limit: Option<u32>,
    offset: Option<u32>,
    before: Option<u64>,
    after: Option<u64>,
    around: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Search {
    q: String,
    channel_id: Option<String>,
    thread_id: Option<String>,
    cursor: Option<String>,
    limit: Option<u32>,
}

/// A part of a thread, the oldest message first. `Link` leads to older (`prev`) and newer ones (`next`).
pub(crate) async fn list_messages(context: &mut Context) -> Result<Response, ApiError> {
    let actor = team::actor(context).await?;
    let thread = context.uuid("threadId", THREAD)?;
    let query: ListMessages = context.query()?;
    let mut validator = Validator::new();
    let limit = pagination::limit(query.limit, &mut validator);
    validator.finish()?;
    let history = messages::list(actor, thread, position(&query)?, limit)
        .await
        .map_err(error_mapping::messaging)?;
    let items: Vec<_> = history.messages.iter().map(MessageView::from).collect();
    let links = links(context, &history);
    if !links.is_empty() {
        context.set_header("link", links.join(", "));
    }
    Ok(Response::json(&items))
}

/// Where the part begins: at one position at most (400).
fn position(query: &ListMessages) -> Result<Position, ApiError> {
    let given = [
        query.before.map(Position::Before),
        query.after.map(Position::After),
        query.around.map(Position::Around),
        query.offset.map(Position::Offset),
    ];
    let mut given = given.into_iter().zip(POSITIONS);
    let found = given.by_ref().find_map(|(position, _)| position);
    if let Some((_, name)) = given.find(|(position, _)| position.is_some()) {
        let message = "cannot be combined with another one of before, after, around and offset";
        return Err(ApiError::invalid(name, message));
    }
    Ok(found.unwrap_or(Position::Latest))
}

fn links(context: &Context, history: &messages::History) -> Vec<String> {
    let (Some(first), Some(last)) = (history.messages.first(), history.messages.last()) else {
        return Vec::new();
    };
    let link = |relation, name, number: u64| {
        let number = number.to_string();
        pagination::link(&context.head, relation, name, &number, &POSITIONS)
    };
    let older = (first.number > 1).then(|| link("prev", "before", first.number));
    let newer = (last.number < history.last_number).then(|| link("next", "after", last.number));
    older.into_iter().chain(newer).collect()
}

pub(crate) async fn show_message(context: &mut Context) -> Result<Response, ApiError> {
    let actor = team::actor(context).await?;
    let id = context.uuid("id", MESSAGE)?;
    let found = messages::get(actor, id)
        .await
        .map_err(error_mapping::messaging)?;
    Ok(Response::json(&MessageView::from(&found)))
}

pub(crate) async fn list_previous_texts(context: &mut Context) -> Result<Response, ApiError> {
    let actor = team::actor(context).await?;
    let id = context.uuid("id", MESSAGE)?;
    let texts = messages::list_previous_texts(actor, id)
        .await
        .map_err(error_mapping::messaging)?;
    let texts: Vec<_> = texts.iter().map(PreviousTextView::from).collect();
    Ok(Response::json(&texts))
}

pub(crate) async fn search_messages(context: &mut Context) -> Result<Response, ApiError> {
    let user = team::user(context).await?.user;
    let query: Search = context.query()?;
    let page = team::page_request(query.cursor, query.limit, pagination::DEFAULT_LIMIT)?;
    let scope = SearchScope {
        channel_id: query.channel_id,
        thread_id: query.thread_id,
    };
    let found = messages::search(user.id, query.q, scope, page)
        .await
        .map_err(error_mapping::messaging)?;
    let items: Vec<_> = found.items.iter().map(MessageView::from).collect();
    Ok(respond_with_list(context, &items, &found.page))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(before: Option<u64>, after: Option<u64>, offset: Option<u32>) -> ListMessages {
        ListMessages {
            limit: None,
            offset,
            before,
            after,
            around: None,
        }
    }

    #[test]
    fn position_with_two_of_them_is_an_error() {
        let of = |before, after, offset| position(&query(before, after, offset));
        assert!(matches!(of(None, None, None), Ok(Position::Latest)));
        assert!(matches!(of(Some(7), None, None), Ok(Position::Before(7))));
        assert!(matches!(of(None, Some(0), None), Ok(Position::After(0))));
        assert!(matches!(of(None, None, Some(50)), Ok(Position::Offset(50))));
        assert!(of(Some(7), Some(3), None).is_err());
        assert!(of(None, Some(3), Some(0)).is_err());
    }
}
