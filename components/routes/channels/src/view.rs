//! Response bodies.

use contracts::messaging::channels;
use serde::Serialize;
use team::ChannelView;

#[derive(Serialize)]
pub(crate) struct ChannelPage<'a> {
    data: Vec<ChannelView<'a>>,
    meta: Meta<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Meta<'a> {
    /// The number of the page; none if the request has a cursor.
    page: Option<u32>,
    limit: u32,
    /// Channels of all pages.
    total: u64,
    total_pages: u64,
    /// Null at the end.
    next_cursor: Option<&'a str>,
}

impl<'a> ChannelPage<'a> {
    pub(crate) fn new(channels: &'a channels::ChannelPage, page: Option<u32>, limit: u32) -> Self {
        let total = channels.page.total.unwrap_or_default();
        Self {
            data: channels.items.iter().map(ChannelView::from).collect(),
            meta: Meta {
                page,
                limit,
                total,
                total_pages: total.div_ceil(u64::from(limit.max(1))),
                next_cursor: channels.page.next.as_deref(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::messaging::types::PageInfo;

    #[test]
    fn channel_page_counts_a_page_that_is_not_full() {
        for (total, pages) in [(0, 0), (10, 1), (11, 2)] {
            let page = PageInfo {
                next: None,
                total: Some(total),
            };
            let channels = channels::ChannelPage {
                items: vec![],
                page,
            };
            let shown = ChannelPage::new(&channels, Some(1), 10);
            assert_eq!(shown.meta.total_pages, pages);
        }
    }
}
