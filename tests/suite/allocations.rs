//! What a message costs in allocations, counted.

use std::fmt::Write;

use longwire::{Config, Message, WsStream};

use crate::support::alloc::Meter;
use crate::support::io::{Endless, Exhausted};
use crate::support::run::paused;
use crate::support::scripted::upgraded;
use crate::support::wire::{binary, text};

const MESSAGES: usize = 100_000;

/// A trade as exchanges send them, of about 150 bytes, in a buffer that is there already.
fn write_trade(trade: &mut String, number: usize) {
    trade.clear();
    write!(
        trade,
        "{{\"amt\":0.00004661,\"bid\":{},\"rat\":2140000,\"sid\":{},\"stream\":\"market.trade.thb_btc\",\
         \"sym\":\"THB_BTC\",\"ts\":1636729677,\"txn\":\"BTCSELL{number:010}\"}}",
        86_911_896 + number,
        82_187_323 + number,
    )
    .unwrap();
}

/// A hundred different trades, one frame each.
fn trades() -> Vec<u8> {
    let mut trade = String::new();
    let mut frames = Vec::new();
    for number in 0..100 {
        write_trade(&mut trade, number);
        assert!((140..160).contains(&trade.len()), "{}", trade.len());
        frames.extend(text(&trade).bytes());
    }
    frames
}

/// A backlog of so many turns of a hundred frames, of which the first 2,000 have been received.
async fn feed(frames: Vec<u8>, turns: usize) -> WsStream<Endless> {
    let io = Endless::new(Vec::new(), frames).turns(turns, Exhausted::Blocks);
    let mut ws = upgraded(io, Config::default());
    for _ in 0..2_000 {
        ws.next().await.unwrap().unwrap();
    }
    ws
}

#[test]
fn receiving_allocates_each_messages_own_bytes_and_nothing_else() {
    paused(async {
        for frames in [trades(), binary([7; 150]).bytes().repeat(100)] {
            let mut ws = feed(frames, MESSAGES / 100 + 20).await;
            let meter = Meter::start();
            for _ in 0..MESSAGES {
                let message = ws.next().await.unwrap().unwrap();
                assert!(message.len() >= 140);
            }
            let allocations = meter.allocations();
            assert!(
                allocations <= MESSAGES as u64,
                "{allocations} allocations for {MESSAGES} messages"
            );
        }
    });
}

/// Messages that are kept hold their own bytes, and not the buffer that they were read into.
#[test]
fn a_message_that_is_kept_holds_little_more_than_its_bytes() {
    paused(async {
        let mut ws = feed(trades(), 200).await;
        let mut kept: Vec<Message> = Vec::with_capacity(10_000);
        let meter = Meter::start();
        for _ in 0..10_000 {
            kept.push(ws.next().await.unwrap().unwrap());
        }
        let each = meter.live() / 10_000;
        assert!(each <= 250, "{each} bytes for a message of 150");
    });
}

/// Those of a backlog are slices of what was read, and together they hold no more than that.
#[test]
fn a_backlog_of_a_kib_each_is_neither_copied_nor_held_twice() {
    paused(async {
        let mut ws = feed(binary([7; 1_000]).bytes().repeat(100), 200).await;
        let meter = Meter::start();
        for _ in 0..5_000 {
            assert_eq!(ws.next().await.unwrap().unwrap().len(), 1_000);
        }
        let allocations = meter.allocations();
        assert!(allocations <= 500, "{allocations} for 5,000 messages");

        let mut kept: Vec<Message> = Vec::with_capacity(10_000);
        let meter = Meter::start();
        for _ in 0..10_000 {
            kept.push(ws.next().await.unwrap().unwrap());
        }
        let each = meter.live() / 10_000;
        assert!(each <= 1_100, "{each} bytes for a message of 1,000");
    });
}

/// The last value of some rare key, from a feed of many: it does not hold the buffer that it came in.
#[test]
fn one_message_in_a_hundred_that_is_kept_holds_little_more_than_its_bytes() {
    paused(async {
        for len in [600, 1_500] {
            let mut ws = feed(binary(vec![7; len]).bytes().repeat(100), 2_100).await;
            let mut kept: Vec<Message> = Vec::with_capacity(2_000);
            let meter = Meter::start();
            for number in 0..200_000 {
                let message = ws.next().await.unwrap().unwrap();
                if number % 100 == 0 {
                    kept.push(message);
                }
            }
            let each = usize::try_from(meter.live()).unwrap() / kept.len();
            assert!(each <= len + 700, "{each} bytes for a message of {len}");
        }
    });
}

#[test]
fn feeding_borrowed_texts_allocates_next_to_nothing() {
    paused(async {
        let io = Endless::new(Vec::new(), vec![0]).turns(0, Exhausted::Blocks);
        let mut ws = upgraded(io, Config::default());
        let mut trade = String::with_capacity(1_000);
        ws.send_text("warm").await.unwrap();
        let meter = Meter::start();
        for number in 0..MESSAGES {
            write_trade(&mut trade, number);
            ws.feed_text(&trade).await.unwrap();
        }
        ws.flush().await.unwrap();
        let allocations = meter.allocations();
        assert!(
            allocations < MESSAGES as u64 / 100,
            "{allocations} allocations for {MESSAGES} texts"
        );
        assert_eq!(ws.stats().sent.messages, MESSAGES as u64 + 1);
    });
}

#[test]
fn sending_borrowed_messages_one_by_one_allocates_next_to_nothing() {
    paused(async {
        let io = Endless::new(Vec::new(), vec![0]).turns(0, Exhausted::Blocks);
        let mut ws = upgraded(io, Config::default());
        let mut trade = String::with_capacity(1_000);
        ws.send_text("warm").await.unwrap();
        let meter = Meter::start();
        for number in 0..10_000 {
            write_trade(&mut trade, number);
            ws.send_text(&trade).await.unwrap();
            ws.send_binary(trade.as_bytes()).await.unwrap();
        }
        let allocations = meter.allocations();
        assert!(
            allocations < 200,
            "{allocations} allocations for 20,000 messages"
        );
    });
}
