use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// Where to listen: `127.0.0.1:8000`, `[::1]:8000`, `unix:/run/example/web.sock`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// sun_path holds 108 bytes, the last of them NUL: unix(7).
const LONGEST_PATH: usize = 107;

impl FromStr for Address {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        if let Some(path) = text.strip_prefix("unix:") {
            return unix(path);
        }
        // Only this one name: others would need a resolver, and may stand for several addresses.
        let numeric = match text.strip_prefix("localhost:") {
            Some(port) => format!("127.0.0.1:{port}"),
            None => text.to_owned(),
        };
        match numeric.parse::<SocketAddr>() {
            Ok(address) if address.port() == 0 => Err("expected a port from 1 to 65535"),
            Ok(address) => Ok(Address::Tcp(address)),
            Err(_) => Err("expected an address such as 127.0.0.1:8000, [::1]:8000, 0.0.0.0:8000, \
                 localhost:8000 or unix:/run/example/web.sock"),
        }
    }
}

fn unix(path: &str) -> Result<Address, &'static str> {
    if !path.starts_with('/') || path.ends_with('/') || path.contains('\0') {
        return Err("expected an absolute path after unix:, such as unix:/run/example/web.sock");
    }
    if path.chars().any(char::is_control) {
        return Err("the path of a unix socket holds no control characters");
    }
    if path.len() > LONGEST_PATH {
        return Err("the path of a unix socket has at most 107 bytes");
    }
    Ok(Address::Unix(PathBuf::from(path)))
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(address) => write!(f, "{address}"),
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_ones_read_back() {
        for (text, shown) in [
            ("127.0.0.1:8000", "127.0.0.1:8000"),
            ("0.0.0.0:80", "0.0.0.0:80"),
            ("[::1]:8000", "[::1]:8000"),
            ("localhost:8000", "127.0.0.1:8000"),
            ("unix:/run/example/web.sock", "unix:/run/example/web.sock"),
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn bad_ones_are_refused() {
        for text in [
            "",
            "8000",
            ":8000",
            "example.com:8000",
            "127.0.0.1",
            "127.0.0.1:65536",
            "127.0.0.1:0",
            "::1:8000",
            "http://127.0.0.1:8000",
            "unix:",
            "unix:web.sock",
            "unix:/",
            "unix:@abstract",
            "unix:/a\nb",
            "fd://3",
            "/run/web.sock",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_socket_path_ends_at_107_bytes() {
        let longest = format!("unix:/{}", "a".repeat(106));
        assert!(longest.parse::<Address>().is_ok());
        assert!(format!("{longest}a").parse::<Address>().is_err());
    }
}
