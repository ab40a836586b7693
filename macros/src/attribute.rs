//! The `#[label(…)]` attribute.

use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Attribute, Error, Ident, LitStr, Path, Result, Token, parse_quote};

use crate::case::Case;

/// The text that `#[label("text")]` sets on a field or a variant.
pub(crate) fn text(attributes: &[Attribute]) -> Result<Option<LitStr>> {
    let Some(attribute) = single(attributes)? else {
        return Ok(None);
    };
    let text = attribute
        .parse_args()
        .map_err(|_| Error::new_spanned(attribute, "expected one string here: `#[label(\"text\")]`"))?;
    Ok(Some(text))
}

/// What `#[label(…)]` sets on an enum or a struct.
pub(crate) struct Container {
    /// `rename_all = "…"`: the case of all names.
    pub(crate) case: Option<Case>,
    /// `crate = path`: where the caller finds quipu.
    pub(crate) quipu: Path,
}

pub(crate) fn container(attributes: &[Attribute]) -> Result<Container> {
    let mut container = Container { case: None, quipu: parse_quote!(::quipu) };
    let Some(attribute) = single(attributes)? else {
        return Ok(container);
    };
    let settings = attribute.parse_args_with(Punctuated::<Setting, Token![,]>::parse_terminated).map_err(|_| {
        let message = "expected `rename_all = \"UPPERCASE\"` or `crate = path::to::quipu` here; \
                       the text of one variant or field is set on that variant or field";
        Error::new_spanned(attribute, message)
    })?;
    for setting in settings {
        match setting {
            Setting::RenameAll(name) => container.case = Some(case(&name)?),
            Setting::Crate(path) => container.quipu = path,
        }
    }
    Ok(container)
}

fn case(name: &LitStr) -> Result<Case> {
    Case::from_name(&name.value()).ok_or_else(|| {
        let known = Case::NAMED.map(|(known, _)| format!("{known:?}")).join(", ");
        Error::new(name.span(), format!("unknown case; the known ones are {known}"))
    })
}

enum Setting {
    RenameAll(LitStr),
    Crate(Path),
}

impl Parse for Setting {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let key = Ident::parse_any(input)?;
        input.parse::<Token![=]>()?;
        match key.to_string().as_str() {
            "rename_all" => input.parse().map(Setting::RenameAll),
            "crate" => input.call(Path::parse_mod_style).map(Setting::Crate),
            _ => Err(Error::new(key.span(), "expected `rename_all` or `crate`")),
        }
    }
}

fn single(attributes: &[Attribute]) -> Result<Option<&Attribute>> {
    let mut labels = attributes.iter().filter(|attribute| attribute.path().is_ident("label"));
    let first = labels.next();
    match labels.next() {
        Some(second) => Err(Error::new_spanned(second, "a second `#[label(…)]`; keep one of them")),
        None => Ok(first),
    }
}

#[cfg(test)]
mod tests {
    use quote::ToTokens;

    use super::*;

    fn error<T>(result: Result<T>) -> String {
        result.err().expect("must be refused").to_string()
    }

    #[test]
    fn text_is_one_string() {
        let text = |attribute| text(&[attribute]);
        let good = text(parse_quote!(#[label("low-prio")])).unwrap().unwrap();
        assert_eq!(good.value(), "low-prio");
        for bad in [
            parse_quote!(#[label]),
            parse_quote!(#[label()]),
            parse_quote!(#[label = "low"]),
            parse_quote!(#[label(low)]),
            parse_quote!(#[label(rename = "low")]),
            parse_quote!(#[label("low", "prio")]),
        ] {
            assert!(error(text(bad)).contains("`#[label(\"text\")]`"));
        }
    }

    #[test]
    fn a_container_has_a_case_and_a_path() {
        let settings = |attributes: &[Attribute]| {
            let Container { case, quipu } = container(attributes).unwrap();
            (case, quipu.to_token_stream().to_string())
        };
        let default = ":: quipu".to_owned();
        assert_eq!(settings(&[]), (None, default.clone()));
        let kebab = settings(&[parse_quote!(#[label(rename_all = "kebab-case")])]);
        assert_eq!(kebab, (Some(Case::Kebab), default));
        for path in ["q", ":: q", "crate :: a :: q", "self :: q", "super :: q"] {
            let tokens: Path = syn::parse_str(path).unwrap();
            assert_eq!(settings(&[parse_quote!(#[label(crate = #tokens)])]), (None, path.to_owned()));
        }
        let both = settings(&[parse_quote!(#[label(crate = q, rename_all = "lowercase",)])]);
        assert_eq!(both, (Some(Case::Lower), "q".to_owned()));
        for bad in [
            parse_quote!(#[label("kebab-case")]),
            parse_quote!(#[label(rename = "kebab-case")]),
            parse_quote!(#[label(rename_all)]),
            parse_quote!(#[label(rename_all = "kebab-case", other)]),
            parse_quote!(#[label(crate)]),
            parse_quote!(#[label(crate = "q")]),
        ] {
            let message = error(container(&[bad]));
            assert!(message.contains("rename_all = \"UPPERCASE\"` or `crate = "), "{message}");
        }
    }

    #[test]
    fn an_unknown_case_is_answered_with_the_known_ones() {
        let message = error(container(&[parse_quote!(#[label(rename_all = "Train-Case")])]));
        for (name, _) in Case::NAMED {
            assert!(message.contains(name), "{name} is not in: {message}");
        }
    }

    #[test]
    fn other_attributes_are_left_alone() {
        let other: [Attribute; 2] = [parse_quote!(#[doc = "x"]), parse_quote!(#[serde(rename = "x")])];
        assert!(text(&other).unwrap().is_none());
        assert_eq!(container(&other).unwrap().case, None);
    }

    #[test]
    fn a_second_attribute_is_refused() {
        let twice: [Attribute; 2] = [parse_quote!(#[label("a")]), parse_quote!(#[label("b")])];
        assert!(error(text(&twice)).contains("second"));
        assert!(error(container(&twice)).contains("second"));
    }
}
