//! `vigie id`: who this node is.

use clap::Args;
use serde_json::json;

use super::Global;
use crate::identity::Identity;
use crate::terminal::say;

/// Print this node's keys and names
#[derive(Debug, Args)]
pub(crate) struct Id {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Id {
    pub(crate) fn run(self, global: &Global) -> anyhow::Result<()> {
        let identity = Identity::load(&global.paths())?;
        let node = identity.node.public();
        if self.json {
            let id = json!({
                "organisation_key": identity.org.to_string(),
                "organisation": identity.org.org_id(),
                "node_key": node.to_string(),
                "publisher": node.publisher_id(),
                "organisation_key_is_here": identity.org_secret.is_some(),
            });
            return say(&format!("{}\n", serde_json::to_string_pretty(&id)?));
        }
        say(&format!(
            "organisation key  {}\norganisation      {}\nnode key          {node}\npublisher         {}\n",
            identity.org,
            identity.org.org_id(),
            node.publisher_id()
        ))
    }
}
