//! The sections of a configuration: the engine's own, and those of other crates.

use super::settings::{Settings, TABLE};
use crate::config::{Keys, Section};
use std::any::Any;

#[derive(Default)]
pub(super) struct Sections {
    pub(super) settings: Settings,
    others: Vec<Box<dyn AnySection>>,
}

/// A section of another crate.
trait AnySection: Send + Sync {
    fn keys(&mut self, keys: &mut Keys<'_>);
    fn boxed(&self) -> Box<dyn AnySection>;
    fn as_any(&self) -> &dyn Any;
}

impl<S: Section> AnySection for S {
    fn keys(&mut self, keys: &mut Keys<'_>) {
        Section::keys(self, keys);
    }

    fn boxed(&self) -> Box<dyn AnySection> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Sections {
    /// Adds a section, or puts it in the place of one of its type.
    pub(super) fn add<S: Section>(&mut self, section: S) {
        self.others.retain(|other| !(**other).as_any().is::<S>());
        self.others.push(Box::new(section));
    }

    pub(super) fn get<S: Section>(&self) -> Option<&S> {
        let own: &dyn Any = &self.settings;
        let others = self.others.iter().map(|other| (**other).as_any());
        [own].into_iter().chain(others).find_map(|section| section.downcast_ref())
    }

    pub(super) fn keys(&mut self, keys: &mut Keys<'_>) {
        keys.table("metrics", TABLE, |keys| {
            self.settings.inner_keys(keys);
            self.others.iter_mut().for_each(|section| section.keys(keys));
        });
    }
}

impl Clone for Sections {
    fn clone(&self) -> Sections {
        let others = self.others.iter().map(|other| (**other).boxed()).collect();
        Sections { settings: self.settings.clone(), others }
    }
}
