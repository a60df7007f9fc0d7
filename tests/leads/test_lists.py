"""The list pages: what they show, to whom, by how many statements, and what a user keeps of them (W3, U4, A1)."""

import re

import pytest
from django.urls import reverse

from crm.models import Job, TableSetting
from crm.tables.pages import neighbours
from leads import actions
from leads.models import Company, LeadStatus, Person
from tests.factories import CompanyFactory, PersonFactory, arrange
from tests.leads.lists import FRAGMENT, fill, location, names, statements

pytestmark = pytest.mark.usefixtures("nothing_unattributed")


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
    shown = re.compile(r"\b7 Aug")
    for applies in (False, True):  # nor since when
        arrange(Person.objects.all(), is_lead=applies, lead_status_since="2026-08-07T12:00:00Z")
        text = client.get("/persons/?cols=name,lead_status_since").content.decode()
        assert bool(shown.search(text)) is applies
        assert (b"2026-08-07" in b"".join(client.get("/persons/export.csv?cols=name,lead_status_since"))) is applies


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


def test_w3_a_groups_rows_stand_as_in_the_file_and_from_card_to_card(client, anna, status):
    company = CompanyFactory(by=anna)
    last, first = (PersonFactory(by=anna, company=company, last_name=name, first_name="") for name in ("Zander", "Aalborg"))
    client.force_login(anna)
    query = "group=lead_status&sort=company"
    rows = client.get(f"/persons/?{query}&in={status('Open').pk}", headers=FRAGMENT)
    file = b"".join(client.get(f"/persons/export.csv?{query}&cols=name").streaming_content).decode("utf-8-sig")
    assert names(rows) == file.split()[1:] == ["Zander", "Aalborg"]
    card = client.get(f"{last.get_absolute_url()}?list=persons&{query}").content.decode()
    assert re.search(rf'href="{first.get_absolute_url()}[^"]*"', card)


def test_w3_a_group_loads_more_rows_where_there_are_more(client, anna):
    fill(anna, 30)
    client.force_login(anna)
    first = client.get(f"/persons/?group=owner&in={anna.pk}&per=25", headers=FRAGMENT)
    address = re.search(r'class="more".*?hx-get="([^"]+)"', first.content.decode(), re.DOTALL)[1].replace("&amp;", "&")
    second = client.get(address, headers=FRAGMENT)
    assert names(first) + names(second) == [f"Person {n:02}" for n in range(30)]


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_a_list_is_only_read(method, client, anna):
    client.force_login(anna)
    assert getattr(client, method)("/persons/").status_code == 405


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
