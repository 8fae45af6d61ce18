use crate::config::Encoding;
use crate::secrets::Secret;

use super::fault::Fault;
use super::keys;

/// The text is no list of keys in the encoding that is asked for. Without a word of it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}; {}", .0.problem, .0.mend)]
pub struct NotAKeyList(Fault);

/// Several keys in one variable.
pub fn encode_keys(keys: &[&str], encoding: Encoding) -> Secret {
    Secret::new(match encoding {
        Encoding::Comma => keys.join(","),
        Encoding::Json => serde_json::Value::from(keys).to_string(),
    })
}

/// The other way: trimmed, without empty ones and duplicates, in their order. An empty text is an empty
/// list in both encodings.
pub fn decode_keys(text: &str, encoding: Encoding) -> Result<Vec<Secret>, NotAKeyList> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    keys::items(text, encoding).map(keys::distinct).map_err(NotAKeyList)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_they_were_written() {
        for encoding in [Encoding::Comma, Encoding::Json] {
            for keys in [&["a", "b$ c", "'\""][..], &["a"], &[]] {
                let text = encode_keys(keys, encoding);
                let read = decode_keys(text.expose(), encoding).expect("a list");
                assert_eq!(read.iter().map(Secret::expose).collect::<Vec<_>>(), keys);
            }
            assert_eq!(decode_keys("", encoding), Ok(Vec::new()));
        }
        let read = decode_keys(" a,,b , a", Encoding::Comma).expect("a list");
        assert_eq!(read.iter().map(Secret::expose).collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn what_is_no_list_has_its_mend() {
        let refused = |text, encoding| decode_keys(text, encoding).expect_err("none").to_string();
        assert_eq!(
            refused(r#"["canary"]"#, Encoding::Comma),
            r#"is JSON where commas are expected; set [keys] encoding = "json" if the settings read JSON"#
        );
        assert_eq!(
            refused("canary", Encoding::Json),
            r#"is no JSON list; write it as ["one", "two"]"#
        );
    }
}
