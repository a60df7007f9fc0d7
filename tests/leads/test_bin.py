"""The recycle bin and what becomes of it (R18, settled 12)."""

import datetime
import json
import re

import pytest
from django.core.exceptions import PermissionDenied
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from activities import actions as follow_ups
from activities import lifecycle as activity_lifecycle
from activities.models import Activity
from crm import access
from crm.history.models import Change, ChangeSet
from crm.models import ExternalId, SearchText
from leads import actions
from leads.models import Company, Person
from tests.factories import ActivityFactory, CompanyFactory, PersonFactory, SaleFactory, arrange

pytestmark = pytest.mark.usefixtures("nothing_unattributed")


def names(response):
    return re.findall(r'<span class="line name">([^<]*)</span>', response.content.decode())


def test_r18_the_bin_shows_what_was_deleted_by_whom_and_how_long_it_stays(client, anna, jan):
    company = CompanyFactory(by=anna, name="Nordwind")
    person = PersonFactory(by=anna, company=company, first_name="Jana", last_name="Petersen")
    actions.delete(person, by=jan, via="card")
    client.force_login(anna)
    page = client.get("/bin/?of=person")
    text = page.content.decode()
    assert names(page) == ["Jana Petersen"] and "Jan Behrens" in text and "14 more days" in text and "Nordwind" in text
    assert not names(client.get("/bin/?of=company"))
    assert names(client.get("/bin/")) == ["Jana Petersen"]  # it opens where there is something


def test_r18_ticked_records_come_back_with_all_that_went_with_them(client, anna):
    company = CompanyFactory(by=anna)
    person = PersonFactory(by=anna, company=company)
    ActivityFactory(by=anna, person=person)
    actions.delete(company, by=anna, via="card")
    client.force_login(anna)
    answer = client.post("/bin/restore/?of=company", {"ids": f"{company.pk},999"})
    told = json.loads(answer.headers["HX-Trigger"])
    assert told["toast"]["text"] == "1 record is back." and told["toast"]["undo_url"]
    assert Company.objects.filter(deleted_at=None).exists() and Person.objects.filter(deleted_at=None).exists()
    assert Activity.objects.filter(deleted_at=None).exists()


def test_a1_the_bin_shows_and_restores_only_what_one_may_edit(client, anna, max_, rita):
    company = CompanyFactory(by=anna)
    actions.delete(company, by=anna, via="card")
    client.force_login(max_)
    assert not names(client.get("/bin/"))
    client.post("/bin/restore/?of=company", {"ids": company.pk})
    assert not Company.objects.filter(deleted_at=None).exists()
    client.force_login(rita)
    assert client.get("/bin/").status_code == 403 and client.post("/bin/restore/", {"ids": company.pk}).status_code == 403


def test_r18_a_deleted_follow_up_waits_in_the_bin_and_comes_back_from_it(client, anna, jan):
    person = PersonFactory(by=anna, first_name="Jana", last_name="Petersen")
    due = timezone.now() + datetime.timedelta(days=1)
    call = ActivityFactory(by=anna, person=person, subject="Call her", due_at=due)
    note = ActivityFactory(by=anna, person=None, company=person.company, subject="Noted", kind="note")
    of_nobody = PersonFactory(by=anna, company=None, last_name="Alone")
    gone = ActivityFactory(by=anna, person=of_nobody, subject="Went with its person")
    follow_ups.delete(Activity.objects.filter(pk__in=[call.pk, note.pk]), by=jan, via="bulk")
    actions.delete(of_nobody, by=anna, via="card")
    client.force_login(anna)
    page = client.get("/bin/?of=activity")
    text = page.content.decode()
    assert names(page) == ["Noted", "Call her"] and "Jan Behrens" in text
    assert "Jana Petersen" in text and f'<span class="sub">{person.company.name}' in text
    assert re.search(r'of=activity"[^>]*>Follow-ups <span class="count">2<', text)
    answer = client.post("/bin/restore/?of=activity", {"ids": f"{call.pk},{note.pk},{gone.pk}"})
    told = json.loads(answer.headers["HX-Trigger"])
    assert told["toast"]["text"] == "2 records are back."
    assert set(Activity.objects.filter(deleted_at=None)) == {call, note}
    person.refresh_from_db()
    assert person.next_activity == due
    client.post(told["toast"]["undo_url"])
    assert not Activity.objects.filter(deleted_at=None).exists()


def test_r18_what_went_with_its_record_comes_back_with_it_alone(client, anna):
    company = CompanyFactory(by=anna)
    person, sale = PersonFactory(by=anna, company=company), SaleFactory(by=anna, company=company)
    belongs = {
        "person": {"person": person},
        "company": {"person": None, "company": company},
        "sale": {"person": None, "sale": sale},
    }
    of = {kind: ActivityFactory(by=anna, subject=f"Of the {kind}", **link) for kind, link in belongs.items()}
    earlier = ActivityFactory(by=anna, person=person, subject="Deleted before")
    follow_ups.delete(earlier, by=anna, via="card")
    client.force_login(anna)
    for record, kinds in ((person, {"person"}), (sale, {"sale"}), (company, {"person", "company", "sale"})):
        actions.delete(record, by=anna, via="card")
        assert set(Activity.objects.exclude(deleted_at=None)) == {earlier, *(of[kind] for kind in kinds)}
        assert names(client.get("/bin/?of=activity")) == ([] if "person" in kinds else ["Deleted before"])
        actions.restore(record, by=anna, via="list")
        assert set(Activity.objects.exclude(deleted_at=None)) == {earlier}
        assert names(client.get("/bin/?of=activity")) == ["Deleted before"]


def test_r18_a_follow_up_whose_company_alone_was_deleted_can_come_back(client, anna):
    """Its person stayed (settled 6)."""
    person = PersonFactory(by=anna)
    call = ActivityFactory(by=anna, person=person, subject="Call")
    actions.delete(person.company, by=anna, via="card", keep_persons=True)
    follow_ups.delete(call, by=anna, via="card")
    client.force_login(anna)
    assert names(client.get("/bin/?of=activity")) == ["Call"]
    client.post("/bin/restore/?of=activity", {"ids": call.pk})
    assert Activity.objects.filter(deleted_at=None).exists() and not Company.objects.filter(deleted_at=None).exists()


def test_r18_a_series_that_has_gone_on_does_not_go_on_twice(client, anna):
    weekly = ActivityFactory(by=anna, subject="Weekly", due_at=timezone.now(), repeat="weekly")
    follow_ups.set_done(weekly, True, by=anna, via="card")
    following = Activity.objects.get(previous=weekly)
    follow_ups.delete(following, by=anna, via="card")
    for done in (False, True):
        follow_ups.set_done(weekly, done, by=anna, via="card")
    client.force_login(anna)
    answer = client.post("/bin/restore/?of=activity", {"ids": following.pk})
    assert "The series has continued in the meantime." in answer.headers["HX-Trigger"]
    following.refresh_from_db()
    assert following.deleted_at and Activity.objects.filter(previous=weekly, deleted_at=None).count() == 1
    # What comes back beside it is told, and so is what is left.
    call = ActivityFactory(by=anna)
    follow_ups.delete(call, by=anna, via="card")
    answer = client.post("/bin/restore/?of=activity", {"ids": [call.pk, following.pk]})
    text = json.loads(answer.headers["HX-Trigger"])["toast"]["text"]
    assert text == "1 record is back. 1 was left as it is: The series has continued in the meantime."


def test_a1_follow_ups_are_restored_only_by_who_may_change_them(client, anna, max_, rita):
    call = ActivityFactory(by=anna, person=PersonFactory(by=anna))
    follow_ups.delete(call, by=anna, via="card")
    client.force_login(max_)
    assert not names(client.get("/bin/?of=activity"))
    client.post("/bin/restore/?of=activity", {"ids": call.pk})
    for user in (max_, rita):
        with pytest.raises(PermissionDenied):
            follow_ups.restore(call, by=user, via="list")
    call.refresh_from_db()
    assert call.deleted_at


@pytest.mark.parametrize("query", ["of=user", "of=", "of=company&of=x"])
def test_u3_there_is_no_bin_for_other_things(query, client, anna):
    client.force_login(anna)
    assert client.get(f"/bin/?{query}").status_code == 404


def test_u3_a_broken_page_of_the_bin_is_told(client, anna):
    client.force_login(anna)
    response = client.get("/bin/?after=broken")
    assert response.status_code == 400 and "could not be understood" in response.content.decode()
    assert client.post("/bin/restore/", {"ids": "x,,9999999999999999999999"}).status_code == 204


def test_the_bin_has_pages(client, anna, monkeypatch):
    monkeypatch.setattr("leads.views.bin.PER_PAGE", 2)
    for number in range(5):
        actions.delete(CompanyFactory(by=anna, name=f"C{number}"), by=anna, via="card")
    client.force_login(anna)
    found, url = [], "/bin/"
    while url:
        page = client.get(url)
        found += names(page)
        following = re.search(r'href="([^"]+)">Show older', page.content.decode())
        url = following[1].replace("&amp;", "&") if following else None
    assert found == ["C4", "C3", "C2", "C1", "C0"]


# --- Removing for good ---------------------------------------------------------------------------------------------------------


def long_ago(*models):
    for model in models:
        arrange(model.objects.exclude(deleted_at=None), deleted_at=timezone.now() - datetime.timedelta(days=15))


@pytest.fixture
def deleted(anna):
    """A company with a person and follow-ups, deleted fifteen days ago; a second one that is not."""
    company = CompanyFactory(by=anna, name="Nordwind Secret", city="Bremen")
    person = PersonFactory(by=anna, company=company, first_name="Jana", last_name="Petersen", email="jana@secret.example")
    ActivityFactory(by=anna, person=person, subject="Call about the secret")
    actions.edit_person(person, {"last_name": "Secretova", "title": "Secret"}, by=anna, via="card")
    actions.edit_company(company, {"name": "Secret again", "phone": "040 5551234"}, by=anna, via="card")
    ExternalId.objects.create(source="zoho", record_type="person", record_id=person.pk, external_id="1")
    actions.delete(company, by=anna, via="card")
    long_ago(Company, Person, Activity)
    kept = CompanyFactory(by=anna, name="Kept")
    PersonFactory(by=anna, company=kept)
    return company, person


def test_r18_after_its_days_a_record_is_removed_with_all_that_is_known_of_it(deleted):
    call_command("purge", verbosity=0)
    assert Company.objects.count() == 1 and Person.objects.count() == 1 and not Activity.objects.exists()
    assert not ExternalId.objects.exists() and SearchText.objects.exclude(record_type="dashboard").count() == 2
    kept = [*Change.objects.values_list("old", "new"), *ChangeSet.objects.values_list("params", "action")]
    told = json.dumps(kept, default=str)
    for secret in ("ecret", "Petersen", "Jana", "5551234", "Nordwind", "Bremen"):
        assert secret not in told, secret
    assert ChangeSet.objects.filter(action="purge", by=None, via="system").exists()
    assert Change.objects.filter(record_type="person", op="d").count() == 1


def test_r18_what_was_deleted_lately_stays(anna):
    actions.delete(CompanyFactory(by=anna), by=anna, via="card")
    call_command("purge", verbosity=0)
    assert Company.objects.count() == 1


def test_r18_what_was_restored_survives(deleted, anna):
    actions.restore(deleted[0], by=anna, via="card")
    call_command("purge", verbosity=0)
    assert Company.objects.count() == 2 and Person.objects.filter(last_name="Secretova").exists()


def test_r18_a_company_that_still_has_persons_waits_for_them(deleted, anna):
    arrange(Person.objects.filter(pk=deleted[1].pk), deleted_at=timezone.now())
    call_command("purge", verbosity=0)
    assert Company.objects.filter(pk=deleted[0].pk).exists() and Person.objects.filter(pk=deleted[1].pk).exists()
    long_ago(Person)
    call_command("purge", verbosity=0)
    assert not Company.objects.filter(pk=deleted[0].pk).exists()


def test_r18_what_is_known_of_a_person_who_stays_survives_the_company_they_were_at(anna):
    """Kept without the company, or gone to another one before: their follow-ups are theirs, in the bin or not."""
    company, elsewhere = CompanyFactory(by=anna), CompanyFactory(by=anna)
    kept, moved = PersonFactory(by=anna, company=company), PersonFactory(by=anna, company=company)
    note = ActivityFactory(by=anna, person=kept, kind="note", subject="Likes it short")
    call = ActivityFactory(by=anna, person=moved, subject="Call")
    binned = ActivityFactory(by=anna, person=moved, subject="Wrong")
    of_the_company = ActivityFactory(by=anna, person=None, company=company)
    actions.edit_person(moved, {"company": elsewhere}, by=anna, via="card")
    actions.delete(company, by=anna, via="card", keep_persons=True)
    long_ago(Company, Activity)
    follow_ups.delete(binned, by=anna, via="card")
    call_command("purge", verbosity=0)
    assert not Company.objects.filter(pk=company.pk).exists() and not Activity.objects.filter(pk=of_the_company.pk).exists()
    left = {(activity.pk, activity.person_id, activity.company_id) for activity in Activity.objects.all()}
    assert left == {(note.pk, kept.pk, None), (call.pk, moved.pk, None), (binned.pk, moved.pk, None)}
    subjects = Change.objects.filter(record_type="activity", record_id=note.pk, op="i", field="subject")
    assert subjects.get().new == "Likes it short"
    assert not any(activity_lifecycle.drift().values())


def test_purging_twice_changes_nothing_more(deleted):
    call_command("purge", verbosity=0)
    before = Change.objects.count(), ChangeSet.objects.count()
    call_command("purge", verbosity=0)
    assert (Change.objects.count(), ChangeSet.objects.count()) == before


def test_what_was_purged_cannot_be_undone(deleted, anna, client):
    deletion = ChangeSet.objects.filter(action="company.delete").get()
    call_command("purge", verbosity=0)
    purge = ChangeSet.objects.filter(action="purge").latest("pk")
    assert not purge.undoable
    client.force_login(anna)
    assert client.post(f"/history/{deletion.pk}/undo/", headers={"HX-Request": "true"}).status_code < 500
    assert not Company.objects.filter(pk=deleted[0].pk).exists()


@pytest.mark.parametrize("model", [Company, Person])
def test_the_bin_is_found_by_its_index_however_much_is_not_in_it(model, mia):
    found = access.in_bin(model.objects.all(), mia).order_by("-deleted_at").values("pk")
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")  # so small a table is read whole all the same
    assert {Company: "co_bin", Person: "pe_bin"}[model] in found.explain()


# --- Deleted while somebody else has the card open --------------------------------------------------------------------------


def asked_on_card(client, person, address, data=None):
    """Ask for something as the card of this person does, and return the status and the message."""
    headers = {"HX-Request": "true", "HX-Current-URL": f"http://testserver/persons/{person.pk}/"}
    answer = client.get(address, headers=headers) if data is None else client.post(address, data, headers=headers)
    return answer.status_code, json.loads(answer.headers["HX-Trigger"])["toast"]


def test_who_acts_on_a_card_that_was_deleted_is_told_by_whom_and_may_restore_it(client, anna, jan):
    person = PersonFactory(by=anna, first_name="Jana", last_name="Petersen")
    activity = ActivityFactory(by=anna, person=person)
    actions.delete(person, by=jan, via="card")
    client.force_login(anna)
    for address, data in (
        (f"/persons/{person.pk}/facts/title/", {"title": "CEO", "version": "1"}),
        (f"/persons/{person.pk}/edit/", None),
        (f"/persons/{person.pk}/timeline/", None),
        (f"/persons/{person.pk}/status/", {"status": "1"}),
        (f"/follow-ups/{activity.pk}/tick/", {"done": "1"}),
    ):
        status, told = asked_on_card(client, person, address, data)
        assert status == 404 and told["text"].startswith("Jana Petersen was deleted by Jan Behrens on"), address
    restored = client.post(told["restore"]["url"], {"ids": told["restore"]["ids"]}, headers={"HX-Request": "true"})
    assert "1 record is back." in restored.headers["HX-Trigger"] and Person.objects.visible_to(anna).filter(pk=person.pk).exists()
    page = client.get("/persons/999999/").content.decode()
    assert "does not exist" in page and "deleted" not in page


def test_the_page_of_what_was_deleted_says_so_and_leads_to_the_bin(client, anna, jan):
    person = PersonFactory(by=anna, first_name="Jana", last_name="Petersen")
    actions.delete(person, by=jan, via="card")
    client.force_login(anna)
    page = client.get(f"/persons/{person.pk}/?tab=history")
    text = page.content.decode()
    assert page.status_code == 404 and "Jana Petersen was deleted by Jan Behrens" in text and "/bin/?of=person" in text


def test_a1_what_was_deleted_is_told_to_who_could_see_it_alone(client, anna, max_, rita):
    person = PersonFactory(by=anna, last_name="Petersen")
    actions.delete(person, by=anna, via="card")
    client.force_login(max_)
    status, told = asked_on_card(client, person, f"/persons/{person.pk}/edit/")
    assert status == 404 and "do not have access to it" in told["text"] and not told["restore"]
    # Who only reads is told, and offered nothing.
    client.force_login(rita)
    _status, told = asked_on_card(client, person, f"/persons/{person.pk}/edit/")
    assert "was deleted by Anna Kraft" in told["text"] and not told["restore"]
