//! The host interfaces behind each key of `inherit_configuration`.

/// Each key of `inherit_configuration` with its interfaces. The versions are those that Spin lists in
/// `crates/capabilities`; compatible versions belong to the key too.
pub const CAPABILITIES: &[(&str, &[&str])] = &[
    ("ai_models", &["fermyon:spin/llm", "fermyon:spin/llm@2.0.0"]),
    (
        "allowed_outbound_hosts",
        &[
            "fermyon:spin/http",
            "fermyon:spin/mysql",
            "fermyon:spin/postgres",
            "fermyon:spin/redis",
            "fermyon:spin/mqtt@2.0.0",
            "fermyon:spin/mysql@2.0.0",
            "fermyon:spin/postgres@2.0.0",
            "fermyon:spin/redis@2.0.0",
            "spin:mqtt/mqtt@3.0.0",
            "spin:mysql/mysql@3.0.0",
            "spin:postgres/postgres@3.0.0",
            "spin:postgres/postgres@4.2.0",
            "spin:redis/redis@3.0.0",
            "wasi:http/client@0.3.0",
            "wasi:http/outgoing-handler@0.2.6",
            "wasi:sockets/ip-name-lookup@0.2.6",
            "wasi:sockets/ip-name-lookup@0.3.0",
            "wasi:sockets/tcp-create-socket@0.2.6",
            "wasi:sockets/tcp@0.2.6",
            "wasi:sockets/udp-create-socket@0.2.6",
            "wasi:sockets/udp@0.2.6",
        ],
    ),
    (
        "environment",
        &["wasi:cli/environment@0.2.6", "wasi:cli/environment@0.3.0"],
    ),
    (
        "files",
        &[
            "wasi:filesystem/preopens@0.2.6",
            "wasi:filesystem/preopens@0.3.0",
        ],
    ),
    (
        "key_value_stores",
        &[
            "fermyon:spin/key-value",
            "fermyon:spin/key-value@2.0.0",
            "spin:key-value/key-value@3.0.0",
            "wasi:keyvalue/store@0.2.0-draft2",
            // Spin does not list these two. It fails to compose a dependency that imports them and
            // does not inherit the store, so denying them here lets nothing start that Spin refuses.
            "wasi:keyvalue/atomics@0.2.0-draft2",
            "wasi:keyvalue/batch@0.2.0-draft2",
        ],
    ),
    (
        "sqlite_databases",
        &[
            "fermyon:spin/sqlite",
            "fermyon:spin/sqlite@2.0.0",
            "spin:sqlite/sqlite@3.1.0",
        ],
    ),
    (
        "variables",
        &[
            "fermyon:spin/config",
            "fermyon:spin/variables@2.0.0",
            "spin:variables/variables@3.0.0",
            "wasi:config/store@0.2.0-draft-2024-09-27",
        ],
    ),
];

/// The key of `inherit_configuration` that an interface belongs to, if any.
pub fn capability(interface: &str) -> Option<&'static str> {
    CAPABILITIES
        .iter()
        .find(|(_, interfaces)| interfaces.iter().any(|own| compatible(own, interface)))
        .map(|(capability, _)| *capability)
}

/// Whether two interfaces are equal, or have the same name and compatible semantic versions.
fn compatible(a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    let (Some((name_a, a)), Some((name_b, b))) = (a.split_once('@'), b.split_once('@')) else {
        return false;
    };
    if name_a != name_b || a.contains('-') || b.contains('-') {
        return false;
    }
    let series = |version: &str| -> Option<(u64, u64)> {
        let mut numbers = version.split('.').map(|number| number.parse::<u64>().ok());
        let (major, minor) = (numbers.next()??, numbers.next()??);
        Some((major, if major == 0 { minor } else { 0 }))
    };
    series(a).is_some() && series(a) == series(b)
}
