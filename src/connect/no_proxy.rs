//! The face of [`proxy`](super::proxy) in a build without proxies: there is nothing to choose, and the
//! environment is not asked.

use super::progress::{Progress, Stop};
use super::redirect::Trail;
use super::{Means, Target, Transport};
use crate::error::Error;

#[derive(Debug, Clone)]
pub(crate) enum ProxyChoice {}

impl ProxyChoice {
    pub(crate) fn by_default() -> Option<Self> {
        None
    }

    pub(crate) fn is_on(&self) -> bool {
        match *self {}
    }
}

pub(super) enum Route {}

#[expect(clippy::unnecessary_wraps, reason = "the face of the real one")]
pub(super) fn route(_: Option<&ProxyChoice>, _: &Target) -> Result<Option<Route>, Error> {
    Ok(None)
}

impl Route {
    #[expect(clippy::unused_async, reason = "the face of the real one")]
    pub(super) async fn open(
        self,
        _: &Trail<'_>,
        _: &Means<'_>,
        _: &mut Progress,
    ) -> Result<Transport, Stop> {
        match self {}
    }
}
