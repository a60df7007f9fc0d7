"""What the databases must be able to do beyond Django's fields: fold text, find by trigrams, take many rows at once."""

from operator import itemgetter

from django.db import connection

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


def search_soon(apps, schema_editor):
    """Let PostgreSQL keep little waiting for its trigram indexes (a migration's operation).

    What waits is read by every search: with the usual 4 MB one was many times slower after an import, until the server had
    tidied up.
    """
    if schema_editor.connection.vendor == "postgresql":
        for name in ("searchtext_trigrams", "searchword_trigrams"):
            schema_editor.execute(f"ALTER INDEX {name} SET (gin_pending_list_limit = 256)", params=None)


def prepare(apps, schema_editor):
    """Make functions and indexes of the kind Django has no field for (a migration's operation)."""
    for statement in POSTGRESQL if schema_editor.connection.vendor == "postgresql" else SQLITE:
        schema_editor.execute(statement, params=None)


def connected(sender, connection, **kwargs):
    """Give a new SQLite connection our folding function, and the median it has none of its own for."""
    if connection.vendor == "sqlite":
        connection.connection.create_function("lotse_fold", 1, fold, deterministic=True)
        connection.connection.create_aggregate("lotse_median", 1, Median)


class Median:
    """The middle one of all values that there are, the lower of two: what PostgreSQL calls percentile_disc(0.5)."""

    def __init__(self):
        self.values = []

    def step(self, value):
        if value is not None:
            self.values.append(value)

    def finalize(self):
        return sorted(self.values)[(len(self.values) - 1) // 2] if self.values else None


def median(column):
    """Return the SQL of the median of a column."""
    if connection.vendor == "postgresql":
        return f"percentile_disc(0.5) WITHIN GROUP (ORDER BY {column})"
    return f"lotse_median({column})"


def insert_many(records):
    """Insert records of one model, whose columns are all plain, and give them their ids, as `bulk_create` does.

    PostgreSQL takes them by COPY: no statement is put together, and no value quoted, which costs more than to write it.
    """
    if not records:
        return
    model = type(records[0])
    if connection.vendor != "postgresql":
        model.objects.bulk_create(records, batch_size=1_000)
        return
    quote, fields = connection.ops.quote_name, model._meta.local_concrete_fields
    table, columns = quote(model._meta.db_table), ", ".join(quote(field.column) for field in fields)
    values = itemgetter(*(field.attname for field in fields))
    with connection.cursor() as cursor:
        new = "SELECT nextval(pg_get_serial_sequence(%s, %s)) FROM generate_series(1, %s)"
        cursor.execute(new, [table, model._meta.pk.column, len(records)])
        for record, (pk,) in zip(records, cursor.fetchall(), strict=True):
            record.pk = pk
        with connection.wrap_database_errors, cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
            for record in records:
                # What a field's descriptor makes of the value is not what is stored.
                copy.write_row(values(record.__dict__))
    for record in records:
        record._state.adding, record._state.db = False, connection.alias
