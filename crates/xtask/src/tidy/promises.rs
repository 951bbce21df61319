//! Every test that `docs/security.md` names exists.

use std::fs;
use std::path::Path;

use anyhow::Context as _;

/// A test's name has at least so many underscores; nothing else in the page does.
const UNDERSCORES: usize = 2;

/// Names in the page that no test has.
///
/// # Errors
/// When the page or the sources cannot be read.
pub(super) fn breaches() -> anyhow::Result<Vec<String>> {
    let root = xtask::paths::root();
    let page = fs::read_to_string(root.join("docs/security.md")).context("docs/security.md")?;
    let mut sources = String::new();
    for folder in ["crates", "src-tauri"] {
        collect(&root.join(folder), &mut sources)?;
    }
    let missing = named(&page).filter(|name| !sources.contains(&format!("fn {name}(")));
    Ok(missing
        .map(|name| format!("docs/security.md names {name}, and no such test exists"))
        .collect())
}

/// What stands between backticks and looks like a test.
fn named(page: &str) -> impl Iterator<Item = &str> {
    let plain = |text: &&str| {
        text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    page.split('`')
        .skip(1)
        .step_by(2)
        .filter(plain)
        .filter(|text| text.matches('_').count() >= UNDERSCORES)
}

fn collect(folder: &Path, sources: &mut String) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            collect(&path, sources)?;
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            sources.push_str(&fs::read_to_string(&path)?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_between_backticks() {
        let page = "| a | meeting: `a_real_test`, `max_ms` | `not code` `SF1/x_y_z`";
        assert_eq!(named(page).collect::<Vec<_>>(), ["a_real_test"]);
    }
}
