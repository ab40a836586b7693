//! The `#[label(…)]` attribute.

use syn::parse::ParseStream;
use syn::{Attribute, Error, Ident, LitStr, Result, Token};

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

/// The case that `#[label(rename_all = "…")]` sets on an enum.
pub(crate) fn case(attributes: &[Attribute]) -> Result<Case> {
    let Some(attribute) = single(attributes)? else {
        return Ok(Case::Snake);
    };
    let name = attribute.parse_args_with(rename_all).map_err(|_| {
        let message = "expected a case for all variants here: `#[label(rename_all = \"UPPERCASE\")]`; \
                       the text of one variant is set on that variant";
        Error::new_spanned(attribute, message)
    })?;
    Case::from_name(&name.value()).ok_or_else(|| {
        let known = Case::NAMED.map(|(known, _)| format!("{known:?}")).join(", ");
        Error::new(name.span(), format!("unknown case; the known ones are {known}"))
    })
}

/// Refuses `#[label(…)]` where it has no meaning.
pub(crate) fn none(attributes: &[Attribute], message: &str) -> Result<()> {
    match single(attributes)? {
        Some(attribute) => Err(Error::new_spanned(attribute, message)),
        None => Ok(()),
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

fn rename_all(input: ParseStream<'_>) -> Result<LitStr> {
    let key: Ident = input.parse()?;
    if key != "rename_all" {
        return Err(Error::new(key.span(), "expected `rename_all`"));
    }
    input.parse::<Token![=]>()?;
    input.parse()
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

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
    fn case_is_snake_unless_renamed() {
        assert_eq!(case(&[]).unwrap(), Case::Snake);
        let kebab = parse_quote!(#[label(rename_all = "kebab-case")]);
        assert_eq!(case(&[kebab]).unwrap(), Case::Kebab);
        for bad in [
            parse_quote!(#[label("kebab-case")]),
            parse_quote!(#[label(rename = "kebab-case")]),
            parse_quote!(#[label(rename_all)]),
            parse_quote!(#[label(rename_all = "kebab-case", other)]),
        ] {
            assert!(error(case(&[bad])).contains("rename_all = \"UPPERCASE\""));
        }
    }

    #[test]
    fn an_unknown_case_is_answered_with_the_known_ones() {
        let message = error(case(&[parse_quote!(#[label(rename_all = "camelCase")])]));
        for (name, _) in Case::NAMED {
            assert!(message.contains(name), "{name} is not in: {message}");
        }
    }

    #[test]
    fn other_attributes_are_left_alone() {
        let other: [Attribute; 2] = [parse_quote!(#[doc = "x"]), parse_quote!(#[serde(rename = "x")])];
        assert!(text(&other).unwrap().is_none());
        assert_eq!(case(&other).unwrap(), Case::Snake);
        none(&other, "").unwrap();
    }

    #[test]
    fn a_second_attribute_is_refused() {
        let twice: [Attribute; 2] = [parse_quote!(#[label("a")]), parse_quote!(#[label("b")])];
        assert!(error(text(&twice)).contains("second"));
        assert!(error(case(&twice)).contains("second"));
        assert!(error(none(&twice, "")).contains("second"));
    }

    #[test]
    fn none_is_refused_with_the_given_message() {
        assert_eq!(error(none(&[parse_quote!(#[label("a")])], "not here")), "not here");
    }
}
