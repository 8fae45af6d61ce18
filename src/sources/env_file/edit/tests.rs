use proptest::prelude::*;

use super::*;
use crate::sources::env_file::parse;

/// The variables that the tests edit, in their order; `Z` is somebody else's.
const FAMILY: [&str; 4] = ["A", "B", "C", "D"];

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

/// None: keep. Some(None): remove.
type Wanted<'a> = Option<Option<&'a str>>;

fn edited(text: &str, wanted: [Wanted<'_>; 4]) -> Result<String, EditError> {
    let names = FAMILY.map(name);
    let values = wanted.map(|wanted| wanted.map(|value| value.map(|v| Secret::new(v.to_owned()))));
    let edits: Vec<Edit<'_>> = names
        .iter()
        .zip(&values)
        .map(|(name, value)| {
            let change = match value {
                None => Change::Keep,
                Some(None) => Change::Remove,
                Some(Some(value)) => Change::Set(value),
            };
            Edit { name, change }
        })
        .collect();
    let parsed = parse(text.as_bytes()).unwrap_or_else(|errors| panic!("{text:?}: {errors:?}"));
    let out = edit(text.as_bytes(), &parsed.assignments, &edits)?;
    Ok(String::from_utf8(out.to_vec()).expect("text"))
}

fn set(value: &str) -> Wanted<'_> {
    Some(Some(value))
}

const KEEP: Wanted<'static> = None;
const REMOVE: Wanted<'static> = Some(None);

#[test]
fn a_replaced_value_keeps_its_style_where_it_can() {
    for (before, value, after) in [
        ("A=x\n", "new", "A=new\n"),
        ("A=x", "new", "A=new"),
        ("  A = x  \n", "new", "  A = new\n"),
        ("A='x'\n", "new", "A='new'\n"),
        ("A=\"x\"\n", "new", "A=\"new\"\n"),
        ("A='x'\n", "it's", "A=\"it's\"\n"),
        ("A=\"x\"\n", "a\"b\\c`d$e\nf", "A=\"a\\\"b\\\\c\\`d\\$e\nf\"\n"),
        ("A=x\n", "a b$c;(d)#e", "A=a b$c;(d)#e\n"),
        ("A=x\n", "a #b", "A='a #b'\n"),
        ("A=x\n", "#a", "A='#a'\n"),
        ("A=x\n", " a", "A=' a'\n"),
        ("A=x\n", "a ", "A='a '\n"),
        ("A=x\n", "a\\b'", "A=\"a\\\\b'\"\n"),
        ("A=x\n", "\"a\"", "A='\"a\"'\n"),
        ("A=x\n", "", "A=\n"),
        ("A='x'\n", "", "A=''\n"),
        ("A=\n", "a,b", "A=a,b\n"),
        ("A=\n", "a$b", "A='a$b'\n"),
        ("A='x\ny' \"z\" # z \\\n  w\nB=1\n", "new", "A='new'\nB=1\n"),
        ("A=x\\\n", "new", "A=new\n"),
    ] {
        let out = edited(before, [set(value), KEEP, KEEP, KEEP]);
        assert_eq!(out.as_deref(), Ok(after), "{before:?}");
    }
}

#[test]
fn a_new_variable_stands_after_its_relatives() {
    let record = r#"{"version":1}"#;
    for (before, after) in [
        ("# top\nA=x\n\n# z\nZ=1\n", "# top\nA=x\nB=b\nD='{\"version\":1}'\n\n# z\nZ=1\n"),
        ("Z=1\nA=x", "Z=1\nA=x\nB=b\nD='{\"version\":1}'"),
        ("A='x'\nZ=1\nC='c'\n", "A='x'\nB='b'\nZ=1\nC='c'\nD='{\"version\":1}'\n"),
        ("A=\"x\"\n", "A=\"x\"\nB=\"b\"\nD=\"{\\\"version\\\":1}\"\n"),
        ("C=c\nA=x\\\n\\\n\nZ=1\n", "C=c\nD='{\"version\":1}'\nA=x\\\n\\\n\nB=b\nZ=1\n"),
        // A line behind it would be part of A.
        ("A=x\\\n", "A=x\\\n\nB=b\nD='{\"version\":1}'"),
        ("A=x\\\\\n", "A=x\\\\\nB=b\nD='{\"version\":1}'\n"),
    ] {
        let out = edited(before, [KEEP, set("b"), KEEP, set(record)]);
        assert_eq!(out.as_deref(), Ok(after), "{before:?}");
    }
    let no_place = EditError::NoPlace { name: name("B") };
    assert_eq!(edited("Z=1\n", [KEEP, set("b"), KEEP, KEEP]), Err(no_place));
}

#[test]
fn a_removed_variable_takes_its_lines_and_no_other() {
    for (before, after) in [
        ("A=x\n# b\n  B = 'b\nb' \\\n  b\n\nC=c\n", "A=x\n# b\n\nC=c\n"),
        ("A=x\nB=b", "A=x\n"),
        ("B=b\nA=x\n", "A=x\n"),
        ("A=x\nB=b\\\n", "A=x\n"),
        ("A=x\n", "A=x\n"),
    ] {
        let out = edited(before, [KEEP, REMOVE, KEEP, KEEP]);
        assert_eq!(out.as_deref(), Ok(after), "{before:?}");
    }
}

#[test]
fn what_stands_twice_is_refused_when_it_is_to_change() {
    let text = "A=1\nB=1\nA='\n'\nA=3\n";
    let twice = EditError::Duplicate { name: name("A"), lines: vec![1, 3, 5] };
    assert_eq!(edited(text, [set("x"), KEEP, KEEP, KEEP]), Err(twice));
    let out = edited(text, [KEEP, set("2"), set("c"), KEEP]);
    assert_eq!(out.as_deref(), Ok("A=1\nB=2\nC=c\nA='\n'\nA=3\n"));
}

#[test]
fn what_no_env_file_carries_is_refused() {
    for value in ["a\0b", "a\r\nb"] {
        let refused = EditError::Unwritable { name: name("A") };
        assert_eq!(edited("A=1\n", [set(value), KEEP, KEEP, KEEP]), Err(refused));
    }
    assert_eq!(edited("A=1\n", [set("a\rb"), KEEP, KEEP, KEEP]).as_deref(), Ok("A='a\rb'\n"));
}

/// Without the lines of the edited variables.
fn others(text: &str, edited: &[&str]) -> Vec<u8> {
    let parsed = parse(text.as_bytes()).expect("parsed");
    let mut rest = Vec::new();
    let mut done = 0;
    for assignment in parsed.assignments {
        if edited.contains(&assignment.name.as_str()) {
            let at = line(text.as_bytes(), &assignment);
            rest.extend(&text.as_bytes()[done..at.start]);
            done = at.end;
        }
    }
    rest.extend(&text.as_bytes()[done..]);
    rest
}

/// The old assignments with the edits applied to them.
fn expected(text: &str, wanted: &[Wanted<'_>; 4]) -> Option<Vec<(String, String)>> {
    let parsed = parse(text.as_bytes()).expect("parsed");
    let pair = |a: &Assignment| (a.name.to_string(), a.value.expose().to_owned());
    let mut pairs: Vec<(String, String)> = parsed.assignments.iter().map(pair).collect();
    let mut neighbour = None;
    for (name, wanted) in FAMILY.into_iter().zip(wanted) {
        let at = pairs.iter().rposition(|(held, _)| held == name);
        match (at, wanted) {
            (Some(at), None) => neighbour = Some(at),
            (None, None | Some(None)) => {}
            (Some(at), Some(Some(value))) => {
                pairs[at].1 = (*value).to_owned();
                neighbour = Some(at);
            }
            (None, Some(Some(value))) => {
                let at = neighbour? + 1;
                pairs.insert(at, (name.to_owned(), (*value).to_owned()));
                neighbour = Some(at);
            }
            (Some(at), Some(None)) => {
                pairs.remove(at);
                neighbour = neighbour.map(|place| if place > at { place - 1 } else { place });
            }
        }
    }
    Some(pairs)
}

/// Lines that are mostly those of an env file, and all that its grammar has a word for.
fn file() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        "[ \t]{0,2}[A-DZ][ ]{0,1}=[ ]{0,1}[x$#=,\u{e4} ]{0,6}",
        "[A-DZ]='[x\"\\\\\n# ]{0,6}'[ ]{0,1}",
        "[A-DZ]=\"[x'\n# ]{0,6}\"[ ]{0,1}",
        "[A-DZ]=[x'\"\\\\\n ]{0,6}",
        "[#;][ x=A'\"\\\\]{0,6}",
        "[ \t]{0,2}",
    ];
    (proptest::collection::vec(line, 1..8), "\n{0,1}").prop_map(|(l, end)| l.join("\n") + &end)
}

fn value() -> impl Strategy<Value = Option<Option<String>>> {
    let text = prop_oneof!["[a-z,]{0,6}", "[x'\"\\\\#;\n\r\t$` =\u{e4}]{0,8}"];
    proptest::option::of(proptest::option::of(text))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn any_edit_changes_what_it_says_and_nothing_else(
        text in file(),
        values in [value(), value(), value(), value()],
    ) {
        let Ok(parsed) = parse(text.as_bytes()) else { return Ok(()) };
        let wanted = values.each_ref().map(|v| v.as_ref().map(|v| v.as_deref()));
        let changed: Vec<&str> = FAMILY.into_iter().zip(&wanted)
            .filter(|(_, wanted)| wanted.is_some()).map(|(name, _)| name).collect();
        let count = |name: &&str| parsed.assignments.iter().filter(|a| a.name.as_str() == *name).count();
        let twice = changed.iter().any(|name| count(name) > 1);
        match edited(&text, wanted) {
            Ok(out) => {
                let Ok(again) = parse(out.as_bytes()) else {
                    return Err(TestCaseError::fail(format!("does not parse: {out:?}")));
                };
                let pairs: Vec<(String, String)> = again.assignments.iter()
                    .map(|a| (a.name.to_string(), a.value.expose().to_owned())).collect();
                prop_assert_eq!(Some(pairs), expected(&text, &wanted), "{:?}", out);
                // A last line without an end gets one when another follows.
                let (after, before) = (others(&out, &changed), others(&text, &changed));
                prop_assert!(after == before || after == [&before[..], b"\n"].concat(), "{out:?}");
                prop_assert!(!twice);
            }
            Err(EditError::Duplicate { .. }) => prop_assert!(twice),
            Err(EditError::Unwritable { .. }) => {
                let bad = wanted.iter().any(|v| matches!(v, Some(Some(v)) if v.contains("\r\n")));
                prop_assert!(bad);
            }
            Err(EditError::NoPlace { .. }) => prop_assert!(twice || expected(&text, &wanted).is_none()),
        }
    }
}
