//! A computer in a temporary directory: a private session bus, a keychain daemon, profiles.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const PASSWORD: &str = "login password";
const PATIENCE: Duration = Duration::from_secs(20);

/// No service directories: nothing starts by itself on this bus.
const BUS_CONFIG: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path=BUS</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*"/><allow own="*"/><allow receive_sender="*"/>
</policy></busconfig>"#;

pub(crate) struct Desk {
    root: tempfile::TempDir,
    bus: Option<Child>,
    keyring: Option<Child>,
}

/// What a child process reported.
#[derive(Debug)]
pub(crate) struct Report(pub(crate) Value);

impl Report {
    pub(crate) fn cause(&self) -> &str {
        self.0["trouble"]["cause"].as_str().unwrap_or("none")
    }

    pub(crate) fn kind(&self) -> &str {
        self.0["trouble"]["what"]["kind"].as_str().unwrap_or("none")
    }

    pub(crate) fn answered_ms(&self) -> u64 {
        self.0["answered_ms"].as_u64().unwrap()
    }

    /// The identity, after checking that the child found nothing of it on disk.
    pub(crate) fn who(&self) -> (&str, bool) {
        assert_eq!(self.0["leaks"], 0, "{self:?}");
        (self.0["who"].as_str().unwrap(), self.0["is_new"].as_bool().unwrap())
    }
}

impl Desk {
    /// `None`, with a word on stderr, if this computer lacks the daemons.
    pub(crate) fn new() -> Option<Self> {
        let missing = ["dbus-daemon", "gnome-keyring-daemon"].into_iter().find(|tool| {
            let found = Command::new(tool).arg("--version").stdout(Stdio::null()).status();
            !found.is_ok_and(|status| status.success())
        });
        if let Some(tool) = missing {
            let required = std::env::var_os("STANDFAST_REQUIRE_KEYCHAIN").is_some_and(|v| v == "1");
            assert!(!required, "{tool} is missing and STANDFAST_REQUIRE_KEYCHAIN=1");
            eprintln!("SKIPPED: {tool} is missing, the real keychain was not tested");
            return None;
        }
        let root = tempfile::tempdir().unwrap();
        for dir in ["home", "run", "data"] {
            let path = root.path().join(dir);
            std::fs::create_dir(&path).unwrap();
            let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
            std::fs::set_permissions(&path, private).unwrap();
        }
        Some(Self { root, bus: None, keyring: None })
    }

    pub(crate) fn with_bus() -> Option<Self> {
        let mut desk = Self::new()?;
        let config = desk.root.path().join("bus.conf");
        let bus = desk.path("run/bus");
        std::fs::write(&config, BUS_CONFIG.replace("BUS", bus.to_str().unwrap())).unwrap();
        let arg = format!("--config-file={}", config.display());
        let mut command = desk.command("dbus-daemon");
        command.args([&arg, "--nofork", "--nopidfile"]).stderr(Stdio::null());
        desk.bus = Some(command.spawn().unwrap());
        until("the bus", || std::os::unix::net::UnixStream::connect(&bus).is_ok());
        Some(desk)
    }

    pub(crate) fn with_keyring() -> Option<Self> {
        let mut desk = Self::with_bus()?;
        desk.start_keyring(true);
        Some(desk)
    }

    pub(crate) fn start_keyring(&mut self, unlocked: bool) {
        let mut command = self.command("gnome-keyring-daemon");
        command.args(["--foreground", "--components=secrets"]);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        if unlocked {
            command.arg("--unlock");
        }
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        if unlocked {
            stdin.write_all(PASSWORD.as_bytes()).unwrap();
        }
        drop(stdin);
        self.keyring = Some(child);
        until("the keychain daemon", || self.service_is_there());
    }

    /// What the prompt does once the person has typed the password.
    pub(crate) fn unlock_keyring(&self) {
        use zbus::zvariant::{OwnedObjectPath, OwnedValue, Value};
        const SERVICE: &str = "org.freedesktop.secrets";
        const PATH: &str = "/org/freedesktop/secrets";
        let connection = self.connection();
        let session: OwnedObjectPath = connection
            .call_method(
                Some(SERVICE),
                PATH,
                Some("org.freedesktop.Secret.Service"),
                "OpenSession",
                &("plain", Value::from("")),
            )
            .unwrap()
            .body()
            .deserialize::<(OwnedValue, OwnedObjectPath)>()
            .unwrap()
            .1;
        let login = OwnedObjectPath::try_from(format!("{PATH}/collection/login")).unwrap();
        let secret = (session, Vec::<u8>::new(), PASSWORD.as_bytes(), "text/plain");
        connection
            .call_method(
                Some(SERVICE),
                PATH,
                Some("org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface"),
                "UnlockWithMasterPassword",
                &(login, secret),
            )
            .unwrap();
    }

    pub(crate) fn stop_keyring(&mut self) {
        end(self.keyring.take());
        until("the keychain daemon's end", || !self.service_is_there());
    }

    /// Sends the keychain daemon a signal by name, as `STOP` or `CONT`.
    pub(crate) fn signal_keyring(&self, signal: &str) {
        let pid = self.keyring.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &pid]).status().unwrap().success());
    }

    pub(crate) fn connection(&self) -> zbus::blocking::Connection {
        zbus::blocking::connection::Builder::address(self.address().as_str())
            .unwrap()
            .build()
            .unwrap()
    }

    fn service_is_there(&self) -> bool {
        let connection = self.connection();
        let bus = zbus::blocking::fdo::DBusProxy::new(&connection).unwrap();
        bus.name_has_owner("org.freedesktop.secrets".try_into().unwrap()).unwrap()
    }

    pub(crate) fn address(&self) -> String {
        format!("unix:path={}", self.path("run/bus").display())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub(crate) fn open(&self, profile: &str) -> Report {
        self.open_with(profile, &[])
    }

    pub(crate) fn open_with(&self, profile: &str, variables: &[(&str, &str)]) -> Report {
        let mut command = self.command(std::env::current_exe().unwrap().to_str().unwrap());
        command.args(["act::act", "--exact", "--ignored", "--nocapture"]);
        command.env("ACT_PROFILE", profile).env("ACT_ROOT", self.root.path());
        command.env("ACT_TIMEOUT_MS", "10000").env("STANDFAST_DATA_DIR", self.path("data"));
        command.envs(variables.iter().copied());
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        let report = text.lines().find_map(|line| line.strip_prefix("REPORT "));
        let report = report.unwrap_or_else(|| panic!("no report:\n{text}\n{errors}"));
        println!("{profile}: {report}");
        Report(serde_json::from_str(report).unwrap())
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.path("home")).env("XDG_RUNTIME_DIR", self.path("run"));
        command.env("XDG_DATA_HOME", self.path("home/share"));
        command.env("XDG_CONFIG_HOME", self.path("home/config"));
        command.env("XDG_CACHE_HOME", self.path("home/cache"));
        command.env("DBUS_SESSION_BUS_ADDRESS", self.address());
        command
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        end(self.keyring.take());
        end(self.bus.take());
    }
}

fn end(child: Option<Child>) {
    if let Some(mut child) = child {
        let _ = child.kill();
        let _ = child.wait();
    }
}

pub(crate) fn until(what: &str, ready: impl Fn() -> bool) {
    let began = Instant::now();
    while !ready() {
        assert!(began.elapsed() < PATIENCE, "{what} did not come");
        std::thread::sleep(Duration::from_millis(20));
    }
}
