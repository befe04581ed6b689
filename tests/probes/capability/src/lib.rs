//! A capability for tests that reports what it can access in the place where it is composed.
#![cfg(target_family = "wasm")]

use bindings::exports::goldfish::probe::reader::Guest;
use spin_sdk::key_value::Store;

#[allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    clippy::all,
    clippy::restriction,
    reason = "generated"
)]
mod bindings {
    use super::Component;

    wit_bindgen::generate!({
        world: "probe",
        path: "../wit",
        runtime_path: "spin_sdk::wit_bindgen::rt",
        generate_all,
    });
    export!(Component);
}

struct Component;

impl Guest for Component {
    async fn variable(name: String) -> Result<String, String> {
        let value = spin_sdk::variables::get(name).await;
        value.map_err(|error| format!("{error:?}"))
    }

    async fn store() -> Result<(), String> {
        let store = Store::open_default().await;
        let store = store.map_err(|error| format!("{error:?}"))?;
        let written = store.set("probe", b"probe").await;
        written.map_err(|error| format!("{error:?}"))?;
        match store.get("probe").await {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err("not there".to_owned()),
            Err(error) => Err(format!("{error:?}")),
        }
    }

    async fn sqlite() -> Result<(), String> {
        let connection = spin_sdk::sqlite::Connection::open_default().await;
        let connection = connection.map_err(|error| format!("{error:?}"))?;
        let result = connection.execute("SELECT 1", []).await;
        let result = result.map_err(|error| format!("{error:?}"))?;
        let rows = result.collect().await;
        rows.map(drop).map_err(|error| format!("{error:?}"))
    }

    async fn postgres(address: String) -> Result<(), String> {
        let connection = spin_sdk::pg::Connection::open(address).await;
        connection.map(drop).map_err(|error| format!("{error:?}"))
    }

    async fn fetch(url: String) -> Result<u16, String> {
        let response = spin_sdk::http::get(url).await;
        match response {
            Ok(response) => Ok(response.status().as_u16()),
            Err(error) => Err(format!("{error:?}")),
        }
    }
}
