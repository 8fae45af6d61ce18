use super::*;
use crate::files::scratch::Scratch;
use crate::secrets::Secret;

const HOUR: Duration = Duration::from_secs(3600);

fn kept(identity: &str, value: &str, at: Moment) -> Kept {
    let entries = vec![("SECRET_KEY".to_owned(), Secret::new(value.to_owned()))];
    let got = Got { entries, version: Some("1".to_owned()), ..Got::default() };
    Kept { identity: identity.to_owned(), at, got }
}

fn values(cache: &Cache) -> Vec<(String, String)> {
    let kept = cache.read().expect("it is good");
    kept.iter()
        .map(|one| (one.identity.clone(), one.got.entries[0].1.expose().to_owned()))
        .collect()
}

fn pair(identity: &str, value: &str) -> (String, String) {
    (identity.to_owned(), value.to_owned())
}

#[test]
fn what_was_written_is_read_back_and_replaced() {
    let Some(place) = Scratch::in_memory() else { return };
    let cache = Cache::new(place.root(), "site", HOUR);
    let now = Moment::now();
    assert!(cache.read().expect("nothing").is_empty());
    cache.write(vec![kept("a", "1", now), kept("b", "2", now)], now).expect("written");
    assert_eq!(values(&cache), [pair("a", "1"), pair("b", "2")]);
    cache.write(vec![kept("a", "3", now)], now).expect("written");
    assert_eq!(values(&cache), [pair("b", "2"), pair("a", "3")]);
    // What is too old of others goes.
    let later = now + 2 * HOUR;
    cache.write(vec![kept("a", "4", later)], later).expect("written");
    assert_eq!(values(&cache), [pair("a", "4")]);
}

#[test]
fn only_what_was_asked_about_is_dated_anew() {
    let Some(place) = Scratch::in_memory() else { return };
    let cache = Cache::new(place.root(), "site", HOUR);
    let now = Moment::now();
    cache.write(vec![kept("a", "1", now), kept("b", "2", now)], now).expect("written");
    let second = |one: &Kept| (one.identity == "b").then_some(7);
    assert_eq!(cache.confirm(second, now + HOUR), Ok(vec![7]));
    let times: Vec<Moment> = cache.read().expect("good").iter().map(|one| one.at).collect();
    assert_eq!(times, [now, now + HOUR]);
}

#[test]
fn what_cannot_be_replaced_does_not_stay() {
    let Some(place) = Scratch::in_memory() else { return };
    let cache = Cache::new(place.root(), "site", HOUR);
    let now = Moment::now();
    cache.write(vec![kept("a", "1", now)], now).expect("written");
    let too_long = "x".repeat(LONGEST);
    let why = cache.write(vec![kept("a", &too_long, now)], now).expect_err("too long");
    assert!(why.starts_with("not keeping a cache"), "{why}");
    assert!(cache.read().expect("nothing").is_empty());
    assert!(!place.path("site.cache").exists());
}

#[test]
fn every_cut_and_every_other_bit_is_noticed() {
    let Some(place) = Scratch::in_memory() else { return };
    let cache = Cache::new(place.root(), "site", HOUR);
    let now = Moment::now();
    cache.write(vec![kept("a", "canary", now)], now).expect("written");
    let path = place.path("site.cache");
    let whole = std::fs::read(&path).expect("it is there");
    assert!(content(&whole).is_some());
    for at in 0..whole.len() {
        assert!(content(&whole[..at]).is_none(), "cut at {at}");
        let mut other = whole.clone();
        other[at] ^= 1;
        assert!(content(&other).is_none(), "changed at {at}");
    }
    assert!(content(&[&whole[..], b"x"].concat()).is_none());
    std::fs::write(&path, &whole[1..]).expect("written");
    let line = cache.read().expect_err("cut");
    let path = path.display();
    assert_eq!(
        line,
        format!("not using the cache: '{path}' is cut short or broken; run: rm {path}")
    );
}

#[test]
fn its_age() {
    let cache = Cache::new(Path::new("/run/x"), "site", HOUR);
    let now: Moment = "2026-11-21T12:00:00Z".parse().expect("a moment");
    let age = |at| cache.age_of(&kept("a", "1", at), now);
    assert_eq!(age(now), Ok(Duration::ZERO));
    assert_eq!(age(now - HOUR), Ok(HOUR));
    assert_eq!(
        age(now - HOUR - Duration::from_secs(1)).unwrap_err(),
        "not using the cache '/run/x/site.cache': it is of 2026-11-21T10:59:59Z, and [cache] max-age is 3600s"
    );
    assert_eq!(
        age(now + Duration::from_secs(1)).unwrap_err(),
        "not using the cache '/run/x/site.cache': it is from the future (2026-11-21T12:00:01Z; the clock says 2026-11-21T12:00:00Z)"
    );
}
