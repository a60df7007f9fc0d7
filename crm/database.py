"""What the databases must be able to do beyond Django's fields: fold text, find by trigrams."""

from crm.text import fold

POSTGRESQL = [
    "CREATE EXTENSION IF NOT EXISTS pg_trgm",
    # The twin of crm.text.fold. The ICU collation lower-cases all scripts, whatever the database's own locale.
    r"""
    CREATE OR REPLACE FUNCTION lotse_fold(value text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
      SELECT btrim(regexp_replace(regexp_replace(normalize(
        replace(replace(lower(normalize(coalesce(value, ''), NFKC) COLLATE "und-x-icu"), 'ß', 'ss'), 'ς', 'σ'), NFKD),
        '[\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u064b-\u065f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]', '', 'g'),
        '\s+', ' ', 'g'))
    $$
    """,
    "CREATE INDEX IF NOT EXISTS searchtext_trigrams ON crm_searchtext USING gin (text gin_trgm_ops)",
    "CREATE INDEX IF NOT EXISTS searchword_trigrams ON crm_searchword USING gin (word gin_trgm_ops)",
]
SQLITE = ["CREATE VIRTUAL TABLE IF NOT EXISTS crm_searchfts USING fts5(text, tokenize='trigram case_sensitive 1')"]


def prepare(apps, schema_editor):
    """Make functions and indexes of the kind Django has no field for (a migration's operation)."""
    for statement in POSTGRESQL if schema_editor.connection.vendor == "postgresql" else SQLITE:
        schema_editor.execute(statement, params=None)


def connected(sender, connection, **kwargs):
    """Give a new SQLite connection our folding function."""
    if connection.vendor == "sqlite":
        connection.connection.create_function("lotse_fold", 1, fold, deterministic=True)
