//! Whether a program can be made to leave its memory behind: by crashing, or to another process of
//! the same user.

use crate::session;
use anyhow::{Context as _, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use xtask::paths::{program, release_binary};

/// The user to be where the test runs as root, for whom no memory is closed.
const USER: [&str; 3] = ["--reuid=65534", "--regid=65534", "--clear-groups"];

/// Asks for the largest core file that is allowed, then becomes the program in question.
const SHELL: &str = "ulimit -c $(ulimit -H -c); exec \"$0\" \"$@\"";
/// The same, for a program that speaks on its standard error.
const SHELL_OF_WINDOW: &str = "ulimit -c $(ulimit -H -c); exec \"$0\" \"$@\" 2>&1";

/// A link to nowhere: the command goes on trying, with an identity in its memory.
const LINK: &str = "standfast://127.0.0.1:1/AAAAAAAAAAAAAAAAAAAAAA#1.1.\
                    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAA";

/// How long a crash may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
const BETWEEN_SIGNALS: Duration = Duration::from_millis(100);

/// Passes or says why not.
pub(crate) type Check = fn() -> anyhow::Result<()>;

/// The checks, by name.
pub(crate) const CHECKS: [(&str, Check); 4] = [
    ("another program dumps core and can be read: these checks can fail", control),
    ("a crashed relay leaves no core, and nobody of its user reads it", relay),
    ("a crashed command leaves no core, and nobody of its user reads it", command),
    ("a crashed window leaves no core, and nobody of its user reads it", window),
];

fn control() -> anyhow::Result<()> {
    let shell = program("sh").context("a shell")?;
    for signal in [Signal::SEGV, Signal::ABORT] {
        let victim = Victim::start(&shell, &["-c", "echo up; read forever"], SHELL, &[])?;
        ensure!(victim.is_read()?, "its memory cannot be read");
        ensure!(victim.crash(signal)?.core_dumped(), "it leaves no core");
    }
    Ok(())
}

fn relay() -> anyhow::Result<()> {
    closed("standfast-relay", &["--listen", "127.0.0.1:0"], SHELL, &[])
}

fn command() -> anyhow::Result<()> {
    let passphrase = ["--profile", "crash", "--passphrase-env", "PASSPHRASE"];
    let args = [&passphrase[..], &["join", LINK, "--name", "crash"]].concat();
    closed("standfast", &args, SHELL, &[])
}

fn window() -> anyhow::Result<()> {
    let logs = tempfile::tempdir()?;
    let mut environment = vec![("RUST_LOG".into(), "trace".into())];
    let _display = session::display(&mut environment, &["-ac"], logs.path())?;
    closed("standfast-app", &["--profile", "crash"], SHELL_OF_WINDOW, &environment)
}

fn closed(
    name: &str,
    args: &[&str],
    shell: &str,
    environment: &[(OsString, OsString)],
) -> anyhow::Result<()> {
    for signal in [Signal::SEGV, Signal::ABORT] {
        let victim = Victim::start(&release_binary(name), args, shell, environment)?;
        ensure!(!victim.is_read()?, "another process of its user reads its memory");
        let status = victim.crash(signal)?;
        ensure!(status.signal() == Some(signal.as_raw()), "it ended otherwise: {status}");
        ensure!(!status.core_dumped(), "it leaves a core");
    }
    Ok(())
}

/// A running program that has said its first line.
struct Victim {
    process: Child,
    /// Kept open: a program that cannot speak may end before it is made to.
    _output: BufReader<ChildStdout>,
    folder: TempDir,
}

impl Victim {
    fn start(
        program: &Path,
        args: &[&str],
        shell: &str,
        environment: &[(OsString, OsString)],
    ) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        fs::set_permissions(folder.path(), Permissions::from_mode(0o777))?;
        // Where it was built, another user may have no access.
        let copy = folder.path().join("program");
        fs::copy(program, &copy)?;
        let mut command = as_user("sh");
        command.arg("-c").arg(shell).arg(&copy).args(args).current_dir(folder.path());
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", folder.path()).env("PASSPHRASE", "crash and tell");
        command.envs(environment.iter().cloned());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().with_context(|| program.display().to_string())?;
        let mut line = String::new();
        let mut output = BufReader::new(process.stdout.take().context("its output")?);
        output.read_line(&mut line)?;
        let victim = Self { process, _output: output, folder };
        ensure!(!line.is_empty(), "{} said nothing", program.display());
        Ok(victim)
    }

    /// Whether another process of the same user gets at the memory: tried in two ways.
    fn is_read(&self) -> anyhow::Result<bool> {
        let id = self.process.id().to_string();
        let runs = |command: &mut Command| {
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            command.status().map(|status| status.success())
        };
        let maps = runs(as_user("cat").arg(format!("/proc/{id}/maps")))?;
        if program("gcore").is_none() {
            return Ok(maps);
        }
        // It says that all is well even where it wrote nothing.
        runs(as_user("gcore").arg("-o").arg(self.folder.path().join("dump")).arg(&id))?;
        let dump = self.folder.path().join(format!("dump.{id}"));
        Ok(maps || dump.exists())
    }

    /// Sends a signal until the program is gone. Once is not enough: Rust's handler of `SIGSEGV`
    /// looks for an overflown stack, takes itself away, and expects that the fault comes again.
    fn crash(mut self, signal: Signal) -> anyhow::Result<ExitStatus> {
        let id = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw);
        let id = id.context("its process id")?;
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            kill_process(id, signal)?;
            std::thread::sleep(BETWEEN_SIGNALS);
            if let Some(status) = self.process.try_wait()? {
                return Ok(status);
            }
        }
        bail!("{signal:?} does not end it")
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A command of an ordinary user: of ours, or of nobody where we are root.
fn as_user(program: &str) -> Command {
    if !rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(USER).arg(program);
    command
}
