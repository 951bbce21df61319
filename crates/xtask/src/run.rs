//! Running other programs, with one line on the terminal for each.

use anyhow::{Context as _, bail};
use std::ffi::OsStr;
use std::process::{Command, Stdio};

/// A command in the top folder of the checkout, with nothing to read from the keyboard.
#[must_use]
pub fn command<S: AsRef<OsStr>>(program: &str, args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(program);
    command.args(args).current_dir(crate::paths::root()).stdin(Stdio::null());
    command
}

/// Runs a command to its end, its output on ours.
///
/// # Errors
/// When it cannot be started or says that it failed.
pub fn run(command: &mut Command) -> anyhow::Result<()> {
    let line = line(command);
    println!("+ {line}");
    let status = command.status().with_context(|| format!("starting {line}"))?;
    if !status.success() {
        bail!("{line}: {status}");
    }
    Ok(())
}

/// Runs a command and gives what it printed, without the newline at the end.
///
/// # Errors
/// When it cannot be started, says that it failed, or prints no text.
pub fn read(command: &mut Command) -> anyhow::Result<String> {
    let line = line(command);
    let output =
        command.stderr(Stdio::inherit()).output().with_context(|| format!("starting {line}"))?;
    if !output.status.success() {
        bail!("{line}: {}", output.status);
    }
    let text = String::from_utf8(output.stdout).with_context(|| format!("reading {line}"))?;
    Ok(text.trim_end().to_owned())
}

/// The command as one would type it, to show to a person.
fn line(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}
