"""Backups: made while the product runs, checked, and good for a restore (docs/deploy.md)."""

import sqlite3

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from tests.factories import CompanyFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def uploads(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"
    (settings.MEDIA_ROOT / "imports").mkdir(parents=True)
    (settings.MEDIA_ROOT / "imports" / "list.csv").write_text("name\n")


def test_a_backup_is_whole_until_somebody_touches_it(uploads, tmp_path):
    folder = tmp_path / "backup"
    call_command("backup", folder)
    call_command("backup", folder, "--check")
    (folder / "media" / "imports" / "list.csv").write_text("changed")
    with pytest.raises(CommandError, match=r"list\.csv is missing or differs"):
        call_command("backup", folder, "--check")


def test_the_key_is_not_in_it_and_it_says_so(uploads, settings, tmp_path, capsys, monkeypatch):
    settings.VAR_DIR = tmp_path
    monkeypatch.delenv("SECRET_KEY", raising=False)
    (tmp_path / "secret_key").write_text("the key itself")
    call_command("backup", tmp_path / "one")
    assert f"keep {tmp_path / 'secret_key'} too" in capsys.readouterr().out
    monkeypatch.setenv("SECRET_KEY", "the key itself")
    call_command("backup", tmp_path / "two")
    assert "keep SECRET_KEY of the environment too" in capsys.readouterr().out
    assert not [path for path in tmp_path.glob("*/*") if path.is_file() and b"the key itself" in path.read_bytes()]


def test_a_backup_never_overwrites_another(tmp_path):
    with pytest.raises(CommandError, match="already exists"):
        call_command("backup", tmp_path)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="reads the backed-up SQLite file; pg_restore is PostgreSQL's own")
def test_what_was_committed_is_in_the_backup(ada, tmp_path, uploads):
    CompanyFactory(by=ada, name="Nordwind")
    call_command("backup", tmp_path / "backup")
    with sqlite3.connect(tmp_path / "backup" / "lotse.sqlite3") as copy:
        assert copy.execute("SELECT name FROM leads_company").fetchall() == [("Nordwind",)]
    copy.close()


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite is a file: nobody listens between")
def test_what_the_address_asks_of_the_connection_holds_for_the_backup(tmp_path, uploads, monkeypatch):
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "sslmode", "require")
    with pytest.raises(CommandError, match="does not support SSL"):
        call_command("backup", tmp_path / "backup")
