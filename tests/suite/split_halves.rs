//! The halves of `split`: what each can do, what a clone may hold, and the way back.

use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::future::poll_immediate;
use futures::{Sink, SinkExt, StreamExt};
use longwire::{
    CloseCode, Config, ControlFrame, ErrorKind, Message, TrySendError, WsReceiver, WsSender,
    WsStream,
};
use tokio::io::DuplexStream;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep};

use crate::support::pipe::pipe;
use crate::support::run::paused;
use crate::support::scripted::{Peer, join, open_with, upgraded};
use crate::support::wire::{self, close, ping, pong, text};

fn split_with(
    config: Config,
) -> (
    WsSender<DuplexStream>,
    WsReceiver<DuplexStream>,
    Peer<DuplexStream>,
) {
    let (ws, peer) = open_with(config);
    let (sender, receiver) = ws.split();
    (sender, receiver, peer)
}

fn split() -> (
    WsSender<DuplexStream>,
    WsReceiver<DuplexStream>,
    Peer<DuplexStream>,
) {
    split_with(Config::default())
}

/// Connections whose pipe takes 100 bytes, and 1,000 more are queued: there is no room.
async fn full() -> (
    WsSender<DuplexStream>,
    WsReceiver<DuplexStream>,
    Peer<DuplexStream>,
) {
    let (near, far) = tokio::io::duplex(100);
    let ws = upgraded(near, Config::default().write_high_water(0));
    let (mut sender, receiver) = ws.split();
    sender.feed_binary(&[7; 1_000]).await.unwrap();
    (sender, receiver, Peer::new(far))
}

async fn expect_the_filling(peer: &mut Peer<DuplexStream>) {
    peer.expect(wire::BINARY, [7; 1_000]).await;
}

#[test]
fn the_halves_can_go_where_the_stream_can() {
    fn is_send_sync_unpin<T: Send + Sync + Unpin>() {}
    fn is_static<T: 'static>() {}
    is_send_sync_unpin::<WsSender>();
    is_send_sync_unpin::<WsReceiver>();
    is_send_sync_unpin::<WsSender<DuplexStream>>();
    is_static::<WsReceiver>();
}

#[test]
fn every_way_to_send_arrives_in_order() {
    paused(async {
        let (mut sender, mut receiver, mut peer) = split();
        sender.send("1").await.unwrap();
        sender.send_text("2").await.unwrap();
        sender.send_binary(b"3").await.unwrap();
        sender.feed("4").await.unwrap();
        sender.feed_text("5").await.unwrap();
        sender.feed_binary(b"6").await.unwrap();
        sender.clone().flush().await.unwrap();
        sender.try_send("7").unwrap();
        sender.reserve().await.unwrap().send("8").unwrap();
        SinkExt::send(&mut sender, "9".into()).await.unwrap();
        for number in 1..=9_u8 {
            let frame = peer.next().await.unwrap();
            assert_eq!(frame.payload, [b'0' + number]);
            let binary = matches!(number, 3 | 6);
            assert_eq!(frame.opcode == wire::BINARY, binary);
        }
        assert_eq!(sender.stats().sent.messages, 9);

        peer.send(wire::concat([&text("a"), &ping("p"), &text("b")]))
            .await;
        assert_eq!(receiver.next().await.unwrap().unwrap(), "a".into());
        let second = StreamExt::next(&mut receiver).await.unwrap().unwrap();
        assert_eq!(second, "b".into());
        peer.expect(wire::PONG, "p").await;
        assert_eq!(receiver.stats().received.messages, 2);
    });
}

#[test]
fn a_message_that_does_not_fit_comes_back_whole() {
    paused(async {
        let (sender, mut receiver, mut peer) = full().await;
        let refused = sender.try_send("mine").unwrap_err();
        assert!(refused.is_full());
        assert_eq!(refused, TrySendError::Full("mine".into()));
        let reading = tokio::spawn(async move { receiver.next().await });
        expect_the_filling(&mut peer).await;
        sender.try_send(refused.into_message()).unwrap();
        peer.expect(wire::TEXT, "mine").await;
        peer.send(close(1000, "").bytes()).await;
        peer.finish().await;
        assert!(join(reading).await.is_none());
        let refused = sender.try_send("late").unwrap_err();
        assert_eq!(refused, TrySendError::Closed("late".into()));
    });
}

#[test]
fn a_permit_keeps_room_and_gives_it_back() {
    paused(async {
        let (near, far) = tokio::io::duplex(100);
        let ws = upgraded(near, Config::default().write_high_water(0));
        let (mut sender, _receiver) = ws.split();
        let mut other = sender.clone();
        let permit = sender.reserve().await.unwrap();
        other.feed_binary(&[7; 1_000]).await.unwrap();
        // No room for anybody else, but what was reserved may be used.
        assert!(poll_immediate(pin!(other.reserve())).await.is_none());
        permit.send("reserved").unwrap();
        assert!(poll_immediate(pin!(sender.reserve())).await.is_none());

        let mut peer = Peer::new(far);
        expect_the_filling_while(&mut peer, &mut other).await;
        peer.expect(wire::TEXT, "reserved").await;
        drop(sender.reserve().await.unwrap());
        other.feed_binary(&[7; 1_000]).await.unwrap();
        assert!(
            poll_immediate(pin!(sender.reserve())).await.is_none(),
            "a permit that was dropped still counts"
        );
    });
}

async fn expect_the_filling_while(
    peer: &mut Peer<DuplexStream>,
    sender: &mut WsSender<DuplexStream>,
) {
    let (flushed, ()) = tokio::join!(sender.flush(), expect_the_filling(peer));
    flushed.unwrap();
}

#[test]
fn each_clone_holds_a_right_of_its_own_between_ready_and_start() {
    paused(async {
        let (near, far) = tokio::io::duplex(100);
        let ws = upgraded(near, Config::default().write_high_water(0));
        let (sender, _receiver) = ws.split();
        let cx = &mut Context::from_waker(Waker::noop());
        let mut clones: Vec<_> = (0..5).map(|_| sender.clone()).collect();
        for clone in &mut clones {
            assert!(Pin::new(clone).poll_ready(cx).is_ready());
        }
        for (number, clone) in clones.iter_mut().enumerate() {
            let message = Message::from(vec![b'0'; 200 + number]);
            assert!(Pin::new(&mut *clone).poll_ready(cx).is_ready(), "{number}");
            Pin::new(&mut *clone).start_send(message).unwrap();
            assert!(Pin::new(clone).poll_ready(cx).is_pending(), "{number}");
        }
        let mut peer = Peer::new(far);
        let flushing = tokio::spawn(async move { clones[0].flush().await.map(|()| clones) });
        for number in 0..5 {
            assert_eq!(peer.next().await.unwrap().payload.len(), 200 + number);
        }
        let mut clones = join(flushing).await.unwrap();
        for clone in &mut clones {
            assert!(Pin::new(clone).poll_ready(cx).is_ready());
        }
    });
}

/// A flush waits for what was queued when it began, not for what others queue behind it.
#[test]
fn a_flush_is_not_held_up_by_other_clones() {
    paused(async {
        let (near, far) = pipe(5);
        let (mut sender, _receiver) = upgraded(near, Config::default()).split();
        let mut other = sender.clone();
        let mut sending = pin!(sender.send("mine"));
        assert!(poll_immediate(&mut sending).await.is_none());
        other.feed_binary(&[7; 1_000]).await.unwrap();
        assert_eq!(far.take(usize::MAX).len(), 5);
        let sent = poll_immediate(&mut sending).await;
        assert!(sent.is_some_and(|sent| sent.is_ok()), "10 bytes were taken");
    });
}

#[test]
fn halves_of_one_connection_become_one_stream_again() {
    paused(async {
        let (sender, receiver, mut peer) = split();
        let (stranger, _other_receiver, _other_peer) = split();
        let error = receiver.reunite(stranger).unwrap_err();
        assert!(!error.to_string().is_empty());
        let (_stranger, receiver) = error.into_halves();
        let clone = sender.clone();
        let (mut sender, receiver) = receiver.reunite(sender).unwrap_err().into_halves();
        drop(clone);
        sender.feed("queued").await.unwrap();
        let mut ws: WsStream<_> = receiver.reunite(sender).unwrap();
        ws.flush().await.unwrap();
        peer.expect(wire::TEXT, "queued").await;
        peer.send(text("read").bytes()).await;
        assert_eq!(ws.next().await.unwrap().unwrap(), "read".into());

        // Split again, it is as good as new.
        let (mut sender, mut receiver) = ws.split();
        let reading = tokio::spawn(async move { receiver.next().await });
        yield_now().await;
        sender.send("again").await.unwrap();
        peer.expect(wire::TEXT, "again").await;
        peer.send(text("last").bytes()).await;
        assert_eq!(join(reading).await.unwrap().unwrap(), "last".into());
    });
}

#[test]
fn a_ping_gives_the_time_to_its_own_pong() {
    paused(async {
        let (mut sender, mut receiver, mut peer) = split();
        let reading = tokio::spawn(async move { receiver.next().await });
        let mut other = sender.clone();
        let first = tokio::spawn(async move { sender.ping().await });
        let payload = peer.next().await.unwrap().payload;
        sleep(Duration::from_millis(100)).await;
        let second = tokio::spawn(async move { other.ping().await });
        let last_payload = peer.next().await.unwrap().payload;
        assert_ne!(payload, last_payload);
        sleep(Duration::from_millis(30)).await;
        peer.send(wire::concat([&pong("unasked"), &pong(&payload)]))
            .await;
        let millis = |time: Duration| time.as_millis();
        assert_eq!(millis(join(first).await.unwrap()), 130);
        sleep(Duration::from_millis(50)).await;
        assert!(!second.is_finished(), "another's Pong was taken");
        peer.send(pong(&last_payload).bytes()).await;
        assert_eq!(millis(join(second).await.unwrap()), 80);
        drop(peer);
        assert!(join(reading).await.unwrap().is_err());
    });
}

#[test]
fn a_ping_that_nobody_answers_ends_in_time() {
    paused(async {
        let (mut sender, _receiver, peer) = split();
        let begun = Instant::now();
        let error = sender.ping().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoPong);
        assert_eq!(begun.elapsed().as_secs(), 20);
        drop(peer);
    });
}

#[test]
fn without_senders_the_receiver_goes_on() {
    paused(async {
        let (sender, mut receiver, mut peer) = split();
        drop(sender.clone());
        drop(sender);
        peer.send(wire::concat([&ping("p"), &text("on")])).await;
        assert_eq!(receiver.next().await.unwrap().unwrap(), "on".into());
        peer.expect(wire::PONG, "p").await;
        receiver.sender().send("a new one").await.unwrap();
        peer.expect(wire::TEXT, "a new one").await;
    });
}

#[test]
fn without_a_receiver_the_senders_answer_pings_and_notice_the_end() {
    paused(async {
        let (mut sender, receiver, mut peer) = split();
        let mut other = sender.clone();
        let closed = tokio::spawn(async move { other.closed().await });
        yield_now().await;
        drop(receiver);
        peer.send(wire::concat([&text("nobody's"), &ping("p")]))
            .await;
        peer.expect(wire::PONG, "p").await;
        sender.send("still").await.unwrap();
        peer.expect(wire::TEXT, "still").await;
        peer.send(close(4000, "enough").bytes()).await;
        peer.finish().await;
        let info = join(closed).await;
        assert_eq!((info.code, info.clean), (Some(CloseCode(4000)), true));
        let error = sender.send("late").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Closed);
        assert!(sender.is_closed());
    });
}

#[test]
fn without_both_halves_the_transport_is_gone() {
    paused(async {
        let (sender, receiver, mut peer) = split();
        let clone = sender.clone();
        drop((receiver, sender));
        assert!(poll_immediate(pin!(peer.next())).await.is_none());
        drop(clone);
        peer.expect_end().await;
    });
}

/// An observer is called when the connection's lock is free: it may use the halves.
#[test]
fn an_observer_may_send() {
    paused(async {
        let (near, far) = tokio::io::duplex(1_000);
        let mine: Arc<OnceLock<Mutex<WsSender<DuplexStream>>>> = Arc::default();
        let server = tokio::spawn(async move {
            let mut peer = Peer::new(far);
            peer.switch().await;
            peer.send(ping("p").bytes()).await;
            peer.expect(wire::PONG, "p").await;
            peer.expect(wire::TEXT, "seen").await;
            peer.send(close(1000, "").bytes()).await;
            peer.finish().await;
            peer.expect_close(1000).await;
        });
        let ws = longwire::connect("ws://localhost/")
            .on_control({
                let mine = Arc::clone(&mine);
                move |frame| {
                    if let ControlFrame::Ping(_) = frame {
                        let sender = mine.get().unwrap().lock().unwrap();
                        sender.try_send("seen").unwrap();
                    }
                }
            })
            .over(near)
            .await
            .unwrap();
        let (sender, mut receiver) = ws.split();
        assert_eq!(sender.handshake().response().status(), 101);
        mine.set(Mutex::new(sender)).unwrap();
        assert!(receiver.next().await.is_none());
        assert!(receiver.close_info().unwrap().clean);
        join(server).await;
    });
}

/// Whoever had to wait for room goes before whoever comes later, so that a clone that never pauses
/// keeps nobody out.
#[test]
fn a_busy_clone_does_not_starve_another() {
    paused(async {
        let (near, far) = tokio::io::duplex(64);
        let ws = upgraded(near, Config::default().write_high_water(0));
        let (mut sender, _receiver) = ws.split();
        let mut busy = sender.clone();
        let busy = tokio::spawn(async move { while busy.feed_binary(&[7; 100]).await.is_ok() {} });
        let reading = tokio::spawn(async move {
            let mut peer = Peer::new(far);
            let mut before = 0;
            while peer.next().await.unwrap().opcode == wire::BINARY {
                before += 1;
            }
            before
        });
        yield_now().await;
        // On a task of its own: the runtime polls the test itself only now and then.
        let before = tokio::spawn(async move {
            let before = sender.stats().sent.messages;
            sender.send("please").await.unwrap();
            before
        });
        let meanwhile = join(reading).await - join(before).await;
        assert!(
            meanwhile < 5,
            "{meanwhile} messages of the busy one went first"
        );
        busy.abort();
    });
}

#[test]
fn poll_flush_begins_anew_behind_a_new_message() {
    paused(async {
        let (mut sender, _receiver, mut peer) = full().await;
        let cx = &mut Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut sender).poll_flush(cx).is_pending());
        Pin::new(&mut sender).start_send("more".into()).unwrap();
        let reading = tokio::spawn(async move {
            expect_the_filling(&mut peer).await;
            peer.expect(wire::TEXT, "more").await;
            peer
        });
        SinkExt::flush(&mut sender).await.unwrap();
        let peer = join(reading).await;
        let flushed = Pin::new(&mut sender).poll_flush(cx);
        assert!(matches!(flushed, Poll::Ready(Ok(()))));
        drop(peer);
    });
}
