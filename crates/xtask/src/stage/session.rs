//! A private session: home, display, message bus, keychain and sound, apart from whatever the
//! machine has.

use crate::child::{Child, until};
use crate::sound::{Jack, Sound};
use anyhow::Context as _;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// How long each part may take to come up, on a busy machine.
const PART_LIMIT: Duration = Duration::from_secs(30);

/// Room for two windows side by side.
const SCREEN: &str = "2320x900x24";

/// A bus on which anybody may do anything, and which starts no services by itself: a portal would
/// mount a file system into our folder, and a second keychain could come before ours.
const BUS: &str = "<!DOCTYPE busconfig PUBLIC
  '-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN'
  'http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd'>
<busconfig>
  <type>session</type>
  <listen>ADDRESS</listen>
  <auth>EXTERNAL</auth>
  <policy context='default'>
    <allow send_destination='*' eavesdrop='true'/>
    <allow eavesdrop='true'/>
    <allow own='*'/>
  </policy>
</busconfig>";

/// The keychain of the stage opens with this. It holds nothing but the keys of one demo or test.
const KEYCHAIN_PASSWORD: &str = "stage\n";

/// The variables that a program sees.
pub(crate) type Environment = Vec<(OsString, OsString)>;

/// Everything around the apps. Dropping it stops and removes all of it.
pub(crate) struct Session {
    // Fields drop in this order: what uses the bus goes before the bus, the folder goes last.
    sound: Option<Sound>,
    _parts: Vec<Child>,
    environment: Environment,
    logs: PathBuf,
    _dir: TempDir,
}

impl Session {
    /// Brings everything up. Logs of all programs go into `logs`.
    ///
    /// # Errors
    /// When one of the parts does not come up.
    pub(crate) async fn open(logs: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(logs)?;
        // Short: sockets lie in it, and their paths have room for 108 bytes.
        let dir = TempDir::with_prefix("standfast-")?;
        let mut environment = private(dir.path())?;
        let display = display(&mut environment, &[], logs)?;
        let bus = bus(&mut environment, dir.path(), logs).await?;
        let keychain = keychain(&environment, logs).await?;
        let sound = Sound::open(&mut environment, dir.path(), logs).await?;
        Ok(Self {
            sound: Some(sound),
            _parts: vec![keychain, bus, display],
            environment,
            logs: logs.to_owned(),
            _dir: dir,
        })
    }

    /// The session of whoever sits before this computer: their display, sound and keychain.
    ///
    /// # Errors
    /// When there is no room for the logs.
    pub(crate) fn here(logs: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(logs)?;
        Ok(Self {
            sound: None,
            _parts: Vec::new(),
            environment: std::env::vars_os().collect(),
            logs: logs.to_owned(),
            _dir: TempDir::with_prefix("standfast-")?,
        })
    }

    /// The sound server of the stage.
    ///
    /// # Errors
    /// In a session that was there before.
    pub(crate) fn sound(&self) -> anyhow::Result<&Sound> {
        self.sound.as_ref().context("this session has no sound server of its own")
    }

    /// Gives a program jacks of its own, where there are some.
    pub(crate) fn plug(&self, command: &mut Command, mic: Jack, ear: Jack) {
        if self.sound.is_some() {
            command.env("PULSE_SOURCE", mic.source()).env("PULSE_SINK", ear.sink());
        }
    }

    /// A command inside this session.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        inside(program, &self.environment)
    }

    /// Writes a picture of the screen, or of a part of it (`WIDTHxHEIGHT+X+Y`).
    ///
    /// # Errors
    /// When there is no picture or no room for it.
    pub(crate) async fn picture(&self, part: Option<&str>, path: &Path) -> anyhow::Result<()> {
        let mut command = self.command("import");
        command.args(["-window", "root"]);
        if let Some(part) = part {
            command.args(["-crop", part, "+repage"]);
        }
        command.arg(path);
        Child::start("picture", &mut command, &self.logs)?.finish(PART_LIMIT).await
    }

    /// Presses a key or lets it go, as X names it, whatever window has the keyboard.
    ///
    /// # Errors
    /// When the display does not take it.
    pub(crate) async fn key(&self, does: &str, key: &str) -> anyhow::Result<()> {
        let mut command = self.command("xdotool");
        command.args([does, key]);
        Child::start("key", &mut command, &self.logs)?.finish(PART_LIMIT).await
    }

    /// Where the app of a person writes what it counted.
    pub(crate) fn report(&self, profile: &str) -> PathBuf {
        self.logs.join(format!("report-{profile}.jsonl"))
    }

    /// Where logs go.
    pub(crate) fn logs(&self) -> &Path {
        &self.logs
    }
}

/// A command that sees an environment, and nothing of ours.
pub(crate) fn inside(program: impl AsRef<std::ffi::OsStr>, environment: &Environment) -> Command {
    let mut command = Command::new(program);
    command.env_clear().envs(environment.iter().cloned()).stdin(Stdio::null());
    command
}

/// Folders that nobody else can read, and the environment that names them.
fn private(dir: &Path) -> anyhow::Result<Environment> {
    let fixed = [
        ("LANG", "C.UTF-8"),
        ("TZ", "UTC"),
        // Drawn by the processor: there is no graphics card behind this display.
        ("LIBGL_ALWAYS_SOFTWARE", "1"),
        ("WEBKIT_DISABLE_DMABUF_RENDERER", "1"),
        ("WEBKIT_DISABLE_COMPOSITING_MODE", "1"),
        ("GDK_BACKEND", "x11"),
        ("GSETTINGS_BACKEND", "memory"),
        ("NO_AT_BRIDGE", "1"),
        ("RUST_BACKTRACE", "1"),
    ];
    let mut environment: Environment =
        fixed.iter().map(|(name, value)| (name.into(), value.into())).collect();
    environment.push(("PATH".into(), std::env::var_os("PATH").unwrap_or_default()));
    let folders = [
        ("HOME", "home"),
        ("XDG_CONFIG_HOME", "config"),
        ("XDG_DATA_HOME", "data"),
        ("XDG_CACHE_HOME", "cache"),
        ("XDG_STATE_HOME", "state"),
        ("XDG_RUNTIME_DIR", "run"),
    ];
    for (variable, name) in folders {
        let path = dir.join(name);
        fs::create_dir(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700))?;
        environment.push((variable.into(), path.into()));
    }
    let gtk = dir.join("config/gtk-3.0");
    fs::create_dir_all(&gtk)?;
    fs::write(gtk.join("settings.ini"), "[Settings]\ngtk-font-name=Inter 11\n")?;
    Ok(environment)
}

/// A display of its own, which `environment` names from here on.
///
/// # Errors
/// When it does not start.
pub(crate) fn display(
    environment: &mut Environment,
    options: &[&str],
    logs: &Path,
) -> anyhow::Result<Child> {
    let mut command = inside("Xvfb", environment);
    // It takes the first free number and tells it on its standard output.
    command.args(["-displayfd", "1", "-screen", "0", SCREEN, "-nolisten", "tcp", "-noreset"]);
    command.args(options);
    let (child, output) = Child::start_reading("display", &mut command, logs)?;
    let mut number = String::new();
    BufReader::new(output).read_line(&mut number)?;
    anyhow::ensure!(!number.trim().is_empty(), "the virtual display did not start");
    environment.push(("DISPLAY".into(), format!(":{}", number.trim()).into()));
    Ok(child)
}

async fn bus(environment: &mut Environment, dir: &Path, logs: &Path) -> anyhow::Result<Child> {
    let socket = dir.join("run/bus");
    let address = format!("unix:path={}", socket.display());
    let config = dir.join("config/bus.conf");
    fs::write(&config, BUS.replace("ADDRESS", &address))?;
    let mut command = inside("dbus-daemon", environment);
    command.args(["--nofork", "--nopidfile", "--config-file"]).arg(config);
    let child = Child::start("bus", &mut command, logs)?;
    until("message bus", PART_LIMIT, || socket.exists().then_some(())).await?;
    environment.push(("DBUS_SESSION_BUS_ADDRESS".into(), address.into()));
    Ok(child)
}

async fn keychain(environment: &Environment, logs: &Path) -> anyhow::Result<Child> {
    let mut command = inside("gnome-keyring-daemon", environment);
    command.args(["--foreground", "--components=secrets", "--unlock"]).stdin(Stdio::piped());
    let mut child = Child::start("keychain", &mut command, logs)?;
    let mut input = child.take_stdin().context("the keychain's input")?;
    input.write_all(KEYCHAIN_PASSWORD.as_bytes())?;
    drop(input);
    until("keychain", PART_LIMIT, || has_default_collection(environment).then_some(())).await?;
    Ok(child)
}

/// Whether the keychain answers and has a collection to write into.
fn has_default_collection(environment: &Environment) -> bool {
    // Asked of the bus first: a question to a name without an owner would start another daemon.
    let owner = ["/org/freedesktop/DBus", "org.freedesktop.DBus.NameHasOwner"];
    let alias = ["/org/freedesktop/secrets", "org.freedesktop.Secret.Service.ReadAlias"];
    ask_bus(environment, "org.freedesktop.DBus", owner, "org.freedesktop.secrets")
        .is_some_and(|answer| answer.contains("true"))
        && ask_bus(environment, "org.freedesktop.secrets", alias, "default")
            .is_some_and(|answer| answer.contains("/org/freedesktop/secrets/collection/"))
}

/// Calls a method (its object and its name) with one text, and gives the answer as text.
fn ask_bus(
    environment: &Environment,
    service: &str,
    method: [&str; 2],
    text: &str,
) -> Option<String> {
    let mut ask = inside("dbus-send", environment);
    ask.args(["--session", "--print-reply", &format!("--dest={service}")]).args(method);
    ask.arg(format!("string:{text}")).stderr(Stdio::null());
    String::from_utf8(ask.output().ok()?.stdout).ok()
}
