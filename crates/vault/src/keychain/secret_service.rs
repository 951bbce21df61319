//! The Secret Service on the session bus: GNOME Keyring, KDE Wallet, KeePassXC and others.

use std::collections::HashMap;
use std::sync::Arc;

use keyring_core::CredentialStore;
use secret_service::EncryptionType;
use secret_service::blocking::SecretService;
use zbus::blocking::Connection;
use zbus::blocking::fdo::DBusProxy;

use super::super::Failure;
use super::super::chain::{failure, plain, unknown};

const BUS_NAME: &str = "org.freedesktop.secrets";

/// Connects and negotiates the session in which secrets cross the bus encrypted.
pub(crate) fn open() -> Result<(Arc<CredentialStore>, String), Failure> {
    let store = zbus_secret_service_keyring_store::Store::new().map_err(failure)?;
    Ok((store, provider().unwrap_or_else(|| crate::vault::SOME_KEYCHAIN.to_owned())))
}

pub(crate) fn modifiers(label: &str) -> HashMap<&'static str, &str> {
    HashMap::from([("label", label)])
}

/// Unlocks the default collection. Without one: with `may_create` asks the service to make it
/// (the person chooses its password), else says so.
pub(crate) fn settle(may_create: bool) -> Result<(), Failure> {
    // No secret crosses this connection, so the session needs no encryption.
    let service = SecretService::connect(EncryptionType::Plain).map_err(|err| classify(&err))?;
    let collection = match service.get_default_collection() {
        Err(secret_service::Error::NoResult) if may_create => service
            .create_collection("Default keyring", "default")
            .map_err(|err| match classify(&err) {
                Failure::Locked => no_default(),
                other => other,
            })?,
        Err(secret_service::Error::NoResult) => return Ok(()),
        found => found.map_err(|err| classify(&err))?,
    };
    if collection.is_locked().map_err(|err| classify(&err))? {
        collection.unlock().map_err(|err| classify(&err))?;
    }
    match collection.is_locked() {
        Ok(false) => Ok(()),
        Ok(true) => Err(Failure::Locked),
        Err(err) => Err(classify(&err)),
    }
}

fn no_default() -> Failure {
    Failure::Absent { detail: "the Secret Service has no default collection".to_owned() }
}

/// The process behind the bus name, as a person knows it. A desktop that was switched shows here.
fn provider() -> Option<String> {
    let connection = Connection::session().ok()?;
    let bus = DBusProxy::new(&connection).ok()?;
    let pid = bus.get_connection_unix_process_id(BUS_NAME.try_into().ok()?).ok()?;
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    Some(match name.trim() {
        // The kernel cuts names at 15 characters.
        n if n.starts_with("gnome-keyring-d") => "GNOME Keyring".to_owned(),
        n if n.starts_with("ksecretd") || n.starts_with("kwalletd") => "KDE Wallet".to_owned(),
        n if n.starts_with("keepassxc") => "KeePassXC".to_owned(),
        n => plain(n),
    })
}

pub(crate) fn platform_failure(
    err: &(dyn std::error::Error + Send + Sync + 'static),
    no_access: bool,
) -> Failure {
    match err.downcast_ref::<secret_service::Error>() {
        Some(err) => classify(err),
        None if no_access => Failure::Locked,
        None => unknown(&err.to_string()),
    }
}

fn classify(err: &secret_service::Error) -> Failure {
    use secret_service::Error as E;
    match err {
        E::Locked | E::Prompt => Failure::Locked,
        E::NoResult => no_default(),
        E::Unavailable => Failure::Absent { detail: "no session bus".to_owned() },
        E::PromptDisconnected => gone(),
        E::Zbus(err) => classify_bus(err),
        E::ZbusFdo(zbus::fdo::Error::ZBus(err)) => classify_bus(err),
        other => unknown(&other.to_string()),
    }
}

/// The service left in mid-call. It may come back: asking again is right.
fn gone() -> Failure {
    Failure::NoAnswer { waited_ms: 0 }
}

fn classify_bus(err: &zbus::Error) -> Failure {
    use zbus::Error as E;
    match err {
        E::Connection(..) | E::Address(_) | E::Handshake(_) => {
            Failure::Absent { detail: format!("no session bus: {}", plain(&err.to_string())) }
        }
        E::InputOutput(_) => gone(),
        E::MethodError(name, text, _) => named(name.as_str(), text.as_deref().unwrap_or_default()),
        E::FDO(err) => named(zbus::DBusError::name(&**err).as_str(), &err.to_string()),
        other => unknown(&other.to_string()),
    }
}

fn named(name: &str, text: &str) -> Failure {
    let detail = plain(&format!("{name}: {text}"));
    match name {
        "org.freedesktop.Secret.Error.IsLocked" => Failure::Locked,
        "org.freedesktop.DBus.Error.ServiceUnknown"
        | "org.freedesktop.DBus.Error.NameHasNoOwner"
        | "org.freedesktop.DBus.Error.FileNotFound" => Failure::Absent { detail },
        name if name.starts_with("org.freedesktop.DBus.Error.Spawn") => Failure::Absent { detail },
        "org.freedesktop.DBus.Error.NoReply"
        | "org.freedesktop.DBus.Error.Timeout"
        | "org.freedesktop.DBus.Error.TimedOut"
        | "org.freedesktop.DBus.Error.Disconnected" => gone(),
        _ => Failure::Unknown { detail },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bus_errors_become_causes() {
        assert_eq!(named("org.freedesktop.Secret.Error.IsLocked", ""), Failure::Locked);
        assert!(matches!(
            named("org.freedesktop.DBus.Error.ServiceUnknown", "x"),
            Failure::Absent { .. }
        ));
        assert!(matches!(
            named("org.freedesktop.DBus.Error.Spawn.ExecFailed", "x"),
            Failure::Absent { .. }
        ));
        assert_eq!(named("org.freedesktop.DBus.Error.NoReply", ""), gone());
        assert!(matches!(named("org.example.Other", "x"), Failure::Unknown { .. }));
        assert_eq!(classify(&secret_service::Error::Prompt), Failure::Locked);
    }
}
