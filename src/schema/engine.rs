//! The database schemes that dj-database-url and django-environ read, and the engine each means.

const ENGINES: &[(&str, &str)] = &[
    ("postgres", "django.db.backends.postgresql"),
    ("postgresql", "django.db.backends.postgresql"),
    ("pgsql", "django.db.backends.postgresql"),
    ("psql", "django.db.backends.postgresql"),
    ("postgis", "django.contrib.gis.db.backends.postgis"),
    ("mysql", "django.db.backends.mysql"),
    ("mysql2", "django.db.backends.mysql"),
    ("mysqlgis", "django.contrib.gis.db.backends.mysql"),
    ("mysql-connector", "mysql.connector.django"),
    ("sqlite", "django.db.backends.sqlite3"),
    ("spatialite", "django.contrib.gis.db.backends.spatialite"),
    ("oracle", "django.db.backends.oracle"),
    ("oraclegis", "django.contrib.gis.db.backends.oracle"),
    ("mssql", "mssql"),
    ("mssqlms", "mssql"),
    ("pyodbc", "sql_server.pyodbc"),
    ("redshift", "django_redshift_backend"),
    ("cockroach", "django_cockroachdb"),
    ("cockroachdb", "django_cockroachdb"),
    ("timescale", "timescale.db.backends.postgresql"),
    ("timescalegis", "timescale.db.backends.postgis"),
    ("prometheus-postgresql", "django_prometheus.db.backends.postgresql"),
    ("prometheus-postgis", "django_prometheus.db.backends.postgis"),
    ("prometheus-mysql", "django_prometheus.db.backends.mysql"),
    ("prometheus-sqlite", "django_prometheus.db.backends.sqlite3"),
    ("prometheus-spatialite", "django_prometheus.db.backends.spatialite"),
];

pub(super) fn of_scheme(scheme: &str) -> Option<&'static str> {
    ENGINES.iter().find(|(known, _)| known.eq_ignore_ascii_case(scheme)).map(|(_, engine)| *engine)
}

/// The scheme for an engine: the first of `allowed` that means it, or the first there is where
/// anything is allowed. DB_ENGINE is often a short word ("postgresql", "sqlite3") that the settings
/// put behind `django.db.backends.`.
pub(super) fn scheme_of<'a>(engine: &str, allowed: &'a [String]) -> Option<&'a str> {
    // Django renamed it in 1.9; guides still show the old name.
    let engine = engine.strip_suffix("_psycopg2").unwrap_or(engine);
    let fits = |scheme: &str, known: &str| {
        scheme.eq_ignore_ascii_case(engine)
            || known == engine
            || known.rsplit('.').next() == Some(engine)
    };
    if allowed.is_empty() {
        return ENGINES.iter().find(|(scheme, known)| fits(scheme, known)).map(|(s, _)| *s);
    }
    allowed
        .iter()
        .map(String::as_str)
        .find(|scheme| of_scheme(scheme).is_some_and(|known| fits(scheme, known)))
}

/// A database that is a file: it has a name and nothing else.
pub(super) fn is_file(engine: &str) -> bool {
    let word = engine.rsplit('.').next().unwrap_or(engine);
    matches!(word, "sqlite" | "sqlite3" | "spatialite")
        || matches!(word, "prometheus-sqlite" | "prometheus-spatialite")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_and_engines() {
        assert_eq!(scheme_of("django.db.backends.postgresql", &[]), Some("postgres"));
        assert_eq!(scheme_of("django.db.backends.postgresql_psycopg2", &[]), Some("postgres"));
        assert_eq!(scheme_of("postgresql", &["postgresql".into()]), Some("postgresql"));
        assert_eq!(scheme_of("sqlite3", &[]), Some("sqlite"));
        assert_eq!(scheme_of("mysql", &["postgres".into()]), None);
        assert_eq!(scheme_of("nothing", &[]), None);
        assert_eq!(of_scheme("PostGIS"), Some("django.contrib.gis.db.backends.postgis"));
        assert!(is_file("django.db.backends.sqlite3") && !is_file("postgres"));
    }
}
