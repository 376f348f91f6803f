//! Machines.

use async_trait::async_trait;
use vigie_wire::Timestamp;

use super::Database;
use super::query::Query;
use super::row::{Columns, Row};
use crate::{Machine, Machines, StoreError};

const ADD: &str =
    "INSERT INTO machine (name, password, secret, validated, publish, created_at, last_seen, agent, address)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (name) DO NOTHING";

#[async_trait]
impl<D: Database> Machines for D {
    async fn add_machine(&self, machine: &Machine) -> Result<bool, StoreError> {
        let query = Query::new(ADD)
            .bind(&machine.name)
            .bind(&machine.password)
            .bind(&machine.secret)
            .bind(machine.validated)
            .bind(machine.publish)
            .bind(machine.created_at)
            .bind(machine.last_seen)
            .bind(&machine.agent)
            .bind(&machine.address);
        Ok(self.execute(query).await? > 0)
    }

    async fn machines(&self) -> Result<Vec<Machine>, StoreError> {
        let rows = self.fetch(Query::new("SELECT * FROM machine ORDER BY name"));
        rows.await?.into_iter().map(machine).collect()
    }

    async fn machine(&self, name: &str) -> Result<Option<Machine>, StoreError> {
        let query = Query::new("SELECT * FROM machine WHERE name = $1").bind(name);
        self.fetch(query).await?.pop().map(machine).transpose()
    }

    async fn validate_machine(&self, name: &str) -> Result<bool, StoreError> {
        let query = Query::new("UPDATE machine SET validated = $2 WHERE name = $1")
            .bind(name)
            .bind(true);
        Ok(self.execute(query).await? > 0)
    }

    async fn grant_machine(&self, name: &str, publish: bool) -> Result<bool, StoreError> {
        let query = Query::new("UPDATE machine SET publish = $2 WHERE name = $1")
            .bind(name)
            .bind(publish);
        Ok(self.execute(query).await? > 0)
    }

    async fn lapse_machines(&self, before: Timestamp) -> Result<u64, StoreError> {
        let query = Query::new("DELETE FROM machine WHERE NOT validated AND created_at < $1").bind(before);
        self.execute(query).await
    }
}

fn machine(row: Row) -> Result<Machine, StoreError> {
    let mut row = Columns::new(row, "machine");
    Ok(Machine {
        name: row.text("name")?,
        password: row.text("password")?,
        secret: row.array("secret")?,
        validated: row.flag("validated")?,
        publish: row.flag("publish")?,
        created_at: row.time("created_at")?,
        last_seen: row.time_or_none("last_seen")?,
        agent: row.text("agent")?,
        address: row.text("address")?,
    })
}
