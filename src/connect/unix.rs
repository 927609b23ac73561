//! Unix sockets, for `ws+unix:///path/to.sock:/resource`.

use std::path::Path;

pub(super) use tokio::net::UnixStream;

use super::Progress;
use crate::error::{Error, ErrorKind, Phase};

pub(super) async fn connect(path: &Path, progress: &mut Progress) -> Result<UnixStream, Error> {
    progress.enter(Phase::Connect);
    let stream = UnixStream::connect(path).await.map_err(|error| {
        let message = format!(
            "the Unix socket {} could not be reached: {error}",
            path.display()
        );
        Error::new(ErrorKind::Connect, Phase::Connect, message).with_source(error)
    })?;
    progress.handshake.report.unix = Some(progress.since.elapsed());
    Ok(stream)
}
