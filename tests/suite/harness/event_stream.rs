//! Server-sent events as a browser reads them (WHATWG HTML, "9.2.6 Interpreting an event
//! stream"). Independent of `components/lib/sse`, so that both do not share an error.

/// One dispatched event, or a comment line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Comment(String),
    Message {
        event: String,
        data: String,
        id: Option<String>,
    },
}

impl Event {
    /// The event's name; `message` when it has none.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Comment(_) => "",
            Self::Message { event, .. } => event,
        }
    }

    pub(crate) fn data(&self) -> &str {
        match self {
            Self::Comment(_) => "",
            Self::Message { data, .. } => data,
        }
    }

    pub(crate) fn id(&self) -> Option<&str> {
        match self {
            Self::Comment(_) => None,
            Self::Message { id, .. } => id.as_deref(),
        }
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(self.data())
            .unwrap_or_else(|error| panic!("{self:?} holds no JSON: {error}"))
    }

    /// The text of a `{"content"}` event.
    pub(crate) fn content(&self) -> Option<String> {
        if self.name() != "message" || self.is_done() {
            return None;
        }
        self.json()["content"].as_str().map(str::to_owned)
    }

    pub(crate) fn is_done(&self) -> bool {
        self.data() == "[DONE]"
    }
}

/// Splits bytes into events.
#[derive(Default)]
pub(crate) struct Parser {
    line: Vec<u8>,
    event: String,
    data: Option<String>,
    id: Option<String>,
}

impl Parser {
    /// The events that are complete after these bytes.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Vec<Event> {
        let mut events = Vec::new();
        for &byte in bytes {
            if byte != b'\n' {
                self.line.push(byte);
                continue;
            }
            let line = std::mem::take(&mut self.line);
            let line = String::from_utf8(line).expect("a line of an event stream is UTF-8");
            self.take_line(line.strip_suffix('\r').unwrap_or(&line), &mut events);
        }
        events
    }

    fn take_line(&mut self, line: &str, events: &mut Vec<Event>) {
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            let id = self.id.take();
            if let Some(data) = self.data.take() {
                let event = if event.is_empty() {
                    "message".to_owned()
                } else {
                    event
                };
                events.push(Event::Message { event, data, id });
            }
            return;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" => events.push(Event::Comment(value.to_owned())),
            "event" => value.clone_into(&mut self.event),
            "id" => self.id = Some(value.to_owned()),
            "data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            },
            other => panic!("an event stream has no field {other:?}"),
        }
    }
}
