"""Statements that may not take longer than somebody is willing to wait, such as a count while criteria are being edited."""

import time
from contextlib import contextmanager

from django.db import OperationalError, connection, transaction

STEPS = 20_000  # of SQLite's machine, between two looks at the clock


class TookTooLong(Exception):
    """The database was stopped, because the time was up or a newer question of the same name came."""


@contextmanager
def within(seconds, name=""):
    """Let no statement inside run longer than this together; raise TookTooLong.

    On PostgreSQL a statement that still runs under the same name is stopped first: nobody waits for its answer any more. Where
    SQLite stands alone in one process, the time alone ends it.
    """
    ends = time.monotonic() + seconds
    try:
        if connection.vendor == "postgresql":
            with transaction.atomic(), connection.cursor() as cursor:
                if name:
                    # In one statement: what is found running is stopped before it can be anything else.
                    cursor.execute(
                        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = %s AND state = 'active'"
                        " AND pid <> pg_backend_pid() AND datname = current_database()",
                        [name],
                    )
                cursor.execute(
                    "SELECT set_config('application_name', %s, true), set_config('statement_timeout', %s, true)",
                    [name or "lotse", str(max(1, int(seconds * 1000)))],
                )
                yield
                cursor.execute("SET LOCAL statement_timeout TO DEFAULT")  # also within a longer transaction
        else:
            connection.ensure_connection()
            connection.connection.set_progress_handler(lambda: time.monotonic() > ends, STEPS)
            try:
                yield
            finally:
                connection.connection.set_progress_handler(None, 0)
    except OperationalError as error:
        if "interrupted" in str(error) or getattr(error.__cause__, "sqlstate", "") == "57014":
            raise TookTooLong from error
        raise
