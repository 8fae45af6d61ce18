use crate::secrets::{Name, Secret};

use super::Schema;

impl Schema {
    /// What the schema has against a key that was just made, as the one that signs and later among
    /// those that verify. None: nothing.
    pub fn objection_to_key(
        &self,
        key: &Secret,
        current: &Name,
        fallbacks: &Name,
    ) -> Option<String> {
        let as_current = self.rules.get(current).and_then(|rule| rule.check(key.expose()).err());
        let as_fallback =
            || self.rules.get(fallbacks).and_then(|rule| rule.check_item(key.expose()).err());
        let (name, fault) = match as_current {
            Some(fault) => (current, fault),
            None => (fallbacks, as_fallback()?),
        };
        let text = format!("{name} {}; {}", fault.problem, fault.mend);
        // The schema's own texts are in it.
        Some(crate::log::printable(&text))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn objection(schema: &str) -> Option<String> {
        let schema = Schema::parse(schema, Path::new("s.toml")).expect("a schema");
        let key = crate::secrets::generate().expect("a key");
        let name = |text: &str| text.parse().expect("a name");
        schema.objection_to_key(&key, &name("SECRET_KEY"), &name("SECRET_KEY_FALLBACKS"))
    }

    #[test]
    fn a_rule_that_no_new_key_keeps() {
        assert_eq!(objection("[SECRET_KEY]\ntype = \"django-secret-key\"\n"), None);
        assert_eq!(
            objection("[SECRET_KEY]\ntype = \"string\"\nlength = { max = 50 }\n").as_deref(),
            Some("SECRET_KEY has the wrong length; the schema wants at most 50 characters")
        );
        let items = "[SECRET_KEY_FALLBACKS]\ntype = \"list\"\nof = \"integer\"\nrequired = false\n";
        let said = objection(items).expect("an objection");
        assert!(said.starts_with("SECRET_KEY_FALLBACKS "), "{said}");
    }
}
