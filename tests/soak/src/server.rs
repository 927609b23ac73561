//! An echo server against raw bytes: each frame of a client comes back unmasked, once it is whole.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::request::{Request, Response};

/// One server on each of some addresses of the loopback, so that many connections one after another
/// do not run out of ports.
pub(crate) async fn start() -> Vec<SocketAddr> {
    let mut addresses = Vec::new();
    for host in 1..=8 {
        let listener = TcpListener::bind(format!("127.0.0.{host}:0"))
            .await
            .unwrap();
        addresses.push(listener.local_addr().unwrap());
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                // However a client goes, it is its own affair here.
                tokio::spawn(async move { serve(socket).await.unwrap_or(()) });
            }
        });
    }
    addresses
}

async fn serve(mut socket: TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let mut buffer = Vec::new();
    while !buffer.ends_with(b"\r\n\r\n") {
        if socket.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
    }
    let answer = Response::to(&Request::parse(&buffer)).bytes();
    socket.write_all(&answer).await?;
    buffer.clear();

    let mut echo = Vec::new();
    loop {
        buffer.reserve(64 << 10);
        if socket.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
        let mut taken = 0;
        let mut closes = false;
        while let Some((opcode, size)) = echo_frame(&buffer[taken..], &mut echo) {
            taken += size;
            closes |= opcode == 8;
        }
        buffer.drain(..taken);
        socket.write_all(&echo).await?;
        echo.clear();
        if closes {
            return socket.shutdown().await;
        }
    }
}

/// Adds the first frame to `echo` if it is whole: its opcode and size.
fn echo_frame(bytes: &[u8], echo: &mut Vec<u8>) -> Option<(u8, usize)> {
    let [first, second, ..] = *bytes else {
        return None;
    };
    assert!(second & 0x80 != 0, "a frame without a mask");
    let (length, head) = match second & 0x7f {
        126 => (u64::from(u16::from_be_bytes(*bytes[2..].first_chunk()?)), 4),
        127 => (u64::from_be_bytes(*bytes[2..].first_chunk()?), 10),
        short => (u64::from(short), 2),
    };
    let key: [u8; 4] = *bytes[head..].first_chunk()?;
    let end = head + 4 + usize::try_from(length).unwrap();
    let payload = bytes.get(head + 4..end)?;
    echo.push(first);
    echo.push(second & 0x7f);
    echo.extend_from_slice(&bytes[2..head]);
    echo.extend(
        payload
            .iter()
            .zip(key.iter().cycle())
            .map(|(byte, key)| byte ^ key),
    );
    Some((first & 0x0f, end))
}
