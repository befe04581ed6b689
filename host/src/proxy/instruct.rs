//! The instructions of a response to the proxy: the headers `Grip-…`.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::HeaderMap;

/// Times of Pushpin that are used where a response names none.
const KEEP_ALIVE_TIME: Duration = Duration::from_secs(55);
const NEXT_LINK_TIME: Duration = Duration::from_secs(120);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Instruct {
    /// Whether the stream is held. If not, it continues with the next link or ends.
    pub(super) hold: bool,
    pub(super) channels: Vec<Channel>,
    pub(super) keep_alive: Option<KeepAlive>,
    /// The user of the stream, for filters.
    pub(super) user: Option<String>,
    pub(super) next: Option<NextLink>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Channel {
    pub(super) name: String,
    /// The id of the last item that the response has. Without one, items are delivered as they come.
    pub(super) prev_id: Option<String>,
    pub(super) filters: Vec<String>,
}

/// The data that is written while there are no items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeepAlive {
    pub(super) content: Bytes,
    pub(super) time: Duration,
    /// Whether the time begins again with each item.
    pub(super) idle: bool,
}

/// Where the items are that a stream has missed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NextLink {
    /// A path with a query.
    pub(super) target: String,
    /// How long a stream may be quiet until this is fetched.
    pub(super) time: Duration,
}

impl Instruct {
    /// # Errors
    /// The part that is invalid, or that this proxy does not support.
    pub(super) fn parse(headers: &HeaderMap) -> Result<Self, String> {
        let mut instruct = Self {
            hold: match super::headers::text(headers, "grip-hold") {
                None => false,
                Some("stream") => true,
                Some(other) => return Err(format!("Grip-Hold {other:?} is not supported")),
            },
            ..Self::default()
        };
        for value in values(headers, "grip-channel")? {
            let name = value.first.clone();
            if name.is_empty() {
                return Err("Grip-Channel has no name".to_owned());
            }
            instruct.channels.push(Channel {
                prev_id: value.get("prev-id").map(str::to_owned),
                filters: value.all("filter"),
                name,
            });
        }
        for value in values(headers, "grip-keep-alive")? {
            instruct.keep_alive = Some(keep_alive(&value)?);
        }
        for value in values(headers, "grip-set-meta")? {
            if let Some((name, user)) = value.first.split_once('=')
                && name == "user"
            {
                instruct.user = Some(unquoted(user));
            }
        }
        for value in values(headers, "grip-link")? {
            let target = value.first.strip_prefix('<');
            let target = target.and_then(|target| target.strip_suffix('>'));
            let target = target.ok_or("Grip-Link has no link")?;
            if value.get("rel") == Some("next") {
                if !target.starts_with('/') || target.starts_with("//") {
                    return Err("Grip-Link must be a path of the same host".to_owned());
                }
                instruct.next = Some(NextLink {
                    target: target.to_owned(),
                    time: seconds(&value, "timeout")?.unwrap_or(NEXT_LINK_TIME),
                });
            }
        }
        Ok(instruct)
    }
}

fn keep_alive(value: &Value) -> Result<KeepAlive, String> {
    let text = value.first.as_str();
    if text.is_empty() {
        return Err("Grip-Keep-Alive is empty".to_owned());
    }
    Ok(KeepAlive {
        content: match value.get("format") {
            None | Some("raw") => Bytes::from(text.to_owned()),
            Some("cstring") => unescape(text).ok_or("Grip-Keep-Alive has a bad escape")?,
            Some("base64") => {
                let bytes = STANDARD.decode(text);
                bytes.map_err(|_| "Grip-Keep-Alive is not Base64")?.into()
            }
            Some(other) => return Err(format!("no such Grip-Keep-Alive format {other:?}")),
        },
        time: seconds(value, "timeout")?.unwrap_or(KEEP_ALIVE_TIME),
        idle: match value.get("mode") {
            None | Some("idle") => true,
            Some("interval") => false,
            Some(other) => return Err(format!("no such Grip-Keep-Alive mode {other:?}")),
        },
    })
}

fn seconds(value: &Value, name: &str) -> Result<Option<Duration>, String> {
    let Some(text) = value.get(name) else {
        return Ok(None);
    };
    let seconds: u64 = text
        .parse()
        .map_err(|_| format!("{name} is not a number"))?;
    Ok(Some(Duration::from_secs(seconds)))
}

/// `\\`, `\r`, `\n` and `\x` with two hexadecimal digits.
fn unescape(text: &str) -> Option<Bytes> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'\\' => match rest.next()? {
                b'\\' => b'\\',
                b'r' => b'\r',
                b'n' => b'\n',
                b'x' => {
                    let mut digit = || char::from(rest.next()?).to_digit(16);
                    u8::try_from(digit()? * 16 + digit()?).ok()?
                }
                other => other,
            },
            other => other,
        });
    }
    Some(bytes.into())
}

/// A value with parameters: `first; name=value; …`.
#[derive(Debug)]
struct Value {
    first: String,
    parameters: Vec<(String, String)>,
}

impl Value {
    fn all(&self, name: &str) -> Vec<String> {
        let parameters = self.parameters.iter();
        let named = parameters.filter(|(key, _)| key == name);
        named.map(|(_, value)| value.clone()).collect()
    }

    fn get(&self, name: &str) -> Option<&str> {
        let mut parameters = self.parameters.iter();
        let (_, value) = parameters.find(|(key, _)| key == name)?;
        Some(value)
    }
}

/// All values of a header, which may be repeated or separated by commas.
fn values(headers: &HeaderMap, name: &str) -> Result<Vec<Value>, String> {
    let mut values = Vec::new();
    for text in headers.get_all(name) {
        let text = text.to_str().map_err(|_| format!("{name} is not text"))?;
        for value in split(text, ',') {
            let mut parts = split(value, ';').into_iter();
            let first = unquoted(parts.next().unwrap_or_default());
            let parameters = parts.filter_map(|part| {
                let (name, value) = part.split_once('=')?;
                Some((name.trim().to_ascii_lowercase(), unquoted(value)))
            });
            values.push(Value {
                first,
                parameters: parameters.collect(),
            });
        }
    }
    Ok(values)
}

/// Splits outside of quotes and angle brackets.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut quoted, mut bracketed) = (false, false);
    text.split(|c: char| {
        match c {
            '"' => quoted = !quoted,
            '<' if !quoted => bracketed = true,
            '>' if !quoted => bracketed = false,
            _ => {}
        }
        c == separator && !quoted && !bracketed
    })
    .map(str::trim)
    .collect()
}

fn unquoted(text: &str) -> String {
    let text = text.trim();
    let inner = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    inner.unwrap_or(text).to_owned()
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    fn parse(lines: &[(&str, &str)]) -> Result<Instruct, String> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        Instruct::parse(&headers)
    }

    #[test]
    fn parse_reads_all_instructions() {
        let instruct = parse(&[
            ("grip-hold", "stream"),
            ("grip-channel", "a; prev-id=7; filter=skip-self, b"),
            ("grip-channel", "c; prev-id=\"\""),
            ("grip-keep-alive", r":\x20\n\n; format=cstring; timeout=25"),
            ("grip-link", "</next?a=1,2;b>; rel=next; timeout=0"),
            ("grip-set-meta", "user=\"u1\""),
        ]);
        let channel = |name: &str, prev_id: Option<&str>, filters: &[&str]| Channel {
            name: name.to_owned(),
            prev_id: prev_id.map(str::to_owned),
            filters: filters.iter().map(|name| (*name).to_owned()).collect(),
        };
        let expected = Instruct {
            hold: true,
            channels: vec![
                channel("a", Some("7"), &["skip-self"]),
                channel("b", None, &[]),
                channel("c", Some(""), &[]),
            ],
            keep_alive: Some(KeepAlive {
                content: Bytes::from_static(b": \n\n"),
                time: Duration::from_secs(25),
                idle: true,
            }),
            user: Some("u1".to_owned()),
            next: Some(NextLink {
                target: "/next?a=1,2;b".to_owned(),
                time: Duration::ZERO,
            }),
        };
        assert_eq!(instruct, Ok(expected));
    }

    #[test]
    fn parse_of_no_instructions_holds_nothing() {
        assert_eq!(
            parse(&[("content-type", "text/plain")]),
            Ok(Instruct::default())
        );
    }

    #[test]
    fn parse_of_what_is_not_valid_fails() {
        for line in [
            ("grip-hold", "response"),
            ("grip-channel", "; prev-id=1"),
            ("grip-keep-alive", "; timeout=1"),
            ("grip-keep-alive", "a; timeout=x"),
            ("grip-keep-alive", "a; mode=never"),
            ("grip-keep-alive", r"\x2; format=cstring"),
            ("grip-keep-alive", "?; format=base64"),
            ("grip-link", "/next; rel=next"),
            ("grip-link", "<http://other/next>; rel=next"),
            ("grip-link", "<//other/next>; rel=next"),
        ] {
            assert!(parse(&[line]).is_err(), "{line:?}");
        }
    }
}
