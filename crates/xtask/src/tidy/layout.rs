//! What may lie where.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use xtask::paths::root;
use xtask::run::{command, read};

/// Everything that may lie at the top.
const TOP: &[&str] = &[
    ".cargo",
    ".ci",
    ".gitignore",
    "ARCHITECTURE.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "clippy.toml",
    "crates",
    "deny.toml",
    "docs",
    "icons",
    "rustfmt.toml",
    "src-tauri",
    "ui",
];

/// The shell holds no logic; past this many lines it does.
const SHELL_LINES_MAX: usize = 800;

/// The crates without a clock and without randomness of their own. Each carries a `clippy.toml`
/// that says so to clippy.
const PURE: &[&str] = &["crypto", "decoder", "frame", "media", "meeting", "wire"];

/// Everything that lies wrong, in words.
pub(super) fn breaches() -> anyhow::Result<Vec<String>> {
    let mut found = top_level()?;
    let lines = rust_lines(&root().join("src-tauri/src"))?;
    if lines > SHELL_LINES_MAX {
        found.push(format!("src-tauri has {lines} lines, and may have {SHELL_LINES_MAX}"));
    }
    found.extend(PURE.iter().filter_map(|name| clock_ban(name)));
    Ok(found)
}

fn top_level() -> anyhow::Result<Vec<String>> {
    let files = read(&mut command("git", ["ls-files"]))?;
    let tops: BTreeSet<&str> = files.lines().filter_map(|file| file.split('/').next()).collect();
    Ok(tops
        .into_iter()
        .filter(|top| !TOP.contains(top))
        .map(|top| format!("{top} does not belong at the top level"))
        .collect())
}

fn clock_ban(name: &str) -> Option<String> {
    let path = root().join("crates").join(name).join("clippy.toml");
    let text = fs::read_to_string(&path).unwrap_or_default();
    ["Instant::now", "SystemTime::now", "getrandom::fill"]
        .iter()
        .any(|call| !text.contains(call))
        .then(|| format!("{name} must ban the clock and randomness in its clippy.toml"))
}

fn rust_lines(dir: &Path) -> anyhow::Result<usize> {
    let mut lines = 0;
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            lines += rust_lines(&path)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            lines += fs::read_to_string(&path)?.lines().count();
        }
    }
    Ok(lines)
}
