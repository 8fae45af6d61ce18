//! The longer texts of `--help`, for somebody who is in a hurry.

pub(super) const ABOUT: &str = "\
Carries a Django site's keys to its server.

keybearer reads the site's secrets, validates them, drops to the site's user, starts the
server with the environment set, and supervises it.";

pub(super) const TOP: &str = "\
Examples:
  Serve a site from one env file, as its own user:
    keybearer run --env-file /etc/example/example.env --user example:www-data \\
        --listen 127.0.0.1:8000 -- /srv/example/venv/bin/gunicorn config.wsgi:application

  See what is wrong, without starting anything:
    keybearer check --config /etc/keybearer/example.toml

  Run one command under the site's secrets and user:
    keybearer exec --config /etc/keybearer/example.toml -- python manage.py migrate

  Bring in a new key, and see how the site does:
    keybearer rotate --config /etc/keybearer/example.toml
    keybearer status example

'keybearer COMMAND --help' shows the options of a command.

Files:
  /etc/keybearer/NAME.toml     the config; NAME is keybearer unless --name says otherwise
  the rest                     env file and schema: wherever the config or the options say
  'keybearer init DIR' writes all three to begin with.

Exit codes:
  the server's own, and 128+N where signal N ended it (143: it died of the TERM it was sent) or
  keybearer itself (143: TERM while a 'before' command runs; 130: Ctrl-C in rotate); and
    1  not ready in time; a 'before' command, check --deploy or a command that is a source failed; a
       port or the instance's name is in use; a step that is not due, a rotation that conflicted
       with another, an instance that runs another key than the document's; a file that 'init' will
       not overwrite; 'status --check' where nothing serves
   64  wrong usage, also several instances where one is to be named
   69  no instance answers
   75  a store could not be reached, or a command that is a source was killed or did not end in
       time; trying again may help
   77  refused for permissions, also by a store; the message has the command that mends it
   78  wrong configuration, an unknown user, a missing file or secret, or a secret that breaks the
       schema
  126  the command cannot be executed
  127  the command was not found";

pub(super) const RUN: &str = "\
Examples:
  keybearer run --config /etc/keybearer/example.toml
  keybearer run --env-file /etc/example/example.env --user example:www-data \\
      --listen 127.0.0.1:8000 -- /srv/example/venv/bin/gunicorn config.wsgi:application
  keybearer run --env-file site.env -- python -m gunicorn config.wsgi

Options beat KEYBEARER_* variables, and those beat the config file.

Signals:
  TERM   stops the server; what has not ended after [reload] drain (35s) is killed.
         A second TERM changes nothing
  QUIT   is passed on; while the server stops, it also cuts the wait to a second
  HUP    reads the secrets again and hands over to a new generation, where anything has changed.
         With [keys] on-hup = \"generate\" it brings in a new key
  INT, USR1, USR2, TTIN, TTOU and WINCH go to the server

Exit code: the server's own, or one of those that 'keybearer --help' lists.";

pub(super) const EXEC: &str = "\
Examples:
  keybearer exec --config /etc/keybearer/example.toml -- python manage.py migrate
  keybearer exec --name example -- bash
  keybearer exec --env-file site.env -- celery -A config worker

Nothing of keybearer stays behind, and no socket is bound: --listen and --ready-path have no
effect here. The command runs as the site's user, in the config's directory where one is given.
Options beat KEYBEARER_* variables, and those beat the config file.
Exit code: the command's own, or one of those that 'keybearer --help' lists.";

pub(super) const CHECK: &str = "\
Examples:
  keybearer check --config /etc/keybearer/example.toml
  keybearer check --env-file /etc/example/example.env --user example
  keybearer check --name example --full --json

The report holds no value of any secret. The addresses are bound and let go again; one that
the running instance of this name uses is no error; sockets that systemd will hand over are unknown
here. Without a command the exit code is 0, with a warning, while 'run' ends with 64.
Options beat KEYBEARER_* variables, and those beat the config file.
Exit code: 0 when 'run' would start (warnings do not count), else the code of the first error,
which 'run' would end with.";

pub(super) const ROTATE: &str = "\
Examples:
  keybearer rotate --config /etc/keybearer/example.toml
  keybearer rotate prepare --name example
  keybearer rotate --name example --due
  keybearer rotate revoke --name example
  keybearer rotate --value STAGING_PASSWORD --name example

Steps:
  prepare  writes a new key beside the old one; the hosts learn to verify it
  promote  makes it the key that signs; the old one goes on to verify
  retire   drops old keys whose time is over
  abort    drops a new key that was not promoted
  revoke   the current key is known to others: a new one signs at once, and neither that key nor a
           staged one verifies. Who was signed in with it signs in again; other old keys stay

Without a step: on one host all of it, each step when every instance has taken over the one before;
with [keys] hosts = \"many\" the next step that may be done. After a failure, the same command goes on.
Where no option or variable names a config or a source, it is about /etc/keybearer/keybearer.toml
if that is there, else about the only running instance.
Every instance of this host that uses the same env file takes part. One that does not take a step
over serves on as it did, and is named.
Options beat KEYBEARER_* variables, and those beat the config file.
Exit code: 0 when done (with --due also when nothing is due); 1 when a step is not due or somebody
else was faster; else that of what failed in an instance, or one that 'keybearer --help' lists.";

pub(super) const RELOAD: &str = "\
Examples:
  keybearer reload
  keybearer reload example

It does what the signal HUP does, waits until the new generation serves, and says what changed.
As root or as the user that the instance runs as.
Exit code: 0 when it was handed over or nothing had changed, 69 where no instance answers, else the
code of what failed; then the old generation serves on.";

pub(super) const STATUS: &str = "\
Examples:
  keybearer status
  keybearer status example --json
  keybearer status --check

Keys are shown as fingerprints, and nothing else of a secret. --check is for a HEALTHCHECK.
As root or as the user that the instance runs as.
Exit code: 0, or 69 where no instance answers; with --check 1 where none serves.";

pub(super) const KEY: &str = "\
Example:
  keybearer key";

pub(super) const INIT: &str = "\
Examples:
  keybearer init /etc/keybearer
  keybearer init /etc/keybearer --name example --user example:www-data

Nothing is overwritten, and after an error nothing is left. The commands to go on with are
printed.";

pub(super) const COMPLETIONS: &str = "\
Example:
  keybearer completions bash > /usr/share/bash-completion/completions/keybearer";
