//! `#[derive(LabelValue)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::{Data, DataEnum, DeriveInput, Error, Fields, LitStr, Result, Variant};

use crate::attribute::{self, Container};
use crate::case::Case;

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let data = variants(input)?;
    let Container { case, quipu } = attribute::container(&input.attrs)?;
    let texts = texts(data, case.unwrap_or(Case::Snake))?;
    let variants = data.variants.iter().map(|variant| &variant.ident);
    let variants: Vec<_> = variants.collect();
    let positions = 0..variants.len();
    let name = &input.ident;
    let (impl_generics, type_generics, where_clause) = input.generics.split_for_impl();

    Ok(quote! {
        #[automatically_derived]
        #[allow(unused_qualifications)]
        impl #impl_generics #quipu::LabelValue for #name #type_generics #where_clause {
            const VALUES: ::core::option::Option<&'static [&'static ::core::primitive::str]> =
                ::core::option::Option::Some(&[#(#texts),*]);

            #[inline]
            fn index(&self) -> ::core::primitive::usize {
                match *self {
                    #(Self::#variants => #positions,)*
                }
            }

            #[inline]
            fn as_label<'__quipu>(
                &'__quipu self,
                _: &'__quipu mut #quipu::LabelBuffer,
            ) -> &'__quipu ::core::primitive::str {
                match *self {
                    #(Self::#variants => #texts,)*
                }
            }
        }
    })
}

fn variants(input: &DeriveInput) -> Result<&DataEnum> {
    let name = &input.ident;
    let refuse = |message: String| Err(Error::new_spanned(name, message));
    match &input.data {
        Data::Enum(data) if data.variants.is_empty() => {
            refuse(format!("`{name}` has no variants, so its label could never have a value; add a variant"))
        }
        Data::Enum(data) => Ok(data),
        Data::Struct(_) => refuse(format!(
            "`LabelValue` is derived for enums; write `enum {name}` for values known to the compiler, \
             or derive `LabelSet` if the fields of `{name}` are labels"
        )),
        Data::Union(_) => {
            refuse(format!("`LabelValue` is derived for enums; write `enum {name}` with one variant per value"))
        }
    }
}

/// The text of each variant, in order, each with the span of the name or literal it comes from.
fn texts(data: &DataEnum, case: Case) -> Result<Vec<LitStr>> {
    let mut texts: Vec<LitStr> = Vec::with_capacity(data.variants.len());
    for variant in &data.variants {
        let text = text(variant, case)?;
        if let Some(earlier) = texts.iter().position(|other| other.value() == text.value()) {
            let earlier = &data.variants[earlier].ident;
            let this = &variant.ident;
            let message = format!(
                "`{earlier}` and `{this}` have the same text {:?}; \
                 give one of them another with `#[label(\"text\")]`",
                text.value()
            );
            return Err(Error::new(text.span(), message));
        }
        texts.push(text);
    }
    Ok(texts)
}

fn text(variant: &Variant, case: Case) -> Result<LitStr> {
    let name = &variant.ident;
    if !matches!(variant.fields, Fields::Unit) {
        let message = format!(
            "`{name}` carries data, but the values of a `LabelValue` enum are fixed; write plain `{name}`, \
             and put open values into a `String` field of the label set"
        );
        return Err(Error::new_spanned(variant, message));
    }
    let text = attribute::text(&variant.attrs)?;
    Ok(text.unwrap_or_else(|| LitStr::new(&case.apply(&name.unraw().to_string()), name.span())))
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    fn texts_of(input: &DeriveInput) -> Vec<String> {
        let case = attribute::container(&input.attrs).unwrap().case.unwrap_or(Case::Snake);
        let texts = texts(variants(input).unwrap(), case).unwrap();
        texts.iter().map(LitStr::value).collect()
    }

    fn error(input: &DeriveInput) -> String {
        expand(input).expect_err("must be refused").to_string()
    }

    #[test]
    fn a_text_is_the_name_in_the_case_of_the_enum_or_set_exactly() {
        let plain = parse_quote!(
            enum State {
                New,
                InProgress,
                #[label("It's Done!")]
                Done,
            }
        );
        assert_eq!(texts_of(&plain), ["new", "in_progress", "It's Done!"]);
        let renamed = parse_quote! {
            #[label(rename_all = "UPPERCASE")]
            enum Method { Get, #[label("other")] Other }
        };
        assert_eq!(texts_of(&renamed), ["GET", "other"]);
    }

    #[test]
    fn raw_identifiers_lose_their_mark() {
        assert_eq!(
            texts_of(&parse_quote!(
                enum Raw {
                    r#Type,
                    r#match,
                }
            )),
            ["type", "match"]
        );
    }

    #[test]
    fn equal_texts_are_refused() {
        let derived = error(&parse_quote!(
            enum Twice {
                HTTPGet,
                HttpGet,
            }
        ));
        assert!(derived.starts_with("`HTTPGet` and `HttpGet` have the same text \"http_get\""));
        let set = error(&parse_quote!(
            enum Twice {
                Low,
                High,
                #[label("low")]
                Lower,
            }
        ));
        assert!(set.starts_with("`Low` and `Lower` have the same text \"low\""));
    }

    #[test]
    fn other_shapes_are_refused() {
        assert!(
            error(&parse_quote!(
                enum Never {}
            ))
            .contains("no variants")
        );
        assert!(
            error(&parse_quote!(
                enum Data {
                    Code(u16),
                }
            ))
            .contains("carries data")
        );
        assert!(
            error(&parse_quote!(
                enum Data {
                    Code {},
                }
            ))
            .contains("carries data")
        );
        assert!(
            error(&parse_quote!(
                struct Plain;
            ))
            .contains("write `enum Plain`")
        );
        assert!(error(&parse_quote!(union Bits { a: u8 })).contains("write `enum Bits`"));
    }
}
