/// How a value is written behind its `=`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Bare,
    Single,
    Double,
}

impl Style {
    /// Of what stands between the `=` and the end of the line; None of nothing.
    pub fn of(raw: &[u8]) -> Option<Style> {
        match raw.trim_ascii_start().first()? {
            b'\'' => Some(Style::Single),
            b'"' => Some(Style::Double),
            _ => Some(Style::Bare),
        }
    }

    /// The same way as the value before it, where that can be.
    pub fn instead_of(before: Style, value: &str) -> Style {
        match before {
            Style::Bare if stands_bare(value) => Style::Bare,
            Style::Double => Style::Double,
            Style::Bare | Style::Single => quoted(value),
        }
    }

    /// As its neighbour is written. Nobody has looked at how this value stands bare, so only one that
    /// means the same to everything that reads env files does.
    pub fn beside(neighbour: Style, value: &str) -> Style {
        match neighbour {
            Style::Bare if is_plain(value) => Style::Bare,
            Style::Double => Style::Double,
            Style::Bare | Style::Single => quoted(value),
        }
    }

    pub fn write(self, value: &str, out: &mut Vec<u8>) {
        match self {
            Style::Bare => out.extend(value.as_bytes()),
            Style::Single => {
                out.push(b'\'');
                out.extend(value.as_bytes());
                out.push(b'\'');
            }
            Style::Double => {
                out.push(b'"');
                for byte in value.bytes() {
                    if matches!(byte, b'"' | b'\\' | b'`' | b'$') {
                        out.push(b'\\');
                    }
                    out.push(byte);
                }
                out.push(b'"');
            }
        }
    }
}

/// In single quotes everything is itself, and there is no way to write one of them.
fn quoted(value: &str) -> Style {
    if value.contains('\'') { Style::Double } else { Style::Single }
}

/// Read back as it is without quotes and escapes, and without a remark about a '#'.
fn stands_bare(value: &str) -> bool {
    let ends_in_space = value.ends_with([' ', '\t']);
    let starts_well = !value.starts_with(['\'', '"', '#', ' ', '\t']);
    let commented = value.contains(" #") || value.contains("\t#");
    let special = |character: char| character == '\\' || character == '\n' || character == '\r';
    starts_well && !ends_in_space && !commented && !value.contains(special)
}

fn is_plain(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.,:/+=@".contains(&byte))
}
