use super::site::Site;
use crate::app::error::Error;
use crate::app::gates::{self, Gate};
use crate::log;
use crate::supervise::TaskEnd;

/// The commands that must succeed before anything is handed over.
impl Site<'_> {
    /// The next command that must succeed in the environment that is wanted in the end.
    pub(super) fn run_gate(&mut self) {
        if self.supervisor.is_stopping() {
            return self.supervisor.refused();
        }
        let (Some(gate), Some(environment)) = (self.round.gates.front(), self.round.last()) else {
            return self.supervisor.gates_passed();
        };
        log::info(format_args!("running {}", gate.what));
        match gates::start(self.prepared, environment, gate, None) {
            Ok(process) => self.supervisor.run_gate(process, &gate.what),
            Err(error) => self.gate_failed(error),
        }
    }

    pub(super) fn gate_ended(&mut self, end: TaskEnd) {
        let gate: Option<Gate> = self.round.gates.pop_front();
        match gate.map(|gate| gates::verdict(&gate, end)) {
            None | Some(Ok(())) => self.run_gate(),
            Some(Err(error)) => self.gate_failed(error),
        }
    }

    pub(super) fn gate_failed(&mut self, error: Error) {
        self.refuse(&error);
        self.refusal = Some(error);
    }
}
