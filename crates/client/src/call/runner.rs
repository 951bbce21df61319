//! The call's thread: one loop around the engine.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use standfast_crypto::{on_wiped_stack, wipe_stack};
use standfast_meeting::{Input, Meeting, Member, Opening, Output, Phase};
use standfast_wire::boards::Boards;
use standfast_wire::codec::Blob;
use standfast_wire::relay::{Board, ToClient};
use tokio::sync::{mpsc, watch};

use super::line::{Line, LineEvent, LineState};
use super::{Ask, CallConfig, CallEvent, CallView, Milestones, shape};
use crate::clock;
use crate::entropy::OsEntropy;
use crate::transport::LinkEvent;
use crate::voice::{CapturedFrame, CapturedFrames, Voice, VoiceProfile};

/// A pause of the whole loop longer than this means that the computer slept.
const SLEPT_MS: u64 = 3_000;
/// The round trip is shown anew this often.
const RTT_EVERY: Duration = Duration::from_secs(2);
/// No wait is longer, so that sleep is noticed.
const LONGEST_WAIT_MS: u64 = 1_000;

pub(super) struct Runner {
    meeting: Meeting,
    line: Line,
    boards: Boards,
    voice: Arc<Voice>,
    /// Who shares the places, as the voice was told.
    placed: BTreeSet<u64>,
    /// What the engine was told of the microphone's packets.
    profile: VoiceProfile,
    captured: CapturedFrames,
    asked: mpsc::UnboundedReceiver<Ask>,
    asks_open: bool,
    opening: Opening,
    events: mpsc::UnboundedSender<CallEvent>,
    view: watch::Sender<CallView>,
    bundle_requests: Vec<(u32, [u8; 32])>,
    started_ms: u64,
    last_loop_ms: u64,
}

enum Next {
    Line(LineEvent),
    Captured(CapturedFrame),
    Asked(Option<Ask>),
    Tick,
    Rtt,
}

impl Runner {
    pub(super) fn new(
        config: CallConfig,
        voice: Arc<Voice>,
        captured: CapturedFrames,
        asked: mpsc::UnboundedReceiver<Ask>,
        events: mpsc::UnboundedSender<CallEvent>,
    ) -> (Self, watch::Receiver<CallView>) {
        let now = clock::now();
        let line =
            Line::new(config.relay, config.token, config.identity, config.meeting.meeting_id);
        let mut meeting = Meeting::new(config.meeting, Box::new(OsEntropy), now);
        if let Some(signed) = &config.deputies {
            meeting.handle(Input::Deputies(signed), now);
        }
        meeting.know_bundles(config.bundles_seen);
        let first = CallView {
            meeting: Arc::new(meeting.snapshot()),
            line: LineState::Connecting,
            milestones: Milestones::default(),
            journal: None,
            over: false,
        };
        let (view, watched) = watch::channel(first);
        let runner = Self {
            meeting,
            line,
            boards: Boards::default(),
            voice,
            placed: BTreeSet::new(),
            profile: config.voice.profile,
            captured,
            asked,
            asks_open: true,
            opening: config.opening,
            events,
            view,
            bundle_requests: Vec::new(),
            started_ms: now.mono_ms,
            last_loop_ms: now.mono_ms,
        };
        (runner, watched)
    }

    pub(super) async fn run(mut self) {
        let mut rtt = tokio::time::interval(RTT_EVERY);
        rtt.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        self.after_input();
        while !matches!(self.meeting.snapshot().phase, Phase::Left(_)) {
            let wait = self.wait();
            let next = tokio::select! {
                biased;
                event = self.line.next(|| self.boards.positions()) => Next::Line(event),
                Some(frame) = self.captured.recv() => Next::Captured(frame),
                ask = self.asked.recv(), if self.asks_open => Next::Asked(ask),
                () = tokio::time::sleep(wait) => Next::Tick,
                _ = rtt.tick() => Next::Rtt,
            };
            self.notice_sleep();
            self.step(next);
            self.after_input();
        }
        self.publish();
        let journal = Arc::new(self.meeting.signed_journal());
        // Before the farewell, which may take a second: what was held and said is over now.
        drop((self.meeting, self.captured, self.voice));
        wipe_stack();
        self.line.finish().await;
        self.view.send_modify(|view| (view.journal, view.over) = (Some(journal), true));
    }

    fn wait(&self) -> Duration {
        let due = self.meeting.timeout_ms().unwrap_or(u64::MAX).saturating_sub(clock::mono_ms());
        Duration::from_millis(due.min(LONGEST_WAIT_MS))
    }

    /// A computer that slept has missed its heartbeats: the connection is made anew, and the engine
    /// joins again.
    fn notice_sleep(&mut self) {
        let now = clock::mono_ms();
        let slept = now.saturating_sub(self.last_loop_ms) > SLEPT_MS + LONGEST_WAIT_MS;
        self.last_loop_ms = now;
        if slept && self.line.tx().is_some() {
            tracing::info!("woke up");
            self.line.drop_link();
            self.step(Next::Line(LineEvent::Lost));
        }
    }

    fn step(&mut self, next: Next) {
        match next {
            Next::Line(event) => self.line_event(event),
            Next::Captured(frame) => {
                self.heard(&frame);
            }
            Next::Asked(Some(Ask::Command(command))) => self.input(Input::Command(command)),
            Next::Asked(Some(Ask::Known(known))) => self.input(Input::Known(known)),
            Next::Asked(Some(Ask::Open)) => self.input(Input::Open(self.opening.clone())),
            Next::Asked(Some(Ask::Upload { slot, blob })) => self.upload(slot, blob),
            // Whoever asked may have stopped waiting.
            Next::Asked(Some(Ask::Journal(give))) => {
                let _ = give.try_send(self.meeting.signed_journal());
            }
            Next::Asked(None) => self.asks_open = false,
            Next::Tick => self.input(Input::Tick),
            Next::Rtt => self.show_rtt(),
        }
    }

    fn input(&mut self, input: Input<'_>) {
        // Frames come hundreds of times a second, and every 64th derives a key: what they leave is
        // wiped with the next tick or message.
        if matches!(input, Input::Media(_) | Input::Voice { .. }) {
            self.meeting.handle(input, clock::now());
        } else {
            on_wiped_stack(|| self.meeting.handle(input, clock::now()));
        }
    }

    /// The microphone brings a packet; those of another profile are announced to the engine.
    fn heard(&mut self, frame: &CapturedFrame) {
        if self.profile != frame.profile {
            self.profile = frame.profile;
            self.input(Input::Shape(shape(frame.profile)));
        }
        self.input(Input::Voice { media_ts: frame.media_ts, packet: &frame.packet });
    }

    fn line_event(&mut self, event: LineEvent) {
        match event {
            LineEvent::Up => self.set_line(LineState::Up { rtt_ms: None }),
            LineEvent::Failed(why) => {
                let since_ms = self.down_since();
                self.set_line(LineState::Down { since_ms, why: Some(why) });
            }
            LineEvent::Lost => {
                self.boards.lost();
                let since_ms = self.down_since();
                self.set_line(LineState::Down { since_ms, why: None });
                self.input(Input::Disconnected);
            }
            LineEvent::Link(LinkEvent::Media(frame)) => self.input(Input::Media(&frame)),
            LineEvent::Link(LinkEvent::Control(message)) => self.control(message),
            LineEvent::Link(LinkEvent::Lost(_)) => {}
        }
    }

    fn down_since(&self) -> u64 {
        match self.view.borrow().line {
            LineState::Down { since_ms, .. } => since_ms,
            _ => clock::wall_ms(),
        }
    }

    fn control(&mut self, message: ToClient) {
        match message {
            ToClient::Welcome(welcome) => self.welcome(welcome.boards.into_vec()),
            ToClient::BoardOpened(board) => self.boards.seen(board),
            ToClient::BoardGone(gone) => self.boards.gone(&gone.board_id),
            ToClient::CaughtUp(at) => {
                let session = self.boards.session_of(&at.board_id);
                if let Some(session_id) = session.filter(|_| self.boards.is_read()) {
                    self.input(Input::CaughtUp { session_id });
                }
            }
            ToClient::Delivered(d) => {
                self.boards.read(&d.board_id, d.seq);
                self.input(Input::Delivered { poster: d.from, envelope: &d.envelope });
            }
            ToClient::Bundle(bundle) => {
                let at =
                    self.bundle_requests.iter().position(|(request, _)| *request == bundle.request);
                if let Some((_, slot)) = at.map(|at| self.bundle_requests.swap_remove(at)) {
                    self.input(Input::Bundle {
                        slot,
                        blob: bundle.blob.as_ref().map(Blob::as_slice),
                    });
                }
            }
            ToClient::PeerGone(gone) => self.input(Input::PeerGone { poster: gone.peer.pseudonym }),
            ToClient::Refused(refused) => {
                tracing::warn!(code = ?refused.code, "the relay refused a request")
            }
            // Answers overtake what others posted before: they say nothing of how far we read.
            ToClient::Done(done) => self.boards.done(done.request),
            ToClient::Posted(_)
            | ToClient::PeerHere(_)
            | ToClient::Closing(_)
            | ToClient::Challenge(_) => {}
        }
    }

    /// A board that the relay does not have any more, or has under a new id, is lost.
    fn welcome(&mut self, boards: Vec<Board>) {
        let session = self.meeting.snapshot().session_id;
        let before = session.and_then(|id| self.boards.board_of(&id));
        let now =
            session.and_then(|id| boards.iter().find(|b| b.session_id == id)).map(|b| b.board_id);
        let running = boards.len();
        boards.into_iter().for_each(|board| self.boards.seen(board));
        self.input(Input::Connected);
        self.input(Input::Boards(running));
        if let (Some(session_id), true) = (session, now.is_none() || before != now) {
            self.input(Input::BoardLost { session_id });
        }
    }

    /// Carries out what the engine wants, then shows what changed.
    fn after_input(&mut self) {
        let mut changed = false;
        while let Some(output) = self.meeting.poll_output() {
            changed |= matches!(output, Output::Changed);
            self.carry_out(output);
        }
        for (fp, seq) in self.meeting.take_bundles_seen() {
            let _ = self.events.send(CallEvent::BundleSeen { fp, seq });
        }
        // The microphone is gated here too: nothing is even encoded that could not be sent.
        let closed = !self.meeting.microphone_open();
        if closed != self.voice.is_muted() {
            self.voice.set_muted(closed);
            changed = true;
        }
        if changed {
            self.publish();
        }
    }

    fn carry_out(&mut self, output: Output) {
        let sent = match (output, self.line.tx()) {
            (Output::Media(frame), Some(tx)) => tx.send_media(&frame),
            (Output::Post(envelope), Some(tx)) => tx.post(envelope).map(drop),
            (Output::OpenSession { session_id, end_hash }, Some(tx)) => {
                tx.open_session(session_id, end_hash).map(drop)
            }
            (Output::EndSession { session_id, preimage }, Some(tx)) => {
                tx.end_session(session_id, preimage)
            }
            (Output::FetchBundle { slot }, Some(tx)) => {
                tx.get_bundle(slot).map(|request| self.bundle_requests.push((request, slot)))
            }
            (Output::ReadAgain, tx) => {
                let asked = tx.map(crate::transport::LinkTx::read_again).transpose();
                self.boards.read_again(asked.as_ref().ok().copied().flatten());
                asked.map(drop)
            }
            (Output::Play { idx, media_ts, packet, copy }, _) => {
                self.voice.play(idx.into(), media_ts, &packet, copy);
                Ok(())
            }
            (Output::Paused { idx }, _) => {
                self.voice.pause(idx.into());
                Ok(())
            }
            (Output::Forget { idx }, _) => {
                self.voice.forget(idx.into());
                Ok(())
            }
            (Output::Upload { slot, blob }, _) => {
                self.upload(slot, blob);
                Ok(())
            }
            (output, _) => {
                self.tell(output);
                Ok(())
            }
        };
        if sent.is_err() && !matches!(sent, Err(crate::transport::SendError::Closed)) {
            // A control message that is not sent would leave a hole in the board: better a new
            // connection, which reads and repeats.
            tracing::warn!("the line is too slow for a control message");
            self.line.drop_link();
            self.meeting.handle(Input::Disconnected, clock::now());
        }
    }

    /// Hands on what has to be kept.
    fn tell(&self, output: Output) {
        let event = match output {
            Output::StorePrekey { bundle_id, private, slot, blob } => {
                CallEvent::StorePrekey { bundle_id, private, slot, blob }
            }
            Output::ErasePrekey { bundle_id } => CallEvent::ErasePrekey { bundle_id },
            Output::KeepDeputies { signed } => CallEvent::KeepDeputies { signed },
            Output::Met { fp, name, bot } => CallEvent::Met { fp, name, bot },
            _ => return,
        };
        let _ = self.events.send(event);
    }

    fn upload(&self, slot: [u8; 32], blob: Vec<u8>) {
        if let (Some(tx), Ok(blob)) = (self.line.tx(), Blob::new(blob))
            && tx.put_bundle(slot, blob).is_err()
        {
            tracing::warn!("a slot at the relay was not filled");
        }
    }

    fn set_line(&mut self, line: LineState) {
        self.view.send_modify(|view| view.line = line);
    }

    fn show_rtt(&mut self) {
        if self.line.tx().is_some() {
            let rtt_ms = self.line.rtt_ms();
            self.set_line(LineState::Up { rtt_ms });
        }
        self.publish();
    }

    fn publish(&mut self) {
        let snapshot = Arc::new(self.meeting.snapshot());
        let placed = places(&snapshot.members);
        if placed != self.placed {
            self.voice.set_people(placed.clone());
            self.placed = placed;
        }
        let since = clock::mono_ms().saturating_sub(self.started_ms);
        self.view.send_modify(|view| {
            if matches!(snapshot.phase, Phase::Joining | Phase::Lobby | Phase::Live) {
                view.milestones.asked_ms.get_or_insert(since);
            }
            if snapshot.phase == Phase::Live {
                view.milestones.live_ms.get_or_insert(since);
            }
            view.meeting = snapshot;
        });
    }
}

/// Who gets a place between the ears: people, for bots are not there to talk.
fn places(members: &[Member]) -> BTreeSet<u64> {
    let others = members.iter().filter(|member| !member.me && member.bot.is_none());
    others.map(|member| member.idx.into()).collect()
}
