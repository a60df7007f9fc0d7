"""How many a list holds: what its page counts at once, what comes after it, and what it adds up to (settled 15, U4)."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.factories import ActivityFactory
from tests.leads.lists import FRAGMENT, fill, statements

pytestmark = pytest.mark.usefixtures("nothing_unattributed")


def test_settled_15_a_count_beyond_the_cap_says_so_and_is_counted_exactly_when_asked(client, anna, mia, monkeypatch):
    fill(anna, 12)
    monkeypatch.setattr("crm.tables.counts.COUNT_UP_TO", 10)
    monkeypatch.setattr("crm.tables.counts.COUNT_GROUPS_UP_TO", 5)
    monkeypatch.setattr("crm.tables.asked.PER_PAGE", 5)
    monkeypatch.setattr("crm.tables.asked.PER", (5,))
    client.force_login(anna)
    text = client.get("/persons/").content.decode()
    assert "1–5 of <span>10+ <button" in text and "/persons/count/" in text
    told = client.get("/persons/count/").content.decode()
    assert told.strip().startswith("<span>12</span><span")  # it takes the place of "10+", beneath the title, too
    assert '<span id="facts-persons" hx-swap-oob="true">12 persons</span>' in told
    told = client.get("/leads/count/").content.decode()
    assert "12 active · 0 disqualified · 0 overdue · 11 without next activity" in told
    # Of what a team sees, groups are counted by one statement, exactly.
    assert '<span class="count">12</span>' in client.get("/persons/?group=lead_status").content.decode()
    client.force_login(mia)
    assert '<span class="count">5+</span>' in client.get("/persons/?group=lead_status").content.decode()


@pytest.fixture
def page_counts_five(monkeypatch):
    """Let a page count up to five before it answers, and a list up to ten."""
    for name, value in {"counts.FEW": 5, "counts.COUNT_UP_TO": 10, "asked.PER_PAGE": 3, "asked.PER": (3,)}.items():
        monkeypatch.setattr(f"crm.tables.{name}", value)


TOTALS = re.compile(r'hx-get="([^"]*/totals/[^"]*)" hx-trigger="load"[^>]*>([^<]*)<')


def later(client, text):
    """Return what a page's own request for its totals is answered, and the number that stood there until then."""
    address, until_then = TOTALS.search(text).groups()
    answer = client.get(address.replace("&amp;", "&"), headers=FRAGMENT)
    assert answer.status_code == 200
    return answer.content.decode(), until_then


@pytest.mark.parametrize("query", ["", "?title__contains=x&all=1", "?owner=me", "?sort=-name&all=1"])
def test_settled_15_what_a_long_list_adds_up_to_comes_after_its_page(query, client, anna, page_counts_five):
    fill(anna, 8, title="x")
    client.force_login(anna)
    text = client.get(f"/leads/{query}").content.decode()
    assert "active ·" not in text and "Count exactly" not in text
    totals, until_then = later(client, text)
    assert until_then == "5+" and 'data-total-text="5+"' in text and "Select all 5+" in text
    assert re.search(r"<span>8\s*</span>", totals) and "Count exactly" not in totals
    assert 'hx-swap-oob="true"' in totals and 'data-total="8" data-total-text="8"' in totals and "Select all 8" in totals
    assert "8 active · 0 disqualified · 0 overdue · 7 without next activity" in totals
    # What follows comes with the next page, too.
    onward = re.search(r'href="(/leads/\?[^"]*after=[^"]*)"', text)[1].replace("&amp;", "&")
    rows = client.get(onward, headers=FRAGMENT).content.decode()
    assert "4–6 of" in rows and later(client, rows)[0] == totals


def test_above_a_list_stands_how_many_there_are_and_all_of_them_with_the_totals(client, anna, page_counts_five):
    persons = fill(anna, 8)
    for person in persons[1:]:
        ActivityFactory(by=anna, person=person, owner=anna)
    client.force_login(anna)
    text = client.get("/persons/").content.decode()
    assert '<span id="facts-persons">\u00a0</span>' in text and "how-many" not in text
    assert '<span id="facts-persons" hx-swap-oob="true">8 persons</span>' in later(client, text)[0]
    # Where nothing else is said beneath the title, a phone says it.
    text = client.get("/follow-ups/?all=1").content.decode()
    number = re.search(r'<span class="how-many" id="(.*?)">(.*?)</span>', text)
    assert number[2] == "5+ follow-ups"
    assert f'<span class="how-many" id="{number[1]}" hx-swap-oob="true">8 follow-ups</span>' in later(client, text)[0]


def test_settled_15_even_later_it_counts_up_to_the_cap_and_says_so(client, anna, page_counts_five):
    fill(anna, 12)
    client.force_login(anna)
    totals, until_then = later(client, client.get("/leads/").content.decode())
    assert until_then == "5+" and "10+" in totals and "Count exactly" in totals and "/leads/count/" in totals
    assert "10+ active · 0+ disqualified · 0+ overdue · 10+ without next activity" in totals
    # Headings of groups are counted with the page, and the list with them.
    grouped = client.get("/leads/?group=lead_status").content.decode()
    assert "/totals/" not in grouped and "10+" in grouped and "Count exactly" in grouped


def test_settled_15_a_short_list_asks_for_nothing_more(client, anna, page_counts_five):
    fill(anna, 5)
    client.force_login(anna)
    text = client.get("/leads/").content.decode()
    assert (
        "1–3 of 5" in text
        and "/totals/" not in text
        and "5 active · 0 disqualified · 0 overdue · 4 without next activity" in text
    )


def test_r4_totals_count_only_whom_one_may_see(client, anna, max_, page_counts_five):
    fill(max_, 8)
    client.force_login(anna)
    assert re.search(r"<span>0\s*</span>", client.get("/leads/totals/?all=1").content.decode())
    assert client.get("/leads/totals/?owner=nonsense").status_code == 400
    client.logout()
    assert client.get("/leads/totals/").status_code == 302


@pytest.mark.parametrize("query", ["", "?title__contains=x", "?owner=me&sort=-name"])
@pytest.mark.parametrize("page", ["persons", "leads"])
def test_what_follows_a_page_costs_no_more_statements_than_an_exact_count(page, query, client, anna, page_counts_five):
    fill(anna, 8, title="x")
    client.force_login(anna)
    client.get("/persons/totals/")  # what is asked once a session
    exact = statements(lambda: client.get(f"/{page}/count/{query}"))
    exact -= page == "leads"  # how many of all are overdue is counted besides
    assert statements(lambda: client.get(f"/{page}/totals/{query}")) == exact


def test_many_found_by_a_text_are_not_looked_for_twice(client, anna, page_counts_five):
    """A page that looked for the few who match knows by it that they are many."""
    fill(anna, 8, title="x")
    client.force_login(anna)
    with CaptureQueriesContext(connection) as asked:
        assert "5+" in client.get("/persons/?title__contains=x").content.decode()
    assert not [query["sql"] for query in asked if "COUNT(" in query["sql"] and '"leads_person"."title"' in query["sql"]]
