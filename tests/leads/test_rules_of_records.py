"""R15–R19 by every way in: follow-ups, history and undo, nobody's work lost, the bin, times and order."""

import re
from datetime import UTC, datetime

import pytest
from django.urls import reverse
from django.utils import timezone

from activities import actions as follow_ups
from activities.models import Activity
from crm.history.changes import Conflict
from crm.history.models import Change, ChangeSet
from crm.history.purge import purge_bin
from leads import actions
from leads.models import Company, Person
from tests.factories import ActivityFactory, CompanyFactory, PersonFactory, arrange
from tests.leads.ways import WAYS, ByPage, Refused, Stale

pytestmark = pytest.mark.usefixtures("nothing_unattributed")
HTMX = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture(params=sorted(WAYS))
def way(request, anna, client):
    return WAYS[request.param](anna, client)


@pytest.fixture
def person(anna, category):
    company = CompanyFactory(by=anna, name="Nordwind", category=category("Lead"))
    return PersonFactory(by=anna, company=company, first_name="Jana", last_name="Petersen")


def last_entry(record):
    return Change.objects.filter(record_type=record.history.record_type, record_id=record.pk).latest("pk")


# --- R15: follow-ups --------------------------------------------------------------------------------------------------


def add_by_action(client, anna, person, day):
    follow_ups.create_activity({"subject": "Call", "person": person, "due_at": f"{day}T09:00+00:00"}, by=anna, via="card")


def add_by_api(client, anna, person, day):
    body = {"subject": "Call", "person": person.pk, "due_at": f"{day}T09:00:00Z"}
    assert client.post("/api/v1/activities/", body, content_type="application/json").status_code == 201


def add_by_page(client, anna, person, day):
    form = {"kind": "call", "subject": "Call", "owner": anna.pk, "day": day, "time": "10:00"}
    assert client.post(reverse("activities:new", args=["persons", person.pk]), form, **HTMX).status_code == 204


@pytest.mark.parametrize("add", [add_by_action, add_by_api, add_by_page])
def test_r15_the_next_open_follow_up_is_the_next_activity_and_red_when_overdue(client, anna, person, add):
    client.force_login(anna)
    for day in ("2099-05-01", "2020-05-01"):
        add(client, anna, person, day)
    first = Activity.objects.order_by("due_at").first()
    assert (first.owner, first.company) == (anna, person.company)
    person.refresh_from_db()
    assert person.next_activity == first.due_at and Company.objects.get().next_activity == first.due_at
    assert client.get(f"/api/v1/persons/{person.pk}/").json()["next_activity_at"].startswith("2020-05-01")
    assert client.get("/api/v1/persons/?next_activity_at__overdue=1").json()["count"] == 1
    for address in (reverse("activities:next", args=["persons", person.pk]), "/persons/"):
        assert "overdue" in client.get(address, **HTMX).content.decode()
    follow_ups.set_done(first, True, by=anna, via="card")
    person.refresh_from_db()
    assert person.next_activity.year == 2099


# --- R16: history and undo --------------------------------------------------------------------------------------------


def test_r16_every_change_says_who_when_by_what_and_from_what_to_what(way, person, status, anna):
    before = timezone.now()
    way.edit(person, title="CTO")
    entry = last_entry(person)
    assert (entry.field, entry.old, entry.new) == ("title", "", "CTO")
    assert entry.change_set.by == anna and entry.change_set.via in way.via and before <= entry.change_set.at <= timezone.now()
    way.edit(person, lead_status=status("Qualified"))
    entry = last_entry(person)
    assert (entry.field, entry.old, entry.new) == ("lead_status", str(status("Open").pk), str(status("Qualified").pk))
    assert entry.change_set.via in way.via


def test_r16_saving_what_is_there_already_is_no_change(way, person, status):
    version, count = person.version, ChangeSet.objects.count()
    way.edit(person, title="", lead_status=status("Open"))
    assert (Person.objects.get(pk=person.pk).version, ChangeSet.objects.count()) == (version, count)


def test_r16_a_change_of_category_is_undone_with_all_it_did_to_the_persons(way, person, category, status, anna):
    arrange(type(category("Lead")).objects.filter(name_en="Opportunity"), start_over=True)
    way.edit(person, lead_status=status("Qualified"))
    company = Company.objects.get(pk=person.company_id)
    way.edit(company, category=category("Customer"))
    way.edit(company, category=category("Opportunity"))
    person.refresh_from_db()
    assert person.lead_status == status("Open")
    way.undo()
    person.refresh_from_db(), company.refresh_from_db()
    assert (company.category, person.lead_status, person.is_lead) == (category("Customer"), status("Qualified"), False)
    way.undo()  # of the undo: done again
    person.refresh_from_db()
    assert person.category == category("Opportunity") and person.lead_status == status("Open")


def test_r16_an_undo_never_overwrites_a_later_change(way, person, jan, anna):
    way.edit(person, title="CTO")
    mine = ChangeSet.objects.latest("pk")
    actions.edit_person(person, {"title": "CEO"}, by=jan, via="card")
    from crm.history.undo import undo

    outcome = undo(mine, by=anna, via="card")
    person.refresh_from_db()
    assert person.title == "CEO" and not outcome.changed and "changed again later" in outcome.left[0][1]


def test_r16_what_was_created_goes_into_the_bin_by_undo_and_comes_back(way, anna):
    company = way.new_company(name="Weser")
    way.undo()
    company.refresh_from_db()
    assert company.deleted_at
    way.undo()
    company.refresh_from_db()
    assert company.deleted_at is None


# --- R17: nobody's work is lost ---------------------------------------------------------------------------------------


def test_r17_the_later_save_of_the_same_field_is_refused_with_the_earlier_value(way, person, jan):
    seen = person.version
    actions.edit_person(Person.objects.get(pk=person.pk), {"title": "Theirs"}, by=jan, via="card")
    with pytest.raises(Stale, match="Theirs"):
        way.edit(person, version=seen, title="Mine")
    assert Person.objects.get(pk=person.pk).title == "Theirs"


def test_r17_a_company_and_a_category_alike(way, person, jan, category):
    company = person.company
    seen = company.version
    actions.edit_company(Company.objects.get(pk=company.pk), {"category": category("Customer")}, by=jan, via="card")
    with pytest.raises(Stale):
        way.edit(company, version=seen, category=category("Partner"))
    assert Company.objects.get(pk=company.pk).category == category("Customer")


def test_r17_the_menu_of_a_status_says_what_somebody_else_has_set(client, person, anna, jan, status):
    page = ByPage(anna, client)
    seen = Person.objects.get(pk=person.pk)
    actions.set_lead_status(person, status("Qualified"), by=jan, via="card")
    with pytest.raises(Refused, match=r"set it to Qualified in the meantime. Choose Disqualified again"):
        page.edit(seen, version=seen.version, lead_status=status("Disqualified"))
    page.edit(person, lead_status=status("Disqualified"))
    assert Person.objects.get(pk=person.pk).lead_status == status("Disqualified")


def test_r17_the_dialog_of_all_fields_keeps_what_somebody_else_changed(client, person, anna, jan):
    client.force_login(anna)
    address = reverse("leads:edit", args=["persons", person.pk])
    dialog = client.get(address).content.decode()
    was = dict(re.findall(r'name="(was-\w+)" value="([^"]*)"', dialog))
    mine = {name.removeprefix("was-"): value for name, value in was.items()} | {"title": "Mine"}
    actions.edit_person(person, {"mobile": "+49 171 555 0199"}, by=jan, via="card")
    assert client.post(address, {**mine, **was, "version": 1}, **HTMX).status_code == 204
    person.refresh_from_db()
    assert (person.title, person.mobile) == ("Mine", "+49 171 555 0199")
    refused = client.post(address, {**mine, **was, "title": "Again", "version": 1}, **HTMX)
    assert refused.status_code == 409 and "Mine" in refused.content.decode() and "Again" in refused.content.decode()


def test_r17_a_follow_up_too(client, person, anna, jan):
    activity = ActivityFactory(by=anna, person=person, subject="Call")
    follow_ups.edit_activity(activity, {"subject": "Theirs"}, by=jan, via="card", version=1)
    client.force_login(anna)
    form = {"kind": "call", "subject": "Mine", "version": 1}
    assert client.post(reverse("activities:edit", args=[activity.pk]), form, **HTMX).status_code == 409
    body = {"subject": "Mine", "version": 1}
    stale = client.patch(f"/api/v1/activities/{activity.pk}/", body, content_type="application/json")
    assert stale.status_code == 409 and stale.json()["current"]["subject"] == "Theirs"
    with pytest.raises(Conflict):
        follow_ups.edit_activity(activity, {"subject": "Mine"}, by=anna, via="card", version=1)
    activity.refresh_from_db()
    assert activity.subject == "Theirs"


@pytest.mark.parametrize("deed", ["status", "owner", "delete", "undo", "category"])
def test_settled_10_the_version_rises_whatever_wrote_a_business_field(person, anna, jan, status, category, deed):
    before = person.version
    match deed:
        case "status":
            actions.set_lead_status(Person.objects.all(), status("Qualified"), by=anna, via="bulk")
        case "owner":
            actions.set_owner(Person.objects.all(), jan, by=anna, via="bulk")
        case "delete":
            actions.delete(person, by=anna, via="card")
        case "undo":
            actions.edit_person(person, {"title": "CTO"}, by=anna, via="card")
            from crm.history.undo import undo

            undo(ChangeSet.objects.latest("pk"), by=anna, via="card")
            before += 1
        case "category":  # the lifecycle gives a status
            arrange(type(category("Lead")).objects.filter(name_en="Lead"), start_over=True)
            arrange(Person.objects.all(), lead_status=status("Qualified"))
            for name in ("Customer", "Lead"):
                actions.set_category(person.company, category(name), by=anna, via="card")
    person.refresh_from_db()
    assert person.version == before + 1


def test_settled_10_the_version_stays_where_only_copies_were_written(person, anna):
    actions.edit_company(person.company, {"name": "Südwind", "country": "DE"}, by=anna, via="card")
    ActivityFactory(by=anna, person=person, due_at=timezone.now())
    person.refresh_from_db()
    assert (person.company_key, person.country, person.version) == ("sudwind", "DE", 1) and person.next_activity


# --- R18: the bin -----------------------------------------------------------------------------------------------------


def test_r18_a_deleted_company_takes_its_own_along_and_brings_it_back(way, person, anna, client):
    activity = ActivityFactory(by=anna, person=person)
    company = person.company
    way.delete(company)
    for record in (company, person, activity):
        record.refresh_from_db()
        assert record.deleted_at
    client.force_login(anna)
    assert client.get(company.get_absolute_url()).status_code == client.get(person.get_absolute_url()).status_code == 404
    assert client.get(f"/api/v1/persons/{person.pk}/").status_code == 404 and client.get("/api/v1/persons/").json()["count"] == 0
    way.restore(company)
    for record in (company, person, activity):
        record.refresh_from_db()
        assert record.deleted_at is None
    assert person.company == company and last_entry(company).change_set.action == "company.restore"


def test_r18_after_fourteen_days_nothing_is_left(way, person, settings):
    way.delete(person)
    arrange(Person.objects.all(), deleted_at=timezone.now() - timezone.timedelta(days=settings.BIN_DAYS - 1))
    assert settings.BIN_DAYS == 14 and purge_bin() == 0
    arrange(Person.objects.all(), deleted_at=timezone.now() - timezone.timedelta(days=settings.BIN_DAYS, minutes=1))
    assert purge_bin() == 1 and not Person.objects.exists()
    entries = Change.objects.filter(record_type="person")
    assert not entries.exclude(old=None, new=None).exists()


# --- R19: times, text, order ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("zone", "shown"), [
    ("Europe/Berlin", "1 Jan 2031, 00:30"), ("America/St_Johns", "31 Dec 2030, 20:00"), ("Pacific/Kiritimati", "1 Jan 2031, 13:30"),
])  # fmt: skip
def test_r19_a_time_is_stored_in_utc_and_shown_where_the_user_is(client, person, anna, zone, shown):
    ActivityFactory(by=anna, person=person, due_at="2030-12-31T23:30:00Z")
    assert Activity.objects.get().due_at == datetime(2030, 12, 31, 23, 30, tzinfo=UTC)
    anna.time_zone = zone
    anna.save()
    client.force_login(anna)
    text = client.get(reverse("activities:next", args=["persons", person.pk]), **HTMX).content.decode()
    assert shown in text
    # The API tells the moment, wherever its user is.
    due = client.get("/api/v1/activities/").json()["results"][0]["due_at"]
    assert datetime.fromisoformat(due) == datetime(2030, 12, 31, 23, 30, tzinfo=UTC)
    today = "2030-12-31" if zone == "America/St_Johns" else "2031-01-01"
    assert client.get(f"/api/v1/activities/?due_at={today}").json()["count"] == 1


NAMES = [
    "Ångström",
    "Zoë Łukasz",
    "Müller-Lüdenscheidt",
    "李小龙",
    "Ναυσικά",
    "שָׁלוֹם",
    "👩‍💻 Ltd",
    "e\u0301clair",
    "O'Brien & <b>Söhne</b>",
]


@pytest.mark.parametrize("name", NAMES)
def test_r19_any_text_is_kept_as_it_was_typed(way, client, anna, name):
    company = way.new_company(name=name, city=name)
    company.refresh_from_db()
    assert (company.name, company.city) == (name, name)
    client.force_login(anna)
    assert client.get(f"/api/v1/companies/{company.pk}/").json()["name"] == name
    assert "<b>Söhne" not in client.get(company.get_absolute_url()).content.decode()


def test_r19_lists_sort_as_people_read(client, anna):
    for name in ("Zebra", "Äpfel", "apfel", "Birne", "Straße", "Strasse 2", "österreich", "Olive", "éclair"):
        CompanyFactory(by=anna, name=name)
    client.force_login(anna)
    expected = ["apfel", "Äpfel", "Birne", "éclair", "Olive", "österreich", "Straße", "Strasse 2", "Zebra"]
    found = [row["name"] for row in client.get("/api/v1/companies/?ordering=name").json()["results"]]
    assert sorted(found[:2]) == sorted(expected[:2]) and found[2:] == expected[2:]
    page = client.get("/companies/?sort=name").content.decode()
    places = [page.index(f">{name}<") for name in found]
    assert places == sorted(places)
