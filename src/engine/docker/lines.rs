//! Streams of JSON values, one after another, as the engine sends events and progress.

use bytes::BytesMut;
use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, StreamExt};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Value;

use crate::engine::EngineError;

use super::failure;
use super::transport::Target;

/// Returns the values of a body; ends with it.
pub(super) fn values(
    body: Incoming,
    target: Target,
    what: String,
) -> BoxStream<'static, Result<Value, EngineError>> {
    let chunks = chunks(body, target, what.clone());
    let state = (chunks, BytesMut::new(), what);
    stream::try_unfold(state, |(mut chunks, mut buffer, what)| async move {
        loop {
            if let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
                let line = buffer.split_to(end + 1);
                if line.trim_ascii().is_empty() {
                    continue;
                }
                let value = parse(&line, &what)?;
                return Ok(Some((value, (chunks, buffer, what))));
            }
            match chunks.next().await {
                Some(chunk) => buffer.extend_from_slice(&chunk?),
                None if buffer.trim_ascii().is_empty() => return Ok(None),
                None => {
                    // The last value may lack its line end.
                    let value = parse(&buffer, &what)?;
                    return Ok(Some((value, (chunks, BytesMut::new(), what))));
                }
            }
        }
    })
    .boxed()
}

/// Returns the bytes of a body as they come.
pub(super) fn chunks(
    body: Incoming,
    target: Target,
    what: String,
) -> impl Stream<Item = Result<bytes::Bytes, EngineError>> + Send + Unpin + 'static {
    let translate = move |result: Result<hyper::body::Frame<bytes::Bytes>, hyper::Error>| {
        let result = match result {
            Ok(frame) => Ok(frame.into_data().ok()?),
            Err(error) => Err(failure::translate(&target, &what, &error.into())),
        };
        Some(result)
    };
    let frames = stream::unfold(body, |mut body| async move {
        let frame = body.frame().await?;
        Some((frame, body))
    });
    Box::pin(frames.filter_map(move |frame| std::future::ready(translate(frame))))
}

fn parse(line: &[u8], what: &str) -> Result<Value, EngineError> {
    serde_json::from_slice(line).map_err(|error| EngineError::Failed {
        what: what.to_owned(),
        message: format!("its answer is not understood: {error}"),
        status: 200,
    })
}
