//! SOCKS5 (RFC 1928), with a user name and a password (RFC 1929).
//!
//! Everything is read by its exact length, so that nothing of what follows is taken away.

use std::io;
use std::net::IpAddr;

use tokio::io::{AsyncRead, AsyncWrite};

use super::server::Credentials;
use super::{Destination, fault, read, write};
use crate::error::Error;

/// Why these credentials cannot be sent, if they cannot: each has a length of one byte (RFC 1929 §2).
pub(super) fn check(credentials: &Credentials) -> Result<(), &'static str> {
    if credentials.user.is_empty() {
        return Err("SOCKS5 cannot send an empty user name (RFC 1929 §2)");
    }
    if credentials.user.len() > 255 || credentials.password.len() > 255 {
        return Err("SOCKS5 cannot send a user name or password above 255 bytes (RFC 1929 §2)");
    }
    Ok(())
}

/// The destination as it stands in a request (RFC 1928 §4 and §5).
pub(super) fn encode(destination: &Destination<'_>) -> Result<Vec<u8>, Error> {
    let mut encoded = Vec::new();
    let port = match destination {
        Destination::Name(name, port) => {
            let length = u8::try_from(name.len()).map_err(|_| {
                fault("it cannot be asked for a host name above 255 bytes (RFC 1928 §5)")
            })?;
            encoded.extend([DOMAIN, length]);
            encoded.extend(name.as_bytes());
            *port
        }
        Destination::Address(address) => {
            match address.ip() {
                IpAddr::V4(ip) => {
                    encoded.push(IPV4);
                    encoded.extend(ip.octets());
                }
                IpAddr::V6(ip) => {
                    encoded.push(IPV6);
                    encoded.extend(ip.octets());
                }
            }
            address.port()
        }
    };
    encoded.extend(port.to_be_bytes());
    Ok(encoded)
}

/// Asks for a way to the destination that [`encode`] has written.
pub(super) async fn open<S>(
    stream: &mut S,
    destination: &[u8],
    credentials: Option<&Credentials>,
) -> Result<(), Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let methods: &[u8] = match credentials {
        Some(_) => &[NO_AUTHENTICATION, USER_AND_PASSWORD],
        None => &[NO_AUTHENTICATION],
    };
    let count = u8::try_from(methods.len()).unwrap_or(u8::MAX);
    write(stream, &[&[VERSION, count], methods].concat()).await?;
    let [version, method] = read(stream, "its choice of a method").await?;
    check_version(version)?;
    match (method, credentials) {
        (NO_AUTHENTICATION, _) => {}
        (USER_AND_PASSWORD, Some(credentials)) => log_in(stream, credentials).await?,
        (NO_METHOD, Some(_)) => {
            return Err(fault("it takes no user name and password"));
        }
        (NO_METHOD | USER_AND_PASSWORD, None) => {
            return Err(fault("it wants credentials and none are set"));
        }
        (method, _) => {
            let message = format!("it chose the method {method} of SOCKS5, which was not offered");
            return Err(fault(message));
        }
    }

    write(stream, &[&[VERSION, CONNECT, 0], destination].concat()).await?;
    let [version, reply] = read(stream, "its reply").await?;
    check_version(version)?;
    if reply != SUCCEEDED {
        return Err(failure(reply));
    }
    let [_reserved, kind] = read(stream, "its reply").await?;
    let address_length = match kind {
        IPV4 => 4,
        IPV6 => 16,
        DOMAIN => {
            let [length] = read(stream, "its reply").await?;
            usize::from(length)
        }
        kind => {
            let message = format!("its reply has an address of the unknown kind {kind}");
            return Err(fault(message));
        }
    };
    // The address from which the proxy has connected is nothing to us.
    for _ in 0..address_length + PORT_LENGTH {
        let [_] = read(stream, "its reply").await?;
    }
    Ok(())
}

/// RFC 1929 §2.
async fn log_in<S>(stream: &mut S, credentials: &Credentials) -> Result<(), Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut request = vec![LOGIN_VERSION];
    for text in [&credentials.user, &credentials.password] {
        request.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
        request.extend(text.as_bytes());
    }
    write(stream, &request).await?;
    let [version, status] = read(stream, "its answer to the user name and password").await?;
    if version != LOGIN_VERSION {
        let message = format!("it answered the user name and password in version {version}, not 1");
        return Err(fault(message));
    }
    if status != SUCCEEDED {
        return Err(fault("it does not accept the user name and password"));
    }
    Ok(())
}

fn check_version(version: u8) -> Result<(), Error> {
    match version {
        VERSION => Ok(()),
        b'H' => Err(fault(
            "it does not speak SOCKS5: it answers like an HTTP proxy",
        )),
        0 | 4 => Err(fault("it does not speak SOCKS5: it answers like SOCKS4")),
        _ => Err(fault(format!(
            "it does not speak SOCKS5: its answer begins with the byte {version}"
        ))),
    }
}

/// The reply codes of RFC 1928 §6, in words. Those that tell of the network beyond the proxy are
/// failures of the network.
fn failure(reply: u8) -> Error {
    let (what, network) = match reply {
        1 => ("general failure of the proxy", Some(io::ErrorKind::Other)),
        2 => ("its rules do not allow the connection", None),
        3 => (
            "the network is unreachable",
            Some(io::ErrorKind::NetworkUnreachable),
        ),
        4 => (
            "the host is unreachable",
            Some(io::ErrorKind::HostUnreachable),
        ),
        5 => (
            "the connection was refused",
            Some(io::ErrorKind::ConnectionRefused),
        ),
        6 => ("the time to live expired", Some(io::ErrorKind::TimedOut)),
        7 => ("it does not know the command CONNECT", None),
        8 => ("it does not take addresses of this kind", None),
        _ => ("for an unknown reason", None),
    };
    let error = fault(format!("it could not connect: {what} (reply {reply})"));
    match network {
        Some(kind) => error.with_source(io::Error::new(kind, what)),
        None => error,
    }
}

const VERSION: u8 = 5;
const LOGIN_VERSION: u8 = 1;
const NO_AUTHENTICATION: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;
const NO_METHOD: u8 = 0xff;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const DOMAIN: u8 = 3;
const IPV6: u8 = 4;
const SUCCEEDED: u8 = 0;
const PORT_LENGTH: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_name_of_255_bytes_can_be_asked_for_and_no_longer_one() {
        let name = "x".repeat(255);
        let encoded = encode(&Destination::Name(&name, 258)).unwrap();
        assert_eq!(encoded, [&[3, 255], name.as_bytes(), &[1, 2]].concat());
        let name = "x".repeat(256);
        let error = encode(&Destination::Name(&name, 258)).unwrap_err();
        assert_eq!(error.kind(), crate::error::ErrorKind::Proxy);
        assert!(error.to_string().contains("255"), "{error}");
    }
}
