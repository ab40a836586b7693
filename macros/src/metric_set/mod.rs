//! `#[derive(MetricSet)]`.

mod attribute;
mod field;
mod help;
mod labels;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Data, DeriveInput, Error, Fields, Path, Result};

use crate::errors::Errors;
use attribute::Container;
use field::{Field, Form};

/// What all fields share.
struct Set<'a> {
    input: &'a DeriveInput,
    container: Container,
}

impl Set<'_> {
    fn quipu(&self) -> &Path {
        &self.container.quipu
    }
}

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let set = Set { input, container: attribute::container(&input.attrs)? };
    let fields = fields(&set)?;
    let checks = checks(&set, &fields);
    let label_sets = fields.iter().map(|field| &field.label_set);
    let declare = declare(&set, &fields);
    let build = build(&set, &fields);
    let (name, quipu) = (&input.ident, set.quipu());

    Ok(quote! {
        #checks
        #(#label_sets)*

        #[automatically_derived]
        #[allow(unused_qualifications)]
        impl #quipu::MetricSet for #name {
            #declare
            #build
        }
    })
}

fn fields<'a>(set: &Set<'a>) -> Result<Vec<Field<'a>>> {
    let DeriveInput { ident: name, generics, data, .. } = set.input;
    let refuse = |message: String| Err(Error::new_spanned(name, message));
    if !generics.params.is_empty() {
        return refuse(format!("a set of metrics has no parameters; write `struct {name} {{ … }}`"));
    }
    let fields = match data {
        Data::Struct(data) => &data.fields,
        _ => return refuse(format!("`MetricSet` is derived for structs; write `struct {name} {{ … }}`")),
    };
    let Fields::Named(fields) = fields else {
        return refuse(format!("metrics take their names from the fields; write `struct {name} {{ name: Type, … }}`"));
    };
    let mut errors = Errors::default();
    let fields: Vec<Field<'_>> = fields.named.iter().filter_map(|field| errors.keep(field::read(field, set))).collect();
    for (n, field) in fields.iter().enumerate() {
        let name = |field: &Field<'_>| field.family_name().map(syn::LitStr::value);
        if name(field).is_some() && fields[..n].iter().any(|other| name(other) == name(field)) {
            let name = field.family_name();
            errors.add(Error::new_spanned(name, "a second metric of this name; give it another, or remove it"));
        }
    }
    errors.none_or(fields)
}

/// Lets the engine's own rules judge the literals while the caller compiles. Evaluation stops at the first panic, so there is one
/// error for a set.
fn checks(set: &Set<'_>, fields: &[Field<'_>]) -> TokenStream {
    let prefix = set.container.prefix.as_ref().map(|prefix| field::prefix_check(prefix, set.quipu()));
    let checks = fields.iter().map(|field| &field.checks);
    quote! {
        #[allow(unused_qualifications)]
        const _: () = { #prefix #(#checks)* };
    }
}

fn declare(set: &Set<'_>, fields: &[Field<'_>]) -> TokenStream {
    let quipu = set.quipu();
    let declarations = quote!(__quipu_declarations);
    let declare = fields.iter().map(|field| field.declare(&declarations, quipu));
    let mut declare = quote!(#(#declare)*);
    if let Some(prefix) = &set.container.prefix {
        declare = prefixed(prefix, &declare, quipu);
    }
    quote! {
        fn declare(#declarations: &mut #quipu::registry::Declarations) {
            #declare
        }
    }
}

/// Declares with a prefix before the names.
fn prefixed(prefix: &syn::LitStr, declare: &impl ToTokens, quipu: &Path) -> TokenStream {
    quote! {
        #quipu::registry::Declarations::add_prefixed(__quipu_declarations, #prefix, |__quipu_declarations| { #declare });
    }
}

fn build(set: &Set<'_>, fields: &[Field<'_>]) -> TokenStream {
    let quipu = set.quipu();
    let build = fields.iter().map(|Field { ident, ty, form, .. }| match form {
        Form::Family { .. } => quote!(#ident: <#ty as #quipu::registry::MetricField>::of(__quipu_families)),
        Form::Nested { .. } => quote!(#ident: <#ty as #quipu::MetricSet>::build(__quipu_families)),
    });
    quote! {
        fn build(__quipu_families: &mut #quipu::registry::RegisteredFamilies) -> Self {
            Self { #(#build),* }
        }
    }
}
