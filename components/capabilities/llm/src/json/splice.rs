//! Changing members of a JSON object without a change to any other byte.

/// The object with these members set to these values, each a JSON text. Members that it does not have
/// are added at its end. A text that is not an object is returned unchanged.
pub(crate) fn splice(json: &str, changes: &[(&str, String)]) -> String {
    let members = members(json);
    let Some(end) = json.rfind('}') else {
        return json.to_owned();
    };
    let mut out = String::with_capacity(json.len() + 64);
    let mut copied = 0;
    for member in &members {
        let Some((_, value)) = changes.iter().find(|(name, _)| *name == member.name) else {
            continue;
        };
        out.push_str(json.get(copied..member.start).unwrap_or_default());
        out.push_str(value);
        copied = member.end;
    }
    let is_new = |name: &str| members.iter().all(|member| member.name != name);
    let mut new = changes.iter().filter(|(name, _)| is_new(name)).peekable();
    if new.peek().is_some() {
        out.push_str(json.get(copied..end).unwrap_or_default());
        for (index, (name, value)) in new.enumerate() {
            if index > 0 || !members.is_empty() {
                out.push(',');
            }
            out.push_str(&serde_json::Value::from(*name).to_string());
            out.push(':');
            out.push_str(value);
        }
        copied = end;
    }
    out.push_str(json.get(copied..).unwrap_or_default());
    out
}

/// A member of the outermost object, and where its value is.
struct Member {
    name: String,
    start: usize,
    end: usize,
}

/// The members in their order. The text is valid JSON.
fn members(json: &str) -> Vec<Member> {
    let mut members = Vec::new();
    let mut depth = 0_usize;
    let mut string: Option<usize> = None;
    let mut is_escaped = false;
    let mut last_string = String::new();
    let mut value: Option<(String, usize)> = None;
    let mut last = 0;
    for (at, byte) in json.bytes().enumerate() {
        if let Some(start) = string {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' => is_escaped = true,
                b'"' => {
                    string = None;
                    last = at + 1;
                    if depth == 1 && value.is_none() {
                        let text = json.get(start..=at).unwrap_or_default();
                        last_string = serde_json::from_str(text).unwrap_or_default();
                    }
                }
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => string = Some(at),
            b'{' | b'[' => depth += 1,
            b':' if depth == 1 && value.is_none() => {
                let rest = json.get(at + 1..).unwrap_or_default();
                let start = at + 1 + (rest.len() - rest.trim_start().len());
                value = Some((std::mem::take(&mut last_string), start));
                continue;
            }
            b',' | b'}' if depth == 1 => {
                if let Some((name, start)) = value.take() {
                    members.push(Member {
                        name,
                        start,
                        end: last,
                    });
                }
                if byte == b'}' {
                    return members;
                }
                continue;
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if !byte.is_ascii_whitespace() {
            last = at + 1;
        }
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    #[test]
    fn splice_leaves_all_other_bytes() {
        let json = "{\n  \"a\" : {\"b\":\"x\\\"}\"} ,\"b\":[1,2.50] , \"c\" : 1e3\n}";
        assert_eq!(
            splice(json, &[("b", "7".to_owned())]),
            json.replace("[1,2.50]", "7")
        );
        assert_eq!(
            splice(json, &[("c", "\"z\"".to_owned())]),
            json.replace("1e3", "\"z\"")
        );
        assert_eq!(
            splice(json, &[("d", "null".to_owned())]),
            "{\n  \"a\" : {\"b\":\"x\\\"}\"} ,\"b\":[1,2.50] , \"c\" : 1e3\n,\"d\":null}"
        );
        assert_eq!(splice("{}", &[("d", "1".to_owned())]), "{\"d\":1}");
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((any::<String>(), inner), 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn splice_is_an_insertion(
            members in prop::collection::vec((any::<String>(), value()), 0..5),
            is_pretty: bool,
        ) {
            let mut object: Map<String, Value> = members.into_iter().collect();
            object.insert("model".to_owned(), json!("m"));
            let text = if is_pretty {
                serde_json::to_string_pretty(&object).unwrap()
            } else {
                serde_json::to_string(&object).unwrap()
            };
            let changed = splice(&text, &[("model", "1".to_owned()), ("store", "false".to_owned())]);
            object.insert("model".to_owned(), json!(1));
            object.insert("store".to_owned(), json!(false));
            prop_assert_eq!(serde_json::from_str::<Map<String, Value>>(&changed).unwrap(), object);
        }
    }
}
