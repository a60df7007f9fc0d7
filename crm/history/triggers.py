"""The triggers that write the history, so that no write can be forgotten, whoever makes it (docs/decisions/0004).

A model is watched when it has an attribute `history`, a `Watch`. PostgreSQL gets one statement trigger per operation that
reads all changed rows at once; SQLite gets row triggers. Both find the running change set where `changes.py` put it.
"""

from dataclasses import dataclass, field

from django.apps import apps
from django.db import connections


@dataclass(frozen=True)
class Watch:
    """What the history keeps of a model.

    `fields` are the names of the business fields; `first` those whose first value a new record's entry tells; `only_when`
    maps a field to an SQL condition over `{old}` and `{new}` under which its change is one (a copy of another record's
    value is none).
    """

    record_type: str
    fields: tuple[str, ...]
    first: tuple[str, ...] = ()
    only_when: dict[str, str] = field(default_factory=dict)


def watched_models():
    """Return every watched model, by record type."""
    return {model.history.record_type: model for model in apps.get_models() if isinstance(getattr(model, "history", None), Watch)}


def install(using):
    """Make the triggers of every watched model, anew."""
    connection = connections[using]
    statements = _postgresql if connection.vendor == "postgresql" else _sqlite
    remove(using)
    with connection.cursor() as cursor:
        existing = set(connection.introspection.table_names(cursor))
        if "crm_change" not in existing:
            return
        for model in watched_models().values():
            if model._meta.db_table in existing:
                for statement in statements(model):
                    cursor.execute(statement)


def remove(using):
    """Drop all triggers of the history; a migration may then rebuild the tables (SQLite loses them in doing so)."""
    connection = connections[using]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT tgname, tgrelid::regclass::text FROM pg_trigger WHERE tgname LIKE 'history\\_%' AND NOT tgisinternal"
            )
            for name, table in cursor.fetchall():
                cursor.execute(f"DROP TRIGGER {name} ON {table}")
        else:
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'history\\_%' ESCAPE '\\'")
            for (name,) in cursor.fetchall():
                cursor.execute(f"DROP TRIGGER {name}")


_COLUMNS = "crm_change (change_set_id, record_type, record_id, op, field, old, new)"


def _postgresql(model):
    watch, table = model.history, model._meta.db_table
    running = "nullif(current_setting('lotse.change_set', true), '')::bigint"

    def text(row, name):
        return f'{row}."{model._meta.get_field(name).column}"::text'

    updated = ", ".join(
        f"('{name}', {text('o', name)}, {text('n', name)}, {watch.only_when.get(name, 'true').format(old='o', new='n')})"
        for name in watch.fields
    )
    first = ", ".join(["('', NULL)", *(f"('{name}', {text('n', name)})" for name in watch.first)])
    bodies = {
        "insert": f"SELECT {running}, '{watch.record_type}', n.id, 'i', v.f, NULL, v.w FROM new_rows n"
        f" CROSS JOIN LATERAL (VALUES {first}) v(f, w) WHERE v.f = '' OR v.w IS NOT NULL ORDER BY n.id",
        "update": f"SELECT {running}, '{watch.record_type}', n.id, 'u', v.f, v.o, v.w FROM new_rows n"
        f" JOIN old_rows o ON o.id = n.id CROSS JOIN LATERAL (VALUES {updated}) v(f, o, w, counts)"
        " WHERE v.o IS DISTINCT FROM v.w AND v.counts",
        "delete": f"SELECT {running}, '{watch.record_type}', o.id, 'd', '', NULL, NULL FROM old_rows o",
    }
    tables = {"insert": "NEW TABLE AS new_rows", "delete": "OLD TABLE AS old_rows"}
    tables["update"] = f"{tables['insert']} {tables['delete']}"
    for operation, body in bodies.items():
        function = f"history_{table}_{operation}"
        yield (
            f"CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            f" INSERT INTO {_COLUMNS} {body}; RETURN NULL; END $$"
        )
        yield (
            f"CREATE TRIGGER {function} AFTER {operation.upper()} ON {table} REFERENCING {tables[operation]}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
        )


def _sqlite(model):
    watch, table = model.history, model._meta.db_table
    running = "(SELECT change_set_id FROM crm_runningchangeset WHERE id = 1)"

    def row(record, op, name, old, new):
        return f"SELECT {running}, '{watch.record_type}', {record}.id, '{op}', '{name}', {old}, {new}"

    def column(name):
        return f'"{model._meta.get_field(name).column}"'

    inserted = [row("NEW", "i", "", "NULL", "NULL")]
    for name in watch.first:
        new = f"NEW.{column(name)}"
        inserted.append(row("NEW", "i", name, "NULL", f"CAST({new} AS TEXT)") + f" WHERE {new} IS NOT NULL")
    updated, changed = [], []
    for name in watch.fields:
        old, new = f"OLD.{column(name)}", f"NEW.{column(name)}"
        condition = watch.only_when.get(name, "1").format(old="OLD", new="NEW")
        differs = f"{old} IS NOT {new} AND ({condition})"
        changed.append(differs)
        updated.append(row("NEW", "u", name, f"CAST({old} AS TEXT)", f"CAST({new} AS TEXT)") + f" WHERE {differs}")
    bodies = {"insert": inserted, "update": updated, "delete": [row("OLD", "d", "", "NULL", "NULL")]}
    for operation, selects in bodies.items():
        when = f"WHEN {' OR '.join(f'({c})' for c in changed)}" if operation == "update" else ""
        yield (
            f"CREATE TRIGGER history_{table}_{operation} AFTER {operation.upper()} ON {table} FOR EACH ROW {when}"
            f" BEGIN INSERT INTO {_COLUMNS} {' UNION ALL '.join(selects)}; END"
        )
