use std::ops::Range;

use keybearer::helper::Change;
use keybearer::secrets::Secret;
use serde_json::Value;
use zeroize::Zeroizing;

use super::shown::shown;

/// A JSON object as it is written, so that a change leaves everything else in it alone: the order, the
/// spaces, and numbers of any length.
pub struct Document<'a> {
    text: &'a str,
    members: Vec<Member>,
    /// Behind the last member, before the closing brace.
    end: usize,
}

struct Member {
    name: String,
    /// From behind the comma or brace before it.
    start: usize,
    key: Range<usize>,
    value: Range<usize>,
}

/// What is said of a text that is no document: nothing of what is in it, but a name that could be a
/// variable's.
#[derive(Debug, PartialEq, Eq)]
pub enum Fault {
    NoObject,
    Twice(String),
}

impl<'a> Document<'a> {
    pub fn parse(text: &'a str) -> Result<Document<'a>, Fault> {
        // serde_json judges the whole text, deep ones included; below is only where things stand in it.
        if !matches!(serde_json::from_str(text), Ok(Value::Object(_))) {
            return Err(Fault::NoObject);
        }
        let scan = Scan { bytes: text.as_bytes() };
        let mut members: Vec<Member> = Vec::new();
        let mut start = scan.blank(0) + 1;
        let mut end = start;
        while scan.at(scan.blank(start)) == b'"' {
            let key = scan.value(scan.blank(start));
            let value = scan.value(scan.blank(scan.blank(key.end) + 1));
            let name = string(&text[key.clone()]).ok_or(Fault::NoObject)?;
            if members.iter().any(|member| member.name == name) {
                return Err(Fault::Twice(shown(&name)));
            }
            end = value.end;
            let separator = scan.blank(end);
            members.push(Member { name, start, key, value });
            start = separator + 1;
            if scan.at(separator) == b'}' {
                break;
            }
        }
        Ok(Document { text, members, end })
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(|member| member.name.as_str())
    }

    /// As it is written.
    pub fn written(&self, name: &str) -> Option<&'a str> {
        let member = self.members.iter().find(|member| member.name == name)?;
        Some(&self.text[member.value.clone()])
    }

    /// Where in the text that is.
    pub fn place(&self, name: &str) -> Option<Range<usize>> {
        self.members.iter().find(|member| member.name == name).map(|member| member.value.clone())
    }

    /// A text as its text, null as nothing, anything else as it is written.
    pub fn value(&self, name: &str) -> Option<Secret> {
        let written = self.written(name)?;
        match written.as_bytes().first() {
            Some(b'"') => string(written).map(Secret::new),
            Some(b'n') => None,
            _ => Some(Secret::new(written.to_owned())),
        }
    }

    pub fn with(&self, changes: &[Change]) -> Zeroizing<String> {
        let change = |name: &str| changes.iter().find(|change| change.name == name);
        let mut parts: Vec<Zeroizing<String>> = Vec::new();
        for member in &self.members {
            let part = match change(&member.name) {
                None => self.text[member.start..member.value.end].to_owned(),
                Some(Change { value: None, .. }) => continue,
                Some(Change { value: Some(value), .. }) => {
                    let old = &self.text[member.value.clone()];
                    let before = &self.text[member.start..member.value.start];
                    concat(&[before, &like(old, value.expose())])
                }
            };
            parts.push(Zeroizing::new(part));
        }
        for Change { name, value } in changes {
            if let Some(value) = value
                && !self.names().any(|other| other == name)
            {
                let (lead, middle) = self.style();
                let parts_of = [lead, &quoted(name), middle, &quoted(value.expose())];
                parts.push(Zeroizing::new(concat(&parts_of)));
            }
        }
        let opening = self.members.first().map_or(self.end, |member| member.start);
        let mut result = Zeroizing::new(String::with_capacity(self.text.len() + 4096));
        result.push_str(&self.text[..opening]);
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                result.push(',');
            }
            result.push_str(part);
        }
        result.push_str(&self.text[self.end..]);
        result
    }

    /// What stands before a key and between it and its value: as with the last one here.
    fn style(&self) -> (&'a str, &'a str) {
        match self.members.last() {
            Some(last) => {
                (&self.text[last.start..last.key.start], &self.text[last.key.end..last.value.start])
            }
            None => ("", ": "),
        }
    }
}

/// In a text that is known to be JSON.
struct Scan<'a> {
    bytes: &'a [u8],
}

impl Scan<'_> {
    fn at(&self, place: usize) -> u8 {
        self.bytes.get(place).copied().unwrap_or(b'}')
    }

    /// Past the spaces.
    fn blank(&self, mut place: usize) -> usize {
        while matches!(self.bytes.get(place), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            place += 1;
        }
        place
    }

    fn value(&self, start: usize) -> Range<usize> {
        let mut depth = 0;
        let mut place = start;
        while place < self.bytes.len() {
            match self.at(place) {
                b'"' => {
                    place = self.string_end(place);
                    if depth == 0 {
                        return start..place;
                    }
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' if depth == 1 => return start..place + 1,
                b'}' | b']' if depth > 1 => depth -= 1,
                b'}' | b']' | b',' | b':' | b' ' | b'\n' | b'\r' | b'\t' if depth == 0 => break,
                _ => {}
            }
            place += 1;
        }
        start..place
    }

    /// Past the closing quote.
    fn string_end(&self, start: usize) -> usize {
        let mut place = start + 1;
        while place < self.bytes.len() && self.at(place) != b'"' {
            place += if self.at(place) == b'\\' { 2 } else { 1 };
        }
        (place + 1).min(self.bytes.len())
    }
}

/// A value that was no text stays of its kind where the new one can be; a list that others read as one
/// does not become a text.
fn like(old: &str, new: &str) -> Zeroizing<String> {
    let kind =
        |text: &str| serde_json::from_str(text).ok().as_ref().map(std::mem::discriminant::<Value>);
    if !old.starts_with(['"', 'n']) && kind(old) == kind(new) {
        return Zeroizing::new(new.to_owned());
    }
    quoted(new)
}

fn quoted(text: &str) -> Zeroizing<String> {
    Zeroizing::new(Value::from(text).to_string())
}

fn string(written: &str) -> Option<String> {
    serde_json::from_str(written).ok()
}

fn concat(parts: &[&str]) -> String {
    parts.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(name: &str, value: Option<&str>) -> Change {
        Change { name: name.to_owned(), value: value.map(|value| Secret::new(value.to_owned())) }
    }

    #[track_caller]
    fn edited(text: &str, changes: &[Change], expected: &str) {
        let document = Document::parse(text).ok().unwrap();
        assert_eq!(*document.with(changes), expected);
    }

    #[test]
    fn values_of_every_kind() {
        let text = r#" {"A":"a\"}\u00e9", "B" : 12345678901234567890.10 ,"C":true,"D":null,
            "E":[1, {"x":"}"}],"F":{"y":"]"}, "": "empty"} "#;
        let document = Document::parse(text).ok().unwrap();
        let value = |name: &str| document.value(name).map(|value| value.expose().to_owned());
        assert_eq!(value("A").unwrap(), "a\"}é");
        assert_eq!(value("B").unwrap(), "12345678901234567890.10");
        assert_eq!(value("C").unwrap(), "true");
        assert_eq!(value("D"), None);
        assert_eq!(value("E").unwrap(), r#"[1, {"x":"}"}]"#);
        assert_eq!(value("F").unwrap(), r#"{"y":"]"}"#);
        assert_eq!(value("").unwrap(), "empty");
        assert_eq!(document.names().collect::<Vec<_>>(), ["A", "B", "C", "D", "E", "F", ""]);
    }

    #[test]
    fn what_is_no_object() {
        let deep = format!("{{\"A\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        for text in ["", "plain", "[1]", "\"text\"", "{\"A\":}", "{} x", "{\"A\":1,}", &deep] {
            assert_eq!(Document::parse(text).err(), Some(Fault::NoObject), "{text:.20}");
        }
    }

    #[test]
    fn a_name_twice() {
        let fault = |text| Document::parse(text).err();
        assert_eq!(fault(r#"{"A":1,"\u0041":2}"#), Some(Fault::Twice("'A'".to_owned())));
        assert_eq!(fault(r#"{"s3cr et":1,"s3cr et":2}"#), Some(Fault::Twice("a field".to_owned())));
    }

    #[test]
    fn a_change_leaves_the_rest_alone() {
        let text = "{\n  \"B\": 1.50,\n  \"A\" : \"x\",\n  \"C\": [ 1 ]\n}\n";
        edited(text, &[change("A", Some("y\"z"))], &text.replace("\"x\"", "\"y\\\"z\""));
        edited(text, &[change("A", None)], "{\n  \"B\": 1.50,\n  \"C\": [ 1 ]\n}\n");
        edited(text, &[change("C", None)], "{\n  \"B\": 1.50,\n  \"A\" : \"x\"\n}\n");
        edited(text, &[change("B", None)], "{\n  \"A\" : \"x\",\n  \"C\": [ 1 ]\n}\n");
        let added = "{\n  \"B\": 1.50,\n  \"A\" : \"x\",\n  \"C\": [ 1 ],\n  \"D\": \"d\"\n}\n";
        edited(text, &[change("D", Some("d"))], added);
        edited(text, &[change("D", None)], text);
    }

    #[test]
    fn lists_stay_lists() {
        let changes = [change("A", Some(r#"["b"]"#))];
        edited(r#"{"A":["a"]}"#, &changes, r#"{"A":["b"]}"#);
        edited(r#"{"A":"a"}"#, &changes, r#"{"A":"[\"b\"]"}"#);
        edited(r#"{"A":[]}"#, &[change("A", Some("b"))], r#"{"A":"b"}"#);
    }

    #[test]
    fn from_and_to_nothing() {
        edited("{}", &[change("A", Some("a"))], r#"{"A": "a"}"#);
        edited("{ }", &[change("A", Some("a"))], r#"{"A": "a" }"#);
        edited(r#"{"A": "a"}"#, &[change("A", None)], "{}");
    }

    proptest::proptest! {
        #[test]
        fn any_object_is_read_and_changed_as_serde_json_would(
            fields in proptest::collection::btree_map(".{0,8}", ".{0,12}", 0..6),
            name in ".{0,8}",
            value in ".{0,12}",
        ) {
            let map: serde_json::Map<String, Value> =
                fields.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
            let text = serde_json::to_string_pretty(&map).unwrap();
            let document = Document::parse(&text).ok().unwrap();
            for (name, value) in &fields {
                assert_eq!(document.value(name).unwrap().expose(), value);
            }
            let mut expected = map.clone();
            expected.insert(name.clone(), Value::from(value.as_str()));
            let result = document.with(&[change(&name, Some(&value))]);
            assert_eq!(serde_json::from_str::<Value>(&result).unwrap(), Value::Object(expected));
            let mut expected = map;
            expected.remove(&name);
            let result = document.with(&[change(&name, None)]);
            assert_eq!(serde_json::from_str::<Value>(&result).unwrap(), Value::Object(expected));
        }
    }
}
