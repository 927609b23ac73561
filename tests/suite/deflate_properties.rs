//! Any message, any parameters, any cut: what a server compresses arrives as it was, and what is
//! sent arrives at a server.

use longwire::{Compress, Deflate, Message, SendOptions};

use crate::support::compressed::{agreeing, asking, marked, received};
use crate::support::deflate::{Blocks, Encoder, by_miniz};
use crate::support::inflate::StrictInflater;
use crate::support::io::{Chaos, Cuts};
use crate::support::random::Random;
use crate::support::run::paused;
use crate::support::scripted::Peer;
use crate::support::wire::{self, continuation, ping};

/// What two sides may agree to.
#[derive(Debug)]
struct Agreement {
    server_bits: u8,
    client_bits: u8,
    server_takeover: bool,
    client_takeover: bool,
}

impl Agreement {
    fn any(random: &mut Random) -> Self {
        Self {
            server_bits: u8::try_from(8 + random.below(8)).unwrap(),
            client_bits: u8::try_from(9 + random.below(7)).unwrap(),
            server_takeover: random.one_in(2),
            client_takeover: random.one_in(2),
        }
    }

    fn parameters(&self) -> String {
        let mut parameters = format!(
            "; server_max_window_bits={}; client_max_window_bits={}",
            self.server_bits, self.client_bits
        );
        for (takeover, name) in [
            (self.server_takeover, "; server_no_context_takeover"),
            (self.client_takeover, "; client_no_context_takeover"),
        ] {
            if !takeover {
                parameters.push_str(name);
            }
        }
        parameters
    }
}

/// A message that may resemble those before it, itself, or nothing.
fn any_message(random: &mut Random, earlier: &mut Vec<Message>) -> Message {
    let sizes = [
        0, 1, 5, 64, 125, 126, 150, 1_000, 4_096, 5_000, 40_000, 70_000,
    ];
    let size = *random.pick(&sizes);
    let message = match random.below(6) {
        0 | 1 if !earlier.is_empty() => random.pick(earlier).clone(),
        0..=2 => Message::from(random.text(size)),
        3 => Message::from(random.bytes(size)),
        _ => {
            let piece = 1 + random.below(300);
            let piece = random.bytes(piece);
            Message::from(piece.repeat(size / piece.len() + 1))
        }
    };
    earlier.push(message.clone());
    message
}

/// The payload of a message in one of the ways that servers compress.
fn any_payload(random: &mut Random, encoder: &mut Encoder, content: &[u8]) -> Vec<u8> {
    // Whatever of it refers to nothing goes by any encoder, but must be remembered.
    let symbols = encoder.symbols(content);
    match random.below(6) {
        0 => by_miniz(content),
        1 => content
            .chunks(1 + random.below(60_000))
            .fold(Blocks::default(), |blocks, part| {
                let blocks = blocks.stored(false, part);
                if random.one_in(4) {
                    blocks.fixed(false, &[])
                } else {
                    blocks
                }
            })
            .message(),
        2 => {
            let (first, second) = symbols.split_at(random.below(symbols.len() + 1));
            Blocks::default()
                .fixed(false, first)
                .fixed(false, second)
                .message()
        }
        3 => Blocks::default().fixed(true, &symbols).message(),
        _ => Blocks::default().fixed(false, &symbols).message(),
    }
}

/// The frames of a message, in fragments with anything that may stand between them.
fn any_frames(random: &mut Random, message: &Message, encoder: &mut Encoder) -> Vec<u8> {
    let opcode = if message.is_text() {
        wire::TEXT
    } else {
        wire::BINARY
    };
    let compressed = !random.one_in(5);
    let payload = if compressed {
        any_payload(random, encoder, message.as_bytes())
    } else {
        message.as_bytes().to_vec()
    };
    let mut cuts = vec![0, payload.len()];
    for _ in 0..random.below(4) {
        cuts.push(random.below(payload.len() + 1));
    }
    cuts.sort_unstable();
    let mut bytes = Vec::new();
    for (number, cut) in cuts.windows(2).enumerate() {
        let part = &payload[cut[0]..cut[1]];
        let frame = match number {
            0 if compressed => marked(wire::frame(opcode, part)),
            0 => wire::frame(opcode, part),
            _ => continuation(part),
        };
        let last = number + 2 == cuts.len();
        bytes.extend(if last { frame } else { frame.more() }.bytes());
        if random.one_in(5) {
            bytes.extend(ping("between").bytes());
        }
    }
    bytes
}

#[test]
fn what_any_server_compresses_arrives_as_it_was() {
    paused(async {
        let mut random = Random::new();
        for round in 0..60 {
            let agreement = Agreement::any(&mut random);
            let (near, far) = tokio::io::duplex(1 << 16);
            let near = Chaos::over(near)
                .read_cuts(Cuts::Random(random.fork(), *random.pick(&[3, 700, 70_000])))
                .not_ready_one_in(7, random.fork());
            let mut peer = Peer::new(far);
            let mut encoder = Encoder::new(agreement.server_bits, agreement.server_takeover);
            let mut earlier = Vec::new();
            let mut bytes = Vec::new();
            for _ in 0..8 {
                let message = any_message(&mut random, &mut earlier);
                // Uncompressed messages are no part of what is remembered.
                bytes.extend(any_frames(&mut random, &message, &mut encoder));
            }
            let server = async {
                let request = peer.request().await;
                peer.send(agreeing(&request, &agreement.parameters())).await;
                peer.send(&bytes).await;
            };
            let connect = asking(Deflate::default());
            let client = async {
                let mut ws = connect.over(near).await.unwrap();
                for expected in &earlier {
                    let message = ws.next().await.unwrap().unwrap();
                    assert!(message == *expected, "round {round}: {agreement:?}");
                }
                ws
            };
            tokio::join!(client, server);
        }
    });
}

#[test]
fn what_is_sent_arrives_at_a_decoder_that_forgives_nothing() {
    paused(async {
        let mut random = Random::new();
        for round in 0..60 {
            let agreement = Agreement::any(&mut random);
            let (near, far) = tokio::io::duplex(1 << 16);
            let near = Chaos::over(near)
                .write_cuts(Cuts::Random(random.fork(), *random.pick(&[3, 700, 70_000])));
            let mut peer = Peer::new(far);
            let mut earlier = Vec::new();
            let choices = [Compress::Default, Compress::Always, Compress::Never];
            let sends: Vec<_> = (0..8)
                .map(|_| {
                    let message = any_message(&mut random, &mut earlier);
                    (message, *random.pick(&choices))
                })
                .collect();
            let settings = Deflate::default()
                .level(u8::try_from(1 + random.below(9)).unwrap())
                .client_max_window_bits(15)
                .min_size(random.below(200));
            let mut connect = asking(settings);
            if random.one_in(2) {
                connect = connect.fragment_size(1 + random.below(5_000));
            }
            let client = async {
                let mut ws = connect.over(near).await.unwrap();
                for (message, compress) in &sends {
                    let options = SendOptions::default().compress(*compress);
                    ws.send_with(message.clone(), options).await.unwrap();
                }
                ws
            };
            let server = async {
                let request = peer.request().await;
                peer.send(agreeing(&request, &agreement.parameters())).await;
                peer.may_compress();
                let mut inflater =
                    StrictInflater::new(agreement.client_bits, agreement.client_takeover);
                for (message, compress) in &sends {
                    let (content, compressed) = received(&mut peer, &mut inflater).await;
                    assert!(
                        content == message.as_bytes(),
                        "round {round}: {agreement:?}"
                    );
                    match compress {
                        Compress::Always => assert!(compressed),
                        Compress::Never => assert!(!compressed),
                        _ => {}
                    }
                }
            };
            tokio::join!(client, server);
        }
    });
}
