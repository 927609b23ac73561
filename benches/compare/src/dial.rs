//! A connection to the server whose opening handshake is done in plain bytes, so that no contestant's own is in the row.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use rustls::{ClientConfig, pki_types::ServerName};
use socket2::SockRef;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{
    library::{Fault, Io},
    opening,
    server::Task,
};

/// A TCP connection that leaves nothing behind: tens of thousands in `TIME_WAIT` would use up the ports.
///
/// # Errors
///
/// When the server cannot be reached.
pub async fn tcp(server: SocketAddr) -> Result<TcpStream, Fault> {
    let stream = TcpStream::connect(server).await?;
    stream.set_nodelay(true)?;
    SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
    Ok(stream)
}

/// `ws://`, open.
///
/// # Errors
///
/// As [`tcp`]; and when the server does not answer as it should.
pub async fn ws(server: SocketAddr, task: Task) -> Result<TcpStream, Fault> {
    open(tcp(server).await?, task).await
}

/// `wss://`, open.
///
/// # Errors
///
/// As [`ws`].
pub async fn wss(
    server: SocketAddr,
    config: &Arc<ClientConfig>,
    task: Task,
) -> Result<TlsStream<TcpStream>, Fault> {
    let connector = TlsConnector::from(Arc::clone(config));
    let name = ServerName::try_from("localhost")?;
    open(connector.connect(name, tcp(server).await?).await?, task).await
}

/// Reads byte by byte, so that what follows the head is left in the stream.
async fn open<S: Io>(mut stream: S, task: Task) -> Result<S, Fault> {
    stream
        .write_all(opening::request(&task.path()).as_bytes())
        .await?;
    stream.flush().await?;
    let mut head = Vec::with_capacity(256);
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    if !head.starts_with(b"HTTP/1.1 101 ") {
        return Err("the server refused".into());
    }
    Ok(stream)
}
