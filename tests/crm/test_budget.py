"""Statements end when nobody waits for them any more (issue 4: the live count)."""

import threading
import time

import pytest
from django.db import connection

from crm.budget import TookTooLong, within
from crm.models import User

LONG = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000000) SELECT max(i) FROM n"


def run(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()


@pytest.mark.django_db(transaction=True)
def test_what_takes_too_long_is_stopped_and_the_connection_goes_on():
    began = time.monotonic()
    with pytest.raises(TookTooLong), within(0.3):
        run(LONG)
    assert time.monotonic() - began < 10
    with within(5):
        assert run("SELECT 1") == (1,)
    assert User.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_outside_of_it_nothing_is_limited():
    usual = run("SHOW statement_timeout") if connection.vendor == "postgresql" else None
    with within(0.2):
        pass
    time.sleep(0.3)
    if usual:
        assert run("SHOW statement_timeout") == usual
        assert run("SELECT 1 FROM pg_sleep(0.3)") == (1,)
    assert run("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) SELECT max(i) FROM n") == (
        100000,
    )


@pytest.mark.django_db(transaction=True)
def test_a_newer_question_of_the_same_name_stops_the_older_one():
    if connection.vendor != "postgresql":
        pytest.skip("Only PostgreSQL can stop what another connection asks; on SQLite the time alone ends it.")
    told = []

    def older():
        try:
            with within(20, "lotse-count-1-a"):
                run(LONG)
        except TookTooLong:
            told.append("stopped")
        finally:
            connection.close()

    thread = threading.Thread(target=older)
    thread.start()
    ends = time.monotonic() + 10
    while not told and time.monotonic() < ends:
        time.sleep(0.1)
        with within(5, "lotse-count-1-b"):
            assert run("SELECT 1") == (1,)
        if thread.is_alive() and time.monotonic() > ends - 9:
            with within(5, "lotse-count-1-a"):
                assert run("SELECT 2") == (2,)
    thread.join(20)
    assert told == ["stopped"]
    assert time.monotonic() < ends
