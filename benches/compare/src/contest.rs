//! A row: the same work on every contestant, in turn, round after round.

use crate::{
    clock::Sample,
    library::{Class, Fault, Library},
    stat::Stat,
};

/// What a run is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pass {
    /// Every byte is compared; nothing is timed. It also warms up caches and allocator.
    Verify,
    /// Count, length and both ends of every message are compared, which costs all the same nanosecond or two.
    Measure,
}

/// Does the work `count` times.
pub type Run = Box<dyn FnMut(usize, Pass) -> Result<Sample, Fault>>;

pub struct Row {
    pub mode: &'static str,
    pub name: &'static str,
    /// What one unit of work is.
    pub unit: &'static str,
    /// Whether who does not validate UTF-8 is out of the competition.
    pub text: bool,
    /// Units of work in one run.
    pub count: usize,
    contestants: Vec<Contestant>,
}

struct Contestant {
    name: &'static str,
    class: Class,
    run: Run,
}

/// What came out for one contestant.
pub struct Entry {
    pub name: &'static str,
    pub class: Class,
    /// Nanoseconds a unit.
    pub cpu: Stat,
    pub wall: Stat,
    /// Calls of the allocator and bytes asked for, a unit.
    pub allocations: f64,
    pub bytes: f64,
    /// Nanoseconds of the median and the slowest hundredth of round trips, where they were measured.
    pub laps: Option<(Stat, Stat)>,
    /// Bytes written, a unit, where the row asks how many.
    pub written: Option<f64>,
}

pub struct Outcome {
    pub mode: &'static str,
    pub name: &'static str,
    pub unit: &'static str,
    pub text: bool,
    pub rounds: usize,
    pub entries: Vec<Entry>,
}

impl Row {
    pub fn new(mode: &'static str, name: &'static str, unit: &'static str, count: usize) -> Self {
        Self {
            mode,
            name,
            unit,
            text: false,
            count,
            contestants: Vec::new(),
        }
    }

    pub fn of_text(self, text: bool) -> Self {
        Self { text, ..self }
    }

    pub fn add<L: Library>(
        &mut self,
        run: impl FnMut(usize, Pass) -> Result<Sample, Fault> + 'static,
    ) {
        self.contestants.push(Contestant {
            name: L::NAME,
            class: L::CLASS,
            run: Box::new(run),
        });
    }

    /// A B C A B C …, so that whatever the machine does meanwhile, it does to all.
    ///
    /// # Errors
    ///
    /// When a contestant fails, or what it received is not what was sent.
    pub fn hold(mut self, rounds: usize) -> Result<Outcome, Fault> {
        let blame = |name: &str, fault: &Fault| -> Fault {
            format!("{} / {}, {name}: {fault}", self.mode, self.name).into()
        };
        for contestant in &mut self.contestants {
            (contestant.run)(self.count.min(VERIFIED), Pass::Verify)
                .map_err(|fault| blame(contestant.name, &fault))?;
        }
        let mut samples = vec![Vec::with_capacity(rounds); self.contestants.len()];
        for _ in 0..rounds {
            for (contestant, samples) in self.contestants.iter_mut().zip(&mut samples) {
                samples.push(
                    (contestant.run)(self.count, Pass::Measure)
                        .map_err(|fault| blame(contestant.name, &fault))?,
                );
            }
        }
        let entries = self.contestants.iter().zip(samples);
        Ok(Outcome {
            mode: self.mode,
            name: self.name,
            unit: self.unit,
            text: self.text,
            rounds,
            entries: entries
                .map(|(contestant, samples)| Entry::new(contestant, &samples))
                .collect(),
        })
    }
}

impl Entry {
    fn new(contestant: &Contestant, samples: &[Sample]) -> Self {
        let each = |part: &dyn Fn(&Sample) -> f64| -> Stat {
            Stat::of(
                samples
                    .iter()
                    .map(|sample| part(sample) / sample.count as f64),
            )
        };
        let lap = |share: usize| {
            Stat::of(samples.iter().filter_map(|sample| {
                let mut laps = sample.laps.clone();
                laps.sort_unstable();
                let at = (laps.len() * share / 100).min(laps.len().checked_sub(1)?);
                Some(laps[at].as_nanos() as f64)
            }))
        };
        let timed = samples.iter().any(|sample| !sample.laps.is_empty());
        Self {
            name: contestant.name,
            class: contestant.class,
            cpu: each(&|sample| sample.cpu.as_nanos() as f64),
            wall: each(&|sample| sample.wall.as_nanos() as f64),
            allocations: each(&|sample| sample.allocated.count as f64).median,
            bytes: each(&|sample| sample.allocated.bytes as f64).median,
            laps: timed.then(|| (lap(50), lap(99))),
            written: samples
                .iter()
                .any(|sample| sample.written > 0)
                .then(|| each(&|sample| sample.written as f64).median),
        }
    }
}

impl Outcome {
    /// The figure to beat: the least CPU of a rival that does all of the work.
    pub fn best_rival(&self, validates: impl Fn(&str) -> bool) -> Option<f64> {
        self.entries
            .iter()
            .filter(|entry| entry.class == Class::Rival && (!self.text || validates(entry.name)))
            .map(|entry| entry.cpu.median)
            .min_by(f64::total_cmp)
    }

    pub fn limit(&self) -> Option<f64> {
        self.entries
            .iter()
            .find(|entry| entry.class == Class::Limit)
            .map(|entry| entry.cpu.median)
    }
}

/// Messages of the pass that compares every byte.
const VERIFIED: usize = 2_000;
