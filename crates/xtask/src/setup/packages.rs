//! System packages, by their names in Debian and Ubuntu.

use anyhow::bail;
use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use xtask::paths::program;
use xtask::run::{command, run};

/// What the app links against.
const BUILD: &[&str] = &[
    "build-essential",
    "cmake",
    "libasound2-dev",
    "libdbus-1-dev",
    "librsvg2-dev",
    "libwebkit2gtk-4.1-dev",
    "pkg-config",
];

/// What the demo and the end-to-end test put around the app: a display, a sound server, a
/// keychain, a voice, and a driver for the web view.
const STAGE: &[&str] = &[
    "dbus",
    "espeak-ng",
    "fonts-inter",
    "gnome-keyring",
    "imagemagick",
    "libasound2-plugins",
    "libsecret-tools",
    "pulseaudio",
    "pulseaudio-utils",
    "webkit2gtk-driver",
    "xdotool",
    "xvfb",
];

/// What only the bench of voice uses: speech, and Python to score it, which compiles a part. Its
/// peer, `mumble-server`, would start a server for the whole network: who wants that figure installs
/// it by hand.
const VOICE_BENCH: &[&str] =
    &["build-essential", "pocketsphinx-testdata", "python3-dev", "python3-venv"];

/// Installs what the bench of voice can use, where that is a matter of apt.
///
/// # Errors
/// When a package is missing and this program may not install it.
pub(super) fn ensure_for_voice_bench() -> anyhow::Result<()> {
    match program("dpkg-query") {
        Some(_) => install(&missing(VOICE_BENCH)?),
        None => Ok(()),
    }
}

/// Installs every package that is not there.
///
/// # Errors
/// When a package is missing and this program may not install it.
pub(super) fn ensure() -> anyhow::Result<()> {
    if !cfg!(target_os = "linux") {
        println!("  nothing to install here; see README.md for this system");
        return Ok(());
    }
    let wanted: Vec<&str> = BUILD.iter().chain(STAGE).copied().collect();
    if program("dpkg-query").is_none() {
        println!(
            "  not a Debian system: please see that these, or what they are called here, are installed:"
        );
        println!("  {}", wanted.join(" "));
        return Ok(());
    }
    install(&missing(&wanted)?)
}

/// Installs packages with apt, as root or through sudo when it asks for no password.
pub(super) fn install(missing: &[&str]) -> anyhow::Result<()> {
    if missing.is_empty() {
        println!("  all there");
        return Ok(());
    }
    println!("  missing: {}", missing.join(" "));
    let Some(prefix) = privileged() else {
        bail!(
            "these packages are missing, and installing them needs root. Please type:\n  \
             sudo apt-get update && sudo apt-get install --yes --no-install-recommends {}",
            missing.join(" ")
        );
    };
    run(&mut apt(prefix, &["update", "--quiet"]))?;
    let mut args = vec!["install", "--yes", "--quiet", "--no-install-recommends"];
    args.extend(missing);
    run(&mut apt(prefix, &args))
}

/// The packages of a list that are not installed.
pub(super) fn missing<'a>(wanted: &[&'a str]) -> anyhow::Result<Vec<&'a str>> {
    // dpkg-query fails when it does not know one of the names, and still lists the others.
    let output =
        command("dpkg-query", ["--show", "--showformat=${Package} ${db:Status-Status}\\n"])
            .args(wanted)
            .stderr(Stdio::null())
            .output()?;
    let text = String::from_utf8(output.stdout)?;
    let there: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_suffix(" installed")).collect();
    Ok(wanted.iter().copied().filter(|name| !there.contains(name)).collect())
}

/// The words before `apt-get`: none for root, `sudo` when it needs no password.
fn privileged() -> Option<&'static [&'static str]> {
    let succeeds = |program: &str, args: &[&str]| {
        let mut command = command(program, args);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let root = xtask::run::read(&mut command("id", ["-u"])).is_ok_and(|id| id == "0");
    if root {
        Some(&[])
    } else if succeeds("sudo", &["--non-interactive", "true"]) {
        Some(&["sudo", "--non-interactive"])
    } else {
        None
    }
}

fn apt(prefix: &[&str], args: &[&str]) -> Command {
    let words: Vec<&str> = prefix
        .iter()
        .chain(&["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"])
        // A fresh machine often installs its updates just then: wait for it.
        .chain(&["-o", "DPkg::Lock::Timeout=300"])
        .chain(args)
        .copied()
        .collect();
    command(words[0], &words[1..])
}
