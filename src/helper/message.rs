use zeroize::Zeroizing;

use super::wire::{Reader, Wire, Writer};
use super::{Answer, Kept, Request};

/// Both executables are of one build; another one must not be taken for it.
pub const VERSION: u64 = 1;

/// A document of 10,000 values of 100 bytes, or of some of 128 KiB, and no more than fits into memory
/// that a supervisor should have to give.
pub const LONGEST: usize = 16 * 1024 * 1024;

/// What is said of a message that cannot be read: nothing of what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a message of this version")]
pub struct Malformed;

pub fn encode_request(request: &Request) -> Zeroizing<Vec<u8>> {
    encode(request)
}

pub fn decode_request(bytes: &[u8]) -> Result<Request, Malformed> {
    decode(bytes)
}

pub fn encode_answer(answer: &Answer) -> Zeroizing<Vec<u8>> {
    encode(answer)
}

pub fn decode_answer(bytes: &[u8]) -> Result<Answer, Malformed> {
    decode(bytes)
}

/// What a cache holds.
pub fn encode_kept(kept: &[Kept]) -> Zeroizing<Vec<u8>> {
    let mut out = Writer::default();
    out.number(VERSION);
    out.number(kept.len() as u64);
    kept.iter().for_each(|one| one.put(&mut out));
    out.into_bytes()
}

pub fn decode_kept(bytes: &[u8]) -> Result<Vec<Kept>, Malformed> {
    decode(bytes)
}

/// The version first. The length before the message is the stream's business.
fn encode(message: &impl Wire) -> Zeroizing<Vec<u8>> {
    let mut out = Writer::default();
    out.number(VERSION);
    message.put(&mut out);
    out.into_bytes()
}

fn decode<T: Wire>(bytes: &[u8]) -> Result<T, Malformed> {
    if bytes.len() > LONGEST {
        return Err(Malformed);
    }
    let mut from = Reader::new(bytes);
    if from.number()? != VERSION {
        return Err(Malformed);
    }
    let message = T::take(&mut from)?;
    from.finish()?;
    Ok(message)
}
