//! What happens to connections, for `tracing`: target `longwire`, and never what they carry. No
//! payload, no reason in words, no field, no query; its twin without the feature is `no_trace.rs`.

use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

use tracing::{Instrument, Span, debug, debug_span, warn};

use crate::error::{Error, ErrorKind, Phase};
use crate::message::{CloseInfo, Side};
use crate::report::ConnectReport;

/// Does the work of connecting inside of a span `connect`. `target` shows no secrets.
pub(crate) fn connecting<F: Future>(
    target: &impl Display,
    work: F,
) -> impl Future<Output = F::Output> {
    work.instrument(debug_span!(target: "longwire", "connect", %target))
}

pub(crate) fn entered(phase: Phase) {
    debug!(target: "longwire", %phase, "connecting");
}

pub(crate) fn redirected(to: &impl Display) {
    debug!(target: "longwire", %to, "redirected");
}

pub(crate) fn connected(report: &ConnectReport) {
    debug!(target: "longwire", elapsed = ?report.elapsed, peer = ?report.peer(), "connected");
}

/// Kind and phase, but not the words: they quote what a server said.
pub(crate) fn failed(error: &Error, report: &ConnectReport) {
    let (kind, phase, elapsed) = (error.kind(), error.phase(), report.elapsed);
    debug!(target: "longwire", ?kind, %phase, ?elapsed, "connecting failed");
}

/// One open connection. Its events have a span `connection` of their own, whoever polls it.
#[derive(Debug)]
pub(crate) struct Connection(Span);

impl Connection {
    /// `target` is empty where somebody else has connected.
    pub(crate) fn opened(target: &str) -> Self {
        let span = debug_span!(target: "longwire", parent: None, "connection", target);
        debug!(target: "longwire", parent: &span, "open");
        Self(span)
    }

    pub(crate) fn pinged(&self) {
        debug!(target: "longwire", parent: &self.0, "liveness: a Ping is sent");
    }

    pub(crate) fn app_pinged(&self) {
        debug!(target: "longwire", parent: &self.0, "liveness: the application's ping is sent");
    }

    pub(crate) fn answered(&self, rtt: Option<Duration>) {
        debug!(target: "longwire", parent: &self.0, ?rtt, "a Ping was answered");
    }

    pub(crate) fn dead(&self, kind: ErrorKind, message: &str) {
        warn!(target: "longwire", parent: &self.0, ?kind, "liveness: {message}");
    }

    pub(crate) fn closing(&self) {
        debug!(target: "longwire", parent: &self.0, "a Close frame is sent");
    }

    pub(crate) fn ended(&self, info: Option<&CloseInfo>) {
        let code = info.and_then(|info| info.code).map(u16::from);
        let by_server = info.is_some_and(|info| info.by == Side::Server);
        let clean = info.is_some_and(|info| info.clean);
        debug!(target: "longwire", parent: &self.0, code, by_server, clean, "ended");
    }
}
