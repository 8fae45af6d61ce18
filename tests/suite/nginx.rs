//! Nginx as packaging/nginx has it, in front of the demo, asked by curl before, while and after a key
//! is rotated.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::harness::{
    Bench, Demo, Invocation, Running, eventually, once, requires_root, show, skip,
};

const CONFIG: &str = include_str!("../../packaging/nginx/example.com.conf");
const DEFAULT: &str = include_str!("../../packaging/nginx/default.conf");
const NGINX: &str = "/usr/sbin/nginx";

/// A rotation boots the site twice.
const LONG: Duration = Duration::from_secs(120);

/// Fills in a form again and again: what Nginx never sends twice.
const WRITER: &str = r#"while [ ! -e "$1" ]; do "${@:2}" --show-error --output /dev/null --write-out 'code %{http_code}\n' --data a=b https://example.com/healthz; done"#;

/// Asks again and again over one connection each time, and ends where the file is.
const VISITOR: &str = r#"while [ ! -e "$1" ]; do "${@:2}" --show-error --write-out '\ncode %{http_code}\n' 'https://example.com/?[1-40]'; done"#;

/// Nginx with its certificate, keybearer and the demo behind it, on the ports of the web.
struct Front<'a> {
    bench: &'a Bench,
    demo: Demo<'a>,
    config: PathBuf,
}

impl<'a> Front<'a> {
    fn new(bench: &'a Bench) -> Option<Front<'a>> {
        bench.may_be_written();
        let demo = Demo::new(bench)?;
        let env: String = demo.environment().iter().fold(String::new(), |text, (name, value)| {
            let value = if *name == "ALLOWED_HOSTS" { "example.com" } else { value };
            format!("{text}{name}={value}\n")
        });
        bench.file("site.env", format!("{env}SECURE_SSL_REDIRECT=True\n"), 0o640);
        let run = bench.site_dir("run");
        fs::set_permissions(run, fs::Permissions::from_mode(0o755)).unwrap();
        let config = bench.config(&format!(
            "command = [{:?}, \"--workers\", \"2\", \"--worker-class\", \"gthread\", \"demo.wsgi:application\"]\n\
             user = \"{{user}}\"\ngroup = \"www-data\"\ndirectory = {:?}\n\
             [[source]]\ntype = \"env-file\"\npath = \"{{dir}}/site.env\"\n\
             [listen]\nsockets = [\"unix:{{dir}}/run/web.sock\"]\n\
             [ready]\npath = \"/healthz\"\n\
             [django]\nmanage = [{:?}, \"manage.py\"]\n",
            demo.gunicorn(),
            demo.app(),
            demo.python(),
        ));
        Some(Front { bench, demo, config })
    }

    fn keybearer(&self) -> Running {
        let run = self.bench.keybearer(["run", "--config"]).arg(&self.config).nameless();
        let running = run.spawn();
        running.wait_for_line("serving on");
        running
    }

    fn nginx(&self) -> Running {
        let bench = self.bench;
        let certificate = bench.program("/usr/bin/openssl").args(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=example.com"
                .split(' '),
        );
        let certificate =
            certificate.args(["-addext", "subjectAltName=DNS:example.com,DNS:www.example.com"]);
        let certificate = certificate.arg("-keyout").arg(bench.path("privkey.pem"));
        certificate.arg("-out").arg(bench.path("fullchain.pem")).run().expect_code(0);
        let dir = bench.dir().display().to_string();
        fs::create_dir(bench.path("static")).unwrap();
        bench.file("static/site.css", "body {}\n", 0o644);
        let site = CONFIG
            .replace("/etc/letsencrypt/live/example.com", &dir)
            .replace("/srv/example", &dir)
            .replace("/run/keybearer/example.sock", &format!("{dir}/run/web.sock"));
        fs::create_dir(bench.path("enabled")).unwrap();
        bench.file("enabled/default.conf", DEFAULT, 0o644);
        // A second site beside it, made of the same file.
        let second = site
            .replace("example.com", "example.org")
            .replace("upstream example ", "upstream second ");
        bench.file(
            "enabled/second.conf",
            second.replace("http://example;", "http://second;"),
            0o644,
        );
        bench.file("enabled/example.conf", site, 0o644);
        let main = format!(
            "user www-data;\ndaemon off;\npid {dir}/nginx.pid;\nerror_log stderr;\nevents {{}}\n\
             http {{ include /etc/nginx/mime.types; access_log off; include {dir}/enabled/*.conf; }}\n"
        );
        let main = bench.file("nginx.conf", main, 0o644);
        let nginx = bench.program(NGINX).args(["-e", "stderr", "-c"]).arg(main).spawn();
        eventually("nginx listens", || {
            std::net::TcpStream::connect("127.0.0.1:443").is_ok() || nginx.has_ended()
        });
        assert!(!nginx.has_ended(), "{}", nginx.wait().stderr);
        nginx
    }

    fn curl(&self, visitor: &str) -> Invocation<'a> {
        let words = self.curl_words(visitor);
        self.bench.program(&words[0]).args(&words[1..])
    }

    /// With cookies of the visitor's own, kept as a browser keeps them: Django gives a session that an
    /// older key had signed another name.
    fn curl_words(&self, visitor: &str) -> Vec<String> {
        let path = |name: &str| self.bench.path(name).display().to_string();
        let (ca, jar) = (path("fullchain.pem"), path(visitor));
        let mut words: Vec<String> =
            ["/usr/bin/curl", "--silent", "--noproxy", "*"].map(str::to_owned).to_vec();
        for (option, value) in [("--cacert", &ca), ("--cookie", &jar), ("--cookie-jar", &jar)] {
            words.extend([option.to_owned(), value.clone()]);
        }
        for port in ["80", "443"] {
            for name in ["example.com", "www.example.com", "other.com"] {
                words.extend(["--resolve".to_owned(), format!("{name}:{port}:127.0.0.1")]);
            }
        }
        words
    }

    /// As a browser does it: the form, its token, the password, with what Django asks of a secure page.
    fn log_in(&self, visitor: &str) {
        let url = "https://example.com/login/";
        let form = self.curl(visitor).arg(url).run().expect_code(0).stdout;
        let (_, after) = form.split_once("name=\"csrfmiddlewaretoken\" value=\"").expect("a form");
        let token = after.split('"').next().unwrap();
        let answer = self
            .curl(visitor)
            .args(["--referer", url, "--output", "/dev/null", "--write-out", "%{http_code}"])
            .args(["--data-urlencode", &format!("csrfmiddlewaretoken={token}")])
            .args(["--data-urlencode", &format!("username={}", Demo::USER)])
            .args(["--data-urlencode", &format!("password={}", self.demo.password())]);
        answer.arg(url).run().expect_code(0).expect_stdout("302");
        let cookies = fs::read_to_string(self.bench.path(visitor)).unwrap();
        let session = cookies.lines().find(|line| line.contains("sessionid")).expect("a session");
        // The fourth field: for secure connections only.
        assert_eq!(session.split('\t').nth(3), Some("TRUE"), "{session}");
    }

    fn visitor(&self, name: &str) -> Running {
        self.log_in(name);
        self.again_and_again(VISITOR, name)
    }

    fn writer(&self) -> Running {
        self.again_and_again(WRITER, "writer")
    }

    fn again_and_again(&self, script: &str, name: &str) -> Running {
        let bash = self.bench.program("/bin/bash").args(["-c", script, name]);
        bash.arg(self.bench.path("stop")).args(self.curl_words(name)).spawn()
    }
}

#[test]
fn a_key_is_rotated_behind_nginx() {
    requires_root!();
    once!();
    if !PathBuf::from(NGINX).exists() {
        return skip("needs nginx");
    }
    let bench = Bench::new();
    let Some(front) = Front::new(&bench) else { return };
    let keybearer = front.keybearer();
    let nginx = front.nginx();

    the_headers_are_right(&front);

    let visitors = [front.visitor("one"), front.visitor("two")];
    let writer = front.writer();
    let asked = |visitor: &Running| visitor.stdout().matches("code ").count();
    let more = |what: &str| {
        let before: Vec<usize> = visitors.iter().map(asked).collect();
        eventually(what, || visitors.iter().zip(&before).all(|(v, before)| asked(v) > before + 80));
    };
    more("visitors");
    let rotate = bench.keybearer(["rotate", "--config"]).arg(&front.config).nameless();
    let said = rotate.spawn().wait_within(LONG).expect_code(0).expect_nowhere(front.demo.key());
    assert!(said.stdout.contains("generation 3 signs with"), "{}", said.stdout);
    more("visitors after the rotation");
    bench.file("stop", "", 0o644);
    let mut answers = 0;
    for visitor in visitors {
        let seen = visitor.wait_within(LONG).expect_code(0);
        assert_eq!(seen.stderr, "");
        let codes: Vec<&str> =
            seen.stdout.lines().filter_map(|line| line.strip_prefix("code ")).collect();
        assert!(codes.iter().all(|code| *code == "200"), "{codes:?}");
        let signed_in = format!("Signed in as <strong>{}<", Demo::USER);
        assert_eq!(seen.stdout.matches(&signed_in).count(), codes.len());
        answers += codes.len();
    }
    // Refused by Django for want of a token, each of them: answered.
    let written = writer.wait_within(LONG).expect_code(0).stdout;
    let codes: Vec<&str> = written.lines().collect();
    assert!(codes.len() > 20 && codes.iter().all(|code| *code == "code 403"), "{codes:?}");
    answers += codes.len();
    show(&format_args!("{answers} answers, none lost, nobody logged out"));

    nginx.signal(Signal::SIGQUIT);
    nginx.wait().expect_code(0);
    keybearer.signal(Signal::SIGTERM);
    let log = keybearer.wait().expect_code(0);
    log.expect_nowhere(front.demo.key()).expect_nowhere(front.demo.password());
}

fn the_headers_are_right(front: &Front) {
    let head = |url: &str| front.curl("nobody").args(["--head", url]).run();
    let home = head("https://example.com/healthz").expect_code(0).stdout.to_lowercase();
    for line in [
        "http/2 200",
        "strict-transport-security: max-age=31536000",
        "x-content-type-options: nosniff",
        "x-frame-options: deny",
        "referrer-policy: same-origin",
    ] {
        assert_eq!(
            home.lines().filter(|said| said.trim_end() == line).count(),
            1,
            "{line}\n{home}"
        );
    }
    assert!(!home.contains("gunicorn") && home.contains("server: nginx\r\n"), "{home}");
    let css = head("https://example.com/static/site.css").expect_code(0).stdout.to_lowercase();
    assert!(css.contains("http/2 200") && css.contains("strict-transport-security"), "{css}");
    for from in ["http://example.com", "http://www.example.com", "https://www.example.com"] {
        let moved = head(&format!("{from}/a?b=c")).expect_code(0).stdout.to_lowercase();
        assert!(moved.contains("301") && moved.contains("location: https://example.com/a?b=c"));
    }
    // Closed without a word, and no handshake.
    head("http://other.com/").expect_code(52);
    head("https://other.com/").expect_code(35);
    // A visitor cannot claim to have come by TLS, nor from elsewhere: nginx says so, not he.
    let claim = front.curl("nobody").args(["--head", "--header", "X-Forwarded-Proto: https"]);
    let claimed = claim.arg("http://example.com/").run().expect_code(0).stdout;
    assert!(claimed.contains("301"), "{claimed}");
}
