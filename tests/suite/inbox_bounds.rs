//! The inbox of a driven connection: what it counts of messages that wait, and what it holds of those
//! that nobody will take.

use std::time::Duration;

use longwire::{Config, Inbox};
use tokio::time::sleep;

use crate::support::alloc::Meter;
use crate::support::run::paused;
use crate::support::scripted::{Peer, open, upgraded};
use crate::support::wire::{binary, text};

/// A large message, for which several small ones have to be taken first.
#[test]
fn a_message_that_waits_for_room_overflows_once() {
    paused(async {
        for inbox in [Inbox::default(), Inbox::default().conflate(|_| None::<u8>)] {
            let (ws, mut peer) = open();
            let (_sender, mut receiver) = ws.spawn(inbox.max_bytes(1_000));
            for size in [100, 100, 100, 100, 100, 100, 100, 100, 1_000, 1_000] {
                peer.send(binary(vec![7; size]).bytes()).await;
            }
            for (taken, overflows) in [1, 1, 1, 1, 1, 1, 1, 1, 2, 2].into_iter().enumerate() {
                sleep(Duration::from_secs(1)).await;
                assert_eq!(receiver.inbox().unwrap().overflows, overflows, "{taken}");
                receiver.next().await.unwrap().unwrap();
            }
        }
    });
}

#[test]
fn keys_cost_no_memory_when_nobody_receives() {
    paused(async {
        let inbox = Inbox::default().conflate(|message| Some(message.as_text()?.to_owned()));
        let (near, far) = tokio::io::duplex(1_000);
        let (sender, receiver) = upgraded(near, Config::default()).spawn(inbox);
        let mut peer = Peer::new(far);
        drop(receiver);
        let measured = Meter::start();
        for number in 0..10_000 {
            peer.send(text(format!("{number:0100}")).bytes()).await;
        }
        sleep(Duration::from_secs(1)).await;
        assert_eq!(sender.stats().received.messages, 10_000);
        let grown = measured.live();
        assert!(grown < 200_000, "{grown} bytes are kept");
    });
}
