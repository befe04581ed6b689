//! The head of a request: method, target and header fields.

/// Method, path, query and header fields of a request.
#[derive(Clone, Debug, Default)]
pub struct Head {
    /// In upper case, as sent.
    pub method: String,
    /// Without the query, not decoded.
    pub path: String,
    /// The part after `?`, not decoded; empty if there is none.
    pub query: String,
    /// `Host` or `:authority`.
    pub authority: Option<String>,
    /// Whether the request used TLS, as reported by the host.
    pub https: bool,
    /// As received, in order.
    pub headers: Vec<(String, Vec<u8>)>,
}

impl Head {
    /// The first field of that name with valid UTF-8. Names are case-insensitive.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .filter(|(field, _)| field.eq_ignore_ascii_case(name))
            .find_map(|(_, value)| std::str::from_utf8(value).ok())
            .map(str::trim)
    }

    /// The value of a header that the host adds, such as `spin-client-addr`. Spin appends it to the
    /// headers of the client, which may have the same name: only the last value is the host's.
    pub fn host_header(&self, name: &str) -> Option<&str> {
        let last = self
            .headers
            .iter()
            .rfind(|(field, _)| field.eq_ignore_ascii_case(name));
        last.and_then(|(_, value)| std::str::from_utf8(value).ok())
            .map(str::trim)
    }

    /// Of a list that may be spread over several fields of that name, the element that `proxies`
    /// proxies appended: the `proxies`th from the end. The first one if there are fewer.
    pub fn element_from_end(&self, name: &str, proxies: usize) -> Option<&str> {
        let elements: Vec<&str> = self
            .headers
            .iter()
            .filter(|(field, _)| field.eq_ignore_ascii_case(name))
            .filter_map(|(_, value)| std::str::from_utf8(value).ok())
            .flat_map(|list| list.split(','))
            .map(str::trim)
            .filter(|element| !element.is_empty())
            .collect();
        elements
            .get(elements.len().saturating_sub(proxies.max(1)))
            .copied()
    }

    /// The first cookie of that name (RFC 6265, section 4.2), as sent.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies()
            .find_map(|(key, value)| (key == name).then_some(value))
    }

    /// The cookies in the order of the request, as sent. One that is not UTF-8 is skipped; the others
    /// of its field are not.
    pub fn cookies(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers
            .iter()
            .filter(|(field, _)| field.eq_ignore_ascii_case("cookie"))
            .flat_map(|(_, value)| value.split(|byte| *byte == b';'))
            .filter_map(|pair| std::str::from_utf8(pair).ok())
            .filter_map(|pair| pair.split_once('='))
            .map(|(key, value)| (key.trim(), value.trim().trim_matches('"')))
    }

    /// `Origin`, if the request has one.
    pub fn origin(&self) -> Option<&str> {
        self.header("origin")
    }

    /// The host that the request was sent to, with its port unless that is the default.
    pub fn host(&self) -> Option<&str> {
        self.authority.as_deref().or_else(|| self.header("host"))
    }

    /// Whether `origin` is the host that this request was sent to. Schemes are not compared, because
    /// behind a proxy that terminates TLS only the browser knows the scheme.
    pub fn is_same_origin(&self, origin: &str) -> bool {
        let Some(own) = self.host() else {
            return false;
        };
        origin
            .strip_prefix("https://")
            .or_else(|| origin.strip_prefix("http://"))
            .is_some_and(|host| !host.is_empty() && host.eq_ignore_ascii_case(own))
    }

    /// Whether the method is safe (RFC 9110, section 9.2.1).
    pub fn is_safe(&self) -> bool {
        matches!(self.method.as_str(), "GET" | "HEAD" | "OPTIONS")
    }

    /// The declared length of the body; an error text if it is not a number.
    pub(crate) fn content_length(&self) -> Result<Option<u64>, &'static str> {
        match self.header("content-length") {
            None => Ok(None),
            Some(text) => match text.parse() {
                Ok(length) => Ok(Some(length)),
                Err(_) => Err("has a Content-Length that is not a number"),
            },
        }
    }

    /// Whether the body is declared as an HTML form.
    pub(crate) fn is_form(&self) -> bool {
        self.header("content-type").is_some_and(|value| {
            let kind = value.split(';').next().unwrap_or_default().trim();
            kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
        })
    }

    /// Whether the body is declared as JSON: `application/json` or any `+json`, with parameters.
    pub(crate) fn is_json(&self) -> bool {
        self.header("content-type").is_some_and(|value| {
            let kind = value.split(';').next().unwrap_or_default().trim();
            let kind = kind.to_ascii_lowercase();
            kind == "application/json"
                || (kind.starts_with("application/") && kind.ends_with("+json"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(headers: &[(&str, &str)]) -> Head {
        Head {
            method: "GET".into(),
            authority: Some("chat.example:8080".into()),
            headers: headers
                .iter()
                .map(|(k, v)| ((*k).to_owned(), v.as_bytes().to_vec()))
                .collect(),
            ..Head::default()
        }
    }

    #[test]
    fn cookie_returns_the_first_of_its_name() {
        let head = head(&[
            ("Cookie", "a=1; goldfish-session=x.y.z; a=2"),
            ("cookie", "b=\"q\"; goldfish-session=later"),
        ]);
        assert_eq!(head.cookie("goldfish-session"), Some("x.y.z"));
        assert_eq!(head.cookie("a"), Some("1"));
        assert_eq!(head.cookie("b"), Some("q"));
        assert_eq!(head.cookie("session"), None);
    }

    #[test]
    fn cookies_with_one_that_is_not_utf8_skips_only_that_one() {
        let mut head = head(&[]);
        let field = b"a=1; bad=\xff\xfe; goldfish-session=x; b=2".to_vec();
        head.headers.push(("cookie".into(), field));
        assert_eq!(head.cookie("goldfish-session"), Some("x"));
        assert_eq!(head.cookie("bad"), None);
        assert_eq!(head.cookies().count(), 3);
    }

    #[test]
    fn element_from_end_counts_over_several_fields() {
        let head = head(&[
            ("x-forwarded-for", "1.1.1.1, 2.2.2.2"),
            ("X-Forwarded-For", "3.3.3.3"),
        ]);
        for (proxies, element) in [
            (1, "3.3.3.3"),
            (2, "2.2.2.2"),
            (3, "1.1.1.1"),
            (9, "1.1.1.1"),
        ] {
            let actual = head.element_from_end("x-forwarded-for", proxies);
            assert_eq!(actual, Some(element), "{proxies}");
        }
        assert_eq!(head.element_from_end("forwarded", 1), None);
    }

    #[test]
    fn header_ignores_case_and_invalid_utf8() {
        let mut head = head(&[("X-One", " 1 ")]);
        head.headers.push(("x-two".into(), vec![0xff]));
        assert_eq!(head.header("x-one"), Some("1"));
        assert_eq!(head.header("x-two"), None);
    }

    #[test]
    fn host_header_with_several_values_returns_the_last() {
        let mut head = head(&[
            ("spin-client-addr", "1.2.3.4:5"),
            ("Spin-Client-Addr", " 6.7.8.9:1 "),
        ]);
        assert_eq!(head.host_header("spin-client-addr"), Some("6.7.8.9:1"));
        assert_eq!(head.host_header("spin-full-url"), None);
        // An unreadable last value does not make an earlier one the host's.
        head.headers.push(("spin-client-addr".into(), vec![0xff]));
        assert_eq!(head.host_header("spin-client-addr"), None);
    }

    #[test]
    fn is_same_origin_compares_host_and_port() {
        let head = head(&[]);
        assert!(head.is_same_origin("http://chat.example:8080"));
        assert!(head.is_same_origin("https://CHAT.example:8080"));
        assert!(!head.is_same_origin("http://chat.example"));
        assert!(!head.is_same_origin("http://chat.example:8080.evil.example"));
        assert!(!head.is_same_origin("null"));
        assert!(!Head::default().is_same_origin("http://"));
    }

    #[test]
    fn is_json_accepts_json_media_types_only() {
        for good in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/ld+json",
        ] {
            assert!(head(&[("content-type", good)]).is_json(), "{good}");
        }
        for bad in [
            "text/plain",
            "application/jsonp",
            "application/x-www-form-urlencoded",
            "",
        ] {
            assert!(!head(&[("content-type", bad)]).is_json(), "{bad}");
        }
        assert!(!head(&[]).is_json());
    }
}
