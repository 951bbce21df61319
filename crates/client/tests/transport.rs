//! The link against a real relay on loopback.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests stop where they fail")]

use std::time::Duration;

use ed25519_dalek::{Signer, SigningKey};
use standfast_client::transport::{
    ConnectError, LinkEvent, LinkRx, LinkTx, LoginSigner, Lost, RelayAddr, Visitor, connect,
};
use standfast_relay::tls::Certificate;
use standfast_relay::{Config, Handle, serve};
use standfast_wire::codec::Blob;
use standfast_wire::relay::{BoardPosition, Envelope, ErrorCode, SLOT_LOG, ToClient, VERSION};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::Instant;

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
    fn any_thread<T: Send>(future: T) -> T {
        future
    }
    let without = any_thread(connect(&address, visitor(&key, None))).await.map(drop);
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

#[tokio::test]
async fn a_pinned_certificate_counts_and_no_other_does() {
    let certificate = Certificate::generate().unwrap();
    let pin = certificate.fingerprint().unwrap();
    let tls = Some(certificate.into_config().unwrap());
    let (relay, _) = relay(Config { tls, ..Config::default() }).await;
    let name = relay.local_addr().to_string();
    let key = Key::new(1);
    let try_with = async |name: &str, pin| {
        let address = RelayAddr::parse(name, pin).unwrap();
        connect(&address, visitor(&key, None)).await.map(drop)
    };
    assert_eq!(try_with(&name, Some(pin)).await, Ok(()));
    assert_eq!(try_with(&name, Some([0; 32])).await, Err(ConnectError::Certificate));
    // Plaintext to a relay that speaks TLS, and TLS to one that does not.
    assert!(try_with(&name, None).await.is_err());
    let (plain, _) = self::relay(Config::default()).await;
    assert!(try_with(&plain.local_addr().to_string(), Some(pin)).await.is_err());
}

#[tokio::test]
async fn something_else_at_the_address_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = RelayAddr::parse(&listener.local_addr().unwrap().to_string(), None).unwrap();
    let key = Key::new(1);
    let other = async {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut tcp, _) = listener.accept().await.unwrap();
        let _ = tcp.read(&mut [0; 1024]).await.unwrap();
        tcp.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
    };
    let (result, ()) = tokio::join!(connect(&address, visitor(&key, None)), other);
    assert_eq!(result.map(drop), Err(ConnectError::NotARelay));
}

#[tokio::test(start_paused = true)]
async fn something_that_never_answers_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = RelayAddr::parse(&listener.local_addr().unwrap().to_string(), None).unwrap();
    let begun = Instant::now();
    let key = Key::new(1);
    let result = connect(&address, visitor(&key, None)).await.map(drop);
    assert_eq!(result, Err(ConnectError::Silent));
    assert!(begun.elapsed() <= Duration::from_secs(11));
}

/// A way to `relay` that can be made to swallow everything.
async fn black_hole(relay: RelayAddr) -> (RelayAddr, watch::Sender<bool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = RelayAddr::parse(&listener.local_addr().unwrap().to_string(), None).unwrap();
    let (swallow, mut swallowing) = watch::channel(false);
    tokio::spawn(async move {
        let (mut near, _) = listener.accept().await.unwrap();
        let mut far = TcpStream::connect(relay.name()).await.unwrap();
        let swallowed = async { swallowing.wait_for(|swallow| *swallow).await.map(|_| ()) };
        tokio::select! {
            _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
            // Both ends stay open, and nothing goes through.
            _ = swallowed => std::future::pending().await,
        }
    });
    (address, swallow)
}

#[tokio::test]
async fn a_black_hole_is_reported_within_six_seconds() {
    let (_relay, address) = relay(Config::default()).await;
    let (through, swallow) = black_hole(address).await;
    let (tx, mut rx) = join(&through, 1).await;
    tx.open_session(SESSION, [7; 32]).unwrap();
    until(&mut rx, |event| matches!(event, LinkEvent::Control(ToClient::Done(_))).then_some(()))
        .await;
    swallow.send(true).unwrap();
    // Real time: a paused clock jumps while the answer to a ping is still on the loopback.
    let begun = Instant::now();
    until(&mut rx, |event| (event == LinkEvent::Lost(Lost::Silent)).then_some(())).await;
    assert!(begun.elapsed() <= Duration::from_secs(6), "{:?}", begun.elapsed());
    assert!(begun.elapsed() >= Duration::from_secs(3), "not at the first hiccup");
    assert!(tx.send_media(b"frame").is_err());
}

#[tokio::test]
async fn a_quiet_link_lives_on() {
    let (_relay, address) = relay(Config::default()).await;
    let (tx, mut rx) = join(&address, 1).await;
    // Two times the silence after which a link is given up.
    let quiet = tokio::time::timeout(Duration::from_secs(12), rx.recv()).await;
    assert!(quiet.is_err(), "{quiet:?}");
    assert!(tx.round_trip().is_some());
}

#[tokio::test]
async fn a_reconnect_reads_on_where_it_was() {
    let (_relay, address) = relay(Config::default()).await;
    let (a, _a_rx) = join(&address, 1).await;
    let (_b, mut b_rx) = join(&address, 2).await;
    a.open_session(SESSION, [7; 32]).unwrap();
    a.post(envelope(b"one")).unwrap();
    let delivered = |event| match event {
        LinkEvent::Control(ToClient::Delivered(delivered)) => Some(delivered),
        _ => None,
    };
    let one = until(&mut b_rx, delivered).await;
    drop(b_rx);
    a.post(envelope(b"two")).unwrap();
    let have = [BoardPosition { board_id: one.board_id, seq: one.seq }];
    let key = Key::new(2);
    let again = Visitor { have: &have, ..visitor(&key, None) };
    let (_b, mut b_rx) = connect(&address, again).await.unwrap();
    assert_eq!(until(&mut b_rx, delivered).await.envelope, envelope(b"two"));
}

#[tokio::test]
async fn a_rotation_for_a_hundred_goes_through_at_once() {
    let (_relay, address) = relay(Config::default()).await;
    let (a, _a_rx) = join(&address, 1).await;
    let (_b, mut b_rx) = join(&address, 2).await;
    a.open_session(SESSION, [7; 32]).unwrap();
    for i in 0..100_u8 {
        a.post(envelope(&vec![i; 1_800])).unwrap();
    }
    for i in 0..100_u8 {
        let text = until(&mut b_rx, |event| match event {
            LinkEvent::Control(ToClient::Delivered(d)) => Some(d.envelope.sealed.as_slice()[0]),
            _ => None,
        })
        .await;
        assert_eq!(text, i);
    }
}
