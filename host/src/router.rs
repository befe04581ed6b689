//! Matches paths to route patterns with the precedence of Spin's HTTP trigger.

use anyhow::{Result, bail, ensure};

/// Route patterns in the order of precedence.
#[derive(Debug)]
pub struct Router<T> {
    routes: Vec<Route<T>>,
}

#[derive(Debug)]
struct Route<T> {
    raw: String,
    segments: Vec<Segment>,
    target: T,
}

/// The order of the variants is the order of precedence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Literal(String),
    Parameter(String),
    /// The end of a pattern. It takes precedence over a wildcard at the same place.
    End,
    Wildcard,
}

/// A match of a path with a route.
#[derive(Debug)]
pub struct Match<'a, T> {
    /// The pattern as written in the manifest.
    pub route: &'a str,
    /// The target of the route.
    pub target: &'a T,
    /// Names of `:name` segments with the captured text, not percent-decoded.
    pub parameters: Vec<(&'a str, &'a str)>,
    /// The path that `/...` captured, with a leading slash; empty if it captured nothing.
    pub trailing: String,
}

impl<T> Router<T> {
    /// Builds a router. If two patterns are equal, the later one replaces the earlier one.
    ///
    /// # Errors
    /// If a pattern is not valid.
    pub fn new(routes: impl IntoIterator<Item = (String, T)>) -> Result<Self> {
        let mut built: Vec<Route<T>> = Vec::new();
        for (raw, target) in routes {
            let segments = parse(&raw)?;
            built.retain(|route| route.segments != segments);
            built.push(Route {
                raw,
                segments,
                target,
            });
        }
        built.sort_by(|a, b| a.segments.cmp(&b.segments));
        Ok(Self { routes: built })
    }

    /// Finds the matching route with the highest precedence: in each segment a literal comes before a
    /// parameter, and a parameter before a wildcard.
    pub fn find<'a>(&'a self, path: &'a str) -> Option<Match<'a, T>> {
        self.routes.iter().find_map(|route| route.matches(path))
    }

    /// Pattern and target of every route in the order of precedence.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.routes
            .iter()
            .map(|route| (route.raw.as_str(), &route.target))
    }
}

fn parse(raw: &str) -> Result<Vec<Segment>> {
    let mut segments = Vec::new();
    let mut rest = raw.trim_matches('/').split('/').peekable();
    while let Some(segment) = rest.next() {
        let last = rest.peek().is_none();
        segments.push(match segment {
            "" if segments.is_empty() && last => break,
            "" => bail!("route {raw:?} has an empty segment"),
            "..." | "*" if last => Segment::Wildcard,
            "..." | "*" => bail!("route {raw:?} has a wildcard that is not at its end"),
            _ => match segment.strip_prefix(':') {
                Some(name) => {
                    let valid = !name.is_empty()
                        && name
                            .chars()
                            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
                    ensure!(
                        valid,
                        "route {raw:?} has an invalid parameter name {name:?}"
                    );
                    Segment::Parameter(name.to_owned())
                }
                None => Segment::Literal(segment.to_owned()),
            },
        });
    }
    if segments.last() != Some(&Segment::Wildcard) {
        segments.push(Segment::End);
    }
    Ok(segments)
}

impl<T> Route<T> {
    fn matches<'a>(&'a self, path: &'a str) -> Option<Match<'a, T>> {
        let mut rest = path.strip_prefix('/')?;
        let slash = rest.ends_with('/');
        rest = rest.strip_suffix('/').unwrap_or(rest);
        let mut parameters = Vec::new();
        let mut trailing = String::new();
        // `None` after the last segment; an empty path has no segment.
        let mut rest = (!rest.is_empty()).then_some(rest);
        for segment in &self.segments {
            let next = |rest: Option<&'a str>| -> Option<(&'a str, Option<&'a str>)> {
                let rest = rest?;
                Some(match rest.split_once('/') {
                    Some((segment, rest)) => (segment, Some(rest)),
                    None => (rest, None),
                })
            };
            match segment {
                Segment::Literal(literal) => {
                    let (segment, after) = next(rest)?;
                    if segment != literal {
                        return None;
                    }
                    rest = after;
                }
                Segment::Parameter(name) => {
                    let (segment, after) = next(rest)?;
                    if segment.is_empty() {
                        return None;
                    }
                    parameters.push((name.as_str(), segment));
                    rest = after;
                }
                Segment::End => {
                    if rest.is_some() {
                        return None;
                    }
                }
                Segment::Wildcard => {
                    if let Some(rest) = rest.take() {
                        trailing = format!("/{rest}");
                    }
                    if slash {
                        trailing.push('/');
                    }
                }
            }
        }
        Some(Match {
            route: &self.raw,
            target: &self.target,
            parameters,
            trailing,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn router(routes: &[&'static str]) -> Router<&'static str> {
        Router::new(routes.iter().map(|route| ((*route).to_owned(), *route))).unwrap()
    }

    #[test]
    fn find_with_several_matches_returns_the_most_specific() {
        let router = router(&[
            "/...",
            "/api/...",
            "/api/:id",
            "/api/list",
            "/api/:id/stop",
            "/api/list/...",
            "/",
        ]);
        let to = |path: &str| *router.find(path).unwrap().target;
        assert_eq!(to("/api/list"), "/api/list");
        assert_eq!(to("/api/list/"), "/api/list");
        assert_eq!(to("/api/list/x"), "/api/list/...");
        assert_eq!(to("/api/7"), "/api/:id");
        assert_eq!(to("/api/7/stop"), "/api/:id/stop");
        assert_eq!(to("/api/7/go"), "/api/...");
        assert_eq!(to("/api"), "/api/...");
        assert_eq!(to("/apis"), "/...");
        assert_eq!(to("/"), "/");
    }

    #[test]
    fn find_returns_captured_segments() {
        let router = router(&["/a/:one/b/:two", "/w/..."]);
        let matched = router.find("/a/1/b/x%2Fy").unwrap();
        assert_eq!(matched.parameters, [("one", "1"), ("two", "x%2Fy")]);
        assert_eq!(matched.trailing, "");
        for (path, trailing) in [
            ("/w", ""),
            ("/w/", "/"),
            ("/w/x", "/x"),
            ("/w/x/y/", "/x/y/"),
        ] {
            assert_eq!(router.find(path).unwrap().trailing, trailing);
        }
        assert!(router.find("/a/1/b").is_none());
        assert!(router.find("/other").is_none());
    }

    #[test]
    fn new_with_equal_routes_keeps_the_later() {
        let routes = [("/a", 1), ("/a/", 2)].map(|(route, to)| (route.to_owned(), to));
        let router = Router::new(routes).unwrap();
        assert_eq!(*router.find("/a").unwrap().target, 2);
    }

    #[test]
    fn new_with_an_invalid_pattern_fails() {
        for pattern in ["/a//b", "/.../a", "/a/:"] {
            assert!(
                Router::new([(pattern.to_owned(), ())]).is_err(),
                "{pattern}"
            );
        }
    }
}
