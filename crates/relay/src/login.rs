//! Letting a connection in: one challenge, one answer, checked once.

use std::time::Duration;

use ed25519_dalek::{Signature, VerifyingKey};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use standfast_wire::limits::CHALLENGE_TTL_MS;
use standfast_wire::relay::{
    BoardPosition, Challenge, ErrorCode, Login, MeetingId, Pseudonym, VERSION, token_context,
};

/// Decides who may log in to this relay.
pub struct Gate {
    relay_id: [u8; 16],
    token: Option<Vec<u8>>,
    names: Vec<String>,
}

/// A challenge that is out. It is good for one [`Gate::check`], which consumes it, and for 10 s.
#[derive(Debug)]
pub struct PendingLogin {
    challenge: Challenge,
    sent: Duration,
}

/// Proof that a login was checked. Only [`Gate::check`] makes one.
#[derive(Debug)]
pub struct Admitted {
    pub(crate) meeting_id: MeetingId,
    pub(crate) pseudonym: Pseudonym,
    pub(crate) have: Vec<BoardPosition>,
}

impl Gate {
    /// `relay_id` is random for each start. With a `token`, only those who know it come in. With
    /// `names` (as clients dial them, `host:port`), a login made for any other name is refused:
    /// nobody can pass on logins that were meant for another relay.
    #[must_use]
    pub fn new(relay_id: [u8; 16], token: Option<&str>, names: Vec<String>) -> Self {
        Self { relay_id, token: token.map(|token| token.as_bytes().to_vec()), names }
    }

    /// A fresh challenge. `nonce` must be random.
    #[must_use]
    pub fn challenge(&self, nonce: [u8; 32], now: Duration) -> PendingLogin {
        let challenge =
            Challenge { v: VERSION, relay_id: self.relay_id, nonce, token: self.token.is_some() };
        PendingLogin { challenge, sent: now }
    }

    /// Checks `login` against the challenge of the same connection.
    ///
    /// # Errors
    /// [`ErrorCode::Version`], [`ErrorCode::Token`], or [`ErrorCode::Login`] without a reason.
    pub fn check(
        &self,
        pending: PendingLogin,
        login: &Login,
        now: Duration,
    ) -> Result<Admitted, ErrorCode> {
        if login.v != VERSION {
            return Err(ErrorCode::Version);
        }
        if now.saturating_sub(pending.sent) > Duration::from_millis(CHALLENGE_TTL_MS) {
            return Err(ErrorCode::Login);
        }
        if !self.names.is_empty() && !self.names.iter().any(|name| name == login.relay.as_str()) {
            return Err(ErrorCode::Login);
        }
        let key = VerifyingKey::from_bytes(&login.pseudonym).map_err(|_| ErrorCode::Login)?;
        let signature = Signature::from_bytes(&login.signature);
        key.verify_strict(&login.signed_context(&pending.challenge), &signature)
            .map_err(|_| ErrorCode::Login)?;
        self.check_token(&pending.challenge, login)?;
        Ok(Admitted {
            meeting_id: login.meeting_id,
            pseudonym: login.pseudonym,
            have: login.have.as_slice().to_vec(),
        })
    }

    fn check_token(&self, challenge: &Challenge, login: &Login) -> Result<(), ErrorCode> {
        let Some(token) = &self.token else { return Ok(()) };
        let proof = login.token_proof.ok_or(ErrorCode::Token)?;
        let mut mac = Hmac::<Sha256>::new_from_slice(token).map_err(|_| ErrorCode::Token)?;
        mac.update(&token_context(challenge, &login.pseudonym));
        mac.verify_slice(&proof).map_err(|_| ErrorCode::Token)
    }
}

impl PendingLogin {
    /// What to send.
    #[must_use]
    pub fn challenge(&self) -> &Challenge {
        &self.challenge
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::{Signer, SigningKey};
    use standfast_wire::codec::{List, Text};

    fn login(pending: &PendingLogin) -> Login {
        let key = SigningKey::from_bytes(&[1; 32]);
        let mut login = Login {
            v: VERSION,
            relay: Text::new("relay.example").unwrap(),
            meeting_id: [2; 16],
            pseudonym: key.verifying_key().to_bytes(),
            client_nonce: [3; 16],
            token_proof: None,
            have: List::default(),
            signature: [0; 64],
        };
        login.signature = key.sign(&login.signed_context(pending.challenge())).to_bytes();
        login
    }

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn a_challenge_lives_ten_seconds() {
        let gate = Gate::new([0; 16], None, vec![]);
        let pending = || gate.challenge([4; 32], secs(100));
        let login = login(&pending());
        assert!(gate.check(pending(), &login, secs(110)).is_ok());
        let late = gate.check(pending(), &login, secs(110) + Duration::from_millis(1));
        assert_eq!(late.map(drop), Err(ErrorCode::Login));
    }

    #[test]
    fn a_login_for_another_start_of_the_relay_is_refused() {
        let gate = Gate::new([0; 16], None, vec![]);
        let login = login(&gate.challenge([4; 32], secs(0)));
        let other = Gate::new([1; 16], None, vec![]);
        let refused = other.check(other.challenge([4; 32], secs(0)), &login, secs(0));
        assert_eq!(refused.map(drop), Err(ErrorCode::Login));
    }

    #[test]
    fn only_its_own_names_count() {
        let names = vec!["relay.example".to_owned()];
        let gate = Gate::new([0; 16], None, names);
        let pending = gate.challenge([4; 32], secs(0));
        let login = login(&pending);
        assert!(gate.check(pending, &login, secs(0)).is_ok());
        let gate = Gate::new([0; 16], None, vec!["other.example".to_owned()]);
        let refused = gate.check(gate.challenge([4; 32], secs(0)), &login, secs(0));
        assert_eq!(refused.map(drop), Err(ErrorCode::Login));
    }
}
