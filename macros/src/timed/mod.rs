//! `#[timed]`, `timed_block!` and `instrumented!`.

mod function;
mod options;
mod site;

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::token::Comma;
use syn::{Error, Expr, LitStr, Result};

use function::Function;
use options::{Counted, Options};
use site::Site;

/// `#[timed(…)]`
pub(crate) fn attribute(options: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let mut options: Options = syn::parse2(options)?;
    let function: Function = syn::parse2(item)?;
    function.check(options.errors.is_some())?;
    let ident = &function.signature.ident;
    let default = || LitStr::new(&format!("{}_seconds", ident.unraw()), ident.span());
    let name = options.name.take().unwrap_or_else(default);
    let Site { items, start } = start(&options, &name)?;
    let mutable = is_polled(&function, &options).then(|| quote!(mut));
    let body = body(&function, &options);
    let Function { attributes, visibility, signature, inner, .. } = &function;
    Ok(quote! {
        #(#attributes)*
        #visibility #signature {
            #(#inner)*
            #[allow(unused_qualifications)]
            let #mutable __quipu_call = {
                // In here, so that two of these attributes can stand on one function.
                #items
                #start
            };
            #body
        }
    })
}

/// What begins a call: a series of this place, or a tracker of the caller's.
fn start(options: &Options, name: &LitStr) -> Result<Site> {
    match &options.tracker {
        Some(tracker) => Ok(Site { items: TokenStream::new(), start: quote!(#tracker) }),
        None => site::site(options, name),
    }
}

/// Whether the end of a call has to be told, with its result. If not, it is when the call is dropped.
fn is_told(options: &Options) -> bool {
    options.errors.is_some() || options.tracker.is_some()
}

/// Whether its call has to know when its code runs, to tell a panic of its own from others.
fn is_polled(function: &Function, options: &Options) -> bool {
    function.signature.asyncness.is_some() && options.errors.is_some() && options.tracker.is_none()
}

fn body(function: &Function, options: &Options) -> TokenStream {
    let Function { body, signature, .. } = function;
    if !is_told(options) || function.never_returns() {
        return body.clone();
    }
    let quipu = &options.quipu;
    // Tells the compiler the type of the result, before it sees the body.
    let hint = function.named_output().map(|output| {
        quote! {
            #[allow(unreachable_code, clippy::diverging_sub_expression, clippy::empty_loop, clippy::let_unit_value)]
            if false {
                let __quipu_output: #output = loop {};
                return __quipu_output;
            }
        }
    });
    let result = match signature.asyncness {
        Some(_) if is_polled(function, options) => {
            quote!(#quipu::timed::Call::run(&mut __quipu_call, async move { #hint #body }).await)
        }
        Some(_) => quote!(async move { #hint #body }.await),
        None => quote!(#quipu::timed::once(move || { #hint #body })),
    };
    let finish = site::finish(options);
    quote! {
        #[allow(unused_qualifications)]
        let __quipu_result = #result;
        #[allow(unused_qualifications)]
        { #finish; }
        __quipu_result
    }
}

/// `timed_block!(…)`: options, and an expression at the end.
pub(crate) struct Block {
    options: Options,
    name: LitStr,
    timed: Expr,
}

impl Parse for Block {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut options = Options::default();
        options.parse_name(input)?;
        while Options::is_next(input) {
            options.parse_one(input)?;
            input.parse::<Comma>()?;
        }
        let name = match (options.name.take(), &options.tracker) {
            (Some(name), _) => name,
            // Has no use.
            (None, Some(tracker)) => LitStr::new("", syn::spanned::Spanned::span(tracker)),
            (None, None) => return Err(input.error("expected the name of a histogram first: `\"report_seconds\"`")),
        };
        if input.is_empty() {
            return Err(Error::new(name.span(), "after the name comes what is timed: an expression or a block"));
        }
        let timed = input.parse()?;
        input.parse::<Option<Comma>>()?;
        options.check()?;
        Ok(Block { options, name, timed })
    }
}

pub(crate) fn block(Block { options, name, timed }: Block) -> Result<TokenStream> {
    let Site { items, start } = start(&options, &name)?;
    let finish = if is_told(&options) { site::finish(&options) } else { quote!(::core::mem::drop(__quipu_call)) };
    // A `match` keeps what the expression borrows from until the end.
    Ok(quote! {{
        #items
        #[allow(unused_qualifications)]
        let __quipu_call = #start;
        #[allow(unused_qualifications)]
        match (#timed) {
            __quipu_result => {
                #finish;
                __quipu_result
            }
        }
    }})
}

/// `instrumented!(…)`: a block whose calls and errors are counted as well.
pub(crate) fn instrumented(mut block: Block) -> Result<TokenStream> {
    let Options { calls, errors, tracker, .. } = &mut block.options;
    let key = || syn::Ident::new("errors", block.name.span());
    if let Some(tracker) = tracker {
        return Err(Error::new_spanned(tracker, "a tracker has metrics of its own; write `timed_block!`"));
    }
    calls.get_or_insert_with(|| Counted { key: key(), name: None });
    errors.get_or_insert_with(|| Counted { key: key(), name: None });
    self::block(block)
}
