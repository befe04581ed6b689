//! Conditional requests and content codings, for routes that serve files.

/// Whether the value of an `If-None-Match` field contains the entity tag `tag`, which is given without
/// quotes. Weak comparison (RFC 9110, section 13.1.2).
pub fn matches_etag(if_none_match: &str, tag: &str) -> bool {
    if_none_match.split(',').map(str::trim).any(|listed| {
        let listed = listed.strip_prefix("W/").unwrap_or(listed);
        listed == "*"
            || listed
                .strip_prefix('"')
                .and_then(|rest| rest.strip_suffix('"'))
                .is_some_and(|listed| listed == tag)
    })
}

/// Whether the value of an `Accept-Encoding` field allows gzip (RFC 9110, section 12.5.3).
pub fn accepts_gzip(accept_encoding: &str) -> bool {
    let weight_of = |wanted: &str| {
        accept_encoding.split(',').find_map(|element| {
            let mut parts = element.split(';').map(str::trim);
            let coding = parts.next()?;
            let weight = parts
                .find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")))
                .map_or(Some(1.0), |weight| weight.parse::<f32>().ok());
            coding.eq_ignore_ascii_case(wanted).then_some(weight)?
        })
    };
    weight_of("gzip")
        .or_else(|| weight_of("*"))
        .is_some_and(|weight| weight > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_etag_compares_weakly() {
        for same in ["\"a1\"", "W/\"a1\"", "\"b\", W/\"a1\"", "*"] {
            assert!(matches_etag(same, "a1"), "{same}");
        }
        for other in ["", "a1", "\"a\"", "\"a1", "W/", "\"A1\""] {
            assert!(!matches_etag(other, "a1"), "{other}");
        }
    }

    #[test]
    fn accepts_gzip_follows_the_weights() {
        for taken in [
            "gzip",
            "br, GZIP",
            "gzip;q=0.5, identity",
            "*",
            "deflate ; q=1, gzip ; q=0.001",
            "br, GZIP;q=0.5",
            "deflate, gzip; q=1",
        ] {
            assert!(accepts_gzip(taken), "{taken}");
        }
        for refused in [
            "",
            "br",
            "gzip;q=0",
            "gzip; q=0.000, *",
            "*;q=0",
            "identity",
            "gzip;q=x",
            "gzip; q=0.0, br",
            "x-gzip",
        ] {
            assert!(!accepts_gzip(refused), "{refused}");
        }
    }
}
