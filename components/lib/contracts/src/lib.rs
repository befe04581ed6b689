//! Client-side bindings of our WIT packages, one module for each, so that all routes use
//! the same Rust types. An interface that a route never calls does not become an import of it.
//!
//! May not import anything but the WIT packages in `wit/`.

/// `goldfish:identity`: the authenticated user of a request.
pub mod identity {
    pub use bindings::goldfish::identity::{authentication, external_sessions, types};

    #[allow(
        missing_docs,
        unsafe_code,
        unreachable_pub,
        clippy::all,
        clippy::restriction,
        reason = "generated"
    )]
    mod bindings {
        wit_bindgen::generate!({
            world: "client",
            path: "../../../wit/identity",
            runtime_path: "spin_sdk::wit_bindgen::rt",
            generate_all,
        });
    }
}

/// `goldfish:conversations`: stored conversations and replies.
pub mod conversations {
    pub use bindings::goldfish::conversations::{
        conversations, preferences, replies, turns, types, user_data,
    };

    #[allow(
        missing_docs,
        unsafe_code,
        unreachable_pub,
        clippy::all,
        clippy::restriction,
        reason = "generated"
    )]
    mod bindings {
        wit_bindgen::generate!({
            world: "client",
            path: "../../../wit/conversations",
            runtime_path: "spin_sdk::wit_bindgen::rt",
            generate_all,
        });
    }
}

/// `goldfish:llm`: replies of language models.
pub mod llm {
    pub use bindings::goldfish::llm::{provider, types};

    #[allow(
        missing_docs,
        unsafe_code,
        unreachable_pub,
        clippy::all,
        clippy::restriction,
        reason = "generated"
    )]
    mod bindings {
        wit_bindgen::generate!({
            world: "client",
            path: "../../../wit/llm",
            runtime_path: "spin_sdk::wit_bindgen::rt",
            generate_all,
        });
    }
}

/// `goldfish:moderation`: which texts are allowed.
pub mod moderation {
    pub use bindings::goldfish::moderation::filter;

    #[allow(
        missing_docs,
        unsafe_code,
        unreachable_pub,
        clippy::all,
        clippy::restriction,
        reason = "generated"
    )]
    mod bindings {
        wit_bindgen::generate!({
            world: "client",
            path: "../../../wit/moderation",
            runtime_path: "spin_sdk::wit_bindgen::rt",
            generate_all,
        });
    }
}

/// `goldfish:quota`: rate limits and credits.
pub mod quota {
    pub use bindings::goldfish::quota::{credits, limits, user_data};

    #[allow(
        missing_docs,
        unsafe_code,
        unreachable_pub,
        clippy::all,
        clippy::restriction,
        reason = "generated"
    )]
    mod bindings {
        wit_bindgen::generate!({
            world: "client",
            path: "../../../wit/quota",
            runtime_path: "spin_sdk::wit_bindgen::rt",
            generate_all,
        });
    }
}

/// `goldfish:accounts`: accounts, sessions and API keys.
pub mod accounts {
    pub use bindings::goldfish::accounts::{
        api_keys, directory, linked_accounts, recovery, registration, sessions, types, user_data,
    };

    #[allow(
        missing_docs,
        unsafe_code,
        unreachable_pub,
        clippy::all,
        clippy::restriction,
        reason = "generated"
    )]
    mod bindings {
        wit_bindgen::generate!({
            world: "client",
            path: "../../../wit/accounts",
            runtime_path: "spin_sdk::wit_bindgen::rt",
            generate_all,
        });
    }
}

/// `goldfish:oauth`: sign-in with OAuth providers.
pub mod oauth {
    pub use bindings::goldfish::oauth::authorization;

    #[allow(
        missing_docs,
        unsafe_code,
        unreachable_pub,
        clippy::all,
        clippy::restriction,
        reason = "generated"
    )]
    mod bindings {
        wit_bindgen::generate!({
            world: "client",
            path: "../../../wit/oauth",
            runtime_path: "spin_sdk::wit_bindgen::rt",
            generate_all,
        });
    }
}

/// `goldfish:mail`: sending mail.
pub mod mail {
    pub use bindings::goldfish::mail::sender;

    #[allow(
        missing_docs,
        unsafe_code,
        unreachable_pub,
        clippy::all,
        clippy::restriction,
        reason = "generated"
    )]
    mod bindings {
        wit_bindgen::generate!({
            world: "client",
            path: "../../../wit/mail",
            runtime_path: "spin_sdk::wit_bindgen::rt",
            generate_all,
        });
    }
}

/// `goldfish:response-cache`: stored responses for repeated requests.
pub mod response_cache {
    pub use bindings::goldfish::response_cache::{cache, user_data};

    #[allow(
        missing_docs,
        unsafe_code,
        unreachable_pub,
        clippy::all,
        clippy::restriction,
        reason = "generated"
    )]
    mod bindings {
        wit_bindgen::generate!({
            world: "client",
            path: "../../../wit/response-cache",
            runtime_path: "spin_sdk::wit_bindgen::rt",
            generate_all,
        });
    }
}

/// `goldfish:messaging`: users as others see them, channels, members, threads and messages.
pub mod messaging {
    pub use bindings::goldfish::messaging::{
        attachments, channels, connections, events, invitations, members, messages, profiles,
        threads, types, user_data,
    };

    #[allow(
        missing_docs,
        unsafe_code,
        unreachable_pub,
        clippy::all,
        clippy::restriction,
        reason = "generated"
    )]
    mod bindings {
        wit_bindgen::generate!({
            world: "client",
            path: "../../../wit/messaging",
            runtime_path: "spin_sdk::wit_bindgen::rt",
            generate_all,
        });
    }
}

/// `goldfish:files`: storing and reading files.
pub mod files {
    pub use bindings::goldfish::files::{files, types, user_data};
    pub use bindings::{wit_future, wit_stream};

    #[allow(
        missing_docs,
        unsafe_code,
        unreachable_pub,
        clippy::all,
        clippy::restriction,
        reason = "generated"
    )]
    mod bindings {
        wit_bindgen::generate!({
            world: "client",
            path: "../../../wit/files",
            runtime_path: "spin_sdk::wit_bindgen::rt",
            generate_all,
        });
    }
}

/// `goldfish:documents`: text of documents.
pub mod documents {
    pub use bindings::goldfish::documents::extraction;

    #[allow(
        missing_docs,
        unsafe_code,
        unreachable_pub,
        clippy::all,
        clippy::restriction,
        reason = "generated"
    )]
    mod bindings {
        wit_bindgen::generate!({
            world: "client",
            path: "../../../wit/documents",
            runtime_path: "spin_sdk::wit_bindgen::rt",
            generate_all,
        });
    }
}

/// `goldfish:streams`: append-only streams.
pub mod streams {
    pub use bindings::goldfish::streams::{streams, types, user_data};

    #[allow(
        missing_docs,
        unsafe_code,
        unreachable_pub,
        clippy::all,
        clippy::restriction,
        reason = "generated"
    )]
    mod bindings {
        wit_bindgen::generate!({
            world: "client",
            path: "../../../wit/streams",
            runtime_path: "spin_sdk::wit_bindgen::rt",
            generate_all,
        });
    }
}

/// `goldfish:realtime`: the proxy that holds sockets and streams.
pub mod realtime {
    pub use bindings::goldfish::realtime::proxy;

    #[allow(
        missing_docs,
        unsafe_code,
        unreachable_pub,
        clippy::all,
        clippy::restriction,
        reason = "generated"
    )]
    mod bindings {
        wit_bindgen::generate!({
            world: "client",
            path: "../../../wit/realtime",
            runtime_path: "spin_sdk::wit_bindgen::rt",
            generate_all,
        });
    }
}
