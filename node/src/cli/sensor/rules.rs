//! Which rules a command of the sensor runs: the node's own, or those of a hub's directory.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use vigie_sensor::rules::{Loader, Ruleset};

use crate::asked::Asked;
use crate::cli::Global;
use crate::sources;

/// See the module.
#[derive(Debug, Args)]
pub(crate) struct Rules {
    /// Use the rules of this hub instead of the node's; the files that they name as data lie below --data
    #[arg(long, value_name = "DIR")]
    hub: Option<PathBuf>,
    /// Of the hub, only the rules at these paths, one a line
    #[arg(long, value_name = "FILE", requires = "hub")]
    items: Option<PathBuf>,
}

impl Rules {
    /// Whether a directory was named instead of the node's own rules.
    pub(crate) fn is_hub(&self) -> bool {
        self.hub.is_some()
    }

    /// `asked` answers what they ask beyond their lines.
    pub(crate) fn load(&self, global: &Global, asked: Asked) -> anyhow::Result<Ruleset> {
        let Some(hub) = &self.hub else {
            return sources::rules(&global.config()?, &global.paths(), asked);
        };
        let mut loader = Loader::new();
        asked.answer(&mut loader);
        if let Some(data) = &global.data {
            loader.data_dir(data);
        }
        match &self.items {
            Some(items) => {
                let text = std::fs::read_to_string(items)
                    .with_context(|| format!("cannot read {}", items.display()))?;
                for item in text.lines().map(str::trim) {
                    if !item.is_empty() && !item.starts_with('#') {
                        loader.item(hub, item);
                    }
                }
            }
            None => {
                loader.dir(hub);
            }
        }
        Ok(loader.finish()?)
    }
}
