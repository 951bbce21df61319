//! Where a voice is heard from, for somebody with headphones.

use std::f32::consts::FRAC_PI_4;

/// Nobody is further aside: 10 dB between the ears, where all the way would leave one ear nothing.
const OUTERMOST: f32 = 0.6;
/// How far a voice glides per block: from one end of the arc to the other in 0.6 s.
const STEP: f32 = 0.02;

/// A place between the ears: −1 is the left one, 0 the centre, 1 the right one.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Place(f32);

impl Place {
    /// In the head, as without places.
    pub const CENTRE: Self = Self(0.0);

    /// Of so many people the place of the one with this number, counted from 0. They sit evenly on
    /// an arc, from left to right; one alone is in the centre, and so is who does not belong.
    #[must_use]
    pub const fn among(people: usize, number: usize) -> Self {
        if people < 2 || number >= people {
            return Self::CENTRE;
        }
        let share = number as f32 / (people - 1) as f32;
        Self(OUTERMOST * (2.0 * share - 1.0))
    }

    /// This place 10 ms later, on the way to another.
    #[must_use]
    pub fn toward(self, goal: Self) -> Self {
        Self(self.0 + (goal.0 - self.0).clamp(-STEP, STEP))
    }

    /// The amplitudes in the middle and aside ([`Mix`](crate::Mix)). The power in both ears is that
    /// in the centre: cos² + sin².
    pub(crate) fn amplitudes(self) -> (f32, f32) {
        let angle = self.0 * FRAC_PI_4;
        (angle.cos(), -angle.sin())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seated(people: usize) -> Vec<f32> {
        (0..people).map(|number| Place::among(people, number).0).collect()
    }

    #[test]
    fn people_sit_evenly_from_left_to_right() {
        assert_eq!(seated(1), [0.0]);
        assert_eq!(seated(2), [-OUTERMOST, OUTERMOST]);
        assert_eq!(seated(3), [-OUTERMOST, 0.0, OUTERMOST]);
        let many = seated(100);
        let step = 2.0 * OUTERMOST / 99.0;
        assert!(many.windows(2).all(|two| (two[1] - two[0] - step).abs() < 1e-6));
        assert!((many[0] + OUTERMOST).abs() + (many[99] - OUTERMOST).abs() < 1e-6);
    }

    #[test]
    fn who_does_not_belong_is_in_the_centre() {
        assert_eq!(Place::among(0, 0), Place::CENTRE);
        assert_eq!(Place::among(3, 3), Place::CENTRE);
    }

    #[test]
    fn a_voice_glides_and_arrives() {
        let goal = Place::among(2, 0);
        let way = std::iter::successors(Some(Place::among(2, 1)), |at| Some(at.toward(goal)));
        let way: Vec<Place> = way.take(62).collect();
        assert!(way.windows(2).all(|two| (two[0].0 - two[1].0) <= STEP + 1e-6));
        assert_ne!(way[50], goal);
        assert_eq!(way[61], goal);
    }

    #[test]
    fn no_place_is_in_one_ear_only_and_all_are_equally_loud() {
        for number in 0..5 {
            let (middle, aside) = Place::among(5, number).amplitudes();
            let (left, right) = (middle + aside, middle - aside);
            assert!(left.min(right) > 0.4, "{number}: {left} {right}");
            assert!((left * left + right * right - 2.0).abs() < 1e-6, "{number}");
            assert_eq!(left > right, number < 2, "{number}: the first is on the left");
        }
    }
}
