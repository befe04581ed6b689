//! The operations on SQLite, and on PostgreSQL where it is installed.

use futures::executor::block_on;
use sql::testing::Driver;

use crate::{
    MIGRATIONS, Session,
    limits::Limits,
    types::{AppendRequest, Creation, Error, Expiry, Fork, Page, Position, Producer, Start},
};

struct Fixture {
    database: Driver,
    now: u64,
}

impl Fixture {
    fn new(database: Driver) -> Self {
        block_on(MIGRATIONS.apply(&database)).unwrap();
        // A second instance finds nothing to do.
        block_on(MIGRATIONS.apply(&database)).unwrap();
        Self {
            database,
            now: 1_000_000,
        }
    }

    fn session(&self) -> Session<'_, Driver> {
        Session {
            database: &self.database,
            now: self.now,
            limits: Limits {
                streams: 40,
                stream_bytes: 1000,
                total_bytes: 3000,
                readers: 2,
            },
        }
    }

    fn create(&self, name: &str, creation: Creation) -> Result<bool, Error> {
        block_on(self.session().create("ada", Some(name), creation)).map(|(_, is_new)| is_new)
    }

    fn append(&self, name: &str, append: AppendRequest) -> Result<crate::types::Appended, Error> {
        block_on(self.session().append("ada", name, append))
    }

    fn write(&self, name: &str, text: &str) -> Position {
        self.append(name, text_append(text)).unwrap().tail
    }

    fn page(&self, name: &str, from: Start, max_bytes: u32) -> Result<Page, Error> {
        block_on(self.session().read("ada", name, from, max_bytes))
    }

    /// The whole content.
    fn content(&self, name: &str) -> String {
        let page = self.page(name, Start::Beginning, 1_000_000).unwrap();
        let bytes: Vec<u8> = page
            .entries
            .into_iter()
            .flat_map(|entry| entry.bytes)
            .collect();
        String::from_utf8(bytes).unwrap()
    }
}

fn text() -> Creation {
    Creation {
        content_type: Some("text/plain".to_owned()),
        expiry: None,
        closed: false,
        content: None,
        fork: None,
    }
}

fn fork_of(source: &str, position: Option<Position>, sub_offset: u64) -> Creation {
    Creation {
        content_type: None,
        fork: Some(Fork {
            source: source.to_owned(),
            position,
            sub_offset,
        }),
        ..text()
    }
}

fn text_append(text: &str) -> AppendRequest {
    AppendRequest {
        content_type: Some("text/plain; charset=utf-8".to_owned()),
        content: Some(text.as_bytes().to_vec()),
        close: false,
        writer_sequence: None,
        producer: None,
    }
}

fn produced(epoch: u64, sequence: u64) -> AppendRequest {
    AppendRequest {
        producer: Some(Producer {
            id: "p".to_owned(),
            epoch,
            sequence,
        }),
        ..text_append("x")
    }
}

fn close() -> AppendRequest {
    AppendRequest {
        content_type: None,
        content: None,
        close: true,
        writer_sequence: None,
        producer: None,
    }
}

/// Makes a test of a function on each database.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            use super::Fixture;
            use sql::testing::Driver;

            #[test]
            fn on_sqlite() {
                super::$name(Fixture::new(Driver::sqlite()));
            }

            #[test]
            fn on_postgres() {
                if let Some(driver) = Driver::postgres() {
                    super::$name(Fixture::new(driver));
                }
            }
        }
    )+};
}

on_both! {
    appends_are_read_in_order_from_any_position,
    initial_content_is_the_first_append,
    another_owner_and_another_configuration_are_refused,
    closed_streams_take_no_appends_and_closing_again_has_no_effect,
    producers_are_deduplicated_and_fenced,
    writer_sequences_must_rise_by_their_bytes,
    streams_expire_when_idle_and_reading_renews_them,
    forks_share_the_content_before_them_and_nothing_after,
    forks_may_begin_within_an_append,
    a_deleted_source_stays_as_long_as_forks_need_it,
    limits_bound_streams_and_their_size,
    list_has_every_stream_once_and_erase_removes_all,
    shared_streams_are_found_by_their_token_only,
}

fn appends_are_read_in_order_from_any_position(fixture: Fixture) {
    assert!(fixture.create("s", text()).unwrap());
    assert!(!fixture.create("s", text()).unwrap());
    let first = fixture.write("s", "one ");
    fixture.write("s", "two ");
    fixture.write("s", "three");
    assert_eq!(fixture.content("s"), "one two three");
    let page = fixture.page("s", Start::Position(first), 4).unwrap();
    assert_eq!(page.entries.len(), 1);
    assert_eq!(page.entries[0].bytes, b"two ");
    let page = fixture.page("s", Start::Position(page.next), 1).unwrap();
    assert_eq!(page.entries[0].bytes, b"three", "at least one append");
    assert_eq!(page.next, page.metadata.tail);
    let page = fixture.page("s", Start::Tail, 100).unwrap();
    assert!(page.entries.is_empty());
}

fn initial_content_is_the_first_append(fixture: Fixture) {
    let content = Creation {
        content: Some(b"first ".to_vec()),
        ..text()
    };
    fixture.create("s", content).unwrap();
    fixture.write("s", "second");
    assert_eq!(fixture.content("s"), "first second");
    let page = fixture.page("s", Start::Beginning, 1).unwrap();
    assert_eq!(page.entries.len(), 1);
    assert_eq!((page.next.appends, page.next.bytes), (1, 6));
}

fn another_owner_and_another_configuration_are_refused(fixture: Fixture) {
    fixture.create("s", text()).unwrap();
    let foreign = block_on(fixture.session().existing("bob", "s"));
    assert_eq!(foreign.unwrap_err(), Error::NotFound);
    let other = Creation {
        content_type: Some("application/json".to_owned()),
        ..text()
    };
    assert_eq!(fixture.create("s", other), Err(Error::Exists));
    let other = Creation {
        expiry: Some(Expiry::Idle(5)),
        ..text()
    };
    assert_eq!(fixture.create("s", other), Err(Error::Exists));
}

fn closed_streams_take_no_appends_and_closing_again_has_no_effect(fixture: Fixture) {
    fixture.create("s", text()).unwrap();
    let tail = fixture.write("s", "all");
    let closed = fixture.append("s", close()).unwrap();
    assert!(closed.closed && !closed.repeated);
    assert_eq!(closed.tail, tail, "closing adds no content");
    assert!(fixture.append("s", close()).unwrap().repeated);
    assert_eq!(
        fixture.append("s", text_append("more")),
        Err(Error::Closed(tail))
    );
    let page = fixture.page("s", Start::Beginning, 100).unwrap();
    assert!(page.metadata.closed);
    assert_eq!(page.next, tail);
}

fn producers_are_deduplicated_and_fenced(fixture: Fixture) {
    fixture.create("s", text()).unwrap();
    assert!(!fixture.append("s", produced(0, 0)).unwrap().repeated);
    assert!(!fixture.append("s", produced(0, 1)).unwrap().repeated);
    let repeated = fixture.append("s", produced(0, 0)).unwrap();
    assert!(repeated.repeated);
    assert_eq!(repeated.producer_sequence, Some(1));
    assert!(matches!(
        fixture.append("s", produced(0, 3)),
        Err(Error::SequenceGap(_))
    ));
    assert_eq!(fixture.append("s", produced(1, 1)), Err(Error::EpochStart));
    assert!(!fixture.append("s", produced(1, 0)).unwrap().repeated);
    assert_eq!(
        fixture.append("s", produced(0, 2)),
        Err(Error::StaleEpoch(1))
    );
    assert_eq!(fixture.content("s"), "xxx");
}

fn writer_sequences_must_rise_by_their_bytes(fixture: Fixture) {
    fixture.create("s", text()).unwrap();
    let with = |sequence: &str| AppendRequest {
        writer_sequence: Some(sequence.to_owned()),
        ..text_append("x")
    };
    fixture.append("s", with("09")).unwrap();
    fixture.append("s", with("10")).unwrap();
    fixture.write("s", "without a sequence");
    assert_eq!(
        fixture.append("s", with("10")),
        Err(Error::SequenceRegression)
    );
    fixture.append("s", with("2")).unwrap();
    assert_eq!(
        fixture.append("s", with("10")),
        Err(Error::SequenceRegression)
    );
    fixture.append("s", with("a")).unwrap();
    assert_eq!(
        fixture.append("s", with("B")),
        Err(Error::SequenceRegression)
    );
}

fn streams_expire_when_idle_and_reading_renews_them(mut fixture: Fixture) {
    let idle = Creation {
        expiry: Some(Expiry::Idle(10)),
        ..text()
    };
    fixture.create("s", idle.clone()).unwrap();
    fixture.now += 9_000;
    fixture.page("s", Start::Tail, 1).unwrap();
    fixture.now += 9_000;
    fixture.write("s", "still there");
    fixture.now += 9_000;
    assert_eq!(fixture.content("s"), "still there");
    fixture.now += 10_000;
    assert_eq!(
        fixture.page("s", Start::Tail, 1).unwrap_err(),
        Error::NotFound
    );
    assert_eq!(fixture.append("s", text_append("x")), Err(Error::NotFound));
    assert!(fixture.create("s", idle).unwrap(), "the name is free again");
    assert_eq!(fixture.content("s"), "");
}

fn forks_share_the_content_before_them_and_nothing_after(fixture: Fixture) {
    fixture.create("a", text()).unwrap();
    let first = fixture.write("a", "one ");
    fixture.write("a", "two ");
    fixture.create("b", fork_of("a", Some(first), 0)).unwrap();
    assert!(!fixture.create("b", fork_of("a", Some(first), 0)).unwrap());
    assert_eq!(
        fixture.create("b", fork_of("a", None, 0)),
        Err(Error::Exists)
    );
    fixture.write("b", "deux ");
    fixture.create("c", fork_of("b", None, 0)).unwrap();
    fixture.write("a", "three");
    fixture.write("c", "drei");
    assert_eq!(fixture.content("a"), "one two three");
    assert_eq!(fixture.content("b"), "one deux ");
    assert_eq!(fixture.content("c"), "one deux drei");
    // Page by page, over the borders.
    let mut at = Start::Beginning;
    let mut parts = Vec::new();
    loop {
        let page = fixture.page("c", at, 1).unwrap();
        let Some(entry) = page.entries.into_iter().next() else {
            break;
        };
        parts.push(String::from_utf8(entry.bytes).unwrap());
        at = Start::Position(page.next);
    }
    assert_eq!(parts, ["one ", "deux ", "drei"]);
}

fn forks_may_begin_within_an_append(fixture: Fixture) {
    fixture.create("a", text()).unwrap();
    let start = Position {
        appends: 0,
        bytes: 0,
    };
    fixture.write("a", "Hello world");
    fixture.create("b", fork_of("a", Some(start), 5)).unwrap();
    fixture.write("b", "!");
    assert_eq!(fixture.content("b"), "Hello!");
    let beyond = fixture.create("c", fork_of("a", Some(start), 12));
    assert!(matches!(beyond, Err(Error::InvalidFork(_))));
    let without = fixture.create("c", fork_of("a", None, 1));
    assert!(matches!(without, Err(Error::InvalidFork(_))));
    let missing = fixture.create("c", fork_of("none", None, 0));
    assert_eq!(missing, Err(Error::SourceNotFound));
}

fn a_deleted_source_stays_as_long_as_forks_need_it(fixture: Fixture) {
    fixture.create("a", text()).unwrap();
    fixture.write("a", "content");
    fixture.create("b", fork_of("a", None, 0)).unwrap();
    fixture.create("c", fork_of("b", None, 0)).unwrap();
    let delete = |name: &str| block_on(fixture.session().delete("ada", name));
    delete("a").unwrap();
    delete("b").unwrap();
    assert_eq!(delete("a"), Err(Error::Gone));
    assert_eq!(fixture.create("a", text()), Err(Error::Gone));
    assert_eq!(
        fixture.create("d", fork_of("a", None, 0)),
        Err(Error::SourceGone)
    );
    assert_eq!(fixture.content("c"), "content");
    delete("c").unwrap();
    for name in ["a", "b", "c"] {
        assert_eq!(delete(name), Err(Error::NotFound), "{name}");
    }
}

fn limits_bound_streams_and_their_size(fixture: Fixture) {
    for number in 0..40 {
        fixture.create(&format!("s{number}"), text()).unwrap();
    }
    assert_eq!(
        fixture.create("more", text()),
        Err(Error::TooManyStreams(40))
    );
    fixture.write("s0", &"x".repeat(600));
    let full = fixture.append("s0", text_append(&"x".repeat(401)));
    assert_eq!(full, Err(Error::StreamFull(1000)));
    fixture.write("s0", &"x".repeat(400));
}

fn list_has_every_stream_once_and_erase_removes_all(fixture: Fixture) {
    for number in 0..5 {
        fixture.create(&format!("s{number}"), text()).unwrap();
    }
    let mut names = Vec::new();
    let mut cursor = None;
    loop {
        let page = block_on(fixture.session().list("ada", cursor.as_deref(), 2)).unwrap();
        names.extend(page.streams.into_iter().map(|stream| stream.name));
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    names.sort();
    assert_eq!(names, ["s0", "s1", "s2", "s3", "s4"]);
    fixture.create("fork", fork_of("s0", None, 0)).unwrap();
    block_on(fixture.session().erase("ada")).unwrap();
    let page = block_on(fixture.session().list("ada", None, 10)).unwrap();
    assert!(page.streams.is_empty());
}

fn shared_streams_are_found_by_their_token_only(fixture: Fixture) {
    fixture.create("s", text()).unwrap();
    let id = block_on(fixture.session().existing("ada", "s")).unwrap().id;
    let token = block_on(fixture.session().share("ada", "s")).unwrap();
    let shared = |token: &str| block_on(fixture.session().shared(&id, token));
    assert_eq!(shared(&token), Ok(("ada".to_owned(), "s".to_owned())));
    assert_eq!(shared("other"), Err(Error::NotFound));
    block_on(fixture.session().unshare("ada", "s")).unwrap();
    assert_eq!(shared(&token), Err(Error::NotFound));
}
