/// A port that can be connected to: 1 to 65535, digits only (`u16::from_str` takes a `+` too).
pub(super) fn parse(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port != 0)
}
