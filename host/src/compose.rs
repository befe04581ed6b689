//! Composes the component of a route with its dependencies and its middleware, as Spin does: one
//! level deep, and each dependency behind a deny adapter for what it does not inherit.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use wac_graph::types::{Package, SubtypeChecker, WorldId};
use wac_graph::{CompositionGraph, NodeId, PackageId};

use crate::deny;
use crate::manifest::{Component, Inherit, Manifest, Trigger};

const HANDLER: &str = "wasi:http/handler@0.3.0";

/// The component files of a trigger. They are read once, so that the hash and the compiled code are
/// of the same bytes.
pub struct Parts {
    id: String,
    source: Vec<u8>,
    dependencies: Vec<Part>,
    middleware: Vec<Part>,
}

struct Part {
    /// The name of a dependency, the component id of a middleware.
    name: String,
    export: Option<String>,
    inherit: Inherit,
    source: Vec<u8>,
}

impl Parts {
    /// Reads the component files of a trigger.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn read(manifest: &Manifest, trigger: &Trigger) -> Result<Self> {
        let component = find(manifest, &trigger.component)?;
        let dependencies = component.dependencies.iter().map(|(name, dependency)| {
            Ok(Part {
                name: name.clone(),
                export: dependency.export.clone(),
                inherit: dependency.inherit_configuration.clone(),
                source: read(&dependency.path)?,
            })
        });
        let middleware = trigger.middleware.iter().map(|middleware| {
            Ok(Part {
                name: middleware.component.clone(),
                export: None,
                inherit: middleware.inherit_configuration.clone(),
                source: read(&find(manifest, &middleware.component)?.source)?,
            })
        });
        Ok(Self {
            id: trigger.component.clone(),
            source: read(&component.source)?,
            dependencies: dependencies.collect::<Result<_>>()?,
            middleware: middleware.collect::<Result<_>>()?,
        })
    }

    /// A hash of everything that the result of [`Parts::compose`] depends on, including this code and
    /// the versions of its dependencies. It is the same in every process.
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        include_str!("compose.rs").hash(&mut hasher);
        include_str!("deny/mod.rs").hash(&mut hasher);
        include_str!("deny/capabilities.rs").hash(&mut hasher);
        include_str!("deny/module.rs").hash(&mut hasher);
        include_str!("../Cargo.toml").hash(&mut hasher);
        self.source.hash(&mut hasher);
        for (kind, parts) in [(0, &self.dependencies), (1, &self.middleware)] {
            for part in parts {
                kind.hash(&mut hasher);
                part.name.hash(&mut hasher);
                part.export.hash(&mut hasher);
                part.inherit.hash(&mut hasher);
                part.source.hash(&mut hasher);
            }
        }
        hasher.finish()
    }

    /// Composes the parts into one component.
    ///
    /// # Errors
    /// If a dependency matches no import, if two match the same import, if an export has other types
    /// than the import, or if a file is not a component.
    pub fn compose(self) -> Result<Vec<u8>> {
        let Self {
            id,
            source,
            dependencies,
            middleware,
        } = self;
        let composed = if dependencies.is_empty() {
            source
        } else {
            with_dependencies(&id, source, dependencies)?
        };
        if middleware.is_empty() {
            return Ok(composed);
        }
        with_middleware(composed, middleware)
    }
}

fn find<'a>(manifest: &'a Manifest, id: &str) -> Result<&'a Component> {
    let component = manifest.components.get(id);
    component.with_context(|| format!("there is no component {id:?}"))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read component {}", path.display()))
}

fn with_dependencies(id: &str, source: Vec<u8>, dependencies: Vec<Part>) -> Result<Vec<u8>> {
    let mut graph = CompositionGraph::new();
    let (world, instance) = add(&mut graph, id, source)?;
    let imports: Vec<String> = graph.types()[world].imports.keys().cloned().collect();

    for dependency in dependencies {
        let name = dependency.name;
        let matched: Vec<&String> = imports
            .iter()
            .filter(|import| matches(&name, import))
            .collect();
        ensure!(
            !matched.is_empty(),
            "dependency {name:?} doesn't match any imports of component {id:?}"
        );
        let source = apply_deny(&name, dependency.source, &dependency.inherit)?;
        let package = name.split(['/', '@']).next().unwrap_or(&name);
        let (dependency_world, dependency_instance) = add(&mut graph, package, source)?;
        for import in matched {
            let export = dependency.export.as_ref().unwrap_or(import);
            check_types(&graph, &name, (dependency_world, export), (world, import))?;
            let node = graph.alias_instance_export(dependency_instance, export)?;
            graph.set_instantiation_argument(instance, import, node)?;
        }
    }
    export_all(&mut graph, world, instance)?;
    encode(&graph).with_context(|| format!("cannot compose component {id:?}"))
}

/// Checks that the export can satisfy the import.
fn check_types(
    graph: &CompositionGraph,
    name: &str,
    (exporter, export): (WorldId, &str),
    (importer, import): (WorldId, &str),
) -> Result<()> {
    let types = graph.types();
    let exported = types[exporter]
        .exports
        .get(export)
        .with_context(|| format!("dependency {name:?} doesn't export {export:?}"))?;
    let imported = types[importer]
        .imports
        .get(import)
        .with_context(|| format!("no import {import:?}"))?;
    SubtypeChecker::new(&mut Default::default())
        .is_subtype(*exported, types, *imported, types)
        .with_context(|| {
            format!("dependency {name:?} exports {export:?} with other types than are imported")
        })
}

/// Whether a dependency satisfies an import. The dependency's name is an interface, a package (both
/// with or without a version) or a plain name.
fn matches(dependency: &str, import: &str) -> bool {
    let split = |name: &str| -> (String, Option<String>, Option<String>) {
        let (path, version) = match name.split_once('@') {
            Some((path, version)) => (path, Some(version.to_owned())),
            None => (name, None),
        };
        match path.split_once('/') {
            Some((package, interface)) => (package.to_owned(), Some(interface.to_owned()), version),
            None => (path.to_owned(), None, version),
        }
    };
    let (package, interface, version) = split(dependency);
    let imported = split(import);
    package == imported.0
        && (interface.is_none() || interface == imported.1)
        && (version.is_none() || version == imported.2)
}

fn apply_deny(name: &str, source: Vec<u8>, inherit: &Inherit) -> Result<Vec<u8>> {
    let adapter = deny::adapter(&source, inherit)
        .with_context(|| format!("cannot narrow the grants of {name:?}"))?;
    let Some(adapter) = adapter else {
        return Ok(source);
    };
    let mut graph = CompositionGraph::new();
    let (world, instance) = add(&mut graph, "dependency", source)?;
    let (adapter_world, adapter_instance) = add(&mut graph, "deny", adapter)?;
    let denied: Vec<String> = graph.types()[adapter_world]
        .exports
        .keys()
        .cloned()
        .collect();
    for interface in denied {
        let node = graph.alias_instance_export(adapter_instance, &interface)?;
        graph.set_instantiation_argument(instance, &interface, node)?;
    }
    export_all(&mut graph, world, instance)?;
    encode(&graph).with_context(|| format!("cannot narrow the grants of {name:?}"))
}

/// Requests pass through the chain from its first element to its last, then reach the component.
fn with_middleware(component: Vec<u8>, chain: Vec<Part>) -> Result<Vec<u8>> {
    let mut graph = CompositionGraph::new();
    let (_, mut instance) = add(&mut graph, "primary", component)?;
    let mut handler = graph.alias_instance_export(instance, HANDLER)?;
    for (index, middleware) in chain.into_iter().enumerate().rev() {
        let name = middleware.name;
        let source = apply_deny(&name, middleware.source, &middleware.inherit)?;
        (_, instance) = add(&mut graph, &format!("middleware{index}"), source)?;
        graph
            .set_instantiation_argument(instance, HANDLER, handler)
            .with_context(|| format!("component {name:?} is not a middleware"))?;
        handler = graph.alias_instance_export(instance, HANDLER)?;
    }
    graph.export(handler, HANDLER)?;
    encode(&graph)
}

fn add(graph: &mut CompositionGraph, name: &str, source: Vec<u8>) -> Result<(WorldId, NodeId)> {
    let package = Package::from_bytes(name, None, source, graph.types_mut())
        .with_context(|| format!("{name:?} is not a valid component"))?;
    let world = package.ty();
    let package: PackageId = graph
        .register_package(package)
        .with_context(|| format!("package {name:?} is used twice"))?;
    Ok((world, graph.instantiate(package)))
}

fn export_all(graph: &mut CompositionGraph, world: WorldId, instance: NodeId) -> Result<()> {
    let exports: Vec<String> = graph.types()[world].exports.keys().cloned().collect();
    for export in exports {
        let node = graph.alias_instance_export(instance, &export)?;
        graph.export(node, &export)?;
    }
    Ok(())
}

fn encode(graph: &CompositionGraph) -> Result<Vec<u8>> {
    Ok(graph.encode(Default::default())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_compares_package_interface_and_version() {
        assert!(matches("a:b/c@0.1.0", "a:b/c@0.1.0"));
        assert!(matches("a:b@0.1.0", "a:b/c@0.1.0"));
        assert!(matches("a:b", "a:b/c@0.1.0"));
        assert!(!matches("a:b@0.2.0", "a:b/c@0.1.0"));
        assert!(!matches("a:b/d", "a:b/c"));
        assert!(matches("plain", "plain"));
    }

    const INHERIT_NOTHING: Inherit = Inherit::All(false);

    fn part(name: &str, world: &str) -> Part {
        Part {
            name: name.to_owned(),
            export: None,
            inherit: INHERIT_NOTHING,
            source: crate::testing::component(world),
        }
    }

    fn compose(
        world: &str,
        dependencies: Vec<Part>,
        middleware: Vec<Part>,
    ) -> Result<(Vec<String>, Vec<String>)> {
        let parts = Parts {
            id: "main".into(),
            source: crate::testing::component(world),
            dependencies,
            middleware,
        };
        let bytes = parts.compose()?;
        let mut graph = CompositionGraph::new();
        let (world, _) = add(&mut graph, "composed", bytes)?;
        let world = &graph.types()[world];
        let (imports, exports) = (world.imports.keys(), world.exports.keys());
        Ok((imports.cloned().collect(), exports.cloned().collect()))
    }

    const ROUTE: &str = "import a:a/one@0.1.0; export wasi:http/handler@0.3.0;";

    #[test]
    fn compose_with_a_dependency_satisfies_the_import_and_denies_the_rest() {
        let dependency = part(
            "a:a@0.1.0",
            "import wasi:config/store@0.2.0-draft-2024-09-27; export a:a/one@0.1.0;",
        );
        let (imports, exports) = compose(ROUTE, vec![dependency], vec![]).unwrap();
        // The dependency's import is denied and does not reach the host.
        assert_eq!(imports, [""; 0]);
        assert_eq!(exports, [HANDLER]);
    }

    #[test]
    fn compose_with_an_inherited_grant_keeps_the_import() {
        let mut dependency = part(
            "a:a/one@0.1.0",
            "import wasi:config/store@0.2.0-draft-2024-09-27; export a:a/one@0.1.0;",
        );
        dependency.inherit = Inherit::Some(vec!["variables".into()]);
        let (imports, _) = compose(ROUTE, vec![dependency], vec![]).unwrap();
        assert_eq!(imports, ["wasi:config/store@0.2.0-draft-2024-09-27"]);
    }

    #[test]
    fn compose_with_a_mismatched_dependency_fails() {
        let error = |dependencies| {
            let error = compose(ROUTE, dependencies, vec![]).unwrap_err();
            format!("{error:#}")
        };
        let one = || part("a:a/one@0.1.0", "export a:a/one@0.1.0;");
        let unmatched = part("a:b@0.1.0", "export a:a/one@0.1.0;");
        assert!(error(vec![unmatched]).contains("doesn't match any imports"));
        let missing = part("a:a@0.1.0", "export a:a/two@0.1.0;");
        assert!(error(vec![missing]).contains("doesn't export"));
        let mut other = one();
        other.export = Some("a:a/two@0.1.0".into());
        other.source = crate::testing::component("export a:a/two@0.1.0;");
        assert!(error(vec![other]).contains("other types"));
        // As in Spin, a package can be used once.
        let duplicate = part("a:a", "export a:a/one@0.1.0;");
        assert!(error(vec![duplicate, one()]).contains("used twice"));
    }

    #[test]
    fn compose_with_middleware_chains_the_handlers() {
        let middleware = || {
            part(
                "timing",
                "import wasi:http/handler@0.3.0; export wasi:http/handler@0.3.0;",
            )
        };
        let route = "export wasi:http/handler@0.3.0;";
        let (imports, exports) = compose(route, vec![], vec![middleware(), middleware()]).unwrap();
        assert_eq!(imports, [""; 0]);
        assert_eq!(exports, [HANDLER]);
        let no_middleware = part("not", "export wasi:http/handler@0.3.0;");
        let error = compose(route, vec![], vec![no_middleware]).unwrap_err();
        assert!(format!("{error:#}").contains("not a middleware"));
    }
}
