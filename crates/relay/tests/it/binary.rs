//! The program, as a script uses it.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use crate::client::{Client, MEETING, SESSION, pseudonym};
use standfast_wire::relay::ToClient;

struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn program(arguments: &[&str]) -> Program {
    let child = Command::new(env!("CARGO_BIN_EXE_standfast-relay"))
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    Program(child)
}

#[cfg(unix)]
#[tokio::test]
async fn it_says_when_it_is_ready_and_stops_when_told() {
    let mut relay = program(&["--listen", "127.0.0.1:0"]);
    let mut line = String::new();
    BufReader::new(relay.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim_end().strip_prefix("standfast-relay ready ws://").unwrap();
    let mut client = Client::join(address.parse().unwrap(), 1).await;
    let kill = Command::new("kill").args(["-TERM", &relay.0.id().to_string()]).status();
    assert!(kill.unwrap().success());
    client.control(|message| matches!(message, ToClient::Closing(_))).await;
    assert_eq!(client.closed().await, Some(1001));
    assert!(relay.0.wait().unwrap().success());
}

#[test]
fn a_wrong_configuration_is_one_line_and_status_78() {
    for arguments in [
        &["--listen", "0.0.0.0:0"][..],
        &["--cert", "/nowhere/a.pem", "--key", "/nowhere/b.pem"][..],
        &["--token-file", "/nowhere/token"][..],
        &["--log", "a=b=c"][..],
    ] {
        let mut relay = program(arguments);
        assert_eq!(relay.0.wait().unwrap().code(), Some(78), "{arguments:?}");
        let mut said = String::new();
        relay.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[test]
fn a_certificate_of_its_own_is_told_in_the_ready_line() {
    let mut relay = program(&["--listen", "127.0.0.1:0", "--self-signed"]);
    let mut line = String::new();
    BufReader::new(relay.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let (address, pin) = line.trim_end().split_once(" sha256=").unwrap();
    assert!(address.starts_with("standfast-relay ready wss://127.0.0.1:"), "{line}");
    assert!(pin.len() == 64 && pin.bytes().all(|c| c.is_ascii_hexdigit()), "{line}");
}

#[cfg(unix)]
#[tokio::test]
async fn its_log_names_nobody_even_when_it_says_everything() {
    let mut relay = program(&["--listen", "127.0.0.1:0", "--log", "trace"]);
    let mut line = String::new();
    BufReader::new(relay.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim_end().strip_prefix("standfast-relay ready ws://").unwrap();
    let mut client = Client::join(address.parse().unwrap(), 1).await;
    client.open([7; 32]).await;
    client.post("canary").await;
    client.control(|message| matches!(message, ToClient::Posted(_))).await;
    client.send_bytes(vec![0, 0xff]).await;
    client.closed().await;
    let kill = Command::new("kill").args(["-TERM", &relay.0.id().to_string()]).status();
    assert!(kill.unwrap().success());
    let mut log = String::new();
    relay.0.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert!(log.contains("logged in"), "the log is on: {log}");
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let list = |bytes: &[u8]| format!("{:?}", &bytes[..4]).replace(['[', ']'], "");
    for id in [&MEETING[..], &SESSION[..], &pseudonym(1)[..]] {
        for form in [hex(id), hex(&id[..4]), list(id)] {
            assert!(!log.contains(&form), "{form} in {log}");
        }
    }
    assert!(!log.contains("canary") && !log.contains("127.0.0.1"), "{log}");
}
