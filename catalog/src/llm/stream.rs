//! Answers that come as a stream.

use super::{Call, ErrorType, FinishReason, Usage};
use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use futures_core::Stream;
use pin_project_lite::pin_project;

/// What is known of an answer while it streams: a [`TokenStream`]'s function says it.
#[derive(Debug)]
pub struct Answer {
    /// None once its end is recorded.
    call: Option<Call>,
    usage: Option<Usage>,
}

impl Answer {
    /// A token has come. The time to the first one is recorded.
    pub fn token(&mut self) {
        if let Some(call) = &self.call {
            call.first_token();
        }
    }

    /// The provider said how many tokens the request has. The last word counts.
    pub fn usage(&mut self, usage: Usage) {
        self.usage = Some(usage);
    }

    /// The answer ended for this reason.
    pub fn finish_reason(&mut self, reason: FinishReason) {
        if let Some(call) = &self.call {
            call.finish_reason(reason);
        }
    }

    /// The answer is whole, although the stream may go on: for a marker of the end such as `[DONE]`, after which nobody reads on.
    pub fn done(&mut self) {
        match (self.call.take(), self.usage) {
            (Some(call), Some(usage)) => call.success(usage),
            (Some(call), None) => call.success_without_usage(),
            (None, _) => {}
        }
    }

    /// The answer broke off, or an event of the stream says that there is an error, whatever the status of the response is.
    pub fn error(&mut self, error: ErrorType) {
        if let Some(call) = self.call.take() {
            call.error(error);
        }
    }
}

pin_project! {
    /// A stream of an answer's parts, which tracks the [`Call`] that it answers. Made by [`Call::stream`].
    #[must_use = "streams do nothing unless they are polled"]
    pub struct TokenStream<S, F> {
        #[pin]
        stream: S,
        answer: Answer,
        read: F,
    }
}

impl Call {
    /// Hands a stream on, and tracks the call by what `read` says of each item. Needs the feature `stream`.
    ///
    /// The end of the stream is a success, with the tokens of [`Answer::usage`]; without a word on these, as
    /// [`success_without_usage`](Call::success_without_usage). A stream that is dropped before its end was cancelled, unless
    /// [`Answer::done`] or [`Answer::error`] came before. Nothing that comes after those is recorded.
    ///
    /// ```
    /// use quipu_catalog::llm::{ErrorType, Llm, Operation, Prices, Usage};
    ///
    /// enum Event {
    ///     Text(String),
    ///     Usage { input: u64, output: u64 },
    ///     Error { status: u16 },
    /// }
    ///
    /// # fn around<S: futures_core::Stream<Item = Result<Event, std::io::Error>>>(events: S) -> Result<(), quipu::RegisterError> {
    /// let llm = Llm::register(&quipu::Registry::new(), Prices::none())?;
    /// let call = llm.start("openai", "gpt-4o", Operation::Analysis);
    /// let events = call.stream(events, |answer, event| match event {
    ///     Ok(Event::Text(_)) => answer.token(),
    ///     Ok(Event::Usage { input, output }) => {
    ///         answer.usage(Usage { prompt: *input, completion: *output, ..Usage::default() });
    ///     }
    ///     Ok(Event::Error { status }) => answer.error(ErrorType::of_http_status(*status)),
    ///     Err(_) => answer.error(ErrorType::ServiceUnavailable),
    /// });
    /// # Ok(())
    /// # }
    /// ```
    pub fn stream<S: Stream, F: FnMut(&mut Answer, &S::Item)>(self, stream: S, read: F) -> TokenStream<S, F> {
        TokenStream { stream, answer: Answer { call: Some(self), usage: None }, read }
    }
}

impl<S: Stream, F: FnMut(&mut Answer, &S::Item)> Stream for TokenStream<S, F> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let this = self.project();
        let item = ready!(this.stream.poll_next(context));
        match &item {
            Some(item) => (this.read)(this.answer, item),
            None => this.answer.done(),
        }
        Poll::Ready(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.stream.size_hint()
    }
}

impl<S: fmt::Debug, F> fmt::Debug for TokenStream<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenStream")
            .field("stream", &self.stream)
            .field("answer", &self.answer)
            .finish_non_exhaustive()
    }
}
