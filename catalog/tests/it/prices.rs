//! The price of a model, beside the plainest way to find it.

use proptest::prelude::*;
use quipu_catalog::config::{CatalogConfig, LlmConfig};
use quipu_catalog::llm::{Price, PriceError, Prices};
use std::collections::BTreeMap;

proptest! {
    #[test]
    fn the_longest_beginning_wins(table in prop::collection::btree_map("[ab]{0,4}", 0.0..9.0, 0..12), model in "[abc]{0,6}") {
        let table: BTreeMap<String, f64> = table;
        let prices = Prices::new(table.iter().map(|(prefix, dollars)| (prefix.as_str(), Price::new(*dollars, 0.0)))).unwrap();
        let longest = (0..=model.len()).rev().find_map(|end| table.get(&model[..end]));
        prop_assert_eq!(prices.of(&model).map(|price| price.prompt), longest.copied());
    }
}

#[test]
fn what_is_no_price_is_refused() {
    for bad in [-0.01, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let good = Price::new(1.0, 1.0);
        for (part, price) in [
            ("prompt", Price { prompt: bad, ..good }),
            ("completion", Price { completion: bad, ..good }),
            ("cached_read", Price { cached_read: Some(bad), ..good }),
            ("cached_write", Price { cached_write: Some(bad), ..good }),
        ] {
            let error = Prices::new([("a", good), ("b", price)]).unwrap_err();
            assert!(
                matches!(&error, PriceError::NoPrice { model, part: found, .. } if model == "b" && *found == part),
                "{error}"
            );
        }
    }
    let error = Prices::new([("a", Price::new(1.0, 1.0)), ("a", Price::new(2.0, 2.0))]).unwrap_err();
    assert_eq!(error.to_string(), "there are two prices for \"a\"; remove one");
    assert!(Prices::new([("free", Price::new(0.0, -0.0))]).is_ok());
}

#[test]
fn what_is_configured_goes_before_what_the_program_knows() {
    let known = [("gpt-4o", 1.0), ("gpt-4o-mini", 2.0), ("o3", 3.0)];
    let default_prices = known.map(|(model, dollars)| (model.to_owned(), Price::new(dollars, dollars))).into();
    let mut config = LlmConfig { default_prices, ..LlmConfig::default() };
    let shown = |config: &LlmConfig| {
        ["gpt-4o", "gpt-4o-mini", "o3", "o4"].map(|model| config.prices().of(model).map(|price| price.prompt))
    };
    assert_eq!(shown(&config), [Some(1.0), Some(2.0), Some(3.0), None]);
    let nine = Price::new(9.0, 0.0);
    config.prices.insert("gpt-4o-mini".to_owned(), nine);
    assert_eq!(shown(&config), [Some(1.0), Some(9.0), Some(3.0), None]);
    config.prices.insert("gpt-4".to_owned(), nine);
    config.prices.remove("gpt-4o-mini");
    assert_eq!(shown(&config), [Some(9.0), Some(9.0), Some(3.0), None]);
    config.cost_per_1k_tokens_completion = Some(8.0);
    assert_eq!(shown(&config), [Some(9.0), Some(9.0), Some(0.0), Some(0.0)]);
}

#[test]
fn a_price_of_the_program_that_is_none_is_told() {
    let default_prices = [("a".to_owned(), Price::new(1.0, 1.0)), ("b".to_owned(), Price::new(-1.0, 1.0))].into();
    let llm = LlmConfig { default_prices, ..LlmConfig::default() };
    let engine = quipu::Engine::builder().with(CatalogConfig { llm, ..CatalogConfig::default() }).without_environment();
    let told = "set by the program: `metrics.llm.prices` cannot be used: the price of `prompt` tokens of \"b\" is -1; \
        give dollars for 1,000 tokens, from 0 on";
    assert_eq!(engine.build().unwrap_err().to_string(), told);
}
