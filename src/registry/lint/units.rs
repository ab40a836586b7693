//! Units that names end in.

/// Units, each with the one that stands for its quantity.
const UNITS: [(&str, &str); 27] = [
    ("amperes", "amperes"),
    ("bytes", "bytes"),
    ("celsius", "celsius"),
    ("grams", "grams"),
    ("joules", "joules"),
    ("kelvin", "kelvin"),
    ("meters", "meters"),
    ("metres", "metres"),
    ("seconds", "seconds"),
    ("volts", "volts"),
    ("minutes", "seconds"),
    ("hours", "seconds"),
    ("days", "seconds"),
    ("weeks", "seconds"),
    ("kelvins", "kelvin"),
    ("fahrenheit", "celsius"),
    ("rankine", "celsius"),
    ("inches", "meters"),
    ("feet", "meters"),
    ("yards", "meters"),
    ("miles", "meters"),
    ("bits", "bytes"),
    ("calories", "joules"),
    ("watthours", "joules"),
    ("pounds", "grams"),
    ("ounces", "grams"),
    ("tonnes", "grams"),
];

/// What makes another unit of one.
const PREFIXES: [&str; 19] = [
    "pico", "nano", "micro", "milli", "centi", "deci", "deca", "hecto", "kilo", "kibi", "mega", "mebi", "giga", "gibi",
    "tera", "tebi", "peta", "pebi", "exa",
];

/// Words that stand for a unit, and might stand for something else.
pub(super) const ABBREVIATIONS: [&str; 14] =
    ["s", "ms", "us", "ns", "sec", "b", "kb", "mb", "gb", "tb", "pb", "m", "h", "d"];

/// The base unit of what this word measures, if it is a unit.
pub(super) fn base_of(word: &str) -> Option<&'static str> {
    let of = |unit: &str| UNITS.iter().find(|(name, _)| *name == unit).map(|(_, base)| *base);
    of(word).or_else(|| PREFIXES.iter().filter_map(|prefix| of(word.strip_prefix(prefix)?)).next())
}
