//! The format of `application.toml` and of the four kinds of `component.toml`.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

/// A string and its place in the file.
pub(crate) type Text = Spanned<String>;

/// `application.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApplicationFile {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) description: String,
    /// Whether capabilities with key-value storage are granted the Redis server that counts for it.
    #[serde(default)]
    pub(crate) redis_counters: bool,
    /// The component that implements a contract, where more than one does.
    #[serde(default)]
    pub(crate) capabilities: BTreeMap<Text, Text>,
    /// Variables in groups, in the order of the documentation.
    #[serde(rename = "group")]
    pub(crate) groups: Vec<Group>,
}

/// Variables that the documentation shows together.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Group {
    pub(crate) title: String,
    /// A paragraph of Markdown before the table.
    #[serde(default)]
    pub(crate) text: String,
    pub(crate) variables: Vec<Variable>,
}

/// A variable of the application.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Variable {
    pub(crate) name: Text,
    #[serde(default)]
    pub(crate) default: String,
    #[serde(default)]
    pub(crate) secret: bool,
    pub(crate) description: String,
}

/// `component.toml` of a component in `components/routes`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RouteFile {
    pub(crate) description: String,
    /// Patterns of the paths that it serves, as Spin has them: `/a/:id`, `/a/...`.
    pub(crate) paths: Vec<Text>,
    /// Names of the contracts that it calls.
    #[serde(default)]
    pub(crate) capabilities: Vec<Text>,
    /// Whether it walks over user data, and so calls every capability that holds some.
    #[serde(rename = "user-data")]
    pub(crate) user_data: Option<Walk>,
    /// Variables that its own code reads.
    #[serde(default)]
    pub(crate) variables: Vec<Text>,
    /// Variables whose value is that of another variable in this route.
    #[serde(default)]
    pub(crate) replaced_variables: BTreeMap<Text, Text>,
    /// Middleware in front of it, the first one first.
    #[serde(default)]
    pub(crate) middleware: Vec<Text>,
    /// Files other than sources that it is built from, relative to its folder.
    #[serde(default)]
    pub(crate) watch: Vec<String>,
}

/// `component.toml` of a component in `components/capabilities`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CapabilityFile {
    pub(crate) description: String,
    /// The WIT package that it exports, as `goldfish:identity@0.1.0`.
    pub(crate) contract: Text,
    /// The kind of user data that it stores. It exports `user-data` if it stores any, and must state the kind if it has
    /// storage.
    #[serde(rename = "user-data")]
    pub(crate) user_data: Option<Stored>,
    /// Variables that its own code reads.
    #[serde(default)]
    pub(crate) variables: Vec<Text>,
    #[serde(default)]
    pub(crate) grants: Grants,
}

/// `user-data` of a capability.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Stored {
    None,
    Content,
    Records,
    Account,
}

impl Stored {
    pub(crate) fn data(self) -> Option<UserData> {
        match self {
            Self::None => None,
            Self::Content => Some(UserData::Content),
            Self::Records => Some(UserData::Records),
            Self::Account => Some(UserData::Account),
        }
    }
}

/// A kind of user data that a capability stores. The order of the variants is the order of erasing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum UserData {
    /// What users wrote, and the replies. Erased when a user deletes all conversations, too.
    Content,
    /// Records about users. Erased with the account.
    Records,
    /// The account. Erased last: until then its user can repeat an interrupted deletion.
    Account,
}

impl UserData {
    /// Every kind, in the order of erasing.
    pub(crate) const ALL: [Self; 3] = [Self::Content, Self::Records, Self::Account];
}

/// The user data that a route accesses in all capabilities.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Walk {
    Content,
    All,
}

impl Walk {
    pub(crate) fn covers(self, data: UserData) -> bool {
        self == Self::All || data == UserData::Content
    }
}

/// The grants that a capability needs. A kind that is present, even as an empty list, is inherited
/// from the route.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Grants {
    pub(crate) key_value_stores: Option<Vec<Text>>,
    pub(crate) sqlite_databases: Option<Vec<Text>>,
    pub(crate) allowed_outbound_hosts: Option<Vec<Text>>,
    pub(crate) ai_models: Option<Vec<Text>>,
}

impl Grants {
    /// Every kind with the key that Spin has for it, in alphabetical order.
    pub(crate) fn kinds(&self) -> [(&'static str, Option<&[Text]>); 4] {
        [
            ("ai_models", self.ai_models.as_deref()),
            (
                "allowed_outbound_hosts",
                self.allowed_outbound_hosts.as_deref(),
            ),
            ("key_value_stores", self.key_value_stores.as_deref()),
            ("sqlite_databases", self.sqlite_databases.as_deref()),
        ]
    }
}

/// `component.toml` of a component in `components/middleware`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MiddlewareFile {
    pub(crate) description: String,
}

/// `component.toml` of a library in `components/lib`, which has one only if it reads variables.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LibraryFile {
    pub(crate) variables: Vec<Text>,
}

/// The parts of a `Cargo.toml` that matter here.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct CargoFile {
    pub(crate) package: Package,
    #[serde(default)]
    pub(crate) dependencies: toml::Table,
}

/// `[package]` of a `Cargo.toml`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
}
