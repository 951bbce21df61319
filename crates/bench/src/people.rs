//! Who takes part in a measurement.

use std::sync::Arc;

use standfast_crypto::{Enc, Entropy, Identity, Link, Secret, kdf};
use standfast_meeting::{Admission, Config, Hosts, Part, Policy};

/// The operating system's randomness.
pub(crate) struct Os;

impl Entropy for Os {
    fn fill(&mut self, out: &mut [u8]) {
        if getrandom::fill(out).is_err() {
            std::process::abort();
        }
    }
}

/// The identity of member `n`: the same in every run, so that only what is measured differs.
pub(crate) fn identity(n: usize) -> Identity {
    Identity::from_seed(Secret::from_fn(|seed| {
        let derived = kdf::<32>(b"", &n.to_be_bytes(), Enc::new("bench"));
        seed.copy_from_slice(derived.expose());
    }))
}

/// A link whose organizer is member 0.
pub(crate) fn link(relay: &str) -> Link {
    Link::create(relay, identity(0).fingerprint(), None, &mut Os)
}

/// Member `n`'s engine. Everyone with the link is let in, or a lobby would have to be worked.
pub(crate) fn config(n: usize, link: &Link, rotate_ms: u32) -> Config {
    let policy =
        Policy { admission: Admission::AnyoneWithLink, hosts: Hosts::Scheduled, rotate_ms };
    let part = match n {
        0 => Part::Organizer { scheduled: Vec::new(), policy },
        _ => Part::Member { prekeys: Vec::new() },
    };
    Config {
        identity: Arc::new(identity(n)),
        meeting_id: link.meeting_id,
        organizer: link.organizer,
        link: link.keys(),
        name: format!("Member {n}"),
        part,
        known: Vec::new(),
        muted: false,
        audio: standfast_client::call::shape(standfast_media::VoiceProfile::default()),
    }
}
