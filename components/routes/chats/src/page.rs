//! Pages of the list of chats.

use http_edge::pagination::{self, TimePlace};

use crate::view::ChatView;

/// The chats after a place, most recently updated first, and the cursor of the next page. `has_more` says
/// whether there are conversations after those in `chats`.
pub(crate) fn select(
    mut chats: Vec<ChatView>,
    after: Option<&TimePlace>,
    limit: u32,
    has_more: bool,
) -> (Vec<ChatView>, Option<String>) {
    chats.sort_by_key(|chat| std::cmp::Reverse(chat.place()));
    chats.retain(|chat| after.is_none_or(|after| chat.place() < *after));
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = has_more || chats.len() > limit;
    chats.truncate(limit);
    let last = chats.last().filter(|_| has_more).map(ChatView::place);
    (chats, last.as_ref().map(pagination::time_cursor))
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::conversations::conversations::Draft;

    fn chat(number: u64) -> ChatView {
        ChatView::from(&Draft {
            id: format!("550e8400-e29b-41d4-a716-44665544000{number}"),
            title: None,
            model: None,
            created_at: number / 2,
        })
    }

    #[test]
    fn pages_have_every_chat_once_the_newest_first() {
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let chats = (0..7).map(chat).collect();
            let (page, cursor) = select(chats, after.as_ref(), 3, false);
            found.extend(page.iter().map(ChatView::place));
            if cursor.is_none() {
                break;
            }
            after = page.last().map(ChatView::place);
            assert_eq!(cursor, after.as_ref().map(pagination::time_cursor));
        }
        let mut expected: Vec<TimePlace> = (0..7).map(|number| chat(number).place()).collect();
        expected.reverse();
        assert_eq!(found, expected);
    }
}
