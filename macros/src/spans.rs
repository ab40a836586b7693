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
