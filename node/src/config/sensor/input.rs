//! One source of the list in `[sensor] sources`: what may be said of it, and what the sensor makes of that.
//!
//! Reading it for the check and reading it to run are the same function, so what `check-config` lets pass also starts.
//! Deliberately absent: whether the port is free and the files are there, which only the start can tell.

use std::net::SocketAddr;
use std::ops::Range;
use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;
use vigie_sensor::source::{From, Http, Kafka, Listen, Nats, SourceConfig, Syslog, TlsFiles, Transport};

use crate::config::Wrong;

/// A text and its place in the file.
type Text = Option<Spanned<String>>;

/// What a source is, and the other keys that it understands.
const PLACES: &[(&str, &[&str])] = &[
    ("file", &[]),
    ("docker", &[]),
    ("journal", &["accounts"]),
    ("stdin", &[]),
    ("syslog", &["from", "certificate", "key", "clients"]),
    (
        "http",
        &["token", "field", "from", "certificate", "key", "clients"],
    ),
    (
        "nats",
        &["stream", "consumer", "subject", "credentials", "ca", "field"],
    ),
    ("kafka", &["topic", "partitions", "ca", "field"]),
];

/// One source.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// The kind of its lines: what rules see as `evt.Line.Labels.type`, such as `syslog` or `nginx`.
    #[serde(rename = "type")]
    pub(crate) kind: Spanned<String>,
    /// A file, or a pattern such as `/var/log/nginx/*.log`.
    file: Text,
    /// The same of Docker's json-file logs.
    docker: Text,
    /// A unit of the journal, such as `ssh.service`, or a match such as `SYSLOG_IDENTIFIER=sshd`.
    journal: Text,
    /// Accounts whose entries are believed whatever name they bear.
    accounts: Option<Spanned<Vec<String>>>,
    /// Standard input.
    stdin: Option<Spanned<bool>>,
    /// `udp://`, `tcp://` or `tls://`, and the address and port to listen on.
    syslog: Text,
    /// `http://` or `https://`, and the address and port to listen on.
    http: Text,
    /// Servers of NATS, with commas between them.
    nats: Text,
    /// Brokers of Kafka, with commas between them.
    kafka: Text,
    /// Networks that may send.
    from: Option<Spanned<Vec<Spanned<String>>>>,
    /// Our certificate in PEM.
    certificate: Text,
    /// Its private key.
    key: Text,
    /// Who signs for senders.
    clients: Text,
    /// A file with the token that senders show.
    token: Text,
    /// The field of a JSON object that holds the line.
    field: Text,
    /// A stream of NATS.
    stream: Text,
    /// Our durable consumer of it.
    consumer: Text,
    /// A part of the stream.
    subject: Text,
    /// A file of credentials for NATS.
    credentials: Text,
    /// Who signs for the servers.
    ca: Text,
    /// A topic of Kafka.
    topic: Text,
    /// A part of the topic.
    partitions: Option<Spanned<Vec<i32>>>,
}

// === impl Input ===

impl Input {
    /// What the sensor reads, or everything that is wrong with it.
    pub(crate) fn source(&self) -> Result<SourceConfig, Vec<Wrong>> {
        let given: Vec<_> = PLACES
            .iter()
            .filter_map(|place| Some((place, self.span_of(place.0)?)))
            .collect();
        let [((place, others), span)] = given.as_slice() else {
            let names: Vec<_> = PLACES.iter().map(|(name, _)| format!("`{name}`")).collect();
            let message = format!("a source has exactly one of {}", names.join(", "));
            let place = given
                .get(1)
                .map_or_else(|| self.kind.span(), |(_, span)| span.clone());
            return Err(vec![(place, message)]);
        };
        let mut wrong = self.strangers(place, others);
        if self.kind.get_ref().is_empty() {
            wrong.push((
                self.kind.span(),
                "the type of the lines is empty; rules know syslog, nginx, apache2 and others".to_owned(),
            ));
        }
        match self.place(place, span) {
            Ok(from) if wrong.is_empty() => Ok(SourceConfig {
                kind: self.kind.get_ref().clone(),
                from,
            }),
            Ok(_) => Err(wrong),
            Err(more) => {
                wrong.extend(more);
                Err(wrong)
            }
        }
    }

    /// Keys that this source does not understand.
    fn strangers(&self, place: &str, allowed: &[&str]) -> Vec<Wrong> {
        let mut keys: Vec<&str> = PLACES.iter().flat_map(|(_, keys)| keys.iter().copied()).collect();
        keys.sort_unstable();
        keys.dedup();
        keys.retain(|key| !allowed.contains(key));
        let wrong = keys.into_iter().filter_map(|key| {
            let owners: Vec<_> = PLACES
                .iter()
                .filter(|(_, keys)| keys.contains(&key))
                .map(|(name, _)| format!("`{name}`"))
                .collect();
            let message = format!(
                "`{key}` is not for `{place}`; it goes with {}",
                owners.join(" or ")
            );
            Some((self.span_of(key)?, message))
        });
        wrong.collect()
    }

    fn place(&self, place: &str, span: &Range<usize>) -> Result<From, Vec<Wrong>> {
        let path = |text: &Text| PathBuf::from(text.as_ref().map_or("", |text| text.get_ref()));
        let needs = |text: &Text, key: &str, what: &str| match text {
            Some(text) if !text.get_ref().is_empty() => Ok(text.get_ref().clone()),
            _ => Err(vec![(span.clone(), format!("`{place}` needs `{key}`: {what}"))]),
        };
        let plain = |text: &Text| text.as_ref().map(|text| text.get_ref().clone());
        Ok(match place {
            "file" => From::File(path(&self.file)),
            "docker" => From::Docker(path(&self.docker)),
            "journal" => {
                let journal = plain(&self.journal).unwrap_or_default();
                let matches = if journal.contains('=') {
                    journal.split_whitespace().map(str::to_owned).collect()
                } else {
                    vec![format!("_SYSTEMD_UNIT={journal}")]
                };
                let accounts = self.accounts.as_ref();
                From::Journald {
                    matches,
                    accounts: accounts.map_or(Vec::new(), |all| all.get_ref().clone()),
                }
            }
            "syslog" => {
                let (scheme, address) = address(&self.syslog, &["udp", "tcp", "tls"], "514", span)?;
                let listen = self.listen(address, scheme == "tls", span)?;
                let transport = if scheme == "udp" {
                    Transport::Udp
                } else {
                    Transport::Tcp
                };
                From::Syslog(Syslog { listen, transport })
            }
            "http" => {
                let (scheme, address) = address(&self.http, &["http", "https"], "8482", span)?;
                let listen = self.listen(address, scheme == "https", span)?;
                let what = "a file with at least 16 characters that senders show as `Authorization: Bearer`";
                From::Http(Http {
                    listen,
                    token: needs(&self.token, "token", what)?.into(),
                    field: plain(&self.field),
                })
            }
            "nats" => {
                built(Nats::BUILT, "nats", span)?;
                let servers = list(&self.nats);
                if servers.iter().any(|server| server.starts_with("tls://")) {
                    needs(&self.ca, "ca", "the certificates that sign for tls:// servers")?;
                }
                From::Nats(Nats {
                    servers,
                    stream: needs(&self.stream, "stream", "the stream to read")?,
                    consumer: needs(
                        &self.consumer,
                        "consumer",
                        "the name of a durable consumer of our own",
                    )?,
                    subject: plain(&self.subject),
                    credentials: self.credentials.is_some().then(|| path(&self.credentials)),
                    ca: self.ca.is_some().then(|| path(&self.ca)),
                    field: plain(&self.field),
                })
            }
            "kafka" => {
                built(Kafka::BUILT, "kafka", span)?;
                From::Kafka(Kafka {
                    brokers: list(&self.kafka),
                    topic: needs(&self.topic, "topic", "the topic to read")?,
                    partitions: self
                        .partitions
                        .as_ref()
                        .map_or(Vec::new(), |all| all.get_ref().clone()),
                    ca: self.ca.is_some().then(|| path(&self.ca)),
                    field: plain(&self.field),
                })
            }
            _ => match &self.stdin {
                Some(yes) if *yes.get_ref() => From::Stdin,
                _ => {
                    return Err(vec![(
                        span.clone(),
                        "`stdin` is true, or the source is left out".to_owned(),
                    )]);
                }
            },
        })
    }

    /// Where to listen and to whom. Beyond this machine it must be said to whom.
    fn listen(&self, address: SocketAddr, tls: bool, span: &Range<usize>) -> Result<Listen, Vec<Wrong>> {
        let mut wrong = Vec::new();
        let mut allow = Vec::new();
        let networks = self.from.as_ref().map(Spanned::get_ref);
        for network in networks.into_iter().flatten() {
            match crate::config::network(network.get_ref()) {
                Some(network) => allow.push(network),
                None => wrong.push((
                    network.span(),
                    format!(
                        "{:?} is not an address or a network such as 10.0.0.0/8",
                        network.get_ref()
                    ),
                )),
            }
        }
        if allow.is_empty() && wrong.is_empty() && !address.ip().is_loopback() {
            wrong.push((
                span.clone(),
                format!(
                    "{address} is reached from other machines, and who can send lines can have anybody blocked: \
                     say in `from` which networks may, such as [\"10.0.0.0/8\"]"
                ),
            ));
        }
        let path = |text: &Text| text.as_ref().map(|text| PathBuf::from(text.get_ref()));
        let files = match (tls, path(&self.certificate), path(&self.key)) {
            (true, Some(certificate), Some(key)) => Some(TlsFiles {
                certificate,
                key,
                clients: path(&self.clients),
            }),
            (true, ..) => {
                wrong.push((
                    span.clone(),
                    "TLS needs `certificate` and `key`: files in PEM".to_owned(),
                ));
                None
            }
            (false, None, None) if self.clients.is_none() => None,
            (false, ..) => {
                wrong.push((
                    span.clone(),
                    "`certificate`, `key` and `clients` go with tls:// and https://".to_owned(),
                ));
                None
            }
        };
        if wrong.is_empty() {
            Ok(Listen {
                address,
                allow,
                tls: files,
            })
        } else {
            Err(wrong)
        }
    }

    fn span_of(&self, key: &str) -> Option<Range<usize>> {
        let text = match key {
            "file" => &self.file,
            "docker" => &self.docker,
            "journal" => &self.journal,
            "syslog" => &self.syslog,
            "http" => &self.http,
            "nats" => &self.nats,
            "kafka" => &self.kafka,
            "certificate" => &self.certificate,
            "key" => &self.key,
            "clients" => &self.clients,
            "token" => &self.token,
            "field" => &self.field,
            "stream" => &self.stream,
            "consumer" => &self.consumer,
            "subject" => &self.subject,
            "credentials" => &self.credentials,
            "ca" => &self.ca,
            "topic" => &self.topic,
            "stdin" => return self.stdin.as_ref().map(Spanned::span),
            "from" => return self.from.as_ref().map(Spanned::span),
            "accounts" => return self.accounts.as_ref().map(Spanned::span),
            "partitions" => return self.partitions.as_ref().map(Spanned::span),
            _ => return None,
        };
        text.as_ref().map(Spanned::span)
    }
}

/// `scheme://address:port`, with one of the schemes.
fn address<'a>(
    text: &'a Text,
    schemes: &[&str],
    port: &str,
    span: &Range<usize>,
) -> Result<(&'a str, SocketAddr), Vec<Wrong>> {
    let text = text.as_ref().map_or("", |text| text.get_ref());
    let read = text.split_once("://").and_then(|(scheme, address)| {
        let address = address.trim_end_matches('/').parse().ok()?;
        schemes.contains(&scheme).then_some((scheme, address))
    });
    read.ok_or_else(|| {
        let forms: Vec<_> = schemes
            .iter()
            .map(|scheme| format!("{scheme}://127.0.0.1:{port}"))
            .collect();
        vec![(
            span.clone(),
            format!("{text:?} is not like {}", forms.join(" or ")),
        )]
    })
}

fn built(is: bool, feature: &str, span: &Range<usize>) -> Result<(), Vec<Wrong>> {
    if is {
        return Ok(());
    }
    Err(vec![(
        span.clone(),
        format!(
            "this vigie was built without `{feature}`; build it with `cargo build --release -p vigie --features {feature}`"
        ),
    )])
}

fn list(text: &Text) -> Vec<String> {
    let text = text.as_ref().map_or("", |text| text.get_ref());
    text.split(',').map(|one| one.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests;
