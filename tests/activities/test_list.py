"""The list of follow-ups by the one list component, what is done with its rows, and the API (R15, S8)."""

import datetime
import re

import pytest
from django.urls import reverse
from django.utils import timezone

from activities import lifecycle
from activities.models import Activity
from leads.models import Person
from tests.factories import ActivityFactory, CompanyFactory, PersonFactory, SaleFactory, arrange

HTMX = {"HTTP_HX_REQUEST": "true"}
LIST, API = "/follow-ups/", "/api/v1/activities/"
MONDAY = datetime.date(2027, 3, 1)
pytestmark = pytest.mark.usefixtures("nothing_unattributed")


@pytest.fixture
def person(anna):
    return PersonFactory(by=anna, first_name="Jana", last_name="Petersen")


@pytest.fixture
def page(client, anna):
    client.force_login(anna)
    return client


def subjects(client, query):
    response = client.get(f"{LIST}?{query}")
    assert response.status_code == 200, response.content
    return re.findall(r'<a class="line name"[^>]*>([^<]+)</a>', response.content.decode())


def test_the_list_begins_with_my_open_ones_by_when_they_are_due(page, anna, jan, person):
    ActivityFactory(by=anna, person=person, subject="Later", due_at=datetime.date(2027, 4, 1))
    ActivityFactory(by=anna, person=person, subject="Sooner", due_at=MONDAY)
    ActivityFactory(by=anna, person=person, subject="Some day")
    ActivityFactory(by=anna, person=person, subject="Done", done_at=timezone.now())
    ActivityFactory(by=anna, person=person, subject="Jan's", owner=jan)
    assert subjects(page, "") == ["Sooner", "Later", "Some day"]
    assert subjects(page, "all=1&sort=due_at") == ["Sooner", "Later", "Some day", "Done", "Jan&#39;s"]


def test_filters_by_type_owner_due_done_person_and_company(page, anna, jan, person):
    company = CompanyFactory(by=anna, name="Nordwind")
    ActivityFactory(by=anna, person=person, subject="Call", kind="call", due_at=MONDAY, priority="high")
    ActivityFactory(by=anna, person=None, company=company, subject="Visit", kind="meeting", due_at=datetime.date(2020, 1, 1))
    ActivityFactory(by=anna, person=person, subject="Note", kind="note", text="about the offer")
    ActivityFactory(by=anna, person=person, subject="Jan's", owner=jan, repeat="weekly", due_at=MONDAY)
    for query, expected in (
        ("kind=call,meeting", ["Visit", "Call"]),
        (f"owner={jan.pk}", ["Jan&#39;s"]),
        ("due_at=2027-03-01&kind=call", ["Call"]),
        ("due_at__overdue=1&done=0", ["Visit"]),
        ("done=1", ["Note"]),
        (f"person={person.pk}&done=0", ["Call", "Jan&#39;s"]),
        ("person__contains=petersen&kind=note", ["Note"]),
        (f"company={company.pk}", ["Visit"]),
        ("company__contains=nordw", ["Visit"]),
        ("priority=high", ["Call"]),
        ("repeat=weekly", ["Jan&#39;s"]),
        ("text__contains=offer", ["Note"]),
    ):
        assert sorted(subjects(page, query)) == sorted(expected), query
    for wrong in ("kind=fax", "due_at=soon", "person=me", "nonsense=1"):
        assert page.get(f"{LIST}?{wrong}").status_code == 400


def test_the_list_shows_days_names_and_what_is_overdue(page, anna, person):
    ActivityFactory(by=anna, person=person, subject="Call", due_at=datetime.date(2020, 1, 31))
    row = page.get(LIST).content.decode().partition("<tbody>")[2].partition("</tbody>")[0]
    assert "Jana Petersen" in row and f"/persons/{person.pk}/" in row and f"/companies/{person.company_id}/" in row
    assert re.search(r'<td class="[^"]*overdue[^"]*"><span class="[^"]*" title="31 Jan 2020">31 Jan 2020</span>', row), row


def test_a_follow_up_has_a_page_of_its_own_that_leads_to_its_record(page, anna, person):
    call = ActivityFactory(by=anna, person=person, subject="Call", due_at=MONDAY)
    address = reverse("activities:follow_up", args=[call.pk])
    assert f'href="{address}' in page.get(LIST).content.decode()
    text = page.get(f"{address}?list=follow_ups").content.decode()
    assert "<h1>Call</h1>" in text and person.get_absolute_url() in text
    data = {"subject": "Call again", "kind": "call", "day": "2027-03-02", "owner": anna.pk, "version": 1}
    assert page.post(address, data).headers["Location"] == person.get_absolute_url()
    call.refresh_from_db()
    assert (call.subject, call.day) == ("Call again", datetime.date(2027, 3, 2))


def act(client, action, ids, **data):
    address = reverse("activities:follow_ups_act", args=[action])
    opened = client.post(address, {"ids": ",".join(map(str, ids))}, **HTMX)
    assert opened.status_code == 200
    as_of = re.search(r'name="as_of" value="(\d+)"', opened.content.decode())[1]
    sent = {"ids": ",".join(map(str, ids)), "go": "1", "as_of": as_of, "count": str(len(ids)), **data}
    return client.post(address, sent, **HTMX)


@pytest.mark.parametrize(
    ("action", "data", "said", "holds"),
    [
        ("done", {}, "3 follow-ups are done", lambda one: one.done_at is not None),
        ("postpone", {"value": "2027-05-04"}, "3 follow-ups are now due 4 May 2027", lambda one: one.day == datetime.date(2027, 5, 4)),
        ("owner", {"value": ""}, "3 follow-ups now belong to nobody", lambda one: one.owner is None),
        ("delete", {}, "3 follow-ups are in the bin", lambda one: one.deleted_at is not None),
    ],
)  # fmt: skip
def test_ticked_rows_are_changed_as_one_and_undone_as_one(page, anna, person, action, data, said, holds):
    made = [ActivityFactory(by=anna, person=person, due_at=MONDAY) for _number in range(3)]
    before = list(Activity.objects.order_by("pk").values("due_at", "owner", "done_at", "deleted_at"))
    response = act(page, action, [one.pk for one in made], **data)
    assert response.status_code == 204 and said in response.headers["HX-Trigger"]
    assert all(holds(one) for one in Activity.objects.all())
    page.post(re.search(r'"undo_url": "([^"]+)"', response.headers["HX-Trigger"])[1], **HTMX)
    assert list(Activity.objects.order_by("pk").values("due_at", "owner", "done_at", "deleted_at")) == before


def test_bulk_refuses_a_day_that_is_none_and_an_owner_that_is_not_there(page, anna, person):
    one = ActivityFactory(by=anna, person=person, due_at=MONDAY)
    assert act(page, "postpone", [one.pk], value="soon").status_code == 422
    assert act(page, "owner", [one.pk], value="99999").status_code == 422
    one.refresh_from_db()
    assert one.version == 1


def test_a1_a_form_offers_who_sees_the_record_and_says_at_the_field_who_does_not(page, anna, jan, max_, person):
    call = ActivityFactory(by=anna, person=person, subject="Call", due_at=MONDAY)
    for address in (reverse("activities:edit", args=[call.pk]), reverse("activities:new", args=["persons", person.pk])):
        shown = page.get(address, **HTMX).content.decode()
        assert "Jan Behrens</option>" in shown and "Max Lorenz</option>" not in shown
        data = {"subject": "Call", "kind": "call", "day": "2027-03-02", "owner": max_.pk, "version": 1}
        refused = page.post(address, data, **HTMX)
        text = refused.content.decode()
        assert refused.status_code == 422 and f'value="{max_.pk}" selected' in text
        assert re.search(r'id="id_owner_error"><p class="error">Max Lorenz may not see this person\.', text)
    response = act(page, "owner", [call.pk, ActivityFactory(by=anna, person=person).pk], value=str(max_.pk))
    assert response.status_code == 204 and "2 left" in response.headers["HX-Trigger"]
    assert "Max Lorenz may not see this person" in page.get(reverse("crm:left")).content.decode()
    asked = {"subject": "Call", "person": person.pk, "owner": max_.pk}
    answer = page.post("/api/v1/activities/", asked, content_type="application/json")
    assert answer.status_code == 400 and "Max Lorenz may not see this person." in answer.json()["owner"]


def test_rows_one_may_not_change_are_left_and_those_one_may_not_see_are_not_there(page, anna, max_, person):
    mine = ActivityFactory(by=anna, person=person, due_at=MONDAY)
    hidden = ActivityFactory(by=max_, person=PersonFactory(by=max_), due_at=MONDAY)
    response = act(page, "done", [mine.pk, hidden.pk])
    assert "1 follow-up is done" in response.headers["HX-Trigger"]
    hidden.refresh_from_db()
    assert hidden.done_at is None


@pytest.mark.parametrize("many", [3, 30])
def test_the_list_asks_a_constant_number_of_questions(page, anna, person, many, django_assert_max_num_queries):
    for number in range(many):
        ActivityFactory(by=anna, person=person, subject=f"Call {number}", due_at=MONDAY)
    with django_assert_max_num_queries(12):
        assert len(subjects(page, "")) == many


def test_the_api_knows_all_of_a_follow_up(page, anna, person):
    body = {"subject": "Call", "kind": "call", "person": person.pk, "due_at": "2027-03-01T10:00:00+01:00", "priority": "high",
            "repeat": "monthly", "repeat_every": 3, "repeat_until": "2028-01-31"}  # fmt: skip
    made = page.post(API, body, content_type="application/json")
    assert made.status_code == 201, made.content
    data = made.json()
    assert {name: data[name] for name in ("priority", "repeat", "repeat_every", "repeat_until", "time_zone")} == {
        "priority": "high", "repeat": "monthly", "repeat_every": 3, "repeat_until": "2028-01-31", "time_zone": "Europe/Berlin",
    }  # fmt: skip
    done = {"done_at": timezone.now().isoformat(), "version": data["version"]}
    assert page.patch(f"{API}{data['id']}/", done, content_type="application/json").status_code == 200
    found = page.get(f"{API}?done=false&person={person.pk}&ordering=due_at").json()["results"]
    # At the same time of day, though the clocks changed meanwhile.
    assert [(one["due_at"], one["repeat"]) for one in found] == [("2027-06-01T10:00:00+02:00", "monthly")]
    whole_day = page.patch(f"{API}{found[0]['id']}/", {"all_day": True, "version": 1}, content_type="application/json").json()
    assert datetime.datetime.fromisoformat(whole_day["due_at"]) == datetime.datetime(2027, 6, 1, 21, 59, 59, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"repeat": "hourly"}, "repeat"),
        ({"repeat": "weekly", "due_at": None}, "repeat"),
        ({"repeat_every": 0}, "repeat_every"),
        ({"repeat_every": 10**9}, "repeat_every"),
        ({"repeat_until": "never"}, "repeat_until"),
        ({"priority": 7}, "priority"),
        ({"time_zone": "Mars"}, "time_zone"),
        ({"due_at": "0001-01-01T00:00:00Z"}, "due_at"),
        ({"due_at": "9999-12-31T23:59:59Z"}, "due_at"),
        ({"repeat_from": "2027-03-01T10:00:00Z"}, "repeat_from"),
    ],
)
def test_the_api_names_the_field_that_makes_no_sense(page, person, values, field):
    body = {"subject": "Call", "person": person.pk, "due_at": "2027-03-01T10:00:00Z", **values}
    refused = page.post(API, body, content_type="application/json")
    assert refused.status_code == 400 and set(refused.json()) == {field}
    assert not Activity.objects.exists()


def test_the_api_hides_what_may_not_be_seen(client, anna, max_, person):
    call = ActivityFactory(by=anna, person=person, due_at=MONDAY)
    client.force_login(max_)
    assert client.get(f"{API}{call.pk}/").status_code == 404
    assert client.patch(f"{API}{call.pk}/", {"version": 1}, content_type="application/json").status_code == 404
    assert client.get(API).json()["count"] == 0


def test_r15_by_the_api_a_follow_up_goes_to_another_persons_company(page, anna, max_, person):
    other, alone = PersonFactory(by=anna), PersonFactory(by=anna, company=None)
    call = ActivityFactory(by=anna, person=person, due_at=MONDAY)

    def patch(**values):
        call.refresh_from_db()
        sent = {**values, "version": call.version}
        assert page.patch(f"{API}{call.pk}/", sent, content_type="application/json").status_code == 200
        call.refresh_from_db()
        return call.company

    assert patch(person=other.pk) == other.company
    assert patch(person=alone.pk) is None
    call.refresh_from_db()
    both = {"person": other.pk, "company": person.company.pk, "version": call.version}
    refused = page.patch(f"{API}{call.pk}/", both, content_type="application/json")
    assert refused.status_code == 400 and set(refused.json()) == {"person"}
    assert patch(person=other.pk, company=other.company.pk) == other.company  # as it is said
    # Who has left since stays with what was planned there.
    arrange(Person.objects.filter(pk=other.pk), company=person.company)
    assert patch(person=other.pk, subject="The same person") == other.company
    assert patch(person=None) == other.company
    assert not any(lifecycle.drift().values())
    # One of a sale stays with the sale's company; and the person may be seen whose company is not.
    sale = SaleFactory(by=anna, company=other.company)
    assert patch(sale=sale.pk, person=None) == other.company
    assert patch(person=PersonFactory(by=anna, company=other.company).pk) == other.company
    mine = PersonFactory(by=max_)
    arrange(Person.objects.filter(pk=mine.pk), owner=anna)
    assert patch(sale=None, person=mine.pk) == mine.company
