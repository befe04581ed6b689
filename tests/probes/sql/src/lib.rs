//! A route for tests that runs the SQL that it is sent, through `spin:sqlite` and `spin:postgres`.
//!
//! `POST /…` takes steps, which run one after the other, and responds with the result of each:
//! `{"ok": …}`, or `{"error": …}` in the notation of Rust.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(dead_code, reason = "all calls are in the component")
)]

mod connection;
mod parameter;

use std::collections::BTreeMap;

use http_edge::{ApiError, Context, Response};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use connection::{Connection, Read};
use parameter::Parameter;

http_edge::routes! {
    POST "/..." => run,
}

#[derive(Deserialize)]
struct Script {
    steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "camelCase")]
enum Step {
    /// Opens a connection and gives it a name.
    Sqlite {
        name: String,
        database: String,
    },
    /// Opens a connection and gives it a name. `root` is a certificate in PEM.
    Postgres {
        name: String,
        address: String,
        root: Option<String>,
    },
    /// Runs a statement and reads its rows.
    Query(Statement),
    /// Runs a statement and returns how many rows it changed.
    Execute(Statement),
    /// Runs a statement by the synchronous function.
    Synchronous(Statement),
    /// Runs two statements at the same time.
    Both {
        first: Statement,
        second: Statement,
    },
    /// Tells the row id of the last insert of a SQLite connection.
    LastInsert {
        on: String,
    },
    Close {
        name: String,
    },
}

#[derive(Deserialize)]
struct Statement {
    /// The name of the connection.
    on: String,
    sql: String,
    #[serde(default)]
    parameters: Vec<Parameter>,
    #[serde(default)]
    read: Read,
}

async fn run(context: &mut Context) -> Result<Response, ApiError> {
    let script: Script = context.json().await?;
    let mut connections = BTreeMap::new();
    let mut results = Vec::new();
    for step in script.steps {
        results.push(match perform(step, &mut connections).await {
            Ok(value) => json!({ "ok": value }),
            Err(error) => json!({ "error": error }),
        });
    }
    Ok(Response::json(&results))
}

type Connections = BTreeMap<String, Connection>;

async fn perform(step: Step, connections: &mut Connections) -> Result<Json, String> {
    match step {
        Step::Sqlite { name, database } => {
            connections.insert(name, Connection::sqlite(&database).await?);
        }
        Step::Postgres {
            name,
            address,
            root,
        } => {
            connections.insert(name, Connection::postgres(address, root).await?);
        }
        Step::Query(statement) => return query(statement, connections).await,
        Step::Execute(statement) => {
            let connection = find(connections, &statement.on)?;
            let changed = connection.execute(statement.sql, statement.parameters);
            return changed.await.map(Json::from);
        }
        Step::Synchronous(statement) => {
            let connection = find(connections, &statement.on)?;
            return connection.query_synchronously(&statement.sql, statement.parameters);
        }
        Step::Both { first, second } => {
            let (first, second) =
                futures::join!(query(first, connections), query(second, connections));
            return Ok(json!([first?, second?]));
        }
        Step::LastInsert { on } => {
            return find(connections, &on)?.last_insert().await.map(Json::from);
        }
        Step::Close { name } => drop(connections.remove(&name)),
    }
    Ok(Json::Null)
}

async fn query(statement: Statement, connections: &Connections) -> Result<Json, String> {
    let connection = find(connections, &statement.on)?;
    connection
        .query(statement.sql, statement.parameters, statement.read)
        .await
}

fn find<'a>(connections: &'a Connections, name: &str) -> Result<&'a Connection, String> {
    connections
        .get(name)
        .ok_or_else(|| format!("no connection {name:?}"))
}
