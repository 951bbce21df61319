//! Opening the profile's identity.

use anyhow::{Context, Result, bail};
use standfast_client::clock::wall_ms;
use standfast_client::profile::Profile;
use standfast_vault::{ProfileName, Vault, VaultOptions, Whereabouts};
use zeroize::Zeroizing;

use crate::ProfileArgs;

/// Opens the identity, or makes it on the first run.
pub(crate) fn open(args: &ProfileArgs) -> Result<Profile> {
    let vault = Vault::open(VaultOptions::for_profile(ProfileName::new(&args.profile)?))?;
    let opened = match &args.passphrase_env {
        None => vault.ask(wall_ms())?.wait()?,
        Some(variable) => {
            let passphrase = Zeroizing::new(
                std::env::var(variable).with_context(|| format!("${variable} is not set"))?,
            );
            match vault.whereabouts()? {
                Whereabouts::Nowhere => vault.create_file(&passphrase, wall_ms())?,
                Whereabouts::File { .. } => vault.open_file(&passphrase, wall_ms())?,
                Whereabouts::Keychain { backend, .. } => {
                    bail!("this profile's key is in {backend}, not in a file")
                }
                Whereabouts::Unknown => {
                    bail!("this profile had a key, but its marker does not say where")
                }
            }
        }
    };
    Ok(Profile::new(opened))
}
