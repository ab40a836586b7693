//! The set of labels that `labels(name: Type, …)` declares.

use proc_macro2::{Punct, Spacing, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote};
use syn::punctuated::Punctuated;
use syn::{
    DeriveInput, Error, Field, GenericArgument, Ident, Lifetime, Path, PathArguments, Result, Token, Type, Visibility,
    parse_quote,
};

use crate::label_set;

/// The struct that the last argument of the family's type names, with the visibility of the set.
pub(super) fn declare(
    set: &DeriveInput,
    metric: &Ident,
    family: &Type,
    fields: &[Field],
    quipu: &Path,
) -> Result<TokenStream> {
    let name = name(family).ok_or_else(|| {
        let message = "`labels(name: Type, …)` declares the set of labels that the field's type names; \
                       write `Family<Counter, Labels>`, with a name of yours for `Labels`";
        Error::new_spanned(family, message)
    })?;
    let vis = &set.vis;
    let fields: Vec<Field> = fields.iter().map(|field| with_lifetimes(field, vis)).collect::<Result<_>>()?;
    let lifetimes = lifetimes(&fields);
    let generics = if lifetimes.is_empty() { quote!() } else { quote!(<#(#lifetimes),*>) };
    let implementation = label_set::expand(&parse_quote! {
        #[label(crate = #quipu)]
        struct #name #generics { #(#fields),* }
    })?;
    let traits = traits(name, &generics, &fields);
    let fields = fields.iter().map(documented);
    let doc = format!("Labels of `{}::{metric}`.", set.ident);
    Ok(quote! {
        #[doc = #doc]
        #[allow(unreachable_pub)]
        #vis struct #name #generics { #(#fields),* }
        #implementation
        #traits
    })
}

/// `Labels` of `Family<Counter, Labels>`, or of `Family<Counter, Labels<'static>>`.
fn name(family: &Type) -> Option<&Ident> {
    let Type::Path(family) = family else { return None };
    let PathArguments::AngleBracketed(arguments) = &family.path.segments.last()?.arguments else { return None };
    match arguments.args.last()? {
        GenericArgument::Type(Type::Path(labels)) if arguments.args.len() > 1 && labels.path.segments.len() == 1 => {
            Some(&labels.path.segments[0].ident)
        }
        _ => None,
    }
}

/// The field of the struct: visible, and with a lifetime where a reference has none.
fn with_lifetimes(field: &Field, vis: &Visibility) -> Result<Field> {
    let mut field = field.clone();
    field.ty = syn::parse2(named(field.ty.to_token_stream()))?;
    if matches!(field.vis, Visibility::Inherited) {
        field.vis = vis.clone();
    }
    Ok(field)
}

fn named(tokens: TokenStream) -> TokenStream {
    let mut tokens = tokens.into_iter().peekable();
    let mut named = TokenStream::new();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Group(group) => {
                let mut inner = proc_macro2::Group::new(group.delimiter(), self::named(group.stream()));
                inner.set_span(group.span());
                named.extend([TokenTree::Group(inner)]);
            }
            TokenTree::Punct(punct) if punct.as_char() == '&' => {
                let has_name = matches!(tokens.peek(), Some(TokenTree::Punct(next)) if next.as_char() == '\'');
                named.extend([TokenTree::Punct(Punct::new('&', Spacing::Alone))]);
                if !has_name {
                    Lifetime::new("'labels", Span::call_site()).to_tokens(&mut named);
                }
            }
            other => named.extend([other]),
        }
    }
    named
}

/// The lifetimes of the fields, each once.
fn lifetimes(fields: &[Field]) -> Vec<Lifetime> {
    let mut lifetimes: Vec<Lifetime> = Vec::new();
    let mut add = |ident: Ident| {
        if ident != "static" && ident != "_" && lifetimes.iter().all(|known| known.ident != ident) {
            lifetimes.push(Lifetime { apostrophe: ident.span(), ident });
        }
    };
    for field in fields {
        visit(field.ty.to_token_stream(), &mut add);
    }
    lifetimes
}

fn visit(tokens: TokenStream, add: &mut impl FnMut(Ident)) {
    let mut is_lifetime = false;
    for token in tokens {
        match token {
            TokenTree::Group(group) => visit(group.stream(), add),
            TokenTree::Ident(ident) if is_lifetime => {
                is_lifetime = false;
                add(ident);
            }
            TokenTree::Punct(punct) => is_lifetime = punct.as_char() == '\'',
            _ => is_lifetime = false,
        }
    }
}

/// `Clone`, `Copy` and `Debug`, as far as the fields have them. A bound that names a lifetime may be unmet, where others would be
/// errors.
fn traits(name: &Ident, generics: &TokenStream, fields: &[Field]) -> TokenStream {
    let idents: Vec<_> = fields.iter().map(|field| &field.ident).collect();
    let texts: Vec<_> = idents.iter().map(|ident| ident.to_token_stream().to_string()).collect();
    let bound = |bound: TokenStream| -> Punctuated<TokenStream, Token![,]> {
        fields.iter().map(|Field { ty, .. }| quote!(for<'__quipu> #ty: #bound)).collect()
    };
    let [clone, copy, debug] =
        [quote!(::core::clone::Clone), quote!(::core::marker::Copy), quote!(::core::fmt::Debug)].map(bound);
    let title = format_ident!("{name}").to_string();
    quote! {
        #[automatically_derived]
        impl #generics ::core::clone::Clone for #name #generics where #clone {
            fn clone(&self) -> Self {
                Self { #(#idents: ::core::clone::Clone::clone(&self.#idents)),* }
            }
        }

        #[automatically_derived]
        impl #generics ::core::marker::Copy for #name #generics where #copy {}

        #[automatically_derived]
        impl #generics ::core::fmt::Debug for #name #generics where #debug {
            fn fmt(&self, __quipu_formatter: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                let mut __quipu_fields = ::core::fmt::Formatter::debug_struct(__quipu_formatter, #title);
                #(::core::fmt::DebugStruct::field(&mut __quipu_fields, #texts, &self.#idents);)*
                ::core::fmt::DebugStruct::finish(&mut __quipu_fields)
            }
        }
    }
}

/// The field as it is declared: without attributes that only the derive knows, and documented.
fn documented(field: &Field) -> Field {
    let mut field = field.clone();
    field.attrs.retain(|attribute| !attribute.path().is_ident("label"));
    if !field.attrs.iter().any(|attribute| attribute.path().is_ident("doc")) {
        let doc = format!("The label `{}`.", field.ident.to_token_stream());
        field.attrs.push(parse_quote!(#[doc = #doc]));
    }
    field
}
