use super::adopter::Adopter;

const HEAD: [&str; 5] = ["instance", "generation", "key before", "key after", "seconds"];

/// What each instance has gone through.
pub(super) fn table(adopters: &[Adopter]) -> String {
    let shown = |key: Option<crate::secrets::Fingerprint>| match key {
        Some(key) => key.to_string(),
        None => "-".to_owned(),
    };
    let rows = adopters.iter().map(|adopter| {
        [
            adopter.name().to_owned(),
            adopter.generation.to_string(),
            shown(adopter.before),
            shown(adopter.signs()),
            format!("{:.2}", adopter.took.as_secs_f64()),
        ]
    });
    let rows: Vec<[String; 5]> = std::iter::once(HEAD.map(str::to_owned)).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths = [0, 1, 2, 3, 4].map(width);
    let line = |row: &[String; 5]| {
        let cells: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::control::KeyStatus;
    use crate::instance::Running;

    #[test]
    fn is_as_wide_as_what_is_in_it() {
        let key = |text: &str| text.parse().expect("a fingerprint");
        let keys = KeyStatus {
            current: key("4e5f6071"),
            since: None,
            fallbacks: Vec::new(),
            next: None,
            carried: Vec::new(),
        };
        let adopter = |name: &str, keys: Option<KeyStatus>| Adopter {
            running: Running {
                name: name.to_owned(),
                socket: "/nowhere".into(),
                owner: nix::unistd::geteuid(),
            },
            generation: 3,
            before: keys.is_some().then(|| key("0a1b2c3d")),
            keys,
            took: Duration::from_millis(2_843),
        };
        let all = [adopter("web", Some(keys)), adopter("worker-of-the-site", None)];
        assert_eq!(
            table(&all),
            "\
instance            generation  key before  key after  seconds
web                 3           0a1b2c3d    4e5f6071   2.84
worker-of-the-site  3           -           -          2.84
"
        );
    }
}
