//! One file per contestant: its settings, and its cheapest way to do each piece of work.

mod fastwebsockets;
mod floor;
mod limit;
mod longwire;
mod sockudo;
mod tokio_websockets;
mod tungstenite;
mod yawc;
mod zlib;

use crate::library::{Deflating, Library};

/// Something to be done with every contestant.
pub trait Visit {
    fn visit<L: Library>(&mut self);
}

/// Something to be done with every contestant that compresses.
pub trait VisitDeflating {
    fn visit<L: Deflating>(&mut self);
}

/// Those whose clients have permessage-deflate: tokio-tungstenite, tokio-websockets and fastwebsockets do not.
pub fn each_deflating(visitor: &mut impl VisitDeflating) {
    visitor.visit::<yawc::Yawc>();
    visitor.visit::<sockudo::Sockudo>();
    visitor.visit::<longwire::Longwire>();
    visitor.visit::<zlib::Zlib>();
}

/// In the order of the tables, and of every round.
pub fn each(visitor: &mut impl Visit) {
    visitor.visit::<tungstenite::Tungstenite>();
    visitor.visit::<tokio_websockets::TokioWebsockets>();
    visitor.visit::<fastwebsockets::Fastwebsockets>();
    visitor.visit::<yawc::Yawc>();
    visitor.visit::<sockudo::Sockudo>();
    visitor.visit::<longwire::Longwire>();
    visitor.visit::<floor::Floor>();
    visitor.visit::<limit::Limit>();
}

/// The same where messages are only received, with longwire's batches too.
pub fn each_receiver(visitor: &mut impl Visit) {
    each(visitor);
    visitor.visit::<longwire::Batches>();
}
