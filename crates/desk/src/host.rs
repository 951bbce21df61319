//! "Host here": the relay inside this application, for a team on one network.
//!
//! It speaks TLS with a certificate of its own, whose hash is part of every link that it hosts.
//! The certificate and the port stay the same over restarts, or old links would end.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use standfast_client::clock::wall_ms;
use standfast_client::profile::Profile;
use standfast_crypto::sha256;
use standfast_ipc::{ErrorCode, HostHere};
use standfast_relay::{Config, Handle, serve};
use zeroize::Zeroizing;

const KEY_NAME: &str = "host-here-key";
const CERT_NAME: &str = "host-here-certificate";
const PORT_NAME: &str = "host-here-port";

pub(crate) enum Host {
    Off,
    Running { handle: Handle, address: String, pin: [u8; 32], runtime: tokio::runtime::Runtime },
    Failed(ErrorCode),
}

impl Host {
    /// Starts the relay on this computer's address in its network, or on loopback without one.
    pub(crate) fn start(profile: &Profile) -> Self {
        match Self::try_start(profile) {
            Ok(host) => host,
            Err(err) => {
                tracing::warn!(%err, "host here failed");
                Self::Failed(ErrorCode::HostHereFailed)
            }
        }
    }

    fn try_start(profile: &Profile) -> Result<Self, HostError> {
        let ip = own_address();
        let (cert, key) = certificate(profile, ip)?;
        let pin = sha256(&cert);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("host-here")
            .enable_all()
            .build()?;
        let _inside = runtime.enter();
        let listener = runtime.block_on(listen(profile, ip))?;
        let config = Config { tls: Some(Arc::new(tls(cert, &key)?)), ..Config::default() };
        let handle = serve(listener, config)?;
        let port = handle.local_addr().port();
        profile.vault.store().set_private_setting(PORT_NAME, &port)?;
        let address = SocketAddr::new(ip, port).to_string();
        drop(_inside);
        Ok(Self::Running { handle, address, pin, runtime })
    }

    /// Address and certificate for new links.
    pub(crate) fn place(&self) -> Option<(String, [u8; 32])> {
        match self {
            Self::Running { address, pin, .. } => Some((address.clone(), *pin)),
            _ => None,
        }
    }

    pub(crate) fn view(&self) -> HostHere {
        match self {
            Self::Off => HostHere::Off,
            Self::Failed(code) => HostHere::Failed { code: *code },
            Self::Running { handle, address, .. } => HostHere::Running {
                address: address.clone(),
                connections: u32::try_from(handle.counters().connections).unwrap_or(u32::MAX),
            },
        }
    }

    /// Stops it, telling everyone.
    pub(crate) fn stop(self) {
        if let Self::Running { handle, runtime, .. } = self {
            runtime.block_on(handle.shutdown());
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum HostError {
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Store(#[from] standfast_vault::StoreError),
    #[error(transparent)]
    Secret(#[from] standfast_vault::SecretError),
    #[error(transparent)]
    Certificate(#[from] rcgen::Error),
    #[error(transparent)]
    Tls(#[from] rustls::Error),
    #[error(transparent)]
    Start(#[from] standfast_relay::server::StartError),
}

/// The port of last time, so that links stay good; another one if it is taken.
async fn listen(profile: &Profile, ip: IpAddr) -> Result<tokio::net::TcpListener, HostError> {
    let port = profile.vault.store().private_setting::<u16>(PORT_NAME)?.unwrap_or(0);
    match tokio::net::TcpListener::bind((ip, port)).await {
        Ok(listener) => Ok(listener),
        Err(_) => Ok(tokio::net::TcpListener::bind((ip, 0)).await?),
    }
}

/// The address that packets to the world would leave from. Nothing is sent to find out.
fn own_address() -> IpAddr {
    let probe = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|socket| {
        socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9))?;
        socket.local_addr()
    });
    probe.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |address| address.ip())
}

type Pair = (Vec<u8>, Zeroizing<Vec<u8>>);

/// The stored certificate and key, or new ones. Names in it do not count: clients compare its hash.
fn certificate(profile: &Profile, ip: IpAddr) -> Result<Pair, HostError> {
    let stored = profile.vault.store().private_setting::<Vec<u8>>(CERT_NAME)?;
    if let (Some(cert), Ok(key)) = (stored, profile.vault.secret(KEY_NAME)) {
        return Ok((cert, key));
    }
    let made = rcgen::generate_simple_self_signed(vec![ip.to_string()])?;
    let (cert, key) = (made.cert.der().to_vec(), Zeroizing::new(made.signing_key.serialize_der()));
    profile.vault.put_secret(KEY_NAME, &key, wall_ms())?;
    profile.vault.store().set_private_setting(CERT_NAME, &cert)?;
    Ok((cert, key))
}

fn tls(cert: Vec<u8>, key: &[u8]) -> Result<rustls::ServerConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.to_vec()));
    rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(cert)], key)
}
