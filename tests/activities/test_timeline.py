"""The timeline of a card: follow-ups, notes and changes mixed, newest first, page by page (R15)."""

import datetime
import random
import re
import time

import pytest
from django.urls import reverse
from django.utils import timezone

from activities import timeline
from activities.actions import create_activities
from activities.models import Activity
from crm.history.models import ChangeSet
from leads import actions
from leads.models import Person
from tests.factories import ActivityFactory, PersonFactory

HTMX = {"HTTP_HX_REQUEST": "true"}
pytestmark = pytest.mark.usefixtures("nothing_unattributed")


@pytest.fixture
def person(anna):
    return PersonFactory(by=anna)


@pytest.fixture
def page(client, anna):
    client.force_login(anna)
    return client


def address(record):
    kind = "persons" if isinstance(record, Person) else "companies"
    return reverse("activities:timeline", args=[kind, record.pk])


def ago(minutes):
    return timezone.now() - datetime.timedelta(minutes=minutes)


def note(by, person, text, minutes):
    return ActivityFactory(by=by, person=person, kind="note", subject=text, done_at=ago(minutes))


def test_it_mixes_what_was_done_noted_and_changed_newest_first_below_what_is_planned(page, anna, person, status):
    ActivityFactory(by=anna, person=person, subject="Planned call", due_at=ago(-60))
    ActivityFactory(by=anna, person=person, subject="Done call", kind="call", done_at=ago(20))
    note(anna, person, "Noted", 10)
    change = actions.set_lead_status(person, status("Contacting"), by=anna, via="card").change_set
    ChangeSet.objects.filter(pk=change.pk).update(at=ago(15))
    text = page.get(address(person), **HTMX).content.decode()
    places = [text.index(words) for words in ("Planned call", "Noted", "Contacting", "Done call")]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("show", "there"),
    [("", "PDNC"), ("follow-ups", "PD"), ("notes", "N"), ("changes", "C")],
)
def test_it_can_be_narrowed(page, anna, person, status, show, there):
    ActivityFactory(by=anna, person=person, subject="Planned call", due_at=ago(-60))
    ActivityFactory(by=anna, person=person, subject="Done call", kind="call", done_at=ago(20))
    note(anna, person, "Noted", 10)
    actions.set_lead_status(person, status("Contacting"), by=anna, via="card")
    text = page.get(address(person), {"show": show}, **HTMX).content.decode()
    for letter, words in (("P", "Planned call"), ("D", "Done call"), ("N", "Noted"), ("C", "Contacting")):
        assert (words in text) is (letter in there), words
    assert f'data-show="{show}" aria-pressed="true"' in text


def test_walked_page_by_page_everything_comes_once_and_in_order(anna, person):
    """Many at the same moment, of all kinds: the place between two pages is exact."""
    rng = random.Random(7)
    moments = [ago(minutes) for minutes in range(12)]
    create_activities(
        [{"subject": f"{n}", "person": person, "kind": rng.choice(["note", "call"]), "done_at": rng.choice(moments)} for n in range(90)],
        by=anna, via="system",
    )  # fmt: skip
    for number in range(25):
        made = actions.edit_person(person, {"title": f"Title {number}"}, by=anna, via="card").change_set
        ChangeSet.objects.filter(pk=made.pk).update(at=rng.choice(moments))
    whole, rest = timeline.page(person, anna, limit=1_000)
    assert rest == "" and len(whole) == 90 + 25 + 1
    assert [entry.at for entry in whole] == sorted((entry.at for entry in whole), reverse=True)
    for limit in (1, 7, 30):
        walked, cursor = [], ""
        while True:
            entries, cursor = timeline.page(person, anna, cursor=cursor, limit=limit)
            walked += entries
            if not cursor:
                break
        assert [entry.cursor for entry in walked] == [entry.cursor for entry in whole]


def test_the_page_goes_on_by_its_own_link(page, anna, person):
    for number in range(40):
        note(anna, person, f"Note {number:02}", number)
    text = page.get(address(person), **HTMX).content.decode()
    following = re.search(r'hx-get="([^"]+before=[^"]+)"', text)[1].replace("&amp;", "&")
    rest = page.get(following, **HTMX).content.decode()
    assert "Note 29" in text + rest and "Note 39" in rest and "Note 10" not in rest
    assert "Note 39" in page.get(address(person), {"n": "45"}, **HTMX).content.decode()


@pytest.mark.parametrize("query", ["before=x", "before=1-2", "before=-1-0-1", "before=1-0-99999999999999999999", "before=9" * 9,
                                   "show=secrets", "before=²-0-1", "before=99999999999999999999-0-1"])  # fmt: skip
def test_an_address_that_is_broken_is_not_there(page, person, query):
    assert page.get(f"{address(person)}?{query}", **HTMX).status_code == 404


@pytest.mark.parametrize("n", ["-1", "x", "99999999999", "²"])
def test_a_number_that_is_none_is_as_if_not_given(page, person, n):
    assert page.get(address(person), {"n": n}, **HTMX).status_code == 200


def test_what_is_hidden_has_no_timeline(client, person, max_):
    client.force_login(max_)
    assert client.get(address(person), **HTMX).status_code == 404
    assert client.get(address(person.company), **HTMX).status_code == 404


def test_a_companys_timeline_holds_what_was_done_with_its_persons(page, anna, person):
    note(anna, person, "Met at the fair", 5)
    text = page.get(address(person.company), **HTMX).content.decode()
    assert "Met at the fair" in text and person.get_absolute_url() in text


def test_notes_are_text_with_links_and_nothing_more(page, anna, person):
    page.post(
        reverse("activities:note", args=["persons", person.pk]),
        {"text": "See www.example.com\n<img src=x onerror=alert(1)>"},
        **HTMX,
    )
    text = page.get(address(person), **HTMX).content.decode()
    assert '<a href="https://www.example.com" target="_blank" rel="noopener noreferrer">www.example.com</a>' in text
    assert "<img" not in text and "&lt;img src=x" in text


@pytest.mark.parametrize("many", [20, 2_000])
def test_two_thousand_entries_cost_no_more_than_twenty(page, anna, person, many, django_assert_max_num_queries):
    create_activities(
        [{"subject": f"Note {n}", "person": person, "kind": "note", "done_at": ago(n)} for n in range(many)],
        by=anna,
        via="system",
    )
    for number in range(5):
        actions.edit_person(person, {"title": f"Title {number}"}, by=anna, via="card")
    _entries, cursor = timeline.page(person, anna, limit=15)
    for query in ({}, {"before": cursor}):
        started = time.perf_counter()
        with django_assert_max_num_queries(20):
            assert page.get(address(person), query, **HTMX).status_code == 200
        assert time.perf_counter() - started < 1.5
    assert Activity.objects.count() == many
