//! Waits that are never twice the same.

#![forbid(unsafe_code)]

use std::time::Duration;

use crate::sys;

/// Between a half and the whole of it: hosts that began together, or failed together, do not come
/// together, and each has come within the time.
pub fn splayed(whole: Duration) -> Duration {
    let half = whole / 2;
    let mut drawn = [0; 4];
    match sys::random(&mut drawn) {
        Ok(()) => half + half.mul_f64(f64::from(u32::from_ne_bytes(drawn)) / f64::from(u32::MAX)),
        Err(_) => half,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_between_a_half_and_the_whole_and_not_always_the_same() {
        let whole = Duration::from_secs(100);
        let drawn: Vec<Duration> = (0..100).map(|_| splayed(whole)).collect();
        assert!(drawn.iter().all(|wait| (whole / 2..=whole).contains(wait)), "{drawn:?}");
        assert!(drawn.iter().any(|wait| *wait != drawn[0]));
    }
}
