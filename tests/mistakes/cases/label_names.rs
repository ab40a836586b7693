//! Names that no label can bear.

use quipu::LabelSet;

#[derive(LabelSet)]
struct Reserved {
    good: String,
    __name: String,
}

#[derive(LabelSet)]
struct LeadingUnderscore {
    _queue: String,
    good: String,
}

#[derive(LabelSet)]
struct Dash {
    #[label("queue-name")]
    queue: String,
}

#[derive(LabelSet)]
struct Empty {
    #[label("")]
    queue: String,
}

#[derive(LabelSet)]
struct NotAscii {
    größe: String,
}

#[derive(LabelSet)]
struct Twice {
    queue: String,
    worker: String,
    #[label("queue")]
    title: String,
}

fn main() {}
