use std::{env, fs};

/// Where the firmware says whose machine this is, on both kinds of EC2's, as AWS documents it.
pub const FIRMWARE: [&str; 2] = ["/sys/class/dmi/id/sys_vendor", "/sys/class/dmi/id/bios_version"];

/// Whether metadata that does not answer now may do so later, as while the machine is starting. Off EC2
/// nobody will ever answer there, unless an operator has named who does.
pub fn may_answer() -> bool {
    let variable = |name| env::var(name).unwrap_or_default();
    if variable("AWS_EC2_METADATA_DISABLED").eq_ignore_ascii_case("true") {
        return false;
    }
    let is_named = !variable("AWS_EC2_METADATA_SERVICE_ENDPOINT").is_empty();
    is_named || FIRMWARE.iter().any(|path| is_ec2(&fs::read_to_string(path).unwrap_or_default()))
}

/// "Amazon EC2" is the vendor's name; Xen's machines have a version such as "4.11.amazon".
fn is_ec2(firmware: &str) -> bool {
    let firmware = firmware.trim();
    firmware == "Amazon EC2" || firmware.ends_with(".amazon")
}

#[cfg(test)]
mod tests {
    use super::is_ec2;

    #[test]
    fn what_the_firmware_of_ec2_says() {
        assert!(is_ec2("Amazon EC2\n") && is_ec2("4.11.amazon\n"));
        assert!(!is_ec2("") && !is_ec2("QEMU\n") && !is_ec2("1.16.3-debian-1.16.3-2\n"));
    }
}
