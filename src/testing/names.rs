//! Good names.

use crate::Registry;

/// Asserts that nothing is registered that is better avoided, but for these: each the [id](crate::registry::LintRule::id) of a rule and the
/// name of a metric. An exception that nothing needs is a mistake as well.
///
/// # Panics
/// If [`Registry::lint`] finds something else, or an exception is not needed. The message lists each, with what to do.
///
/// ```
/// let (registry, _) = quipu::testing::registry();
/// registry.gauge("cpu_usage_percent", "Of all processors.").register()?;
/// quipu::testing::assert_good_names(&registry, [("ratio", "cpu_usage_percent")]);
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[track_caller]
pub fn assert_good_names<'a>(registry: &Registry, except: impl AsRef<[(&'a str, &'a str)]>) {
    let (except, lints) = (except.as_ref(), registry.lint());
    let exceptions = || lints.iter().map(|lint| (lint.rule().id(), lint.metric().unwrap_or_default()));
    let found = lints.iter().zip(exceptions()).filter(|(_, exception)| !except.contains(exception));
    let mut lines: Vec<_> =
        found.map(|(lint, (rule, _))| format!("  {lint} ({rule}: {})", lint.rule().reason())).collect();
    let unused = except.iter().filter(|exception| !exceptions().any(|lint| lint == **exception));
    lines.extend(
        unused.map(|(rule, metric)| format!("  the exception ({rule:?}, {metric:?}) is not needed; remove it")),
    );
    assert!(lines.is_empty(), "names that are better avoided:\n{}", lines.join("\n"));
}
