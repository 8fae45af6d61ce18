//! What the secrets must be: rules, validation, report.
//!
//! # The schema file
//!
//! A schema is a TOML file of the application's own, kept in its repository. Each table is named
//! after a variable and says what that variable must be; keybearer's own words are lower case. An
//! unknown word is refused with its line and column. All variables that break their rules are
//! reported at once, without their values, and keybearer exits 78.
//!
//! ```toml
//! unlisted = "drop"
//!
//! [SECRET_KEY]
//! type = "django-secret-key"
//!
//! [DATABASE_URL]
//! type = "database-url"
//! schemes = ["postgres", "postgresql"]
//! compose = true
//!
//! [DEBUG]
//! type = "bool"
//! equals = false
//! default = "False"
//! ```
//!
//! ## At the top
//!
//! | word | meaning |
//! | --- | --- |
//! | `unlisted` | what becomes of variables that the schema does not name: `"drop"` with a warning (the default), `"pass"`, `"refuse"` |
//! | `[[any-of]]` | `sets = [["A"], ["B", "C"]]`: one set at least must be complete; the variables named here count as listed, and are not required by themselves unless `required = true` |
//!
//! ## In every variable's table
//!
//! | word | meaning | default |
//! | --- | --- | --- |
//! | `type` | one of the types below | must be given |
//! | `description` | free text, for readers | none |
//! | `required` | missing or empty is refused | true, unless there is a default or an any-of group decides |
//! | `default` | what stands in where the variable is missing or empty: a string, true, false or an integer; true and false become `True` and `False` | none; a key has none |
//!
//! An optional variable that is empty and has no default is passed on empty and not checked.
//!
//! ## Types, and the words that belong to them
//!
//! | type | what it accepts | its words |
//! | --- | --- | --- |
//! | `string` | anything | `length`, `equals`, `generate = { length = N }` |
//! | `django-secret-key` | what Django's security.W009 asks for: 50 characters, 5 different ones, no prefix `django-insecure-` | `length` |
//! | `list` | items of one type | `of` (any type but a list; `string`), `encoding` (`comma`, the default, `space` or `json`), and the words of the items' type, which hold for each item |
//! | `url` | a URL by RFC 3986, percent-encoded | `schemes` (any), `length`, `equals` |
//! | `database-url` | a URL with a scheme that dj-database-url or django-environ knows, and the name of a database | `schemes`, `compose`, `split` |
//! | `bool` | true, false, 1, 0, yes, no, on, off, in any case | `equals` |
//! | `integer` | a whole number of 64 bits | `range`, `equals` |
//! | `port` | 1 to 65535 | `range`, `equals` |
//! | `hosts` | a list as for ALLOWED_HOSTS: names, `.example.com`, addresses, IPv6 in brackets; never `*` | `encoding` |
//! | `origins` | a list as for CSRF_TRUSTED_ORIGINS: scheme, host and port, `*.` for subdomains, no path | `encoding`, `schemes` (any) |
//! | `host`, `origin` | one of these | `equals`; `schemes` for `origin` |
//! | `enum` | one of `values` | `values`, `equals` |
//! | `regex` | what `pattern` matches as a whole | `pattern`, `length`, `equals` |
//! | `path` | an absolute path; with `exists = true` one that keybearer finds | `exists` (false), `length`, `equals` |
//! | `email` | one mail address | `length`, `equals` |
//!
//! `length = { min = N, max = N }` counts characters; `range = { min = N, max = N }` bounds the
//! number; either side may be left out. `equals` is compared by what it means: `off` equals false.
//! `generate` asks keybearer for a new value when it rotates one.
//!
//! ## Databases
//!
//! With `compose = true` the URL is made of DB_NAME, DB_USER, DB_PASSWORD, DB_HOST, DB_PORT and
//! DB_ENGINE (or POSTGRES_DB, POSTGRES_USER and so on) where it is not given itself; everything that
//! RFC 3986 reserves is percent-encoded. The scheme follows DB_ENGINE, else it is the first of
//! `schemes`, else `postgres`. A DB_HOST that is a directory is a unix socket; over it the password
//! may be missing. The parts go no further unless the schema names them. With `split = true` DB_* are
//! made of the URL where they are not given. One variable of a schema can have these words.
//!
//! ## The Django keys
//!
//! The key is what `[keys] current` names, else SECRET_KEY, else DJANGO_SECRET_KEY where only that is
//! in the schema or the sources. It and its fallbacks need no table; a table for the fallbacks is held
//! against each of them. They are written by `[keys] encoding`, which an `encoding` in the schema must
//! not contradict.
//!
//! ## `schema = "django"`
//!
//! The built-in schema, used where none is given, passes what it does not know. It requires the key
//! and refuses one under 32 characters, under 5 different ones or prefixed `django-insecure-`; the rest
//! of W009, and weak fallbacks, are warnings. It refuses DEBUG true, `*` in ALLOWED_HOSTS (both also
//! with DJANGO_ before), half a database where no DATABASE_URL is given, and a malformed DATABASE_URL,
//! SENTRY_DSN, CSRF_TRUSTED_ORIGINS or variable that ends in _URL and is a URL at all (paths, names of
//! views and templates with `{` pass). Lists may be separated by commas or spaces, or be JSON.

#![forbid(unsafe_code)]

mod audit;
mod bounds;
mod database_parts;
mod database_url;
mod django;
mod draft;
mod engine;
mod equals;
mod error;
mod fault;
mod forbidden;
mod host;
mod key_list;
mod key_names;
mod key_strength;
mod keys;
mod kind;
mod list_form;
mod new_key;
mod parse;
mod parse_rule;
mod port;
mod report;
mod rule;
// One type per file, and the file named after it.
#[allow(clippy::module_inception)]
mod schema;
#[cfg(test)]
mod tests;
mod url;
mod validate;
mod validated;
mod words;

pub use audit::{Finding, Level, audit};
pub use error::{Error, Problem};
pub use key_list::{NotAKeyList, decode_keys, encode_keys};
pub use report::{Report, Violation};
pub use schema::Schema;
pub use validate::validate;
pub use validated::{DjangoKeys, Validated};

/// Every word that a schema may hold: keybearer's own, the types, the encodings. For the test that the
/// manual names them all.
#[doc(hidden)]
pub fn words_known() -> impl Iterator<Item = &'static str> {
    let own = parse::TOP_WORDS.into_iter().chain(parse::GROUP_WORDS).chain(parse::UNLISTED_WORDS);
    let rules = parse_rule::WORDS.into_iter().chain(parse_rule::BOUND_WORDS);
    own.chain(rules).chain(kind::Kind::WORDS).chain(list_form::ListForm::WORDS)
}
