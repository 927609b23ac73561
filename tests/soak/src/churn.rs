//! Connections that are dropped at any moment: while dialling, in the opening handshake, open, with
//! a message half sent or half received, and in the closing handshake.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::pin;
use std::task::Poll;

use longwire::{CloseCode, Error};

use crate::random::Random;

/// How many of them were dropped before their work was done.
pub(crate) async fn drop_at_any_moment(
    addresses: &[SocketAddr],
    count: usize,
    random: &mut Random,
) -> usize {
    let mut dropped = 0;
    for number in 0..count {
        let url = format!("ws://{}/", addresses[number % addresses.len()]);
        // After so many polls; a whole life takes about ten. Time would depend on the machine.
        match polled(random.below(10), life(url)).await {
            Some(lived) => lived.expect("nothing goes wrong on the loopback"),
            None => dropped += 1,
        }
    }
    dropped
}

async fn life(url: String) -> Result<(), Error> {
    let mut ws = longwire::connect(url).await?;
    ws.send(vec![7; 100_000]).await?;
    let message = ws.next().await.expect("a message")?;
    assert_eq!(message.len(), 100_000);
    ws.close(CloseCode::NORMAL, "").await?;
    Ok(())
}

/// Runs a future until it is done, or was not ready that many times.
async fn polled<F: Future>(times: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = times;
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending if left == 0 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}
