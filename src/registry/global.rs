//! The registry of the process.

use super::Registry;
use crate::model::debug_as_message;
use crate::sync::{OnceLock, gate::pass, get_or_init};
use core::fmt;

/// The registry of the process, and whether the program chose it.
static GLOBAL: OnceLock<(Registry, bool)> = OnceLock::new();

/// The registry of the process, for programs that need only one. Tests make their own with [`Registry::new`].
///
/// It is a plain one, unless [`set_global`] was called before.
///
/// ```
/// let starts = quipu::global().counter("starts_total", "Starts.").register()?;
/// starts.inc();
/// # Ok::<(), quipu::RegisterError>(())
/// ```
pub fn global() -> &'static Registry {
    &get_or_init(&GLOBAL, || (Registry::new(), false)).0
}

/// Makes a registry that of the process: one with a namespace or global labels, say. For the start of `main`.
///
/// # Errors
/// When it was called before, or when [`global`] was: its metrics would be lost. The registry of the process then stays as it is.
///
/// ```standalone_crate
/// let registry = quipu::Registry::builder().namespace("shop").build()?;
/// quipu::set_global(registry.clone())?;
/// quipu::global().counter("orders_total", "Orders.").register()?.inc();
/// assert!(registry.to_text().contains("shop_orders_total 1\n"));
/// assert_eq!(quipu::set_global(registry), Err(quipu::SetGlobalError::Set));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn set_global(registry: Registry) -> Result<(), SetGlobalError> {
    let _pass = pass();
    GLOBAL.set((registry, true)).map_err(|_| match GLOBAL.get() {
        Some((_, false)) => SetGlobalError::Used,
        _ => SetGlobalError::Set,
    })
}

/// Why [`set_global`] did nothing.
///
/// ```standalone_crate
/// quipu::global();
/// assert_eq!(quipu::set_global(quipu::Registry::new()), Err(quipu::SetGlobalError::Used));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SetGlobalError {
    /// It was called before.
    Set,
    /// [`global`] was called before it.
    Used,
}

impl fmt::Display for SetGlobalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SetGlobalError::Set => "the global registry is set already; call `set_global` once",
            SetGlobalError::Used => {
                "the global registry is in use already; call `set_global` at the start of `main`, before `global`"
            }
        })
    }
}

debug_as_message!(SetGlobalError);

impl core::error::Error for SetGlobalError {}
