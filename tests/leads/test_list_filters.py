"""The filters of a list, and how an address is answered that makes no sense (W3, U3)."""

import re

import pytest

from crm import criteria
from tests.leads.lists import FRAGMENT, fill, location, names

pytestmark = pytest.mark.usefixtures("nothing_unattributed")


# --- What makes no sense ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query, label",
    [
        ("group=company", "Grouping"),
        ("sort=nothing", "Sorting"),
        ("per=7", "Rows on a page"),
        ("cols=x", "Columns"),
        ("after=x", "Page"),
        ("created_at=x", "Created"),
        ("nonsense=1", "nonsense"),
    ],
)
def test_u3_what_the_address_asks_wrongly_is_called_as_on_the_page(query, label, client, anna):
    client.force_login(anna)
    text = client.get(f"/persons/?{query}").content.decode()
    assert f"<p><b>{label}</b>: " in text and re.search(rf'<span class="chip bad">{label} <b>', text)


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


# --- Filters --------------------------------------------------------------------------------------------------------------------


FIELDS = ("name", "company", "category", "lead_status", "owner", "next_activity_at", "lead_status_applies", "country", "email")


@pytest.mark.parametrize("field", [*FIELDS, "lead_status_kind"])
def test_each_kind_of_field_has_its_form(field, client, anna):
    client.force_login(anna)
    response = client.get(f"/persons/filter/?field={field}")
    assert response.status_code == 200 and 'name="operator"' in response.content.decode()


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
