//! What `derive(LabelValue)` refuses.

use quipu::LabelValue;

#[derive(LabelValue)]
struct Struct {
    code: u16,
}

#[derive(LabelValue)]
union Union {
    code: u16,
}

#[derive(LabelValue)]
enum WithoutVariants {}

#[derive(LabelValue)]
enum WithData {
    Known,
    Other(String),
}

#[derive(LabelValue)]
enum EqualByCase {
    HttpGet,
    HTTPGet,
}

#[derive(LabelValue)]
enum EqualByAttribute {
    Low,
    High,
    #[label("low")]
    Lower,
}

#[derive(LabelValue)]
#[label(rename_all = "Train-Case")]
enum UnknownCase {
    InProgress,
}

#[derive(LabelValue)]
#[label("text")]
enum TextOnTheEnum {
    InProgress,
}

#[derive(LabelValue)]
enum AnotherForm {
    #[label(rename = "low-prio")]
    Low,
}

#[derive(LabelValue)]
enum TwoAttributes {
    #[label("low")]
    #[label("lowest")]
    Low,
}

fn main() {}
