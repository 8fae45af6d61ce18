//! keybearer-store: one job for keybearer, asked and answered on standard input, which is a socket. Then it
//! ends, and its memory with it.

#![forbid(unsafe_code)]

mod confine;
mod deadline;
mod dispatch;
mod retry;

#[cfg(feature = "aws")]
// For Vault alone it is less.
#[cfg_attr(
    not(any(feature = "aws-secrets-manager", feature = "aws-parameter-store")),
    allow(dead_code)
)]
mod aws;
#[cfg(feature = "azure-key-vault")]
mod azure;
#[cfg(feature = "google-secret-manager")]
mod google;
#[cfg(feature = "rest")]
mod rest;
#[cfg(any(feature = "aws-secrets-manager", feature = "aws-parameter-store", feature = "rest"))]
mod text;
#[cfg(any(feature = "rest", feature = "vault"))]
mod told;
#[cfg(any(feature = "rest", feature = "vault"))]
mod transport;
#[cfg(feature = "vault")]
mod vault;

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::process::ExitCode;

use keybearer::helper::{self, Answer, Failure, Kind, LONGEST, Request};
use keybearer::sys::WipingAllocator;
use zeroize::Zeroizing;

use deadline::Deadline;

#[global_allocator]
static ALLOCATOR: WipingAllocator = WipingAllocator;

/// Names are resolved in threads, one for each that is asked for at the same time.
const MOST_THREADS: usize = 32;

fn main() -> ExitCode {
    confine::harden();
    match one_job() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn one_job() -> io::Result<()> {
    let mut channel = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let request = receive(&mut channel)?;
    let deadline = Deadline::after(request.within);
    confine::confine();
    // Who else has set one is of the same build, and sets the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .max_blocking_threads(MOST_THREADS)
        .enable_all()
        .build();
    let answer = match runtime {
        Ok(runtime) => runtime.block_on(dispatch::answer(request.work, deadline)),
        // Of this machine, and perhaps only of this moment.
        Err(error) => {
            let message = format!("keybearer-store cannot ask anybody: {error}");
            Answer::Failed(Failure::new(Kind::Unreachable, message))
        }
    };
    send(&mut channel, &answer)
}

fn receive(channel: &mut File) -> io::Result<Request> {
    let mut length = [0; 8];
    channel.read_exact(&mut length)?;
    let length = usize::try_from(u64::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > LONGEST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut bytes = Zeroizing::new(vec![0; length]);
    channel.read_exact(&mut bytes)?;
    helper::decode_request(&bytes).map_err(|_| io::ErrorKind::InvalidData.into())
}

fn send(channel: &mut File, answer: &Answer) -> io::Result<()> {
    let bytes = helper::encode_answer(answer);
    channel.write_all(&(bytes.len() as u64).to_be_bytes())?;
    channel.write_all(&bytes)
}
