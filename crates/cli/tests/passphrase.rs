//! The real command against a real relay: a meeting with a passphrase.
#![expect(clippy::unwrap_used, reason = "tests stop where they fail")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

struct Desk<'d> {
    dir: &'d Path,
}

impl Desk<'_> {
    fn command(&self, profile: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_standfast"));
        command.env("STANDFAST_DATA_DIR", self.dir).env("IDENTITY_PASSPHRASE", "correct horse");
        command.args(["--profile", profile, "--passphrase-env", "IDENTITY_PASSPHRASE"]);
        command
    }

    fn file(&self, passphrase: &str) -> String {
        let path = self.dir.join(format!("{}.txt", passphrase.len()));
        std::fs::write(&path, passphrase).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn join(&self, profile: &str, link: &str, more: &[&str]) -> Output {
        let mut command = self.command(profile);
        command.args(["join", link, "--name", profile, "--muted", "--leave-after", "0.5"]);
        command.args(more).output().unwrap()
    }
}

/// Opens the meeting and waits until it is live.
fn open(mut command: Command, link: &str) -> Child {
    command.args(["join", link, "--name", "ines", "--muted", "--admit-all"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    assert!(said.any(|line| line.unwrap().contains(r#""phase":"live""#)), "it opens");
    child
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn a_wrong_passphrase_has_its_own_line_and_exit_code() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _inside = runtime.enter();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let relay = standfast_relay::serve(listener, standfast_relay::Config::default()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let desk = Desk { dir: dir.path() };
    let (right, wrong) = (desk.file("lighthouse keeper\n"), desk.file("lighthouse\n"));

    let address = relay.local_addr().to_string();
    let mut new = desk.command("ines");
    let made =
        new.args(["new", "--relay", &address, "--passphrase-file", &right]).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    let line: serde_json::Value = serde_json::from_str(said(&made).trim()).unwrap();
    let link = line["link"].as_str().unwrap().to_owned();

    // The organizer cannot open it under another by mistake.
    let mistyped = desk.join("ines", &link, &["--passphrase-file", &wrong]);
    assert_eq!(mistyped.status.code(), Some(3), "{mistyped:?}");

    let mut ines = open(desk.command("ines"), &link);
    for (more, code) in
        [(&[][..], "passphrase_missing"), (&["--passphrase-file", &wrong], "passphrase_wrong")]
    {
        let mina = desk.join("mina", &link, more);
        assert_eq!(mina.status.code(), Some(3), "{mina:?}");
        let line = format!(r#"{{"code":"{code}","event":"refused"}}"#);
        assert!(said(&mina).lines().any(|said| said == line), "{mina:?}");
        assert!(!said(&mina).contains(r#""phase":"live""#), "{mina:?}");
    }
    let mina = desk.join("mina", &link, &["--passphrase-file", &right]);
    assert_eq!(mina.status.code(), Some(0), "{mina:?}");
    assert!(said(&mina).contains(r#""members":2,"#), "{mina:?}");
    ines.kill().unwrap();
    ines.wait().unwrap();
}
