use super::bounds::Bounds;
use super::equals::Equals;
use super::fault::Fault;
use super::kind::Kind;
use super::list_form::ListForm;

/// What the schema says of one variable.
#[derive(Debug)]
pub(super) struct Rule {
    pub kind: Kind,
    /// None where the schema does not say.
    pub required: Option<bool>,
    pub default: Option<String>,
    /// In characters; of each item of a list.
    pub length: Option<Bounds<usize>>,
    /// Of each item of a list.
    pub range: Option<Bounds<i64>>,
    pub equals: Option<Equals>,
    /// The length of a value that keybearer is to make.
    pub generate: Option<usize>,
    pub compose: bool,
    pub split: bool,
}

impl Rule {
    pub fn of(kind: Kind) -> Self {
        Rule {
            kind,
            required: None,
            default: None,
            length: None,
            range: None,
            equals: None,
            generate: None,
            compose: false,
            split: false,
        }
    }

    pub fn optional(kind: Kind) -> Self {
        Rule { required: Some(false), ..Rule::of(kind) }
    }

    pub fn check(&self, value: &str) -> Result<(), Fault> {
        self.kind.check(value)?;
        self.check_bounds(value)?;
        match &self.equals {
            Some(equals) if !equals.holds(value) => {
                let wanted = equals.to_string();
                Err(Fault::new(format!("must be {wanted}"), format!("set it to {wanted}")))
            }
            _ => Ok(()),
        }
    }

    /// One item, where the caller has already taken the list apart.
    pub fn check_item(&self, item: &str) -> Result<(), Fault> {
        self.kind.item().check(item)?;
        self.check_item_bounds(item)
    }

    fn check_bounds(&self, value: &str) -> Result<(), Fault> {
        if self.length.is_none() && self.range.is_none() {
            return Ok(());
        }
        let Kind::List { form, .. } = &self.kind else {
            return self.check_item_bounds(value);
        };
        let items = form.unwrap_or(ListForm::Comma).items(value)?;
        items.iter().enumerate().try_for_each(|(index, item)| {
            self.check_item_bounds(item).map_err(|fault| fault.in_item(index + 1))
        })
    }

    fn check_item_bounds(&self, value: &str) -> Result<(), Fault> {
        if let Some(wanted) = self.length.and_then(|length| length.broken_by(value.chars().count()))
        {
            return Err(Fault::new(
                "has the wrong length",
                format!("the schema wants {wanted} characters"),
            ));
        }
        let outside = |range: Bounds<i64>| range.broken_by(value.parse().ok()?);
        if let Some(wanted) = self.range.and_then(outside) {
            return Err(Fault::new("is out of range", format!("the schema wants {wanted}")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds() {
        let rule =
            Rule { length: Some(Bounds { min: Some(2), max: Some(3) }), ..Rule::of(Kind::String) };
        assert!(rule.check("ä").is_err());
        assert_eq!(rule.check("äöü"), Ok(()));
        assert!(rule.check("abcd").unwrap_err().mend.contains("at most 3 characters"));

        let of = Box::new(Kind::Integer);
        let rule = Rule {
            range: Some(Bounds { min: Some(1), max: None }),
            ..Rule::of(Kind::List { of, form: None })
        };
        assert_eq!(rule.check("1,2"), Ok(()));
        assert_eq!(rule.check("1,0").unwrap_err().problem, "item 2 is out of range");
    }

    #[test]
    fn equals_compares_what_is_meant() {
        let rule = Rule { equals: Some(Equals::Bool(false)), ..Rule::of(Kind::Bool) };
        assert_eq!(rule.check("off"), Ok(()));
        assert_eq!(rule.check("1").unwrap_err().mend, "set it to False");
    }
}
