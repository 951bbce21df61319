//! The keychain of this operating system.

#[cfg(all(unix, not(any(target_os = "macos", target_os = "ios", target_os = "android"))))]
#[path = "secret_service.rs"]
mod system;

#[cfg(target_os = "macos")]
mod system {
    //! Keychain Services, the login keychain: local, never synchronised to iCloud.

    use std::collections::HashMap;
    use std::sync::Arc;

    use keyring_core::CredentialStore;

    use super::super::Failure;
    use super::super::chain::{failure, plain, unknown};

    pub(crate) fn open() -> Result<(Arc<CredentialStore>, String), Failure> {
        let store = apple_native_keyring_store::keychain::Store::new().map_err(failure)?;
        Ok((store, "macOS Keychain".to_owned()))
    }

    pub(crate) fn modifiers(_label: &str) -> HashMap<&'static str, &str> {
        HashMap::new()
    }

    /// The login keychain unlocks by itself on access.
    pub(crate) fn settle(_may_create: bool) -> Result<(), Failure> {
        Ok(())
    }

    pub(crate) fn platform_failure(
        err: &(dyn std::error::Error + Send + Sync + 'static),
        no_access: bool,
    ) -> Failure {
        match err.downcast_ref::<security_framework::base::Error>().map(|err| err.code()) {
            // errSecNotAvailable, errSecNoSuchKeychain, errSecNoDefaultKeychain
            Some(-25291 | -25294 | -25307) => Failure::Absent { detail: plain(&err.to_string()) },
            // errSecUserCanceled, errSecAuthFailed, errSecInteractionNotAllowed
            Some(-128 | -25293 | -25308) => Failure::Locked,
            _ if no_access => Failure::Locked,
            _ => unknown(&err.to_string()),
        }
    }
}

#[cfg(target_os = "windows")]
mod system {
    //! Credential Manager, persistence "local machine": does not roam with the account.

    use std::collections::HashMap;
    use std::sync::Arc;

    use keyring_core::CredentialStore;

    use super::super::Failure;
    use super::super::chain::{failure, unknown};

    pub(crate) fn open() -> Result<(Arc<CredentialStore>, String), Failure> {
        let store = windows_native_keyring_store::Store::new().map_err(failure)?;
        Ok((store, "Windows Credential Manager".to_owned()))
    }

    pub(crate) fn modifiers(_label: &str) -> HashMap<&'static str, &str> {
        HashMap::from([("persistence", "local")])
    }

    /// Unlocked whenever the person is logged in.
    pub(crate) fn settle(_may_create: bool) -> Result<(), Failure> {
        Ok(())
    }

    pub(crate) fn platform_failure(
        err: &(dyn std::error::Error + Send + Sync + 'static),
        no_access: bool,
    ) -> Failure {
        if no_access { Failure::Locked } else { unknown(&err.to_string()) }
    }
}

pub(super) use system::{modifiers, open, platform_failure, settle};
