//! `spin:variables@3.0.0` and `wasi:config@0.2.0-draft-2024-09-27`.

use wasmtime::component::Accessor;

use super::Platform;
use crate::bindings::{spin, wasi};
use crate::guest::Guest;
use spin::variables::variables::Error as VariableError;
use wasi::config::store::Error as ConfigError;

impl spin::variables::variables::Host for Guest {}

impl spin::variables::variables::HostWithStore<Guest> for Platform {
    async fn get(
        accessor: &Accessor<Guest, Self>,
        name: String,
    ) -> wasmtime::Result<Result<String, VariableError>> {
        accessor.with(|mut access| {
            let value = access.get().grants.variables.get(&name).cloned();
            Ok(value.ok_or_else(|| {
                let valid = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
                if name.chars().all(valid) {
                    VariableError::Undefined(format!("variable {name:?} is not defined"))
                } else {
                    VariableError::InvalidName(format!("{name:?} is not a variable name"))
                }
            }))
        })
    }
}

impl wasi::config::store::Host for Guest {
    fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<String>, ConfigError>> {
        Ok(Ok(self.grants.variables.get(&key).cloned()))
    }

    fn get_all(&mut self) -> wasmtime::Result<Result<Vec<(String, String)>, ConfigError>> {
        Ok(Ok(self.grants.variables.clone().into_iter().collect()))
    }
}
