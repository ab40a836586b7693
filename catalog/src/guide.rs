//! Guides: from what you want to do to the code that does it. Each page is a module, and its code is compiled.
//!
//! | you want to | page |
//! |---|---|
//! | track work that succeeds, fails or is given up | [`trackers`] |
//! | see whether workers keep up, and what fails | [`jobs`] |
//! | know what calls of models cost, and how long they take | [`llm`] |
//!
//! The crate `quipu` has more of them, in `quipu::guide`: the first five minutes, kinds, labels, bounds, tests, troubleshooting.

macro_rules! pages {
    ($($page:ident)*) => {$(
        #[doc = include_str!(concat!("../docs/guide/", stringify!($page), ".md"))]
        pub mod $page {}
    )*};
}

pages! {
    trackers
    jobs
    llm
}
