//! One field of a set: a metric, or another set.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Error, Ident, LitStr, Path, Result, Type};

use super::attribute::{self, Labels, Setting, Settings};
use super::{Set, help, labels, prefixed};
use crate::spans::with_span;

pub(super) struct Field<'a> {
    pub(super) ident: &'a Ident,
    pub(super) ty: &'a Type,
    pub(super) form: Form,
    /// Statements that do not compile if a literal is bad.
    pub(super) checks: TokenStream,
    /// The set of labels that is declared here, or nothing.
    pub(super) label_set: TokenStream,
}

pub(super) enum Form {
    Family {
        /// Without the set's prefix.
        name: LitStr,
        help: LitStr,
        /// From a builder to a builder: `__quipu_builder.unit("seconds")`.
        build: TokenStream,
    },
    Nested {
        prefix: Option<LitStr>,
    },
}

pub(super) fn read<'a>(field: &'a syn::Field, set: &Set<'a>) -> Result<Field<'a>> {
    let ident = field.ident.as_ref().expect("only named fields come here");
    let settings = attribute::settings(&field.attrs)?;
    match settings.flatten.clone() {
        Some(flatten) => nested(ident, &field.ty, &flatten, settings, set),
        None => family(ident, field, settings, set),
    }
}

fn nested<'a>(ident: &'a Ident, ty: &'a Type, flatten: &Ident, settings: Settings, set: &Set<'a>) -> Result<Field<'a>> {
    let Settings { name, help, prefix, labels, is_lenient, options, .. } = settings;
    if name.is_some() || help.is_some() || labels.is_some() || is_lenient || !options.is_empty() {
        let message = "a set that is flattened takes a `prefix` and nothing else; what is about its metrics is set on their fields";
        return Err(Error::new(flatten.span(), message));
    }
    let checks = prefix.as_ref().map(|prefix| prefix_check(prefix, set.quipu())).unwrap_or_default();
    Ok(Field { ident, ty, form: Form::Nested { prefix }, checks, label_set: TokenStream::new() })
}

fn family<'a>(ident: &'a Ident, field: &'a syn::Field, settings: Settings, set: &Set<'a>) -> Result<Field<'a>> {
    if let Some(prefix) = &settings.prefix {
        let message =
            "a prefix is set on the struct, or beside `flatten`; write the metric's whole name with `name = \"text\"`";
        return Err(Error::new(prefix.span(), message));
    }
    let name = settings.name.clone().unwrap_or_else(|| LitStr::new(&ident.unraw().to_string(), ident.span()));
    let help = settings.help.clone().or_else(|| help::from_docs(&field.attrs)).ok_or_else(|| {
        let message = format!("`{ident}` has no help; document the field, or write `#[metric(help = \"text\")]`");
        Error::new(ident.span(), message)
    })?;
    let quipu = set.quipu();
    let checks = checks(&field.ty, &name, &settings, set);
    let ty = &field.ty;
    let mut build = quote!(<#ty as #quipu::registry::MetricField>::begin(__quipu_builder));
    let mut label_set = TokenStream::new();
    match &settings.labels {
        Some((_, Labels::Names(names))) => {
            let count = names.len();
            build = quote!(<#ty as #quipu::registry::NamedLabels<#count>>::begin_named(__quipu_builder, [#(#names),*]));
        }
        Some((_, Labels::Fields(fields))) => label_set = labels::declare(set.input, ident, ty, fields, quipu)?,
        None => {}
    }
    for option in &settings.options {
        build.extend(call(option));
    }
    Ok(Field { ident, ty, form: Form::Family { name, help, build }, checks, label_set })
}

/// The call of a builder's function.
fn call(Setting { key, values }: &Setting) -> TokenStream {
    match (&*key.to_string(), &values[..]) {
        ("bounds", [bounds]) => quote! {
            .#key({
                const __QUIPU_BOUNDS: &[::core::primitive::f64] = &(#bounds);
                __QUIPU_BOUNDS
            })
        },
        ("expire_after_seconds", [seconds]) => {
            let expire_after = Ident::new("expire_after", key.span());
            quote!(.#expire_after(::core::time::Duration::from_secs(#seconds)))
        }
        _ => quote!(.#key(#(#values),*)),
    }
}

/// Statements that let the engine's own rules judge all that a family has of literals.
fn checks(ty: &Type, name: &LitStr, settings: &Settings, set: &Set<'_>) -> TokenStream {
    let is_lenient = set.container.is_lenient || settings.is_lenient;
    let at = |span: Span| with_span(set.quipu(), span);
    let whole_name = whole_name(name, set);

    let quipu = at(name.span());
    let mut checks = quote_spanned! {name.span()=>
        #quipu::model::assert_metric_name(#whole_name, <#ty as #quipu::registry::MetricField>::KIND, #is_lenient);
    };
    let labels = match &settings.labels {
        Some((_, Labels::Names(names))) => {
            // The first name, then the first two: the error points to the one that brought it in.
            for last in 0..names.len() {
                let (labels, span) = (names_until(names, last), names[last].span());
                let quipu = at(span);
                checks.extend(quote_spanned! {span=>
                    #quipu::model::assert_labels(#labels, <#ty as #quipu::registry::MetricField>::KIND);
                    #quipu::model::assert_state_label(#whole_name, #labels, <#ty as #quipu::registry::MetricField>::KIND);
                });
            }
            names_until(names, names.len() - 1)
        }
        _ => {
            let quipu = at(ty.span());
            let labels = quote!(<#ty as #quipu::registry::MetricField>::LABELS);
            checks.extend(quote_spanned! {ty.span()=>
                #quipu::model::assert_labels(#labels, <#ty as #quipu::registry::MetricField>::KIND);
                #quipu::model::assert_state_label(#whole_name, #labels, <#ty as #quipu::registry::MetricField>::KIND);
            });
            labels
        }
    };
    for Setting { key, values } in &settings.options {
        let Some(first) = values.first() else { continue };
        let quipu = at(first.span());
        checks.extend(match &*key.to_string() {
            "unit" => quote_spanned! {first.span()=>
                #quipu::model::assert_unit(#whole_name, #first, <#ty as #quipu::registry::MetricField>::KIND);
            },
            "bounds" => quote_spanned!(first.span()=> #quipu::model::assert_bounds(&(#first));),
            "max_values" => quote_spanned!(first.span()=> #quipu::model::assert_label(#labels, #first);),
            _ => TokenStream::new(),
        });
    }
    checks
}

fn names_until(names: &[LitStr], last: usize) -> TokenStream {
    let names = names[..=last].iter().map(|name| LitStr::new(&name.value(), Span::call_site()));
    quote!(::core::option::Option::Some(&[#(#names),*]))
}

fn whole_name(name: &LitStr, set: &Set<'_>) -> LitStr {
    match &set.container.prefix {
        Some(prefix) => {
            let prefix = prefix.value();
            LitStr::new(&format!("{}_{}", prefix.trim_end_matches('_'), name.value()), name.span())
        }
        None => name.clone(),
    }
}

pub(super) fn prefix_check(prefix: &LitStr, quipu: &Path) -> TokenStream {
    let quipu = with_span(quipu, prefix.span());
    quote_spanned!(prefix.span()=> #quipu::model::assert_prefix(#prefix);)
}

impl Field<'_> {
    /// The name of the family, if it is one.
    pub(super) fn family_name(&self) -> Option<&LitStr> {
        match &self.form {
            Form::Family { name, .. } => Some(name),
            Form::Nested { .. } => None,
        }
    }

    /// The statement that declares it.
    pub(super) fn declare(&self, declarations: &impl ToTokens, quipu: &Path) -> TokenStream {
        let Field { ty, form, .. } = self;
        match form {
            Form::Family { name, help, build } => quote! {
                #quipu::registry::Declarations::add(#declarations, #name, #help, |__quipu_builder| #build);
            },
            Form::Nested { prefix } => {
                let declare = quote!(<#ty as #quipu::MetricSet>::declare(#declarations););
                prefix.as_ref().map_or(declare.clone(), |prefix| prefixed(prefix, &declare, quipu))
            }
        }
    }
}
