//! The link against a real relay on loopback.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests stop where they fail"
)]

use std::time::Duration;

use ed25519_dalek::{Signer, SigningKey};
use standfast_client::transport::{
    ConnectError, LinkEvent, LinkRx, LinkTx, LoginSigner, Lost, RelayAddr, Visitor, connect,
};
use standfast_relay::{Config, Handle, serve};
use standfast_wire::codec::Blob;
use standfast_wire::relay::{Envelope, ErrorCode, SLOT_LOG, ToClient, VERSION};
use tokio::net::TcpListener;

const MEETING: [u8; 16] = [9; 16];
const SESSION: [u8; 32] = [8; 32];

struct Key(SigningKey);

impl Key {
    fn new(n: u8) -> Self {
        Self(SigningKey::from_bytes(&[n; 32]))
    }
}

impl LoginSigner for Key {
    fn pseudonym(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }
    fn sign(&self, context: &[u8]) -> [u8; 64] {
        self.0.sign(context).to_bytes()
    }
}

async fn relay(config: Config) -> (Handle, RelayAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let relay = serve(listener, config).unwrap();
    let address = RelayAddr::parse(&relay.local_addr().to_string(), None).unwrap();
    (relay, address)
}

fn visitor<'a>(signer: &'a Key, token: Option<&'a str>) -> Visitor<'a> {
    Visitor { meeting_id: MEETING, signer, token, have: &[] }
}

async fn join(address: &RelayAddr, n: u8) -> (LinkTx, LinkRx) {
    let (tx, mut rx) = connect(address, visitor(&Key::new(n), None)).await.unwrap();
    let first = rx.recv().await;
    assert!(matches!(first, Some(LinkEvent::Control(ToClient::Welcome(_)))), "{first:?}");
    (tx, rx)
}

/// The first event that `pick` accepts; all others are skipped.
async fn until<T>(rx: &mut LinkRx, pick: impl Fn(LinkEvent) -> Option<T>) -> T {
    let wait = async {
        loop {
            let event = rx.recv().await.expect("the link ended");
            if let Some(found) = pick(event) {
                return found;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.expect("nothing came")
}

fn envelope(text: &[u8]) -> Envelope {
    let sealed = Blob::new(text.to_vec()).unwrap();
    Envelope { v: VERSION, session_id: SESSION, to: None, slot: SLOT_LOG, sealed }
}

#[tokio::test]
async fn control_and_media_reach_the_others_and_not_oneself() {
    let (_relay, address) = relay(Config::default()).await;
    let (a, mut a_rx) = join(&address, 1).await;
    let (_b, mut b_rx) = join(&address, 2).await;

    a.open_session(SESSION, [7; 32]).unwrap();
    let request = a.post(envelope(b"open")).unwrap();
    a.send_media(b"sealed frame").unwrap();

    let seq = until(&mut a_rx, |event| match event {
        LinkEvent::Control(ToClient::Posted(posted)) if posted.request == request => {
            Some(posted.seq)
        }
        LinkEvent::Control(ToClient::Delivered(_)) | LinkEvent::Media(_) => panic!("an echo"),
        _ => None,
    })
    .await;
    let delivered = until(&mut b_rx, |event| match event {
        LinkEvent::Control(ToClient::Delivered(delivered)) => Some(delivered),
        _ => None,
    })
    .await;
    assert_eq!((delivered.seq, delivered.from), (seq, Key::new(1).pseudonym()));
    assert_eq!(delivered.envelope, envelope(b"open"));

    let media = |event| if let LinkEvent::Media(frame) = event { Some(frame) } else { None };
    a.send_media(b"second frame").unwrap();
    assert_eq!(until(&mut b_rx, media).await, &b"sealed frame"[..]);
    assert_eq!(until(&mut b_rx, media).await, &b"second frame"[..]);
}

#[tokio::test]
async fn a_closed_link_ends_after_sending_what_waits() {
    let (_relay, address) = relay(Config::default()).await;
    let (a, mut a_rx) = join(&address, 1).await;
    let (_b, mut b_rx) = join(&address, 2).await;
    a.open_session(SESSION, [7; 32]).unwrap();
    a.post(envelope(b"leave")).unwrap();
    a.close();
    until(&mut a_rx, |event| (event == LinkEvent::Lost(Lost::Closed)).then_some(())).await;
    assert_eq!(a_rx.recv().await, None);
    until(&mut b_rx, |event| {
        matches!(event, LinkEvent::Control(ToClient::Delivered(_))).then_some(())
    })
    .await;
    until(&mut b_rx, |event| {
        matches!(event, LinkEvent::Control(ToClient::PeerGone(_))).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_relay_that_stops_says_so() {
    let (relay, address) = relay(Config::default()).await;
    let (_a, mut rx) = join(&address, 1).await;
    relay.shutdown().await;
    until(&mut rx, |event| matches!(event, LinkEvent::Control(ToClient::Closing(_))).then_some(()))
        .await;
    until(&mut rx, |event| (event == LinkEvent::Lost(Lost::RelayStopped)).then_some(())).await;
}

#[tokio::test]
async fn a_token_is_asked_for() {
    let (_relay, address) =
        relay(Config { token: Some("open sesame".into()), ..Config::default() }).await;
    let key = Key::new(1);
    let without = connect(&address, visitor(&key, None)).await.map(drop);
    assert_eq!(without, Err(ConnectError::Token));
    let wrong = connect(&address, visitor(&key, Some("open barley"))).await.map(drop);
    assert_eq!(wrong, Err(ConnectError::Token));
    connect(&address, visitor(&key, Some("open sesame"))).await.unwrap();
}

#[tokio::test]
async fn a_login_for_another_name_is_refused() {
    let names = vec!["relay.example:443".to_owned()];
    let (_relay, address) = relay(Config { names, ..Config::default() }).await;
    let key = Key::new(1);
    let refused = connect(&address, visitor(&key, None)).await.map(drop);
    assert_eq!(refused, Err(ConnectError::Refused(ErrorCode::Login)));
}

#[tokio::test]
async fn what_is_not_there_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = RelayAddr::parse(&listener.local_addr().unwrap().to_string(), None).unwrap();
    drop(listener);
    let key = Key::new(1);
    let error = connect(&address, visitor(&key, None)).await.map(drop);
    assert!(matches!(error, Err(ConnectError::Unreachable(_))), "{error:?}");
}
