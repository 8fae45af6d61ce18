use std::io::Read;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

/// What one stream of a process has said so far.
#[derive(Clone, Debug, Default)]
pub struct Capture {
    state: Arc<(Mutex<State>, Condvar)>,
}

#[derive(Debug, Default)]
struct State {
    bytes: Vec<u8>,
    ended: bool,
}

impl Capture {
    pub fn of(mut stream: impl Read + Send + 'static) -> Capture {
        let capture = Capture::default();
        let writer = capture.clone();
        std::thread::spawn(move || {
            let mut buffer = [0; 16 * 1024];
            loop {
                let length = stream.read(&mut buffer).unwrap_or(0);
                let (state, changed) = &*writer.state;
                let mut state = state.lock().unwrap();
                state.bytes.extend_from_slice(&buffer[..length]);
                state.ended = length == 0;
                changed.notify_all();
                if state.ended {
                    break;
                }
            }
        });
        capture
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.state.0.lock().unwrap().bytes).into_owned()
    }

    /// Waits for a whole line that contains the text. None: the stream ended, or it got too late.
    pub fn line(&self, text: &str, until: Instant) -> Option<String> {
        self.wait(until, |state| {
            let said = String::from_utf8_lossy(&state.bytes);
            said.split_inclusive('\n')
                .find(|line| line.ends_with('\n') && line.contains(text))
                .map(|line| line.trim_end().to_owned())
        })
    }

    /// Waits until every writer has closed the stream; false if that got too late.
    pub fn end(&self, until: Instant) -> bool {
        self.wait(until, |state| state.ended.then_some(())).is_some()
    }

    fn wait<T>(&self, until: Instant, look: impl Fn(&State) -> Option<T>) -> Option<T> {
        let (state, changed) = &*self.state;
        let mut state = state.lock().unwrap();
        loop {
            if let Some(found) = look(&state) {
                return Some(found);
            }
            let left = until.checked_duration_since(Instant::now())?;
            if state.ended {
                return None;
            }
            state = changed.wait_timeout(state, left).unwrap().0;
        }
    }
}
