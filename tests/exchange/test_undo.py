"""An import is taken back as a whole: all it brought goes, what was built on since stays and is named (R16, settled 8)."""

import json

import pytest
from django.core.exceptions import PermissionDenied

from activities.actions import create_activity
from activities.models import Activity
from crm.jobs.worker import run_pending
from crm.models import ExternalId, Job, User
from exchange.models import Import
from leads.actions import edit_person, set_lead_status
from leads.models import Company, Industry, Person, Source
from tests.exchange.files import brought, counts, csv_of, everything, tried
from tests.factories import CompanyFactory, PersonFactory

pytestmark = pytest.mark.usefixtures("nothing_unattributed")

HEAD = [
    "Id",
    "First name",
    "Last name",
    "E-mail",
    "Company",
    "Account Id",
    "City",
    "Industry",
    "Owner",
    "Source",
    "Lead status",
    "Title",
]


def the_file(count=25):
    return csv_of(
        HEAD,
        *[[str(number), "Jana", f"N{number}", f"n{number}@example.com", f"Firma {number % 7}", str(number % 7), "Köln", "Shipping",
           f"New Rep {number % 3}", "Fair", "Qualified", "CTO"] for number in range(count)],
        ["", "No", "Key", "", "Firma 1", "", "", "", "", "", "", ""],
    )  # fmt: skip


@pytest.mark.parametrize("policy", ["gaps", "overwrite"])
@pytest.mark.parametrize("batch", [10, 2_000])
def test_undo_leaves_every_business_row_as_it_was(ada, anna, category, undo, monkeypatch, batch, policy):
    monkeypatch.setattr("exchange.importer.BATCH", batch)
    there = CompanyFactory(by=ada, owner=anna, name="FIRMA 3", city="", category=category("Customer"))
    PersonFactory(by=ada, owner=anna, email="n3@example.com", company=there, title="", first_name="")
    PersonFactory(by=ada, owner=anna, email="n4@example.com", company=None, category=category("Other"), title="CEO")
    before = everything(edits=False)
    source, report = brought(ada, the_file(), policy=policy)
    assert report.counts["persons_created"] == 24 and report.counts["persons_updated"] == 2
    assert (
        Industry.objects.filter(name_en="Shipping").exists() and User.objects.filter(last_name="0", first_name="New Rep").exists()
    )
    outcome = undo(source, ada)
    assert not outcome.left and everything(edits=False) == before
    source.refresh_from_db()
    assert source.undone and source.told == "This import was undone." and source.stage_label == "undone"


def test_after_undo_the_file_comes_as_if_for_the_first_time(ada, undo):
    source, first = brought(ada, the_file())
    undo(source, ada)
    _source, again = brought(ada, the_file())
    assert again.counts == first.counts


def test_what_was_built_on_stays_and_is_named(ada, anna, undo):
    source, _report = brought(ada, the_file())
    edited = Person.objects.get(last_name="N1")
    edit_person(edited, {"title": "CEO"}, by=ada, via="card")
    called = Person.objects.get(last_name="N2")
    create_activity({"subject": "Call", "person": called}, by=ada, via="card")
    visited = Company.objects.get(name="Firma 6")
    create_activity({"subject": "Visit", "company": visited}, by=ada, via="card")
    fair = Source.objects.get(name_en="Fair")
    PersonFactory(by=ada, source=fair, company=None, last_name="Later")
    outcome = undo(source, ada)
    assert (edited.pk, "It was changed since.") in outcome.left and len(outcome.left) >= 4
    assert set(Person.objects.values_list("last_name", flat=True)) == {"N1", "N2", "Later"}
    # Their companies, owners and list items stay with them; nobody else's do.
    assert set(Company.objects.values_list("name", flat=True)) == {"Firma 1", "Firma 2", "Firma 6"}
    assert set(User.objects.filter(first_name="New Rep").values_list("last_name", flat=True)) >= {"1", "2"}
    assert (
        not User.objects.filter(first_name="New Rep", last_name="0").exists()
        or Company.objects.filter(owner__last_name="0").exists()
    )
    assert Source.objects.filter(name_en="Fair").exists() and Activity.objects.count() == 2
    # Who stayed is still known by the other system's id.
    assert ExternalId.objects.filter(record_type="person", record_id=edited.pk).exists()


def test_a_created_user_who_was_given_a_password_stays(ada, undo):
    source, _report = brought(ada, the_file())
    user = User.objects.get(first_name="New Rep", last_name="1")
    user.set_password("a good password")
    user.save()
    undo(source, ada)
    assert set(User.objects.filter(first_name="New Rep")) == {user} and not Person.objects.exists()


def test_created_users_cannot_sign_in_and_say_so_by_their_address(ada):
    brought(ada, the_file())
    user = User.objects.get(first_name="New Rep", last_name="1")
    assert (user.username, user.email, user.role.code) == ("new.rep.1", "new.rep.1@users.invalid", "sales_rep")
    assert not user.has_usable_password() and user.persons.exists()


def test_an_edit_of_a_person_who_was_here_before_is_not_overwritten(ada, undo, status):
    person = PersonFactory(by=ada, email="n1@example.com", title="", phone="")
    source, _report = brought(ada, csv_of(["Name", "E-mail", "Title", "Phone"], ["x", "n1@example.com", "CTO", "040 1"]))
    edit_person(Person.objects.get(pk=person.pk), {"title": "CEO"}, by=ada, via="card")
    set_lead_status(Person.objects.filter(pk=person.pk), status("Qualified"), by=ada, via="card")
    outcome = undo(source, ada)
    person.refresh_from_db()
    assert (person.title, person.phone, person.lead_status) == ("CEO", "", status("Qualified"))
    assert outcome.left == [(person.pk, "“Job title” was changed again later.")] or "changed again" in outcome.left[0][1]


def test_only_who_may_change_the_records_undoes_them(ada, max_, roles, undo):
    roles["sales_rep"].see = roles["sales_rep"].edit = "own"
    roles["sales_rep"].save()
    source, _report = brought(ada, csv_of(["Name"], ["A"]))
    with pytest.raises(PermissionDenied):
        undo(source, max_)
    assert Person.objects.exists()


def test_thousands_of_rows_are_undone_in_chunks(ada, undo, monkeypatch):
    monkeypatch.setattr("crm.history.changes.AT_ONCE", 50)
    monkeypatch.setattr("crm.history.undo.AT_ONCE", 50)
    before = everything(edits=False)
    source, _report = brought(ada, the_file(260))
    outcome = undo(source, ada)
    assert not outcome.left and everything(edits=False) == before


def test_an_undone_import_that_brought_records_cannot_be_redone_by_mistake(ada, undo):
    source, _report = brought(ada, the_file())
    outcome = undo(source, ada)
    assert not outcome.change_set.undoable
    _source, report = tried(ada, the_file())
    assert counts(report)["persons_created"] == 26


def test_what_was_taken_back_is_counted_when_it_is_and_not_at_each_look(ada, anna, roles, undo, django_assert_num_queries):
    source, _report = brought(ada, csv_of(["Name", "Owner"], ["A", "anna"], ["B", "ada"]), values={"owner": {"ada": "me"}})
    roles["sales_rep"].edit = "own"
    roles["sales_rep"].may_import = roles["sales_rep"].may_delete = True
    roles["sales_rep"].save()
    for by, removed in ((anna, 1), (ada, 2)):
        undo(source, by)
        source = Import.objects.select_related("change_set").get()
        with django_assert_num_queries(1):  # the undo
            assert source.figures == [("Persons, removed", removed)]


THREE = csv_of(["Name", "E-mail", "Company"], *[[f"P{n}", f"p{n}@example.com", "Firma"] for n in range(3)])


@pytest.mark.parametrize("at_once", [2_000, 2])
def test_the_imports_page_lists_for_good_what_stayed_and_why(client, ada, anna, max_, monkeypatch, at_once):
    monkeypatch.setattr("crm.history.changes.AT_ONCE", at_once)
    monkeypatch.setattr("crm.history.undo.AT_ONCE", at_once)
    source, _report = brought(anna, THREE)
    edited = Person.objects.get(last_name="P1")
    edit_person(edited, {"title": "CEO"}, by=ada, via="card")
    client.force_login(anna)
    answer = client.post(f"/history/{source.change_set.pk}/undo/", headers={"HX-Request": "true"})
    run_pending(beating=False)
    link = Job.objects.last().url if at_once == 2 else json.loads(answer.headers["HX-Trigger"])["toast"]["link"]["url"]
    for address in (f"/imports/{source.pk}/", link):
        page = client.get(address).content.decode()
        assert f'<a href="/persons/{edited.pk}/">P1</a>' in page and "It was changed since." in page
        assert f'<a href="/companies/{edited.company_id}/">Firma</a>' in page  # P1 is still there
    page = client.get(f"/imports/{source.pk}/").content.decode()
    assert "This import was undone in part." in page and "can undo the rest" not in page and "/undo/" not in page
    # It was not undone for this record, and its history says so.
    assert "undone" not in client.get(f"/persons/{edited.pk}/history/").content.decode()
    client.force_login(ada)
    assert client.get(link).status_code == 200
    client.force_login(max_)
    assert client.get(link).status_code == 404


def test_what_somebody_else_may_take_back_can_still_be_undone(client, ada, anna, max_, roles, undo):
    owners = csv_of(
        ["Name", "E-mail", "Owner"], *[[f"P{n}", f"p{n}@example.com", name] for n, name in enumerate(["anna", "max"])]
    )
    source, _report = brought(anna, owners)
    roles["sales_rep"].edit = "own"
    roles["sales_rep"].save()
    undo(source, anna)
    client.force_login(anna)
    page = client.get(f"/imports/{source.pk}/").content.decode()
    assert "Somebody who may change what was left can undo the rest." in page and "You may not change this record." in page
    assert not undo(source, ada).left and not Person.objects.exists()
    page = client.get(f"/imports/{source.pk}/").content.decode()
    assert "This import was undone." in page and "You may not change" not in page
