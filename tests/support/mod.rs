//! What the tests share: servers written against raw bytes, sockets that behave badly, an
//! allocator that counts, and a clock that waits for nobody.
//!
//! Nothing here uses the crate's own codec: a codec that is tested against itself proves nothing.

pub(crate) mod alloc;
pub(crate) mod answer;
pub(crate) mod chaos;
#[cfg(feature = "deflate")]
pub(crate) mod compressed;
#[cfg(feature = "deflate")]
pub(crate) mod deflate;
#[cfg(feature = "deflate")]
pub(crate) mod inflate;
pub(crate) mod io;
pub(crate) mod parts;
pub(crate) mod pipe;
#[cfg(feature = "__tls")]
pub(crate) mod pki;
#[cfg(feature = "proxy")]
pub(crate) mod proxy;
pub(crate) mod random;
pub(crate) mod request;
pub(crate) mod run;
pub(crate) mod scripted;
pub(crate) mod subjects;
#[cfg(feature = "__tls")]
pub(crate) mod tls;
pub(crate) mod verdict;
pub(crate) mod wire;
