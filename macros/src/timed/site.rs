//! What a timed place records into, as code.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, Expr, LitStr, Result};

use super::options::{Counted, Label, Options};
use crate::spans::{place, with_span};

/// The label that a classifier's answers go into.
const CLASS: &str = "error_type";

pub(super) struct Site {
    /// Items that stand before the call.
    pub(super) items: TokenStream,
    /// An expression that begins a call.
    pub(super) start: TokenStream,
}

pub(super) fn site(options: &Options, name: &LitStr) -> Result<Site> {
    let quipu = &options.quipu;
    let base = base(name)?;
    let class = options.labels.iter().find(|label| label.name.value() == CLASS);
    if let (Some(label), Some(_)) = (class, &options.classify) {
        let message = format!("`errors(by = …)` has a label `{CLASS}` already; use another name");
        return Err(Error::new(label.name.span(), message));
    }
    let counter = |counted: &Counted, suffix| {
        let derived = || LitStr::new(&format!("{base}_{suffix}_total"), counted.key.span());
        counted.name.clone().unwrap_or_else(derived)
    };
    let calls = options.calls.as_ref().map(|counted| counter(counted, "calls"));
    let errors = options.errors.as_ref().map(|counted| counter(counted, "errors"));
    let checks = checks(options, name, [&calls, &errors]);

    let help = options.help.clone().unwrap_or_else(|| LitStr::new("Time that calls take.", Span::call_site()));
    let bounds = match &options.bounds {
        Some(bounds) => quote!(&(#bounds)),
        None => quote!(&#quipu::model::DEFAULT_BOUNDS),
    };
    let [calls, errors] = [&calls, &errors].map(|name| match name {
        Some(name) => quote!(::core::option::Option::Some(#name)),
        None => quote!(::core::option::Option::None),
    });
    let is_classified = options.classify.is_some();
    let labels = options.labels.iter().map(|label| &label.name);
    let count = options.labels.len();
    let registry = match &options.registry {
        Some(registry) => {
            let quipu = with_span(quipu, registry.span());
            let span = registry.span();
            quote_spanned!(span=> <#quipu::Registry as ::core::clone::Clone>::clone(&(#registry)))
        }
        None => quote!(::core::clone::Clone::clone(#quipu::global())),
    };
    let items = quote! {
        #checks
        #[allow(unused_qualifications)]
        static __QUIPU_SITE: #quipu::timed::Site<#count> = #quipu::timed::Site::new(
            #quipu::timed::Spec {
                seconds: #name,
                help: #help,
                bounds: #bounds,
                calls: #calls,
                errors: #errors,
                is_classified: #is_classified,
                labels: [#(#labels),*],
            },
            || #registry,
        );
    };
    Ok(Site { items, start: start(options) })
}

fn start(options: &Options) -> TokenStream {
    let quipu = &options.quipu;
    let literals: Option<Vec<&LitStr>> = options.labels.iter().map(Label::literal).collect();
    if let Some(literals) = literals {
        return quote!(#quipu::timed::Site::start_fixed(&__QUIPU_SITE, [#(#literals),*]));
    }
    let values = options.labels.iter().map(|Label { value, .. }| {
        let quipu = with_span(quipu, value.span());
        quote_spanned!(value.span()=> #quipu::LabelValue::as_label(&(#value), &mut #quipu::LabelBuffer::new()))
    });
    quote!(#quipu::timed::Site::start(&__QUIPU_SITE, [#(#values),*]))
}

/// What counters have in their names before `_calls_total`.
fn base(name: &LitStr) -> Result<String> {
    let text = name.value();
    let base = text.strip_suffix("_seconds").filter(|base| !base.is_empty()).ok_or_else(|| {
        let message =
            format!("durations are recorded in seconds, and the name says so; write `{}_seconds`", without_unit(&text));
        Error::new(name.span(), message)
    })?;
    Ok(base.strip_suffix("_duration").filter(|base| !base.is_empty()).unwrap_or(base).to_owned())
}

/// A name without its unit of time, whatever that is.
fn without_unit(name: &str) -> &str {
    const UNITS: [&str; 11] =
        ["s", "sec", "secs", "second", "ms", "millis", "milliseconds", "us", "micros", "microseconds", "ns"];
    match name.rsplit_once('_') {
        Some((base, unit)) if UNITS.contains(&unit) && !base.is_empty() => base,
        _ => name,
    }
}

/// Lets the engine's own rules judge the literals.
fn checks(options: &Options, name: &LitStr, counters: [&Option<LitStr>; 2]) -> TokenStream {
    let at = |span: Span| with_span(&options.quipu, span);
    let metric_name = |name: &LitStr, kind: &str| {
        let (quipu, kind) = (at(name.span()), syn::Ident::new(kind, name.span()));
        quote_spanned! {name.span()=>
            #quipu::model::assert_metric_name(#name, #quipu::model::MetricType::#kind, false);
        }
    };
    let mut checks = metric_name(name, "Histogram");
    checks.extend(counters.into_iter().flatten().map(|name| metric_name(name, "Counter")));
    let names: Vec<&LitStr> = options.labels.iter().map(|label| &label.name).collect();
    for last in 0..names.len() {
        let span = names[last].span();
        let quipu = at(span);
        let names = names[..=last].iter().map(|name| LitStr::new(&name.value(), Span::call_site()));
        checks.extend(quote_spanned! {span=>
            #quipu::model::assert_labels(::core::option::Option::Some(&[#(#names),*]), #quipu::model::MetricType::Histogram);
        });
    }
    if let Some(bounds) = &options.bounds {
        let quipu = at(bounds.span());
        checks.extend(quote_spanned!(bounds.span()=> #quipu::model::assert_bounds(&(#bounds));));
    }
    quote! {
        #[allow(unused_qualifications)]
        const _: () = { #checks };
    }
}

/// The statement that ends a call with the result `__quipu_result`, in which errors are counted.
pub(super) fn finish(options: &Options) -> TokenStream {
    let quipu = &options.quipu;
    if let Some(tracker) = &options.tracker {
        return finish_tracker(options, tracker);
    }
    match &options.classify {
        Some(classify) => {
            let result = quote_spanned!(of_errors(options)=> &__quipu_result);
            let span = place(classify.span());
            let at = with_span(quipu, classify.span());
            let class = quote_spanned!(span=> #at::timed::classify(#result, #classify));
            quote!(#quipu::timed::Call::finish_classified(__quipu_call, #class))
        }
        None => {
            let is_error = is_error(options);
            quote!(#quipu::timed::Call::finish(__quipu_call, #is_error))
        }
    }
}

fn finish_tracker(options: &Options, tracker: &Expr) -> TokenStream {
    let span = place(tracker.span());
    let quipu = with_span(&options.quipu, tracker.span());
    let succeeded = quote_spanned!(span=> #quipu::timed::Tracker::succeeded(__quipu_call));
    if options.errors.is_none() {
        return succeeded;
    }
    let is_error = is_error(options);
    let failed = quote_spanned!(span=> #quipu::timed::Tracker::failed(__quipu_call));
    quote!(if #is_error { #failed } else { #succeeded })
}

/// The place of `errors`, where a result of another type is an error.
fn of_errors(options: &Options) -> Span {
    place(options.errors.as_ref().map_or_else(Span::call_site, |counted| counted.key.span()))
}

fn is_error(options: &Options) -> TokenStream {
    quote_spanned!(of_errors(options)=> ::core::result::Result::is_err(&__quipu_result))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_advice_on_a_name_is_in_seconds_alone() {
        for (name, advice) in
            [("report", "report"), ("report_ms", "report"), ("a_b_millis", "a_b"), ("_ms", "_ms"), ("forms", "forms")]
        {
            let error = base(&LitStr::new(name, Span::call_site())).unwrap_err().to_string();
            assert!(error.ends_with(&format!("write `{advice}_seconds`")), "{error}");
        }
    }
}
