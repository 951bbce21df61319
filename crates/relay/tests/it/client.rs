//! A client made by hand, so that it can also misbehave.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use ed25519_dalek::{Signer, SigningKey};
use futures_util::{SinkExt, StreamExt};
use standfast_relay::{Config, Handle, serve};
use standfast_wire::codec::{Blob, List, Text, from_bytes};
use standfast_wire::relay::{
    Challenge, Envelope, Login, OpenSession, PATH, Packet, Post, SLOT_LOG, ToClient, ToRelay,
    VERSION, Welcome, pack, pack_media,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

pub(crate) const MEETING: [u8; 16] = [1; 16];
pub(crate) const SESSION: [u8; 32] = [2; 32];

/// Longer than anything here takes; only a failing test waits for it.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) async fn patiently<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("nothing came")
}

pub(crate) async fn start(config: Config) -> Handle {
    serve(TcpListener::bind("127.0.0.1:0").await.unwrap(), config).unwrap()
}

pub(crate) struct Client {
    pub(crate) socket: WebSocketStream<TcpStream>,
}

/// What came from the relay.
#[derive(Debug, PartialEq)]
pub(crate) enum Heard {
    Control(ToClient),
    Media(Vec<u8>),
    Closed(Option<u16>),
}

impl Client {
    /// A WebSocket, nothing said yet.
    pub(crate) async fn dial(relay: SocketAddr) -> Self {
        let tcp = patiently(TcpStream::connect(relay)).await.unwrap();
        let url = format!("ws://{relay}{PATH}");
        let (socket, _) = patiently(client_async(url, tcp)).await.unwrap();
        Self { socket }
    }

    pub(crate) async fn challenge(&mut self) -> Challenge {
        match self.hear().await {
            Heard::Control(ToClient::Challenge(challenge)) => challenge,
            other => panic!("no challenge but {other:?}"),
        }
    }

    /// Logged in as the `n`th key.
    pub(crate) async fn join(relay: SocketAddr, n: u8) -> Self {
        Self::join_and_see(relay, n).await.0
    }

    pub(crate) async fn join_and_see(relay: SocketAddr, n: u8) -> (Self, Welcome) {
        let mut client = Self::dial(relay).await;
        let challenge = client.challenge().await;
        client.say(login(n, &challenge)).await;
        match client.hear().await {
            Heard::Control(ToClient::Welcome(welcome)) => (client, welcome),
            other => panic!("no welcome but {other:?}"),
        }
    }

    pub(crate) async fn say(&mut self, message: impl Into<ToRelay>) {
        self.send(Message::Binary(pack(&message.into()).into())).await;
    }

    pub(crate) async fn open(&mut self, end_hash: [u8; 32]) {
        self.say(OpenSession { request: 0, session_id: SESSION, end_hash }).await;
    }

    pub(crate) async fn post(&mut self, text: &str) {
        self.say(Post { request: 0, envelope: envelope(SLOT_LOG, None, text) }).await;
    }

    pub(crate) async fn media(&mut self, frame: &[u8]) {
        self.send(Message::Binary(pack_media(frame).into())).await;
    }

    /// Sends whatever; a relay that has closed already is no failure here.
    pub(crate) async fn send(&mut self, message: Message) {
        let _ = patiently(self.socket.send(message)).await;
    }

    pub(crate) async fn send_bytes(&mut self, bytes: Vec<u8>) {
        self.send(Message::Binary(Bytes::from(bytes))).await;
    }

    /// The next thing that the relay says.
    pub(crate) async fn hear(&mut self) -> Heard {
        loop {
            return match patiently(self.socket.next()).await {
                Some(Ok(Message::Binary(bytes))) => match Packet::parse(&bytes).unwrap() {
                    Packet::Control(body) => Heard::Control(from_bytes(body).unwrap()),
                    Packet::Media(frame) => Heard::Media(frame.to_vec()),
                },
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                Some(Ok(Message::Close(frame))) => {
                    Heard::Closed(frame.map(|frame| frame.code.into()))
                }
                Some(Ok(other)) => panic!("{other:?}"),
                Some(Err(_)) | None => Heard::Closed(None),
            };
        }
    }

    /// The first thing that `pick` accepts; all else is skipped, but not the end.
    pub(crate) async fn until<T>(&mut self, pick: impl Fn(&Heard) -> Option<T>) -> T {
        loop {
            let heard = self.hear().await;
            if let Some(found) = pick(&heard) {
                return found;
            }
            assert!(!matches!(heard, Heard::Closed(_)), "closed: {heard:?}");
        }
    }

    /// The code with which the relay closes, whatever it says before.
    pub(crate) async fn closed(&mut self) -> Option<u16> {
        loop {
            if let Heard::Closed(code) = self.hear().await {
                return code;
            }
        }
    }

    pub(crate) async fn next_media(&mut self) -> Vec<u8> {
        self.until(|heard| match heard {
            Heard::Media(frame) => Some(frame.clone()),
            _ => None,
        })
        .await
    }

    pub(crate) async fn next_text(&mut self) -> String {
        self.until(|heard| match heard {
            Heard::Control(ToClient::Delivered(delivered)) => {
                Some(String::from_utf8(delivered.envelope.sealed.as_slice().to_vec()).unwrap())
            }
            _ => None,
        })
        .await
    }

    pub(crate) async fn control(&mut self, wanted: impl Fn(&ToClient) -> bool) -> ToClient {
        self.until(|heard| match heard {
            Heard::Control(message) if wanted(message) => Some(message.clone()),
            _ => None,
        })
        .await
    }
}

pub(crate) fn key(n: u8) -> SigningKey {
    SigningKey::from_bytes(&[n; 32])
}

pub(crate) fn pseudonym(n: u8) -> [u8; 32] {
    key(n).verifying_key().to_bytes()
}

/// A valid login of the `n`th key.
pub(crate) fn login(n: u8, challenge: &Challenge) -> Login {
    let mut login = Login {
        v: VERSION,
        relay: Text::new("relay.example:443").unwrap(),
        meeting_id: MEETING,
        pseudonym: pseudonym(n),
        client_nonce: [0; 16],
        token_proof: None,
        have: List::default(),
        signature: [0; 64],
    };
    login.signature = key(n).sign(&login.signed_context(challenge)).to_bytes();
    login
}

pub(crate) fn envelope(slot: u8, to: Option<[u8; 32]>, text: &str) -> Envelope {
    let sealed = Blob::new(text.as_bytes().to_vec()).unwrap();
    Envelope { v: VERSION, session_id: SESSION, to, slot, sealed }
}
