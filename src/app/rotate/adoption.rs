use super::adopter::{Adopter, Wanted};
use super::adopters::{self, Adopted};
use super::error::{Error as Refused, Failed, Mend, NotTaken};
use super::rotation::Rotation;
use crate::app::error::Error;
use crate::control::RoundResult;
use crate::exit::Exit;

impl Rotation<'_> {
    /// Everybody who does not run what the document says takes it over, and shows it. Who was started
    /// meanwhile is among them; who has ended needs nothing. One that fails is no reason to leave the
    /// others out: what they learn is safe.
    pub fn adopt(&mut self, mend: Mend) -> Result<(), Error> {
        self.ask_all(false, mend)
    }

    /// Also those who run it already, for what their status does not show.
    pub fn adopt_all(&mut self, mend: Mend) -> Result<(), Error> {
        self.ask_all(true, mend)
    }

    fn ask_all(&mut self, everybody: bool, mend: Mend) -> Result<(), Error> {
        let wanted = Wanted::of(&self.document);
        if self.is_dry {
            return self.would_ask(everybody, &wanted);
        }
        self.look_again()?;
        let (mut taken, mut failed) = (Vec::new(), Vec::new());
        let mut left = std::mem::take(&mut self.adopters).into_iter();
        while let Some(mut adopter) = left.next() {
            if !everybody && adopter.runs(&wanted) {
                taken.push(format!("'{}'", adopter.name()));
                self.adopters.push(adopter);
                continue;
            }
            match self.ask(&mut adopter, &wanted) {
                Ok(Some(Ok(()))) => {
                    taken.push(format!("'{}'", adopter.name()));
                    self.adopters.push(adopter);
                }
                Ok(Some(Err(failure))) => {
                    failed.push(failure);
                    self.adopters.push(adopter);
                }
                Ok(None) => self.say(&format!("{}: has ended", adopter.name())),
                Err(error) => {
                    self.adopters.push(adopter);
                    self.adopters.extend(left);
                    return Err(error);
                }
            }
        }
        if failed.is_empty() {
            return Ok(());
        }
        let standing = self.standing();
        Err(Refused::NotTaken(NotTaken { standing, taken, failed, mend }).into())
    }

    /// None: it has ended.
    fn ask(
        &mut self,
        adopter: &mut Adopter,
        wanted: &Wanted,
    ) -> Result<Option<Result<(), Failed>>, Error> {
        let round =
            match adopters::adopt(&adopter.running, &self.subject.inherited, self.interrupt)? {
                Adopted::Took(round) => round,
                Adopted::Ended => return Ok(None),
                Adopted::Failed(failed) => return Ok(Some(Err(failed))),
            };
        adopter.took += round.took;
        // What it says of the round is no evidence of what it verifies.
        match adopters::status(&adopter.running, self.interrupt) {
            Ok(status) => adopter.look_at(&status),
            Err(Error::Interrupted(signal)) => return Err(Error::Interrupted(signal)),
            Err(_) if adopters::is_gone(&adopter.running, &self.subject.inherited) => {
                return Ok(None);
            }
            Err(error) => {
                let (code, message) = (error.code(), error.to_string());
                let name = adopter.name().to_owned();
                return Ok(Some(Err(Failed { name, code, message })));
            }
        }
        if adopter.runs(wanted) {
            self.say(&progress(adopter, wanted, &round));
            return Ok(Some(Ok(())));
        }
        if self.was_changed()? {
            return Err(self.changed());
        }
        let message = match adopter.signs() {
            Some(signs) => format!("it goes on with key {signs} as if nothing had changed"),
            None => "it has no key".to_owned(),
        };
        let name = adopter.name().to_owned();
        Ok(Some(Err(Failed { name, code: Exit::Failure.code(), message })))
    }

    /// Who came and who went since. What they were at first is kept.
    pub fn look_again(&mut self) -> Result<(), Error> {
        let found = adopters::find(self.subject, self.interrupt)?;
        let mut before = std::mem::take(&mut self.adopters);
        for mut adopter in found {
            if let Some(at) = before.iter().position(|known| known.name() == adopter.name()) {
                let known = before.swap_remove(at);
                adopter.before = known.before.or(adopter.before);
                adopter.took = known.took;
            }
            self.adopters.push(adopter);
        }
        Ok(())
    }

    fn would_ask(&mut self, everybody: bool, wanted: &Wanted) -> Result<(), Error> {
        let lines: Vec<String> = self
            .adopters
            .iter()
            .filter(|adopter| everybody || !adopter.runs(wanted))
            .map(|adopter| {
                let runs = adopter.signs().map(|key| format!(", key {key}")).unwrap_or_default();
                format!(
                    "would have '{}' take it over (generation {}{runs})",
                    adopter.name(),
                    adopter.generation
                )
            })
            .collect();
        lines.iter().for_each(|line| self.say(line));
        Ok(())
    }
}

fn progress(adopter: &Adopter, wanted: &Wanted, round: &RoundResult) -> String {
    let does = match wanted.verifies {
        Some(staged) => format!("verifies {staged}"),
        None => format!("signs with {}", wanted.signs),
    };
    let (name, generation) = (adopter.name(), adopter.generation);
    format!("{name}: generation {generation} {does}, after {:.2} s", round.took.as_secs_f64())
}
