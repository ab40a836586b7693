//! YAML as plain data, by a parser that shares no code with what writes the files.

use granit_parser::{Event, Parser};
use serde_json::{Map, Value};
use std::path::Path;

/// The one document of a file.
pub(crate) fn read(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let events =
        Parser::new_from_str(&text).map(|event| event.unwrap_or_else(|error| panic!("{}: {error}", path.display())).0);
    let mut nodes = events.filter(|event| {
        use Event::{MappingEnd, MappingStart, Scalar, SequenceEnd, SequenceStart};
        matches!(event, MappingEnd | MappingStart(..) | Scalar(..) | SequenceEnd | SequenceStart(..))
    });
    let first = nodes.next().expect("a document");
    let document = value(first, &mut nodes);
    assert!(nodes.next().is_none(), "{}: more than one document", path.display());
    document
}

fn value<'a>(first: Event<'a>, rest: &mut dyn Iterator<Item = Event<'a>>) -> Value {
    match first {
        Event::Scalar(text, ..) => Value::String(text.into_owned()),
        Event::SequenceStart(..) => {
            let mut values = Vec::new();
            loop {
                match rest.next().expect("an end") {
                    Event::SequenceEnd => return Value::Array(values),
                    first => values.push(value(first, rest)),
                }
            }
        }
        Event::MappingStart(..) => {
            let mut values = Map::new();
            loop {
                let key = match rest.next().expect("an end") {
                    Event::MappingEnd => return Value::Object(values),
                    Event::Scalar(key, ..) => key.into_owned(),
                    other => panic!("{other:?} as a key"),
                };
                let first = rest.next().expect("a value");
                let value = value(first, rest);
                assert!(values.insert(key.clone(), value).is_none(), "`{key}` twice");
            }
        }
        other => panic!("{other:?} has no value"),
    }
}
