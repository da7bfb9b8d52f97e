//! Messages of the Jupyter protocol: frames, signatures, headers. It opens no sockets and knows no contents.
//!
//! Headers are kept as the text that came, so that a parent header goes back with every field, also those of later
//! versions of the protocol.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use sha2::Sha256;

/// The version of the protocol that is spoken.
pub const PROTOCOL_VERSION: &str = "5.5";

/// Stands between the routing frames and the message.
const DELIMITER: &[u8] = b"<IDS|MSG>";

/// How many signatures are remembered, to refuse the repetition of a message.
const REMEMBERED: usize = 65_536;

/// What of a header matters to the kernel. All of it has defaults: a client's omission is no reason for silence.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Header {
    /// The message.
    pub msg_id: String,
    /// Its type.
    pub msg_type: String,
    /// The client's session.
    pub session: String,
    /// The user, as the client names them.
    pub username: String,
    /// The subshell that a request is for.
    pub subshell_id: Option<String>,
}

/// The request that something is sent for: its header goes along as the parent header, as it came.
///
/// The default stands for no request.
#[derive(Clone, Debug, Default)]
pub struct Parent(Option<Arc<RawValue>>);

impl Parent {
    /// The header, if there is one, as JSON text.
    pub fn text(&self) -> Option<&str> {
        self.0.as_ref().map(|header| header.get())
    }

    fn as_bytes(&self) -> &[u8] {
        self.0.as_ref().map_or(b"{}", |header| header.get().as_bytes())
    }
}

/// A message that came from a client.
#[derive(Clone, Debug)]
pub struct Message {
    /// The routing frames, by which an answer finds its client.
    pub identities: Vec<Bytes>,
    /// The header's known fields.
    pub header: Header,
    /// The header as it came, as the parent of what is sent for this message.
    pub parent: Parent,
    /// The id of the kernel's message that this one answers; empty where it names none.
    pub answers: String,
    /// The metadata.
    pub metadata: Map<String, Value>,
    /// The content, still JSON text.
    pub content: Bytes,
    /// Raw data behind the content.
    pub buffers: Vec<Bytes>,
}

impl Message {
    /// The content as that type. What cannot be read is told to the client in the answer.
    ///
    /// # Errors
    /// A sentence about what is wrong with it.
    pub fn content<'a, T: Deserialize<'a>>(&'a self) -> Result<T, String> {
        serde_json::from_slice(&self.content).map_err(|error| {
            format!(
                "the content of this {} cannot be read: {error}",
                self.header.msg_type
            )
        })
    }
}

/// Why a message was not taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Frames are missing.
    #[error("{0} frames are no message of the protocol")]
    Frames(usize),
    /// It was signed with another key, or not at all.
    #[error("its signature is wrong")]
    Signature,
    /// It had come before.
    #[error("its signature was used before")]
    Repeated,
    /// A part is no JSON.
    #[error("its {part} cannot be read: {problem}")]
    Json {
        /// Which part.
        part: &'static str,
        /// What is wrong.
        problem: String,
    },
}

/// Reads and signs messages with the connection's key, under one session id.
#[derive(Debug)]
pub struct Signer {
    mac: Option<Hmac<Sha256>>,
    /// This kernel's own id: the same in all its messages, for clients pass over what comes under another one.
    session: String,
    username: String,
}

/// The signatures that came, so that none is taken twice.
#[derive(Debug, Default)]
pub struct Seen {
    known: HashSet<[u8; 32]>,
    order: VecDeque<[u8; 32]>,
}

/// The header of what the kernel sends.
#[derive(Serialize)]
struct OwnHeader<'a> {
    msg_id: String,
    msg_type: &'a str,
    session: &'a str,
    username: &'a str,
    date: String,
    version: &'a str,
}

impl Signer {
    /// A signer with that key; an empty one signs nothing.
    pub fn new(key: &str) -> Signer {
        Signer {
            mac: match key {
                "" => None,
                // A key of any length will do.
                key => Hmac::new_from_slice(key.as_bytes()).ok(),
            },
            session: uuid::Uuid::new_v4().to_string(),
            username: "snakebridge".to_owned(),
        }
    }

    /// This kernel's session id.
    pub fn session(&self) -> &str {
        &self.session
    }

    /// Takes a message apart and checks its signature.
    ///
    /// # Errors
    /// [`Refused`]: the message is to be passed over.
    pub fn read(&self, frames: Vec<Bytes>, seen: &mut Seen) -> Result<Message, Refused> {
        let count = frames.len();
        let at = frames
            .iter()
            .position(|frame| frame.as_ref() == DELIMITER)
            .ok_or(Refused::Frames(count))?;
        let [signature, header, parent_header, metadata, content, buffers @ ..] = &frames[at + 1..] else {
            return Err(Refused::Frames(count));
        };
        self.check(signature, [header, parent_header, metadata, content], seen)?;
        let parent: Box<RawValue> = json("header", header)?;
        Ok(Message {
            identities: frames[..at].to_vec(),
            header: json("header", header)?,
            parent: Parent(Some(parent.into())),
            answers: serde_json::from_slice::<Header>(parent_header)
                .unwrap_or_default()
                .msg_id,
            metadata: json("metadata", metadata)?,
            content: content.clone(),
            buffers: buffers.to_vec(),
        })
    }

    fn check(&self, signature: &[u8], parts: [&Bytes; 4], seen: &mut Seen) -> Result<(), Refused> {
        let Some(mac) = &self.mac else { return Ok(()) };
        let mut mac = mac.clone();
        for part in parts {
            mac.update(part);
        }
        let signature = unhex(signature).ok_or(Refused::Signature)?;
        // Compares in constant time.
        mac.verify_slice(&signature).map_err(|_| Refused::Signature)?;
        match seen.insert(signature) {
            true => Ok(()),
            false => Err(Refused::Repeated),
        }
    }

    /// The frames of a message of the kernel. `first` are the routing frames, or a topic.
    pub fn write(
        &self,
        first: &[Bytes],
        msg_type: &str,
        parent: &Parent,
        metadata: &Map<String, Value>,
        content: &impl Serialize,
        buffers: &[Bytes],
    ) -> Result<Vec<Bytes>, serde_json::Error> {
        let id = uuid::Uuid::new_v4().to_string();
        self.write_as(id, first, msg_type, (parent, metadata), content, buffers)
    }

    /// The same, under a given id.
    pub fn write_as(
        &self,
        msg_id: String,
        first: &[Bytes],
        msg_type: &str,
        (parent, metadata): (&Parent, &Map<String, Value>),
        content: &impl Serialize,
        buffers: &[Bytes],
    ) -> Result<Vec<Bytes>, serde_json::Error> {
        let header = serde_json::to_vec(&OwnHeader {
            msg_id,
            msg_type,
            session: &self.session,
            username: &self.username,
            date: chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Micros, true),
            version: PROTOCOL_VERSION,
        })?;
        let parts = [
            header,
            parent.as_bytes().to_vec(),
            serde_json::to_vec(metadata)?,
            serde_json::to_vec(content)?,
        ];
        let signature = match &self.mac {
            None => Vec::new(),
            Some(mac) => {
                let mut mac = mac.clone();
                for part in &parts {
                    mac.update(part);
                }
                hex(&mac.finalize().into_bytes())
            }
        };
        let mut frames = first.to_vec();
        frames.extend([Bytes::from_static(DELIMITER), signature.into()]);
        frames.extend(parts.map(Bytes::from));
        frames.extend_from_slice(buffers);
        Ok(frames)
    }
}

impl Seen {
    /// Remembers a signature; false if it is known.
    fn insert(&mut self, signature: [u8; 32]) -> bool {
        if !self.known.insert(signature) {
            return false;
        }
        self.order.push_back(signature);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}

fn json<'a, T: Deserialize<'a>>(part: &'static str, bytes: &'a [u8]) -> Result<T, Refused> {
    serde_json::from_slice(bytes).map_err(|error| Refused::Json {
        part,
        problem: error.to_string(),
    })
}

fn hex(bytes: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]])
        .collect()
}

fn unhex(text: &[u8]) -> Option<[u8; 32]> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let mut bytes = [0; 32];
    if text.len() != 64 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = u8::try_from(digit(pair[0])? << 4 | digit(pair[1])?).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn frames(signer: &Signer, parent: &Parent) -> Vec<Bytes> {
        let identity = [Bytes::from_static(b"client")];
        let buffers = [Bytes::from_static(b"\x00raw")];
        let content = json!({"code": "1 + 1"});
        signer
            .write(
                &identity,
                "execute_request",
                parent,
                &Map::new(),
                &content,
                &buffers,
            )
            .unwrap()
    }

    fn changed(message: &[Bytes], at: usize, frame: &[u8]) -> Vec<Bytes> {
        let mut frames = message.to_vec();
        frames[at] = Bytes::copy_from_slice(frame);
        frames
    }

    #[test]
    fn what_is_signed_is_read_and_all_else_refused() {
        let (signer, other) = (Signer::new("key"), Signer::new("another"));
        let message = frames(&signer, &Parent::default());
        let read = signer.read(message.clone(), &mut Seen::default()).unwrap();
        assert_eq!(read.header.msg_type, "execute_request");
        assert_eq!(read.header.session, signer.session());
        assert_eq!(read.identities, [Bytes::from_static(b"client")]);
        assert_eq!(read.buffers, [Bytes::from_static(b"\x00raw")]);
        assert_eq!(read.content::<Value>().unwrap()["code"], "1 + 1");

        let refused = |message: Vec<Bytes>| signer.read(message, &mut Seen::default()).unwrap_err();
        assert_eq!(refused(frames(&other, &Parent::default())), Refused::Signature);
        assert_eq!(refused(changed(&message, 2, b"")), Refused::Signature);
        assert_eq!(refused(changed(&message, 2, &[b'z'; 64])), Refused::Signature);
        // Each signed part; buffers are not.
        for part in 3..7 {
            assert_eq!(
                refused(changed(&message, part, b"{\"a\": 1}")),
                Refused::Signature
            );
        }
        assert!(
            signer
                .read(changed(&message, 7, b"other"), &mut Seen::default())
                .is_ok()
        );
        assert_eq!(refused(changed(&message, 1, b"<IDS>")), Refused::Frames(8));
        assert_eq!(refused(message[..5].to_vec()), Refused::Frames(5));
    }

    #[test]
    fn a_message_is_taken_once() {
        let signer = Signer::new("key");
        let message = frames(&signer, &Parent::default());
        let mut seen = Seen::default();
        assert!(signer.read(message.clone(), &mut seen).is_ok());
        assert_eq!(signer.read(message, &mut seen).unwrap_err(), Refused::Repeated);
    }

    #[test]
    fn without_a_key_nothing_is_signed() {
        let signer = Signer::new("");
        let message = frames(&signer, &Parent::default());
        assert!(message[2].is_empty());
        assert!(signer.read(message, &mut Seen::default()).is_ok());
    }

    #[test]
    fn a_parent_header_goes_back_as_it_came() {
        let signer = Signer::new("key");
        let header = r#"{"msg_id":"a",  "msg_type":"execute_request", "of the future": [1.0, {"x": null}]}"#;
        let message = changed(
            &frames(&Signer::new(""), &Parent::default()),
            3,
            header.as_bytes(),
        );
        let request = Signer::new("").read(message, &mut Seen::default()).unwrap();
        let answer = frames(&signer, &request.parent);
        assert_eq!(answer[4].as_ref(), header.as_bytes());
        let none = frames(&signer, &Parent::default());
        assert_eq!(none[4].as_ref(), b"{}");
    }
}
