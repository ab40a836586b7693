//! Where the compiler says that an error is.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::Path;

/// The path, as if it stood at this place: an error points there.
pub(crate) fn with_span(path: &Path, span: Span) -> TokenStream {
    let tokens = path.to_token_stream().into_iter().map(|mut token| {
        token.set_span(span);
        token
    });
    tokens.collect()
}

/// The place of a span, for local names that the macro makes: they mean the same everywhere, also where a `macro_rules` macro has written
/// the span. Messages then speak of the macro.
pub(crate) fn place(span: Span) -> Span {
    Span::call_site().located_at(span)
}
