//! What `tracing` is told: how a connection comes about, lives and ends, and nothing that it carries.

use std::fmt::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use longwire::{CloseCode, ErrorKind, Liveness, Phase};
use tokio::time::sleep;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use support::run::paused;
use support::scripted::{Peer, open};
use support::verdict::{fails, next_text};
use support::wire::{self, close, ping, pong, text};

#[path = "../support/mod.rs"]
#[allow(unused, reason = "it is shared, and the suite uses all of it")]
mod support;

/// Collects everything, in lines: level, name of the span or `event`, and all fields.
#[derive(Debug, Clone, Default)]
struct Collector {
    lines: Arc<Mutex<Vec<(Level, String)>>>,
    spans: Arc<AtomicU64>,
}

impl Collector {
    fn add(&self, metadata: &Metadata<'_>, name: &str, record: impl FnOnce(&mut Line)) {
        assert_eq!(metadata.target(), "longwire");
        let mut line = Line(name.to_owned());
        record(&mut line);
        self.lines.lock().unwrap().push((*metadata.level(), line.0));
    }

    fn told(&self) -> Vec<(Level, String)> {
        self.lines.lock().unwrap().clone()
    }

    /// The first line with all of these words.
    #[track_caller]
    fn expect(&self, words: &[&str]) -> Level {
        let told = self.told();
        let found = told
            .iter()
            .find(|(_, line)| words.iter().all(|word| line.contains(word)));
        found
            .unwrap_or_else(|| panic!("no {words:?} in {told:#?}"))
            .0
    }
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, " {}={value:?}", field.name()).unwrap();
    }
}

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("longwire")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.add(span.metadata(), span.metadata().name(), |line| {
            span.record(line);
        });
        Id::from_u64(1 + self.spans.fetch_add(1, Ordering::Relaxed))
    }

    fn event(&self, event: &Event<'_>) {
        self.add(event.metadata(), "event", |line| event.record(line));
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Runs a test whose events are collected.
///
/// A subscriber of the whole program is there before the first of them: whichever thread comes by a
/// place that tells of something, it finds that somebody listens, which `tracing` then remembers.
fn collected(test: impl AsyncFnOnce()) -> Collector {
    static LISTENED: Once = Once::new();
    LISTENED.call_once(|| tracing::subscriber::set_global_default(Collector::default()).unwrap());
    let collector = Collector::default();
    tracing::subscriber::with_default(collector.clone(), || paused(test()));
    collector
}

#[test]
fn a_connection_is_told_of_from_its_beginning_to_its_end_and_no_secret_is() {
    let collector = collected(async || {
        let (near, far) = tokio::io::duplex(1 << 16);
        let liveness = Liveness::default()
            .interval(Duration::from_secs(7))
            .app_ping("s3cret ask", |text| text == "s3cret answer");
        let connect = longwire::connect("ws://s3cret:s3cret@host.example/feed?token=s3cret")
            .bearer("s3cret")
            .header("x-key", "s3cret")
            .subprotocols(["s3cret"])
            .liveness(liveness)
            .over(near);
        let mut peer = Peer::new(far);
        let server = async {
            peer.switch().await;
            peer.send(text("payload s3cret").bytes()).await;
            peer.send(ping("s3cret").bytes()).await;
        };
        let (ws, ()) = tokio::join!(connect.into_future(), server);
        let mut ws = ws.unwrap();
        assert_eq!(next_text(&mut ws).await, "payload s3cret");
        ws.ping("s3cret ping").await.unwrap();
        ws.nudge();
        ws.send("s3cret request").await.unwrap();
        let server = tokio::spawn(async move {
            loop {
                let frame = peer.next().await.unwrap();
                match frame.opcode {
                    wire::PING => peer.send(pong(frame.payload).bytes()).await,
                    wire::TEXT if frame.payload == b"s3cret ask" => break,
                    _ => {}
                }
            }
            peer.send(text("s3cret answer").bytes()).await;
            sleep(Duration::from_secs(1)).await;
            peer.send(close(4001, "s3cret reason").bytes()).await;
            peer.finish().await;
        });
        assert!(ws.next().await.is_none());
        server.await.unwrap();
    });
    for (_, line) in collector.told() {
        assert!(!line.contains("s3cret"), "{line}");
    }
    collector.expect(&["connect", "host.example"]);
    collector.expect(&["connecting", "opening handshake"]);
    let told = collector.told();
    let entered = told.iter().filter(|(_, line)| line.contains("phase="));
    assert_eq!(entered.count(), 1, "{told:#?}");
    collector.expect(&["event", "connected"]);
    collector.expect(&["connection", "host.example"]);
    collector.expect(&["a Ping is sent"]);
    collector.expect(&["a Ping was answered", "rtt="]);
    collector.expect(&["the application's ping is sent"]);
    collector.expect(&["ended", "code=4001", "by_server=true", "clean=true"]);
}

#[test]
fn a_refusal_is_told_of_without_its_words() {
    let collector = collected(async || {
        let (near, far) = tokio::io::duplex(1 << 16);
        let connect = longwire::connect("ws://host.example/?token=s3cret").over(near);
        let mut peer = Peer::new(far);
        let server = async {
            peer.request().await;
            let refusal = "HTTP/1.1 403 Forbidden\r\nset-cookie: s3cret\r\n\
                           content-length: 6\r\n\r\ns3cret";
            peer.send(refusal).await;
        };
        let (refused, ()) = tokio::join!(connect.into_future(), server);
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Refused);
    });
    for (_, line) in collector.told() {
        assert!(!line.contains("s3cret"), "{line}");
    }
    collector.expect(&["connecting failed", "kind=Refused"]);
}

#[test]
fn a_verdict_of_liveness_is_a_warning() {
    let collector = collected(async || {
        let (mut ws, _peer) = open();
        fails(&mut ws, ErrorKind::NoPong, Phase::Open).await;
    });
    assert_eq!(collector.expect(&["liveness", "kind=NoPong"]), Level::WARN);
    collector.expect(&["ended", "code=1006", "clean=false"]);
}

#[test]
fn a_close_of_our_own_is_told_of() {
    let collector = collected(async || {
        let (mut ws, mut peer) = open();
        let closing = ws.close(CloseCode::NORMAL, "s3cret reason");
        let (info, ()) = tokio::join!(closing, peer.answer_close(1000));
        assert!(info.unwrap().clean);
    });
    collector.expect(&["a Close frame is sent"]);
    collector.expect(&["ended", "code=1000", "clean=true"]);
    for (_, line) in collector.told() {
        assert!(!line.contains("s3cret"), "{line}");
    }
}
