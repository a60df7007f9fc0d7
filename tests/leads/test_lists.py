"""The list pages: what they show, to whom, by how many statements, and how they answer what makes no sense (W3, U4, A1)."""

import datetime
import json
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from crm import criteria
from crm.models import Job, TableSetting
from crm.tables.pages import neighbours
from leads import actions
from leads.actions import create_persons
from leads.models import Company, LeadStatus, Person
from tests.factories import ActivityFactory, CompanyFactory, PersonFactory, arrange

pytestmark = pytest.mark.usefixtures("nothing_unattributed")
FRAGMENT = {"HX-Request": "true"}


def names(response):
    """Return the names of the rows of a list, in order."""
    return re.findall(r'<a class="line name" href="[^"]*">([^<]*)</a>', response.content.decode())


def statements(request):
    """Return how many statements a request asks."""
    found = []

    def note(execute, sql, params, many, context):
        if not sql.startswith(("SAVEPOINT", "RELEASE")):
            found.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        response = request()
    assert response.status_code == 200, response.content
    return len(found)


def fill(owner, count, **values):
    """Make persons of two companies with owners, statuses and follow-ups of all sorts."""
    companies = [CompanyFactory(by=owner), CompanyFactory(by=owner)]
    many = [{"last_name": f"Person {n:02}", "company": companies[n % 2], **values} for n in range(count)]
    persons = create_persons(many, by=owner, via="system")
    ActivityFactory(by=owner, person=persons[0], subject="Call back", due_at=timezone.now() + datetime.timedelta(days=1))
    return persons


# --- Statements -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    ["/leads/", "/persons/", "/companies/", "/persons/?sort=-owner", "/persons/?sort=lead_status,company", "/persons/?sort=country",
     "/persons/?group=lead_status", "/persons/?group=owner,category", "/persons/?group=lead_status&in=1", "/leads/?group=category",
     "/persons/?owner=my_team&lead_status__not_in=3&cols=name,category_group,lead_status_kind,source,owner,updated_at",
     "/companies/?group=country&sort=-industry", "/bin/", "/bin/?of=person"],
)  # fmt: skip
def test_a_list_asks_at_most_ten_statements_however_many_rows_it_has(url, client, anna, jan):
    client.force_login(anna)
    fill(anna, 2)
    url = url.replace("in=1", f"in={LeadStatus.objects.get(is_default=True).pk}")
    few = statements(lambda: client.get(url))
    fill(jan, 30)
    fill(anna, 30)
    CompanyFactory.create_batch(3, by=jan)
    assert statements(lambda: client.get(url)) <= max(few, 9)
    assert few <= 10


def test_a_long_list_has_its_pages_in_at_most_ten_statements(client, anna):
    client.force_login(anna)
    fill(anna, 60)
    first = client.get("/leads/")
    assert len(names(first)) == 50
    address = re.search(r'aria-label="Next page" href="([^"]+)"', first.content.decode())[1].replace("&amp;", "&")
    assert statements(lambda: client.get(address, headers=FRAGMENT)) <= 10
    second = client.get(address)
    assert names(second) == [f"Person {n:02}" for n in range(50, 60)] and "51–60 of 60" in second.content.decode()
    back = re.search(r'aria-label="Previous page" href="([^"]+)"', second.content.decode())[1].replace("&amp;", "&")
    again = client.get(back)
    assert names(again) == names(first) and "1–50 of 60" in again.content.decode()


def linked(page, label):
    return re.search(rf'aria-label="{label}" href="([^"]+)"', page.content.decode())[1].replace("&amp;", "&")


def told(page):
    """Return which rows the foot of a list says it shows."""
    return re.search(r'<div class="list-foot"><span>(.*?)</span>', page.content.decode())[1]


def test_settled_15_the_numbers_of_rows_stay_true_when_rows_go_between_two_pages(client, anna):
    client.force_login(anna)
    persons = fill(anna, 62)
    url = "/persons/?per=25"
    second = client.get(linked(client.get(url), "Next page"))
    third = linked(second, "Next page")
    actions.delete(persons[:8], by=anna, via="bulk")
    assert told(client.get(third)) == "43–54 of 54"
    # Between the ends nobody knows; back at the beginning there is a full page, from the first row.
    before = client.get(linked(client.get(third), "Previous page"))
    assert told(before) == "18–42 of 54" and len(names(before)) == 25
    back = client.get(linked(second, "Previous page"))
    assert told(back) == "1–25 of 54" and names(back) == names(client.get(url))
    assert (
        'aria-label="Next page" href' in back.content.decode() and 'aria-label="Previous page" href' not in back.content.decode()
    )


def test_settled_15_the_numbers_of_rows_stay_true_when_rows_come_between_two_pages(client, anna):
    client.force_login(anna)
    fill(anna, 60)
    url = "/persons/?per=25"
    second = client.get(linked(client.get(url), "Next page"))
    last = linked(second, "Next page")
    for number in range(8):
        PersonFactory(by=anna, company=None, first_name="", last_name=f"A{number}")
    assert told(client.get(last)) == "59–68 of 68"
    # More come before these than the address tells of: their numbers are not told.
    assert told(client.get(linked(second, "Previous page"))) == "of 68"


def test_an_end_that_the_address_puts_beyond_the_list_is_not_told(client, anna):
    client.force_login(anna)
    persons = fill(anna, 62)
    third = linked(client.get(linked(client.get("/persons/?per=25"), "Next page")), "Next page")
    actions.delete(persons[:40], by=anna, via="bulk")
    assert told(client.get(third)) == "11–22 of 22"


def test_a_file_of_a_broken_address_is_refused_like_its_page(client, anna):
    client.force_login(anna)
    for page in ("/persons/", "/persons/export.csv"):
        assert client.get(f"{page}?after=nonsense").status_code == 400
        assert client.get(f"{page}?before=nonsense", headers=FRAGMENT).status_code == 422
    after = re.search(r"after=[^&\"]+", linked(fill(anna, 60) and client.get("/persons/"), "Next page"))[0]
    assert client.get(f"/persons/export.csv?{after}").status_code == 200


def test_a_page_of_fifty_rows_is_small(client, anna):
    client.force_login(anna)
    fill(anna, 50, title="Head of purchasing")
    assert len(client.get("/leads/").content) < 60_000


# --- Who sees what (A1) -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/leads/?all=1", "/persons/", "/companies/", "/persons/?group=owner", "/leads/?all=1&group=category"]
)
def test_a1_max_sees_nothing_of_annas(path, client, anna, max_):
    fill(anna, 3)
    client.force_login(max_)
    text = client.get(path).content.decode()
    assert "Person 0" not in text and "Company" not in re.findall(r'class="line name"[^>]*>([^<]*)', text)
    assert "This list is empty" in text or "No matches" in text


def test_a1_the_exact_count_the_groups_and_the_file_are_of_visible_records(client, anna, max_):
    fill(anna, 3)
    fill(max_, 2)
    client.force_login(max_)
    assert ">2</span>" in client.get("/persons/count/").content.decode()
    assert '<span class="count">2</span>' in client.get("/persons/?group=owner").content.decode()
    assert b"".join(client.get("/persons/export.csv").streaming_content).decode().count("Person") == 2


def test_settled_14_of_a_company_one_may_not_see_only_the_name_is_shown(client, anna, max_):
    company = CompanyFactory(by=anna, name="Nordwind", city="Bremen")
    PersonFactory(by=anna, company=company, owner=max_, last_name="Petersen", first_name="Jana")
    client.force_login(max_)
    text = client.get("/persons/").content.decode()
    assert "Jana Petersen" in text and "Nordwind" in text
    assert "Bremen" not in text and reverse("leads:company", args=[company.pk]) not in text
    client.force_login(anna)
    text = client.get("/persons/").content.decode()
    assert "Bremen" in text and reverse("leads:company", args=[company.pk]) in text


def test_the_persons_of_a_company_one_may_not_see_are_a_404(client, anna, max_):
    company = CompanyFactory(by=anna)
    client.force_login(max_)
    for part in ("", "count/", "filter/", "columns/", "export.csv"):
        assert client.get(f"/companies/{company.pk}/persons/{part}").status_code == 404
    assert client.post(f"/companies/{company.pk}/persons/act/status/", {"ids": "1"}).status_code == 404


# --- What is shown ------------------------------------------------------------------------------------------------------------


def test_my_leads_are_the_leads_whose_owner_i_am_and_the_filter_can_be_taken_off(client, anna, jan, category):
    fill(anna, 1)
    fill(jan, 2)
    PersonFactory(by=anna, company=CompanyFactory(by=anna, category=category("Customer")), last_name="Customer")
    client.force_login(anna)
    page = client.get("/leads/")
    assert names(page) == ["Person 00"]
    assert '<a href="/leads/?all=1" data-go' in page.content.decode()
    everybody = client.get("/leads/?all=1")
    assert len(names(everybody)) == 3
    # Its title says whose they are, also when only the list comes anew.
    title = re.compile(r'<h1>.*<span id="title-leads">(.*?)</span>', re.DOTALL)
    assert [title.search(one.content.decode())[1] for one in (page, everybody)] == ["My leads", "Leads"]
    assert '<span id="title-leads" hx-swap-oob="true">Leads<' in client.get("/leads/?all=1", headers=FRAGMENT).content.decode()
    assert "1 active · 0 disqualified · 0 overdue · 0 without next activity" in page.content.decode()


def test_r15_what_is_overdue_is_marked_and_the_subject_stands_beneath(client, anna):
    person = fill(anna, 2)[0]
    client.force_login(anna)
    assert "Call back" in client.get("/leads/").content.decode()
    arrange(Person.objects.filter(pk=person.pk), next_activity_at="2026-01-05T10:00:00Z")
    text = client.get("/leads/").content.decode()
    assert 'class="due overdue"' in text and "1 overdue" in text


def test_r6_a_status_that_does_not_apply_is_not_shown_but_told(client, anna, category, status):
    company = CompanyFactory(by=anna, category=category("Lead"))
    PersonFactory(by=anna, company=company)
    arrange(Person.objects.all(), is_lead=False, lead_status=status("Qualified"))
    client.force_login(anna)
    text = client.get("/persons/").content.decode()
    assert "Does not apply now; stored: Qualified" in text and 'class="pill' not in text
    assert "No lead status" in client.get("/persons/?group=lead_status").content.decode()


def test_w3_former_employees_are_shown_when_asked_for(client, anna):
    company = CompanyFactory(by=anna)
    PersonFactory(by=anna, company=company, last_name="Here", first_name="")
    PersonFactory(by=anna, company=company, last_name="Gone", first_name="", former_employee=True)
    client.force_login(anna)
    url = f"/companies/{company.pk}/persons/"
    assert names(client.get(url, headers=FRAGMENT)) == ["Here"]
    answer = client.get(f"{url}?former=1")
    assert names(answer) == ["Gone", "Here"] and "Former employees 1<" in answer.content.decode()
    dialog = client.get(reverse("leads:delete", args=["companies", company.pk]), headers=FRAGMENT).content.decode()
    assert "What should happen to its 2 persons (1 former employee)?" in dialog


def test_w3_groups_open_level_by_level_and_count_what_they_show(client, anna, jan, status):
    fill(anna, 3)
    fill(jan, 2)
    arrange(Person.objects.filter(last_name="Person 00"), lead_status=status("Qualified"))
    client.force_login(anna)
    text = client.get("/persons/?group=lead_status,owner").content.decode()
    assert re.findall(r'<span class="count">(\d+)</span></th>', text) == ["3", "2"]  # Open, Qualified: in their order
    assert not names(client.get("/persons/?group=lead_status,owner"))
    inside = client.get(f"/persons/?group=lead_status,owner&in={status('Open').pk}", headers=FRAGMENT)
    assert re.findall(r'<span class="count">(\d+)</span></th>', inside.content.decode()) == ["2", "1"]
    rows = client.get(f"/persons/?group=lead_status,owner&in={status('Open').pk}/{anna.pk}", headers=FRAGMENT)
    assert names(rows) == ["Person 01", "Person 02"]


def test_w3_a_group_loads_more_rows_where_there_are_more(client, anna):
    fill(anna, 30)
    client.force_login(anna)
    first = client.get(f"/persons/?group=owner&in={anna.pk}&per=25", headers=FRAGMENT)
    address = re.search(r'class="more".*?hx-get="([^"]+)"', first.content.decode(), re.DOTALL)[1].replace("&amp;", "&")
    second = client.get(address, headers=FRAGMENT)
    assert names(first) + names(second) == [f"Person {n:02}" for n in range(30)]


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


@pytest.mark.parametrize(
    "query, label",
    [
        ("group=company", "Grouping"),
        ("sort=nothing", "Sorting"),
        ("per=7", "Rows on a page"),
        ("cols=x", "Columns"),
        ("created_at=x", "Created"),
        ("nonsense=1", "nonsense"),
    ],
)
def test_u3_what_the_address_asks_wrongly_is_called_as_on_the_page(query, label, client, anna):
    client.force_login(anna)
    text = client.get(f"/persons/?{query}").content.decode()
    assert f"<p><b>{label}</b>: " in text and re.search(rf'<span class="chip bad">{label} <b>', text)


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


# --- What makes no sense ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    ["nonsense=1", "lead_status=99999", "name__explodes=x", "owner__password=x", "sort=password", "sort=phone", "sort=-", "cols=x",
     "group=name", "group=x", "per=7", "per=1e9", "after=broken", "after=W10", "before=e30", "after=WyIiLDAsMSwyXQ", "in=5",
     "group=owner&in=abc", "created_at=never", "company=", "after=" + "A" * 5000, "lead_status=1&lead_status__in__in=2", "next_activity_at__between=1"],
)  # fmt: skip
def test_u3_what_is_not_understood_shows_no_rows_and_says_so(query, client, anna):
    fill(anna, 2)
    client.force_login(anna)
    response = client.get(f"/persons/?{query}")
    text = response.content.decode()
    assert response.status_code == 400 and not names(response)
    assert "This list could not be understood" in text and "chip bad" in text
    assert client.get(f"/persons/?{query}", headers=FRAGMENT).status_code == 422
    assert client.get(f"/persons/export.csv?{query}").status_code == 400 or query.startswith(("after", "before"))


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_a_list_is_only_read(method, client, anna):
    client.force_login(anna)
    assert getattr(client, method)("/persons/").status_code == 405


# --- Filters --------------------------------------------------------------------------------------------------------------------


FIELDS = ("name", "company", "category", "lead_status", "owner", "next_activity_at", "lead_status_applies", "country", "email")


@pytest.mark.parametrize("field", [*FIELDS, "lead_status_kind"])
def test_each_kind_of_field_has_its_form(field, client, anna):
    client.force_login(anna)
    response = client.get(f"/persons/filter/?field={field}")
    assert response.status_code == 200 and 'name="operator"' in response.content.decode()


def location(response):
    return json.loads(response.headers["HX-Location"])["path"]


def test_a_filter_joins_those_that_are_on_and_an_empty_one_takes_itself_away(client, anna, status):
    client.force_login(anna)
    open_, contacting = status("Open"), status("Contacting")
    url = f"/leads/filter/?owner=me&sort=-name&field=lead_status&operator=in&value={open_.pk}&value={contacting.pk}"
    assert location(client.get(url)) == f"/leads/?owner=me&lead_status={open_.pk},{contacting.pk}&sort=-name"
    url = f"/leads/filter/?owner=me&lead_status={open_.pk}&field=lead_status&operator=empty"
    assert location(client.get(url)) == "/leads/?owner=me&lead_status__empty=1"
    assert location(client.get("/leads/filter/?owner=me&field=owner&operator=in")) == "/leads/?all=1"
    url = "/persons/filter/?field=name&operator=starts&value=Pe+%26+Co"
    assert location(client.get(url)) == "/persons/?name__starts=Pe+%26+Co"


def test_u3_a_wrong_filter_is_refused_at_its_field_and_keeps_what_was_typed(client, anna):
    client.force_login(anna)
    response = client.get("/persons/filter/?field=created_at&operator=on&value=soon")
    text = response.content.decode()
    assert response.status_code == 422 and "Enter a date" in text and 'value="soon"' in text
    assert client.get("/persons/filter/?field=nonsense").status_code == 404


@pytest.mark.parametrize("asked, message", [
    ("field=created_at&operator=last_days&value=", "Enter a number of days between 0 and 9999."),
    ("field=created_at&operator=on&value=&value=", "Enter a date, for example 2026-01-31."),
    ("field=created_at&operator=between&value=2026-12-01&value=2026-01-01", "The first day lies after the last one."),
    ("field=lead_status&operator=in", "Choose at least one."),
    ("field=title&operator=contains&value=+", "Enter a text."),
    ("field=former_employee&operator=is", "Choose one of these."),
    ("created_at__on=2026-11-20&field=created_at&operator=last_days&value=", "Enter a number of days between 0 and 9999."),
])  # fmt: skip
def test_u3_a_filter_without_a_value_says_what_is_missing(client, anna, asked, message):
    client.force_login(anna)
    response = client.get(f"/persons/filter/?{asked}")
    assert response.status_code == 422 and message in response.content.decode()


def test_a_range_from_a_day_told_from_today_on_is_asked_as_it_is(client, anna):
    client.force_login(anna)
    assert client.get("/persons/?created_at__between=2999-01-01,today").status_code == 200
    # One the wrong way round, as criteria may have been kept, matches nothing.
    kept = client.get("/persons/?created_at__between=2026-12-01,2026-01-01")
    assert kept.status_code == 200 and "No matches" in kept.content.decode()


def test_where_criteria_of_the_address_leave_nothing_the_list_is_not_called_empty(client, anna):
    fill(anna, 1)
    client.force_login(anna)
    asked = criteria.packed({"version": 1, "all": [{"field": "title", "operator": "is", "value": "Nobody's"}]})
    text = client.get("/persons/", {"criteria": asked}).content.decode()
    assert "No matches" in text and "This list is empty" not in text
    back = re.search(r'href="([^"]*)" data-go>Clear all filters', text)[1]
    assert "Person 0" in client.get(back.replace("&amp;", "&")).content.decode()


def test_a_filter_chip_shows_the_filter_in_words(client, anna, status):
    client.force_login(anna)
    text = client.get(f"/persons/?lead_status={status('Qualified').pk}&name__starts=pet&created_at__last_days=7").content.decode()
    chips = [re.sub(r"<[^>]+>", " ", chip).split() for chip in re.findall(r'<span class="chip">(.*?)</span>', text, re.DOTALL)]
    assert ["Lead", "status", "Qualified"] in chips and ["Name", "starts", "with", "pet"] in chips
    assert ["Created", "in", "the", "last", "7", "days"] in chips
    days = "created_at=2026-11-20&updated_at__between=2026-01-01,2026-12-01&next_activity_at__before=2026-11-28"
    text = client.get(f"/persons/?{days}").content.decode()
    chips = [
        " ".join(re.sub(r"<[^>]+>", " ", chip).split())
        for chip in re.findall(r'<span class="chip">(.*?)</span>', text, re.DOTALL)
    ]
    assert chips == ["Created 20 Nov 2026", "Changed between 1 Jan 2026 and 1 Dec 2026", "Next activity before 28 Nov 2026"]


# --- What a user keeps ------------------------------------------------------------------------------------------------------------


def heads(response):
    return re.findall(r'data-column="(\w+)"', response.content.decode())


def test_a_cell_that_repeats_the_line_below_the_name_says_so_to_the_phone(client, anna):
    fill(anna, 1, title="Buyer")
    client.force_login(anna)
    assert client.get("/persons/?cols=name,title").content.decode().count('class="again"') == 1
    assert 'class="again"' not in client.get("/persons/?cols=name,country").content.decode()


def test_w3_columns_order_widths_sorting_and_grouping_are_kept_for_me_alone(client, anna, jan):
    fill(anna, 2)
    client.force_login(anna)
    answer = client.post("/persons/settings/?sort=-name", {"columns": ["owner", "name", "email"], "go": "1"})
    assert location(answer) == "/persons/?sort=-name"
    assert client.post("/persons/settings/", {"widths": '{"owner": 99}'}).status_code == 204
    assert client.post("/persons/settings/", {"widths": '{"email": 300}'}).status_code == 204
    assert client.post("/persons/settings/", {"sort": "-name"}).status_code == 204
    page = client.get("/persons/")
    assert heads(page) == ["owner", "name", "email"] and names(page) == ["Person 01", "Person 00"]
    assert 'data-column="owner" width="99"' in page.content.decode() and 'width="300"' in page.content.decode()
    assert heads(client.get("/persons/?cols=title,name")) == ["title", "name"], "the URL is the state (U4)"
    assert names(client.get("/persons/?sort=name")) == ["Person 00", "Person 01"]
    client.post("/persons/settings/", {"group": "owner"})
    assert not names(client.get("/persons/")) and names(client.get("/persons/?group="))
    client.force_login(jan)
    assert "email" not in heads(client.get("/persons/"))
    client.force_login(anna)
    client.post("/persons/settings/", {"reset": "1", "go": "1"})
    assert not TableSetting.objects.exists() and "lead_status" in heads(client.get("/persons/"))


@pytest.mark.parametrize(
    "values",
    [{"widths": "x"}, {"widths": "[]"}, {"widths": '{"password": 9}'}, {"widths": '{"name": "wide"}'}, {"columns": '["password"]'},
     {"columns": "[1]"}, {"sort": "password"}, {"group": "x,y"}],
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused(values, client, anna):
    client.force_login(anna)
    assert client.post("/persons/settings/", values).status_code == 400
    assert not TableSetting.objects.exists()


@pytest.mark.parametrize(
    "state", [[], {"columns": "x", "widths": [], "sort": {"a": 1}, "group": 7}, {"columns": ["gone"], "sort": ["gone"]}]
)
def test_settings_of_another_version_do_no_harm(state, client, anna):
    TableSetting.objects.create(user=anna, table="persons", state=state)
    client.force_login(anna)
    assert client.get("/persons/").status_code == 200


# --- From card to card --------------------------------------------------------------------------------------------------------------


def test_a_card_knows_its_place_in_the_list_one_came_from(client, rf, anna):
    persons = fill(anna, 4)
    client.force_login(anna)
    links = re.findall(r'class="line name" href="([^"]+)"', client.get("/leads/?owner=me&sort=-name").content.decode())
    assert links[1].replace("&amp;", "&") == f"/persons/{persons[2].pk}/?list=leads&owner=me&sort=-name&at=2"
    request = rf.get(links[1].replace("&amp;", "&"))
    request.user = anna
    found = neighbours(request, "person", persons[2].pk)
    assert (found.at, found.count_text, found.list_url) == (2, "4", "/leads/?owner=me&sort=-name")
    assert found.previous_url == f"/persons/{persons[3].pk}/?list=leads&owner=me&sort=-name&at=1"
    assert found.next_url == f"/persons/{persons[1].pk}/?list=leads&owner=me&sort=-name&at=3"


@pytest.mark.parametrize(
    "sort", ["name", "-name", "company", "lead_status", "-owner,name", "next_activity_at", "-next_activity_at", "country"]
)
def test_the_neighbours_are_those_of_the_list_whatever_it_is_sorted_by(sort, client, rf, anna, jan):
    fill(anna, 3)
    fill(jan, 2)
    client.force_login(anna)
    ids = [int(pk) for pk in re.findall(r'data-row data-id="(\d+)"', client.get(f"/persons/?sort={sort}").content.decode())]
    assert len(ids) == 5
    for place, pk in enumerate(ids):
        request = rf.get(f"/persons/{pk}/?list=persons&sort={sort}")
        request.user = anna
        found = neighbours(request, "person", pk)
        around = [re.search(r"/persons/(\d+)/", url) for url in (found.previous_url, found.next_url)]
        around = [int(match[1]) if match else None for match in around]
        assert around == [ids[place - 1] if place else None, ids[place + 1] if place < 4 else None]


@pytest.mark.parametrize(
    "query", ["", "list=nonsense", "list=companies", "list=company_persons", "list=company_persons&of=999999",
              "list=persons&sort=password", "list=persons&at=-1&after=x"],
)  # fmt: skip
def test_without_a_list_a_card_has_no_neighbours(query, rf, anna):
    person = fill(anna, 1)[0]
    request = rf.get(f"/persons/{person.pk}/?{query}")
    request.user = anna
    assert neighbours(request, "person", person.pk) is None or query.endswith("after=x")


def test_a_record_that_left_the_list_by_its_change_still_leads_on(rf, anna, status):
    first, second, third = fill(anna, 3)
    actions.set_lead_status(second, status("Qualified"), by=anna, via="card")
    request = rf.get(f"/persons/{second.pk}/?list=persons&lead_status={status('Open').pk}&at=2")
    request.user = anna
    found = neighbours(request, "person", second.pk)
    assert (found.at, found.count_text) == (None, "2")
    assert found.previous_url.startswith(f"/persons/{first.pk}/") and found.previous_url.endswith("&at=1")
    assert found.next_url.startswith(f"/persons/{third.pk}/") and found.next_url.endswith("&at=2")
    # One that is no member at all leads back to the list.
    request = rf.get(f"/persons/{second.pk}/?list=leads&name=nobody")
    request.user = anna
    assert neighbours(request, "person", second.pk).list_url == "/leads/?name=nobody"


def test_the_nav_counts_what_its_list_holds(client, anna, jan):
    fill(anna, 3)
    fill(jan, 2)
    client.force_login(anna)
    assert '<span class="count">3</span>' in client.get("/companies/").content.decode()


def test_nothing_is_written_by_looking(client, anna):
    fill(anna, 2)
    client.force_login(anna)
    before = (Job.objects.count(), TableSetting.objects.count(), Company.objects.count())
    for url in ("/leads/", "/persons/?sort=-name&group=owner", "/persons/columns/", "/persons/filter/", "/persons/count/"):
        assert client.get(url).status_code == 200
    assert before == (Job.objects.count(), TableSetting.objects.count(), Company.objects.count())
