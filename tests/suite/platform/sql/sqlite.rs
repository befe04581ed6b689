//! `spin:sqlite`: the file `sqlite_db.db` of the state folder, a connection for each `open`.

use serde_json::json;

use super::{Probe, error, execute, manifest, on, query, rows};
use crate::harness::{App, ChangedManifest};

async fn granted() -> ChangedManifest {
    manifest(&[("sqlite_databases", "default")]).await
}

async fn app() -> App {
    let manifest = granted().await;
    App::with_defaults().manifest(manifest.path()).start().await
}

fn open(name: &str) -> serde_json::Value {
    json!({ "do": "sqlite", "name": name, "database": "default" })
}

#[tokio::test]
async fn statements_read_what_statements_wrote() {
    let app = app().await;
    let results = Probe::of(&app)
        .run(vec![
            open("a"),
            execute(
                "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)",
                json!([]),
            ),
            execute(
                "INSERT INTO t (name) VALUES (?), (?)",
                json!([{ "text": "one" }, { "text": "two" }]),
            ),
            json!({ "do": "lastInsert", "on": "a" }),
            query(
                "SELECT id, name AS n FROM t WHERE id >= ?1 ORDER BY id",
                json!([{ "integer": 2 }]),
            ),
            query("UPDATE t SET name = 'x' RETURNING id", json!([])),
            query("SELECT * FROM t WHERE 0", json!([])),
        ])
        .await;
    assert_eq!(results[2]["ok"], 2, "{results:?}");
    assert_eq!(results[3]["ok"], 2, "{results:?}");
    assert_eq!(results[4]["ok"]["columns"], json!(["id", "n"]));
    assert_eq!(
        rows(&results[4]),
        [["Value::Integer(2)", "Value::Text(\"two\")"]]
    );
    assert_eq!(rows(&results[5]).len(), 2);
    assert_eq!(results[6]["ok"]["columns"], json!(["id", "name"]));
    assert_eq!(results[6]["ok"]["count"], 0);
}

#[tokio::test]
async fn a_later_request_reads_what_was_written_in_the_file_that_spin_has() {
    let app = app().await;
    let probe = Probe::of(&app);
    probe
        .run(vec![
            open("a"),
            execute("CREATE TABLE t (n)", json!([])),
            execute("INSERT INTO t VALUES (7)", json!([])),
        ])
        .await;
    let later = probe
        .run(vec![open("a"), query("SELECT n FROM t", json!([]))])
        .await;
    assert_eq!(rows(&later[1]), [["Value::Integer(7)"]]);
    let file = app.state_folder().join("sqlite_db.db");
    let database = rusqlite::Connection::open(file).unwrap();
    let n: i64 = database
        .query_row("SELECT n FROM t", [], |row| row.get(0))
        .unwrap();
    assert_eq!(n, 7);
}

#[tokio::test]
async fn values_of_each_type_are_read_as_they_were_written() {
    let app = app().await;
    let parameters = json!([
        { "integer": i64::MIN },
        { "real": 1.5 },
        { "text": "a\u{0}é🐟" },
        { "blob": [0, 255] },
        "null",
    ]);
    let sql = "SELECT ?1, ?2, ?3, ?4, ?5";
    let synchronous =
        json!({ "do": "synchronous", "on": "a", "sql": sql, "parameters": parameters });
    let results = Probe::of(&app)
        .run(vec![open("a"), query(sql, parameters), synchronous])
        .await;
    for result in &results[1..] {
        let expected = [
            "Value::Integer(-9223372036854775808)",
            "Value::Real(1.5)",
            "Value::Text(\"a\\0é🐟\")",
            "Value::Blob([0, 255])",
            "Value::Null",
        ];
        assert_eq!(rows(result), [expected]);
    }
}

#[tokio::test]
async fn errors_are_those_of_spin() {
    let app = app().await;
    let results = Probe::of(&app)
        .run(vec![
            open("a"),
            json!({ "do": "sqlite", "name": "b", "database": "other" }),
            query("SELEC 1", json!([])),
            query("SELECT * FROM missing", json!([])),
            query("SELECT ?1", json!([])),
            execute("CREATE TABLE t (n UNIQUE)", json!([])),
            execute("INSERT INTO t VALUES (1)", json!([])),
            execute("INSERT INTO t VALUES (1)", json!([])),
            // An error after the first rows.
            query(
                "SELECT abs(column1) FROM (VALUES (1), (-9223372036854775808))",
                json!([]),
            ),
            query("SELECT CAST(x'ff' AS TEXT)", json!([])),
            json!({ "do": "synchronous", "on": "a", "sql": "SELEC 1" }),
            query("SELECT n FROM t", json!([])),
        ])
        .await;
    assert_eq!(error(&results[1]), "Error::AccessDenied");
    for (number, part) in [
        (2, "syntax error"),
        (3, "no such table: missing"),
        (4, "Wrong number of parameters"),
        (7, "UNIQUE constraint failed: t.n"),
        (8, "integer overflow"),
        (9, "utf-8"),
        (10, "syntax error"),
    ] {
        let error = error(&results[number]);
        assert!(error.starts_with("Error::Io("), "{error}");
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(rows(&results[11]), [["Value::Integer(1)"]]);
}

#[tokio::test]
async fn a_result_larger_than_what_the_host_may_buffer_is_streamed() {
    let app = app().await;
    let large = "WITH RECURSIVE n(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM n WHERE n < 300)
                 SELECT zeroblob(500000) FROM n";
    let results = Probe::of(&app)
        .run(vec![
            open("a"),
            json!({ "do": "query", "on": "a", "sql": large, "read": "count" }),
            json!({ "do": "synchronous", "on": "a", "sql": large }),
            query("SELECT zeroblob(134217728)", json!([])),
            // A result that is not read to its end does not keep the connection busy.
            json!({ "do": "query", "on": "a", "sql": large, "read": "first" }),
            query("SELECT 1", json!([])),
        ])
        .await;
    assert_eq!(results[1]["ok"]["count"], 300, "{}", results[1]);
    let limit = "query result exceeds limit of 134217728 bytes";
    assert!(error(&results[2]).contains(limit));
    assert!(error(&results[3]).contains(limit));
    assert_eq!(results[4]["ok"]["count"], 1);
    assert_eq!(rows(&results[5]), [["Value::Integer(1)"]]);
}

#[tokio::test]
async fn connections_are_isolated_and_wait_for_locks() {
    let app = app().await;
    let results = Probe::of(&app)
        .run(vec![
            open("a"),
            open("b"),
            query("PRAGMA journal_mode = WAL", json!([])),
            execute("CREATE TABLE t (n)", json!([])),
            execute("CREATE TEMP TABLE own (n)", json!([])),
            on("b", "SELECT * FROM own", json!([])),
            execute("BEGIN IMMEDIATE", json!([])),
            execute("INSERT INTO t VALUES (1)", json!([])),
            // Other connections do not see uncommitted changes.
            on("b", "SELECT * FROM t", json!([])),
            on("b", "PRAGMA busy_timeout = 20", json!([])),
            on("b", "INSERT INTO t VALUES (2)", json!([])),
            // A statement that waits for a lock does not hold the instance.
            on("b", "PRAGMA busy_timeout = 30000", json!([])),
            json!({
                "do": "both",
                "first": { "on": "b", "sql": "INSERT INTO t VALUES (2)" },
                "second": { "on": "a", "sql": "COMMIT" },
            }),
            on("b", "SELECT n FROM t ORDER BY n", json!([])),
        ])
        .await;
    assert!(error(&results[5]).contains("no such table: own"));
    assert_eq!(results[8]["ok"]["count"], 0);
    assert!(error(&results[10]).contains("database is locked"));
    assert!(results[12]["ok"].is_array(), "{}", results[12]);
    assert_eq!(
        rows(&results[13]),
        [["Value::Integer(1)"], ["Value::Integer(2)"]]
    );
}

#[tokio::test]
async fn a_transaction_of_a_connection_that_is_closed_is_rolled_back() {
    let app = app().await;
    let results = Probe::of(&app)
        .run(vec![
            open("a"),
            execute("CREATE TABLE t (n)", json!([])),
            execute("BEGIN", json!([])),
            execute("INSERT INTO t VALUES (1)", json!([])),
            json!({ "do": "close", "name": "a" }),
            open("a"),
            query("SELECT * FROM t", json!([])),
        ])
        .await;
    assert_eq!(results[6]["ok"]["count"], 0, "{results:?}");
}

#[tokio::test]
async fn other_files_cannot_be_attached() {
    let app = app().await;
    let store = app.state_folder().join("sqlite_key_value.db");
    let store = store.to_str().unwrap();
    let copy = app.state_folder().join("copy.db");
    let results = Probe::of(&app)
        .run(vec![
            open("a"),
            query(&format!("ATTACH '{store}' AS store"), json!([])),
            query("ATTACH ? AS store", json!([{ "text": store }])),
            query(&format!("VACUUM INTO '{}'", copy.display()), json!([])),
            query("SELECT * FROM store.spin_key_value", json!([])),
            query("ATTACH ':memory:' AS memory", json!([])),
        ])
        .await;
    for result in &results[1..4] {
        assert!(error(result).contains("authoriz"), "{result}");
    }
    assert!(error(&results[4]).contains("no such table"));
    assert!(results[5]["ok"].is_object(), "{}", results[5]);
    assert!(!copy.exists());
}

#[tokio::test]
async fn a_component_without_the_grant_is_denied() {
    let manifest = manifest(&[]).await;
    let app = App::with_defaults().manifest(manifest.path()).start().await;
    let results = Probe::of(&app).run(vec![open("a")]).await;
    assert_eq!(error(&results[0]), "Error::AccessDenied");
    assert!(!app.state_folder().join("sqlite_db.db").exists());
}
