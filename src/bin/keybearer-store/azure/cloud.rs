/// Azure exists several times, each with domains of its own.
pub struct Cloud {
    /// Where one logs in, unless AZURE_AUTHORITY_HOST says otherwise.
    pub authority: &'static str,
    /// What a token is asked for.
    pub resource: &'static str,
}

const PUBLIC: Cloud =
    Cloud { authority: "https://login.microsoftonline.com", resource: "https://vault.azure.net" };

const OTHERS: &[(&str, Cloud)] = &[
    (
        ".vault.azure.cn",
        Cloud { authority: "https://login.chinacloudapi.cn", resource: "https://vault.azure.cn" },
    ),
    (
        ".vault.usgovcloudapi.net",
        Cloud {
            authority: "https://login.microsoftonline.us",
            resource: "https://vault.usgovcloudapi.net",
        },
    ),
];

impl Cloud {
    /// The one that this vault is in.
    pub fn of(host: &str) -> &'static Cloud {
        OTHERS.iter().find(|(domain, _)| host.ends_with(domain)).map_or(&PUBLIC, |(_, cloud)| cloud)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_own() {
        assert_eq!(Cloud::of("x.vault.azure.net").resource, "https://vault.azure.net");
        assert_eq!(Cloud::of("x.vault.azure.cn").authority, "https://login.chinacloudapi.cn");
        assert_eq!(Cloud::of("127.0.0.1").authority, "https://login.microsoftonline.com");
    }
}
