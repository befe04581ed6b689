//! Sorted maps of any size, from texts to values, in pages that are never changed.
//!
//! A map is named by the page at its root. [`Tree::change`] makes another map: it writes new pages beside
//! the old ones, for the changed items and for what leads to them, and names the pages that the new map no
//! longer has. So two writers never meet on a key. Which map counts is decided elsewhere, by an entry of a
//! journal that replaces one root by another.
//!
//! # Invariants
//! 1. A map that exists in full reads the same for ever. A page that is missing is [`Error::Erased`]: the
//!    map was replaced, and whoever reads has to begin with the current root.
//! 2. Reading an item costs a read for each level of pages, changing it a read and a write. Pages have up
//!    to [`PAGE_BYTES`], so there is a level for every factor of about 100 in the number of items.
//! 3. The pages of a new map have the names `<token>.0`, `<token>.1`, … by the token of the change.
//!    Whoever makes a change must first record the token and how many there are, or the pages of a writer
//!    that died are never found again.

use std::collections::BTreeMap;
use std::ops::Range;

use futures::FutureExt as _;
use futures::future::{LocalBoxFuture, join_all};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{Error, READS_AT_ONCE, Store};

/// How long a page becomes, in bytes, unless a single item is longer.
pub const PAGE_BYTES: usize = 8 * 1024;

/// Maps whose pages are in one store.
#[derive(Debug)]
pub struct Tree<'a, S> {
    store: &'a S,
    prefix: String,
    /// The pages of changes, by their names.
    fresh: BTreeMap<String, Vec<u8>>,
}

/// What [`Tree::change`] made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// The root of the new map; none if it is empty.
    pub root: Option<String>,
    /// The pages of the map before that the new one does not have.
    pub replaced: Vec<String>,
    /// Keys and values of the new pages.
    pub pages: Vec<(String, Vec<u8>)>,
}

/// A page as it is stored: items, or the first keys of other pages and their names.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Page<V> {
    Items(Vec<(String, V)>),
    Pages(Vec<Child>),
}

/// First key and name of a page.
type Child = (String, String);

/// What a change has done so far.
struct Changing {
    token: String,
    written: u32,
    replaced: Vec<String>,
}

impl<'a, S: Store> Tree<'a, S> {
    /// Maps whose pages have keys that begin with `prefix`.
    pub fn new(store: &'a S, prefix: impl Into<String>) -> Self {
        Self {
            store,
            prefix: prefix.into(),
            fresh: BTreeMap::new(),
        }
    }

    /// The key of a page.
    pub fn key(&self, page: &str) -> String {
        format!("{}{page}", self.prefix)
    }

    /// The value of an item.
    ///
    /// # Errors
    /// Those of the store; [`Error::Erased`], [`Error::Corrupt`].
    pub async fn get<V: DeserializeOwned>(
        &self,
        root: Option<&str>,
        key: &str,
    ) -> Result<Option<V>, Error> {
        let mut next = root.map(str::to_owned);
        while let Some(name) = next.take() {
            match self.page(&name).await? {
                Page::Items(items) => {
                    let mut items = items.into_iter();
                    return Ok(items
                        .find(|(found, _)| found == key)
                        .map(|(_, value)| value));
                }
                Page::Pages(children) => {
                    let before = |(first, _): &&Child| first.as_str() <= key;
                    let child = children.iter().rfind(before);
                    next = child.map(|(_, name)| name.clone());
                }
            }
        }
        Ok(None)
    }

    /// The last `limit` items of a range of keys, last one first.
    ///
    /// # Errors
    /// As [`Tree::get`].
    pub async fn last<V: DeserializeOwned>(
        &self,
        root: Option<&str>,
        range: Range<&str>,
        limit: usize,
    ) -> Result<Vec<(String, V)>, Error> {
        let mut found = Vec::new();
        let mut pages: Vec<String> = root.map(str::to_owned).into_iter().collect();
        while let Some(name) = pages.pop() {
            match self.page(&name).await? {
                Page::Items(items) => {
                    let inside = |(key, _): &(String, V)| range.contains(&key.as_str());
                    let items = items.into_iter().filter(inside).rev();
                    found.extend(items.take(limit.saturating_sub(found.len())));
                    if found.len() >= limit {
                        break;
                    }
                }
                Page::Pages(children) => pages.extend(within(children, &range)),
            }
        }
        Ok(found)
    }

    /// The first `limit` items of a range of keys whose values are accepted.
    ///
    /// # Errors
    /// As [`Tree::get`].
    pub async fn first<V: DeserializeOwned>(
        &self,
        root: Option<&str>,
        range: Range<&str>,
        limit: usize,
        accept: impl Fn(&V) -> bool,
    ) -> Result<Vec<(String, V)>, Error> {
        let mut found = Vec::new();
        let mut pages: Vec<String> = root.map(str::to_owned).into_iter().collect();
        while let Some(name) = pages.pop() {
            match self.page(&name).await? {
                Page::Items(items) => {
                    let items = items
                        .into_iter()
                        .filter(|(key, value)| range.contains(&key.as_str()) && accept(value));
                    found.extend(items.take(limit.saturating_sub(found.len())));
                    if found.len() >= limit {
                        break;
                    }
                }
                Page::Pages(children) => pages.extend(within(children, &range).rev()),
            }
        }
        Ok(found)
    }

    /// The names of all pages of a map, by levels, the root last. Whoever deletes a map deletes one level
    /// after the other, so that what is left can still be found. Pages that are missing already are left out.
    ///
    /// # Errors
    /// Those of the store; [`Error::Corrupt`].
    pub async fn pages<V: DeserializeOwned>(&self, root: &str) -> Result<Vec<Vec<String>>, Error> {
        let mut levels = Vec::new();
        let mut level = vec![root.to_owned()];
        while !level.is_empty() {
            let mut found = Vec::new();
            let mut below = Vec::new();
            for some in level.chunks(READS_AT_ONCE) {
                let pages = some.iter().map(|name| self.page::<V>(name));
                for (name, page) in some.iter().zip(join_all(pages).await) {
                    match page {
                        Ok(Page::Items(_)) => {}
                        Ok(Page::Pages(children)) => {
                            below.extend(children.into_iter().map(|(_, child)| child));
                        }
                        Err(Error::Erased) => continue,
                        Err(error) => return Err(error),
                    }
                    found.push(name.clone());
                }
            }
            levels.push(found);
            level = below;
        }
        levels.reverse();
        Ok(levels)
    }

    /// Makes another map of one: sets the items that have a value, and removes those that have none. The
    /// pages of the result must be stored by the caller, but can be read from this `Tree` already.
    ///
    /// # Errors
    /// As [`Tree::get`].
    pub async fn change<V: Serialize + DeserializeOwned>(
        &mut self,
        root: Option<&str>,
        changes: BTreeMap<String, Option<V>>,
        token: &str,
    ) -> Result<Change, Error> {
        let mut changing = Changing {
            token: token.to_owned(),
            written: 0,
            replaced: Vec::new(),
        };
        let mut children = match root {
            Some(root) => {
                let changes = changes.into_iter().collect();
                self.rewrite(root.to_owned(), changes, &mut changing)
                    .await?
            }
            None => self.write_items(changes.into_iter().collect(), Vec::new(), &mut changing),
        };
        while children.len() > 1 {
            children = self.write_children::<V>(children, &mut changing);
        }
        let written = (0..changing.written).map(|number| format!("{token}.{number}"));
        let pages = written.filter_map(|name| {
            let value = self.fresh.get(&name)?.clone();
            Some((self.key(&name), value))
        });
        Ok(Change {
            root: children.into_iter().next().map(|(_, name)| name),
            replaced: changing.replaced,
            pages: pages.collect(),
        })
    }

    fn rewrite<'b, V: Serialize + DeserializeOwned + 'b>(
        &'b mut self,
        name: String,
        changes: Vec<(String, Option<V>)>,
        changing: &'b mut Changing,
    ) -> LocalBoxFuture<'b, Result<Vec<Child>, Error>> {
        async move {
            let page = self.page(&name).await?;
            changing.replaced.push(name);
            let children = match page {
                Page::Items(items) => return Ok(self.write_items(changes, items, changing)),
                Page::Pages(children) => children,
            };
            let mut changes = changes;
            let mut rewritten: Vec<Child> = Vec::new();
            // From the last one on: each takes the changes from its first key on, the first one all others.
            for (at, child) in children.into_iter().enumerate().rev() {
                let begin = match at {
                    0 => 0,
                    _ => changes.partition_point(|(key, _)| *key < child.0),
                };
                let own = changes.split_off(begin);
                if own.is_empty() {
                    rewritten.push(child);
                } else {
                    let new = self.rewrite(child.1, own, changing).await?;
                    rewritten.extend(new.into_iter().rev());
                }
            }
            rewritten.reverse();
            if rewritten.len() < 2 {
                return Ok(rewritten);
            }
            Ok(self.write_children::<V>(rewritten, changing))
        }
        .boxed_local()
    }

    fn write_items<V: Serialize>(
        &mut self,
        changes: Vec<(String, Option<V>)>,
        items: Vec<(String, V)>,
        changing: &mut Changing,
    ) -> Vec<Child> {
        let mut items: BTreeMap<String, V> = items.into_iter().collect();
        for (key, value) in changes {
            match value {
                Some(value) => items.insert(key, value),
                None => items.remove(&key),
            };
        }
        let pages = split(items.into_iter().collect());
        let pages = pages.into_iter().filter_map(|items| {
            let first = items.first()?.0.clone();
            Some((first, Page::Items(items)))
        });
        pages
            .collect::<Vec<_>>()
            .into_iter()
            .map(|(first, page)| (first, self.write(&page, changing)))
            .collect()
    }

    fn write_children<V: Serialize>(
        &mut self,
        children: Vec<Child>,
        changing: &mut Changing,
    ) -> Vec<Child> {
        let mut written = Vec::new();
        for children in split(children) {
            if let Some((first, _)) = children.first() {
                let first = first.clone();
                let name = self.write(&Page::<V>::Pages(children), changing);
                written.push((first, name));
            }
        }
        written
    }

    fn write<V: Serialize>(&mut self, page: &Page<V>, changing: &mut Changing) -> String {
        let name = format!("{}.{}", changing.token, changing.written);
        changing.written = changing.written.saturating_add(1);
        let value = serde_json::to_vec(page).unwrap_or_default();
        self.fresh.insert(name.clone(), value);
        name
    }

    async fn page<V: DeserializeOwned>(&self, name: &str) -> Result<Page<V>, Error> {
        let stored;
        let bytes = match self.fresh.get(name) {
            Some(bytes) => bytes,
            None => {
                stored = self.store.get(&self.key(name)).await?;
                stored.as_ref().ok_or(Error::Erased)?
            }
        };
        serde_json::from_slice(bytes).map_err(|_| Error::Corrupt("a page of a map"))
    }
}

/// The names of the pages that may have items of a range, in order.
fn within(
    children: Vec<Child>,
    range: &Range<&str>,
) -> impl DoubleEndedIterator<Item = String> + use<> {
    let begins: Vec<bool> = children
        .iter()
        .map(|(first, _)| first.as_str() <= range.start)
        .collect();
    // The last page that begins before the range does may reach into it.
    let skipped = begins.iter().filter(|begins| **begins).count();
    let skipped = skipped.saturating_sub(1);
    let kept = children
        .iter()
        .take_while(|(first, _)| first.as_str() < range.end)
        .count();
    let names = children.into_iter().take(kept).skip(skipped);
    names.map(|(_, name)| name).collect::<Vec<_>>().into_iter()
}

/// Items in parts of about the same length, of at most [`PAGE_BYTES`] where possible. No part is empty.
fn split<T: Serialize>(items: Vec<T>) -> Vec<Vec<T>> {
    let length = |item: &T| serde_json::to_vec(item).map_or(0, |bytes| bytes.len() + 1);
    let lengths: Vec<usize> = items.iter().map(length).collect();
    let total: usize = lengths.iter().sum();
    let target = total.div_ceil(total.div_ceil(PAGE_BYTES).max(1)).max(1);
    let mut parts: Vec<Vec<T>> = Vec::new();
    let mut room = 0_usize;
    for (item, length) in items.into_iter().zip(lengths) {
        match parts.last_mut() {
            Some(part) if room > 0 => part.push(item),
            _ => {
                parts.push(vec![item]);
                room = target;
            }
        }
        room = room.saturating_sub(length);
    }
    parts
}
