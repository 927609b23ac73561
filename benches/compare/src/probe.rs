//! Questions that are asked of every contestant before the contest, so that no claim here rests on documents.

use std::sync::Arc;

use crate::{
    adapters::{self, Visit},
    drive::drive,
    io::Backlog,
    library::{Fault, Library, Profile, Setup, Ws},
    load::{Shape, Style},
};

/// Who refuses text that is not UTF-8, whole or in fragments.
#[derive(Default)]
pub struct Probes(Vec<(&'static str, bool)>);

impl Probes {
    pub fn ask() -> Self {
        let mut probes = Self::default();
        adapters::each(&mut probes);
        probes
    }

    pub fn validates(&self, name: &str) -> bool {
        self.0.iter().any(|(known, yes)| *known == name && *yes)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&'static str, bool)> {
        self.0.iter().copied()
    }
}

impl Visit for Probes {
    fn visit<L: Library>(&mut self) {
        let whole: &[u8] = &[0x81, 2, 0xFF, 0xFE];
        let fragmented: &[u8] = &[0x01, 2, b'a', 0xC3, 0x80, 2, b'(', b'a'];
        let validates = [whole, fragmented]
            .into_iter()
            .all(|wire| received::<L>(wire).is_err());
        self.0.push((L::NAME, validates));
    }
}

fn received<L: Library>(wire: &[u8]) -> Result<(), Fault> {
    let setup = Setup {
        profile: Profile::Busy,
        shape: Shape::new(Style::World, wire.len() - 2),
    };
    let wire = Arc::from(wire);
    drive(async {
        let mut ws = L::wrap(Backlog::new(&wire, wire.len()), setup).await?;
        ws.receive(1, &mut |_, _| {}).await
    })
}
