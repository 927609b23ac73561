//! A scripted exchange through the chaos proxy: wherever it is cut, and whatever the weather, nothing
//! hangs, nothing comes garbled or out of order, and nothing is missing without an error.

use std::time::Duration;

use longwire::{CloseCode, Error, ErrorKind, Message, Phase};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::time::{Instant, timeout};

use crate::support::chaos::{End, Then, Weather, connection};
use crate::support::random::Random;
use crate::support::request::{Request, Response};
use crate::support::run::paused;
use crate::support::scripted::join;
use crate::support::wire::{self, ClientFrames, binary, close, continuation, ping, text};

/// Every cut up to here is tried; the exchange is longer, in both directions.
const CUTS: usize = 4_096;

#[test]
fn a_reset_at_every_byte_to_the_server_loses_nothing_without_an_error() {
    every_cut(|cut| (Weather::until(cut, Then::Reset), Weather::fair()));
}

#[test]
fn a_reset_at_every_byte_to_the_client_loses_nothing_without_an_error() {
    every_cut(|cut| (Weather::fair(), Weather::until(cut, Then::Reset)));
}

#[test]
fn an_end_at_every_byte_to_the_server_loses_nothing_without_an_error() {
    every_cut(|cut| (Weather::until(cut, Then::Finish), Weather::fair()));
}

#[test]
fn an_end_at_every_byte_to_the_client_loses_nothing_without_an_error() {
    every_cut(|cut| (Weather::fair(), Weather::until(cut, Then::Finish)));
}

fn every_cut(weather: impl Fn(usize) -> (Weather, Weather)) {
    paused(async {
        let mut random = Random::new();
        let exchange = Exchange {
            there: messages(&mut random, &[0, 5, 125, 1_300, 2_700]),
            back: messages(&mut random, &[2_600, 126, 1, 0, 1_300]),
        };
        for cut in 0..=CUTS {
            let (to_server, to_client) = weather(cut);
            let to_client_only = to_server.then.is_none();
            let (client, server) = connection(to_server, to_client, &mut random);
            let (told, moved) = exchange.play(client, server).await;
            if to_client_only {
                let arrived = moved.whole_at.iter().filter(|end| **end <= cut).count();
                assert_eq!(moved.given, arrived, "cut at {cut}: given, and arrived");
            }
            match told {
                Told::Error(error) => {
                    let kinds = [ErrorKind::Reset, ErrorKind::Handshake, ErrorKind::Io];
                    assert!(kinds.contains(&error.kind()), "cut at {cut}: {error:?}");
                }
                Told::NotClean => {}
                Told::Well => panic!("cut at {cut}, and all is said to be well"),
            }
        }
        let (client, server) = connection(Weather::fair(), Weather::fair(), &mut random);
        let (told, moved) = exchange.play(client, server).await;
        assert!(matches!(told, Told::Well), "nothing was cut: {told:?}");
        assert!(moved.there > CUTS && moved.back > CUTS, "{moved:?}");
    });
}

#[test]
fn any_weather_delivers_everything_or_says_that_it_did_not() {
    const LENGTHS: [usize; 6] = [0, 1, 100, 126, 2_000, 4_000];
    let mut random = Random::new();
    let (mut well, mut badly) = (0, 0);
    for round in 0..100 {
        let exchange = Exchange {
            there: messages(&mut random, &LENGTHS),
            back: messages(&mut random, &LENGTHS),
        };
        let total = LENGTHS.iter().sum();
        let to_server = Weather::random(&mut random, total);
        let to_client = Weather::random(&mut random, total);
        let is_cut = to_server.then.is_some() || to_client.then.is_some();
        let forecast = format!("round {round}: {to_server:?}, {to_client:?}");
        let told = paused(async {
            let (client, server) = connection(to_server, to_client, &mut random);
            exchange.play(client, server).await.0
        });
        if matches!(told, Told::Well) {
            well += 1;
        } else {
            assert!(is_cut, "{forecast}: {told:?}");
            badly += 1;
        }
    }
    assert!(well > 10 && badly > 10, "{well} went well, {badly} badly");
}

/// Random content of about these lengths, text and binary in turn.
fn messages(random: &mut Random, lengths: &[usize]) -> Vec<Message> {
    let mut is_text = false;
    let mut message = |length| {
        is_text = !is_text;
        if is_text {
            Message::from(random.text(length))
        } else {
            Message::from(random.bytes(length))
        }
    };
    lengths.iter().map(|length| message(*length)).collect()
}

/// What each side sends, whenever it can.
struct Exchange {
    there: Vec<Message>,
    back: Vec<Message>,
}

/// What the client was told in the end.
#[derive(Debug)]
enum Told {
    /// Everything was sent and received, and the closing handshake was done.
    Well,
    Error(Error),
    /// `close` said so; there may have been an error before.
    NotClean,
}

/// What moved: bytes that the server read and wrote, and messages.
#[derive(Debug, Default)]
struct Moved {
    there: usize,
    back: usize,
    /// Behind how many bytes to the client each message is whole.
    whole_at: Vec<usize>,
    /// How many messages the client was given.
    given: usize,
}

/// How long opening and closing may take here: longer than any weather without a cut takes.
const DEADLINE: Duration = Duration::from_secs(60);

/// How long the server waits for anything, and the client at most: a dead peer is noticed much earlier.
const PATIENCE: Duration = Duration::from_secs(120);

impl Exchange {
    /// The opening handshake, all messages, and a close by the client.
    ///
    /// Panics at a message that was not sent, comes twice or out of order, at one that is missing
    /// although all is said to be well, and when anything takes longer than its deadline.
    async fn play(&self, client: End, server: End) -> (Told, Moved) {
        let (heard, said) = tokio::io::split(server);
        let server = tokio::spawn(serve(heard, said, self.back.clone()));
        let mut given = Vec::new();
        let told = self.be_client(client, &mut given).await;
        assert!(self.back.starts_with(&given), "wrong messages were given");
        let (heard, mut moved) = join(server).await;
        moved.given = given.len();
        assert!(self.there.starts_with(&heard), "wrong messages were heard");
        if matches!(told, Told::Well) {
            let missing = self.there.len() + self.back.len() - heard.len() - given.len();
            assert_eq!(missing, 0, "missing, and all is said to be well");
        }
        (told, moved)
    }

    async fn be_client(&self, io: End, given: &mut Vec<Message>) -> Told {
        let begun = Instant::now();
        let connecting = longwire::connect("ws://server.example/feed")
            .timeout(DEADLINE)
            .close_timeout(DEADLINE)
            .over(io);
        let connected = connecting.await;
        assert!(begun.elapsed() <= DEADLINE + SLACK, "{:?}", begun.elapsed());
        let mut ws = match connected {
            Ok(ws) => ws,
            Err(error) => {
                assert_eq!(error.phase(), Phase::Upgrade);
                return Told::Error(error);
            }
        };
        let mut is_well = true;
        for message in &self.there {
            let sent = timeout(PATIENCE, ws.send(message.clone())).await;
            if let Err(refused) = sent.expect("a send never ends") {
                // The reason comes from `next`, too.
                assert!(
                    matches!(refused.kind(), ErrorKind::Closed | ErrorKind::Reset),
                    "{refused:?}"
                );
                is_well = false;
            }
        }
        while given.len() < self.back.len() {
            let next = timeout(PATIENCE, ws.next()).await;
            match next.expect("the peer is dead, and nobody says so") {
                Some(Ok(message)) => given.push(message),
                Some(Err(error)) => {
                    assert!(ws.next().await.is_none(), "an item behind an error");
                    return Told::Error(error);
                }
                None => panic!("a clean end that nobody asked for"),
            }
        }
        let begun = Instant::now();
        let closed = ws.close(CloseCode::NORMAL, "").await;
        assert!(begun.elapsed() <= DEADLINE + SLACK, "{:?}", begun.elapsed());
        assert!(ws.next().await.is_none(), "an item behind the end");
        match closed {
            Ok(info) if info.clean && is_well && given.len() == self.back.len() => Told::Well,
            Ok(_) => Told::NotClean,
            Err(error) => Told::Error(error),
        }
    }
}

/// Between a deadline and its being noticed.
const SLACK: Duration = Duration::from_millis(100);

/// A server for which any end is good: it sends its messages while it reads, and answers a Close.
async fn serve(
    mut from: ReadHalf<End>,
    mut to: WriteHalf<End>,
    messages: Vec<Message>,
) -> (Vec<Message>, Moved) {
    let mut heard = Vec::new();
    let mut moved = Moved::default();
    let Some(request) = read_request(&mut from).await else {
        return (heard, moved);
    };
    let mut bytes = Response::to(&Request::parse(&request)).bytes();
    moved.there = request.len();
    for message in &messages {
        bytes.extend(in_two_frames(message));
        moved.whole_at.push(bytes.len());
    }
    moved.back = bytes.len();
    let saying = async {
        let said = to.write_all(&bytes).await;
        (said.is_ok(), to)
    };
    let hearing = async {
        let closed = hear(&mut from, &mut heard, &mut moved.there).await;
        (closed, from)
    };
    // It gives up in the end, for there is weather in which neither side hears of the other again.
    let both = timeout(10 * PATIENCE, async { tokio::join!(saying, hearing) });
    if let Ok(((true, mut to), (true, _from))) = both.await {
        let _ = to.write_all(&close(1000, "").bytes()).await;
        let _ = to.shutdown().await;
    }
    (heard, moved)
}

/// The head of the request; `None` when it never becomes whole.
async fn read_request(from: &mut ReadHalf<End>) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(timeout(PATIENCE, from.read_u8()).await.ok()?.ok()?);
    }
    Some(head)
}

fn in_two_frames(message: &Message) -> Vec<u8> {
    let first = if message.is_text() { text } else { binary };
    let (one, two) = message.as_bytes().split_at(message.len() / 3);
    wire::concat([&first(one).more(), &ping("here?"), &continuation(two)])
}

/// Reads until the client's Close; `false` when something else ends it.
async fn hear(from: &mut ReadHalf<End>, heard: &mut Vec<Message>, moved: &mut usize) -> bool {
    let mut frames = ClientFrames::default();
    let mut buffer = [0; 1_024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        *moved += read;
        frames.push(&buffer[..read]);
        while let Some(frame) = frames.next() {
            match frame.opcode {
                wire::CLOSE => return true,
                wire::TEXT => heard.push(String::from_utf8(frame.payload).unwrap().into()),
                wire::BINARY => heard.push(frame.payload.into()),
                wire::PING | wire::PONG => {}
                _ => panic!("a fragment of a message: {frame:?}"),
            }
        }
    }
    false
}
