"""A page that shows half-done work says so (settled 11)."""

import pytest
from django.db import connection

from crm.history import underway
from crm.history.changes import long_change, writing
from crm.history.models import ChangeSet, running_job
from crm.history.undo import undo
from leads.models import Person
from selections.actions import create_selection
from tests.exchange.files import brought, csv_of
from tests.factories import PersonFactory
from tests.leads.lists import FRAGMENT, statements

LINE = "what you see here may be incomplete"
pytestmark = pytest.mark.usefixtures("nothing_unattributed")


@pytest.fixture
def running():
    """What is written now, is written by a job."""
    token = running_job.set(7)
    yield
    running_job.reset(token)


def test_lists_say_that_an_import_is_being_written_and_then_no_more(client, anna, ada, running):
    PersonFactory(by=anna)
    selection = create_selection({"name": "Mine", "kind": "static", "record_type": "person"}, by=anna, via="form")
    client.force_login(anna)
    before = statements(lambda: client.get("/persons/"))
    pages = ["/persons/", "/leads/", "/companies/", "/sales/", "/follow-ups/?all=1", "/board/persons/", "/find/person/",
             selection.get_absolute_url()]  # fmt: skip
    with long_change("import", by=ada, via="import") as change_set, writing(change_set):
        for page in pages:
            assert LINE in client.get(page, follow=True).content.decode(), page
        assert LINE not in client.get("/forms/").content.decode()
        assert LINE not in client.get("/selections/").content.decode()
        assert statements(lambda: client.get("/persons/")) <= before
        assert client.get("/underway/person/", headers=FRAGMENT).status_code == 204
        Person.objects.update(title="CEO")
    for page in pages:
        assert LINE not in client.get(page, follow=True).content.decode(), page
    over = client.get("/underway/person/", headers=FRAGMENT)
    assert over.status_code == 200 and not over.content and "changed" in over.headers["HX-Trigger"]


def test_lists_say_that_an_undo_is_half_done_as_long_as_it_is(client, ada, settings, tmp_path, monkeypatch, running):
    settings.MEDIA_ROOT = tmp_path / "media"
    monkeypatch.setattr("crm.history.undo.AT_ONCE", 1)
    monkeypatch.setattr("crm.history.changes.AT_ONCE", 3)
    source, _report = brought(ada, csv_of(["Name"], *([f"P{number}"] for number in range(5))))
    client.force_login(ada)
    seen = []
    undo(source.change_set, by=ada, via="list", progress=lambda *_far: seen.append(client.get("/persons/").content.decode()))
    assert seen and all(LINE in page for page in seen) and LINE not in client.get("/persons/").content.decode()


@pytest.mark.parametrize(
    ("action", "concerned"),
    [
        ("person.set_owner", {"person", "activity", "sale", "submission"}),
        ("activity.set_owner", {"activity"}),
        ("category.replace", {"company", "person"}),
        ("anything", set()),
    ],
)
def test_work_concerns_what_it_writes_and_what_belongs_to_that(action, concerned, ada, running, lists):
    with long_change(action, by=ada, via="bulk"):
        assert underway.record_types() == concerned


def test_what_is_under_way_is_found_by_the_index_of_nothing_else(ada, running):
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")  # so small a table is read whole all the same
    with connection.cursor() as cursor:
        explain = "EXPLAIN " if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN "
        cursor.execute(explain + underway.statement())
        assert "changeset_unfinished" in str(cursor.fetchall())
    assert not ChangeSet.objects.filter(state="running").exists()
