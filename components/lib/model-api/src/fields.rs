//! Reading a JSON object field by field, so that every error names the path as OpenAI does.

use http_edge::ApiError;
use serde_json::{Map, Value};

/// An object of the request, from which fields are taken one by one. A field that is `null` counts
/// as missing.
pub struct Fields {
    /// Its path; empty for the request itself.
    path: String,
    fields: Map<String, Value>,
}

impl Fields {
    /// The request itself.
    pub fn root(fields: Map<String, Value>) -> Self {
        Self {
            path: String::new(),
            fields,
        }
    }

    /// A value that must be an object.
    pub fn of(value: Value, path: String) -> Result<Self, ApiError> {
        match value {
            Value::Object(fields) => Ok(Self { path, fields }),
            _ => Err(ApiError::invalid(path, "must be an object")),
        }
    }

    /// The path of a field.
    pub fn path(&self, name: &str) -> String {
        if self.path.is_empty() {
            return name.to_owned();
        }
        format!("{}.{name}", self.path)
    }

    /// The error about a field.
    pub fn wrong(&self, name: &str, message: &str) -> ApiError {
        ApiError::invalid(self.path(name), message)
    }

    /// Takes a field out.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        self.fields
            .shift_remove(name)
            .filter(|value| !value.is_null())
    }

    /// A string.
    pub fn text(&mut self, name: &str) -> Result<Option<String>, ApiError> {
        let path = self.path(name);
        self.take(name).map(|value| text(value, &path)).transpose()
    }

    /// A string that must be there.
    pub fn required_text(&mut self, name: &str) -> Result<String, ApiError> {
        self.text(name)?
            .ok_or_else(|| self.wrong(name, "is missing"))
    }

    /// A number.
    pub fn number(&mut self, name: &str) -> Result<Option<f64>, ApiError> {
        self.read(name, "must be a number", |value| value.as_f64())
    }

    /// A whole number.
    pub fn integer(&mut self, name: &str) -> Result<Option<i64>, ApiError> {
        self.read(name, "must be a whole number", |value| value.as_i64())
    }

    /// A whole number that is not negative.
    pub fn count(&mut self, name: &str) -> Result<Option<u32>, ApiError> {
        let message = "must be a whole number that is not negative";
        self.read(name, message, |value| {
            // A number that does not fit is more than any model generates.
            value
                .as_u64()
                .map(|count| u32::try_from(count).unwrap_or(u32::MAX))
        })
    }

    /// A truth value.
    pub fn flag(&mut self, name: &str) -> Result<Option<bool>, ApiError> {
        self.read(name, "must be true or false", |value| value.as_bool())
    }

    /// A list.
    pub fn list(&mut self, name: &str) -> Result<Option<Vec<Value>>, ApiError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Array(values)) => Ok(Some(values)),
            Some(_) => Err(self.wrong(name, "must be a list")),
        }
    }

    /// An object.
    pub fn object(&mut self, name: &str) -> Result<Option<Self>, ApiError> {
        let path = self.path(name);
        self.take(name)
            .map(|value| Self::of(value, path))
            .transpose()
    }

    /// An object that must be there.
    pub fn required_object(&mut self, name: &str) -> Result<Self, ApiError> {
        self.object(name)?
            .ok_or_else(|| self.wrong(name, "is missing"))
    }

    /// An object that is not interpreted, as JSON.
    pub fn json(&mut self, name: &str) -> Result<Option<String>, ApiError> {
        match self.take(name) {
            None => Ok(None),
            Some(object @ Value::Object(_)) => Ok(Some(object.to_string())),
            Some(_) => Err(self.wrong(name, "must be an object")),
        }
    }

    /// Puts a field back.
    pub fn put(&mut self, name: &str, value: Value) {
        self.fields.insert(name.to_owned(), value);
    }

    /// Puts the remaining fields of an inner object back.
    pub fn put_rest(&mut self, name: &str, inner: Self) {
        let fields = inner.given();
        if !fields.is_empty() {
            self.put(name, Value::Object(fields));
        }
    }

    /// The fields that were not taken and are not `null`, as JSON.
    pub fn rest_given(self) -> Option<String> {
        let fields = self.given();
        (!fields.is_empty()).then(|| Value::Object(fields).to_string())
    }

    fn given(mut self) -> Map<String, Value> {
        self.fields.retain(|_, value| !value.is_null());
        self.fields
    }

    /// The fields that were not taken, as JSON.
    pub fn rest(self) -> Option<String> {
        let is_given = self.fields.values().any(|value| !value.is_null());
        is_given.then(|| Value::Object(self.fields).to_string())
    }

    fn read<T>(
        &mut self,
        name: &str,
        message: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<Option<T>, ApiError> {
        match self.take(name) {
            None => Ok(None),
            Some(value) => match read(&value) {
                Some(parsed) => Ok(Some(parsed)),
                None => Err(self.wrong(name, message)),
            },
        }
    }
}

/// A value that must be a string.
pub fn text(value: Value, path: &str) -> Result<String, ApiError> {
    match value {
        Value::String(text) => Ok(text),
        _ => Err(ApiError::invalid(path, "must be a string")),
    }
}
