//! What `derive(LabelSet)` refuses.

use quipu::LabelSet;

#[derive(LabelSet)]
enum Enum {
    High,
}

#[derive(LabelSet)]
union Union {
    code: u16,
}

#[derive(LabelSet)]
struct Tuple(u16, String);

#[derive(LabelSet)]
struct Unit;

#[derive(LabelSet)]
struct WithoutFields {}

#[derive(LabelSet)]
#[label("job")]
struct NameOnTheStruct {
    queue: String,
}

#[derive(LabelSet)]
struct AnotherForm {
    #[label(rename = "queue_name")]
    queue: String,
}

#[derive(LabelSet)]
struct TwoAttributes {
    #[label("queue_name")]
    #[label("queue_title")]
    queue: String,
}

fn main() {}
