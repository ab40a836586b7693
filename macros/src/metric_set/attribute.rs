//! The `#[metric(…)]` attribute.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::token::{Comma, Paren};
use syn::{Attribute, Error, Expr, Field, Ident, LitStr, Path, Result, Token, parenthesized, parse_quote};

/// What `#[metric(…)]` sets on a struct.
pub(super) struct Container {
    /// `prefix = "…"`: goes before all names.
    pub(super) prefix: Option<LitStr>,
    /// Conventions of names are left to the registry.
    pub(super) is_lenient: bool,
    /// `crate = path`: where the caller finds quipu.
    pub(super) quipu: Path,
}

/// What `#[metric(…)]` sets on a field.
#[derive(Default)]
pub(super) struct Settings {
    pub(super) name: Option<LitStr>,
    pub(super) help: Option<LitStr>,
    pub(super) prefix: Option<LitStr>,
    pub(super) labels: Option<(Ident, Labels)>,
    pub(super) flatten: Option<Ident>,
    pub(super) is_lenient: bool,
    /// All others: functions of the builder, with their arguments.
    pub(super) options: Vec<Setting>,
}

/// `name`, `name = value` or `name(values)`.
pub(super) struct Setting {
    pub(super) key: Ident,
    pub(super) values: Vec<Expr>,
}

/// The labels of a family.
pub(super) enum Labels {
    /// `labels("a", "b")`
    Names(Vec<LitStr>),
    /// `labels(a: A, b: B)`: the fields of a set that is to be declared.
    Fields(Vec<Field>),
}

pub(super) fn container(attributes: &[Attribute]) -> Result<Container> {
    let mut container = Container { prefix: None, is_lenient: false, quipu: parse_quote!(::quipu) };
    let mut seen = Seen::default();
    for item in items(attributes)? {
        seen.once(&item.key)?;
        match (&*item.key.to_string(), item.form) {
            ("prefix", Parsed::Value(value)) => container.prefix = Some(syn::parse2(value)?),
            ("lenient", Parsed::Word) => container.is_lenient = true,
            ("crate", Parsed::Value(value)) => container.quipu = Path::parse_mod_style.parse2(value)?,
            _ => {
                let message = "expected `prefix = \"mail\"`, `lenient` or `crate = path::to::quipu` here; \
                               what is about one metric is set on its field";
                return Err(Error::new(item.key.span(), message));
            }
        }
    }
    Ok(container)
}

pub(super) fn settings(attributes: &[Attribute]) -> Result<Settings> {
    let mut settings = Settings::default();
    let mut seen = Seen::default();
    for Item { key, form } in items(attributes)? {
        // A limit for each of several labels.
        if key != "max_values" {
            seen.once(&key)?;
        }
        match (&*key.to_string(), form) {
            ("name", Parsed::Value(value)) => settings.name = Some(syn::parse2(value)?),
            ("help", Parsed::Value(value)) => settings.help = Some(syn::parse2(value)?),
            ("prefix", Parsed::Value(value)) => settings.prefix = Some(syn::parse2(value)?),
            ("labels", Parsed::List(list)) if !list.is_empty() => {
                // An error at the end of the list has no place of its own.
                let at_end = |error: Error| Error::new(key.span(), error);
                let labels = labels.parse2(list).map_err(at_end)?;
                settings.labels = Some((key, labels));
            }
            ("flatten", Parsed::Word) => settings.flatten = Some(key),
            ("lenient", Parsed::Word) => settings.is_lenient = true,
            (name @ ("name" | "help" | "prefix"), _) => {
                return Err(Error::new(key.span(), format!("write `{name} = \"text\"`")));
            }
            ("labels", _) => {
                let message =
                    "write `labels(\"name\", …)`, or `labels(name: Type, …)` to declare the set that the type names";
                return Err(Error::new(key.span(), message));
            }
            (name @ ("flatten" | "lenient"), _) => {
                return Err(Error::new(key.span(), format!("write `{name}`, without a value")));
            }
            (_, form) => settings.options.push(Setting { key, values: form.values()? }),
        }
    }
    Ok(settings)
}

fn labels(input: ParseStream<'_>) -> Result<Labels> {
    if input.peek(LitStr) {
        let names = Punctuated::<LitStr, Comma>::parse_terminated(input)?;
        return Ok(Labels::Names(names.into_iter().collect()));
    }
    let fields = Punctuated::<Field, Comma>::parse_terminated_with(input, Field::parse_named)?;
    Ok(Labels::Fields(fields.into_iter().collect()))
}

/// Keys that were set.
#[derive(Default)]
struct Seen(Vec<String>);

impl Seen {
    fn once(&mut self, key: &Ident) -> Result<()> {
        let name = key.to_string();
        if self.0.contains(&name) {
            return Err(Error::new(key.span(), format!("`{name}` is set twice; keep one of them")));
        }
        self.0.push(name);
        Ok(())
    }
}

struct Item {
    key: Ident,
    form: Parsed,
}

enum Parsed {
    Word,
    Value(TokenStream),
    List(TokenStream),
}

impl Parsed {
    fn values(self) -> Result<Vec<Expr>> {
        match self {
            Parsed::Word => Ok(Vec::new()),
            Parsed::Value(value) => Ok(vec![syn::parse2(value)?]),
            Parsed::List(list) => {
                let values = Punctuated::<Expr, Comma>::parse_terminated.parse2(list)?;
                Ok(values.into_iter().collect())
            }
        }
    }
}

/// What all attributes of this name list.
fn items(attributes: &[Attribute]) -> Result<Vec<Item>> {
    let mut items = Vec::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("metric")) {
        items.extend(attribute.parse_args_with(Punctuated::<Item, Token![,]>::parse_terminated)?);
    }
    Ok(items)
}

impl Parse for Item {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let key = Ident::parse_any(input)?;
        let form = if input.peek(Paren) {
            let list;
            parenthesized!(list in input);
            Parsed::List(list.parse()?)
        } else if input.parse::<Option<Token![=]>>()?.is_some() {
            Parsed::Value(input.parse::<Expr>()?.into_token_stream())
        } else {
            Parsed::Word
        };
        Ok(Item { key, form })
    }
}
