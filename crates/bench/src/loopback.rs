//! The same through a real relay on this machine: its server on a thread of its own, and a real
//! connection of the client's transport for every member. All members share one other thread.

use std::cell::Cell;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use standfast_client::clock;
use standfast_client::transport::{
    LinkEvent, LinkRx, LinkTx, LoginSigner, RelayAddr, Visitor, connect,
};
use standfast_crypto::{Link, Pseudonym};
use standfast_meeting::{Command, Input, Meeting, Output};
use standfast_wire::relay::{BoardId, Post, SessionId, ToClient, ToRelay, pack};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{AbortHandle, LocalSet, spawn_local};
use tokio::time::{sleep, timeout};

use crate::clock::{Samples, Stopwatch};
use crate::dice::Dice;
use crate::people::{Os, config, identity, link};
use crate::rotation::Row;
use crate::takeover::Takeover;

/// Nothing here takes longer, unless it failed.
const LIMIT: Duration = Duration::from_secs(90);
/// Pause between two rotations: the relay admits 32 messages a second of one connection, and the
/// generator posts one for each member.
const PAUSE_MS_PER_MEMBER: u64 = 40;
/// And some at least.
const PAUSE_MS: u64 = 300;
/// Members of a meeting whose generator is killed.
const TEAM: usize = 5;

/// Rotations of `members` over a relay.
///
/// # Errors
/// When relay, transport or meeting fail.
pub(crate) fn rotations(members: usize, rounds: usize) -> anyhow::Result<Row> {
    on_this_thread(async move {
        let relay = relay()?;
        let mut team = Team::gather(relay.address, members).await?;
        let (mut wall, mut cpu, mut posted) = (Samples::default(), Samples::default(), (0, 0));
        for _ in 0..rounds {
            let pause = PAUSE_MS + PAUSE_MS_PER_MEMBER * u64::try_from(members)?;
            sleep(Duration::from_millis(pause)).await;
            let before = team.epoch();
            team.take_posted();
            let watch = Stopwatch::start();
            team.members[0].commands.send(Command::RotateNow)?;
            team.all_confirmed(before, members).await?;
            wall.push(watch.wall_ms());
            cpu.push(watch.cpu_ms());
            posted = team.take_posted();
        }
        Ok(Row {
            members,
            path: "loopback",
            reason: "manual",
            rounds,
            p50_ms: wall.at(50),
            p95_ms: wall.at(95),
            bytes_total: posted.1,
            posts_total: posted.0,
            cpu_ms_per_member: cpu.at(50) / members as f64,
            cpu_ms_generator: None,
            openmls_cpu_ms_per_member: None,
            openmls_cpu_ms_committer: None,
            openmls_bytes_total: None,
        })
    })
}

/// Kills the generator's connection and its engine, in real time.
///
/// # Errors
/// When nobody takes over.
pub(crate) fn takeovers(trials: usize) -> anyhow::Result<Takeover> {
    on_this_thread(async move {
        let mut took = Samples::default();
        let mut dice = Dice::new(11);
        for _ in 0..trials {
            let relay = relay()?;
            let mut team = Team::gather(relay.address, TEAM).await?;
            sleep(Duration::from_millis(dice.between(2_000, 4_000))).await;
            let before = team.epoch();
            drop(team.members.remove(0));
            let killed = Instant::now();
            team.all_confirmed(before, TEAM - 1).await?;
            took.push(killed.elapsed().as_secs_f64());
        }
        Ok(Takeover::without_sound(&took))
    })
}

fn on_this_thread<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(LocalSet::new().run_until(work))
}

/// A relay. Stops when dropped.
struct Relay {
    address: SocketAddr,
    _stop: oneshot::Sender<()>,
}

fn relay() -> anyhow::Result<Relay> {
    let (_stop, stopped) = oneshot::channel::<()>();
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let relay = standfast_relay::serve(listener, standfast_relay::Config::default())?;
            tell.send(relay.local_addr())?;
            let _ = stopped.await;
            relay.shutdown().await;
            Ok(())
        })
    });
    Ok(Relay { address: told.recv().context("the relay does not start")?, _stop })
}

/// The newest epoch of one member.
#[derive(Clone, Copy, Default)]
struct Seen {
    number: u32,
    confirmed: usize,
    members: usize,
}

/// A member's task, which ends when this is dropped.
struct Member {
    commands: mpsc::UnboundedSender<Command>,
    seen: watch::Receiver<Seen>,
    posted: Rc<Cell<(usize, usize)>>,
    task: AbortHandle,
}

impl Drop for Member {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Team {
    members: Vec<Member>,
}

impl Team {
    async fn gather(relay: SocketAddr, members: usize) -> anyhow::Result<Self> {
        let link = Rc::new(link(&relay.to_string()));
        let mut team = Self { members: Vec::new() };
        for n in 0..members {
            team.members.push(Member::start(n, &link).await?);
            if n == 0 {
                team.all_confirmed(0, 1).await?;
            }
        }
        team.all_confirmed(0, members).await?;
        Ok(team)
    }

    fn epoch(&self) -> u32 {
        self.members.iter().map(|m| m.seen.borrow().number).max().unwrap_or_default()
    }

    /// Everyone has an epoch after `before` that all `members` have confirmed to it.
    async fn all_confirmed(&mut self, before: u32, members: usize) -> anyhow::Result<()> {
        let there = |s: &Seen| s.number > before && (s.confirmed, s.members) == (members, members);
        for member in &mut self.members {
            let wait = timeout(LIMIT, member.seen.wait_for(there)).await;
            wait.context("not everyone confirmed")?.context("a member is gone")?;
        }
        Ok(())
    }

    /// Messages and bytes posted since this was last asked.
    fn take_posted(&self) -> (usize, usize) {
        let each = self.members.iter().map(|m| m.posted.take());
        each.fold((0, 0), |sum, each| (sum.0 + each.0, sum.1 + each.1))
    }
}

struct Signer(Pseudonym);

impl LoginSigner for Signer {
    fn pseudonym(&self) -> [u8; 32] {
        self.0.public()
    }
    fn sign(&self, context: &[u8]) -> [u8; 64] {
        self.0.sign(context)
    }
}

impl Member {
    async fn start(n: usize, link: &Rc<Link>) -> anyhow::Result<Self> {
        let target = RelayAddr::parse(&link.relay, None)?;
        let signer = Signer(identity(n).pseudonym(target.name(), &link.meeting_id));
        let visitor =
            Visitor { meeting_id: link.meeting_id, signer: &signer, token: None, have: &[] };
        let (tx, rx) = connect(&target, visitor).await?;
        let (commands, asked) = mpsc::unbounded_channel();
        let (tell, seen) = watch::channel(Seen::default());
        let posted = Rc::new(Cell::default());
        let process = Process {
            meeting: Meeting::new(config(n, link, 300_000), Box::new(Os), clock::now()),
            tx,
            sessions: HashMap::new(),
            tell,
            posted: Rc::clone(&posted),
        };
        let task = spawn_local(async move {
            if let Err(why) = process.run(rx, asked).await {
                println!("member {n}: {why:#}");
            }
        });
        Ok(Self { commands, seen, posted, task: task.abort_handle() })
    }
}

/// What `standfast_client::call` is without sound and without ever connecting twice.
struct Process {
    meeting: Meeting,
    tx: LinkTx,
    sessions: HashMap<BoardId, SessionId>,
    tell: watch::Sender<Seen>,
    posted: Rc<Cell<(usize, usize)>>,
}

impl Process {
    async fn run(
        mut self,
        mut rx: LinkRx,
        mut asked: mpsc::UnboundedReceiver<Command>,
    ) -> anyhow::Result<()> {
        loop {
            let due = self.meeting.timeout_ms().unwrap_or(u64::MAX);
            let wait = Duration::from_millis(due.saturating_sub(clock::mono_ms()).min(1_000));
            tokio::select! {
                biased;
                event = rx.recv() => match event {
                    Some(LinkEvent::Control(message)) => self.control(message),
                    Some(LinkEvent::Media(frame)) => self.input(Input::Media(&frame)),
                    Some(LinkEvent::Lost(why)) => bail!("the connection is lost: {why:?}"),
                    None => return Ok(()),
                },
                command = asked.recv() => match command {
                    Some(command) => self.input(Input::Command(command)),
                    None => return Ok(()),
                },
                () = sleep(wait) => self.input(Input::Tick),
            }
            self.carry_out()?;
        }
    }

    fn input(&mut self, input: Input<'_>) {
        self.meeting.handle(input, clock::now());
    }

    fn control(&mut self, message: ToClient) {
        match message {
            ToClient::Welcome(welcome) => {
                let boards = welcome.boards.into_vec();
                self.input(Input::Connected);
                self.input(Input::Boards(boards.len()));
                self.sessions.extend(boards.into_iter().map(|b| (b.board_id, b.session_id)));
            }
            ToClient::BoardOpened(board) => {
                self.sessions.insert(board.board_id, board.session_id);
            }
            ToClient::CaughtUp(at) => {
                if let Some(session_id) = self.sessions.get(&at.board_id).copied() {
                    self.input(Input::CaughtUp { session_id });
                }
            }
            ToClient::Delivered(d) => {
                self.input(Input::Delivered { poster: d.from, envelope: &d.envelope });
            }
            ToClient::PeerGone(gone) => self.input(Input::PeerGone { poster: gone.peer.pseudonym }),
            _ => {}
        }
    }

    fn carry_out(&mut self) -> anyhow::Result<()> {
        let mut changed = false;
        while let Some(output) = self.meeting.poll_output() {
            match output {
                Output::Post(envelope) => {
                    let post = Post { request: 1_000, envelope };
                    let bytes = pack(&ToRelay::from(post.clone())).len();
                    let (posts, sum) = self.posted.get();
                    self.posted.set((posts + 1, sum + bytes));
                    self.tx.post(post.envelope)?;
                }
                Output::Media(frame) => self.tx.send_media(&frame)?,
                Output::OpenSession { session_id, end_hash } => {
                    self.tx.open_session(session_id, end_hash)?;
                }
                Output::ReadAgain => bail!("something is missing on the board"),
                Output::Changed => changed = true,
                _ => {}
            }
        }
        if changed {
            self.publish();
        }
        Ok(())
    }

    fn publish(&self) {
        let snapshot = self.meeting.snapshot();
        if let Some(newest) = snapshot.coming.or(snapshot.active) {
            let (number, confirmed, members) = (newest.number, newest.confirmed, newest.members);
            self.tell.send_replace(Seen { number, confirmed, members });
        }
    }
}
