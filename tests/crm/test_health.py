"""Alive and ready, as a load balancer asks (T83)."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test.utils import CaptureQueriesContext

ASK = """
import django; django.setup()
import json
from django.test import Client
client = Client(headers={"Host": "localhost"}, raise_request_exception=False)
for address in ("/healthz", "/readyz", "/accounts/login/", "/settings/"):
    answer = client.get(address)
    print(json.dumps([answer.status_code, answer.content.decode()]))
"""


def ask(database):
    """Return (status, body) of some pages of a process whose database is this one."""
    environment = {**os.environ, "DATABASE_URL": database, "LOTSE_PROFILE": "test", "DJANGO_SETTINGS_MODULE": "crm.settings"}
    done = subprocess.run(
        [sys.executable, "-c", ASK], env=environment, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


def test_a_ready_installation_says_so_without_sign_in(client, db):
    assert client.get("/healthz").json() == {"status": "alive"}
    assert client.get("/readyz").json() == {"status": "ready", "database": True, "migrations": True}


def test_asking_costs_one_query_at_most(client, db):
    client.get("/readyz")
    with CaptureQueriesContext(connection) as queries:
        client.get("/healthz")
        client.get("/readyz")
    assert len(queries) == 1


def test_a_missing_migration_is_not_ready(client, db):
    MigrationRecorder.Migration.objects.filter(app="leads").delete()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["migrations"]) == (503, False)


@pytest.mark.parametrize("database", ["postgres://nobody@127.0.0.1:9/none", "sqlite:////nowhere/at/all.sqlite3"])
def test_without_its_database_it_lives_but_is_not_ready_and_no_page_breaks(database):
    alive, ready, sign_in, settings = ask(database)
    assert alive[0] == 200
    assert ready[0] == 503 and json.loads(ready[1])["database"] is False
    assert sign_in[0] in {200, 503}
    assert settings[0] in {302, 503}
    for _status, body in (sign_in, settings):
        assert "Traceback" not in body and "127.0.0.1:9" not in body


def test_an_empty_database_is_not_ready(tmp_path):
    _alive, ready, *_pages = ask(f"sqlite:///{tmp_path / 'empty.sqlite3'}")
    assert ready[0] == 503 and json.loads(ready[1]) == {"status": "unavailable", "database": True, "migrations": False}
