//! The relay as a server of its own.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Parser;
use standfast_relay::tls::Certificate;
use standfast_relay::{Config, serve};
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::prelude::*;
use tracing_subscriber::{EnvFilter, fmt};

// The relay holds no key of a meeting, but that of its certificate, its token, and who is where.
#[global_allocator]
static WIPING: standfast_harden::Wiping = standfast_harden::WIPING;

/// Exit status of a wrong configuration, as in sysexits.h.
const EX_CONFIG: u8 = 78;

/// Relay for Standfast meetings: forwards what it cannot read.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Address to listen on; port 0 takes any free one.
    #[arg(long, default_value = "127.0.0.1:4433", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// File with the TLS certificate chain (PEM).
    #[arg(long, requires = "key", value_name = "FILE")]
    cert: Option<PathBuf>,
    /// File with its private key (PEM).
    #[arg(long, requires = "cert", value_name = "FILE")]
    key: Option<PathBuf>,
    /// Make a new certificate for this run. Its SHA-256 is part of the ready line; clients must
    /// be given it in their link.
    #[arg(long, conflicts_with = "cert")]
    self_signed: bool,
    /// Listen without TLS beyond loopback, because a proxy in front speaks TLS.
    #[arg(long, conflicts_with_all = ["cert", "self_signed"])]
    behind_tls_proxy: bool,
    /// File with the token that clients must know; its last line break is not part of it.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Name under which clients dial this relay (host:port). May be given several times; without,
    /// any name does.
    #[arg(long = "name", value_name = "NAME")]
    names: Vec<String>,
    /// Let other processes of this user read the memory of this one, and let it dump core. For the
    /// demo, which searches the memory for what a relay must not know.
    #[arg(long)]
    readable: bool,
    /// What to log, for example `info` or `standfast_relay=debug`.
    #[arg(long, default_value = "info", env = "STANDFAST_RELAY_LOG", value_name = "FILTER")]
    log: String,
}

fn main() -> ExitCode {
    standfast_harden::quiet_panics();
    let arguments = Arguments::parse();
    match prepare(&arguments) {
        Ok((config, pin)) => match run(&arguments, config, pin) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&error, 1),
        },
        Err(error) => fail(&error, EX_CONFIG),
    }
}

fn fail(error: &anyhow::Error, status: u8) -> ExitCode {
    eprintln!("standfast-relay: {error:#}");
    ExitCode::from(status)
}

/// Everything that can be wrong before a socket is opened.
fn prepare(arguments: &Arguments) -> anyhow::Result<(Config, Option<[u8; 32]>)> {
    if !arguments.readable {
        standfast_harden::process()?;
    }
    let filter = EnvFilter::try_new(&arguments.log).context("--log is no filter")?;
    // Only our own words: libraries trace whole messages, and ours name nobody.
    let ours = filter_fn(|metadata| metadata.target().starts_with("standfast_relay"));
    let output = fmt::layer().with_writer(std::io::stderr).with_filter(filter.and(ours));
    tracing_subscriber::registry().with(output).init();
    let certificate = match (&arguments.cert, &arguments.key) {
        (Some(cert), Some(key)) => Some(Certificate::read(cert, key)?),
        _ if arguments.self_signed => Some(Certificate::generate()?),
        _ => None,
    };
    let pin = certificate.as_ref().filter(|_| arguments.self_signed);
    let pin = pin.and_then(Certificate::fingerprint);
    let tls = certificate.map(Certificate::into_config).transpose()?;
    if tls.is_none() && !arguments.listen.ip().is_loopback() {
        if !arguments.behind_tls_proxy {
            bail!(
                "listening on {} needs --cert and --key, or --self-signed, or \
                 --behind-tls-proxy if a proxy in front speaks TLS",
                arguments.listen
            );
        }
        tracing::warn!("no TLS here: everything up to the proxy is open on this network");
    }
    let token = arguments.token_file.as_ref().map(read_token).transpose()?;
    let config = Config {
        tls,
        behind_tls_proxy: arguments.behind_tls_proxy,
        token,
        names: arguments.names.clone(),
        ..Config::default()
    };
    Ok((config, pin))
}

fn read_token(path: &PathBuf) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the token in {}", path.display()))?;
    let token = text.trim_end_matches(['\r', '\n']);
    if token.is_empty() {
        bail!("the token in {} is empty", path.display());
    }
    Ok(token.to_owned())
}

/// One thread: what a relay does is system calls, and one core serves many meetings.
#[tokio::main(flavor = "current_thread")]
async fn run(arguments: &Arguments, config: Config, pin: Option<[u8; 32]>) -> anyhow::Result<()> {
    let scheme = if config.tls.is_some() { "wss" } else { "ws" };
    let listener = tokio::net::TcpListener::bind(arguments.listen)
        .await
        .with_context(|| format!("cannot listen on {}", arguments.listen))?;
    let relay = serve(listener, config)?;
    let mut stdout = std::io::stdout();
    write!(stdout, "standfast-relay ready {scheme}://{}", relay.local_addr())?;
    if let Some(pin) = pin {
        let hex: String = pin.iter().map(|byte| format!("{byte:02x}")).collect();
        write!(stdout, " sha256={hex}")?;
    }
    writeln!(stdout)?;
    stdout.flush()?;

    stop_requested().await?;
    tracing::info!("stopping");
    tokio::select! {
        () = relay.shutdown() => Ok(()),
        // A second request does not wait for farewells.
        result = stop_requested() => result,
    }
}

/// Ends when the operating system or the operator asks the relay to stop.
async fn stop_requested() -> anyhow::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            _ = terminate.recv() => Ok(()),
            result = tokio::signal::ctrl_c() => Ok(result?),
        }
    }
    #[cfg(not(unix))]
    Ok(tokio::signal::ctrl_c().await?)
}
