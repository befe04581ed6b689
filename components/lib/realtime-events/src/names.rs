//! Names of the proxy's channels. Nobody but the application subscribes a connection to one.

use ids::sha256_hex;

/// Events of a thread.
pub fn thread_name(thread: &str) -> String {
    format!("t-{thread}")
}

/// Events of a team channel.
pub fn channel_name(channel: &str) -> String {
    format!("c-{channel}")
}

/// Events about a user, for that user.
pub fn feed_name(user: &str) -> String {
    format!("u-{user}")
}

/// The presence of a user, for those who may see it.
pub fn presence_name(user: &str) -> String {
    format!("p-{user}")
}

/// All connections of a user, to close them.
pub fn user_name(user: &str) -> String {
    format!("o-{user}")
}

/// All connections that were opened with a session or an API key, to close them. `proof` is `session:…` or `key:…`,
/// of which only a hash leaves the application.
pub fn proof_name(proof: &str) -> String {
    format!("k-{}", sha256_hex(&[proof]))
}

/// One of a user's conversations, for that user.
pub fn conversation_name(user: &str, conversation: &str) -> String {
    format!("v-{}", sha256_hex(&[user, conversation]))
}

/// All sockets for conversations of a user.
pub fn conversations_name(user: &str) -> String {
    format!("w-{}", sha256_hex(&[user]))
}

/// One connection.
pub fn connection_name(connection: &str) -> String {
    format!("s-{}", sha256_hex(&[connection]))
}
