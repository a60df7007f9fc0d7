"""*My day*: what is to be done now, today, this week and later, where the user is (R15)."""

import datetime
import json
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from activities import actions
from activities.models import Activity
from activities.views.one import postponements
from crm.models import User
from crm.web.formats import dialled, linked
from tests.factories import ActivityFactory, CompanyFactory, PersonFactory, SaleFactory, UserFactory, arrange
from tests.forms import Form

HTMX = {"HTTP_HX_REQUEST": "true"}
DAY = "/my-day/"
#: A Wednesday in Berlin, ten in the morning.
NOW = datetime.datetime(2027, 3, 3, 9, tzinfo=datetime.UTC)
pytestmark = pytest.mark.usefixtures("nothing_unattributed")


@pytest.fixture(autouse=True)
def _at_ten(monkeypatch):
    monkeypatch.setattr(timezone, "now", lambda: NOW)


@pytest.fixture
def person(anna):
    return PersonFactory(by=anna, first_name="Jana", last_name="Petersen", phone="+49 421 555 0142")


@pytest.fixture
def page(client, anna):
    client.force_login(anna)
    return client


def plan(by, person, subject, due_at=None, **values):
    return ActivityFactory(by=by, person=person, subject=subject, due_at=due_at, **values)


def parts(client, url=DAY):
    """Return what the page shows: title of each part -> subjects."""
    text = client.get(url).content.decode()
    found = {}
    for part in text.split('<section class="panel-box day-part"')[1:]:
        title = re.search(r"<h2[^>]*>([^<]+)</h2>", part)[1]
        found[title] = re.findall(r'<a class="name"[^>]*>([^<]+)</a>', part)
    return found


def hours(number):
    return NOW + datetime.timedelta(hours=number)


def test_everything_open_stands_in_one_part(page, anna, person):
    plan(anna, person, "An hour ago", hours(-1))
    plan(anna, person, "In an hour", hours(1))
    plan(anna, person, "Some time today", datetime.date(2027, 3, 3))
    plan(anna, person, "Last minute of today", datetime.datetime(2027, 3, 3, 22, 59, tzinfo=datetime.UTC))
    plan(anna, person, "Tomorrow", datetime.datetime(2027, 3, 3, 23, 0, tzinfo=datetime.UTC))
    plan(anna, person, "Sunday", datetime.date(2027, 3, 7))
    plan(anna, person, "Monday", datetime.date(2027, 3, 8))
    plan(anna, person, "Some day")
    plan(anna, person, "Done", hours(-2), done_at=hours(-1))
    assert parts(page) == {
        "Overdue": ["An hour ago"],
        "Today": ["Some time today", "In an hour", "Last minute of today"],
        "This week": ["Tomorrow", "Sunday"],
        "Later": ["Monday"],
        "Without a date": ["Some day"],
    }
    text = page.get(DAY).content.decode()
    assert "Wednesday, 3 March" in text and "1 overdue" in text and "3 due today" in text


def test_the_day_begins_where_the_user_is(client, anna, person):
    """Half past eleven in the evening in Berlin is tomorrow morning in Auckland, and this afternoon in New York."""
    late = datetime.datetime(2027, 3, 3, 22, 30, tzinfo=datetime.UTC)
    for zone, part in (("Europe/Berlin", "Today"), ("Pacific/Auckland", "This week"), ("America/New_York", "Today")):
        user = UserFactory(time_zone=zone)
        plan(anna, person, f"For {zone}", late, owner=user)
        client.force_login(user)
        assert parts(client) == {part: [f"For {zone}"]}
    # And a whole day is that day, wherever it was typed.
    tokyo = UserFactory(time_zone="Asia/Tokyo")
    plan(anna, person, "On the third", datetime.date(2027, 3, 3), owner=tokyo)
    client.force_login(tokyo)
    assert parts(client) == {"Today": ["On the third"]}


def test_on_a_sunday_the_week_is_over(page, anna, person, monkeypatch):
    monkeypatch.setattr(timezone, "now", lambda: datetime.datetime(2027, 3, 7, 9, tzinfo=datetime.UTC))
    plan(anna, person, "Monday", datetime.date(2027, 3, 8))
    assert parts(page) == {"Later": ["Monday"]}


def test_a_sales_rep_starts_here_and_who_only_reads_does_not(client, anna, rita):
    client.force_login(anna)
    assert client.get("/").headers["Location"] == DAY
    client.force_login(rita)
    assert client.get("/").headers["Location"] == reverse("leads:leads")


def test_the_navigation_counts_what_is_due(page, anna, person):
    for number in range(3):
        plan(anna, person, f"Call {number}", hours(number - 1))
    plan(anna, person, "Tomorrow", hours(24))
    entry = re.search(r'<a href="/my-day/" data-key="h"[^>]*>.*?</a>', page.get("/persons/").content.decode())[0]
    assert '<span class="count">3</span>' in entry


def test_the_navigation_counts_anew_on_the_next_day_and_when_one_leaves_the_team(page, anna, jan, monkeypatch):
    theirs = PersonFactory(by=jan)
    plan(jan, theirs, "Today", hours(1), owner=anna)
    plan(jan, theirs, "Tomorrow", hours(24), owner=anna)

    def counted():
        entry = re.search(r'<a href="/my-day/" data-key="h"[^>]*>.*?</a>', page.get("/persons/").content.decode())[0]
        return re.search(r'<span class="count">(\d*)</span>', entry)[1]

    assert counted() == "1"
    monkeypatch.setattr(timezone, "now", lambda: NOW + datetime.timedelta(days=1))
    assert counted() == "2"
    anna.teams.clear()
    assert counted() == ""


def test_a_page_that_stays_open_learns_what_the_navigation_counts_now(page, anna, person, django_assert_num_queries):
    call = plan(anna, person, "Call", hours(-1))
    place = "<div hx-swap-oob=\"innerHTML:.side [data-key='h'] .count\">"
    assert 'hx-trigger="changed from:body' in page.get("/persons/").content.decode()
    with django_assert_num_queries(4):  # who asks takes three, all numbers one
        assert f"{place}1</div>" in page.get(reverse("crm:numbers"), headers={"HX-Request": "true"}).content.decode()
    page.post(reverse("activities:tick", args=[call.pk]), {"done": "1"}, headers={"HX-Request": "true"})
    assert f"{place}</div>" in page.get(reverse("crm:numbers"), headers={"HX-Request": "true"}).content.decode()


def test_an_empty_day_offers_the_next_step(page):
    text = page.get(DAY).content.decode()
    assert "Nothing is waiting for you" in text and "/leads/?owner=me&amp;next_activity_at__empty=1" in text


def test_my_teams_follow_ups_are_shown_to_those_who_may_see_them(client, anna, jan, max_, ada, person):
    plan(anna, person, "Anna's", hours(1))
    plan(anna, person, "Jan's", hours(2), owner=jan)
    plan(max_, PersonFactory(by=max_), "Max's", hours(3))
    client.force_login(anna)
    assert parts(client) == {"Today": ["Anna&#39;s"]}
    assert parts(client, f"{DAY}?of=team") == {"Today": ["Anna&#39;s", "Jan&#39;s"]}
    assert client.get(f"{DAY}?of=all").status_code == 404
    client.force_login(max_)
    assert client.get(f"{DAY}?of=team").status_code == 404  # nobody else is in his team
    client.force_login(ada)
    assert parts(client, f"{DAY}?of=all") == {"Today": ["Anna&#39;s", "Jan&#39;s", "Max&#39;s"]}


def test_ticking_off_and_undo_from_the_message(page, anna, person):
    call = plan(anna, person, "Call", hours(1), repeat="weekly")
    response = page.post(reverse("activities:tick", args=[call.pk]), **HTMX)
    events = response.headers["HX-Trigger"]
    assert "next one 10 Mar" in events and '"changed"' in events
    assert parts(page) == {"Later": ["Call"]}
    page.post(re.search(r'"undo_url": "([^"]+)"', events)[1], **HTMX)
    assert parts(page) == {"Today": ["Call"]}


def test_r17_two_who_tick_the_same_one_off_do_not_open_it_again(client, anna, jan, person):
    call = plan(anna, person, "Call", hours(1), repeat="weekly")
    address, said = reverse("activities:tick", args=[call.pk]), []
    for user, sent in ((anna, {"done": "1"}), (jan, {"done": "1"}), (jan, {"done": ""}), (anna, {"done": ""})):
        client.force_login(user)
        told = json.loads(client.post(address, sent, **HTMX).headers["HX-Trigger"])
        assert "changed" in told  # also who came second sees how it is now
        said.append((told["toast"]["text"], bool(told["toast"].get("undo_url"))))
    assert said == [
        ("Done: Call – next one 10 Mar, 11:00", True), ("Call is already done.", False), ("Opened again: Call", True), ("Call is already open.", False),
    ]  # fmt: skip
    assert Activity.objects.count() == 2  # the series went on once


def test_r17_each_control_says_what_it_means(page, anna, person):
    plan(anna, person, "To do", hours(1))
    plan(anna, person, "Was done", hours(-1), done_at=hours(-1))
    day, timeline = page.get(DAY), page.get(reverse("activities:timeline", args=["persons", person.pk]), **HTMX)
    box, again = """hx-vals='{"done": "1"}' hx-trigger="change\"""", """hx-vals='{"done": ""}' hx-swap="none\""""
    assert box in day.content.decode() and box in timeline.content.decode() and again in timeline.content.decode()


@pytest.mark.parametrize(
    ("to", "part", "day"), [("tomorrow", "This week", 4), ("next_week", "Later", 8), ("2027-03-20", "Later", 20)]
)
def test_postponing_in_place(page, anna, person, to, part, day):
    call = plan(anna, person, "Call", hours(-1))
    response = page.post(reverse("activities:postpone", args=[call.pk]), {"to": to}, **HTMX)
    assert response.status_code == 204
    assert parts(page) == {part: ["Call"]}
    call.refresh_from_db()
    assert call.due_at == datetime.datetime(2027, 3, day, 8, tzinfo=datetime.UTC)


@pytest.mark.parametrize("to", ["", "soon", "2027-02-30", "99999-01-01", "2027-03-20T10:00", "<script>"])
def test_a_day_that_is_none_is_refused_and_stays_typed(page, anna, person, to):
    call = plan(anna, person, "Call", NOW)
    address = reverse("activities:postpone", args=[call.pk])
    assert page.get(address, **HTMX).status_code == 200
    refused = page.post(address, {"to": to, "picked": "1"}, **HTMX)
    assert refused.status_code == 422 and "Enter a date" in refused.content.decode()
    call.refresh_from_db()
    assert call.due_at == NOW


@pytest.mark.parametrize("to", ["2027-03-02", "0001-01-01"])
def test_a_day_that_is_over_is_refused_at_the_field(page, anna, person, to):
    call = plan(anna, person, "Call", NOW)
    refused = page.post(reverse("activities:postpone", args=[call.pk]), {"to": to, "picked": "1"}, **HTMX)
    assert refused.status_code == 422 and "Choose today or a later day." in refused.content.decode()
    sent = {"go": "1", "ids": call.pk, "count": "1", "value": to}
    refused = page.post("/follow-ups/act/postpone/", sent, **HTMX)
    assert refused.status_code == 422 and "Choose today or a later day." in refused.content.decode()
    call.refresh_from_db()
    assert call.due_at == NOW


def test_one_postpones_to_what_is_later_than_it_is_due(page, anna, person):
    tomorrow, next_week = """hx-vals='{"to": "tomorrow"}'""", """hx-vals='{"to": "next_week"}'"""

    def offered():
        text = page.get(DAY).content.decode()
        return tomorrow in text, next_week in text

    call = plan(anna, person, "Call", hours(1))
    assert offered() == (True, True)
    actions.postpone(call, datetime.date(2027, 3, 5), by=anna, via="card")
    assert offered() == (False, True)
    actions.postpone(call, datetime.date(2027, 4, 5), by=anna, via="card")
    assert offered() == (False, False)


@pytest.mark.parametrize(("today", "monday"), [(3, 8), (6, 8), (7, 15), (8, 15)])
def test_next_week_is_another_day_than_tomorrow_also_on_a_sunday(today, monday):
    days = {"tomorrow": datetime.date(2027, 3, today + 1), "next_week": datetime.date(2027, 3, monday)}
    assert postponements(datetime.date(2027, 3, today)) == days


def test_a_follow_up_is_added_to_who_is_found_by_typing(page, anna, max_, person):
    found = page.get(reverse("activities:choices"), {"q": "petersen"}).json()
    assert found[0]["id"] == f"person-{person.pk}" and found[0]["name"] == "Jana Petersen"
    new = reverse("activities:follow_up_new")
    data = {"about": found[0]["id"], "subject": "Send the offer", "kind": "task", "priority": "high", "day": "2027-03-05",
            "repeat": "monthly", "repeat_every": "2", "owner": anna.pk}  # fmt: skip
    assert page.post(new, data, **HTMX).status_code == 204
    made = Activity.objects.get()
    assert (made.person, made.company, made.priority, made.repeat, made.repeat_every) == (
        person,
        person.company,
        "high",
        "monthly",
        2,
    )
    assert made.all_day and made.day == datetime.date(2027, 3, 5) and made.repeats == "every 2 months"
    hidden = PersonFactory(by=max_)
    for about in ("", "person-0", f"person-{hidden.pk}", "person-99999999999999999999", "team-1", "person-²"):
        refused = page.post(new, {**data, "about": about, "about-typed": "Typed so far"}, **HTMX)
        assert 'value="Typed so far"' in refused.content.decode()
        assert refused.status_code == 422 and "Choose one from the list." in refused.content.decode()
        assert "Send the offer" in refused.content.decode()  # what was typed is still there
    offered = page.get(reverse("activities:choices"), {"q": hidden.last_name}).json()
    assert f"person-{hidden.pk}" not in {one["id"] for one in offered}


def test_a_follow_up_is_added_to_a_sale_that_is_found_by_typing(page, anna, max_, person):
    sale = SaleFactory(by=anna, name="Fleet of forty", company=person.company, person=person)
    found = page.get(reverse("activities:choices"), {"q": "fleet forty"}).json()
    assert [one["id"] for one in found] == [f"sale-{sale.pk}"] and found[0]["name"] == "Fleet of forty"
    data = {"about": found[0]["id"], "subject": "Send the offer", "kind": "task", "owner": anna.pk}
    assert page.post(reverse("activities:follow_up_new"), data, **HTMX).status_code == 204
    made = Activity.objects.get()
    assert (made.sale, made.company, made.person) == (sale, person.company, person)
    assert "Fleet of forty" in page.get(reverse("activities:edit", args=[made.pk])).content.decode()
    assert page.post(reverse("activities:follow_up_new"), data).headers["Location"] == sale.get_absolute_url()
    hidden = SaleFactory(by=max_)
    refused = page.post(reverse("activities:follow_up_new"), {**data, "about": f"sale-{hidden.pk}"}, **HTMX)
    assert refused.status_code == 422 and "Choose one from the list." in refused.content.decode()


def test_settled_14_of_a_person_one_may_not_see_the_day_tells_the_name_alone(page, anna, max_, ada):
    """Anna's sale is at Max's company and names his contact."""
    company = CompanyFactory(by=max_, name="Südlicht", phone="040 1234")
    hidden = PersonFactory(
        by=max_, company=company, last_name="Fern", phone="040 5678", mobile="0170 999", email="fern@south.example"
    )
    sale = SaleFactory(by=ada, owner=anna, company=company, person=hidden)
    for kind in ("call", "email"):
        ActivityFactory(by=ada, owner=anna, sale=sale, person=None, subject=f"A {kind}", kind=kind, due_at=hours(1))
    of_company = {"company": company, "sale": sale, "person": hidden}
    arrange(
        Activity.objects.filter(pk=ActivityFactory(by=ada, owner=anna, kind="call", due_at=hours(2), **of_company).pk),
        person=None,
    )
    text = page.get(DAY, **HTMX).content.decode()
    assert text.count("Fern") == 2 and text.count("Südlicht") == 3
    for told in ("1234", "5678", "999", "fern@", "tel:", "mailto:", hidden.get_absolute_url(), company.get_absolute_url()):
        assert told not in text, told
    assert text.count(f'data-href="{sale.get_absolute_url()}"') == 3
    assert page.get(sale.get_absolute_url()).status_code == 200


def test_the_day_tells_how_to_reach_whom_one_sees(page, anna, person):
    plan(anna, person, "A call", hours(1), kind="call")
    plan(anna, person, "A mail", hours(1), kind="email")
    text = page.get(DAY, **HTMX).content.decode()
    assert 'href="tel:+494215550142"' in text and f'href="mailto:{person.email}"' in text
    assert text.count(f'data-href="{person.get_absolute_url()}"') == 2 and person.company.get_absolute_url() in text


@pytest.mark.parametrize(
    ("number", "told"),
    [("+49 (0)421 / 555-0142", "+494215550142"), ("0049 (0) 421 555", "0049421555"), ("(040) 12 34 ext. 5", "0401234;ext=5")],
)
def test_a_number_is_dialled_without_the_0_of_its_country(number, told):
    assert dialled(number) == told


def test_what_is_typed_wrong_is_told_at_its_field(page, anna, person):
    new = reverse("activities:new", args=["persons", person.pk])
    data = {"subject": "x", "kind": "call", "repeat": "weekly", "day": "2027-03-05", "repeat_until": "2027-03-01"}
    assert "before it is due for the first time" in page.post(new, data, **HTMX).content.decode()
    assert "Say when it is due first" in page.post(new, {**data, "day": "", "repeat_until": ""}, **HTMX).content.decode()
    for wrong in ({"repeat_every": "1000"}, {"repeat": "hourly"}, {"priority": "urgent"}, {"day": "32.13."}, {"owner": "0"}):
        assert page.post(new, {**data, "repeat_until": "", **wrong}, **HTMX).status_code == 422
    for far in ("0001-01-01", "9999-12-31"):
        for time in ("", "00:00", "23:59"):
            refused = page.post(new, {**data, "repeat_until": "", "day": far, "time": time}, **HTMX)
            assert refused.status_code == 422 and re.search(
                r'id="id_day_error"><p class="error">Enter a date between the years 1901 and 8999', refused.content.decode()
            )
    assert not Activity.objects.exists()
    call = plan(anna, person, "Call", hours(1))
    postponed = page.post(reverse("activities:postpone", args=[call.pk]), {"to": "9999-12-31", "picked": "1"}, **HTMX)
    assert postponed.status_code == 422 and "between the years 1901 and 8999" in postponed.content.decode()


def test_the_form_shows_a_whole_day_as_it_was_meant_wherever_one_is(client, anna, person):
    """An unchanged form changes nothing, also for somebody in another zone."""
    tokyo = UserFactory(time_zone="Asia/Tokyo")
    whole_day = plan(anna, person, "Whole day", datetime.date(2027, 3, 5))
    timed = plan(anna, person, "Timed", NOW.replace(second=30))
    client.force_login(tokyo)
    for one, day, time in ((whole_day, "2027-03-05", ""), (timed, "2027-03-03", "18:00")):
        text = client.get(reverse("activities:edit", args=[one.pk]), **HTMX).content.decode()
        assert f'value="{day}"' in text and (f'value="{time}"' in text)
        data = {"subject": one.subject, "kind": "task", "day": day, "time": time, "owner": anna.pk, "version": 1}
        assert client.post(reverse("activities:edit", args=[one.pk]), data, **HTMX).status_code == 204
        before = one.due_at
        one.refresh_from_db()
        assert one.due_at == before and one.version == 1


def test_what_is_hidden_is_not_there(client, anna, max_, person):
    call = plan(anna, person, "Call", NOW)
    client.force_login(max_)
    for name in ("edit", "tick", "postpone", "delete"):
        address = reverse(f"activities:{name}", args=[call.pk])
        assert client.post(address, {"to": "tomorrow"}, **HTMX).status_code == 404
    call.refresh_from_db()
    assert call.version == 1


def test_who_only_reads_is_led_to_where_a_follow_up_stands(client, anna, rita, person):
    activity = ActivityFactory(by=anna, person=person, due_at="2030-01-31T09:00Z")
    client.force_login(rita)
    answer = client.get(f"/follow-ups/{activity.pk}/?list=follow_ups&at=1")
    assert answer.status_code == 302 and answer.url == f"/persons/{person.pk}/?tab=timeline"
    page = client.get(f"/persons/{person.pk}/timeline/").content.decode()
    assert activity.subject in page and f'href="/follow-ups/{activity.pk}/' not in page
    assert client.get(f"/follow-ups/{activity.pk}/", HTTP_HX_REQUEST="true").status_code == 403


def test_who_only_reads_changes_nothing(client, anna, rita, person):
    call = plan(anna, person, "Call", NOW)
    client.force_login(rita)
    assert client.get(DAY).status_code == 200
    for name in ("tick", "postpone", "delete"):
        assert client.post(reverse(f"activities:{name}", args=[call.pk]), {"to": "tomorrow"}, **HTMX).status_code == 403
    assert client.post(reverse("activities:follow_up_new"), {"subject": "x"}, **HTMX).status_code == 403


@pytest.mark.parametrize("many", [2, 40])
def test_the_day_asks_a_constant_number_of_questions(page, anna, person, many, django_assert_max_num_queries):
    persons = [PersonFactory(by=anna) for _number in range(4)]
    for number in range(many):
        plan(
            anna,
            persons[number % 4],
            f"Call {number}",
            timezone.now() + datetime.timedelta(days=number % 20 - 5),
            priority="high",
        )
    with django_assert_max_num_queries(14):
        text = page.get(DAY).content.decode()
    assert "Call 0" in text
    with django_assert_max_num_queries(12):
        page.get(DAY, **HTMX)


def test_more_than_a_part_shows_are_in_the_list(page, anna, person):
    for number in range(30):
        plan(anna, person, f"Call {number}", datetime.date(2020, 1, 1 + number))
    text = page.get(DAY).content.decode()
    address = re.search(r'<a class="end small" href="([^"]+)">Show all 30</a>', text)[1].replace("&amp;", "&")
    assert address == "/follow-ups/?owner=me&done=0&due_at__overdue=1"
    assert "1–30 of 30" in page.get(address).content.decode()


def more_of(text, name):
    """Return where *Show more* of a part leads, or None."""
    found = re.search(rf'id="more-{name}" href="([^"]+)"', text)
    return found and found[1].replace("&amp;", "&")


def test_a_part_shows_its_first_and_more_when_asked_and_its_true_count(page, anna, person):
    for number in range(40):
        plan(anna, person, f"Call {number}", datetime.datetime(2027, 2, 1, number // 60, number, tzinfo=datetime.UTC))
    plan(anna, person, "Tomorrow", hours(24))
    assert parts(page) == {"Overdue": [f"Call {number}" for number in range(10)], "This week": ["Tomorrow"]}
    text = page.get(DAY).content.decode()
    assert '<span class="muted count">40</span>' in text and more_of(text, "week") is None
    address = more_of(text, "overdue")
    more = page.get(address, **HTMX).content.decode()
    assert "Call 34" in more and "Call 35" not in more and "Tomorrow" in more
    # What a change brings anew is as long as what one sees.
    assert f'hx-get="{address}"' in more
    last = page.get(more_of(more, "overdue"), **HTMX).content.decode()
    assert "Call 39" in last and more_of(last, "overdue") is None and "Show all" not in last


def test_r15_what_was_just_added_for_today_is_in_sight(page, anna, person):
    for number in range(24):
        due_at = datetime.date(2027, 3, 3) if number % 2 else hours(1 + number / 10)
        plan(anna, person, f"Call {number}", due_at)
    form = Form(page.get(reverse("activities:follow_up_new"), **HTMX)).sent
    added = page.post(
        reverse("activities:follow_up_new"), form | {"about": f"person-{person.pk}", "subject": "Just added"}, **HTMX
    )
    assert added.status_code == 204
    assert parts(page)["Today"][:2] == ["Just added", "Call 23"] and len(parts(page)["Today"]) == 10
    assert parts(page, f"{DAY}?today=35")["Today"][12:16] == ["Call 1", "Call 0", "Call 2", "Call 4"]


@pytest.mark.parametrize("asked", ["x", "-5", "99999999999999999999", "٣٠", "0", ""])
def test_a_number_of_rows_that_is_none_shows_as_many_as_always(page, anna, person, asked):
    plan(anna, person, "An hour ago", hours(-1))
    assert parts(page, f"{DAY}?overdue={asked}") == {"Overdue": ["An hour ago"]}


def test_the_day_of_who_has_hundreds_to_do_is_as_large_as_of_who_has_dozens(page, anna, person):
    days = [-9, 0, 1, 9]

    def size():
        with CaptureQueriesContext(connection) as asked:
            text = page.get(DAY).content
        return len(text), len(asked)

    def add(count):
        many = [{"person": person, "subject": "Call", "due_at": hours(1 + 24 * days[n % 4])} for n in range(count)]
        actions.create_activities(many, by=anna, via="system")

    page.get(DAY)  # the first request of a session writes it
    add(60)
    few, statements = size()
    add(440)
    many, same = size()
    assert same == statements and abs(many - few) < 500 and many < 100_000


def test_a_web_address_in_a_text_becomes_a_link_and_nothing_else_does():
    assert str(linked("See https://example.com/a_(b)?q=1&r=2, please")) == (
        'See <a href="https://example.com/a_(b)?q=1&amp;r=2" target="_blank" rel="noopener noreferrer">'
        "https://example.com/a_(b)?q=1&amp;r=2</a>, please"
    )
    for text in ("javascript:alert(1)", '"><script>x</script>', "data:text/html,x", "mailto:x", "httpsx://y", ""):
        assert "<a" not in linked(text) and "<script" not in linked(text)
    assert 'href="http://x.de/&#x27;onclick' not in linked("http://x.de/'onclick=alert(1)")
    assert str(linked('https://x.de/"onmouseover="y')).startswith('<a href="https://x.de/" target')


def test_the_owner_of_many_is_a_user_that_is_there(anna, person):
    gone = UserFactory(is_active=False)
    with pytest.raises(Exception, match="switched off"):
        actions.set_owner(plan(anna, person, "Call"), gone, by=anna, via="card")
    assert User.objects.filter(pk=gone.pk).exists()


# --- Two who edit the same one ------------------------------------------------------------------------------------------------


@pytest.fixture
def both(client, anna, jan, person):
    """A call that Anna and Jan have both open: `save(user, **values)` sends what that user's form holds by then."""
    call = plan(anna, person, "Call", datetime.datetime(2027, 3, 5, 9, 0, 30, tzinfo=datetime.UTC), text="First line\nSecond")
    address, forms = reverse("activities:edit", args=[call.pk]), {}
    for user in (anna, jan):
        client.force_login(user)
        forms[user] = Form(client.get(address, **HTMX)).sent

    def save(user, **values):
        client.force_login(user)
        response = client.post(address, forms[user] | values, **HTMX)
        if response.status_code == 409:
            forms[user] = Form(response).sent
        call.refresh_from_db()
        return response

    return call, save


def test_r17_two_who_change_different_fields_are_both_kept(both, anna, jan):
    call, save = both
    assert save(jan, text="A long talk,\r\nwritten down.").status_code == 204
    actions.postpone(call, datetime.date(2027, 3, 9), by=jan, via="card")
    assert save(anna, subject="Call her back").status_code == 204
    assert (call.subject, call.text, call.day) == ("Call her back", "A long talk,\nwritten down.", datetime.date(2027, 3, 9))


def test_r17_the_same_field_shows_theirs_beside_mine_and_saving_again_takes_back_nothing_else(both, anna, jan):
    call, save = both
    save(jan, subject="Jan's words", text="A long talk", priority="high", day="2027-03-09", time="")
    refused = save(anna, subject="Anna's words", priority="low")
    text = refused.content.decode()
    assert refused.status_code == 409 and "<b>Subject</b>: Jan&#39;s words" in text and "<b>Priority</b>: High" in text
    assert "<b>Due</b>" not in text and "<b>Text</b>" not in text
    assert save(anna).status_code == 204
    assert (call.subject, call.text, call.priority) == ("Anna's words", "A long talk", "low")
    assert call.all_day and call.day == datetime.date(2027, 3, 9)


def test_r17_two_who_move_it_see_both_days(both, anna, jan):
    call, save = both
    save(jan, day="2027-03-09", time="")
    refused = save(anna, day="2027-03-12", time="15:00")
    text = refused.content.decode()
    assert refused.status_code == 409 and "<b>Due</b>: 9 Mar 2027</p>" in text and 'value="2027-03-12"' in text
    assert save(anna).status_code == 204
    assert not call.all_day and call.due_at == datetime.datetime(2027, 3, 12, 14, tzinfo=datetime.UTC)


def test_r17_a_whole_day_is_kept_wherever_the_second_one_is(client, anna, jan, person, both):
    call, save = both
    save(jan, day="2027-03-09", time="")
    tokyo = UserFactory(time_zone="Asia/Tokyo", role=anna.role)
    tokyo.teams.set(anna.teams.all())
    client.force_login(tokyo)
    address = reverse("activities:edit", args=[call.pk])
    sent = Form(client.get(address, **HTMX)).sent
    actions.edit_activity(call, {"due_at": datetime.date(2027, 3, 10)}, by=jan, via="card")
    assert client.post(address, sent | {"subject": "Of Tokyo"}, **HTMX).status_code == 204
    call.refresh_from_db()
    assert call.subject == "Of Tokyo" and call.day == datetime.date(2027, 3, 10) and call.time_zone == "Europe/Berlin"


def test_r17_a_form_that_does_not_say_what_it_showed_overwrites_nothing_unseen(page, both, anna, jan):
    call, save = both
    save(jan, text="A long talk")
    sent = {"subject": "Call", "kind": "task", "day": "2027-03-05", "time": "10:00", "owner": anna.pk, "version": 1}
    page.force_login(anna)
    refused = page.post(reverse("activities:edit", args=[call.pk]), {**sent, "text": "Mine"}, **HTMX)
    assert refused.status_code == 409 and "<b>Text</b>: A long talk" in refused.content.decode()
