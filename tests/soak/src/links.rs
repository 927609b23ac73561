//! Four links at once, over which numbered messages go and come back.

use std::fmt::Write;
use std::net::SocketAddr;

use longwire::{CloseCode, Message, WsStream};

const LINKS: usize = 4;

/// How many small messages are on their way at once: few enough for the buffers of any socket.
const WINDOW: usize = 64;

async fn connect(addresses: &[SocketAddr], link: usize) -> WsStream {
    let address = addresses[link % addresses.len()];
    longwire::connect(format!("ws://{address}/")).await.unwrap()
}

async fn close(mut ws: WsStream) {
    let info = ws.close(CloseCode::NORMAL, "").await.unwrap();
    assert!(info.clean, "{info:?}");
}

/// Runs `work` on each link, with its part of the messages. No connection is dropped here.
async fn each<F>(count: usize, work: impl Fn(usize, usize) -> F) -> usize
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut tasks = Vec::new();
    for link in 0..LINKS {
        tasks.push(tokio::spawn(work(link, count / LINKS)));
    }
    for task in tasks {
        task.await.expect("a link failed");
    }
    0
}

/// Messages of 20 to about 140 bytes, text and binary in turn.
pub(crate) async fn small(addresses: &[SocketAddr], count: usize) -> usize {
    let addresses = addresses.to_vec();
    each(count, move |link, count| {
        let addresses = addresses.clone();
        async move {
            let mut ws = connect(&addresses, link).await;
            let mut text = String::new();
            let mut number = 0;
            while number < count {
                let window = WINDOW.min(count - number);
                for number in number..number + window {
                    content(&mut text, link, number);
                    if number % 2 == 0 {
                        ws.feed_text(&text).await.unwrap();
                    } else {
                        ws.feed_binary(text.as_bytes()).await.unwrap();
                    }
                }
                ws.flush().await.unwrap();
                for number in number..number + window {
                    content(&mut text, link, number);
                    let message = ws.next().await.unwrap().unwrap();
                    assert_eq!(message.as_bytes(), text.as_bytes());
                    assert_eq!(message.is_text(), number % 2 == 0);
                }
                number += window;
            }
            close(ws).await;
        }
    })
    .await
}

fn content(text: &mut String, link: usize, number: usize) {
    text.clear();
    let _ = write!(text, "link {link}, message {number:09} ");
    text.extend(std::iter::repeat_n('é', number % 60));
}

/// Messages of 1 MiB, binary, each with content of its own.
pub(crate) async fn large(addresses: &[SocketAddr], count: usize) -> usize {
    let addresses = addresses.to_vec();
    each(count, move |link, count| {
        let addresses = addresses.clone();
        async move {
            let mut ws = connect(&addresses, link).await;
            for number in 0..count {
                let step = 2 * (link + number) + 1;
                let bytes: Vec<u8> = (0..1_usize << 20)
                    .map(|at| ((at * step) >> 3).to_le_bytes()[0])
                    .collect();
                ws.send(bytes.clone()).await.unwrap();
                let message = ws.next().await.unwrap().unwrap();
                assert!(
                    message == Message::from(bytes),
                    "message {number} is garbled"
                );
            }
            close(ws).await;
        }
    })
    .await
}
