//! Server-sent events, as far as a decision stream needs them. Sans-io.
//!
//! Understood: `event`, `data` (several lines are joined), `id`, comments, and the three line endings.
//! Deliberately absent: `retry`; how often to come back is our own affair (`backoff`).

/// One event, complete.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// Its name; empty means `message`.
    pub name: String,
    /// Its data.
    pub data: Vec<u8>,
    /// The last id the server gave, for resuming.
    pub id: String,
}

/// The server sent an event larger than we are willing to hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the event is longer than {limit} bytes")]
pub struct EventTooLong {
    /// The bound.
    pub limit: usize,
}

/// Cuts bytes into events.
#[derive(Debug)]
pub struct Events {
    line: Vec<u8>,
    building: Event,
    after_cr: bool,
    limit: usize,
}

// === impl Events ===

impl Events {
    /// Events of at most `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            line: Vec::new(),
            building: Event::default(),
            after_cr: false,
            limit,
        }
    }

    /// Takes the next bytes, and calls `event` for each event that is complete.
    pub fn push(&mut self, bytes: &[u8], mut event: impl FnMut(Event)) -> Result<(), EventTooLong> {
        for &byte in bytes {
            let second_of_pair = self.after_cr && byte == b'\n';
            self.after_cr = byte == b'\r';
            match byte {
                _ if second_of_pair => {}
                b'\r' | b'\n' => self.end_of_line(&mut event),
                _ => self.line.push(byte),
            }
            if self.line.len().saturating_add(self.building.data.len()) > self.limit {
                return Err(EventTooLong { limit: self.limit });
            }
        }
        Ok(())
    }

    fn end_of_line(&mut self, event: &mut impl FnMut(Event)) {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            let id = self.building.id.clone();
            let mut done = std::mem::replace(
                &mut self.building,
                Event {
                    id,
                    ..Event::default()
                },
            );
            if done.data.pop().is_some() {
                event(done);
            }
            return;
        }
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let (field, rest) = line.split_at(colon);
        let value = rest.strip_prefix(b":").unwrap_or(rest);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"event" => self.building.name = String::from_utf8_lossy(value).into_owned(),
            b"id" if value.iter().all(u8::is_ascii_graphic) => {
                self.building.id = String::from_utf8_lossy(value).into_owned();
            }
            b"data" => {
                self.building.data.extend_from_slice(value);
                self.building.data.push(b'\n');
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(text: &str, piece: usize) -> Vec<(String, String, String)> {
        let mut parser = Events::new(100);
        let mut out = Vec::new();
        for chunk in text.as_bytes().chunks(piece) {
            parser
                .push(chunk, |e| {
                    out.push((e.name, String::from_utf8(e.data).unwrap(), e.id));
                })
                .unwrap();
        }
        out
    }

    fn event(name: &str, data: &str, id: &str) -> (String, String, String) {
        (name.to_owned(), data.to_owned(), id.to_owned())
    }

    #[test]
    fn events_are_read_wherever_the_pieces_are_cut() {
        let text = ": hello\r\n\r\nevent: change\r\nid: 7\r\ndata: {}\r\n\r\ndata:a\ndata: b\n\nevent: x\n\ndata\n\n";
        for piece in [1, 2, 5, 1_000] {
            let expected = [
                event("change", "{}", "7"),
                event("", "a\nb", "7"),
                event("", "", "7"),
            ];
            assert_eq!(events(text, piece), expected);
        }
    }

    #[test]
    fn an_endless_event_is_bounded() {
        let mut parser = Events::new(10);
        assert_eq!(
            parser.push(b"data: 12345678", |_| ()),
            Err(EventTooLong { limit: 10 })
        );
    }
}
