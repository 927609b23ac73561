//! Single frames: the header's rules (RFC 6455 §5.2, §5.5), and how little the cutting of the
//! bytes matters.

use std::time::Duration;

use longwire::{CloseCode, Config, ErrorKind};
use tokio::time::sleep;

use crate::support::io::{Chaos, Cuts};
use crate::support::run::paused;
use crate::support::scripted::{Peer, open, upgraded};
use crate::support::verdict::{breaks, fail_with, next_binary, next_text};
use crate::support::wire::{self, Frame, binary, close, continuation, frame, ping, pong, text};

/// Each frame alone, behind a good message and inside a fragmented one is answered by 1002.
async fn each_breaks_the_protocol(bad: impl IntoIterator<Item = Frame>) {
    for bad in bad {
        let protocol = (ErrorKind::Protocol, CloseCode::PROTOCOL_ERROR);
        breaks(&bad.bytes(), &[], protocol.0, protocol.1).await;
        let behind = wire::concat([&text("good"), &bad, &text("late")]);
        breaks(&behind, &["good"], protocol.0, protocol.1).await;
        let inside = wire::concat([&text("half").more(), &bad, &continuation("rest")]);
        breaks(&inside, &[], protocol.0, protocol.1).await;
    }
}

#[test]
fn reserved_bits_fail_the_connection() {
    paused(each_breaks_the_protocol((1..8).flat_map(|bits| {
        [
            text("x"),
            binary("x"),
            continuation("x"),
            ping("x"),
            pong("x"),
            close(1000, ""),
        ]
        .map(|frame| frame.rsv(bits))
    })));
}

#[test]
fn reserved_opcodes_fail_the_connection() {
    paused(each_breaks_the_protocol((3..8).chain(11..16).flat_map(
        |opcode| {
            [
                frame(opcode, ""),
                frame(opcode, "x"),
                frame(opcode, "x").more(),
                frame(opcode, vec![0; 300]),
            ]
        },
    )));
}

#[test]
fn masked_frames_fail_the_connection() {
    paused(each_breaks_the_protocol([
        text("x").masked([1, 2, 3, 4]),
        text("x").masked([0; 4]),
        text("").masked([0; 4]),
        ping("").masked([0; 4]),
        close(1000, "").masked([7; 4]),
    ]));
}

#[test]
fn long_and_fragmented_control_frames_fail_the_connection() {
    paused(each_breaks_the_protocol([
        ping([b'x'; 126]),
        pong([b'x'; 126]),
        frame(wire::CLOSE, wire::close_body(1000, [b'x'; 124])),
        ping(vec![b'x'; 70_000]),
        ping("").declaring(1 << 40),
        ping("x").more(),
        pong("x").more(),
        close(1000, "").more(),
        ping("x").length_in_16_bits(),
    ]));
}

#[test]
fn lengths_that_are_not_the_shortest_fail_the_connection() {
    paused(each_breaks_the_protocol([
        text("x").length_in_16_bits(),
        text([b'x'; 125]).length_in_16_bits(),
        text("").length_in_64_bits(),
        text([b'x'; 126]).length_in_64_bits(),
        binary(vec![b'x'; 65_535]).length_in_64_bits(),
    ]));
}

#[test]
fn a_length_with_its_highest_bit_set_fails_the_connection() {
    paused(async {
        for length in [1 << 63, u64::MAX, 1 << 63 | 5] {
            let bytes = text("x").declaring(length).bytes();
            breaks(&bytes, &[], ErrorKind::Protocol, CloseCode::PROTOCOL_ERROR).await;
        }
    });
}

/// The verdict falls on the header, not on the payload that may never come.
#[test]
fn a_bad_header_fails_before_its_payload_comes() {
    paused(async {
        for bad in [
            text("").rsv(4).declaring(100_000),
            frame(3, "").declaring(100_000),
            continuation("").declaring(100_000),
            binary("").masked([0; 4]).declaring(100_000),
        ] {
            let (mut ws, mut peer) = open();
            peer.send(bad.bytes()).await;
            fail_with(
                &mut ws,
                &mut peer,
                ErrorKind::Protocol,
                CloseCode::PROTOCOL_ERROR,
            )
            .await;
        }
    });
}

/// Nor on the rest of the header, where two bytes tell enough.
#[test]
fn a_bad_header_fails_before_it_is_whole() {
    paused(async {
        for bad in [
            [0x81, 0x85],
            [0x81, 0x80],
            [0x82, 0xfe],
            [0x89, 0x84],
            [0xc1, 0x7e],
            [0x92, 0x7f],
            [0x83, 0x7f],
            [0x89, 0x7e],
            [0x09, 0x00],
        ] {
            breaks(&bad, &[], ErrorKind::Protocol, CloseCode::PROTOCOL_ERROR).await;
        }
    });
}

#[test]
fn nothing_behind_the_first_error_is_delivered() {
    paused(async {
        let mut bytes = wire::concat([&text("good"), &text("bad").rsv(1)]);
        for _ in 0..1000 {
            bytes.extend(wire::concat([&text("late"), &ping("late")]));
        }
        breaks(
            &bytes,
            &["good"],
            ErrorKind::Protocol,
            CloseCode::PROTOCOL_ERROR,
        )
        .await;
    });
}

#[test]
fn every_length_form_arrives_whole() {
    paused(async {
        let (mut ws, mut peer) = open();
        let lengths = [0, 1, 125, 126, 127, 65_535, 65_536, 65_537, 300_000];
        let sender = tokio::spawn(async move {
            for length in lengths {
                peer.send(binary(pattern(length)).bytes()).await;
            }
            peer
        });
        for length in lengths {
            assert_eq!(next_binary(&mut ws).await, pattern(length));
        }
        drop(sender.await.unwrap());
    });
}

fn pattern(length: usize) -> Vec<u8> {
    (0..251).cycle().take(length).collect()
}

#[test]
fn frames_that_come_byte_by_byte_arrive_whole() {
    paused(async {
        let (near, far) = tokio::io::duplex(1 << 20);
        let mut ws = upgraded(
            Chaos::over(near)
                .read_cuts(Cuts::Every(1))
                .write_cuts(Cuts::Every(1)),
            Config::default(),
        );
        let mut peer = Peer::new(far);
        let long = "é€𝄞".repeat(8_000);
        let frames = [
            text("one"),
            text("").more(),
            continuation("tw").more(),
            ping("p"),
            continuation("o"),
            text(&long),
        ];
        peer.send(wire::concat(&frames)).await;
        assert_eq!(next_text(&mut ws).await, "one");
        assert_eq!(next_text(&mut ws).await, "two");
        assert_eq!(next_text(&mut ws).await, long);
        peer.expect(wire::PONG, "p").await;
        ws.send_text(&long).await.unwrap();
        peer.expect(wire::TEXT, &long).await;
    });
}

#[test]
fn stalls_inside_a_frame_are_waited_out() {
    paused(async {
        for stall in [1_800, 5_000] {
            let stall = Duration::from_millis(stall);
            let (mut ws, mut peer) = open();
            // All of it within 30 s, or it would not be progress enough.
            let bytes = wire::concat([&text("é".repeat(60)).more(), &continuation("end")]);
            let feeder = tokio::spawn(async move {
                for cut in bytes.chunks(33) {
                    peer.send(cut).await;
                    sleep(stall).await;
                }
                peer
            });
            assert_eq!(next_text(&mut ws).await, "é".repeat(60) + "end");
            drop(feeder.await.unwrap());
        }
    });
}
