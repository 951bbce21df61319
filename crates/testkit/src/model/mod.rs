//! Every course of events of a small meeting, up to a bound: the engines themselves under an
//! exhaustive model checker.
//!
//! An engine holds secrets and cannot be cloned. A state is therefore the actions that lead to it,
//! and the digest of the world that they lead to: each step builds that world anew from one seed,
//! and two courses of events that lead to one world are one state.
//!
//! The network is reduced to a few ordered steps of time, [`STEP_MS`] each. Within a step the relay
//! hands over everything in the order in which it was posted, except to one member from whom it
//! keeps everything, for good ([`Action::Lose`]) or until the step is over ([`Action::Delay`]), and
//! except across a split. After every course of events two things are looked at: what holds now, and
//! what comes of it when nothing further happens.

mod world;

use std::hash::{Hash, Hasher};
use std::str::FromStr;

use stateright::{Checker as _, Model, Property};

use world::World;
pub use world::{NAMES, STEP_MS};

/// What may happen next. Members are counted as in [`NAMES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// Time passes.
    Wait,
    /// Time passes, and everything for this member is lost.
    Lose(usize),
    /// Time passes, and everything for this member comes at its end.
    Delay(usize),
    /// The process of this member ends without a word.
    Crash(usize),
    /// It is started again.
    Restart(usize),
    /// The relay passes nothing between this member and the others, and says nothing of it.
    Cut(usize),
    /// The split is over; who was cut off connects anew.
    Heal,
    /// The line of this member breaks, and it notices.
    Disconnect(usize),
    /// It has a line again.
    Connect(usize),
    /// The user leaves.
    Leave(usize),
    /// A new key is wanted.
    Rotate(usize),
}

impl FromStr for Action {
    type Err = String;

    /// Reads what `Debug` writes: `Cut(0)`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, who) = match text.trim_end_matches(')').split_once('(') {
            Some((name, who)) => (name, who.parse().ok().filter(|at| *at < NAMES.len())),
            None => (text, Some(0)),
        };
        let who = who.ok_or_else(|| format!("{text}: members are 0 to {}", NAMES.len() - 1))?;
        Ok(match name {
            "Wait" => Self::Wait,
            "Lose" => Self::Lose(who),
            "Delay" => Self::Delay(who),
            "Crash" => Self::Crash(who),
            "Restart" => Self::Restart(who),
            "Cut" => Self::Cut(who),
            "Heal" => Self::Heal,
            "Disconnect" => Self::Disconnect(who),
            "Connect" => Self::Connect(who),
            "Leave" => Self::Leave(who),
            "Rotate" => Self::Rotate(who),
            _ => return Err(format!("{text}: no such action")),
        })
    }
}

impl Action {
    /// What is to be explored sparingly: everything but time, and what puts things right.
    const fn is_fault(self) -> bool {
        !matches!(self, Self::Wait | Self::Restart(_) | Self::Heal | Self::Connect(_))
    }
}

/// A course of events and the world that it leads to.
#[derive(Debug, Clone)]
pub struct Course {
    actions: Vec<Action>,
    faults: usize,
    digest: [u8; 32],
    condition: Condition,
    seen: Seen,
}

/// What of a world decides which actions are possible.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Condition {
    pub(crate) running: [bool; 3],
    pub(crate) online: [bool; 3],
    pub(crate) left: [bool; 3],
    pub(crate) cut: Option<usize>,
}

/// What was seen of a world.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Broken promises, in words.
    pub(crate) generators: Option<String>,
    pub(crate) convergence: Option<String>,
    pub(crate) outsider: Option<String>,
    pub(crate) room: Option<String>,
    /// Somebody looked after the key in another's stead.
    pub(crate) taken_over: bool,
    /// Two looked after keys of their own, and then one.
    pub(crate) healed: bool,
}

impl PartialEq for Course {
    fn eq(&self, other: &Self) -> bool {
        (self.digest, self.faults, self.condition, self.actions.len())
            == (other.digest, other.faults, other.condition, other.actions.len())
    }
}

impl Eq for Course {}

impl Hash for Course {
    /// What is still possible depends on how much has happened, so that is part of a state.
    fn hash<H: Hasher>(&self, to: &mut H) {
        (self.digest, self.faults, self.condition, self.actions.len()).hash(to);
    }
}

/// A meeting of three, and how much may happen in it.
#[derive(Debug, Clone)]
pub struct Meeting {
    /// Actions in one course of events, at most.
    pub depth: usize,
    /// Of those, anything that goes wrong or is wanted.
    pub faults: usize,
    /// Where all randomness comes from.
    pub seed: u64,
}

impl Meeting {
    fn course(&self, actions: Vec<Action>) -> Course {
        let faults = actions.iter().filter(|action| action.is_fault()).count();
        let mut course = Course {
            actions,
            faults,
            digest: [0; 32],
            condition: Condition::default(),
            seen: Seen::default(),
        };
        match World::of(self.seed, &course.actions) {
            Ok(mut world) => {
                (course.digest, course.condition) = (world.digest(), world.condition());
                course.seen = world.judge();
            }
            Err(fault) => course.seen.room = Some(fault.to_string()),
        }
        course
    }
}

impl Model for Meeting {
    type State = Course;
    type Action = Action;

    fn init_states(&self) -> Vec<Course> {
        vec![self.course(Vec::new())]
    }

    fn actions(&self, course: &Course, actions: &mut Vec<Action>) {
        if course.actions.len() >= self.depth {
            return;
        }
        let Condition { running, online, left, cut } = course.condition;
        let mut possible = vec![Action::Wait];
        possible.extend(cut.map(|_| Action::Heal));
        for who in 0..NAMES.len() {
            if !running[who] {
                possible.push(Action::Restart(who));
                continue;
            }
            if left[who] {
                continue;
            }
            possible.push(Action::Crash(who));
            if !online[who] {
                possible.push(Action::Connect(who));
                continue;
            }
            let always = [Action::Lose, Action::Delay, Action::Disconnect, Action::Leave];
            possible.extend(always.map(|action| action(who)));
            possible.push(Action::Rotate(who));
            possible.extend(cut.is_none().then_some(Action::Cut(who)));
        }
        let spent = course.faults >= self.faults;
        actions.extend(possible.into_iter().filter(|action| !(spent && action.is_fault())));
    }

    fn next_state(&self, course: &Course, action: Action) -> Option<Course> {
        let mut actions = course.actions.clone();
        actions.push(action);
        Some(self.course(actions))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("the room is an honest one", |_, c: &Course| c.seen.room.is_none()),
            Property::always("one generator per component", |_, c: &Course| {
                c.seen.generators.is_none()
            }),
            Property::always("all come together", |_, c: &Course| c.seen.convergence.is_none()),
            Property::always("no key for an outsider", |_, c: &Course| c.seen.outsider.is_none()),
            Property::sometimes("somebody takes over", |_, c: &Course| c.seen.taken_over),
            Property::sometimes("a split heals", |_, c: &Course| c.seen.healed),
        ]
    }
}

/// What a run of the checker found.
#[derive(Debug, Clone)]
pub struct Explored {
    /// Different states.
    pub states: usize,
    /// Courses of events, those that led to a known state included.
    pub courses: usize,
    /// The longest of them.
    pub depth: usize,
    /// Every promise that was broken, with the actions that broke it, and every thing that should
    /// be possible and never was.
    pub broken: Vec<String>,
}

impl Meeting {
    /// Follows one course of events; gives the promises that it breaks.
    #[must_use]
    pub fn follow(&self, actions: &[Action]) -> Vec<String> {
        let seen = self.course(actions.to_vec()).seen;
        let broken = [seen.room, seen.generators, seen.convergence, seen.outsider];
        broken.into_iter().flatten().collect()
    }

    /// Follows one course of events; tells what everyone shows from there on, and what it breaks.
    #[must_use]
    pub fn tell(&self, actions: &[Action]) -> Vec<String> {
        let world = World::of(self.seed, actions);
        let told = world.and_then(|mut world| world.tell());
        let mut lines = told.unwrap_or_else(|fault| vec![fault.to_string()]);
        lines.extend(self.follow(actions).into_iter().map(|broken| format!("BROKEN {broken}")));
        lines
    }

    /// Explores everything within the bounds, on so many threads.
    #[must_use]
    pub fn explore(self, threads: usize) -> Explored {
        let model = self.clone();
        let checker = self.checker().threads(threads).spawn_bfs().join();
        let mut broken = Vec::new();
        for property in model.properties() {
            let found = checker.discovery(property.name);
            let sometimes = matches!(property.expectation, stateright::Expectation::Sometimes);
            match found {
                Some(path) if !sometimes => {
                    let course = path.last_state();
                    let seen = &course.seen;
                    broken.push(format!("{}: {:?}: {seen:?}", property.name, course.actions));
                }
                None if sometimes => broken.push(format!("never: {}", property.name)),
                _ => {}
            }
        }
        Explored {
            states: checker.unique_state_count(),
            courses: checker.state_count(),
            depth: checker.max_depth(),
            broken,
        }
    }
}
