//! Programs that the stage starts, and stops again by their own process group.

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process_group};
use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long a program may take to end when asked. After it, it is ended.
const PATIENCE: Duration = Duration::from_secs(3);

/// A running program. Dropping it stops it, and everything that it started in turn.
#[derive(Debug)]
pub(crate) struct Child {
    name: String,
    process: std::process::Child,
    stopped: bool,
}

impl Child {
    /// Starts a program whose output goes into `NAME.log`.
    ///
    /// # Errors
    /// When the program or the log cannot be opened.
    pub(crate) fn start(name: &str, command: &mut Command, logs: &Path) -> anyhow::Result<Self> {
        let log = File::create(logs.join(format!("{name}.log")))
            .with_context(|| format!("the log of {name}"))?;
        Self::spawn(name, command.stdout(log.try_clone()?).stderr(log))
    }

    /// Starts a program whose standard output is read by the caller; the rest goes into its log.
    ///
    /// # Errors
    /// As [`Child::start`].
    pub(crate) fn start_reading(
        name: &str,
        command: &mut Command,
        logs: &Path,
    ) -> anyhow::Result<(Self, ChildStdout)> {
        let log = File::create(logs.join(format!("{name}.log")))?;
        let mut child = Self::spawn(name, command.stdout(Stdio::piped()).stderr(log))?;
        let output = child.process.stdout.take().context("a program's output")?;
        Ok((child, output))
    }

    /// Starts a program whose standard output is a file.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) fn start_into(
        name: &str,
        command: &mut Command,
        output: File,
        log: File,
    ) -> anyhow::Result<Self> {
        Self::spawn(name, command.stdout(output).stderr(log))
    }

    fn spawn(name: &str, command: &mut Command) -> anyhow::Result<Self> {
        // A group of its own: whatever it starts ends with it, and Ctrl+C reaches only us.
        let process =
            command.process_group(0).spawn().with_context(|| format!("starting {name}"))?;
        Ok(Self { name: name.to_owned(), process, stopped: false })
    }

    /// What it reads from, if that was piped.
    pub(crate) fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.process.stdin.take()
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Whether it has not ended yet.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }

    /// Waits for it to end.
    ///
    /// # Errors
    /// When it takes longer than `limit`, or says that it failed.
    pub(crate) async fn finish(mut self, limit: Duration) -> anyhow::Result<()> {
        let begun = Instant::now();
        while begun.elapsed() < limit {
            if let Some(status) = self.process.try_wait()? {
                anyhow::ensure!(status.success(), "{}: {status}", self.name);
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        anyhow::bail!("{} did not end within {} s", self.name, limit.as_secs())
    }

    /// What Ctrl+C does.
    pub(crate) fn interrupt(&self) {
        self.signal(Signal::INT);
    }

    /// Ends it at once.
    pub(crate) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// Lets nothing of it run until [`Child::go_on`].
    pub(crate) fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// The end of [`Child::pause`].
    pub(crate) fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    /// Asks it to end, waits, and ends it if it does not.
    pub(crate) fn stop(&mut self) {
        if std::mem::replace(&mut self.stopped, true) {
            return;
        }
        self.signal(Signal::TERM);
        let begun = Instant::now();
        while self.is_running() && begun.elapsed() < PATIENCE {
            sleep(Duration::from_millis(10));
        }
        // Also what it left behind in its group.
        self.signal(Signal::KILL);
        if let Err(error) = self.process.wait() {
            eprintln!("{}: {error}", self.name);
        }
    }

    fn signal(&self, signal: Signal) {
        let Some(group) = i32::try_from(self.id()).ok().and_then(Pid::from_raw) else { return };
        // Fails when the group is gone already, which is what we want.
        let _ = kill_process_group(group, signal);
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Asks again and again until there is an answer.
///
/// # Errors
/// When there is none within `limit`; the text says what was waited for.
pub(crate) async fn until<T>(
    what: &str,
    limit: Duration,
    mut ask: impl FnMut() -> Option<T>,
) -> anyhow::Result<T> {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return Ok(answer);
        }
        anyhow::ensure!(begun.elapsed() < limit, "no {what} within {} s", limit.as_secs());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
