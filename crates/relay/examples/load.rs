//! Loads a relay and prints what it costs: `load <program> [people] [rooms] [seconds]`.
//!
//! Starts the program, fills the rooms over plain WebSockets on loopback, and lets two people of
//! each speak, 120 bytes every 20 ms. Delay is from before the sender's write to after the
//! receiver's read; both are here, so it holds this generator's own cost too. CPU is the relay's
//! own, from `/proc` (Linux).

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use ed25519_dalek::{Signer, SigningKey};
use futures_util::{SinkExt, StreamExt};
use standfast_wire::codec::{List, Text, from_bytes};
use standfast_wire::relay::{
    Challenge, Login, PATH, Packet, ToClient, ToRelay, VERSION, pack, pack_media,
};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

const FRAME: usize = 120;
const FRAME_EVERY: Duration = Duration::from_millis(20);
/// `/proc` counts in hundredths of a second on every Linux that we know.
const TICKS_PER_SECOND: f64 = 100.0;

type Socket = WebSocketStream<TcpStream>;

struct Relay {
    child: Child,
    address: String,
}

impl Relay {
    fn start(program: &str) -> anyhow::Result<Self> {
        let mut child = Command::new(program)
            .args(["--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {program}"))?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no stdout")?).read_line(&mut line)?;
        let ready = line.trim_end().strip_prefix("standfast-relay ready ws://");
        let address = ready.context("not ready")?.to_owned();
        Ok(Self { child, address })
    }

    /// Seconds of CPU and KiB of memory so far.
    fn cost(&self) -> anyhow::Result<(f64, u64)> {
        let proc = format!("/proc/{}", self.child.id());
        let stat = std::fs::read_to_string(format!("{proc}/stat"))?;
        let fields: Vec<_> = stat.rsplit(')').next().context("stat")?.split_whitespace().collect();
        let ticks = fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
        let status = std::fs::read_to_string(format!("{proc}/status"))?;
        let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
        let rss_kib = rss.trim().trim_end_matches(" kB").parse()?;
        Ok((ticks / TICKS_PER_SECOND, rss_kib))
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn hear(socket: &mut Socket) -> anyhow::Result<ToClient> {
    loop {
        if let Message::Binary(bytes) = socket.next().await.context("closed")??
            && let Ok(Packet::Control(body)) = Packet::parse(&bytes)
        {
            return Ok(from_bytes(body)?);
        }
    }
}

async fn join(address: &str, room: u16, person: u16) -> anyhow::Result<Socket> {
    let tcp = TcpStream::connect(address).await?;
    tcp.set_nodelay(true)?;
    let (mut socket, _) = client_async(format!("ws://{address}{PATH}"), tcp).await?;
    let ToClient::Challenge(challenge) = hear(&mut socket).await? else { bail!("no challenge") };
    let login = login(room, person, &challenge)?;
    socket.send(Message::Binary(pack(&ToRelay::from(login)).into())).await?;
    match hear(&mut socket).await? {
        ToClient::Welcome(_) => Ok(socket),
        other => bail!("{other:?}"),
    }
}

fn login(room: u16, person: u16, challenge: &Challenge) -> anyhow::Result<Login> {
    let mut seed = [0; 32];
    seed[..2].copy_from_slice(&room.to_be_bytes());
    seed[2..4].copy_from_slice(&person.to_be_bytes());
    let key = SigningKey::from_bytes(&seed);
    let mut meeting_id = [0; 16];
    meeting_id[..2].copy_from_slice(&room.to_be_bytes());
    let mut login = Login {
        v: VERSION,
        relay: Text::new("load")?,
        meeting_id,
        pseudonym: key.verifying_key().to_bytes(),
        client_nonce: [0; 16],
        token_proof: None,
        have: List::default(),
        signature: [0; 64],
    };
    login.signature = key.sign(&login.signed_context(challenge)).to_bytes();
    Ok(login)
}

async fn live(socket: Socket, speaks: bool, begun: Instant, until: Instant, load: Arc<Load>) {
    let (mut sink, mut stream) = socket.split();
    let speak = async {
        // By absolute time, so that a stall is not hidden.
        let mut next = tokio::time::Instant::from_std(begun);
        while speaks && Instant::now() < until {
            tokio::time::sleep_until(next).await;
            next += FRAME_EVERY;
            let mut frame = [0; FRAME];
            let now_us = begun.elapsed().as_micros() as u64;
            frame[..8].copy_from_slice(&now_us.to_be_bytes());
            load.sent.fetch_add(1, Ordering::Relaxed);
            if sink.send(Message::Binary(pack_media(&frame).into())).await.is_err() {
                return;
            }
        }
    };
    let listen = async {
        while let Some(Ok(message)) = stream.next().await {
            if let Message::Binary(bytes) = message
                && let Ok(Packet::Media(frame)) = Packet::parse(&bytes)
                && let Some(sent_us) = frame.first_chunk()
            {
                let now_us = begun.elapsed().as_micros() as u64;
                let _ = load.delays.send(now_us - u64::from_be_bytes(*sent_us));
            }
        }
    };
    let end = tokio::time::Instant::from_std(until + Duration::from_secs(1));
    let _ = tokio::time::timeout_at(end, futures_util::future::join(speak, listen)).await;
}

struct Load {
    sent: AtomicU64,
    delays: mpsc::UnboundedSender<u64>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let program = arguments.first().context("load <program> [people] [rooms] [seconds]")?;
    let number = |i: usize, or: u16| arguments.get(i).map_or(Ok(or), |text| text.parse::<u16>());
    let (people, rooms, seconds) = (number(1, 15)?, number(2, 1)?, number(3, 10)?);
    let relay = Relay::start(program)?;
    let (_, idle_kib) = relay.cost()?;
    let mut sockets = Vec::new();
    for (room, person) in (0..rooms).flat_map(|room| (0..people).map(move |p| (room, p))) {
        // The relay checks 200 logins a second.
        tokio::time::sleep(Duration::from_millis(6)).await;
        sockets.push((join(&relay.address, room, person).await?, person < 2));
    }
    let connections = sockets.len() as u64;
    let (delays, mut measured) = mpsc::unbounded_channel();
    let load = Arc::new(Load { sent: AtomicU64::new(0), delays });
    let begun = Instant::now();
    let until = begun + Duration::from_secs(seconds.into());
    let (cpu_before, _) = relay.cost()?;
    for (socket, speaks) in sockets {
        tokio::spawn(live(socket, speaks, begun, until, Arc::clone(&load)));
    }
    tokio::time::sleep_until(tokio::time::Instant::from_std(until)).await;
    let (cpu_after, busy_kib) = relay.cost()?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut delays = Vec::new();
    while let Ok(delay) = measured.try_recv() {
        delays.push(delay);
    }
    delays.sort_unstable();
    let percentile = |p: usize| {
        let at = (delays.len() * p / 1000).min(delays.len().saturating_sub(1));
        delays.get(at).map_or(0.0, |us| *us as f64 / 1000.0)
    };
    let expected = load.sent.load(Ordering::Relaxed) * u64::from(people - 1);
    let cpu = cpu_after - cpu_before;
    println!("{people} people in each of {rooms} rooms, 2 speak, {seconds} s");
    println!("delivered {} of {expected}", delays.len());
    println!(
        "delay p50 {:.2} p99 {:.2} p99.9 {:.2} ms",
        percentile(500),
        percentile(990),
        percentile(999)
    );
    println!(
        "relay cpu {:.1} us a delivered frame, {:.0} % of a core",
        cpu * 1e6 / delays.len().max(1) as f64,
        cpu * 100.0 / f64::from(seconds)
    );
    println!(
        "relay memory {idle_kib} KiB idle, {:.1} KiB a connection",
        (busy_kib - idle_kib) as f64 / connections as f64
    );
    Ok(())
}
