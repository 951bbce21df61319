//! That no product is built with the feature that tells its secrets to a test.

use cargo_metadata::{Metadata, Package};

/// The feature.
const FEATURE: &str = "expose-secrets-to-tests";
/// The crates that have something to tell.
const TELLING: [&str; 4] = ["cli", "client", "crypto", "frame"];
/// The one program that is built with it.
const PROGRAM: &str = "standfast-revealing";

/// Every way for the feature into a product, in words.
pub(super) fn breaches(metadata: &Metadata) -> Vec<String> {
    metadata.workspace_packages().iter().flat_map(|package| of_package(package)).collect()
}

/// Only the feature itself may ask for the feature, in the crates that we know, and only the test's
/// program may require it. Then nothing has it that was not built with it by name.
fn of_package(package: &Package) -> Vec<String> {
    let from = package.name.strip_prefix("standfast-").unwrap_or(&package.name);
    let mut wrong = Vec::new();
    if package.features.contains_key(FEATURE) && !TELLING.contains(&from) {
        wrong.push(format!("{from} has a feature {FEATURE}"));
    }
    for (feature, asks) in &package.features {
        if feature != FEATURE && asks.iter().any(|ask| names(ask)) {
            wrong.push(format!("feature {feature} of {from} switches {FEATURE} on"));
        }
    }
    for dependency in &package.dependencies {
        if dependency.features.iter().any(|ask| names(ask)) {
            wrong.push(format!("{from} takes {} with {FEATURE}", dependency.name));
        }
    }
    for target in &package.targets {
        if target.required_features.iter().any(|ask| names(ask)) && target.name != PROGRAM {
            wrong.push(format!("{} of {from} needs {FEATURE}", target.name));
        }
    }
    wrong
}

/// Whether it is the feature, of whichever crate: `crate/feature` and `crate?/feature` count.
fn names(ask: &str) -> bool {
    ask.rsplit('/').next() == Some(FEATURE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cargo_metadata::MetadataCommand;

    fn workspace() -> Metadata {
        let mut command = MetadataCommand::new();
        command.current_dir(xtask::paths::root()).no_deps().exec().unwrap()
    }

    /// Breaches after `change` to one crate of ours.
    fn after(name: &str, change: impl FnOnce(&mut Package)) -> Vec<String> {
        let mut metadata = workspace();
        change(metadata.packages.iter_mut().find(|package| *package.name == name).unwrap());
        breaches(&metadata)
    }

    #[test]
    fn as_it_is_no_product_tells() {
        assert!(breaches(&workspace()).is_empty());
    }

    #[test]
    fn every_way_into_a_product_is_seen() {
        let default = |package: &mut Package| {
            let ask = format!("standfast-client/{FEATURE}");
            package.features.insert("default".into(), vec![ask]);
        };
        assert_eq!(after("standfast-cli", default).len(), 1);
        let own = |package: &mut Package| {
            package.features.insert(FEATURE.into(), Vec::new());
        };
        assert_eq!(after("standfast-desk", own).len(), 1);
        let dependency = |package: &mut Package| {
            package.dependencies[0].features.push(FEATURE.into());
        };
        assert_eq!(after("standfast-app", dependency).len(), 1);
        let program = |package: &mut Package| {
            package.targets[0].required_features.push(FEATURE.into());
        };
        assert_eq!(after("standfast-relay", program).len(), 1);
    }
}
