//! Arguments, variables and the config file: raw settings, then resolved settings.
//!
//! [`parse`] makes [`Raw`] of the file's text, [`Overrides`] are what the command line or the
//! variables say, [`resolve`] makes [`Settings`] of the three: flag beats variable beats file.

#![forbid(unsafe_code)]

mod address;
mod azure_secret;
mod error;
mod expand;
mod forms;
mod google_secret;
mod hosts;
mod key_names;
mod keys;
mod overrides;
mod raw;
mod raw_aws;
mod raw_azure;
mod raw_google;
mod raw_keys;
mod raw_source;
mod raw_tool;
mod raw_vault;
mod remote;
mod resolve;
mod selection;
mod server_kind;
mod settings;
mod source_spec;
mod store_forms;
mod store_options;
mod strategy;
mod suggest;
mod table;
mod tool;
mod value;
mod variables;

pub use address::Address;
pub use azure_secret::AzureSecret;
pub use error::Error;
pub use forms::{account, instance_name, log_format, path, ready_path, schema};
pub use google_secret::GoogleSecret;
pub use hosts::Hosts;
pub use key_names::{KeyNames, known_name};
pub use keys::{Encoding, Keys, OnHup};
pub use overrides::{Overrides, SourceOption};
pub use raw::name as variable_name;
pub use raw::{Raw, RawListen, RawReady, RawReload, RawWatch, keys_known, parse, parse_with};
pub use raw_keys::RawKeys;
pub use remote::{
    AwsAccess, AwsParameters, AwsSecret, Engine, Remote, Vault, VaultAuth, VaultMethod,
};
pub use resolve::{log_settings, resolve};
pub use selection::Selection;
pub use server_kind::ServerKind;
pub use settings::{
    AccountSpec, CacheSettings, EnvironmentSettings, Listen, Ready, Reload, SchemaChoice, Settings,
    Watch,
};
pub use source_spec::{Credentials, Inherited, SourceKind, SourceSpec};
pub use store_forms::{aws_secret, vault_secret};
pub use strategy::Strategy;
pub use suggest::closest;
pub use tool::{Tool, ToolFormat};
pub use variables::{SHARED as SHARED_VARIABLES, read as variables};

#[cfg(test)]
mod cloud_tests;
#[cfg(test)]
mod store_tests;
