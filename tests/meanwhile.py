"""Two who write the same at the same moment, on PostgreSQL: the second begins before the first has committed, and has to wait for it."""

import threading
import time

import pytest
from django.db import connection, connections, transaction

only_postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer: nobody begins in between")


def meanwhile(first, second):
    """Do `first`, and begin `second` in a thread of its own before that is committed; return when both are done."""
    failed = []

    def run():
        try:
            second()
        except Exception as error:
            failed.append(error)
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    with transaction.atomic():
        first()
        thread.start()
        while thread.is_alive() and not _somebody_waits():
            time.sleep(0.02)
        assert thread.is_alive(), failed or "The second did not wait for the first."
    thread.join()
    assert not failed, failed


def _somebody_waits():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))")
        return cursor.fetchone()[0]
