//! `standfast`: a headless participant on the same engine as the desktop application.
//!
//! What happens is written to standard output, one JSON object a line; words for people go to
//! standard error. Names, links and codes are printed because they were asked for, never logged.

mod attend;
mod commands;
mod identity;
mod journal;
mod part;
mod passphrase;
mod report;
#[cfg(test)]
mod testing;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use standfast_client::profile::{Profile, display_name};
use standfast_client::voice::BitRate;
use standfast_crypto::on_wiped_stack;

/// Encrypted standups without a window.
#[derive(Parser)]
#[command(name = "standfast", version, about)]
struct Cli {
    #[command(flatten)]
    profile: ProfileArgs,
    #[command(subcommand)]
    command: Command,
}

/// Whose identity to use.
#[derive(Args)]
pub(crate) struct ProfileArgs {
    /// The profile; each has an identity of its own.
    #[arg(long, default_value = "cli", global = true)]
    profile: String,
    /// Keep the identity in a file under the passphrase in this environment variable, instead of
    /// the keychain. Only for a profile that never had one elsewhere.
    #[arg(long, value_name = "VARIABLE", global = true)]
    passphrase_env: Option<String>,
}

#[derive(Subcommand)]
enum Command {
    /// Show this profile's fingerprint.
    Fingerprint,
    /// Create a standup and print its link.
    New {
        /// The relay, as `host:port`.
        #[arg(long)]
        relay: String,
        /// What the team calls it.
        #[arg(long, default_value = "Standup")]
        title: String,
        /// Also use the passphrase in this file. It is remembered for this standup; everyone needs
        /// it, and the link does not hold it.
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
    },
    /// Join a meeting; with the organizer's profile, open it. Exits with 3 if the meeting has another
    /// passphrase, or one and none was given.
    Join(JoinArgs),
    /// List the standups of this profile.
    List,
    /// Journals of past meetings.
    #[command(subcommand)]
    Journal(JournalCommand),
}

#[derive(Subcommand)]
enum JournalCommand {
    /// List the journals that this profile keeps.
    List,
    /// Write a journal: as JSON, which anyone can check, or as Markdown, for people.
    Export {
        /// Its number, from `journal list`; the newest otherwise.
        id: Option<i64>,
        /// For people. Proves nothing.
        #[arg(long)]
        markdown: bool,
        /// Where to; standard output otherwise.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Check an exported journal: its chain, its signature, its evidence. Needs no profile. Exits
    /// with 0 when it is whole, with 1 when it is not.
    Verify {
        /// The JSON.
        file: PathBuf,
    },
}

fn name(typed: &str) -> Result<String, &'static str> {
    display_name(typed).ok_or("not a name: 1 to 64 bytes, no control characters")
}

fn bit_rate(typed: &str) -> Result<BitRate, &'static str> {
    let kbits = typed.parse().ok().and_then(BitRate::of_kbits);
    kbits.ok_or("not a bit rate: 16, 24, 32, 48 or 64 kbit/s")
}

fn packet_ms(typed: &str) -> Result<u8, &'static str> {
    let ms = typed.parse().ok().filter(|ms| matches!(ms, 10 | 20));
    ms.ok_or("not a length of packets: 10 or 20 ms")
}

/// How to take part.
#[derive(Args)]
pub(crate) struct JoinArgs {
    /// The whole link.
    link: String,
    /// What the others call you.
    #[arg(long, value_parser = name)]
    name: String,
    /// Speak this WAV file once (any rate), then be silent.
    #[arg(long, value_name = "WAV")]
    speak: Option<PathBuf>,
    /// Speak the file again and again.
    #[arg(long, requires = "speak")]
    repeat: bool,
    /// Record what is heard into this WAV file (48 kHz, mono).
    #[arg(long, value_name = "WAV")]
    record: Option<PathBuf>,
    /// Write what is heard to standard output as raw samples (48 kHz, mono, signed 16 bit,
    /// little-endian), for another program; events go to standard error then.
    #[arg(long, conflicts_with = "devices")]
    pcm: bool,
    /// Take part as a bot: shown as one, let in by hand, on or off the record. Its owner has to say
    /// that it is theirs.
    #[arg(long, requires = "owner")]
    bot: bool,
    /// The bot's owner: a fingerprint's id, or the text of its QR code.
    #[arg(long, value_name = "FINGERPRINT", requires = "bot")]
    owner: Option<String>,
    /// Take the place of another device of yours: the file holds the pairing code that it shows. The
    /// link is the one that it copies, or any with --replaces.
    #[arg(long, value_name = "FILE", conflicts_with = "bot")]
    pairing_code_file: Option<PathBuf>,
    /// The other device's fingerprint, when the link does not name it.
    #[arg(long, value_name = "FINGERPRINT", requires = "pairing_code_file")]
    replaces: Option<String>,
    /// Read commands from standard input, one a line: admit NAME, keep-out NAME, remove NAME, readmit
    /// NAME, lock, unlock, rotate, mute, unmute, off BOT, on BOT, own BOT, look-after BOT,
    /// offer-device, withdraw-device, vouch, spoken, deputy NAME, no-deputy NAME, open, leave, end. A
    /// fingerprint names somebody for certain.
    #[arg(long)]
    commands: bool,
    /// Use the system's microphone and speaker instead of files.
    #[arg(long, conflicts_with_all = ["speak", "record"])]
    devices: bool,
    /// Code the own voice at so many kbit/s: 16, 24, 32, 48 or 64. 24 without.
    #[arg(long, value_name = "KBITS", value_parser = bit_rate)]
    bit_rate: Option<BitRate>,
    /// Send packets of so many ms: 10 or 20. 20 without.
    #[arg(long, value_name = "MS", value_parser = packet_ms)]
    packet_ms: Option<u8>,
    /// Be heard a little sooner: packets of 10 ms, no noise suppression, and a codec mode that
    /// wants a higher bit rate.
    #[arg(long, conflicts_with = "packet_ms")]
    low_delay: bool,
    /// Leave after so many seconds.
    #[arg(long, value_name = "SECONDS")]
    leave_after: Option<f64>,
    /// Leave when the file was spoken to its end.
    #[arg(long, requires = "speak", conflicts_with = "repeat")]
    leave_when_spoken: bool,
    /// As the organizer: let everyone with the link in.
    #[arg(long)]
    admit_all: bool,
    /// Start muted.
    #[arg(long)]
    muted: bool,
    /// The relay's token.
    #[arg(long, env = "STANDFAST_RELAY_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// The meeting's passphrase is in this file. Without, the one that is remembered is used.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Write the signed journal to this file at the end, as JSON.
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
}

/// The command, from its arguments to its end.
///
/// # Errors
/// What kept it from its work, in words for the person who called it.
pub fn run() -> anyhow::Result<ExitCode> {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let cli = Cli::parse();
    if let Command::Journal(JournalCommand::Verify { file }) = &cli.command {
        return journal::check(file);
    }
    standfast_client::locked::keep_keys();
    let profile = on_wiped_stack(|| identity::open(&cli.profile))?;
    on_wiped_stack(|| carry_out(profile, cli.command))
}

fn carry_out(profile: Profile, command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Fingerprint => report::fingerprint(profile.identity.fingerprint())?,
        Command::New { relay, title, passphrase_file } => {
            attend::create(&profile, &relay, &title, passphrase_file.as_deref())?
        }
        Command::List => attend::list(&profile)?,
        Command::Join(args) => return attend::join(profile, args),
        Command::Journal(JournalCommand::List) => journal::list(&profile)?,
        Command::Journal(JournalCommand::Export { id, markdown, out }) => {
            journal::export(&profile, id, markdown, out.as_deref())?;
        }
        // Answered above, without a profile.
        Command::Journal(JournalCommand::Verify { .. }) => {}
    }
    Ok(ExitCode::SUCCESS)
}
