//! Those who do not keep to anything. Each is closed with the right code, alone.

use std::time::Duration;

use standfast_relay::Config;
use standfast_relay::limits::AcceptLimits;
use standfast_wire::limits::{MAX_BEFORE_LOGIN, MAX_CONTROL, MAX_MEDIA};
use standfast_wire::relay::{CONTROL, MEDIA, PATH, ToClient};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::client::{Client, patiently, start};

/// A frame with a reserved bit set.
fn reserved_bit() -> Message {
    let mut frame = Frame::message(vec![1_u8, 2], OpCode::Data(Data::Binary), true);
    frame.header_mut().rsv2 = true;
    Message::Frame(frame)
}

#[tokio::test]
async fn too_long_before_the_login() {
    let relay = start(Config::default()).await;
    let mut client = Client::dial(relay.local_addr()).await;
    client.challenge().await;
    client.send_bytes(vec![CONTROL; MAX_BEFORE_LOGIN + 1]).await;
    assert_eq!(client.closed().await, Some(1009));
}

#[tokio::test]
async fn a_header_that_claims_too_much_is_enough() {
    let relay = start(Config::default()).await;
    let anonymous = Client::dial(relay.local_addr()).await;
    let member = Client::join(relay.local_addr(), 1).await;
    for (mut client, claim) in
        [(anonymous, MAX_BEFORE_LOGIN as u64 + 1), (member, MAX_CONTROL as u64 + 1)]
    {
        let mut header = vec![0x82, 0xff];
        header.extend(claim.to_be_bytes());
        header.extend([0; 4]);
        client.socket.get_mut().write_all(&header).await.unwrap();
        assert_eq!(client.closed().await, Some(1009), "{claim}");
    }
}

#[tokio::test]
async fn too_long_after_the_login() {
    let relay = start(Config::default()).await;
    for bytes in [vec![CONTROL; MAX_CONTROL + 1], vec![MEDIA; MAX_MEDIA + 1], vec![0; 1 << 20]] {
        let mut client = Client::join(relay.local_addr(), 1).await;
        client.send_bytes(bytes).await;
        assert_eq!(client.closed().await, Some(1009));
    }
}

#[tokio::test]
async fn every_kind_of_nonsense_has_its_code() {
    let relay = start(Config::default()).await;
    let nonsense = [
        (Message::Binary(vec![CONTROL, 0xff, 0x00].into()), 1007),
        (Message::Binary(vec![CONTROL].into()), 1007),
        (Message::Binary(vec![0x7f, 1].into()), 1003),
        (Message::Binary(vec![].into()), 1003),
        (Message::Text("hello".into()), 1003),
        (reserved_bit(), 1002),
    ];
    for (message, code) in nonsense {
        for logged_in in [false, true] {
            let mut client = if logged_in {
                Client::join(relay.local_addr(), 1).await
            } else {
                Client::dial(relay.local_addr()).await
            };
            client.send(message.clone()).await;
            assert_eq!(client.closed().await, Some(code), "{message:?}, {logged_in}");
        }
    }
}

#[tokio::test]
async fn a_flood_of_nonsense_disturbs_nobody() {
    let relay = start(Config::default()).await;
    let address = relay.local_addr();
    let mut a = Client::join(address, 1).await;
    let mut b = Client::join(address, 2).await;
    let flood = tokio::spawn(async move {
        for n in 0..100_u8 {
            let mut client = if n % 2 == 0 {
                Client::join(address, 3 + n).await
            } else {
                Client::dial(address).await
            };
            for length in 0..100 {
                client.send_bytes(vec![n.wrapping_mul(31); length]).await;
            }
            assert!(client.closed().await.is_none_or(|code| [1003, 1007, 1008].contains(&code)));
        }
    });
    let mut i = 0_u32;
    let mut after = 0;
    // Until the flood is over, and a little more. Faster than real sound, as fast as the rate lets.
    while after < 10 {
        a.media(&i.to_be_bytes()).await;
        assert_eq!(b.next_media().await, i.to_be_bytes());
        i += 1;
        after += u32::from(flood.is_finished());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    flood.await.unwrap();
}

/// What the relay sends until it closes.
async fn rest(mut tcp: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = patiently(tcp.read_to_end(&mut bytes)).await;
    bytes
}

fn hasty() -> Config {
    let accept = AcceptLimits {
        tls_within: Duration::from_millis(100),
        upgraded_within: Duration::from_millis(100),
        login_within: Duration::from_millis(200),
        ping_every: Duration::from_millis(50),
        dead_after: Duration::from_millis(300),
        ..AcceptLimits::default()
    };
    Config { accept, ..Config::default() }
}

#[tokio::test]
async fn the_silent_are_reaped() {
    let relay = start(hasty()).await;
    let begun = Instant::now();
    let silent = TcpStream::connect(relay.local_addr()).await.unwrap();
    let mut half = TcpStream::connect(relay.local_addr()).await.unwrap();
    half.write_all(b"GET /sf1 HTTP/1.1\r\nHost: x\r\n").await.unwrap();
    assert!(rest(silent).await.is_empty());
    assert!(rest(half).await.is_empty());
    let mut upgraded = Client::dial(relay.local_addr()).await;
    upgraded.challenge().await;
    assert_eq!(upgraded.closed().await, Some(1008));
    // Logged in, but the other half of the line is dead: no pong ever comes back.
    let mut dead = Client::join(relay.local_addr(), 1).await;
    assert_eq!(relay.counters().connections, 1);
    let mut bytes = Vec::new();
    patiently(dead.socket.get_mut().read_to_end(&mut bytes)).await.unwrap();
    assert!(bytes.iter().filter(|byte| **byte == 0x89).count() >= 3, "it was pinged");
    assert_eq!(relay.counters().connections, 0);
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn the_trickling_are_reaped() {
    let relay = start(hasty()).await;
    let mut trickle = TcpStream::connect(relay.local_addr()).await.unwrap();
    let drip = async {
        for byte in b"GET /sf1 HTTP/1.1\r\nHost: x\r\n".iter().cycle() {
            if trickle.write_all(&[*byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    patiently(drip).await;
}

#[tokio::test]
async fn an_endless_header_is_cut_off() {
    let relay = start(Config::default()).await;
    let mut tcp = TcpStream::connect(relay.local_addr()).await.unwrap();
    tcp.write_all(b"GET /sf1 HTTP/1.1\r\nX: ").await.unwrap();
    let begun = Instant::now();
    let endless = async { while tcp.write_all(&[b'a'; 1_000]).await.is_ok() {} };
    patiently(endless).await;
    assert!(begun.elapsed() < Duration::from_secs(3), "by its length, not by a deadline");
}

#[tokio::test]
async fn more_connections_than_there_are_places_are_dropped() {
    let accept = AcceptLimits { connections: 2, ..AcceptLimits::default() };
    let relay = start(Config { accept, ..Config::default() }).await;
    let mut first = Client::join(relay.local_addr(), 1).await;
    let second = Client::join(relay.local_addr(), 2).await;
    let third = TcpStream::connect(relay.local_addr()).await.unwrap();
    assert!(rest(third).await.is_empty());
    drop(second);
    first.control(|m| matches!(m, ToClient::PeerGone(_))).await;
    // The place is free when the farewell is over.
    patiently(async {
        let url = format!("ws://{}{PATH}", relay.local_addr());
        loop {
            let tcp = TcpStream::connect(relay.local_addr()).await.unwrap();
            if client_async(&url, tcp).await.is_ok() {
                return;
            }
        }
    })
    .await;
}
