//! SOCKS4 and its extension `SOCKS4a`, which have no RFC: the memos of Ying-Da Lee say what they are.
//!
//! Everything is read by its exact length, so that nothing of what follows is taken away.

use std::io;
use std::net::{IpAddr, Ipv4Addr};

use tokio::io::{AsyncRead, AsyncWrite};

use super::server::Credentials;
use super::{Destination, fault, read, write};
use crate::error::Error;

/// Why these credentials cannot be sent, if they cannot.
pub(super) fn check(credentials: &Credentials) -> Result<(), &'static str> {
    if !credentials.password.is_empty() {
        return Err("SOCKS4 has no passwords; give it a user name alone, or use socks5");
    }
    if credentials.user.contains('\0') {
        return Err("SOCKS4 cannot send a user name with a zero in it");
    }
    Ok(())
}

/// The whole request.
pub(super) fn encode(
    destination: &Destination<'_>,
    credentials: Option<&Credentials>,
) -> Result<Vec<u8>, Error> {
    let (name, address, port) = match destination {
        Destination::Name(name, port) => (Some(name), NAME_FOLLOWS, *port),
        Destination::Address(address) => match address.ip().to_canonical() {
            IpAddr::V4(ip) => (None, ip, address.port()),
            IpAddr::V6(_) => return Err(fault("SOCKS4 cannot be asked for an IPv6 address")),
        },
    };
    let user = credentials.map_or("", |credentials| &credentials.user);
    let mut request = vec![VERSION, CONNECT];
    request.extend(port.to_be_bytes());
    request.extend(address.octets());
    request.extend(user.as_bytes());
    request.push(0);
    if let Some(name) = name {
        request.extend(name.as_bytes());
        request.push(0);
    }
    Ok(request)
}

/// Sends the request that [`encode`] has written, and waits for the reply.
pub(super) async fn open<S>(stream: &mut S, request: &[u8]) -> Result<(), Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    write(stream, request).await?;
    let [version, reply] = read(stream, "its reply").await?;
    match version {
        0 => {}
        b'H' => {
            return Err(fault(
                "it does not speak SOCKS4: it answers like an HTTP proxy",
            ));
        }
        VERSION_5 => return Err(fault("it does not speak SOCKS4: it answers like SOCKS5")),
        _ => {
            return Err(fault(format!(
                "it does not speak SOCKS4: its answer begins with the byte {version}"
            )));
        }
    }
    let what = match reply {
        GRANTED => {
            let [_, _, _, _, _, _] = read(stream, "its reply").await?;
            return Ok(());
        }
        91 => {
            let what = "it rejected the connection or could not make it (reply 91)";
            // The one reply for everything that can go wrong beyond the proxy.
            return Err(fault(what).with_source(io::Error::other(what)));
        }
        92 => "it could not ask the identd of this machine who the user is (reply 92)".to_owned(),
        93 => "the identd of this machine names another user (reply 93)".to_owned(),
        _ => return Err(fault(format!("its reply has the unknown code {reply}"))),
    };
    Err(fault(what))
}

const VERSION: u8 = 4;
const VERSION_5: u8 = 5;
const CONNECT: u8 = 1;
const GRANTED: u8 = 90;

/// An address that is none, 0.0.0.x: the name stands behind the user name (`SOCKS4a`).
const NAME_FOLLOWS: Ipv4Addr = Ipv4Addr::new(0, 0, 0, 1);
