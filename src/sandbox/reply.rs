//! Answers, and the body that can drip them out byte by byte.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http_body::{Body, Frame, SizeHint};
use serde::{Serialize, Serializer};
use tokio::time::Sleep;

use crate::sandbox::portal::Portal;

/// An answer as a service gives it, before the faults get at it.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) content_type: &'static str,
    pub(super) body: Bytes,
    /// The submission that counts as answered once the last byte is out.
    pub(super) submission: Option<u64>,
    pub(super) play: Play,
}

/// What a magic ID wants done with the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Play {
    #[default]
    AsUsual,
    /// Answers this much later.
    After(Duration),
    /// Drops the connection with a reset after this while, answering nothing.
    ResetAfter(Duration),
    /// Cuts the body in half.
    Truncate,
}

/// A result code: a string, or a number where the faults want it (`portal-api.md`, section 7).
pub(super) struct Code<'a> {
    pub(super) text: &'a str,
    pub(super) as_number: bool,
}

/// The body of an answer.
pub(super) struct AnswerBody {
    bytes: Bytes,
    drip: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
    /// Told when the last byte was handed over.
    told: Option<(Arc<Portal>, u64)>,
}

impl Answer {
    pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Self {
        // Replies are plain structures of texts; they always serialise.
        let body = serde_json::to_vec(value).unwrap_or_default();
        Self::bytes(status, "application/json; charset=utf-8", body)
    }

    pub(super) fn bytes(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self { status, content_type, body: body.into(), submission: None, play: Play::AsUsual }
    }

    pub(super) fn empty(status: StatusCode) -> Self {
        Self::bytes(status, "", Bytes::new())
    }

    /// The page a proxy puts before a portal that is down (section 7). Our own wording.
    pub(super) fn bad_gateway() -> Self {
        let page = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad \
                    Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n";
        Self::bytes(StatusCode::BAD_GATEWAY, "text/html", page)
    }

    /// A page with the status of a success, as a proxy puts over a portal in trouble. Our own wording.
    pub(super) fn maintenance() -> Self {
        let page = "<html>\r\n<head><title>Bảo trì</title></head>\r\n<body>\r\n<h1>Hệ thống đang bảo trì, vui lòng quay lại \
                    sau</h1>\r\n</body>\r\n</html>\r\n";
        Self::bytes(StatusCode::OK, "text/html; charset=utf-8", page)
    }

    pub(super) fn of_submission(mut self, number: u64) -> Self {
        self.submission = Some(number);
        self
    }

    pub(super) fn playing(mut self, play: Play) -> Self {
        self.play = play;
        self
    }

    /// Cuts the body in half. What is left is no whole answer any more.
    pub(super) fn cut(&mut self) {
        self.body.truncate(self.body.len() / 2);
        self.submission = None;
    }
}

impl Serialize for Code<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.text.parse::<u32>() {
            Ok(number) if self.as_number => serializer.serialize_u32(number),
            _ => serializer.serialize_str(self.text),
        }
    }
}

impl AnswerBody {
    pub(super) fn new(bytes: Bytes, drip: Duration, told: Option<(Arc<Portal>, u64)>) -> Self {
        Self { bytes, drip, sleep: None, told }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        if this.bytes.is_empty() {
            return Poll::Ready(None);
        }
        let frame = if this.drip.is_zero() {
            std::mem::take(&mut this.bytes)
        } else {
            let sleep = this.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep(this.drip)));
            ready!(sleep.as_mut().poll(cx));
            this.sleep = None;
            this.bytes.split_to(1)
        };
        if this.bytes.is_empty()
            && let Some((portal, number)) = this.told.take()
        {
            portal.records().answered(number);
        }
        Poll::Ready(Some(Ok(Frame::data(frame))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.len() as u64)
    }
}
