//! One connection: hyper's, with our limits of time around it.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::sleep_until;

use super::endpoint::Endpoint;
use super::socket::Socket;
use super::table::Seat;
use crate::export::body::{LARGE_CHUNK, ScrapeBody};
use crate::export::{ScrapeError, timeout};

/// Serves a connection until its end, which comes by its client, by a limit of time, or when nothing is under way after a stop. Says
/// whether a request or a response took too long.
pub(super) async fn serve(
    stream: TcpStream,
    seat: Arc<Seat>,
    endpoint: Arc<Endpoint>,
    mut stopping: watch::Receiver<()>,
) -> bool {
    let mut connection = pin!(
        http1::Builder::new()
            // A client may close its side once it has asked.
            .half_close(true)
            .max_buf_size(LARGE_CHUNK)
            .serve_connection(
                TokioIo::new(Socket::new(stream, Arc::clone(&seat))),
                service_fn(|request| answer(request, &endpoint, &seat)),
            )
    );
    let mut stop = pin!(stopping.changed());
    let mut is_stopping = false;
    let mut too_late = pin!(sleep_until(seat.deadline()));
    poll_fn(|cx| {
        if !is_stopping && stop.as_mut().poll(cx).is_ready() {
            is_stopping = true;
            connection.as_mut().graceful_shutdown();
        }
        // An error is the client's affair: it went away, or did not speak HTTP.
        if connection.as_mut().poll(cx).is_ready() {
            return Poll::Ready(false);
        }
        // A stop waits for what is to be written, not for what is to be read.
        if is_stopping && seat.is_closing() {
            return Poll::Ready(false);
        }
        let deadline = seat.deadline();
        if too_late.deadline() != deadline {
            too_late.as_mut().reset(deadline);
        }
        too_late.as_mut().poll(cx).map(|()| !seat.is_idle())
    })
    .await
}

fn answer(
    request: Request<Incoming>,
    endpoint: &Endpoint,
    seat: &Arc<Seat>,
) -> impl Future<Output = Result<Response<Tracked>, Infallible>> {
    seat.asked(timeout::of_scraper(request.headers()));
    let response = endpoint.respond(&request, seat.client());
    let seat = Arc::clone(seat);
    async move {
        let response = response.await?;
        if !response.body().is_scrape() {
            seat.answers_shortly();
        }
        Ok(response.map(|body| Tracked { body, seat }))
    }
}

/// A body that tells its connection when all of it has been taken.
struct Tracked {
    body: ScrapeBody,
    seat: Arc<Seat>,
}

impl Body for Tracked {
    type Data = Bytes;
    type Error = ScrapeError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, ScrapeError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if frame.is_none() {
            self.seat.answered();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        // Of a body whose length is known, nobody asks for its end.
        if self.body.is_end_stream() {
            self.seat.answered();
        }
    }
}
