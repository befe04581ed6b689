//! SQL: `tests/probes/sql` runs statements through the host's `spin:sqlite` and `spin:postgres`.

mod postgres;
mod sqlite;

use serde_json::{Value as Json, json};
use tokio::sync::OnceCell;
use toml::{Table, Value};

use super::probes;
use crate::harness::{App, ChangedManifest, Client};

const PATH: &str = "/probe/sql";

/// A manifest with the probe alone, with these grants.
async fn manifest(grants: &[(&str, &str)]) -> ChangedManifest {
    static BUILT: OnceCell<()> = OnceCell::const_new();
    let build = || async {
        let build = || probes::build(&["probe-sql"]);
        tokio::task::spawn_blocking(build).await.unwrap();
    };
    BUILT.get_or_init(build).await;
    ChangedManifest::new(|table| {
        let mut probe = table["component"]["not-found"].as_table().unwrap().clone();
        probe.insert("source".to_owned(), probes::wasm("probe-sql"));
        for (key, value) in grants {
            let values = vec![Value::from(*value)];
            probe.insert((*key).to_owned(), values.into());
        }
        let mut trigger = Table::new();
        trigger.insert("route".to_owned(), PATH.into());
        trigger.insert("component".to_owned(), "probe-sql".into());
        table["trigger"]["http"] = vec![Value::from(trigger)].into();
        let mut components = Table::new();
        components.insert("probe-sql".to_owned(), probe.into());
        table.insert("component".to_owned(), components.into());
    })
}

/// The probe of an application.
struct Probe {
    client: Client,
}

impl Probe {
    fn of(app: &App) -> Self {
        Self {
            client: app.client().undescribed(),
        }
    }

    /// Runs steps in one request and returns their results.
    async fn run(&self, steps: Vec<Json>) -> Vec<Json> {
        let response = self.client.post(PATH, json!({ "steps": steps })).await;
        assert_eq!(response.status, 200, "{response:?}");
        response.json().as_array().unwrap().clone()
    }
}

/// A step that runs a statement on the connection `a`.
fn query(sql: &str, parameters: Json) -> Json {
    on("a", sql, parameters)
}

fn on(name: &str, sql: &str, parameters: Json) -> Json {
    json!({ "do": "query", "on": name, "sql": sql, "parameters": parameters })
}

fn execute(sql: &str, parameters: Json) -> Json {
    json!({ "do": "execute", "on": "a", "sql": sql, "parameters": parameters })
}

/// The rows of a result, each value in the notation of Rust.
fn rows(result: &Json) -> Vec<Vec<&str>> {
    let rows = result["ok"]["rows"].as_array();
    let rows = rows.unwrap_or_else(|| panic!("{result}"));
    let texts = rows.iter().map(|row| {
        let values = row.as_array().unwrap().iter();
        values.map(|value| value.as_str().unwrap()).collect()
    });
    texts.collect()
}

fn error(result: &Json) -> &str {
    result["error"]
        .as_str()
        .unwrap_or_else(|| panic!("no error: {result}"))
}
