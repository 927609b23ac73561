//! The behaviour of the client against servers that are written byte by byte, well-behaved and not.
//!
//! `tests/ROWS.md` says which test shows which case, `SECURITY.md` which ones keep which promise.

#[path = "../support/mod.rs"]
mod support;

mod allocations;
mod back_pressure;
mod byte_stream;
mod cancellation;
mod chaos;
mod close;
mod closing;
mod codec;
mod contract;
mod control;
#[cfg(feature = "deflate")]
mod deflate_bounds;
#[cfg(feature = "deflate")]
mod deflate_costs;
#[cfg(feature = "deflate")]
mod deflate_faults;
#[cfg(feature = "deflate")]
mod deflate_handshake;
#[cfg(feature = "deflate")]
mod deflate_properties;
#[cfg(feature = "deflate")]
mod deflate_receive;
#[cfg(feature = "deflate")]
mod deflate_send;
mod dialling;
mod driver_closing;
mod driver_inbox;
mod endings;
mod fairness;
mod field;
mod fragments;
mod frames;
mod halves;
mod handshake;
mod heads;
mod inbox_bounds;
mod limits;
mod liveness_app;
mod liveness_clock;
mod liveness_dead;
mod liveness_drip;
mod liveness_settings;
mod namespace;
mod negotiation;
#[cfg(feature = "deflate")]
mod parts_deflate;
mod parts_mixed;
mod parts_random;
mod parts_receive;
mod parts_send;
mod promises;
mod properties;
#[cfg(feature = "proxy")]
mod proxy_choice;
#[cfg(feature = "proxy")]
mod proxy_faults;
#[cfg(feature = "proxy")]
mod proxy_http;
#[cfg(feature = "proxy")]
mod proxy_secrets;
#[cfg(feature = "proxy")]
mod proxy_socks;
#[cfg(feature = "proxy")]
mod proxy_socks4;
#[cfg(all(feature = "proxy", feature = "__tls"))]
mod proxy_tls;
mod race;
mod redirect;
mod refusal;
mod request;
mod rows;
mod secrets;
mod settings;
mod sink;
mod sockets;
mod split_closing;
mod split_halves;
mod split_liveness;
mod split_traffic;
mod statuses;
#[cfg(feature = "__tls")]
mod tls;
#[cfg(feature = "__tls")]
mod tls_certificates;
#[cfg(feature = "__tls")]
mod tls_choices;
#[cfg(feature = "__tls")]
mod tls_faults;
#[cfg(feature = "platform-verifier")]
mod tls_platform;
#[cfg(all(feature = "rustls-ring", feature = "rustls-aws-lc-rs"))]
mod tls_providers;
mod utf8;
mod wakers;
