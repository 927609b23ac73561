//! The twin of `trace.rs` without the feature `tracing`: the same names, and nothing happens.

use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Phase};
use crate::message::CloseInfo;
use crate::report::ConnectReport;

#[inline]
pub(crate) fn connecting<F: Future>(_: &impl Display, work: F) -> F {
    work
}

#[inline]
pub(crate) fn entered(_: Phase) {}

#[inline]
pub(crate) fn redirected(_: &impl Display) {}

#[inline]
pub(crate) fn connected(_: &ConnectReport) {}

#[inline]
pub(crate) fn failed(_: &Error, _: &ConnectReport) {}

#[derive(Debug)]
pub(crate) struct Connection;

#[expect(clippy::unused_self, reason = "as the other twin")]
impl Connection {
    #[inline]
    pub(crate) fn opened(_: &str) -> Self {
        Self
    }

    #[inline]
    pub(crate) fn pinged(&self) {}

    #[inline]
    pub(crate) fn app_pinged(&self) {}

    #[inline]
    pub(crate) fn answered(&self, _: Option<Duration>) {}

    #[inline]
    pub(crate) fn dead(&self, _: ErrorKind, _: &str) {}

    #[inline]
    pub(crate) fn closing(&self) {}

    #[inline]
    pub(crate) fn ended(&self, _: Option<&CloseInfo>) {}
}
