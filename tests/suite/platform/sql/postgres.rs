//! `spin:postgres`: pooled connections to the servers in `allowed_outbound_hosts`.

use serde_json::{Value, json};

use super::{Probe, error, execute, manifest, on, query, rows};
use crate::harness::{App, Postgres, skip_or_fail};

struct Setup {
    app: App,
    postgres: Postgres,
}

impl Setup {
    /// An application with a grant for its database; `None` without PostgreSQL.
    async fn new(test: &str) -> Option<Self> {
        let postgres = Postgres::new().await;
        let postgres = postgres
            .map_err(|missing| skip_or_fail(&format!("platform::sql::postgres::{test}"), &missing))
            .ok()?;
        let manifest = manifest(&[("allowed_outbound_hosts", &postgres.host())]).await;
        let app = App::with_defaults().manifest(manifest.path());
        Some(Self {
            app: app.start().await,
            postgres,
        })
    }

    fn open(&self, name: &str) -> Value {
        json!({ "do": "postgres", "name": name, "address": self.postgres.url() })
    }

    async fn run(&self, steps: Vec<Value>) -> Vec<Value> {
        Probe::of(&self.app).run(steps).await
    }
}

#[tokio::test]
async fn statements_read_what_statements_wrote() {
    let Some(setup) = Setup::new("statements_read_what_statements_wrote").await else {
        return;
    };
    let select = "SELECT id, name AS n FROM t ORDER BY id";
    let results = setup
        .run(vec![
            setup.open("a"),
            execute("CREATE TABLE t (id serial, name text)", json!([])),
            execute(
                "INSERT INTO t (name) VALUES ($1), ($2)",
                json!([{ "text": "one" }, { "text": "two" }]),
            ),
            query(select, json!([])),
            query(
                "UPDATE t SET name = 'x' WHERE id = $1 RETURNING id",
                json!([{ "int32": 2 }]),
            ),
            json!({ "do": "synchronous", "on": "a", "sql": select }),
            query("SELECT id FROM t WHERE false", json!([])),
        ])
        .await;
    assert_eq!(results[2]["ok"], 2, "{results:?}");
    let columns = json!(["id DbDataType::Int32", "n DbDataType::Str"]);
    assert_eq!(results[3]["ok"]["columns"], columns);
    let expected = [
        ["DbValue::Int32(1)", "DbValue::Str(\"one\")"],
        ["DbValue::Int32(2)", "DbValue::Str(\"two\")"],
    ];
    assert_eq!(rows(&results[3]), expected);
    assert_eq!(rows(&results[4]), [["DbValue::Int32(2)"]]);
    assert_eq!(rows(&results[5]).len(), 2);
    // As in Spin, the columns are those of the first row.
    assert_eq!(results[6]["ok"]["columns"], json!([]));
}

#[tokio::test]
async fn values_of_each_type_are_read_as_they_were_written() {
    let Some(setup) = Setup::new("values_of_each_type_are_read_as_they_were_written").await else {
        return;
    };
    let uuid = "6f9619ff-8b86-d011-b42d-00c04fc964ff";
    let cases = [
        ("bool", json!({ "boolean": true }), "Boolean(true)"),
        ("int2", json!({ "int16": -2 }), "Int16(-2)"),
        ("int4", json!({ "int32": 7 }), "Int32(7)"),
        (
            "int8",
            json!({ "integer": i64::MIN }),
            "Int64(-9223372036854775808)",
        ),
        ("float4", json!({ "float32": 1.5 }), "Floating32(1.5)"),
        ("float8", json!({ "real": 2.5 }), "Floating64(2.5)"),
        ("text", json!({ "text": "é🐟" }), "Str(\"é🐟\")"),
        ("varchar", json!({ "text": "v" }), "Str(\"v\")"),
        ("bytea", json!({ "blob": [0, 255] }), "Binary([0, 255])"),
        (
            "date",
            json!({ "date": [2026, 2, 28] }),
            "Date((2026, 2, 28))",
        ),
        (
            "time",
            json!({ "time": [1, 2, 3, 4000] }),
            "Time((1, 2, 3, 4000))",
        ),
        (
            "timestamp",
            json!({ "datetime": [1969, 12, 31, 23, 59, 59, 999_999_000] }),
            "Datetime((1969, 12, 31, 23, 59, 59, 999999000))",
        ),
        (
            "uuid",
            json!({ "uuid": uuid }),
            "Uuid(\"6f9619ff-8b86-d011-b42d-00c04fc964ff\")",
        ),
        ("jsonb", json!({ "jsonb": "[1]" }), "Jsonb([91, 49, 93])"),
        (
            "numeric",
            json!({ "decimal": "-12.340" }),
            "Decimal(\"-12.340\")",
        ),
        (
            "int4range",
            json!({ "rangeInt32": [[1, true], null] }),
            "RangeInt32((Some((1, RangeBoundKind::Inclusive)), None))",
        ),
        (
            "int8range",
            json!({ "rangeInt64": [[1, true], [5, false]] }),
            "RangeInt64((Some((1, RangeBoundKind::Inclusive)), Some((5, RangeBoundKind::Exclusive))))",
        ),
        (
            "numrange",
            json!({ "rangeDecimal": [["1.5", false], ["2.5", true]] }),
            "RangeDecimal((Some((\"1.5\", RangeBoundKind::Exclusive)), Some((\"2.5\", RangeBoundKind::Inclusive))))",
        ),
        (
            "int4[]",
            json!({ "arrayInt32": [1, null] }),
            "ArrayInt32([Some(1), None])",
        ),
        (
            "int8[]",
            json!({ "arrayInt64": [2] }),
            "ArrayInt64([Some(2)])",
        ),
        (
            "numeric[]",
            json!({ "arrayDecimal": ["1.5", null] }),
            "ArrayDecimal([Some(\"1.5\"), None])",
        ),
        (
            "text[]",
            json!({ "arrayText": ["a", null] }),
            "ArrayStr([Some(\"a\"), None])",
        ),
        (
            "interval",
            json!({ "interval": [1_000_000, 2, 3] }),
            "Interval(Interval { micros: 1000000, days: 2, months: 3 })",
        ),
    ];
    let mut steps = vec![setup.open("a")];
    for (r#type, parameter, _) in &cases {
        steps.push(query(
            &format!("SELECT $1::{type}, $2::{type}", type = r#type),
            json!([parameter, "null"]),
        ));
    }
    let results = setup.run(steps).await;
    for ((_, _, expected), result) in cases.iter().zip(&results[1..]) {
        let expected = format!("DbValue::{expected}");
        assert_eq!(rows(result), [[expected.as_str(), "DbValue::DbNull"]]);
    }
}

#[tokio::test]
async fn types_that_spin_does_not_map_are_as_in_spin() {
    let Some(setup) = Setup::new("types_that_spin_does_not_map_are_as_in_spin").await else {
        return;
    };
    let results = setup
        .run(vec![
            setup.open("a"),
            query("SELECT '{}'::json", json!([])),
            query("SELECT now()", json!([])),
            query(
                "SELECT extract(epoch FROM $1::timestamptz)::int8",
                json!([{ "timestamp": 1_000_000_000 }]),
            ),
            query(
                "SELECT $1::timestamptz",
                json!([{ "datetime": [2026, 1, 1, 0, 0, 0, 0] }]),
            ),
            query("SELECT 'NaN'::numeric", json!([])),
        ])
        .await;
    assert_eq!(rows(&results[1]), [["DbValue::Unsupported([123, 125])"]]);
    let is_timestamptz = |number: usize| {
        let error = error(&results[number]).to_lowercase();
        error.contains("timestamptz")
    };
    assert!(is_timestamptz(2), "{}", results[2]);
    assert_eq!(rows(&results[3]), [["DbValue::Int64(1000000000)"]]);
    assert!(is_timestamptz(4), "{}", results[4]);
    assert!(error(&results[5]).contains("QueryError::Text"));
}

#[tokio::test]
async fn errors_are_those_of_spin() {
    let Some(setup) = Setup::new("errors_are_those_of_spin").await else {
        return;
    };
    let results = setup
        .run(vec![
            setup.open("a"),
            query("SELEC 1", json!([])),
            execute("CREATE TABLE t (n int UNIQUE)", json!([])),
            execute("INSERT INTO t VALUES (1)", json!([])),
            execute("INSERT INTO t VALUES (1)", json!([])),
            query("INSERT INTO t VALUES (1) RETURNING n", json!([])),
            query("SELECT $1::int4", json!([{ "text": "1" }])),
            query("SELECT $1::uuid", json!([{ "uuid": "no" }])),
            execute("SELECT $1::uuid", json!([{ "uuid": "no" }])),
            // An error after the first rows.
            query(
                "SELECT 1 / (3 - n) FROM generate_series(1, 3) AS n",
                json!([]),
            ),
            query("SELECT n FROM t", json!([])),
        ])
        .await;
    let expected = [(1, "42601"), (4, "23505"), (5, "23505"), (9, "22012")];
    for (number, code) in expected {
        let error = error(&results[number]);
        assert!(error.contains("QueryError::DbError"), "{error}");
        assert!(error.contains(&format!("code: \"{code}\"")), "{error}");
    }
    assert!(error(&results[4]).contains("(\"constraint\", \"t_n_key\")"));
    assert!(error(&results[6]).contains("QueryFailed"));
    assert!(error(&results[7]).contains("BadParameter"));
    assert!(error(&results[8]).contains("ValueConversionFailed"));
    assert_eq!(rows(&results[10]), [["DbValue::Int32(1)"]]);
}

#[tokio::test]
async fn a_result_larger_than_what_the_host_may_buffer_is_streamed() {
    let test = "a_result_larger_than_what_the_host_may_buffer_is_streamed";
    let Some(setup) = Setup::new(test).await else {
        return;
    };
    let large = "SELECT repeat('x', 500000) FROM generate_series(1, 300)";
    let results = setup
        .run(vec![
            setup.open("a"),
            json!({ "do": "query", "on": "a", "sql": large, "read": "count" }),
            json!({ "do": "synchronous", "on": "a", "sql": large }),
            // A result that is not read to its end does not keep the connection busy.
            json!({ "do": "query", "on": "a", "sql": large, "read": "first" }),
            query("SELECT 1", json!([])),
        ])
        .await;
    assert_eq!(results[1]["ok"]["count"], 300, "{}", results[1]);
    assert!(error(&results[2]).contains("query result exceeds limit of 134217728 bytes"));
    assert_eq!(results[3]["ok"]["count"], 1);
    assert_eq!(rows(&results[4]), [["DbValue::Int32(1)"]]);
}

#[tokio::test]
async fn connections_are_isolated_and_wait_for_locks() {
    let Some(setup) = Setup::new("connections_are_isolated_and_wait_for_locks").await else {
        return;
    };
    let results = setup
        .run(vec![
            setup.open("a"),
            setup.open("b"),
            execute("CREATE TABLE t (n int)", json!([])),
            execute("INSERT INTO t VALUES (1)", json!([])),
            execute("BEGIN", json!([])),
            execute("UPDATE t SET n = 2", json!([])),
            on("b", "SELECT n FROM t", json!([])),
            on("b", "SET lock_timeout = 20", json!([])),
            on("b", "UPDATE t SET n = n + 10", json!([])),
            // A statement that waits for a lock does not hold the instance.
            on("b", "SET lock_timeout = 30000", json!([])),
            json!({
                "do": "both",
                "first": { "on": "b", "sql": "UPDATE t SET n = n + 10" },
                "second": { "on": "a", "sql": "COMMIT" },
            }),
            on("b", "SELECT n FROM t", json!([])),
        ])
        .await;
    assert_eq!(rows(&results[6]), [["DbValue::Int32(1)"]]);
    // lock_not_available
    assert!(error(&results[8]).contains("55P03"));
    assert!(results[10]["ok"].is_array(), "{}", results[10]);
    assert_eq!(rows(&results[11]), [["DbValue::Int32(12)"]]);
}

#[tokio::test]
async fn a_connection_returns_to_its_pool_with_an_open_transaction() {
    let test = "a_connection_returns_to_its_pool_with_an_open_transaction";
    let Some(setup) = Setup::new(test).await else {
        return;
    };
    let process = || query("SELECT pg_backend_pid()", json!([]));
    let close = || json!({ "do": "close", "name": "a" });
    let results = setup
        .run(vec![
            setup.open("a"),
            process(),
            execute("CREATE TABLE t (n int)", json!([])),
            execute("SET search_path = nowhere", json!([])),
            close(),
            setup.open("a"),
            process(),
            query("SHOW search_path", json!([])),
            // The transaction is neither committed nor rolled back in between.
            execute("BEGIN", json!([])),
            execute("INSERT INTO t VALUES (1)", json!([])),
            close(),
            setup.open("a"),
            process(),
            query("SELECT n FROM t", json!([])),
            execute("ROLLBACK", json!([])),
            query("SELECT n FROM t", json!([])),
        ])
        .await;
    let id = rows(&results[1]);
    assert_eq!(rows(&results[6]), id);
    assert_eq!(
        rows(&results[7]),
        [["DbValue::Str(\"\\\"$user\\\", public\")"]]
    );
    assert_eq!(rows(&results[12]), id);
    assert_eq!(results[13]["ok"]["count"], 1, "{}", results[13]);
    assert_eq!(results[15]["ok"]["count"], 0, "{}", results[15]);
}

#[tokio::test]
async fn a_host_or_port_without_the_grant_is_denied() {
    let Some(setup) = Setup::new("a_host_or_port_without_the_grant_is_denied").await else {
        return;
    };
    let address = |address: &str| json!({ "do": "postgres", "name": "a", "address": address });
    let granted = setup.postgres.url();
    let results = setup
        .run(vec![
            address(&granted.replace("localhost", "127.0.0.1")),
            address("postgres://postgres@localhost:1/test"),
            address(&granted.replace("localhost", "localhost,127.0.0.1")),
            address(&format!("{granted}&hostaddr=127.0.0.2")),
            address("host=/var/run/postgresql user=postgres"),
            address("no address"),
            json!({
                "do": "postgres", "name": "a", "address": "postgres://db.example/test",
                "root": Postgres::certificate().await,
            }),
        ])
        .await;
    for result in &results {
        assert!(error(result).contains("ConnectionFailed"), "{result}");
    }
    assert!(error(&results[0]).contains("is not permitted"));
    assert!(error(&results[6]).contains("is not permitted"));
    assert!(
        !setup.app.logs().contains("postgres://"),
        "{}",
        setup.app.logs()
    );
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_an_error_of_opening() {
    let Some(setup) = Setup::new("a_server_that_cannot_be_reached_is_an_error_of_opening").await
    else {
        return;
    };
    let missing = setup.postgres.url().replace("/test_", "/missing_");
    let results = setup
        .run(vec![
            json!({ "do": "postgres", "name": "a", "address": missing }),
            setup.open("a"),
            query("SELECT 1", json!([])),
        ])
        .await;
    assert!(
        error(&results[0]).contains("ConnectionFailed"),
        "{results:?}"
    );
    assert_eq!(rows(&results[2]), [["DbValue::Int32(1)"]]);
}

#[tokio::test]
async fn tls_needs_a_certificate_that_is_trusted() {
    let Some(setup) = Setup::new("tls_needs_a_certificate_that_is_trusted").await else {
        return;
    };
    let address = format!("{}?sslmode=require", setup.postgres.tls_url());
    let open = |root: Option<String>| json!({ "do": "postgres", "name": "a", "address": address, "root": root });
    let certificate = Postgres::certificate().await;
    let results = setup
        .run(vec![
            open(None),
            open(Some("no certificate".to_owned())),
            open(Some(certificate)),
            query(
                "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
                json!([]),
            ),
        ])
        .await;
    assert!(
        error(&results[0]).contains("ConnectionFailed"),
        "{results:?}"
    );
    assert!(error(&results[1]).contains("invalid root certificate"));
    assert_eq!(
        rows(&results[3]),
        [["DbValue::Boolean(true)"]],
        "{results:?}"
    );
}
