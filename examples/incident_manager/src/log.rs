//! What the service says on standard output and standard error. Nobody waits for a reader: a thread writes, and of what it
//! cannot write in time the newest is dropped, counted, and said.

use std::fmt::{Display, Write as _};
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{LazyLock, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use quipu::{Counter, RegisterError, Registry};

/// Lines that may wait for the thread, each at most [`MAX_LINE`] bytes long, but for the greeting and reports.
const QUEUE: usize = 256;
const MAX_LINE: usize = 1_024;
/// How long the end of the service waits for a reader.
const LAST_WORDS: Duration = Duration::from_millis(500);

static LOG: LazyLock<SyncSender<Message>> = LazyLock::new(start);
/// Lines that were dropped since the last that was written.
static DROPPED: AtomicU64 = AtomicU64::new(0);
static DROPPED_TOTAL: OnceLock<Counter> = OnceLock::new();

enum Message {
    Say(String),
    Complain(String),
    /// Answered when everything before it is written.
    Finish(SyncSender<()>),
}

fn start() -> SyncSender<Message> {
    let (sender, messages) = mpsc::sync_channel(QUEUE);
    // Without the thread all lines are dropped, and counted.
    let _ = thread::Builder::new().name("log".to_owned()).spawn(move || write(messages));
    sender
}

fn write(messages: Receiver<Message>) {
    for message in messages {
        // A service goes on when nobody reads what it says.
        let _ = match message {
            Message::Say(text) => io::stdout().write_all(text.as_bytes()),
            Message::Complain(line) => io::stderr().write_all(line.as_bytes()),
            Message::Finish(reply) => reply.send(()).map_err(io::Error::other),
        };
        let dropped = DROPPED.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            let _ =
                writeln!(io::stderr(), "incident_manager: {dropped} lines were dropped, as nobody read fast enough");
        }
    }
}

fn send(message: Message) {
    if LOG.try_send(message).is_err() {
        DROPPED.fetch_add(1, Ordering::Relaxed);
        if let Some(total) = DROPPED_TOTAL.get() {
            total.inc();
        }
    }
}

/// Counts what is dropped in `log_dropped_lines_total`.
pub(crate) fn register(registry: &Registry) -> Result<(), RegisterError> {
    let help = "Lines that were not written, as nobody read fast enough.";
    let total = registry.counter("log_dropped_lines_total", help).register()?;
    DROPPED_TOTAL.get_or_init(|| total);
    Ok(())
}

/// Writes text to standard output.
pub(crate) fn say(text: &str) {
    send(Message::Say(text.to_owned()));
}

/// Writes a line to standard error.
pub(crate) fn complain(message: &impl Display) {
    let mut line = String::from("incident_manager: ");
    let _ = write!(line, "{message}");
    let end = (0..=MAX_LINE.min(line.len())).rev().find(|end| line.is_char_boundary(*end));
    line.truncate(end.unwrap_or(0));
    line.push('\n');
    send(Message::Complain(line));
}

/// Writes to standard error, as it stands: what names its places itself, as `metrics.toml:14:1: …`, for editors to find.
pub(crate) fn report(lines: &impl Display) {
    send(Message::Complain(format!("{lines}\n")));
}

/// Waits until everything is written, for a moment: also for room, where a reader is only slow.
pub(crate) fn finish() {
    let until = Instant::now() + LAST_WORDS;
    let (reply, done) = mpsc::sync_channel(1);
    while LOG.try_send(Message::Finish(reply.clone())).is_err() {
        if Instant::now() >= until {
            return;
        }
        thread::sleep(Duration::from_millis(5));
    }
    let _ = done.recv_timeout(until.saturating_duration_since(Instant::now()));
}
