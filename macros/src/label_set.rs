//! `#[derive(LabelSet)]`.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{Data, DeriveInput, Error, Field, Fields, Generics, Ident, LitStr, Path, Result, Type, parse_quote_spanned};

use crate::attribute::{self, Container};
use crate::case::Case;
use crate::spans::with_span;

/// A field of the struct: one label.
struct Label<'a> {
    field: &'a Ident,
    value: &'a Type,
    name: LitStr,
}

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let Container { case, quipu } = attribute::container(&input.attrs)?;
    let labels = labels(input, case.unwrap_or(Case::Verbatim))?;
    let name_check = name_check(&labels, &quipu);
    let constants = constants(&labels, &quipu);
    let methods = methods(&labels, &quipu);
    let name = &input.ident;
    let generics = bound(&input.generics, &labels, &quipu);
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();

    Ok(quote! {
        #name_check

        #[automatically_derived]
        #[allow(unused_qualifications)]
        impl #impl_generics #quipu::LabelSet for #name #type_generics #where_clause {
            #constants
            #methods
        }
    })
}

fn labels(input: &DeriveInput, case: Case) -> Result<Vec<Label<'_>>> {
    let name = &input.ident;
    let refuse = |message: String| Err(Error::new_spanned(name, message));
    let Data::Struct(data) = &input.data else {
        return refuse(format!(
            "`LabelSet` is derived for structs, one field per label; write `struct {name} {{ … }}`, \
             or derive `LabelValue` if `{name}` is the value of one label"
        ));
    };
    match &data.fields {
        Fields::Named(fields) if !fields.named.is_empty() => {
            fields.named.iter().map(|field| label(field, case)).collect()
        }
        Fields::Unnamed(_) => {
            refuse(format!("the labels take their names from the fields; write `struct {name} {{ name: Type, … }}`"))
        }
        _ => refuse(format!(
            "`{name}` has no fields, so it has no labels; add a field per label, \
             or register the metric without a label set"
        )),
    }
}

fn label(field: &Field, case: Case) -> Result<Label<'_>> {
    let ident = field.ident.as_ref().expect("only named fields come here");
    let name = attribute::text(&field.attrs)?
        .unwrap_or_else(|| LitStr::new(&case.apply(&ident.unraw().to_string()), ident.span()));
    Ok(Label { field: ident, value: &field.ty, name })
}

/// Lets the engine's own rule judge the names while the caller compiles.
///
/// It judges the first name, then the first two and so on: evaluation stops at the first panic, so
/// there is one error, and it points to the field that brought it in.
fn name_check(labels: &[Label<'_>], quipu: &Path) -> TokenStream {
    let names: Vec<&LitStr> = labels.iter().map(|label| &label.name).collect();
    let checks = (0..names.len()).map(|last| {
        let names = names[..=last].iter().map(|name| LitStr::new(&name.value(), Span::call_site()));
        let span = labels[last].name.span();
        let quipu = with_span(quipu, span);
        quote_spanned! {span=>
            #quipu::model::assert_label_names(&[#(#names),*]);
        }
    });
    quote! {
        #[allow(unused_qualifications)]
        const _: () = { #(#checks)* };
    }
}

/// Asks for `LabelValue` at the type of each field, so that a type without it is the place of the error.
fn bound(generics: &Generics, labels: &[Label<'_>], quipu: &Path) -> Generics {
    let mut generics = generics.clone();
    let predicates = &mut generics.make_where_clause().predicates;
    for Label { value, .. } in labels {
        // The compiler marks from the start of the type to the end of the bound.
        let end = value.to_token_stream().into_iter().last();
        let end = end.map_or_else(Span::call_site, |token| token.span());
        let quipu = with_span(quipu, end);
        predicates.push(parse_quote_spanned! {end=> #value: #quipu::LabelValue});
    }
    generics
}

// A `const` or `static` of the caller would capture a plain local name, hence the prefix.

fn constants(labels: &[Label<'_>], quipu: &Path) -> TokenStream {
    let names = labels.iter().map(|label| &label.name);
    let values: Vec<&Type> = labels.iter().map(|label| label.value).collect();
    quote! {
        const NAMES: &'static [&'static ::core::primitive::str] = &[#(#names),*];

        const VALUES: &'static [
            ::core::option::Option<&'static [&'static ::core::primitive::str]>
        ] = &[#(<#values as #quipu::LabelValue>::VALUES),*];
    }
}

fn methods(labels: &[Label<'_>], quipu: &Path) -> TokenStream {
    let fields: Vec<&Ident> = labels.iter().map(|label| label.field).collect();
    let values = labels.iter().map(|label| label.value);
    quote! {
        #[inline]
        fn index(&self) -> ::core::primitive::usize {
            let __quipu_index = 0usize;
            #(
                let __quipu_index = #quipu::LabelValue::index(&self.#fields)
                    + __quipu_index
                        * match <#values as #quipu::LabelValue>::VALUES {
                            ::core::option::Option::Some(__quipu_values) => __quipu_values.len(),
                            ::core::option::Option::None => 1usize,
                        };
            )*
            __quipu_index
        }

        #[inline]
        fn with_values<__QuipuResult>(
            &self,
            __quipu_use: impl ::core::ops::FnOnce(&[&::core::primitive::str]) -> __QuipuResult,
        ) -> __QuipuResult {
            __quipu_use(&[
                #(#quipu::LabelValue::as_label(&self.#fields, &mut #quipu::LabelBuffer::new())),*
            ])
        }
    }
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    fn names(input: &DeriveInput) -> Vec<String> {
        labels(input, Case::Verbatim).unwrap().iter().map(|label| label.name.value()).collect()
    }

    fn error(input: &DeriveInput) -> String {
        expand(input).expect_err("must be refused").to_string()
    }

    #[test]
    fn a_label_is_named_after_its_field_or_by_its_attribute() {
        let input = parse_quote! {
            struct Request { method: Method, r#type: String, #[label("status_code")] status: u16 }
        };
        assert_eq!(names(&input), ["method", "type", "status_code"]);
    }

    #[test]
    fn other_shapes_are_refused() {
        assert!(
            error(&parse_quote!(
                enum Queue {
                    High,
                }
            ))
            .contains("derive `LabelValue`")
        );
        assert!(error(&parse_quote!(union Bits { a: u8 })).contains("write `struct Bits"));
        assert!(
            error(&parse_quote!(
                struct Pair(u8, u8);
            ))
            .contains("write `struct Pair { name: Type")
        );
        assert!(
            error(&parse_quote!(
                struct Nothing;
            ))
            .contains("no fields")
        );
        assert!(
            error(&parse_quote!(
                struct Nothing {}
            ))
            .contains("no fields")
        );
    }

    #[test]
    fn an_attribute_on_the_struct_is_refused() {
        let input = parse_quote!(
            #[label("job")]
            struct Job {
                queue: String,
            }
        );
        assert!(error(&input).contains("the text of one variant or field is set on that variant or field"));
    }

    #[test]
    fn every_field_type_is_bound() {
        let input: DeriveInput = parse_quote!(
            struct Job<T>
            where
                T: Copy,
            {
                queue: T,
                worker: &'static str,
            }
        );
        let bound = bound(&input.generics, &labels(&input, Case::Verbatim).unwrap(), &parse_quote!(::quipu));
        assert_eq!(bound.where_clause.unwrap().predicates.len(), 3);
    }
}
