//! From where each voice of a call is heard.

use std::collections::BTreeSet;

use standfast_media::Place;

/// Who sits where, if voices are placed at all. It depends on who is in the call and on nothing
/// else: whoever falls silent keeps the place.
pub(super) struct Places {
    placing: bool,
    people: BTreeSet<u64>,
}

impl Places {
    pub(super) fn new(placing: bool) -> Self {
        Self { placing, people: BTreeSet::new() }
    }

    pub(super) fn set_placing(&mut self, placing: bool) {
        self.placing = placing;
    }

    pub(super) fn set_people(&mut self, people: BTreeSet<u64>) {
        self.people = people;
    }

    /// The place of a speaker. Who is not among the people, as oneself, is in the centre.
    pub(super) fn of(&self, speaker: u64) -> Place {
        if !self.placing || !self.people.contains(&speaker) {
            return Place::CENTRE;
        }
        Place::among(self.people.len(), self.people.range(..speaker).count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::voice::playout::SELF;

    fn placed(people: &[u64]) -> Places {
        let mut places = Places::new(true);
        places.set_people(people.iter().copied().collect());
        places
    }

    #[test]
    fn people_sit_in_the_order_of_their_numbers() {
        let places = placed(&[9, 2, 40]);
        assert_eq!([2, 9, 40].map(|s| places.of(s)), [0, 1, 2].map(|n| Place::among(3, n)));
        assert_eq!(placed(&[2]).of(2), Place::CENTRE, "one alone");
    }

    #[test]
    fn oneself_and_strangers_are_in_the_centre() {
        let places = placed(&[1, 2]);
        assert_eq!((places.of(SELF), places.of(3)), (Place::CENTRE, Place::CENTRE));
        assert_eq!(placed(&[]).of(1), Place::CENTRE);
    }

    #[test]
    fn switched_off_everyone_is_in_the_centre() {
        let mut places = placed(&[1, 2]);
        places.set_placing(false);
        assert_eq!(places.of(1), Place::CENTRE);
        places.set_placing(true);
        assert_ne!(places.of(1), Place::CENTRE, "who is there was not forgotten");
    }
}
