//! Answers that stream.

use futures_core::Stream;
use quipu::testing::{histogram, value};
use quipu_catalog::llm::{Answer, ErrorType, FinishReason, Operation, TokenStream, Usage};
use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// An event of a provider's stream.
#[derive(Clone, Copy)]
enum Event {
    Text,
    Last(Usage),
    Error(u16),
    Done,
}

/// Yields what it was given; `None` is a wait.
struct Events(VecDeque<Option<Result<Event, ()>>>);

impl Stream for Events {
    type Item = Result<Event, ()>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.0.pop_front() {
            Some(None) => Poll::Pending,
            Some(Some(event)) => Poll::Ready(Some(event)),
            None => Poll::Ready(None),
        }
    }
}

type Read = fn(&mut Answer, &Result<Event, ()>);

fn read(answer: &mut Answer, event: &Result<Event, ()>) {
    match event {
        Ok(Event::Text) => answer.token(),
        Ok(Event::Last(usage)) => {
            answer.finish_reason(FinishReason::Stop);
            answer.usage(*usage);
        }
        Ok(Event::Error(status)) => answer.error(ErrorType::of_http_status(*status)),
        Ok(Event::Done) => answer.done(),
        Err(()) => answer.error(ErrorType::Timeout),
    }
}

fn poll(stream: &mut TokenStream<Events, Read>) -> Poll<Option<Result<Event, ()>>> {
    // Events can be moved.
    Pin::new(stream).poll_next(&mut Context::from_waker(Waker::noop()))
}

const USAGE: Usage = Usage { prompt: 10, completion: 3, cached_read: 0, cached_write: 0, reasoning: 0 };

/// What a stream of these events records, each a second after the one before: `(success, error, cancelled)`, tokens, first tokens.
fn recorded(events: impl IntoIterator<Item = Option<Result<Event, ()>>>, polls: usize) -> ([f64; 3], f64, u64) {
    let (catalog, registry, clock) = crate::catalog();
    let call = catalog.llm.start("openai", "gpt-4o", Operation::Analysis);
    let mut stream = call.stream(Events(events.into_iter().collect()), read as Read);
    for _ in 0..polls {
        clock.advance(Duration::from_secs(1));
        let _ = poll(&mut stream);
    }
    drop(stream);
    let requests =
        ["success", "error", "cancelled"].map(|status| value(&registry, "llm_requests_total", [("status", status)]));
    assert_eq!(value(&registry, "llm_requests_in_flight", []), 0.0);
    (
        requests,
        value(&registry, "llm_tokens_total", []),
        histogram(&registry, "llm_time_to_first_token_seconds", []).count(),
    )
}

const TEXT: Option<Result<Event, ()>> = Some(Ok(Event::Text));
const LAST: Option<Result<Event, ()>> = Some(Ok(Event::Last(USAGE)));

#[test]
fn a_stream_that_ends_is_a_success() {
    assert_eq!(recorded([TEXT, None, TEXT, TEXT, LAST], 6), ([1.0, 0.0, 0.0], 13.0, 1));
    assert_eq!(recorded([TEXT], 2), ([1.0, 0.0, 0.0], 0.0, 1));
}

#[test]
fn an_error_event_in_a_good_response_is_an_error() {
    let error = Some(Ok(Event::Error(503)));
    assert_eq!(recorded([TEXT, error, TEXT, LAST], 5), ([0.0, 1.0, 0.0], 0.0, 0));
    assert_eq!(recorded([TEXT, Some(Err(()))], 3), ([0.0, 1.0, 0.0], 0.0, 0));
}

#[test]
fn a_stream_that_is_dropped_midway_was_cancelled() {
    assert_eq!(recorded([None, TEXT], 1), ([0.0, 0.0, 1.0], 0.0, 0));
    assert_eq!(recorded([TEXT, TEXT, LAST], 3), ([0.0, 0.0, 1.0], 0.0, 1));
}

#[test]
fn a_marker_of_the_end_is_the_end() {
    let done = Some(Ok(Event::Done));
    assert_eq!(recorded([TEXT, LAST, done], 3), ([1.0, 0.0, 0.0], 13.0, 1));
    assert_eq!(recorded([TEXT, LAST, done, TEXT, Some(Err(()))], 6), ([1.0, 0.0, 0.0], 13.0, 1));
}

#[test]
fn the_times_are_those_of_the_tokens() {
    let (catalog, registry, clock) = crate::catalog();
    let call = catalog.llm.start("openai", "gpt-4o", Operation::Analysis);
    let mut stream = call.stream(Events([TEXT, TEXT, TEXT, LAST].into()), read as Read);
    for seconds in [2, 1, 1, 2, 0] {
        clock.advance(Duration::from_secs(seconds));
        assert!(poll(&mut stream).is_ready());
    }
    let sum = |family| histogram(&registry, family, []).sum();
    assert_eq!(sum("llm_time_to_first_token_seconds"), 2.0);
    assert_eq!(sum("llm_request_duration_seconds"), 6.0);
    // Three tokens: two after the first, in 4 s.
    assert_eq!(sum("llm_time_per_output_token_seconds"), 2.0);
}
