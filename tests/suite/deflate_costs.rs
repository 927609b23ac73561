//! What compression costs a good connection: memory that is held, and allocations.

use longwire::WsStream;
use tokio::io::DuplexStream;

use crate::support::alloc::Meter;
use crate::support::compressed::{agreed, text};
use crate::support::deflate::Encoder;
use crate::support::run::paused;
use crate::support::scripted::Peer;
use crate::support::verdict::next_text;
use crate::support::wire::{self, TEXT};

/// Trades as exchanges send them, of about 150 bytes.
fn trade(number: usize) -> String {
    format!(
        "{{\"amt\":0.00004661,\"bid\":{},\"rat\":2140000,\"stream\":\"market.trade.thb_btc\",\
         \"sym\":\"THB_BTC\",\"ts\":1636729677,\"txn\":\"BTCSELL{number:010}\"}}",
        86_911_896 + number,
    )
}

const TAKEOVER: &str = "";
const NO_TAKEOVER: &str = "; server_no_context_takeover; client_no_context_takeover";

/// A connection on which so many compressed trades have been received and sent.
async fn used(
    parameters: &str,
    receive: usize,
    send: usize,
) -> (WsStream<DuplexStream>, Peer<DuplexStream>, Encoder) {
    let (mut ws, mut peer) = agreed(parameters).await;
    let mut encoder = Encoder::new(15, parameters == TAKEOVER);
    for number in 0..receive {
        let payload = encoder.message(trade(number).as_bytes());
        peer.send(text(payload).bytes()).await;
        assert_eq!(next_text(&mut ws).await, trade(number));
    }
    for number in 0..send {
        ws.send_text(&trade(number)).await.unwrap();
        assert!(peer.next().await.unwrap().compressed);
    }
    // A message that is not there yet: whatever is held only for now is given back.
    let waiting = futures::FutureExt::now_or_never(ws.next());
    assert!(waiting.is_none(), "{waiting:?}");
    (ws, peer, encoder)
}

/// What a connection holds more than one that was never used.
async fn held(parameters: &str, receive: usize, send: usize) -> i64 {
    // The first fills what the thread's connections share.
    let first = used(parameters, 3, 3).await;
    let mut measured = [0; 2];
    for (held, used_for) in measured.iter_mut().zip([(0, 0), (receive, send)]) {
        let meter = Meter::start();
        let connections = used(parameters, used_for.0, used_for.1).await;
        let encoder_and_peer = {
            let both = meter.live();
            let (ws, peer, encoder) = connections;
            drop(ws);
            let without = meter.live();
            drop((peer, encoder));
            both - without
        };
        *held = encoder_and_peer;
    }
    drop(first);
    measured[1] - measured[0]
}

#[test]
fn a_connection_holds_memory_for_compression_from_the_first_compressed_message_on() {
    paused(async {
        let receiving = held(TAKEOVER, 50, 0).await;
        let both = held(TAKEOVER, 50, 50).await;
        let sending = both - receiving;
        println!("receiving {receiving} bytes, sending {sending} more");
        assert!((40 << 10..=48 << 10).contains(&receiving), "{receiving}");
        assert!((40 << 10..=48 << 10).contains(&sending), "{sending}");
        let nothing = held(NO_TAKEOVER, 50, 50).await;
        assert!(nothing <= 1 << 10, "{nothing} bytes without takeover");
    });
}

#[test]
fn an_agreement_alone_holds_next_to_nothing() {
    paused(async {
        let plain = async |parameters| {
            let (mut ws, mut peer) = match parameters {
                Some(parameters) => agreed(parameters).await,
                None => crate::support::scripted::open(),
            };
            let meter = Meter::start();
            peer.send(wire::text(trade(1)).bytes()).await;
            assert_eq!(next_text(&mut ws).await, trade(1));
            ws.send_text("below the size from which on it would be compressed")
                .await
                .unwrap();
            peer.expect(TEXT, "below the size from which on it would be compressed")
                .await;
            let waiting = futures::FutureExt::now_or_never(ws.next());
            assert!(waiting.is_none());
            meter.live()
        };
        let warm = plain(None).await;
        let without = plain(None).await;
        let with = plain(Some(TAKEOVER)).await;
        assert!(with - without < 1 << 10, "{warm} {without} {with}");
    });
}

#[test]
fn receiving_compressed_messages_allocates_each_messages_own_bytes_and_nothing_else() {
    paused(async {
        const MESSAGES: usize = 2_000;
        for parameters in [TAKEOVER, NO_TAKEOVER] {
            let (mut ws, mut peer, mut encoder) = used(parameters, 100, 0).await;
            let mut frames = Vec::new();
            for number in 100..100 + MESSAGES {
                frames.extend(text(encoder.message(trade(number).as_bytes())).bytes());
            }
            peer.send(&frames).await;
            for _ in 0..MESSAGES / 2 {
                next_text(&mut ws).await;
            }
            let meter = Meter::start();
            for _ in 0..MESSAGES / 2 {
                let message = ws.next().await.unwrap().unwrap();
                assert!(message.len() > 100);
            }
            let allocations = meter.allocations();
            assert!(
                allocations <= MESSAGES as u64 / 2,
                "{allocations} allocations for half of {MESSAGES} messages: {parameters}"
            );
        }
    });
}

#[test]
fn sending_compressed_messages_allocates_next_to_nothing() {
    paused(async {
        for parameters in [TAKEOVER, NO_TAKEOVER] {
            let (mut ws, _peer, _) = used(parameters, 0, 100).await;
            let trades: Vec<String> = (100..1_100).map(trade).collect();
            let meter = Meter::start();
            for trade in &trades {
                ws.send_text(trade).await.unwrap();
            }
            let allocations = meter.allocations();
            assert!(allocations < 50, "{allocations} allocations: {parameters}");
        }
    });
}
