//! The operations on SQLite, and on PostgreSQL where it is installed.

use futures::executor::block_on;
use sql::{Database, Dialect, testing::Driver};

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
        assert_eq!(page.content.len() as u64, page.part.length);
        String::from_utf8(page.content).unwrap()
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
    json_is_read_as_an_array_over_pieces_and_forks,
    small_appends_are_read_in_parts_of_a_number,
    any_bytes_are_kept,
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
    assert_eq!((page.part.appends, page.content), (1, b"two ".to_vec()));
    let page = fixture
        .page("s", Start::Position(page.part.next), 1)
        .unwrap();
    assert_eq!(page.content, b"three", "at least one append");
    assert_eq!(page.part.next, page.part.metadata.tail);
    let page = fixture.page("s", Start::Tail, 100).unwrap();
    assert_eq!((page.part.appends, page.content), (0, Vec::new()));
    // The bytes of a position are not the client's to say.
    let forged = Position {
        appends: 1,
        bytes: 1_000_000,
    };
    let page = fixture.page("s", Start::Position(forged), 4).unwrap();
    assert_eq!((page.part.length, page.content), (4, b"two ".to_vec()));
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
    assert_eq!(page.content, b"first ");
    assert_eq!((page.part.next.appends, page.part.next.bytes), (1, 6));
}

fn json_is_read_as_an_array_over_pieces_and_forks(fixture: Fixture) {
    let json = |content: Option<&str>| Creation {
        content_type: Some("application/json".to_owned()),
        content: content.map(|content| content.as_bytes().to_vec()),
        ..text()
    };
    let append = |name: &str, value: &str| {
        let request = AppendRequest {
            content_type: Some("application/json".to_owned()),
            ..text_append(value)
        };
        fixture.append(name, request).unwrap().tail
    };
    fixture.create("empty", json(None)).unwrap();
    assert_eq!(fixture.content("empty"), "[]");
    fixture.create("a", json(Some("[1, 2]"))).unwrap();
    let at = append("a", "[3]");
    append("a", r#"{"n": 4}"#);
    assert_eq!(fixture.content("a"), r#"[1, 2,3,{"n": 4}]"#);
    let page = fixture.page("a", Start::Position(at), 1).unwrap();
    assert_eq!(page.content, br#"[{"n": 4}]"#);
    let fork = Creation {
        content_type: None,
        ..fork_of("a", Some(at), 0)
    };
    fixture.create("b", fork).unwrap();
    append("b", "5");
    assert_eq!(fixture.content("b"), "[1, 2,3,5]");
}

fn small_appends_are_read_in_parts_of_a_number(fixture: Fixture) {
    fixture.create("s", text()).unwrap();
    let tail = fixture.write("s", "a");
    let id = block_on(fixture.session().existing("ada", "s")).unwrap().id;
    // More than a piece and more than a part, without so many calls. The trigger counts what a user stores.
    let statement = match fixture.database.dialect() {
        Dialect::Sqlite => "DROP TRIGGER stream_appends_inserted",
        Dialect::Postgres => "DROP TRIGGER stream_appends_inserted ON stream_appends",
    };
    block_on(fixture.database.execute(statement, Vec::new())).unwrap();
    let statement = "INSERT INTO stream_appends (stream_id, number, bytes, data, encoded, length, closes, created_at, content) \
         WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) \
         SELECT CAST($1 AS TEXT), i, i, '', 0, 1, 0, 0, CAST($2 AS BLOB) FROM n \
         RETURNING CAST(JSON_OF(number) AS TEXT)";
    let parameters = vec![id.into(), b"b".to_vec().into()];
    block_on(sql::rows(&fixture.database, statement, parameters)).unwrap();
    let page = fixture.page("s", Start::Beginning, 1_000_000).unwrap();
    assert_eq!((page.part.appends, page.content.len()), (16_384, 16_384));
    assert!(page.content.starts_with(b"ab") && page.content.ends_with(b"bb"));
    let page = fixture
        .page("s", Start::Position(page.part.next), 1_000_000)
        .unwrap();
    assert_eq!(page.part.next.appends, 20_000);
    let page = fixture.page("s", Start::Position(tail), 10).unwrap();
    assert_eq!((page.part.appends, page.content.len()), (10, 10));
}

fn any_bytes_are_kept(fixture: Fixture) {
    let binary = "application/octet-stream";
    let all: Vec<u8> = (0..=255).collect();
    let creation = Creation {
        content_type: Some(binary.to_owned()),
        content: Some(all.clone()),
        ..text()
    };
    fixture.create("s", creation).unwrap();
    for content in [&b"\0"[..], &all, "\u{feff}é".as_bytes()] {
        let append = AppendRequest {
            content_type: Some(binary.to_owned()),
            content: Some(content.to_vec()),
            ..text_append("")
        };
        fixture.append("s", append).unwrap();
    }
    let page = fixture.page("s", Start::Beginning, 10_000).unwrap();
    let expected = [&all, &b"\0"[..], &all, "\u{feff}é".as_bytes()].concat();
    assert_eq!(page.content, expected);
}

#[test]
fn content_that_earlier_versions_stored_is_read_on_sqlite() {
    content_that_earlier_versions_stored_is_read(Driver::sqlite());
}

#[test]
fn content_that_earlier_versions_stored_is_read_on_postgres() {
    if let Some(driver) = Driver::postgres() {
        content_that_earlier_versions_stored_is_read(driver);
    }
}

/// Until version 2 of the tables, content was stored as text, or in base64.
fn content_that_earlier_versions_stored_is_read(database: Driver) {
    block_on(MIGRATIONS.apply_to(&database, 2)).unwrap();
    for statement in [
        "INSERT INTO streams (id, owner, name, content_type, media_type, created_at, created_closed, fork_request, \
         fork_appends, fork_bytes, initial_data, initial_encoded, base_appends, base_bytes) VALUES \
         ('i', 'ada', 's', 'text/plain', 'text/plain', 1, 0, '', 0, 0, 'AP8=', 1, 1, 2) \
         RETURNING CAST(JSON_OF(id) AS TEXT)",
        "INSERT INTO stream_appends (stream_id, number, bytes, data, encoded, length, closes, created_at) VALUES \
         ('i', 2, 5, 'aé', 0, 3, 0, 1), ('i', 3, 6, '/w==', 1, 1, 0, 1), ('i', 4, 7, '\\', 0, 1, 0, 1) \
         RETURNING CAST(JSON_OF(number) AS TEXT)",
    ] {
        block_on(sql::rows(&database, statement, Vec::new())).unwrap();
    }
    let fixture = Fixture::new(database);
    fixture.write("s", "new");
    let page = fixture.page("s", Start::Beginning, 1000).unwrap();
    assert_eq!(page.content, b"\0\xffa\xc3\xa9\xff\\new");
    let at = Position {
        appends: 3,
        bytes: 6,
    };
    let page = fixture.page("s", Start::Position(at), 1000).unwrap();
    assert_eq!(page.content, b"\\new");
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
    assert!(page.part.metadata.closed);
    assert_eq!(page.part.next, tail);
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
        if page.part.appends == 0 {
            break;
        }
        parts.push(String::from_utf8(page.content).unwrap());
        at = Start::Position(page.part.next);
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
