//! What a client has already, and what it can unpack: for routes that answer with files.
//!
//! May import nothing: it reads values of header fields.

/// Whether an `If-None-Match` names the tag, which is given without its quotes (RFC 9110, section
/// 13.1.2; compared weakly).
pub fn is_met(wanted: &str, tag: &str) -> bool {
    wanted.split(',').map(str::trim).any(|listed| {
        let listed = listed.strip_prefix("W/").unwrap_or(listed);
        listed == "*"
            || listed
                .strip_prefix('"')
                .and_then(|rest| rest.strip_suffix('"'))
                .is_some_and(|listed| listed == tag)
    })
}

/// Whether an `Accept-Encoding` takes gzip (RFC 9110, section 12.5.3).
pub fn takes_gzip(accepted: &str) -> bool {
    let weight_of = |wanted: &str| {
        accepted.split(',').find_map(|element| {
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
    fn tags_are_compared_weakly() {
        for same in ["\"a1\"", "W/\"a1\"", "\"b\", W/\"a1\"", "*"] {
            assert!(is_met(same, "a1"), "{same}");
        }
        for other in ["", "a1", "\"a\"", "\"a1", "W/", "\"A1\""] {
            assert!(!is_met(other, "a1"), "{other}");
        }
    }

    #[test]
    fn gzip_is_sent_where_it_is_taken() {
        for taken in [
            "gzip",
            "br, GZIP",
            "gzip;q=0.5, identity",
            "*",
            "deflate ; q=1, gzip ; q=0.001",
            "br, GZIP;q=0.5",
            "deflate, gzip; q=1",
        ] {
            assert!(takes_gzip(taken), "{taken}");
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
            assert!(!takes_gzip(refused), "{refused}");
        }
    }
}
