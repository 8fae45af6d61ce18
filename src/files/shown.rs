use std::fmt::Write;
use std::path::Path;

/// The path in single quotes, as messages show it. A control character in a name must not forge a
/// line of the log.
pub fn quoted(path: &Path) -> String {
    let mut shown = String::from("'");
    for character in path.to_string_lossy().chars() {
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown.push('\'');
    shown
}

/// The path as a word that can be pasted into a shell.
pub fn command_word(path: &Path) -> String {
    let bytes = path.as_os_str().as_encoded_bytes();
    // A leading dash would be read as an option.
    let prefix = if bytes.first() == Some(&b'-') { "./" } else { "" };
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"_./@%+=:,-".contains(b);
    match path.to_str() {
        Some(text) if !text.is_empty() && bytes.iter().all(plain) => format!("{prefix}{text}"),
        Some(text) if !text.chars().any(char::is_control) => {
            format!("'{prefix}{}'", text.replace('\'', r"'\''"))
        }
        _ => {
            let mut word = format!("$'{prefix}");
            for byte in bytes {
                if plain(byte) {
                    word.push(char::from(*byte));
                } else {
                    // Writing to a String cannot fail.
                    let _ = write!(word, "\\x{byte:02x}");
                }
            }
            word.push('\'');
            word
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_a_shell() {
        for (path, word) in [
            ("/etc/example/example.env", "/etc/example/example.env"),
            ("/srv/my site/it's.env", r"'/srv/my site/it'\''s.env'"),
            ("-rf", "./-rf"),
            ("/a\nb", r"$'/a\x0ab'"),
        ] {
            assert_eq!(command_word(Path::new(path)), word);
        }
        assert_eq!(quoted(Path::new("/a\nkeybearer: fine")), r"'/a\nkeybearer: fine'");
    }
}
