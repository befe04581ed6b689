//! `docs/architecture.md` shows what `spin.toml` says: the part between its two marks is written
//! from the manifest and the contracts in `wit`, and may not differ from what is committed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

use toml::Table;
use wit_parser::Resolve;

use crate::harness::{manifest, manifest_table};

const PAGE: &str = "docs/architecture.md";
const BEGIN: &str = "<!-- From here on written from spin.toml -->\n";
const END: &str = "<!-- Up to here written from spin.toml -->\n";
const REWRITE: &str =
    "GOLDFISH_WRITE=1 cargo test --workspace --test suite platform::architecture::";

/// What of a route's grants a capability may inherit, and what the page calls it; variables, which
/// nearly all have, are in a table of their own.
const GRANTS: [(&str, &str); 3] = [
    ("key_value_stores", "Key-value store"),
    ("allowed_outbound_hosts", "Outbound HTTP"),
    ("ai_models", "Serverless AI"),
];

/// A component that answers requests.
struct Route {
    id: String,
    patterns: Vec<String>,
    middleware: BTreeSet<String>,
    /// Ids of the capabilities composed into it.
    capabilities: BTreeSet<String>,
}

/// A component behind a contract.
struct Capability {
    /// Its contracts, as `goldfish:llm@0.1.0`.
    contracts: BTreeSet<String>,
    /// Keys of [`GRANTS`] that some route lets it inherit.
    grants: BTreeSet<String>,
}

struct Architecture {
    components: Table,
    variables: Table,
    /// In the order of their first trigger.
    routes: Vec<Route>,
    capabilities: BTreeMap<String, Capability>,
}

fn text<'a>(table: &'a Table, key: &str) -> &'a str {
    table[key].as_str().unwrap()
}

/// A capability's id without what all of them begin with.
fn short(id: &str) -> &str {
    id.trim_start_matches("capability-")
}

impl Architecture {
    fn read() -> Self {
        let mut table = manifest_table();
        let mut take = |key: &str| table.remove(key).unwrap().try_into::<Table>().unwrap();
        let components = take("component");
        let variables = take("variables");
        let triggers = take("trigger")["http"].as_array().unwrap().clone();

        let mut routes: Vec<Route> = Vec::new();
        for trigger in triggers {
            let id = trigger["component"].as_str().unwrap();
            let at = routes.iter().position(|route| route.id == id);
            let at = at.unwrap_or_else(|| {
                routes.push(Route {
                    id: id.to_owned(),
                    patterns: Vec::new(),
                    middleware: BTreeSet::new(),
                    capabilities: BTreeSet::new(),
                });
                routes.len() - 1
            });
            // `{ private = true }` is no path that a reader could ask for.
            let pattern = trigger["route"].as_str().map(str::to_owned);
            routes[at].patterns.extend(pattern);
            let chain = trigger
                .get("dependencies")
                .and_then(|all| all.get("middleware"));
            for link in chain
                .and_then(|chain| chain.as_array())
                .into_iter()
                .flatten()
            {
                let link = link["component"].as_str().unwrap();
                routes[at].middleware.insert(link.to_owned());
            }
        }

        let mut capabilities = BTreeMap::new();
        for route in &mut routes {
            let dependencies = components[&route.id].get("dependencies");
            let dependencies = dependencies.and_then(|table| table.as_table());
            for (contract, dependency) in dependencies.into_iter().flatten() {
                let id = dependency["component"].as_str().unwrap();
                route.capabilities.insert(id.to_owned());
                let capability = capabilities.entry(id.to_owned()).or_insert(Capability {
                    contracts: BTreeSet::new(),
                    grants: BTreeSet::new(),
                });
                capability.contracts.insert(contract.clone());
                let inherited = dependency["inherit_configuration"].as_array().unwrap();
                let inherited = inherited.iter().map(|key| key.as_str().unwrap().to_owned());
                capability.grants.extend(inherited);
            }
        }
        Self {
            components,
            variables,
            routes,
            capabilities,
        }
    }

    fn component(&self, id: &str) -> &Table {
        self.components[id].as_table().unwrap()
    }

    /// The grants of everything composed into a route.
    fn grants_of(&self, route: &Route) -> BTreeSet<&str> {
        let capabilities = route.capabilities.iter().map(|id| &self.capabilities[id]);
        capabilities
            .flat_map(|capability| &capability.grants)
            .map(String::as_str)
            .collect()
    }

    /// Capabilities in frames by what they hold, each with the routes that ask it. A line from every
    /// route to every capability would be a tangle; the table below has them.
    fn picture(&self) -> String {
        let mut picture = "```mermaid\nflowchart LR\n  outside([\"HTTP requests\"])\n".to_owned();
        let routes: Vec<_> = self.routes.iter().map(|route| route.id.as_str()).collect();
        let _ = writeln!(
            picture,
            "  routes[\"<b>routes</b><br>{}\"]\n  outside --> routes",
            routes.join("<br>")
        );
        let mut frames: BTreeMap<Vec<usize>, Vec<&str>> = BTreeMap::new();
        for (id, capability) in &self.capabilities {
            let held = GRANTS.iter().enumerate();
            let held = held.filter(|(_, (key, _))| capability.grants.contains(*key));
            let held = held.map(|(number, _)| number).collect();
            frames.entry(held).or_default().push(id);
        }
        for (number, (held, ids)) in frames.iter().enumerate() {
            let names: Vec<_> = held.iter().map(|grant| GRANTS[*grant].1).collect();
            let title = match names.as_slice() {
                [] => "neither storage nor network".to_owned(),
                names => format!("may reach: {}", names.join(", ")),
            };
            let _ = writeln!(picture, "  subgraph frame{number} [\"{title}\"]");
            for id in ids {
                let askers = self.routes.iter();
                let askers = askers.filter(|route| route.capabilities.contains(*id));
                let askers: Vec<_> = askers.map(|route| route.id.as_str()).collect();
                let askers = match askers.len() {
                    all if all == routes.len() => "every route".to_owned(),
                    _ => askers.join(", "),
                };
                let _ = writeln!(
                    picture,
                    "    {id}[\"<b>{}</b><br><small>asked by {askers}</small>\"]",
                    short(id)
                );
            }
            let _ = writeln!(picture, "  end\n  routes --> frame{number}");
            for grant in held {
                let (key, name) = GRANTS[*grant];
                let _ = writeln!(picture, "  frame{number} ==> {key}[(\"{name}\")]");
            }
        }
        picture.push_str("```\n");
        picture
    }

    fn route_table(&self) -> String {
        let mut table =
            "| requests to | are answered by | which asks | so a request may reach |\n|---|---|---|---|\n"
                .to_owned();
        for route in &self.routes {
            let patterns: Vec<_> = route
                .patterns
                .iter()
                .map(|path| format!("`{path}`"))
                .collect();
            let behind = match route.middleware.len() {
                0 => String::new(),
                _ => {
                    let chain: Vec<_> = route.middleware.iter().map(String::as_str).collect();
                    format!(" behind {}", chain.join(", "))
                }
            };
            let asked: Vec<_> = route.capabilities.iter().map(|id| short(id)).collect();
            let grants = self.grants_of(route);
            let reach: Vec<_> = GRANTS
                .iter()
                .filter(|(key, _)| grants.contains(key))
                .collect();
            let reach: Vec<_> = reach.into_iter().map(|(_, name)| *name).collect();
            let _ = writeln!(
                table,
                "| {} | **{}**{behind}: {} | {} | {} |",
                patterns.join("<br>"),
                route.id,
                text(self.component(&route.id), "description"),
                or_nothing(&asked, ", "),
                or_nothing(&reach, ", "),
            );
        }
        table
    }

    fn capability_table(&self) -> String {
        let mut table = "| capability | its contract, with the interfaces that routes call | may reach |\n|---|---|---|\n".to_owned();
        for (id, capability) in &self.capabilities {
            let description = text(self.component(id), "description");
            let description = description
                .split_once(" - ")
                .map_or(description, |(_, is)| is);
            let contracts: Vec<_> = capability
                .contracts
                .iter()
                .map(|name| contract(name))
                .collect();
            let held = GRANTS
                .iter()
                .filter(|(key, _)| capability.grants.contains(*key));
            let held: Vec<_> = held.map(|(_, name)| *name).collect();
            let _ = writeln!(
                table,
                "| **{}**: {description} | {} | {} |",
                short(id),
                contracts.join("<br>"),
                or_nothing(&held, ", "),
            );
        }
        table
    }

    /// The hosts that routes are granted, and the secrets: what one looks for first when asking what
    /// a component could give away.
    fn exposure_table(&self) -> String {
        let mut holders: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for route in &self.routes {
            let component = self.component(&route.id);
            let hosts = component.get("allowed_outbound_hosts");
            for host in hosts
                .and_then(|hosts| hosts.as_array())
                .into_iter()
                .flatten()
            {
                let host = format!("host `{}`", host.as_str().unwrap());
                holders.entry(host).or_default().push(&route.id);
            }
            let variables = component
                .get("variables")
                .and_then(|table| table.as_table());
            for name in variables.into_iter().flat_map(Table::keys) {
                let secret = self.variables[name].get("secret");
                if secret.is_some_and(|secret| secret.as_bool() == Some(true)) {
                    let name = format!("secret `{name}`");
                    holders.entry(name).or_default().push(&route.id);
                }
            }
        }
        let mut table = "| | is granted to |\n|---|---|\n".to_owned();
        for (what, ids) in holders {
            let _ = writeln!(table, "| {what} | {} |", ids.join(", "));
        }
        table
    }

    fn page(&self) -> String {
        let middleware = self.components.keys().filter(|id| {
            !self.capabilities.contains_key(*id)
                && !self.routes.iter().any(|route| route.id == **id)
        });
        let middleware: Vec<_> = middleware
            .map(|id| format!("- **{id}**: {}\n", text(self.component(id), "description")))
            .collect();
        [
            "\n## Who may reach what\n\n",
            &self.picture(),
            "\n## Routes\n\n",
            &self.route_table(),
            "\n## Capabilities\n\n",
            &self.capability_table(),
            "\n## Middleware that an operator may put before a route\n\n",
            &middleware.concat(),
            "\n## Hosts and secrets\n\n",
            &self.exposure_table(),
            "\n",
        ]
        .concat()
    }
}

fn or_nothing(items: &[&str], between: &str) -> String {
    if items.is_empty() {
        "–".to_owned()
    } else {
        items.join(between)
    }
}

/// A contract, linked to its folder, and those of its interfaces that have functions.
fn contract(dependency: &str) -> String {
    let package = dependency.split(['@', '/']).next().unwrap();
    let folder = format!("wit/{}", package.split_once(':').unwrap().1);
    let mut resolve = Resolve::default();
    let path = manifest().parent().unwrap().join(&folder);
    let (id, _) = resolve.push_dir(&path).unwrap();
    let interfaces = resolve.packages[id].interfaces.iter();
    let interfaces = interfaces.filter(|(_, id)| !resolve.interfaces[**id].functions.is_empty());
    let interfaces: BTreeSet<_> = interfaces.map(|(name, _)| format!("`{name}`")).collect();
    let interfaces: Vec<_> = interfaces.into_iter().collect();
    format!("[{dependency}](../{folder}): {}", interfaces.join(", "))
}

fn page_path() -> PathBuf {
    manifest().parent().unwrap().join(PAGE)
}

/// The page's hand-written beginning, what was written from the manifest, and its end.
fn parts(page: &str) -> (&str, &str, &str) {
    let (before, rest) = page.split_once(BEGIN).expect("the first mark");
    let (between, after) = rest.split_once(END).expect("the second mark");
    (before, between, after)
}

#[test]
fn architecture_page_matches_the_manifest() {
    let page = std::fs::read_to_string(page_path()).unwrap();
    let (before, between, after) = parts(&page);
    let expected = Architecture::read().page();
    if std::env::var_os("GOLDFISH_WRITE").is_some() {
        let page = [before, BEGIN, &expected, END, after].concat();
        std::fs::write(page_path(), page).unwrap();
        return;
    }
    let differing = expected
        .lines()
        .zip(between.lines())
        .find(|(is, was)| is != was);
    assert!(
        expected == between,
        "{PAGE} is not what spin.toml and wit say; write it anew with\n  {REWRITE}\nIt begins to differ here: {differing:#?}"
    );
}

#[test]
fn architecture_page_names_the_command_that_writes_it() {
    let page = std::fs::read_to_string(page_path()).unwrap();
    assert!(page.contains(REWRITE), "the command is to be in {PAGE}");
}
