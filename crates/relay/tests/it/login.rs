//! Who comes in.

use standfast_relay::limits::{AcceptLimits, Rate};
use standfast_relay::server::StartError;
use standfast_relay::{Config, serve};
use standfast_wire::relay::{ErrorCode, GetBundle, Login, ToClient};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::client::{Client, Heard, login, patiently, start};

/// What the relay answers to `login`, and how it closes then.
async fn refused(client: &mut Client, login: Login) -> (ErrorCode, Option<u16>) {
    client.say(login).await;
    match client.hear().await {
        Heard::Control(ToClient::Refused(refused)) => (refused.code, client.closed().await),
        other => panic!("not refused but {other:?}"),
    }
}

#[tokio::test]
async fn a_replayed_login_is_refused() {
    let relay = start(Config::default()).await;
    let mut honest = Client::dial(relay.local_addr()).await;
    let captured = login(1, &honest.challenge().await);
    honest.say(captured.clone()).await;
    assert!(matches!(honest.hear().await, Heard::Control(ToClient::Welcome(_))));

    let mut thief = Client::dial(relay.local_addr()).await;
    thief.challenge().await;
    assert_eq!(refused(&mut thief, captured.clone()).await, (ErrorCode::Login, Some(1008)));
    // Nor is it good a second time where it was good once.
    honest.say(captured).await;
    assert_eq!(honest.closed().await, Some(1008));
}

#[tokio::test]
async fn a_login_that_is_not_signed_as_it_stands_is_refused() {
    let relay = start(Config::default()).await;
    let changes: [fn(&mut Login); 5] = [
        |login| login.signature[9] ^= 1,
        |login| login.meeting_id[0] ^= 1,
        |login| login.pseudonym = crate::client::pseudonym(2),
        |login| login.client_nonce[0] ^= 1,
        |login| login.pseudonym = [0; 32],
    ];
    for change in changes {
        let mut client = Client::dial(relay.local_addr()).await;
        let mut login = login(1, &client.challenge().await);
        change(&mut login);
        assert_eq!(refused(&mut client, login).await, (ErrorCode::Login, Some(1008)));
    }
    let mut client = Client::dial(relay.local_addr()).await;
    let newer = Login { v: 2, ..login(1, &client.challenge().await) };
    assert_eq!(refused(&mut client, newer).await, (ErrorCode::Version, Some(1008)));
}

#[tokio::test]
async fn nothing_but_a_login_comes_first() {
    let relay = start(Config::default()).await;
    let mut client = Client::dial(relay.local_addr()).await;
    client.say(GetBundle { request: 0, slot: [0; 32] }).await;
    assert_eq!(client.closed().await, Some(1008));
    let mut client = Client::dial(relay.local_addr()).await;
    client.media(b"frame").await;
    assert_eq!(client.closed().await, Some(1008));
}

#[tokio::test]
async fn more_logins_than_can_be_checked_are_sent_away() {
    let logins = Rate { per_second: 1, burst: 2 };
    let accept = AcceptLimits { logins, ..AcceptLimits::default() };
    let relay = start(Config { accept, ..Config::default() }).await;
    Client::join(relay.local_addr(), 1).await;
    Client::join(relay.local_addr(), 2).await;
    let mut third = Client::dial(relay.local_addr()).await;
    let login = login(3, &third.challenge().await);
    assert_eq!(refused(&mut third, login).await, (ErrorCode::Busy, Some(1013)));
}

#[tokio::test]
async fn only_our_path_and_no_web_page() {
    let relay = start(Config::default()).await;
    let status = async |path: &str, origin: Option<&str>| {
        let tcp = TcpStream::connect(relay.local_addr()).await.unwrap();
        let mut request =
            format!("ws://{}{path}", relay.local_addr()).into_client_request().unwrap();
        if let Some(origin) = origin {
            request.headers_mut().insert("Origin", origin.parse().unwrap());
        }
        match patiently(client_async(request, tcp)).await {
            Ok(_) => 101,
            Err(Error::Http(response)) => response.status().as_u16(),
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(status("/sf1", None).await, 101);
    assert_eq!(status("/", None).await, 404);
    assert_eq!(status("/sf2", None).await, 404);
    assert_eq!(status("/sf1", Some("http://localhost")).await, 403);
}

#[tokio::test]
async fn plaintext_stays_on_this_machine() {
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    assert!(matches!(serve(listener, Config::default()), Err(StartError::Plaintext)));
}
