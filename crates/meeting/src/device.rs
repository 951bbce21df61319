//! "Continue on another device": the pairing code that this device shows, and who showed it back.

use standfast_crypto::{Fingerprint, PairingCode};
use standfast_wire::control::Hash;

use crate::DeviceOffer;
use crate::core::Core;
use crate::limits::PAIRING_MS;
use crate::session::Request;

/// A shown code.
pub(crate) struct Offer {
    code: PairingCode,
    until_ms: u64,
    until_wall_ms: u64,
    request: Option<(Hash, Fingerprint)>,
    /// This user has said yes; this device leaves with the next epoch.
    vouched: bool,
}

impl Core {
    /// Shows a fresh code; an older one is void.
    pub(crate) fn offer_device(&mut self) {
        self.device = Some(Offer {
            code: PairingCode::generate(&mut self.rng),
            until_ms: self.ms() + PAIRING_MS,
            until_wall_ms: self.now.wall_ms + PAIRING_MS,
            request: None,
            vouched: false,
        });
    }

    pub(crate) fn withdraw_device(&mut self) {
        self.device = None;
    }

    /// A join request names this device as the one that it replaces. It counts if it shows the code.
    pub(crate) fn device_asks(&mut self, request: Option<&Request>) {
        let me = self.me();
        let (Some(offer), Some(request)) = (&mut self.device, request) else { return };
        let Some(pairing) = request.pairing.as_ref().filter(|p| p.old == me.0) else { return };
        let shown = offer.code.check(request.fp(), &request.join_nonce, &pairing.proof);
        if shown.is_ok() && !offer.vouched {
            offer.request = Some((request.h, request.fp()));
            self.changed();
        }
    }

    /// Whether the join request showed the code.
    pub(crate) fn device_shown(&self, join_h: &Hash) -> bool {
        self.device.as_ref().and_then(|o| o.request).is_some_and(|(h, _)| h == *join_h)
    }

    pub(crate) fn device_vouched(&mut self) {
        if let Some(offer) = &mut self.device {
            offer.vouched = true;
        }
    }

    /// This device is about to leave its seat to another: it takes no term back.
    pub(crate) fn changing_device(&self) -> bool {
        self.device.as_ref().is_some_and(|offer| offer.vouched)
    }

    pub(crate) fn device_until_ms(&self) -> Option<u64> {
        self.device.as_ref().map(|offer| offer.until_ms)
    }

    /// A code is good for two minutes.
    pub(crate) fn device_offer_ends(&mut self) {
        if self.device.as_ref().is_some_and(|offer| offer.until_ms <= self.ms()) {
            self.device = None;
            self.changed();
        }
    }

    pub(crate) fn device_view(&self) -> Option<DeviceOffer> {
        let offer = self.device.as_ref()?;
        Some(DeviceOffer {
            code: offer.code.text().as_str().to_owned(),
            until_ms: offer.until_wall_ms,
            request: offer.request.filter(|_| !offer.vouched),
        })
    }
}
