//! Which of our crates may depend on which, and what some must never know.

use cargo_metadata::{DependencyKind, Metadata, Package};

/// Every crate of ours and the crates of ours that it may use, as in ARCHITECTURE.md.
const ARROWS: &[(&str, &[&str])] = &[
    ("app", &["desk", "harden", "ipc"]),
    ("audio", &["media"]),
    // Measures what is inside, beside its peers; no product.
    (
        "bench",
        &["audio", "client", "crypto", "frame", "media", "meeting", "relay", "testkit", "wire"],
    ),
    ("cli", &["client", "crypto", "harden", "meeting", "vault"]),
    // The driver logs in with an identity and sizes frames, so it names types of `crypto` and
    // `frame` beside those of the engine.
    ("client", &["audio", "crypto", "frame", "media", "meeting", "vault", "wire"]),
    ("crypto", &[]),
    ("decoder", &[]),
    ("desk", &["client", "crypto", "ipc", "meeting", "relay", "vault"]),
    ("frame", &["crypto"]),
    // Everything that reads bytes from outside.
    ("fuzz", &["client", "crypto", "frame", "ipc", "media", "meeting", "relay", "vault", "wire"]),
    ("harden", &[]),
    ("ipc", &["meeting"]),
    ("media", &["decoder"]),
    ("meeting", &["crypto", "frame", "wire"]),
    // `harden` knows nothing of ours; every program needs it.
    ("relay", &["harden", "wire"]),
    ("testkit", &["crypto", "frame", "meeting", "relay", "wire"]),
    ("vault", &["crypto"]),
    ("wire", &[]),
    ("xtask", &["testkit"]),
];

/// What would let a clock, randomness, a device or the window into a crate that has none.
const OUTSIDE: &[&str] = &["cpal", "getrandom", "rand", "tauri", "tokio"];

/// Foreign crates that a crate of ours must not use directly.
const STRANGERS: &[(&str, &[&str])] = &[
    ("client", &["tauri", "ts-rs"]),
    ("cli", &["tauri"]),
    ("crypto", OUTSIDE),
    ("decoder", OUTSIDE),
    ("frame", OUTSIDE),
    ("ipc", OUTSIDE),
    ("media", OUTSIDE),
    ("meeting", OUTSIDE),
    ("meeting", &["serde_json"]),
    ("relay", &["aes-gcm", "x25519-dalek", "ml-kem", "sframe"]),
    ("vault", &["tauri", "tokio"]),
    ("wire", OUTSIDE),
];

/// Foreign crates that only measurements use.
const MEASURED_AGAINST: &[&str] =
    &["openmls", "openmls_basic_credential", "openmls_rust_crypto", "openmls_traits"];

/// Every arrow that is not allowed, in words.
pub(super) fn breaches(metadata: &Metadata) -> Vec<String> {
    metadata.workspace_packages().iter().flat_map(|package| of_package(package)).collect()
}

fn of_package(package: &Package) -> Vec<String> {
    let from = short(&package.name);
    let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == from) else {
        return vec![format!("{from} is a crate that ARCHITECTURE.md does not know")];
    };
    package
        .dependencies
        .iter()
        .filter(|dependency| {
            let dev = dependency.kind == DependencyKind::Development;
            let to = short(&dependency.name);
            if dependency.path.is_some() {
                // A test may run a real relay.
                !(allowed.contains(&to) || dev && matches!(to, "testkit" | "relay"))
            } else {
                !dev && is_stranger(from, to)
            }
        })
        .map(|dependency| format!("{from} may not depend on {}", short(&dependency.name)))
        .collect()
}

fn is_stranger(from: &str, to: &str) -> bool {
    STRANGERS.iter().any(|(name, strangers)| *name == from && strangers.contains(&to))
        || from != "bench" && MEASURED_AGAINST.contains(&to)
}

/// A crate's name as the architecture writes it.
fn short(name: &str) -> &str {
    name.strip_prefix("standfast-").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arrows_have_no_circle() {
        let mut left: Vec<_> = ARROWS.to_vec();
        while !left.is_empty() {
            let names: Vec<&str> = left.iter().map(|(name, _)| *name).collect();
            let before = left.len();
            left.retain(|(_, to)| to.iter().any(|name| names.contains(name)));
            assert!(left.len() < before, "a circle among {names:?}");
        }
    }

    #[test]
    fn the_engine_may_not_know_a_runtime() {
        assert!(is_stranger("meeting", "tokio"));
        assert!(is_stranger("meeting", "serde_json"));
        assert!(!is_stranger("client", "tokio"));
    }

    #[test]
    fn a_peer_is_only_measured_against() {
        assert!(is_stranger("meeting", "openmls"));
        assert!(!is_stranger("bench", "openmls"));
    }
}
