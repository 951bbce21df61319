//! Holds `ui/src/lib/ipc/bindings.ts` to these types.

use std::any::TypeId;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use ts_rs::{Config, TS, TypeVisitor};

use crate::{Command, Reply, UiError, UiUpdate};

const RENEW: &str = "WRITE_BINDINGS=1 cargo test -p standfast-ipc bindings";

/// Collects the declaration of every type that can be reached from the roots.
struct Declarations {
    config: Config,
    seen: BTreeSet<TypeId>,
    by_name: BTreeMap<String, String>,
}

impl TypeVisitor for Declarations {
    fn visit<T: TS + 'static + ?Sized>(&mut self) {
        if !self.seen.insert(TypeId::of::<T>()) {
            return;
        }
        if T::output_path().is_some() {
            let docs = T::docs().unwrap_or_default();
            let text = format!("{docs}export {}", T::decl(&self.config));
            self.by_name.insert(T::ident(&self.config), text);
        }
        T::visit_dependencies(self);
        T::visit_generics(self);
    }
}

fn bindings() -> String {
    let mut all = Declarations {
        config: Config::new().with_large_int("number"),
        seen: BTreeSet::new(),
        by_name: BTreeMap::new(),
    };
    all.visit::<Command>();
    all.visit::<Reply>();
    all.visit::<UiUpdate>();
    all.visit::<UiError>();
    let head = format!("// Generated from crates/ipc. Renew with: {RENEW}\n");
    let text =
        std::iter::once(head).chain(all.by_name.into_values()).collect::<Vec<_>>().join("\n");
    text.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

#[test]
fn bindings_are_up_to_date() {
    let here = std::env::var_os("CARGO_MANIFEST_DIR").unwrap();
    let path = PathBuf::from(here).join("../../ui/src/lib/ipc/bindings.ts");
    if std::env::var_os("WRITE_BINDINGS").is_some() {
        std::fs::write(&path, bindings()).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == bindings(), "bindings.ts is out of date; renew it with: {RENEW}");
}

#[test]
fn no_bytes_cross_the_border() {
    let text = bindings();
    for word in ["Array<number>", "Uint8Array", "secret", "seed"] {
        let hits: Vec<_> = text
            .lines()
            .filter(|line| !line.trim_start().starts_with(['*', '/']))
            .filter(|line| line.contains(word))
            .collect();
        assert!(hits.is_empty(), "{word}: {hits:?}");
    }
}
