//! `Stream` and `Sink`: the combinators of `futures` work on a connection as on any other.

use std::pin::Pin;

use futures::{FutureExt, Sink, SinkExt, Stream, StreamExt, TryStreamExt, future, stream};
use longwire::{CloseCode, Error, ErrorKind, Message};

use crate::support::run::paused;
use crate::support::scripted::open;
use crate::support::wire::{self, close, text};

#[test]
fn stream_combinators_see_the_messages_and_the_end() {
    paused(async {
        let (mut ws, mut peer) = open();
        peer.send(wire::concat([
            &text("1"),
            &text("two"),
            &text("3"),
            &close(1000, ""),
        ]))
        .await;
        peer.finish().await;
        let numbers: Vec<u32> = StreamExt::by_ref(&mut ws)
            .map(|message| message.unwrap())
            .filter_map(|message| future::ready(message.as_text().unwrap().parse::<u32>().ok()))
            .collect()
            .await;
        assert_eq!(numbers, [1, 3]);
        assert!(ws.close_info().unwrap().clean);
        assert!(ws.try_next().await.unwrap().is_none());
    });
}

#[test]
fn a_failure_stops_a_try_stream() {
    paused(async {
        let (ws, mut peer) = open();
        peer.send(wire::concat([&text("1"), &text("2")])).await;
        peer.finish().await;
        let error = ws.try_collect::<Vec<_>>().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Reset);
    });
}

#[test]
fn sink_combinators_send_in_order() {
    paused(async {
        let (mut ws, mut peer) = open();
        SinkExt::send(&mut ws, Message::from("one")).await.unwrap();
        SinkExt::feed(&mut ws, Message::from("two")).await.unwrap();
        SinkExt::flush(&mut ws).await.unwrap();
        let more = ["three", "four"].map(|text| Ok(Message::from(text)));
        ws.send_all(&mut stream::iter(more)).await.unwrap();
        let mut numbers = ws
            .with(|number: u32| future::ok::<_, Error>(Message::from(number.to_string())))
            .buffer(2);
        for number in [5, 6, 7] {
            numbers.send(number).await.unwrap();
        }
        for expected in ["one", "two", "three", "four", "5", "6", "7"] {
            peer.expect(wire::TEXT, expected).await;
        }
    });
}

#[test]
fn an_echo_is_one_forward() {
    paused(async {
        let (ws, mut peer) = open();
        let echo = tokio::spawn(async move {
            let (sink, stream) = StreamExt::split(ws);
            stream.forward(sink).await
        });
        for number in 0..100 {
            peer.send(text(format!("{number}")).bytes()).await;
            peer.expect(wire::TEXT, format!("{number}")).await;
        }
        peer.send(close(1000, "").bytes()).await;
        peer.finish().await;
        peer.expect_close(1000).await;
        peer.expect_end().await;
        // Forward closes the sink behind the end of the stream, which is in order.
        echo.await.unwrap().unwrap();
    });
}

#[test]
fn closing_the_sink_is_a_close_with_1000() {
    paused(async {
        let (mut ws, mut peer) = open();
        let server = tokio::spawn(async move {
            peer.expect(wire::TEXT, "fed").await;
            peer.answer_close(1000).await;
            peer.expect_end().await;
        });
        ws.feed("fed").await.unwrap();
        SinkExt::close(&mut ws).await.unwrap();
        let info = ws.close_info().unwrap();
        assert_eq!((info.code, info.clean), (Some(CloseCode::NORMAL), true));
        assert!(ws.next().await.is_none());
        server.await.unwrap();
    });
}

#[test]
fn closing_the_sink_twice_is_no_error() {
    paused(async {
        let (mut ws, mut peer) = open();
        let server = tokio::spawn(async move {
            peer.answer_close(1000).await;
            peer.expect_end().await;
        });
        SinkExt::close(&mut ws).await.unwrap();
        SinkExt::close(&mut ws).await.unwrap();
        server.await.unwrap();
    });
}

#[test]
fn the_sink_is_refused_behind_the_end() {
    paused(async {
        let (mut ws, mut peer) = open();
        peer.finish().await;
        ws.next().await.unwrap().unwrap_err();
        let error = SinkExt::send(&mut ws, Message::from("late"))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Closed);
    });
}

#[test]
fn a_connection_is_usable_as_a_trait_object() {
    paused(async {
        let (ws, mut peer) = open();
        let mut erased: Pin<Box<dyn Duplex>> = Box::pin(ws);
        erased.send(Message::from("hello")).await.unwrap();
        peer.expect(wire::TEXT, "hello").await;
        peer.send(text("back").bytes()).await;
        let message = StreamExt::next(&mut erased).await.unwrap().unwrap();
        assert_eq!(message.as_text(), Some("back"));
        assert!(StreamExt::next(&mut erased).now_or_never().is_none());
    });
}

trait Duplex:
    Stream<Item = Result<Message, Error>> + Sink<Message, Error = Error> + Send + Sync
{
}

impl<T> Duplex for T where
    T: Stream<Item = Result<Message, Error>> + Sink<Message, Error = Error> + Send + Sync
{
}
