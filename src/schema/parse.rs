//! The schema file.

use std::collections::BTreeMap;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use crate::secrets::Name;

use super::error::{Error, Problem};
use super::forbidden;
use super::parse_rule::parse_rule;
use super::rule::Rule;
use super::schema::{AnyOf, Schema, Unlisted};
use super::words::{Source, Value, Words, nearest, unknown};

pub(super) const TOP_WORDS: [&str; 2] = ["unlisted", "any-of"];
pub(super) const GROUP_WORDS: [&str; 1] = ["sets"];
pub(super) const UNLISTED_WORDS: [&str; 3] = ["drop", "pass", "refuse"];

impl Schema {
    /// Reads a schema; `file` is for messages.
    pub fn parse(text: &str, file: &Path) -> Result<Self, Error> {
        let source = Source { text, file };
        let document = DeTable::parse(text).map_err(|error| syntax(source, &error))?;
        let mut words = Words::new(source, document.span(), document.get_ref());

        let unlisted = match words.take("unlisted") {
            Some(value) => unlisted(&value)?,
            None => Unlisted::Drop,
        };
        let any_of = match words.take("any-of") {
            Some(value) => value.items()?.iter().map(any_of).collect::<Result<_, _>>()?,
            None => Vec::new(),
        };
        let mut rules: BTreeMap<Name, Rule> = BTreeMap::new();
        for (word, at, value) in words.rest() {
            let name = variable(word, &value).map_err(|problem| source.error(&at, problem))?;
            let rule = parse_rule(value.words()?)?;
            if (rule.compose || rule.split) && rules.values().any(|rule| rule.compose || rule.split)
            {
                let problem =
                    "only one variable can be composed or split: there is one set of DB_*";
                return Err(source.error(&at, Problem::Contradiction { problem }));
            }
            rules.insert(name, rule);
        }
        Ok(Schema::new(unlisted, rules, any_of, false))
    }
}

/// The message alone: the error's own Display quotes the line, and a secret may stand in it.
fn syntax(source: Source<'_>, error: &toml::de::Error) -> Error {
    let at = error.span().unwrap_or_default();
    // Some messages begin with a capital; newlines would break "one line".
    let message = error.message().to_lowercase().replace('\n', ", ");
    source.error(&at, Problem::Syntax { message })
}

fn unlisted(value: &Value<'_>) -> Result<Unlisted, Error> {
    value.choice("way with unlisted variables", &UNLISTED_WORDS, |word| match word {
        "drop" => Some(Unlisted::Drop),
        "pass" => Some(Unlisted::Pass),
        "refuse" => Some(Unlisted::Refuse),
        _ => None,
    })
}

fn any_of(group: &Value<'_>) -> Result<AnyOf, Error> {
    let mut words = group.words()?;
    let Some(sets) = words.take("sets") else {
        return Err(words.missing("sets", r#"write sets = [["ONE"], ["ANOTHER"]]"#.to_owned()));
    };
    words.finish(&GROUP_WORDS)?;
    let sets = sets.items()?.iter().map(set).collect::<Result<Vec<_>, _>>()?;
    if sets.len() < 2 {
        let problem = "a group needs two sets at least; for one set, require its variables";
        return Err(group.error(Problem::Contradiction { problem }));
    }
    Ok(AnyOf { sets })
}

fn set(names: &Value<'_>) -> Result<Vec<Name>, Error> {
    let items = names.items()?;
    if items.is_empty() {
        return Err(names.unexpected("a list of variables"));
    }
    items
        .iter()
        .map(|item| item.text()?.parse().map_err(|_| item.unexpected("a variable's name")))
        .collect()
}

/// A word at the top that is none of keybearer's: the name of a variable, and a table.
fn variable(word: &str, value: &Value<'_>) -> Result<Name, Problem> {
    let is_table = matches!(value.node(), DeValue::Table(_));
    let Ok(name) = word.parse::<Name>() else {
        return Err(if is_table {
            let hint = nearest(word, &TOP_WORDS)
                .map(|near| format!("; did you mean [[{near}]]?"))
                .unwrap_or_default();
            Problem::NotAName { name: word.to_owned(), hint }
        } else {
            unknown(word, &TOP_WORDS)
        });
    };
    if !is_table {
        // Keybearer's words are lower case, variables mostly are not.
        let is_variable = word.bytes().any(|b| b.is_ascii_uppercase());
        return Err(if is_variable {
            Problem::NotATable { name: word.to_owned() }
        } else {
            unknown(word, &TOP_WORDS)
        });
    }
    if forbidden::is_own(word) {
        return Err(Problem::OwnName { name: word.to_owned() });
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DESIGN: &str = r#"
unlisted = "drop"

[SECRET_KEY]
type = "django-secret-key"
description = "signs sessions"

[SECRET_KEY_FALLBACKS]
type = "list"
of = "django-secret-key"
required = false

[DATABASE_URL]
type = "database-url"
schemes = ["postgres", "postgresql"]
compose = true

[DEBUG]
type = "bool"
equals = false
default = "False"

[STAGING_PASSWORD]
type = "string"
length = { min = 16 }
generate = { length = 24 }

[[any-of]]
sets = [["DATABASE_URL"], ["DB_NAME", "DB_USER", "DB_PASSWORD", "DB_HOST"]]
"#;

    fn problem(text: &str) -> String {
        Schema::parse(text, Path::new("s.toml")).unwrap_err().to_string()
    }

    #[test]
    fn the_form_of_the_manual() {
        let schema = Schema::parse(DESIGN, Path::new("s.toml")).unwrap();
        assert_eq!(schema.unlisted, Unlisted::Drop);
        assert_eq!(schema.rules.len(), 5);
        let required = |name: &str| {
            let (name, rule) = schema.rules.get_key_value(name).unwrap();
            schema.requires(name, rule)
        };
        assert!(required("SECRET_KEY") && required("STAGING_PASSWORD"));
        assert!(!required("SECRET_KEY_FALLBACKS") && !required("DEBUG"));
        assert!(!required("DATABASE_URL"), "the group decides");
    }

    #[test]
    fn every_type_and_every_word_of_it() {
        let text = r#"
            A = { type = "list", of = "integer", range = { min = 1, max = 9 }, encoding = "json" }
            B = { type = "url", schemes = ["https"], required = false }
            C = { type = "port", default = 8000 }
            D = { type = "hosts", encoding = "space" }
            E = { type = "origins" }
            F = { type = "enum", values = ["a", "b"], default = "b" }
            G = { type = "regex", pattern = "a|ab" }
            H = { type = "path", exists = true }
            I = { type = "email" }
            J = { type = "integer", equals = 5, default = 0x5 }
            K = { type = "bool", default = false }
            L = { type = "database-url", split = true }
            M = { type = "list", of = "enum", values = ["x"] }
            n = { type = "host" }
        "#;
        let schema = Schema::parse(text, Path::new("s.toml")).unwrap();
        assert_eq!(schema.rules["K"].default.as_deref(), Some("False"));
        assert_eq!(schema.rules["G"].check("ab"), Ok(()));
        assert!(schema.rules["G"].check("abc").is_err());
    }

    #[test]
    fn errors_say_where_and_what_to_do() {
        for (text, wanted) in [
            (
                "[A]\ntype = \"string\"\nrequird = true",
                "'s.toml':3:1: unknown word 'requird'; did you mean 'required'?",
            ),
            (
                "unlistd = \"drop\"",
                "'s.toml':1:1: unknown word 'unlistd'; did you mean 'unlisted'?",
            ),
            (
                "unlisted = \"dorp\"",
                "'s.toml':1:12: unknown way with unlisted variables; did you mean 'drop'?",
            ),
            (
                "[[any_of]]\nsets = []",
                "'s.toml':1:3: unknown word 'any_of'; did you mean 'any-of'?",
            ),
            (
                "[any-off]\n",
                "'s.toml':1:2: 'any-off' is no variable name: letters, digits and '_', no digit first; did you mean [[any-of]]?",
            ),
            ("[A]\ntype = \"strng\"", "'s.toml':2:8: unknown type; did you mean 'string'?"),
            ("[A]\ntype = 5", "'s.toml':2:8: expected a string, found an integer"),
            ("[A]\n", "'s.toml':1:1: 'type' is missing; write for example type = \"string\""),
            (
                "A = \"canary\"",
                "'s.toml':1:1: 'A' is no table; a schema holds rules, not values: write [A]",
            ),
            (
                "[A]\ntype = \"bool\"\nschemes = [\"a\"]",
                "'s.toml':3:1: 'schemes' means nothing for the type 'bool'; take it out",
            ),
            (
                "[A]\ntype = \"regex\"\npattern = \"a)|(b\"",
                "'s.toml':3:11: the pattern is no regular expression: ",
            ),
            (
                "[A]\ntype = \"integer\"\ndefault = \"canary\"",
                "'s.toml':3:11: the default breaks the variable's own rule: is no whole number; write digits alone",
            ),
            (
                "[A]\ntype = \"django-secret-key\"\ndefault = \"canary\"",
                "'s.toml':3:1: 'default' means nothing for the type 'django-secret-key'; take it out",
            ),
            (
                "[A]\ntype = \"list\"\nof = \"hosts\"",
                "'s.toml':3:6: unknown type of items; did you mean 'host'?",
            ),
            (
                "[A]\ntype = \"string\"\nlength = { min = 9, max = 1 }",
                "'s.toml':3:10: min is above max",
            ),
            (
                "[A]\ntype = \"string\"\nrequired = true\ndefault = \"x\"",
                "'s.toml':4:11: a variable with a default is never missing; take out 'required' or 'default'",
            ),
            (
                "[A]\ntype = \"string\"\nlength = { min = 9 }\ngenerate = { length = 8 }",
                "'s.toml':4:12: the generate breaks the variable's own rule: ",
            ),
            (
                "[KEYBEARER_X]\ntype = \"string\"",
                "'s.toml':1:2: 'KEYBEARER_X' is keybearer's own name",
            ),
            ("[[any-of]]\nsets = [[\"A\"]]", "'s.toml':1:1: a group needs two sets"),
            (
                "[A]\ntype = \"database-url\"\nsplit = true\n[B]\ntype = \"database-url\"\nsplit = true",
                "'s.toml':4:2: only one variable",
            ),
            ("# ü\nÄ", "'s.toml':2:"),
            ("SECRET_KEY=canary", "'s.toml':1:12: not valid TOML: "),
        ] {
            let shown = problem(text);
            assert!(shown.starts_with(wanted), "{text}\n{shown}");
            assert!(!shown.contains("canary") && !shown.contains('\n'), "{shown}");
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in "([a-zA-Z_\\-]{1,6}|[\\[\\]={}\"'#.,\n ]|type|any-of|sets|é){0,40}") {
            let _ = Schema::parse(&text, Path::new("s.toml"));
        }
    }
}
