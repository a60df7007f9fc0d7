"""What the databases must be able to do beyond Django's fields: fold text, find by trigrams, take many rows at once."""

from operator import itemgetter

from django.db import connection, migrations, transaction
from django.db.models.base import ModelState
from django.utils import timezone

from crm.text import LETTERS, fold

POSTGRESQL = [
    "CREATE EXTENSION IF NOT EXISTS pg_trgm",
    # The twin of crm.text.fold. The ICU collation lower-cases all scripts, whatever the database's own locale.
    r"""
    CREATE OR REPLACE FUNCTION lotse_fold(value text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
      SELECT replace(replace(replace(translate(btrim(regexp_replace(regexp_replace(normalize(
        replace(replace(lower(normalize(coalesce(value, ''), NFKC) COLLATE "und-x-icu"), 'ß', 'ss'), 'ς', 'σ'), NFKD),
        '[\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u064b-\u065f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]', '', 'g'),
        '\s+', ' ', 'g')), 'øłđðħŧı’‘ʼ', 'olddhti'''''''), 'þ', 'th'), 'æ', 'ae'), 'œ', 'oe')
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


def folded_anew(table, *columns):
    """Return the operation of a migration that writes folded texts anew where letters are folded that were not (crm.text.LETTERS).

    What was stored is folded once more: that is what folding the text itself gives. Each thousand rows are a transaction of
    their own, if the migration is none; running it twice changes nothing more.
    """

    def write(apps, schema_editor):
        database = schema_editor.connection
        test = "{} ~ %s" if database.vendor == "postgresql" else "{} GLOB %s"
        letters = f"[{''.join(LETTERS)}]" if database.vendor == "postgresql" else f"*[{''.join(LETTERS)}]*"
        unfolded = " OR ".join(test.format(column) for column in columns)
        find = f"SELECT id, {', '.join(columns)} FROM {table} WHERE id > %s AND ({unfolded}) ORDER BY id LIMIT 1000"
        update = f"UPDATE {table} SET {', '.join(f'{column} = %s' for column in columns)} WHERE id = %s"
        most = None if table == "crm_searchtext" else 400  # the length of a KeyField
        last = 0
        while True:
            with transaction.atomic(using=database.alias), database.cursor() as cursor:
                cursor.execute(find, [last, *[letters] * len(columns)])
                if not (rows := cursor.fetchall()):
                    return
                last = rows[-1][0]
                cursor.executemany(update, [(*(fold(text)[:most] for text in texts), pk) for pk, *texts in rows])
                if table == "crm_searchtext" and database.vendor == "sqlite":
                    cursor.executemany(
                        "UPDATE crm_searchfts SET text = %s WHERE rowid = %s", [(fold(text), pk) for pk, text in rows]
                    )

    return migrations.RunPython(write, migrations.RunPython.noop)


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


class Blank:
    """Makes records of a model as `model(**values)` does, many at once: it asks the fields for their defaults only once.

    So it is for a batch, not for longer: a default that is the time, or a record of a list, is the same for all of it.
    """

    def __init__(self, model):
        self._model, self._values = model, vars(model())

    def __call__(self, **values):
        record = self._model.__new__(self._model)
        vars(record).update(self._values, _state=ModelState())
        for name, value in values.items():
            setattr(record, name, value)
        return record


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


def update_many(model, rows, names, *, edited=True):
    """Write these fields of many records of one model by one statement, each row an id and the values.

    Their versions go up, unless it is copies that are written (settled 10).
    """
    if not rows:
        return
    quote, fields = connection.ops.quote_name, [model._meta.get_field(name) for name in names]
    columns = [quote(field.column) for field in fields]
    every = {field.name for field in model._meta.concrete_fields} if edited else set()
    table, marks, now = quote(model._meta.db_table), [], []
    if "version" in every:
        marks.append("version = {table}.version + 1")
    if "updated_at" in every:
        marks.append("updated_at = %s")
        now.append(model._meta.get_field("updated_at").get_db_prep_save(timezone.now(), connection))
    prepared = [
        [pk, *(field.get_db_prep_save(value, connection) for field, value in zip(fields, values, strict=True))]
        for pk, *values in rows
    ]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            sets = [*(f"{column} = given.{column}" for column in columns), *marks]
            # Without its length: a text that is too long is to be refused, not cut.
            kinds = ["bigint", *(field.db_type(connection).partition("(")[0] for field in fields)]
            given = ", ".join(f"%s::{kind}[]" for kind in kinds)
            statement = (
                f"UPDATE {{table}} SET {', '.join(sets)} FROM unnest({given}) AS given({', '.join(['pk', *columns])})"
                f" WHERE {{table}}.{quote(model._meta.pk.column)} = given.pk"
            )
            cursor.execute(statement.format(table=table), [*now, *map(list, zip(*prepared, strict=True))])
        else:
            sets = [*(f"{column} = %s" for column in columns), *marks]
            statement = f"UPDATE {{table}} SET {', '.join(sets)} WHERE {quote(model._meta.pk.column)} = %s"
            cursor.executemany(statement.format(table=table), [[*values, *now, pk] for pk, *values in prepared])


def is_indexed(model, name) -> bool:
    """Tell whether an index of all records begins with this field."""
    return any(index.fields[:1] == [name] and index.condition is None for index in model._meta.indexes)


def distinct(model, name) -> list:
    """Return the values of an indexed field, in order, without nothing: the index is entered once for each value, not read."""
    quote = connection.ops.quote_name
    table, column = quote(model._meta.db_table), quote(model._meta.get_field(name).column)
    statement = (  # of names of our own
        f"WITH RECURSIVE there(value) AS (SELECT MIN({column}) FROM {table} UNION ALL"
        f" SELECT (SELECT MIN({column}) FROM {table} WHERE {column} > there.value) FROM there WHERE there.value IS NOT NULL)"
        " SELECT value FROM there WHERE value IS NOT NULL"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return [value for (value,) in cursor.fetchall()]
