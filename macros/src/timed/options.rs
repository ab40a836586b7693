//! What `#[timed(…)]` and its like are told.

use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::token::{Comma, Paren};
use syn::{Error, Expr, ExprLit, Ident, Lit, LitStr, Path, Result, Token, parenthesized, parse_quote};

/// All that can be set.
pub(super) struct Options {
    /// The name of the histogram.
    pub(super) name: Option<LitStr>,
    pub(super) help: Option<LitStr>,
    pub(super) bounds: Option<Expr>,
    pub(super) labels: Vec<Label>,
    pub(super) calls: Option<Counted>,
    pub(super) errors: Option<Counted>,
    /// What says of which class an error is, from `errors(by = …)`.
    pub(super) classify: Option<Expr>,
    pub(super) registry: Option<Expr>,
    pub(super) tracker: Option<Expr>,
    /// Where the caller finds quipu.
    pub(super) quipu: Path,
    set: Vec<Ident>,
}

/// A counter beside the histogram.
pub(super) struct Counted {
    pub(super) key: Ident,
    /// Its name, if it is not made from the histogram's.
    pub(super) name: Option<LitStr>,
}

/// `name = value`
pub(super) struct Label {
    pub(super) name: LitStr,
    pub(super) value: Expr,
}

impl Label {
    /// The value, if it is a literal.
    pub(super) fn literal(&self) -> Option<&LitStr> {
        match &self.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text),
            _ => None,
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Options {
            name: None,
            help: None,
            bounds: None,
            labels: Vec::new(),
            calls: None,
            errors: None,
            classify: None,
            registry: None,
            tracker: None,
            quipu: parse_quote!(::quipu),
            set: Vec::new(),
        }
    }
}

/// Of an attribute.
impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut options = Options::default();
        options.parse_name(input)?;
        while !input.is_empty() {
            options.parse_one(input)?;
            if !input.is_empty() {
                input.parse::<Comma>()?;
            }
        }
        options.check()?;
        Ok(options)
    }
}

impl Options {
    /// The name, and the comma after it.
    pub(super) fn parse_name(&mut self, input: ParseStream<'_>) -> Result<()> {
        if input.peek(LitStr) {
            self.name = Some(input.parse()?);
            if !input.is_empty() {
                input.parse::<Comma>()?;
            }
        }
        Ok(())
    }

    /// Whether one of them comes next, and not an expression.
    pub(super) fn is_next(input: ParseStream<'_>) -> bool {
        let ahead = input.fork();
        Options::default().parse_one(&ahead).is_ok() && ahead.parse::<Comma>().is_ok() && !ahead.is_empty()
    }

    pub(super) fn parse_one(&mut self, input: ParseStream<'_>) -> Result<()> {
        let key = Ident::parse_any(input)?;
        if self.set.contains(&key) {
            return Err(Error::new(key.span(), format!("`{key}` is set twice; keep one of them")));
        }
        match &*key.to_string() {
            "help" => self.help = Some(value(input)?),
            "bounds" => self.bounds = Some(value(input)?),
            "registry" => self.registry = Some(value(input)?),
            "tracker" => self.tracker = Some(value(input)?),
            "crate" => {
                input.parse::<Token![=]>()?;
                self.quipu = input.call(Path::parse_mod_style)?;
            }
            "labels" => self.labels = labels(input)?,
            "calls" => self.calls = Some(Counted { key: key.clone(), name: name(input)? }),
            "errors" => self.errors = Some(self.errors(key.clone(), input)?),
            _ => {
                let message = "expected `labels(name = value)`, `calls`, `errors`, `errors(by = classify)`, `help = \"text\"`, \
                               `bounds = [..]`, `registry = expression`, `tracker = expression` or `crate = path`";
                return Err(Error::new(key.span(), message));
            }
        }
        self.set.push(key);
        Ok(())
    }

    /// `errors`, `errors = "name"`, `errors(by = classify)` or `errors("name", by = classify)`.
    fn errors(&mut self, key: Ident, input: ParseStream<'_>) -> Result<Counted> {
        if !input.peek(Paren) {
            return Ok(Counted { key, name: name(input)? });
        }
        let list;
        parenthesized!(list in input);
        let name = if list.peek(LitStr) {
            let name = list.parse()?;
            list.parse::<Option<Comma>>()?;
            Some(name)
        } else {
            None
        };
        if !list.is_empty() {
            let by: Ident = list.parse()?;
            if by != "by" {
                return Err(Error::new(by.span(), "expected `by = classify`, a function from an error to its class"));
            }
            self.classify = Some(value(&list)?);
            list.parse::<Option<Comma>>()?;
        }
        if list.is_empty() { Ok(Counted { key, name }) } else { Err(list.error("expected nothing more")) }
    }

    /// Of a tracker, which has metrics of its own, nothing else can be said.
    pub(super) fn check(&self) -> Result<()> {
        if self.tracker.is_none() {
            return Ok(());
        }
        if let Some(name) = &self.name {
            let message = "a tracker has metrics of its own; leave the name out, or the tracker";
            return Err(Error::new(name.span(), message));
        }
        match self.set.iter().find(|key| !["tracker", "errors", "crate"].iter().any(|allowed| key == allowed)) {
            Some(key) => Err(Error::new(key.span(), format!("a tracker has metrics of its own; leave `{key}` out"))),
            None if self.classify.is_some() => {
                let classify = self.classify.as_ref();
                Err(Error::new_spanned(classify, "a tracker is told only that there was an error; write `errors`"))
            }
            None => Ok(()),
        }
    }
}

fn value<T: Parse>(input: ParseStream<'_>) -> Result<T> {
    input.parse::<Token![=]>()?;
    input.parse()
}

/// `= "name"`, or nothing.
fn name(input: ParseStream<'_>) -> Result<Option<LitStr>> {
    if input.peek(Token![=]) { value(input).map(Some) } else { Ok(None) }
}

fn labels(input: ParseStream<'_>) -> Result<Vec<Label>> {
    let list;
    parenthesized!(list in input);
    let labels = Punctuated::<Label, Comma>::parse_terminated(&list)?;
    Ok(labels.into_iter().collect())
}

impl Parse for Label {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let key = Ident::parse_any(input)?;
        let name = LitStr::new(&key.unraw().to_string(), key.span());
        // `labels(kind)` is short for `labels(kind = kind)`.
        let value = if input.peek(Token![=]) { value(input)? } else { parse_quote!(#key) };
        Ok(Label { name, value })
    }
}
