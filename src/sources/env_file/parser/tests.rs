use super::*;

fn values(text: &str) -> Vec<(String, String)> {
    let parsed = parse(text.as_bytes()).unwrap_or_else(|errors| panic!("{text:?}: {errors:?}"));
    let pair = |a: &Assignment| (a.name.to_string(), a.value.expose().to_owned());
    parsed.assignments.iter().map(pair).collect()
}

fn errors(bytes: &[u8]) -> Vec<(usize, usize, Problem)> {
    match parse(bytes) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.into_iter().map(|e| (e.line, e.column, e.problem)).collect(),
    }
}

/// Each value is what load_env_file() of systemd 252 gives for the text.
#[test]
fn values_are_systemds() {
    for (text, expected) in [
        ("A=plain", "plain"),
        ("A=", ""),
        ("A=\n", ""),
        ("  \tA=leading\n", "leading"),
        ("A = spaced out  \t\n", "spaced out"),
        ("A=#$=not$a#comment=\n", "#$=not$a#comment="),
        ("A=$HOME ${HOME} `x`\n", "$HOME ${HOME} `x`"),
        ("A=two  words\n", "two  words"),
        ("A=it's \"so\"\n", "it's \"so\""),
        ("A='single \\n \"$x\" \\\\'\n", "single \\n \"$x\" \\\\"),
        ("A='two\nlines'\n", "two\nlines"),
        ("A=' kept '  \n", " kept "),
        ("A=\"double \\\" \\\\ \\` \\$ \\n 'x'\"\n", "double \" \\ ` $ \\n 'x'"),
        ("A=\"con\\\ntinued\"\n", "continued"),
        ("A=\"two\nlines\"\n", "two\nlines"),
        ("A='a' \"b\" 'c'\n", "abc"),
        ("A='a' b \"c\" \n", "ab \"c\""),
        ("A='a'#b\n", "a#b"),
        ("A=con\\\n  tinued\n", "con  tinued"),
        ("A=\\\n\n", ""),
        ("A=\\\n  x\n", "  x"),
        ("A=a\\b\\\\c\\'\\\"\n", "ab\\c'\""),
        ("A=trailing\\ \n", "trailing "),
        ("A=trailing\\  \n", "trailing "),
        ("A=x \\\n\n", "x "),
        ("A=x \\\n \n", "x "),
        ("A=\\ x\n", " x"),
        ("A=' '\\\n\n", " "),
        ("A=\"\\\\\"\n", "\\"),
        ("# comment\n; comment\n  # comment \\\\\n\nA=x # y\n", "x # y"),
        ("# ends with \\\n# comment\nA=x\n", "x"),
        ("A=grün\u{1F511}\n", "grün\u{1F511}"),
        ("A=a\tb\x7f\x1b\n", "a\tb\x7f\x1b"),
        ("A='a\rb'\n", "a\rb"),
    ] {
        assert_eq!(values(text), [("A".to_owned(), expected.to_owned())], "{text:?}");
    }
    assert!(values("").is_empty());
    assert!(values("\n \t\n# nothing\n;").is_empty());
}

#[test]
fn what_systemd_skips_is_an_error_with_its_place() {
    for (bytes, expected) in [
        (&b"A=1\n  novalue\n"[..], vec![(2, 3, Problem::NoEquals)]),
        (b"novalue", vec![(1, 1, Problem::NoEquals)]),
        (b"1A=x\nB-C=y\n=z\nA B=x\n", (1..=4).map(|l| (l, 1, Problem::NoName)).collect()),
        ("Ä=x".as_bytes(), vec![(1, 1, Problem::NoName)]),
        (b"A=1\nB='open\nC=3\n", vec![(2, 3, Problem::UnclosedQuote)]),
        (b"A=\"open\\", vec![(1, 3, Problem::UnclosedQuote)]),
        (b"A='a' \"b", vec![(1, 7, Problem::UnclosedQuote)]),
        (b"A=x\\", vec![(1, 4, Problem::BackslashAtEnd)]),
        (b"A=\\", vec![(1, 3, Problem::BackslashAtEnd)]),
        (b"A=x\0y\0\nB=1\n#\0\n", vec![(1, 4, Problem::Nul), (3, 2, Problem::Nul)]),
        (b"A=\xC3\xA4\xFFx\n", vec![(1, 4, Problem::NotUtf8)]),
        (b"A='1\n2\n3\xFF'\nB\n", vec![(3, 2, Problem::NotUtf8), (4, 1, Problem::NoEquals)]),
        (b"\xEF\xBB\xBFA=x\nB\n", vec![(1, 1, Problem::ByteOrderMark), (2, 1, Problem::NoEquals)]),
        (
            b"A=1\r\nB=2\r\n\r\n# c\r\nC\r\n",
            vec![(1, 4, Problem::CarriageReturn), (5, 1, Problem::NoEquals)],
        ),
        (b"A=1\rB=2\r3\n", vec![(1, 4, Problem::LoneCarriageReturn)]),
        (
            b"export A=1\n  export\tB=2\nexport C\n",
            vec![(1, 1, Problem::Export), (2, 3, Problem::Export), (3, 1, Problem::Export)],
        ),
        (b"# see \\\nA=1\n", vec![(1, 7, Problem::ContinuedComment)]),
        (b"-----BEGIN KEY-----\nab\n", vec![(1, 1, Problem::NoEquals), (2, 1, Problem::NoEquals)]),
    ] {
        assert_eq!(errors(bytes), expected, "{:?}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn a_bad_name_does_not_hide_the_lines_after_its_value() {
    assert_eq!(errors(b"1A='x\nB=2\n'\nC\n"), [(1, 1, Problem::NoName), (4, 1, Problem::NoEquals)]);
}

#[test]
fn a_comment_need_not_be_utf8() {
    assert_eq!(parse(b"# \xFC\nA=1\n").expect("parsed").assignments.len(), 1);
}

#[test]
fn remarks() {
    let remarks = |text: &str| -> Vec<String> {
        let parsed = parse(text.as_bytes()).expect("parsed");
        parsed.remarks.iter().map(ToString::to_string).collect()
    };
    assert_eq!(
        remarks("A=1\nB='\n'\nA=2\nA=3\n"),
        [
            "A is on line 1 and again on line 4; the last one counts",
            "A is on line 4 and again on line 5; the last one counts"
        ]
    );
    let hash = "line 1: the '#' after white space is part of A; a comment needs a line of its own";
    for text in ["A=x # y", "A='x' # y", "A='x'# y", "A= # y"] {
        assert_eq!(remarks(text), [hash], "{text}");
    }
    for text in ["A=#x", "A=x#y", "A='x # y'", "A=\"x # y\""] {
        assert!(remarks(text).is_empty(), "{text}");
    }
}

#[test]
fn a_span_is_what_stands_behind_the_equals() {
    let text = "A = 'x\ny' \nB=\nC=z";
    let parsed = parse(text.as_bytes()).expect("parsed");
    let spans: Vec<&str> = parsed.assignments.iter().map(|a| &text[a.span.clone()]).collect();
    assert_eq!(spans, [" 'x\ny' ", "", "z"]);
    let lines: Vec<usize> = parsed.assignments.iter().map(|a| a.line).collect();
    assert_eq!(lines, [1, 3, 4]);
}

#[test]
fn ten_thousand_keys_and_a_megabyte_of_errors_take_no_time() {
    use std::fmt::Write;
    let mut text = String::new();
    for number in 0..10_000 {
        writeln!(text, "KEY_{number}='{}'", "v".repeat(100)).expect("a String");
    }
    let start = std::time::Instant::now();
    assert_eq!(parse(text.as_bytes()).expect("parsed").assignments.len(), 10_000);
    for line in [&b"=\n"[..], b"\r", b"\0", b"A\n", b"A=\\", b"#\\\nA\n", b"A='\n'\n", b"A=\xFF"] {
        let _ = parse(&line.repeat(1 << 20));
    }
    // Quadratic would be hours.
    assert!(start.elapsed().as_secs() < 60);
}

proptest::proptest! {
    /// No panic, every error inside the file, and no error means every line was understood.
    #[test]
    fn any_bytes(bytes in "[A-B= '\"\\\\#;\r\n\t\0\u{e4}x]{0,60}") {
        match parse(bytes.as_bytes()) {
            Ok(parsed) => for assignment in parsed.assignments {
                proptest::prop_assert!(assignment.span.end <= bytes.len());
            },
            Err(errors) => {
                let lines = bytes.matches('\n').count() + 1;
                proptest::prop_assert!(!errors.is_empty());
                for error in errors {
                    proptest::prop_assert!((1..=lines).contains(&error.line) && error.column >= 1);
                }
            }
        }
    }
}
