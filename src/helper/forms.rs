//! The parts of a message, each field in its order.

use crate::config::{
    AwsAccess, AwsParameters, AwsSecret, AzureSecret, Engine, GoogleSecret, Remote, Vault,
    VaultAuth, VaultMethod,
};

use super::wire::{Reader, Wire, Writer};
use super::{
    Answer, Change, Credential, Failure, Got, Held, Kept, Kind, Lease, Malformed, Request,
    SourceRequest, Work, Write, Written,
};

/// A structure: its fields one after the other.
macro_rules! structure {
    ($type:ident { $($field:ident),+ $(,)? }) => {
        impl Wire for $type {
            fn put(&self, out: &mut Writer) {
                $(self.$field.put(out);)+
            }

            fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
                Ok($type { $($field: Wire::take(from)?),+ })
            }
        }
    };
}

/// One of several words, by its number.
macro_rules! words {
    ($type:ident { $($word:ident = $number:literal),+ $(,)? }) => {
        impl Wire for $type {
            fn put(&self, out: &mut Writer) {
                out.number(match self { $($type::$word => $number),+ });
            }

            fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
                match from.number()? {
                    $($number => Ok($type::$word),)+
                    _ => Err(Malformed),
                }
            }
        }
    };
}

/// One of several, each with what it holds.
macro_rules! choice {
    ($type:ident { $($word:ident = $number:literal),+ $(,)? }) => {
        impl Wire for $type {
            fn put(&self, out: &mut Writer) {
                match self {
                    $($type::$word(held) => {
                        out.number($number);
                        held.put(out);
                    })+
                }
            }

            fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
                match from.number()? {
                    $($number => Wire::take(from).map($type::$word),)+
                    _ => Err(Malformed),
                }
            }
        }
    };
}

choice!(Remote { AwsSecret = 1, AwsParameters = 2, Vault = 3, GoogleSecret = 4, AzureSecret = 5 });
structure!(AwsAccess { region, profile, role, external_id, endpoint, ca_file });
structure!(AwsSecret { secret, key, variable, stage, version, access });
structure!(AwsParameters { path, names, access });
structure!(Vault {
    address,
    mount,
    path,
    engine,
    version,
    namespace,
    ca_file,
    client_cert,
    client_key,
    auth
});
words!(Engine { Kv2 = 1, Kv1 = 2, Database = 3 });
structure!(VaultAuth {
    method,
    mount,
    role,
    username,
    wrapped,
    server_id,
    region,
    role_id,
    token_file,
    role_id_file,
    secret_id_file,
    jwt_file,
    password_file,
});
words!(VaultMethod {
    Token = 1,
    TokenFile = 2,
    AppRole = 3,
    Kubernetes = 4,
    Jwt = 5,
    AwsIam = 6,
    Userpass = 7,
    Cert = 8,
});
structure!(GoogleSecret {
    project,
    secret,
    key,
    variable,
    version,
    credentials_file,
    endpoint,
    ca_file,
});
structure!(AzureSecret {
    vault,
    secret,
    key,
    variable,
    version,
    tenant,
    client_id,
    client_secret_file,
    ca_file,
});

structure!(Request { within, work });
structure!(SourceRequest { remote, credentials, state, history });
structure!(Change { name, value });
structure!(Held { source, id, seconds });
words!(Credential {
    CaCertificates = 1,
    ClientCertificate = 2,
    ClientKey = 3,
    Token = 4,
    RoleId = 5,
    SecretId = 6,
    Jwt = 7,
    Password = 8,
    ClientSecret = 9,
    CredentialsFile = 10,
    SubjectToken = 11,
});

choice!(Work { Fetch = 1, Look = 2, Write = 3, Renew = 4, Revoke = 5 });
structure!(Write { source, changes, version });

choice!(Answer { Fetched = 1, Looked = 2, Written = 3, Renewed = 4, Revoked = 5, Failed = 6 });
structure!(Got { entries, version, identity, history, lease, state, used, warnings });
structure!(Kept { identity, at, got });
structure!(Lease { id, seconds, renewable, state });
structure!(Written { version, state });
words!(Kind { Unreachable = 1, Refused = 2, Wrong = 3, Conflict = 4, Failed = 5 });

/// The line is kept to one line whatever the other side has sent.
impl Wire for Failure {
    fn put(&self, out: &mut Writer) {
        self.kind.put(out);
        self.message.put(out);
        self.state.put(out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let kind = Wire::take(from)?;
        let failure = Failure::new(kind, String::take(from)?);
        Ok(failure.leaving(Wire::take(from)?))
    }
}
