use zeroize::Zeroizing;

use super::Error;
use super::message::LONGEST;

/// Set aside at first; more only when that is full, so that a length alone costs nothing.
const FIRST: usize = 64 * 1024;

/// A message as it comes in: 8 bytes of length, then so many.
#[derive(Default)]
pub(super) struct Reply {
    length: [u8; 8],
    /// Of the length.
    known: usize,
    message: Zeroizing<Vec<u8>>,
    /// Of the message; what is behind is still to come.
    filled: usize,
}

impl Reply {
    /// Where the next bytes go. Empty: all of it is there.
    pub fn room(&mut self) -> Result<&mut [u8], Error> {
        if self.known < self.length.len() {
            return Ok(&mut self.length[self.known..]);
        }
        let too_long = || Error::TooLong { limit: LONGEST };
        let length = usize::try_from(u64::from_be_bytes(self.length)).map_err(|_| too_long())?;
        if length > LONGEST {
            return Err(too_long());
        }
        if self.filled == self.message.len() {
            let wanted = length.min(FIRST.max(2 * self.filled));
            // A Vec that grows by itself leaves its old memory as it was.
            let mut larger = Zeroizing::new(vec![0; wanted]);
            larger[..self.filled].copy_from_slice(&self.message);
            self.message = larger;
        }
        Ok(&mut self.message[self.filled..])
    }

    /// So many bytes were put there.
    pub fn filled(&mut self, count: usize) {
        match self.known < self.length.len() {
            true => self.known += count,
            false => self.filled += count,
        }
    }

    pub fn message(&self) -> &[u8] {
        &self.message
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Fed in pieces of so many bytes each; what is left over when it has enough.
    fn fed(reply: &mut Reply, mut bytes: &[u8], piece: usize) -> Result<usize, Error> {
        loop {
            let room = reply.room()?;
            let count = room.len().min(piece).min(bytes.len());
            if count == 0 {
                return Ok(bytes.len());
            }
            room[..count].copy_from_slice(&bytes[..count]);
            reply.filled(count);
            bytes = &bytes[count..];
        }
    }

    proptest! {
        #[test]
        fn it_comes_together_from_any_pieces(
            message in proptest::collection::vec(any::<u8>(), 0..200_000),
            piece in prop_oneof![1usize..10, 1usize..300_000],
        ) {
            let mut bytes = (message.len() as u64).to_be_bytes().to_vec();
            bytes.extend_from_slice(&message);
            let whole = bytes.len();
            bytes.extend_from_slice(b"more");
            let mut reply = Reply::default();
            prop_assert_eq!(fed(&mut reply, &bytes, piece).ok(), Some(bytes.len() - whole));
            prop_assert_eq!(reply.message(), &message[..]);
        }
    }

    #[test]
    fn a_length_alone_sets_little_aside_and_too_much_is_refused() {
        let mut reply = Reply::default();
        fed(&mut reply, &(LONGEST as u64).to_be_bytes(), 8).expect("as long as allowed");
        assert_eq!(reply.room().map(|room| room.len()).ok(), Some(FIRST));
        for length in [LONGEST as u64 + 1, u64::MAX] {
            let refused = fed(&mut Reply::default(), &length.to_be_bytes(), 3);
            assert!(matches!(refused, Err(Error::TooLong { .. })), "{refused:?}");
        }
    }
}
