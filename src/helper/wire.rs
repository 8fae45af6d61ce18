//! The form of a message: numbers of eight bytes, texts with their length before them. Dull on purpose:
//! what is read here comes from a process that has talked to the network.

use std::path::PathBuf;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::moment::Moment;
use crate::secrets::{Name, Secret};

use super::Malformed;

/// How a part of a message is written, and read back.
pub(super) trait Wire: Sized {
    fn put(&self, out: &mut Writer);
    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed>;
}

/// Wiped when dropped, and when it grows.
#[derive(Default)]
pub(super) struct Writer(Zeroizing<Vec<u8>>);

impl Writer {
    pub fn into_bytes(self) -> Zeroizing<Vec<u8>> {
        self.0
    }

    fn bytes(&mut self, bytes: &[u8]) {
        let needed = self.0.len() + bytes.len();
        if needed > self.0.capacity() {
            // A Vec that grows by itself leaves its old memory as it was.
            let mut larger = Zeroizing::new(Vec::with_capacity(needed.max(2 * self.0.capacity())));
            larger.extend_from_slice(&self.0);
            self.0 = larger;
        }
        self.0.extend_from_slice(bytes);
    }

    pub fn number(&mut self, number: u64) {
        self.bytes(&number.to_be_bytes());
    }

    fn text(&mut self, text: &str) {
        // A length always fits: usize has at most 64 bits here.
        self.number(text.len() as u64);
        self.bytes(text.as_bytes());
    }
}

pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    fn bytes(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (bytes, rest) = self.rest.split_at_checked(count).ok_or(Malformed)?;
        self.rest = rest;
        Ok(bytes)
    }

    pub fn number(&mut self) -> Result<u64, Malformed> {
        let bytes = self.bytes(8)?.try_into().map_err(|_| Malformed)?;
        Ok(u64::from_be_bytes(bytes))
    }

    fn text(&mut self) -> Result<&'a str, Malformed> {
        let length = usize::try_from(self.number()?).map_err(|_| Malformed)?;
        std::str::from_utf8(self.bytes(length)?).map_err(|_| Malformed)
    }

    /// Nothing may be left over.
    pub fn finish(self) -> Result<(), Malformed> {
        if self.rest.is_empty() { Ok(()) } else { Err(Malformed) }
    }
}

impl Wire for u64 {
    fn put(&self, out: &mut Writer) {
        out.number(*self);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        from.number()
    }
}

impl Wire for () {
    fn put(&self, _: &mut Writer) {}

    fn take(_: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(())
    }
}

impl Wire for bool {
    fn put(&self, out: &mut Writer) {
        out.number(u64::from(*self));
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        match from.number()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed),
        }
    }
}

impl Wire for String {
    fn put(&self, out: &mut Writer) {
        out.text(self);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        from.text().map(str::to_owned)
    }
}

impl Wire for Secret {
    fn put(&self, out: &mut Writer) {
        out.text(self.expose());
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        from.text().map(|text| Secret::new(text.to_owned()))
    }
}

impl Wire for Name {
    fn put(&self, out: &mut Writer) {
        out.text(self.as_str());
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        from.text()?.parse().map_err(|_| Malformed)
    }
}

/// The helper opens none of them; they are for its messages, where a path that is not UTF-8 may be shown
/// as well as it can be.
impl Wire for PathBuf {
    fn put(&self, out: &mut Writer) {
        out.text(&self.to_string_lossy());
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        from.text().map(PathBuf::from)
    }
}

impl Wire for Moment {
    fn put(&self, out: &mut Writer) {
        out.number(self.unix());
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        from.number().map(Moment::from_unix)
    }
}

impl Wire for Duration {
    fn put(&self, out: &mut Writer) {
        out.number(u64::try_from(self.as_millis()).unwrap_or(u64::MAX));
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        from.number().map(Duration::from_millis)
    }
}

impl<T: Wire> Wire for Option<T> {
    fn put(&self, out: &mut Writer) {
        self.is_some().put(out);
        if let Some(value) = self {
            value.put(out);
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        if bool::take(from)? { T::take(from).map(Some) } else { Ok(None) }
    }
}

impl<T: Wire, E: Wire> Wire for Result<T, E> {
    fn put(&self, out: &mut Writer) {
        self.is_ok().put(out);
        match self {
            Ok(value) => value.put(out),
            Err(error) => error.put(out),
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        if bool::take(from)? { T::take(from).map(Ok) } else { E::take(from).map(Err) }
    }
}

impl<A: Wire, B: Wire> Wire for (A, B) {
    fn put(&self, out: &mut Writer) {
        self.0.put(out);
        self.1.put(out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok((A::take(from)?, B::take(from)?))
    }
}

impl<T: Wire> Wire for Box<T> {
    fn put(&self, out: &mut Writer) {
        (**self).put(out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        T::take(from).map(Box::new)
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn put(&self, out: &mut Writer) {
        out.number(self.len() as u64);
        self.iter().for_each(|item| item.put(out));
    }

    /// It grows with what is there: a count alone must not make anybody set memory aside.
    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let count = from.number()?;
        let mut items = Vec::new();
        for _ in 0..count {
            if from.rest.is_empty() {
                return Err(Malformed);
            }
            items.push(T::take(from)?);
        }
        Ok(items)
    }
}
