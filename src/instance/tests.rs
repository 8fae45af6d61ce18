use std::fs;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use super::claim::Claim;
use super::holder::Holder;
use super::places::Places;
use super::running::running_in;
use super::*;

/// A directory of one test's own, with the places in it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(test: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("kb-instance-{}-{test}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        Scratch(path)
    }

    fn places(&self, given: Option<&str>) -> Places {
        let given = given.map(|name| {
            let path = self.0.join(name);
            fs::create_dir_all(&path).unwrap();
            path
        });
        Places { given, well_known: vec![self.0.join("known")] }
    }

    /// Every file of the well-known places and systemd's.
    fn listing(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut left = vec![self.0.clone()];
        while let Some(directory) = left.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                found.push(path.strip_prefix(&self.0).unwrap().to_str().unwrap().to_owned());
                if path.symlink_metadata().unwrap().is_dir() {
                    left.push(path);
                }
            }
        }
        found.sort();
        found
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn pid() -> Option<nix::unistd::Pid> {
    Some(nix::unistd::getpid())
}

#[test]
fn two_of_one_name_are_refused_wherever_systemd_puts_them() {
    let scratch = Scratch::new("twice");
    let first = Instance::begin_in(&scratch.places(Some("one")), "site").unwrap();
    for given in [None, Some("one"), Some("two")] {
        let error = Instance::begin_in(&scratch.places(given), "site").unwrap_err();
        assert_eq!(error, Error::Running { name: "site".to_owned(), pid: pid() });
        assert_eq!(
            error.to_string(),
            format!(
                "an instance named 'site' runs already (pid {}); stop it, or give this one another --name",
                std::process::id()
            )
        );
    }
    drop(first);
    assert!(Instance::begin_in(&scratch.places(Some("two")), "site").is_ok());
    assert_eq!(scratch.listing(), ["known", "one", "two"]);
}

/// Two names in one directory of systemd's: the second leaves the first one's socket alone.
#[test]
fn another_name_has_a_place_of_its_own() {
    let scratch = Scratch::new("names");
    let places = scratch.places(Some("shared"));
    let first = Instance::begin_in(&places, "first").unwrap();
    let second = Instance::begin_in(&places, "second").unwrap();
    assert_eq!(first.control(), Some(scratch.0.join("shared").as_path()));
    assert_eq!(second.control(), Some(scratch.0.join("known/second").as_path()));
}

#[test]
fn what_a_killed_one_left_is_taken_over() {
    let scratch = Scratch::new("stale");
    let known = scratch.0.join("known/site");
    fs::create_dir_all(&known).unwrap();
    fs::write(known.join("instance"), "1\nsite\n127.0.0.1:1\nand more than the next one writes")
        .unwrap();
    drop(UnixListener::bind(known.join(SOCKET)).unwrap());
    let places = scratch.places(None);
    assert_eq!(running_in(&places), []);
    assert_eq!(Holder::of(&known), None);
    let instance = Instance::begin_in(&places, "site").unwrap();
    let holder = Holder::of(&known).unwrap();
    assert_eq!((holder.pid, holder.name.as_deref()), (pid(), Some("site")));
    assert_eq!(holder.noted, [""; 0]);
    instance.uses(&["127.0.0.1:8000", "unix:/run/a"], Some("file:/a.env"));
    assert_eq!(Holder::of(&known).unwrap().noted, ["127.0.0.1:8000", "unix:/run/a", "file:/a.env"]);
    // It was not made by this one.
    drop(instance);
    assert_eq!(scratch.listing(), ["known", "known/site", "known/site/control.sock"]);
}

#[test]
fn the_running_ones_are_found_by_name() {
    let scratch = Scratch::new("found");
    let places = scratch.places(Some("given"));
    let linked = Instance::begin_in(&places, "linked").unwrap();
    let plain = Instance::begin_in(&scratch.places(None), "plain").unwrap();
    assert_eq!(running_in(&places), [], "no socket yet");
    let sockets = [&linked, &plain]
        .map(|instance| UnixListener::bind(instance.control().unwrap().join(SOCKET)).unwrap());
    let names = |places: &Places| -> Vec<String> {
        running_in(places).into_iter().map(|running| running.name).collect()
    };
    // From the unit itself, and from an operator's shell.
    assert_eq!(names(&places), ["linked", "plain"]);
    let shell = scratch.places(None);
    assert_eq!(names(&shell), ["linked", "plain"]);
    let found = &running_in(&shell)[0];
    assert_eq!(found.socket, scratch.0.join("known/linked/control.sock"));
    assert_eq!(found.owner, nix::unistd::geteuid());
    fs::create_dir(scratch.0.join("known/not a name")).unwrap();
    fs::write(scratch.0.join("known/file"), "").unwrap();
    assert_eq!(names(&shell), ["linked", "plain"]);

    drop(sockets);
    fs::remove_file(scratch.0.join("given/control.sock")).unwrap();
    assert_eq!(names(&shell), ["plain"]);
    fs::remove_file(scratch.0.join("known/plain/control.sock")).unwrap();
    fs::remove_dir(scratch.0.join("known/not a name")).unwrap();
    fs::remove_file(scratch.0.join("known/file")).unwrap();
    drop((linked, plain));
    assert_eq!(scratch.listing(), ["given", "known"]);
}

#[test]
fn a_temporary_directory_holds_no_control_socket() {
    let nowhere = Places { given: None, well_known: vec!["/proc/keybearer".into()] };
    let instance = Instance::begin_in(&nowhere, "site").unwrap();
    assert_eq!(instance.control(), None);
    let path = instance.runtime().as_ref().unwrap().path().to_owned();
    assert!(path.is_dir());
    drop(instance);
    assert!(!path.exists());
}

/// The first one's file is gone when the second has locked it: then the lock says nothing.
#[test]
fn a_lock_on_a_file_that_went_away_is_no_claim() {
    let scratch = Scratch::new("gone");
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let path = scratch.0.clone();
            std::thread::spawn(move || {
                for _ in 0..5_000 {
                    let Ok(Some(claim)) = Claim::take(&path, "site") else { continue };
                    let holder = Holder::of(&path).expect("the claim that is held is seen");
                    assert_eq!(holder.pid, pid());
                    drop(claim);
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(scratch.listing(), [""; 0]);
}
