//! A function, as far as an attribute has to know it.

use proc_macro2::{Group, TokenStream};
use quote::ToTokens;
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Error, Result, ReturnType, Signature, Token, Type, Visibility};

/// A function whose body is not looked at.
pub(super) struct Function {
    pub(super) attributes: Vec<Attribute>,
    pub(super) visibility: Visibility,
    pub(super) signature: Signature,
    /// `#![…]` at the beginning of the body.
    pub(super) inner: Vec<Attribute>,
    pub(super) body: TokenStream,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let signature: Signature =
            input.parse().map_err(|error| Error::new(error.span(), "this can stand on a function only"))?;
        if input.peek(Token![;]) {
            let message = "a function without a body cannot be timed; write this on those that have one";
            return Err(Error::new_spanned(&signature.ident, message));
        }
        let block: Group = input.parse()?;
        let body = |input: ParseStream<'_>| Ok((input.call(Attribute::parse_inner)?, input.parse()?));
        let (inner, body) = syn::parse::Parser::parse2(body, block.stream())?;
        Ok(Function { attributes, visibility, signature, inner, body })
    }
}

impl Function {
    pub(super) fn check(&self, counts_errors: bool) -> Result<()> {
        if let Some(constness) = &self.signature.constness {
            return Err(Error::new_spanned(constness, "a `const fn` cannot read a clock; leave `const` out"));
        }
        if counts_errors && (matches!(self.signature.output, ReturnType::Default) || self.never_returns()) {
            let message = "`errors` looks at the `Result` that a function returns, and this one returns none";
            return Err(Error::new_spanned(&self.signature.ident, message));
        }
        Ok(())
    }

    /// Whether its type says so: `-> !`.
    pub(super) fn never_returns(&self) -> bool {
        matches!(&self.signature.output, ReturnType::Type(_, output) if matches!(**output, Type::Never(_)))
    }

    /// The type that it returns, unless that has no name.
    pub(super) fn named_output(&self) -> Option<&Type> {
        match &self.signature.output {
            ReturnType::Type(_, output) if !has_word(output.to_token_stream(), "impl") => Some(output),
            _ => None,
        }
    }
}

fn has_word(tokens: TokenStream, word: &str) -> bool {
    tokens.into_iter().any(|token| match token {
        proc_macro2::TokenTree::Group(group) => has_word(group.stream(), word),
        proc_macro2::TokenTree::Ident(ident) => ident == word,
        _ => false,
    })
}
