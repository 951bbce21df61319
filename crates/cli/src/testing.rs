//! A snapshot to fill in, for tests.

use std::sync::Arc;

use standfast_client::entropy::OsEntropy;
use standfast_crypto::{Identity, Link, Secret};
use standfast_meeting::{Config, Meeting, Now, PacketShape, Part, Snapshot};

pub(crate) fn snapshot() -> Snapshot {
    let identity = Identity::from_seed(Secret::random(&mut OsEntropy));
    let link = Link::create("relay.example", identity.fingerprint(), None, &mut OsEntropy);
    let config = Config {
        identity: Arc::new(identity),
        meeting_id: link.meeting_id,
        organizer: link.organizer,
        link: link.keys(),
        name: "Ines".into(),
        part: Part::Member { prekeys: Vec::new() },
        known: Vec::new(),
        muted: true,
        audio: PacketShape::of_20_ms(200),
    };
    Meeting::new(config, Box::new(OsEntropy), Now::default()).snapshot()
}
