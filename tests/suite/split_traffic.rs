//! The halves on tasks and threads of their own, with as much each way as the connection takes:
//! nothing is lost, nothing is out of order, and nobody stands still.
//!
//! `LONGWIRE_MIB` says how many MiB each large test sends each way; CONTRIBUTING.md says when.

use std::future::Future;

use longwire::{CloseCode, Config, Inbox, Message, WsReceiver, WsSender, WsStream};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::io::{Chaos, Cuts};
use crate::support::random::Random;
use crate::support::run::{hours, paused};
use crate::support::scripted::{Peer, join, upgraded};
use crate::support::wire::{self, binary, close, ping};

/// Bytes that a position determines.
fn content(position: usize, length: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..=250).cycle().take(length).collect();
    bytes[..8].copy_from_slice(&(position as u64).to_be_bytes());
    bytes
}

/// Sizes of messages, small and large.
fn length(number: usize) -> usize {
    [8, 150, 1_000, 40, 70_000, 3_000, 9, 20_000][number % 8]
}

fn count_of(bytes: usize) -> usize {
    let eight: usize = (0..8).map(length).sum();
    bytes.div_ceil(eight) * 8
}

/// How much goes each way: little, unless more is asked for.
fn bytes() -> usize {
    let mib = std::env::var("LONGWIRE_MIB").map_or(8, |mib| mib.parse().expect("a number"));
    mib << 20
}

/// The client's side: `clones` senders that share the messages, one receiver, and a close at the end.
async fn client<T>(ws: WsStream<T>, count: usize, clones: usize)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    exchange(ws.split(), count, clones).await;
}

async fn exchange<T>(
    (mut sender, receiver): (WsSender<T>, WsReceiver<T>),
    count: usize,
    clones: usize,
) where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let receiving = tokio::spawn(receive(receiver, count));
    let sending: Vec<_> = (0..clones)
        .map(|clone| tokio::spawn(send(sender.clone(), clone, clones, count)))
        .collect();
    for task in sending {
        join(task).await;
    }
    join(receiving).await;
    let info = sender.close(CloseCode::NORMAL, "").await.unwrap();
    assert!(info.clean);
}

async fn send<T>(mut sender: WsSender<T>, first: usize, step: usize, count: usize)
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    for number in (first..count).step_by(step) {
        let message = content(number, length(number));
        match number % 5 {
            0 => sender.send(message).await.unwrap(),
            1 => sender.feed_binary(&message).await.unwrap(),
            2 => sender.reserve().await.unwrap().send(message).unwrap(),
            3 => sender.send_binary(&message).await.unwrap(),
            _ => sender.feed(message).await.unwrap(),
        }
    }
    sender.flush().await.unwrap();
}

async fn receive<T>(mut receiver: WsReceiver<T>, count: usize)
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    for number in 0..count {
        let Message::Binary(bytes) = receiver.next().await.unwrap().unwrap() else {
            panic!("text was not sent");
        };
        assert!(bytes == content(number, length(number)), "message {number}");
    }
}

/// The server's side: as many messages, with Pings between them, while it reads on another task.
async fn server<T>(io: T, count: usize, clones: usize)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (reading, writing) = tokio::io::split(io);
    let writing = tokio::spawn(async move {
        let mut peer = Peer::new(tokio::io::join(tokio::io::empty(), writing));
        for number in 0..count {
            peer.send(binary(content(number, length(number))).bytes())
                .await;
            if number % 7 == 0 {
                peer.send(ping(number.to_string()).bytes()).await;
            }
        }
        peer
    });
    let mut peer = Peer::new(tokio::io::join(reading, tokio::io::sink()));
    // Each clone's messages come in its order.
    let mut due: Vec<usize> = (0..clones).collect();
    let mut pongs = 0;
    loop {
        let frame = peer.next().await.unwrap();
        match frame.opcode {
            wire::BINARY => {
                let position = frame.payload[..8].try_into().unwrap();
                let number = usize::try_from(u64::from_be_bytes(position)).unwrap();
                assert_eq!(number, due[number % clones], "out of order");
                assert!(frame.payload == content(number, length(number)));
                due[number % clones] += clones;
            }
            wire::PONG => pongs += 1,
            _ => {
                assert_eq!(frame.close_code_and_reason(), Some((1000, "")));
                break;
            }
        }
    }
    assert!(due.iter().all(|next| *next >= count), "{due:?} of {count}");
    assert!(pongs > 0);
    let mut writer = join(writing).await;
    writer.send(close(1000, "").bytes()).await;
    writer.finish().await;
    // A Ping that stood behind the last message may be answered while the client closes.
    while let Some(frame) = peer.next().await {
        assert_eq!(frame.opcode, wire::PONG);
    }
}

/// A connection over the loopback with buffers that hold less than one large message.
///
/// With the smallest that the system makes, its own timers would be all that is measured.
async fn small_sockets() -> (TcpStream, TcpStream) {
    let [near, listener] = [(); 2].map(|()| {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_send_buffer_size(16 << 10).unwrap();
        socket.set_recv_buffer_size(16 << 10).unwrap();
        socket.set_nodelay(true).unwrap();
        socket
    });
    listener.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = listener.listen(1).unwrap();
    let near = near.connect(listener.local_addr().unwrap());
    let (near, far) = tokio::join!(near, listener.accept());
    (near.unwrap(), far.unwrap().0)
}

async fn both(client: impl Future<Output = ()>, server: impl Future<Output = ()> + Send + 'static) {
    let server = tokio::spawn(server);
    client.await;
    join(server).await;
}

#[test]
fn halves_on_two_threads_move_everything_each_way() {
    hours(async {
        let count = count_of(bytes());
        let (near, far) = small_sockets().await;
        let ws = upgraded(near, Config::default());
        both(client(ws, count, 1), server(far, count, 1)).await;
    });
}

#[test]
fn halves_that_a_task_drives_move_everything_each_way() {
    hours(async {
        let count = count_of(bytes());
        let (near, far) = small_sockets().await;
        let halves = upgraded(near, Config::default()).spawn(Inbox::default().max_messages(10));
        both(exchange(halves, count, 3), server(far, count, 3)).await;
    });
}

#[test]
fn many_clones_contend_and_nothing_is_lost() {
    hours(async {
        let count = count_of(bytes() / 4);
        for high_water in [0, 10_000] {
            let (near, far) = small_sockets().await;
            let ws = upgraded(near, Config::default().write_high_water(high_water));
            both(client(ws, count, 16), server(far, count, 16)).await;
        }
    });
}

#[test]
fn halves_move_everything_through_a_pipe_of_one_byte() {
    paused(async {
        let count = count_of(1);
        let (near, far) = tokio::io::duplex(1);
        let ws = upgraded(near, Config::default().write_high_water(1_000));
        both(client(ws, count, 3), server(far, count, 3)).await;
    });
}

#[test]
fn halves_move_everything_over_a_transport_that_is_seldom_ready() {
    paused(async {
        let mut random = Random::new();
        let count = count_of(1 << 20);
        let (near, far) = tokio::io::duplex(5_000);
        let io = Chaos::over(near)
            .read_cuts(Cuts::Random(random.fork(), 5_000))
            .write_cuts(Cuts::Random(random.fork(), 5_000))
            .not_ready_one_in(3, random.fork());
        let ws = upgraded(io, Config::default().write_high_water(10_000));
        both(client(ws, count, 4), server(far, count, 4)).await;
    });
}

#[cfg(feature = "__tls")]
mod over_tls {
    use longwire::Tls;

    use super::*;
    use crate::support::tls::{Identity, TlsServer};

    #[test]
    fn halves_on_two_threads_move_everything_each_way_over_tls() {
        hours(async {
            let count = count_of(bytes());
            let identity = Identity::of(&["localhost"]);
            let listening = TlsServer::start(&identity, move |peer| async move {
                let mut peer = peer.expect("a TLS handshake");
                peer.switch().await;
                server(peer.into_inner(), count, 2).await;
            })
            .await;
            let tls = Tls::default().add_root_pem(identity.pem());
            let connect = longwire::connect(listening.url("localhost"));
            let ws = connect.tls(tls).await.unwrap();
            client(ws, count, 2).await;
            listening.done().await;
        });
    }
}
