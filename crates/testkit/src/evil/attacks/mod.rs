//! The attacks by name, and the rooms in which they are tried.

mod accomplices;
mod announces;
mod branches;
mod delays;
mod frames;
mod letters;
mod orders;
mod owners;
mod talk;
mod terms;
mod twins;
mod vouches;

use standfast_meeting::Admission;

use super::stage::{Stage, Who};
use super::{Attack, Held};

/// Every attack, in the order in which they are run and told.
pub const ATTACKS: &[Attack] = &[
    Attack { name: "removed-member-forks-history", batch: branches::removed_forks_history },
    Attack {
        name: "removed-host-through-accomplice",
        batch: accomplices::removed_host_through_accomplice,
    },
    Attack { name: "yesterday-replayed", batch: delays::yesterday_replayed },
    Attack { name: "stretched-clock", batch: delays::stretched_clock },
    Attack { name: "withheld-acks", batch: delays::withheld_acks },
    Attack { name: "withheld-wraps", batch: delays::withheld_wraps },
    Attack { name: "liar-about-leavers", batch: delays::liar_about_leavers },
    Attack { name: "two-boards", batch: twins::two_boards },
    Attack { name: "restored-generator", batch: twins::restored_generator },
    Attack { name: "merge-preference-forged", batch: branches::merge_preference_forged },
    Attack { name: "takeover-out-of-turn", batch: terms::takeover_out_of_turn },
    Attack { name: "stolen-handover", batch: terms::stolen_handover },
    Attack { name: "invented-member", batch: announces::invented_member },
    Attack { name: "announce-changed-after-commit", batch: announces::changed_after_commit },
    Attack { name: "lock-circumvented", batch: announces::lock_circumvented },
    Attack { name: "grinding-generator", batch: announces::grinding_generator },
    Attack { name: "forged-order", batch: orders::forged_order },
    Attack { name: "order-replayed", batch: orders::order_replayed },
    Attack { name: "forged-owner", batch: owners::forged_owner },
    Attack { name: "forged-vouch", batch: vouches::forged_vouch },
    Attack { name: "frame-under-another-kid", batch: frames::forged_frame },
    Attack { name: "forged-ack", batch: letters::forged_ack },
    Attack { name: "confirmation-count-lies", batch: letters::lying_counts },
    Attack { name: "flipped-bits", batch: letters::flipped_bits },
    Attack { name: "letters-replayed", batch: letters::letters_replayed },
    Attack { name: "stranger-with-the-link", batch: letters::stranger_with_the_link },
    Attack { name: "reveal-changed-after-commit", batch: talk::reveal_changed },
    Attack { name: "wrong-passphrase", batch: talk::wrong_passphrase },
    Attack { name: "journal-fork", batch: talk::journal_fork },
];

/// Those whom Open names: hosts.
const HOSTS: [Who; 2] = ["mina", "jonas"];
/// Those whom a host let in.
const GUESTS: [Who; 2] = ["leo", "sana"];
/// Everyone but the organizer.
const MEMBERS: [Who; 4] = ["mina", "jonas", "leo", "sana"];

/// Ines organizes, Mina and Jonas are hosts, Leo and Sana were let in from the lobby.
fn team(seed: u64) -> Held<Stage> {
    let mut stage = Stage::new(seed);
    stage.open(&HOSTS, Admission::Lobby)?;
    for who in HOSTS {
        stage.member(who)?;
        stage.pass(2_500)?;
    }
    for who in GUESTS {
        stage.member(who)?;
        stage.pass(200)?;
        stage.admit("ines", who)?;
    }
    all_hear(&mut stage, "ines", 4)?;
    Ok(stage)
}

/// Ines and `names`, all in by the link alone.
fn open_room(seed: u64, names: &[Who]) -> Held<Stage> {
    let mut stage = Stage::new(seed);
    stage.open(&[], Admission::AnyoneWithLink)?;
    for who in names {
        stage.member(who)?;
        stage.pass(2_500)?;
    }
    all_hear(&mut stage, "ines", names.len())?;
    Ok(stage)
}

/// The room is one meeting: so many hear `who`.
fn all_hear(stage: &mut Stage, who: Who, many: usize) -> Held {
    let hearers = stage.hearers(who)?;
    let fits = hearers.len() == many;
    stage.must(fits, &format!("of {many} only {hearers:?} hear {who}"))
}
