//! The table of one variable.

use regex_lite::Regex;

use super::bounds::Bounds;
use super::equals::Equals;
use super::error::{Error, Problem};
use super::kind::Kind;
use super::list_form::ListForm;
use super::rule::Rule;
use super::words::{Value, Words};

/// Every word that some type has, for telling a mistyped one from a misplaced one.
pub(super) const WORDS: [&str; 16] = [
    "type",
    "description",
    "required",
    "default",
    "length",
    "range",
    "equals",
    "generate",
    "of",
    "encoding",
    "schemes",
    "compose",
    "split",
    "values",
    "pattern",
    "exists",
];

pub(super) const BOUND_WORDS: [&str; 2] = ["min", "max"];

/// What one item of a list may be: everything but a list.
const ITEM_WORDS: [&str; 13] = [
    "string",
    "django-secret-key",
    "url",
    "database-url",
    "bool",
    "integer",
    "port",
    "host",
    "origin",
    "enum",
    "regex",
    "path",
    "email",
];

/// No value that keybearer makes needs more.
const LONGEST_GENERATED: usize = 4096;

pub(super) fn parse_rule(mut words: Words<'_>) -> Result<Rule, Error> {
    let Some(type_word) = words.take("type") else {
        return Err(words.missing("type", r#"write for example type = "string""#.to_owned()));
    };
    let type_name = type_word.choice("type", &Kind::WORDS, |word| {
        Kind::WORDS.into_iter().find(|known| *known == word)
    })?;
    let mut rule = Rule::of(kind(type_name, &mut words)?);
    if let Some(description) = words.take("description") {
        description.text()?;
    }
    if let Some(required) = words.take("required") {
        rule.required = Some(required.boolean()?);
    }
    if rule.kind.has_length() {
        rule.length = words.take("length").map(|value| bounds(&value, Value::size)).transpose()?;
    }
    if rule.kind.has_range() {
        rule.range = words.take("range").map(|value| bounds(&value, Value::integer)).transpose()?;
    }
    if let Kind::DatabaseUrl { .. } = rule.kind {
        rule.compose = flag(&mut words, "compose")?;
        rule.split = flag(&mut words, "split")?;
    }
    if rule.kind.has_equals()
        && let Some(value) = words.take("equals")
    {
        let equals = equals(&value, &rule.kind)?;
        rule.check(&equals.to_string()).map_err(|fault| breaks("equals", &value, fault))?;
        rule.equals = Some(equals);
    }
    if let Kind::String = rule.kind
        && let Some(value) = words.take("generate")
    {
        rule.generate = Some(generate(&value, rule.length)?);
    }
    // A key that stands in the application's repository is no secret.
    if !matches!(rule.kind.item(), Kind::DjangoSecretKey)
        && let Some(value) = words.take("default")
    {
        rule.default = Some(default(&value, &rule)?);
    }
    words.finish_rule(&WORDS, type_name)?;
    Ok(rule)
}

fn kind(word: &'static str, words: &mut Words<'_>) -> Result<Kind, Error> {
    let of = match word {
        "list" => match words.take("of") {
            Some(of) => {
                let known = of.choice("type of items", &ITEM_WORDS, |word| {
                    ITEM_WORDS.into_iter().find(|known| *known == word)
                })?;
                item_kind(known, words)?
            }
            None => Kind::String,
        },
        "hosts" => Kind::Host,
        "origins" => item_kind("origin", words)?,
        item => return item_kind(item, words),
    };
    let form = words
        .take("encoding")
        .map(|value| value.choice("encoding", &ListForm::WORDS, ListForm::from_word))
        .transpose()?;
    Ok(Kind::List { of: Box::new(of), form })
}

fn item_kind(word: &'static str, words: &mut Words<'_>) -> Result<Kind, Error> {
    Ok(match word {
        "django-secret-key" => Kind::DjangoSecretKey,
        "url" => Kind::Url { schemes: schemes(words)? },
        "database-url" => Kind::DatabaseUrl { schemes: schemes(words)? },
        "bool" => Kind::Bool,
        "integer" => Kind::Integer,
        "port" => Kind::Port,
        "host" => Kind::Host,
        "origin" => Kind::Origin { schemes: schemes(words)? },
        "enum" => match words.take("values") {
            Some(values) => Kind::Enum { values: values.texts()? },
            None => {
                let hint = r#"write values = ["one", "another"]"#.to_owned();
                return Err(words.missing("values", hint));
            }
        },
        "regex" => match words.take("pattern") {
            Some(value) => Kind::Regex { pattern: pattern(&value)? },
            None => {
                let hint = "write pattern = '[a-z]+'".to_owned();
                return Err(words.missing("pattern", hint));
            }
        },
        "path" => Kind::Path { exists: flag(words, "exists")? },
        "email" => Kind::Email,
        _ => Kind::String,
    })
}

fn flag(words: &mut Words<'_>, word: &'static str) -> Result<bool, Error> {
    words.take(word).map_or(Ok(false), |value| value.boolean())
}

fn schemes(words: &mut Words<'_>) -> Result<Vec<String>, Error> {
    let Some(value) = words.take("schemes") else {
        return Ok(Vec::new());
    };
    for (item, text) in value.items()?.iter().zip(value.texts()?) {
        if fluent_uri::component::Scheme::new(&text).is_none() {
            return Err(item.unexpected("a scheme alone, as in \"https\""));
        }
    }
    value.texts()
}

/// The pattern by itself first: `a)|(b` is none, and only the brackets around it would hide that.
fn pattern(value: &Value<'_>) -> Result<Regex, Error> {
    let text = value.text()?;
    Regex::new(text)
        .and_then(|_| Regex::new(&format!(r"\A(?:{text})\z")))
        .map_err(|error| value.error(Problem::Pattern { message: error.to_string() }))
}

fn bounds<'a, T: PartialOrd>(
    value: &Value<'a>,
    read: impl Fn(&Value<'a>) -> Result<T, Error>,
) -> Result<Bounds<T>, Error> {
    let mut words = value.words()?;
    let min = words.take("min").map(|value| read(&value)).transpose()?;
    let max = words.take("max").map(|value| read(&value)).transpose()?;
    words.finish(&BOUND_WORDS)?;
    let contradiction = match (&min, &max) {
        (None, None) => Some("min or max is needed"),
        (Some(min), Some(max)) if min > max => Some("min is above max"),
        _ => None,
    };
    match contradiction {
        Some(problem) => Err(value.error(Problem::Contradiction { problem })),
        None => Ok(Bounds { min, max }),
    }
}

fn equals(value: &Value<'_>, kind: &Kind) -> Result<Equals, Error> {
    Ok(match kind {
        Kind::Bool => Equals::Bool(value.boolean()?),
        Kind::Integer | Kind::Port => Equals::Integer(value.integer()?),
        _ => Equals::Text(value.text()?.to_owned()),
    })
}

fn generate(value: &Value<'_>, length: Option<Bounds<usize>>) -> Result<usize, Error> {
    let mut words = value.words()?;
    let Some(size) = words.take("length") else {
        return Err(words.missing("length", "write generate = { length = 32 }".to_owned()));
    };
    words.finish(&["length"])?;
    let size = size.size()?;
    if !(1..=LONGEST_GENERATED).contains(&size) {
        let problem = "a generated value has 1 to 4096 characters";
        return Err(value.error(Problem::Contradiction { problem }));
    }
    match length.and_then(|length| length.broken_by(size)) {
        Some(wanted) => Err(value.error(Problem::BreaksOwnRule {
            word: "generate",
            problem: "has the wrong length".to_owned(),
            mend: format!("'length' wants {wanted} characters"),
        })),
        None => Ok(size),
    }
}

fn default(value: &Value<'_>, rule: &Rule) -> Result<String, Error> {
    use toml::de::DeValue;

    if rule.required == Some(true) {
        let problem =
            "a variable with a default is never missing; take out 'required' or 'default'";
        return Err(value.error(Problem::Contradiction { problem }));
    }
    let text = match value.node() {
        DeValue::String(text) => text.to_string(),
        DeValue::Boolean(yes) => Equals::Bool(*yes).to_string(),
        DeValue::Integer(_) => value.integer()?.to_string(),
        _ => return Err(value.unexpected("a string, true or false, or an integer")),
    };
    if text.contains('\0') {
        return Err(value.unexpected("a string without a NUL byte"));
    }
    rule.check(&text).map_err(|fault| breaks("default", value, fault))?;
    Ok(text)
}

fn breaks(word: &'static str, value: &Value<'_>, fault: super::fault::Fault) -> Error {
    let (problem, mend) = (fault.problem.into_owned(), fault.mend.into_owned());
    value.error(Problem::BreaksOwnRule { word, problem, mend })
}
