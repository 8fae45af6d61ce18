//! What a file must be before it is believed: opened once, judged on that descriptor, then read.

#![forbid(unsafe_code)]
