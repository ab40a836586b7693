//! Help texts from documentation.

use syn::{Attribute, Expr, ExprLit, Lit, LitStr, Meta};

/// The first paragraph of a documentation comment, its lines joined.
pub(super) fn from_docs(attributes: &[Attribute]) -> Option<LitStr> {
    let docs: Vec<LitStr> = attributes.iter().filter_map(doc).collect();
    let text = docs.iter().map(LitStr::value).collect::<Vec<_>>().join("\n");
    let lines = text.lines().map(str::trim).skip_while(|line| line.is_empty()).take_while(|line| !line.is_empty());
    let help = lines.collect::<Vec<_>>().join(" ");
    let first = docs.first()?;
    (!help.is_empty()).then(|| LitStr::new(&help, first.span()))
}

fn doc(attribute: &Attribute) -> Option<LitStr> {
    match &attribute.meta {
        Meta::NameValue(meta) if meta.path.is_ident("doc") => match &meta.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.clone()),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use syn::{ItemStruct, parse_quote};

    fn help(item: &ItemStruct) -> Option<String> {
        from_docs(&item.attrs).map(|help| help.value())
    }

    #[test]
    fn it_is_the_first_paragraph() {
        let lines = parse_quote! {
            ///
            /// Mails
            ///   sent.
            ///
            /// More about them.
            struct A;
        };
        assert_eq!(help(&lines).as_deref(), Some("Mails sent."));
        let block = parse_quote! {
            /** Mails
                sent.

                More. */
            struct A;
        };
        assert_eq!(help(&block).as_deref(), Some("Mails sent."));
        let none = parse_quote! {
            #[doc(hidden)]
            #[doc = ""]
            #[doc = include_str!("a.md")]
            struct A;
        };
        assert_eq!(help(&none), None);
    }
}
