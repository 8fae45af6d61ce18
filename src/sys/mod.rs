mod xattr;
pub use xattr::fgetxattr;
