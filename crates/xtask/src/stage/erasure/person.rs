//! One participant of the erasure test: the real command, which also reveals its secrets to us.

use super::needles::{Found, Needles};
use crate::child::{Child, until};
use anyhow::Context as _;
use serde_json::Value;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::time::Duration;
use xtask::paths::release_binary;

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// The identity is kept in a file under this. It protects nothing here.
const PASSPHRASE: &str = "erasure test";

/// Bytes before the samples of a WAV file.
const WAV_HEADER: usize = 44;

/// Everyone has to know it to take part.
pub(crate) const MEETING_PASSPHRASE: &str = "grey herons over the harbour at 7";

/// A participant and the folder with its profile.
pub(crate) struct Person {
    name: &'static str,
    home: PathBuf,
    may_lock_kib: Option<u64>,
    runs: usize,
}

impl Person {
    /// `may_lock_kib` limits how much memory the system locks for them.
    pub(crate) fn new(
        name: &'static str,
        may_lock_kib: Option<u64>,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let home = folder.join(name);
        fs::create_dir_all(&home)?;
        Ok(Self { name, home, may_lock_kib, runs: 0 })
    }

    pub(crate) fn may_lock_kib(&self) -> Option<u64> {
        self.may_lock_kib
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Everything that this profile wrote to disk.
    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    /// Makes a standup with the passphrase in a file and gives its link.
    pub(crate) async fn create(&mut self, relay: &str, pass: &Path) -> anyhow::Result<String> {
        let pass = pass.to_string_lossy();
        let mut running = self.start(&["new", "--relay", relay, "--passphrase-file", &pass])?;
        let link = |line: &Value| line["link"].as_str().map(str::to_owned);
        let link = running.said("a link", link).await?;
        running.finish().await?;
        Ok(link)
    }

    /// Joins with the passphrase in a file, and speaks `speech` again and again.
    pub(crate) fn join(
        &mut self,
        link: &str,
        pass: &Path,
        speech: &Path,
    ) -> anyhow::Result<Running> {
        let (pass, speech) = (pass.to_string_lossy(), speech.to_string_lossy());
        let speak = ["--passphrase-file", &pass, "--speak", &speech, "--repeat"];
        let join = ["join", link, "--name", self.name, "--admit-all", "--commands"];
        let running = self.start(&[&join[..], &speak].concat())?;
        Ok(Running { speech: Some(PathBuf::from(&*speech)), ..running })
    }

    fn start(&mut self, args: &[&str]) -> anyhow::Result<Running> {
        self.runs += 1;
        let file =
            |what: &str| self.home.with_file_name(format!("{}-{}.{what}", self.name, self.runs));
        let (said, secrets) = (file("jsonl"), file("secrets"));
        File::create(&secrets)?;
        let program = release_binary("standfast-revealing");
        let mut command = match self.may_lock_kib {
            Some(kib) => limited(kib, &program),
            None => Command::new(program),
        };
        command.args(["--profile", "erasure", "--passphrase-env", "ERASURE_PASSPHRASE"]).args(args);
        command.env_clear().env("HOME", &self.home).env("ERASURE_PASSPHRASE", PASSPHRASE);
        command.env("STANDFAST_REVEAL_TO", &secrets).stdin(Stdio::piped());
        let log = File::create(file("log"))?;
        let mut child = Child::start_into(self.name, &mut command, File::create(&said)?, log)?;
        let stdin = child.take_stdin();
        Ok(Running { child, said, secrets, speech: None, stdin })
    }
}

/// A program of somebody for whom the system locks so much memory.
fn limited(kib: u64, program: &Path) -> Command {
    let shell = ["sh", "-c", &format!("ulimit -l {kib}; exec \"$0\" \"$@\"")];
    let mut command = if rustix::process::geteuid().is_root() {
        // Whom no limit binds, but for this right.
        let mut command = Command::new("setpriv");
        command.args(["--bounding-set=-ipc_lock", "--inh-caps=-ipc_lock"]).args(shell);
        command
    } else {
        let mut command = Command::new(shell[0]);
        command.args(&shell[1..]);
        command
    };
    command.arg(program);
    command
}

/// A running command. It stays after its end until this is dropped.
pub(crate) struct Running {
    child: Child,
    said: PathBuf,
    secrets: PathBuf,
    /// What it speaks.
    speech: Option<PathBuf>,
    stdin: Option<ChildStdin>,
}

impl Running {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// How much of its memory the system keeps in RAM.
    pub(crate) fn locked_kib(&self) -> anyhow::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmLck:"));
        let kib = line.and_then(|line| line.split_whitespace().next()).context("VmLck")?;
        Ok(kib.parse()?)
    }

    /// Waits until this device is live among so many, all confirmed.
    pub(crate) async fn live(&mut self, members: u64) -> anyhow::Result<()> {
        let fits = |line: &Value| {
            let all = [&line["members"], &line["confirmed"]].map(Value::as_u64);
            line["phase"] == "live" && all == [Some(members); 2]
        };
        let what = format!("meeting of {members}");
        let found = || self.lines().last().is_some_and(&fits).then_some(());
        until(&what, PATIENCE, found).await.with_context(|| self.said.display().to_string())
    }

    /// Waits until this device is out of the meeting.
    pub(crate) async fn left(&mut self) -> anyhow::Result<()> {
        let out = |line: &Value| line["phase"].as_str().is_some_and(|p| p.starts_with("left"));
        self.said("end", |line| out(line).then_some(())).await
    }

    /// Waits until the command has come to its end; the process goes on.
    pub(crate) async fn over(&mut self) -> anyhow::Result<()> {
        self.said("over", |line| (line["event"] == "over").then_some(())).await
    }

    /// Waits for a line that fits.
    async fn said<T>(
        &mut self,
        what: &str,
        fits: impl Fn(&Value) -> Option<T>,
    ) -> anyhow::Result<T> {
        let found = || self.lines().iter().rev().find_map(&fits);
        until(what, PATIENCE, found).await.with_context(|| self.said.display().to_string())
    }

    fn lines(&self) -> Vec<Value> {
        let text = fs::read_to_string(&self.said).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Ctrl+C.
    pub(crate) fn leave(&self) {
        self.child.interrupt();
    }

    /// One of the commands that `--commands` takes.
    pub(crate) fn command(&mut self, command: &str) -> anyhow::Result<()> {
        let stdin = self.stdin.as_mut().context("its input is closed")?;
        Ok(writeln!(stdin, "{command}")?)
    }

    /// The call's thread panics at its next secret.
    pub(crate) fn panic(&self) -> anyhow::Result<()> {
        File::create(self.secrets.with_added_extension("panic"))?;
        Ok(())
    }

    /// Ends the process as a crash does.
    pub(crate) fn kill(&self) {
        self.child.kill();
    }

    /// Lets the process end.
    async fn finish(mut self) -> anyhow::Result<()> {
        self.over().await?;
        File::create(self.secrets.with_added_extension("end"))?;
        self.child.finish(PATIENCE).await
    }

    /// Stops the process, searches its memory for all that it revealed, and lets it go on.
    pub(crate) fn search(&self) -> anyhow::Result<Found> {
        self.paused(|| self.needles()?.sorted().search(self.id()))
    }

    /// The same for secrets of somebody else, but those of some kinds that it revealed as well.
    pub(crate) fn search_for(&self, mut theirs: Needles, but: &[&str]) -> anyhow::Result<Found> {
        self.paused(|| {
            theirs.without(but, &self.needles()?);
            theirs.sorted().search(self.id())
        })
    }

    fn paused<T>(&self, work: impl FnOnce() -> T) -> T {
        self.child.pause();
        let done = work();
        self.child.go_on();
        done
    }

    /// What it revealed so far, and what it was given.
    pub(crate) fn needles(&self) -> anyhow::Result<Needles> {
        let mut needles = Needles::read(&self.secrets)?;
        needles.passphrase(MEETING_PASSPHRASE);
        if let Some(speech) = &self.speech {
            needles.speech(fs::read(speech)?.get(WAV_HEADER..).context("an empty speech")?);
        }
        Ok(needles)
    }
}
