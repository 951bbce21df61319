//! Creating, listing and attending meetings.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use standfast_client::call::{Call, CallEvent};
use standfast_client::entropy::OsEntropy;
use standfast_client::figures;
use standfast_client::profile::{Attendance, Profile};
use standfast_client::transport::RelayAddr;
use standfast_client::voice::{Choice, InputChoice, OutputChoice, Pace, VoiceConfig, VoiceProfile};
use standfast_crypto::Link;
use standfast_meeting::{Admission, Command, Phase};
use tokio::sync::mpsc;

use crate::part::target;
use crate::{JoinArgs, commands, journal, passphrase, report};

/// Creates a standup and prints its link. Its passphrase, if it has one, is remembered.
pub(crate) fn create(
    profile: &Profile,
    relay: &str,
    title: &str,
    passphrase_file: Option<&Path>,
) -> Result<()> {
    RelayAddr::parse(relay, None)?;
    let link = Link::create(relay, profile.identity.fingerprint(), None, &mut OsEntropy);
    let key = passphrase_file.map(|path| passphrase::read(path, &link)).transpose()?;
    profile.remember(&link, title)?;
    profile.keep_passphrase(&link.meeting_id, key.as_ref(), true)?;
    report::line(&json!({ "event": "created", "title": title, "link": link.to_text().as_str() }));
    Ok(())
}

/// Prints every standup with its link.
pub(crate) fn list(profile: &Profile) -> Result<()> {
    for meeting in profile.vault.store().meetings()? {
        let link = profile.link(&meeting.meeting_id)?;
        let link = link.as_ref().map(|l| l.to_text().as_str().to_owned());
        report::line(&json!({ "event": "standup", "title": meeting.title, "link": link }));
    }
    Ok(())
}

/// Takes part until told to leave, or until the meeting is over.
pub(crate) fn join(profile: Profile, args: JoinArgs) -> Result<ExitCode> {
    let (link, part) = target(&args)?;
    if args.pcm {
        report::to_standard_error();
    }
    profile.remember(&link, "Standup")?;
    let with = passphrase::given(args.passphrase_file.as_deref(), &link)?;
    let with_passphrase = passphrase::has_one(&profile, &link, &with)?;
    let attendance = Attendance {
        part,
        name: args.name.clone(),
        muted: args.muted,
        voice: voice(&args),
        token: args.token.clone(),
        admission: if args.admit_all { Admission::AnyoneWithLink } else { Admission::Lobby },
        passphrase: with,
    };
    let config = match profile.call_config(&link, attendance) {
        Ok(config) => config,
        Err(err) => return passphrase::refused_before(&err).ok_or(err.into()),
    };
    let (call, events) = Call::start(config)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let lines = if args.commands { commands::listen()? } else { mpsc::unbounded_channel().1 };
    let first_audio_ms = runtime.block_on(attend(&profile, &link, &call, events, lines, &args));
    let view = call.view();
    report::line(&figures::end(&view, first_audio_ms));
    if let (Some(path), Some(signed)) = (&args.journal, &view.journal) {
        journal::write_json(path, signed)?;
    }
    let standup = profile.vault.store().meeting(&link.meeting_id)?;
    journal::keep(&profile, standup.as_ref().map_or("Standup", |m| &m.title), &view)?;
    let refused = passphrase::refused(view.meeting.phase, with_passphrase);
    Ok(refused.unwrap_or(ExitCode::SUCCESS))
}

fn voice(args: &JoinArgs) -> VoiceConfig {
    let (input, output) = if args.devices {
        (InputChoice::Device(Choice::Default), OutputChoice::Device(Choice::Default))
    } else {
        let input = match &args.speak {
            Some(path) if args.repeat => InputChoice::WavLoop(path.clone()),
            Some(path) => InputChoice::Wav(path.clone()),
            None => InputChoice::Off,
        };
        let output = match (args.pcm, &args.record) {
            (true, wav) => OutputChoice::Pcm { wav: wav.clone() },
            (false, Some(wav)) => OutputChoice::Wav(wav.clone()),
            (false, None) => OutputChoice::Null,
        };
        (input, output)
    };
    let pace = match (args.low_delay, args.packet_ms) {
        (true, _) => Pace::LowDelay,
        (false, Some(10)) => Pace::Short,
        (false, _) => Pace::Even,
    };
    let profile = VoiceProfile { rate: args.bit_rate.unwrap_or_default(), pace };
    VoiceConfig { input, output, profile, muted: true, ..VoiceConfig::default() }
}

async fn attend(
    profile: &Profile,
    link: &Link,
    call: &Call,
    mut events: mpsc::UnboundedReceiver<CallEvent>,
    mut lines: mpsc::UnboundedReceiver<String>,
    args: &JoinArgs,
) -> Option<u64> {
    let mut view = call.watch();
    let mut poll = tokio::time::interval(Duration::from_millis(20));
    let mut first_audio_ms = None;
    let mut printed = serde_json::Value::Null;
    let mut leaving = false;
    // One for the whole time: a signal that comes while nobody listens is lost.
    let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
    loop {
        let now = report::state(&view.borrow_and_update());
        if now != printed {
            report::line(&now);
            printed = now;
        }
        if call.over() {
            return first_audio_ms;
        }
        tokio::select! {
            changed = view.changed() => if changed.is_err() { return first_audio_ms },
            Some(event) = events.recv() => keep(profile, link, call, event),
            Some(line) = lines.recv() => obey(call, &line),
            _ = poll.tick() => {
                first_audio_ms = first_audio_ms.or_else(|| figures::first_audio_ms(call));
                if !leaving && done(call, args) {
                    leaving = true;
                    call.command(Command::Leave);
                }
            }
            _ = &mut interrupted, if !leaving => {
                leaving = true;
                call.command(Command::Leave);
            }
        }
    }
}

/// Carries out one line of a script.
fn obey(call: &Call, line: &str) {
    let outcome = match line.trim() {
        "open" if call.view().meeting.may_open => {
            call.open();
            Ok(())
        }
        "open" => Err(commands::Refused::NotOpen),
        line => commands::read(line, &call.view().meeting).map(|command| call.command(command)),
    };
    report::line(&commands::answer(line, outcome));
}

fn keep(profile: &Profile, link: &Link, call: &Call, event: CallEvent) {
    // Blocking on the keychain is fine here: this loop only prints.
    if let Err(err) = tokio::task::block_in_place(|| profile.keep(&link.meeting_id, call, event)) {
        tracing::warn!(%err, "could not keep something of this meeting");
    }
}

/// Whether it is time to leave: by the clock since this device is live, or by the spoken file.
fn done(call: &Call, args: &JoinArgs) -> bool {
    let view = call.view();
    let Some(live_ms) = view.milestones.live_ms else { return false };
    let live_for = call.started().elapsed().saturating_sub(Duration::from_millis(live_ms));
    let late = args.leave_after.is_some_and(|s| live_for.as_secs_f64() >= s);
    let spoken = args.leave_when_spoken && call.voice().is_some_and(|v| v.stats().input_ended);
    (late || spoken) && !matches!(view.meeting.phase, Phase::Left(_))
}
