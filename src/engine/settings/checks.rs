//! Checks of values; each error says what to write.

use crate::export::is_path;
use crate::model::{MetricType, NameError, Named, check_bounds, check_label_name, normal_bounds};
use std::fmt;

struct Advice<'a> {
    name: &'a str,
    problem: NameError,
    of: Named<'a>,
}

impl fmt::Display for Advice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problem.advise(self.name, self.of, f)
    }
}

fn name(name: &str, of: Named<'_>) -> Result<(), String> {
    of.check(name).map_err(|problem| Advice { name, problem, of }.to_string())
}

pub(super) fn namespace(text: &str) -> Result<(), String> {
    if text.is_empty() { Ok(()) } else { name(text, Named::Namespace) }
}

/// A global label's name.
pub(super) fn label(text: &str) -> Result<(), String> {
    name(text, Named::GlobalLabel)
}

/// The name of a label of the group of pushes.
pub(super) fn grouping(text: &str) -> Result<(), String> {
    let of = Named::Label(MetricType::Gauge);
    check_label_name(text).map_err(|problem| Advice { name: text, problem, of }.to_string())
}

/// HOST:PORT, where the host may be a name.
pub(super) fn address(text: &str) -> Result<(), String> {
    let is_one = text.rsplit_once(':').is_some_and(|(host, port)| {
        let is_port = port.parse::<u16>().is_ok() && port.bytes().all(|byte| byte.is_ascii_digit());
        let is_ipv6 = host.strip_prefix('[').is_some_and(|host| host.ends_with(']'));
        let is_host = !host.is_empty() && !host.contains([':', '/', ' ', '[', ']']);
        is_port && (is_ipv6 && text.parse::<std::net::SocketAddr>().is_ok() || is_host)
    });
    match is_one {
        true => Ok(()),
        false => Err("write HOST:PORT, such as \"0.0.0.0:9090\"".to_owned()),
    }
}

/// A path of the scrape server.
pub(super) fn path(text: &str) -> Result<(), String> {
    match is_path(text) {
        true => Ok(()),
        false => Err("write a path that begins with `/`, without query and spaces, such as \"/metrics\"".to_owned()),
    }
}

pub(super) fn paths(texts: &[String]) -> Result<(), String> {
    texts.iter().try_for_each(|text| path(text))
}

pub(super) fn optional_path(text: &Option<String>) -> Result<(), String> {
    text.iter().try_for_each(|text| path(text))
}

pub(super) fn bounds(list: &[f64]) -> Result<(), String> {
    check_bounds(&normal_bounds(list)).map_err(|problem| problem.to_string())
}

/// A pattern of paths: not empty, or it describes nothing.
pub(super) fn pattern(text: &str) -> Result<(), String> {
    match text.is_empty() {
        false => Ok(()),
        true => Err("write a pattern of paths, such as \"/internal/*\"".to_owned()),
    }
}

pub(super) fn patterns(texts: &[String]) -> Result<(), String> {
    texts.iter().try_for_each(|text| pattern(text))
}
