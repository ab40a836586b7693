//! Every key with values that are wrong for it, and every key misspelt.

use crate::builder;
use quipu::config::{ConfigError, Keys, Section, Sources};
use quipu::engine::Settings;
use quipu_catalog::config::CatalogConfig;

/// All sections, without an engine.
#[derive(Clone, Default)]
pub(crate) struct All(Settings, CatalogConfig);

impl Section for All {
    fn keys(&mut self, keys: &mut Keys<'_>) {
        self.0.keys(keys);
        keys.table("metrics", "Both.", |keys| self.1.keys(keys));
    }
}

fn read(text: &str) -> Result<(), ConfigError> {
    Sources::new().text("a.toml", text).read(&mut All::default()).map(drop)
}

/// The tables and the keys of the example, also of what is commented out, with their values there.
pub(crate) fn example() -> (Vec<String>, Vec<(String, String, String)>) {
    let (mut tables, mut keys) = (Vec::new(), Vec::new());
    let example = builder().example();
    for line in example.lines().map(|line| line.strip_prefix("# ").unwrap_or(line)) {
        if line.starts_with("[metrics") {
            tables.push(line.trim_matches(['[', ']']).to_owned());
        } else if let Some((name, value)) = line.split_once(" = ").filter(|(name, _)| !name.contains(' ')) {
            keys.push((tables.last().unwrap().clone(), name.to_owned(), value.to_owned()));
        }
    }
    (tables, keys)
}

const VALUES: &[&str] = &[
    "true",
    "-1",
    "0",
    "1.5",
    "nan",
    "inf",
    "1e300",
    "170141183460469231731687303715884105728",
    "\"\"",
    "\"\\u0000\"",
    "[]",
    "[true]",
    "[[1]]",
    "{}",
    "{ a = 1 }",
    "2026-11-30",
    "12:00:00",
];

#[test]
fn a_wrong_value_of_any_key_is_told_where_it_stands() {
    let (_, keys) = example();
    assert!(keys.len() > 80, "{}", keys.len());
    for (table, name, _) in keys {
        let mut refused = 0;
        for value in VALUES {
            let text = format!("{table}.{name} = {value}");
            let Err(error) = read(&text) else { continue };
            refused += 1;
            let problem = &error.problems()[0];
            let key = problem.key().unwrap();
            // What one key needs may be said of another.
            assert!(key.starts_with(&table), "{text}: {error}");
            assert!(error.to_string().starts_with("a.toml:1:"), "{text}: {error}");
            let says_what_to_write = ["write ", "remove it", "did you mean", "give ", "use "];
            assert!(says_what_to_write.iter().any(|words| error.to_string().contains(words)), "{text}: {error}");
        }
        assert!(refused >= VALUES.len() / 2, "{table}.{name}: {refused}");
    }
}

/// Tables of names, which take any.
const NAMES: &[&str] = &[
    "metrics.global_labels",
    "metrics.histograms",
    "metrics.families.tenant_requests_total.max_values",
    "metrics.http.sample",
    "metrics.grpc.services",
    "metrics.push_gateway.grouping",
    "metrics.push_gateway.headers",
];

#[test]
fn a_key_that_is_misspelt_is_recognised() {
    let (tables, keys) = example();
    for table in &tables {
        let told = match read(&format!("[{table}]\nnonsense-xyz = 1\n")) {
            Ok(()) => String::new(),
            Err(error) => error.to_string(),
        };
        let is_unknown = told.starts_with(&format!("a.toml:2:1: unknown key `{table}.nonsense-xyz`; "));
        assert_eq!(is_unknown, !NAMES.contains(&&**table), "{table}: {told}");
    }
    let mut seen = 0;
    for (table, name, good) in keys.iter().filter(|(table, name, _)| name.len() > 5 && !NAMES.contains(&&**table)) {
        let misspelt = format!("{}{}", &name[..1], &name[2..]);
        let error = read(&format!("{table}.{misspelt} = {good}")).expect_err(&misspelt).to_string();
        let wanted = format!("unknown key `{table}.{misspelt}`; did you mean `{name}`?");
        assert!(error.contains(&wanted), "{error}");
        seen += 1;
    }
    assert!(seen > 70, "{seen}");
}
