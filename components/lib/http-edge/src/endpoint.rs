//! Finds the endpoint of a request by method and path.

/// The name of a missing path, for [`crate::ApiError::NotFound`].
pub const ROUTE: &str = "Route";

/// One method of one path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// In capitals.
    pub method: &'static str,
    /// Segments are literal or, starting with `:`, parameters; `/...` takes any path.
    pub path: &'static str,
}

/// The endpoint of a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Match {
    /// The endpoint, and the parameters of its path.
    Endpoint(&'static Endpoint, Vec<(&'static str, String)>),
    /// The path has no such method: its template, and its methods.
    OtherMethods(&'static str, String),
    /// The path is unknown.
    None,
}

/// Finds the endpoint of a request. HEAD is handled like GET (RFC 9110, section 9.3.2).
pub(crate) fn find(table: &'static [Endpoint], method: &str, path: &str) -> Match {
    let wanted = if method == "HEAD" { "GET" } else { method };
    let mut template = None;
    let mut methods = Vec::new();
    for endpoint in table {
        let Some(params) = params(endpoint.path, path) else {
            continue;
        };
        if endpoint.method == wanted || endpoint.method == "ANY" {
            return Match::Endpoint(endpoint, params);
        }
        template.get_or_insert(endpoint.path);
        methods.push(endpoint.method);
        if endpoint.method == "GET" {
            methods.push("HEAD");
        }
    }
    match template {
        Some(template) => {
            methods.push("OPTIONS");
            Match::OtherMethods(template, methods.join(", "))
        }
        None => Match::None,
    }
}

fn params(template: &'static str, path: &str) -> Option<Vec<(&'static str, String)>> {
    if template == "/..." {
        return Some(Vec::new());
    }
    let mut params = Vec::new();
    let mut given = path.split('/');
    for segment in template.split('/') {
        let value = given.next()?;
        match segment.strip_prefix(':') {
            Some(name) if !value.is_empty() => params.push((name, value.to_owned())),
            None if segment == value => {}
            _ => return None,
        }
    }
    given.next().is_none().then_some(params)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[Endpoint] = &[
        Endpoint {
            method: "GET",
            path: "/things",
        },
        Endpoint {
            method: "DELETE",
            path: "/things",
        },
        Endpoint {
            method: "PATCH",
            path: "/things/:id",
        },
    ];

    #[test]
    fn find_returns_the_endpoint_of_path_and_method() {
        assert_eq!(
            find(TABLE, "DELETE", "/things"),
            Match::Endpoint(&TABLE[1], vec![])
        );
        assert_eq!(
            find(TABLE, "HEAD", "/things"),
            Match::Endpoint(&TABLE[0], vec![])
        );
        assert_eq!(
            find(TABLE, "PATCH", "/things/7"),
            Match::Endpoint(&TABLE[2], vec![("id", "7".into())])
        );
    }

    #[test]
    fn find_with_an_unknown_method_returns_the_other_methods() {
        assert_eq!(
            find(TABLE, "POST", "/things"),
            Match::OtherMethods("/things", "GET, HEAD, DELETE, OPTIONS".into())
        );
        assert_eq!(
            find(TABLE, "GET", "/things/7"),
            Match::OtherMethods("/things/:id", "PATCH, OPTIONS".into())
        );
    }

    #[test]
    fn find_with_an_unknown_path_returns_none() {
        for path in ["/", "", "/things/", "/things/7/8", "/thing", "/Things"] {
            assert_eq!(find(TABLE, "PATCH", path), Match::None, "{path}");
        }
    }
}
