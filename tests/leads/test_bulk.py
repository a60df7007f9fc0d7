"""Acting on ticked rows, or on all that match (W3, R16, settled 6, 10, 11)."""

import json
import re
from html import unescape

import pytest
from django.utils import translation

from activities.models import Activity
from crm.history.changes import change
from crm.history.models import ChangeSet
from crm.history.purge import erase
from crm.jobs.worker import run_pending
from crm.models import Job
from leads import actions
from leads.models import Company, Person
from tests.factories import ActivityFactory, CompanyFactory, PersonFactory, SaleFactory

pytestmark = pytest.mark.usefixtures("nothing_unattributed")


def toast(response):
    assert response.status_code == 204, response.content.decode()
    return json.loads(response.headers["HX-Trigger"])["toast"]


def opened(client, url, **ticked):
    """Open the dialog and return what its form carries."""
    response = client.post(url, ticked)
    assert response.status_code == 200
    return dict(
        re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', response.content.decode())
    ), response.content.decode()


def do(client, url, values=None, **ticked):
    """Open the dialog, choose, and send it."""
    form, _text = opened(client, url, **ticked)
    return client.post(url, {**form, **(values or {})})


def why(client):
    """Return what is told of those the last action left."""
    return client.get("/left/").content.decode().partition("<main")[2].partition("</main>")[0]


def ids(*records):
    return ",".join(str(record.pk) for record in records)


def test_ticked_persons_get_a_status_with_one_entry_in_the_history_and_undo(client, anna, status):
    company = CompanyFactory(by=anna)
    one, two, other = [PersonFactory(by=anna, company=company) for _number in range(3)]
    client.force_login(anna)
    answer = toast(do(client, "/leads/act/status/?owner=me", {"value": status("Qualified").pk}, ids=ids(one, two)))
    assert answer["text"] == "2 persons are now Qualified." and answer["link"] is None
    assert set(Person.objects.filter(lead_status=status("Qualified"))) == {one, two}
    change_set = ChangeSet.objects.latest("pk")
    assert (change_set.action, change_set.via, change_set.by) == ("person.set_lead_status", "bulk", anna)
    assert toast(client.post(answer["undo_url"], headers={"HX-Request": "true"}))["text"].startswith("Undone")
    assert not Person.objects.filter(lead_status=status("Qualified")).exists()
    assert Person.objects.get(pk=other.pk).version == 1


def test_one_ticked_row_is_a_change_by_the_list(client, rita, anna, roles, status):
    person = PersonFactory(by=anna, company=CompanyFactory(by=anna))
    arrange_role(anna, may_bulk=False)
    client.force_login(anna)
    toast(do(client, "/persons/act/status/", {"value": status("Qualified").pk}, ids=ids(person)))
    assert ChangeSet.objects.latest("pk").via == "list"


def arrange_role(user, **flags):
    type(user.role).objects.filter(pk=user.role_id).update(**flags)


def test_a1_more_than_one_row_needs_the_right_to_change_many(client, anna, status):
    one, two = PersonFactory(by=anna), PersonFactory(by=anna)
    arrange_role(anna, may_bulk=False)
    client.force_login(anna)
    values = {"ids": ids(one, two), "value": status("Qualified").pk, "go": "1"}
    assert client.post("/persons/act/status/", values).status_code == 403
    assert client.post("/persons/act/status/", {**values, "ids": "", "everything": "1", "count": "2"}).status_code == 403
    assert not Person.objects.filter(lead_status=status("Qualified")).exists()


def test_a1_who_only_reads_can_do_nothing_and_is_offered_nothing(client, rita, anna, status):
    person = PersonFactory(by=anna)
    client.force_login(rita)
    assert "data-action-bar" not in client.get("/persons/").content.decode()
    for action in ("status", "owner", "delete"):
        assert client.post(f"/persons/act/{action}/", {"ids": ids(person), "go": "1", "value": "1"}).status_code == 403


def test_a1_rows_one_may_not_see_are_not_touched(client, anna, max_, status):
    mine, theirs = PersonFactory(by=max_), PersonFactory(by=anna)
    client.force_login(max_)
    answer = toast(do(client, "/persons/act/status/", {"value": status("Qualified").pk}, ids=ids(mine, theirs)))
    # No more is told than of a record that never was.
    assert answer["text"] == "1 person is now Qualified; 1 left unchanged."
    page = why(client)
    assert "It is no longer in this list." in page and theirs.last_name not in page
    answer = toast(do(client, "/persons/act/status/", {"value": status("Open").pk}, ids=f"{mine.pk},999999"))
    assert answer["text"] == "1 person is now Open; 1 left unchanged." and why(client) == page
    assert Person.objects.get(pk=theirs.pk).lead_status == status("Open")


def test_r6_who_has_no_status_is_left_and_the_link_says_why(client, anna, category, status):
    lead = PersonFactory(by=anna, company=CompanyFactory(by=anna, category=category("Lead")))
    customer = PersonFactory(
        by=anna, company=CompanyFactory(by=anna, category=category("Customer")), first_name="Jana", last_name="Ott"
    )
    client.force_login(anna)
    answer = toast(do(client, "/persons/act/status/", {"value": status("Qualified").pk}, ids=ids(lead, customer)))
    assert answer["text"] == "1 person is now Qualified; 1 left unchanged."
    page = client.get(answer["link"]["url"]).content.decode()
    assert "the category Customer is not a potential customer" in page and "Jana Ott" in page
    only = toast(do(client, "/persons/act/status/", {"value": status("Open").pk}, ids=ids(customer, customer, lead)))
    assert only["level"] == "ok"


def test_settled_10_who_was_changed_after_the_dialog_opened_is_left(client, anna, jan, status):
    one, two = PersonFactory(by=anna), PersonFactory(by=anna)
    client.force_login(anna)
    form, _text = opened(client, "/persons/act/status/", ids=ids(one, two))
    actions.set_lead_status(two, status("Contacting"), by=jan, via="card")
    answer = toast(client.post("/persons/act/status/", {**form, "value": status("Qualified").pk}))
    assert answer["text"] == "1 person is now Qualified; 1 left unchanged."
    assert Person.objects.get(pk=two.pk).lead_status == status("Contacting")
    assert "Somebody else changed it in the meantime" in client.get(answer["link"]["url"]).content.decode()


def test_settled_10_who_is_gone_since_the_dialog_opened_is_counted_and_told_with_why(client, anna, ada, max_, jan):
    company = CompanyFactory(by=anna)
    persons = [PersonFactory(by=anna, company=company, last_name=f"P{number}") for number in range(3)]
    other, deleted, hidden = persons[2], *(PersonFactory(by=anna, company=None, last_name=name) for name in ("Deleted", "Hidden"))
    client.force_login(anna)
    url, values = "/persons/act/change/", {"field": "title", "operation": "set", "title": "CEO"}
    form, text = opened(client, url, ids=ids(*persons, deleted, hidden), **values, **{"try": "1"})
    assert "5 of 5 would change" in text
    actions.edit_person(other, {"title": "CTO"}, by=jan, via="card")
    actions.delete(deleted, by=jan, via="card")
    actions.set_owner(hidden, max_, by=ada, via="card")
    answer = toast(client.post(url, {**form, **values, "go": "1", "previewed": unescape(form["previewed"])}))
    assert answer["text"] == "2 records were changed; 3 left unchanged."
    page = client.get(answer["link"]["url"]).content.decode()
    assert "Somebody else changed it in the meantime." in page and other.last_name in page
    assert "It is no longer in this list." in page and "Hidden" not in page and "Deleted" not in page
    # Looked at once more, the dialog itself tells it.
    _form, text = opened(client, url, ids=ids(*persons, deleted, hidden), **values, **{"try": "1"})
    assert "2 of the ticked records are no longer in this list." in text and "3 persons" in text


def test_settled_10_of_those_who_get_an_owner_one_is_deleted_meanwhile(client, anna, jan):
    one, two, deleted = (PersonFactory(by=anna) for _number in range(3))
    client.force_login(anna)
    form, _text = opened(client, "/persons/act/owner/", ids=ids(one, two, deleted))
    actions.delete(deleted, by=jan, via="card")
    answer = toast(client.post("/persons/act/owner/", {**form, "value": jan.pk}))
    assert answer["text"] == "2 persons now belong to Jan Behrens; 1 left unchanged." and answer["link"]


def test_all_that_match_are_changed_and_only_they(client, anna, status):
    company = CompanyFactory(by=anna)
    for name in ("Petersen", "Petri", "Otto"):
        PersonFactory(by=anna, company=company, last_name=name, first_name="")
    client.force_login(anna)
    url = "/persons/act/status/?name__starts=pet"
    form, text = opened(client, url, everything="1")
    assert "2 persons" in text and form["ids"] == "" and form["count"] == "2"
    toast(client.post(url, {**form, "value": status("Qualified").pk}))
    assert set(Person.objects.filter(lead_status=status("Qualified")).values_list("last_name", flat=True)) == {
        "Petersen",
        "Petri",
    }


def test_what_came_to_match_after_the_dialog_opened_is_not_changed_unasked(client, anna, status):
    PersonFactory(by=anna, last_name="Petersen")
    client.force_login(anna)
    url = "/persons/act/status/?name__contains=pet"
    form, _text = opened(client, url, everything="1")
    PersonFactory(by=anna, last_name="Petri")
    response = client.post(url, {**form, "value": status("Qualified").pk})
    assert response.status_code == 422 and "The list has changed in the meantime" in response.content.decode()
    assert not Person.objects.filter(lead_status=status("Qualified")).exists()
    again = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', response.content.decode()))
    assert toast(client.post(url, {**again, "value": status("Qualified").pk}))["text"] == "2 persons are now Qualified."


def test_who_had_it_already_is_told_beside_who_changed_and_who_was_left(client, anna, jan, category, status):
    company = CompanyFactory(by=anna)
    lead, same = PersonFactory(by=anna, company=company), PersonFactory(by=anna, company=company, owner=jan)
    customer = PersonFactory(by=anna, company=CompanyFactory(by=anna, category=category("Customer")))
    client.force_login(anna)
    do(client, "/persons/act/status/", {"value": status("Qualified").pk}, ids=ids(same))
    answer = toast(do(client, "/persons/act/status/", {"value": status("Qualified").pk}, ids=ids(lead, same, customer)))
    assert answer["text"] == "1 person is now Qualified; 1 needed no change; 1 left unchanged."
    answer = toast(do(client, "/persons/act/owner/", {"value": jan.pk}, ids=ids(lead, same, customer)))
    assert answer["text"] == "2 persons now belong to Jan Behrens; 1 needed no change."
    answer = toast(do(client, "/companies/act/category/", {"value": company.category.pk}, ids=ids(company)))
    assert answer["text"] == "Nothing was changed; 1 needed no change."
    values = {"field": "title", "operation": "set", "title": "CEO", "go": "1"}
    toast(do(client, "/persons/act/change/", values, ids=ids(lead)))
    answer = toast(do(client, "/persons/act/change/", values, ids=ids(lead, same)))
    assert answer["text"] == "1 record was changed; 1 needed no change."


def test_s8_more_than_a_page_shows_is_changed_after_a_yes_that_says_what_would_come_of_it(client, anna, status, monkeypatch):
    monkeypatch.setattr("crm.tables.bulk.PER_PAGE", 2)
    company = CompanyFactory(by=anna)
    for number in range(3):
        PersonFactory(by=anna, company=company, last_name=f"Person {number}")
    client.force_login(anna)
    asked = do(client, "/persons/act/status/", {"value": status("Qualified").pk}, everything="1")
    text = asked.content.decode()
    assert asked.status_code == 200 and "3 of 3 would change." in text and "<b>Qualified</b>" in text
    assert not Person.objects.filter(lead_status=status("Qualified")).exists()
    sure = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', text))
    assert toast(client.post("/persons/act/status/", sure))["text"] == "3 persons are now Qualified."
    # Why they are disqualified is a question of its own, whose answer is the yes.
    why = do(client, "/persons/act/status/", {"value": status("Disqualified").pk}, everything="1")
    assert why.status_code == 422 and 'name="sure" value="1"' in why.content.decode()


def test_a_filter_nobody_understands_never_widens_what_is_changed(client, anna, status):
    PersonFactory(by=anna)
    client.force_login(anna)
    values = {"everything": "1", "count": "1", "go": "1", "value": status("Qualified").pk}
    assert client.post("/persons/act/status/?nonsense=1", values).status_code == 422
    assert client.post("/persons/act/status/?nonsense=1", {**values, "count": "0"}).status_code == 422
    assert not Person.objects.filter(lead_status=status("Qualified")).exists()


@pytest.mark.parametrize("path", ["persons", "companies"])
def test_records_change_their_owner_and_can_belong_to_nobody(path, client, anna, jan):
    company = CompanyFactory(by=anna)
    records = [company, CompanyFactory(by=anna)] if path == "companies" else [PersonFactory(by=anna), PersonFactory(by=anna)]
    client.force_login(anna)
    answer = toast(do(client, f"/{path}/act/owner/", {"value": jan.pk}, ids=ids(*records)))
    assert answer["text"].endswith("now belong to Jan Behrens.")
    answer = toast(do(client, f"/{path}/act/owner/", {"value": ""}, ids=ids(*records)))
    assert answer["text"].endswith("now belong to nobody.")
    assert not type(records[0]).objects.exclude(pk=0).filter(pk__in=[one.pk for one in records]).exclude(owner=None).exists()


def test_companies_change_their_category_and_the_persons_follow(client, anna, category):
    company = CompanyFactory(by=anna, category=category("Lead"))
    person = PersonFactory(by=anna, company=company)
    client.force_login(anna)
    answer = toast(do(client, "/companies/act/category/", {"value": category("Customer").pk}, ids=ids(company)))
    assert answer["text"] == "1 company is now Customer."
    person.refresh_from_db()
    assert not person.is_lead and person.category == category("Customer")
    assert client.post("/persons/act/category/", {"ids": "1"}).status_code == 404


@pytest.mark.parametrize("value", ["", "x", "999999", "-1", "1" * 30])
def test_u3_a_value_that_does_not_exist_is_refused_in_the_dialog(value, client, anna):
    person = PersonFactory(by=anna)
    client.force_login(anna)
    response = do(client, "/persons/act/status/", {"value": value}, ids=ids(person))
    assert response.status_code == 422 and "Choose one of these" in response.content.decode()


@pytest.mark.parametrize("ticked", ["", "x", "1,2,x", "99999999", "9" * 40, ",,,"])
def test_u3_rows_that_are_not_there_are_told(ticked, client, anna):
    client.force_login(anna)
    response = client.post("/persons/act/status/", {"ids": ticked, "go": "1", "value": "1"})
    assert response.status_code == 422 and "None of these records" in response.content.decode()


# --- Deleting ---------------------------------------------------------------------------------------------------------------


def test_settled_6_deleting_companies_names_what_goes_along_first(client, anna):
    company = CompanyFactory(by=anna)
    person = PersonFactory(by=anna, company=company, former_employee=True)
    ActivityFactory(by=anna, person=person)
    ActivityFactory(by=anna, person=None, company=company)
    client.force_login(anna)
    _form, text = opened(client, "/companies/act/delete/", ids=ids(company))
    assert "1 person (1 former employee), 2 follow-ups" in text and "14 days" in text
    # If the persons stay, what is theirs stays, too.
    assert "Keep them without a company" in text and "Also deleted: 1 follow-up." in text
    answer = toast(do(client, "/companies/act/delete/", ids=ids(company)))
    assert answer["text"] == "1 company is in the bin."
    assert not Person.objects.filter(deleted_at=None).exists() and not Activity.objects.filter(deleted_at=None).exists()
    client.post(answer["undo_url"])
    assert Person.objects.filter(deleted_at=None).count() == 1 and Activity.objects.filter(deleted_at=None).count() == 2


def test_settled_6_the_persons_may_stay_without_a_company(client, anna):
    company = CompanyFactory(by=anna)
    person = PersonFactory(by=anna, company=company)
    theirs, its = ActivityFactory(by=anna, person=person), ActivityFactory(by=anna, person=None, company=company)
    sale = SaleFactory(by=anna, company=company, person=person)
    of_sale = ActivityFactory(by=anna, person=person, sale=sale)
    client.force_login(anna)
    _form, text = opened(client, "/companies/act/delete/", ids=ids(company))
    assert "Also deleted: 1 person, 3 follow-ups, 1 sale." in text and "Also deleted: 2 follow-ups, 1 sale." in text
    toast(do(client, "/companies/act/delete/", {"keep_persons": "1"}, ids=ids(company)))
    person.refresh_from_db()
    assert person.deleted_at is None and person.company is None
    assert set(Activity.objects.exclude(deleted_at=None)) == {its, of_sale} and Activity.objects.get(deleted_at=None) == theirs


def test_a1_deleting_needs_the_right_to(client, anna):
    person = PersonFactory(by=anna)
    arrange_role(anna, may_delete=False)
    client.force_login(anna)
    assert 'data-action="delete"' not in client.get("/persons/").content.decode()
    assert client.post("/persons/act/delete/", {"ids": ids(person), "go": "1"}).status_code == 403
    assert Person.objects.filter(deleted_at=None).exists()


# --- Many -----------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_steps(monkeypatch):
    """More than three records are many."""
    monkeypatch.setattr("crm.history.changes.AT_ONCE", 3)
    monkeypatch.setattr("crm.tables.bulk.AT_ONCE", 3)
    monkeypatch.setattr("crm.tables.pages.AT_ONCE", 3)


def test_settled_11_many_are_a_job_on_the_list_as_it_was(client, anna, category, status, small_steps):
    company = CompanyFactory(by=anna)
    persons = [PersonFactory(by=anna, company=company, last_name=f"P{number}") for number in range(7)]
    customer = PersonFactory(by=anna, company=CompanyFactory(by=anna, category=category("Customer")), last_name="P9")
    client.force_login(anna)
    answer = toast(do(client, "/persons/act/status/", {"value": status("Qualified").pk}, everything="1"))
    assert "background" in answer["text"] and not Person.objects.filter(lead_status=status("Qualified")).exists()
    late = PersonFactory(by=anna, company=company, last_name="Late")
    assert run_pending(beating=False) >= 1
    job = Job.objects.get(path__endswith="act_in_background")
    assert (job.state, job.text) == ("done", "7 persons are now Qualified; 1 left unchanged.")
    with translation.override("de"):
        assert "Qualifiziert" in job.text
    assert set(Person.objects.filter(lead_status=status("Qualified"))) == set(persons)
    late.refresh_from_db()
    assert late.lead_status == status("Open")
    why = client.get(job.url).content.decode()
    assert customer.last_name in why and "not a potential customer" in why
    client.post(job.undo_url)
    run_pending(beating=False)
    assert not Person.objects.filter(lead_status=status("Qualified")).exists()


def test_settled_10_who_is_gone_before_or_while_the_job_waits_is_told_by_it(client, anna, jan, small_steps):
    persons = [PersonFactory(by=anna, last_name=f"P{number}") for number in range(7)]
    client.force_login(anna)
    form, _text = opened(client, "/persons/act/owner/", ids=ids(*persons))
    actions.delete(persons[0], by=jan, via="card")
    toast(client.post("/persons/act/owner/", {**form, "value": jan.pk}))
    actions.delete(persons[1], by=jan, via="card")
    with change("purge", by=None, via="system"):
        erase("person", Person, [persons[2].pk])
    assert run_pending(beating=False) >= 1
    job = Job.objects.get(path__endswith="act_in_background")
    assert job.text == "4 persons now belong to Jan Behrens; 3 left unchanged."
    page = client.get(job.url).content.decode()
    assert "It is no longer in this list." in page and ">3<" in page


def test_nobody_else_sees_what_a_job_of_mine_left(client, anna, max_, status, small_steps):
    for number in range(5):
        PersonFactory(by=anna, last_name=f"P{number}")
    client.force_login(anna)
    do(client, "/persons/act/status/", {"value": status("Open").pk}, everything="1")
    job = Job.objects.get(path__endswith="act_in_background")
    client.force_login(max_)
    assert client.get(f"/left/?job={job.pk}").status_code == 404
    assert client.get("/left/?job=x").status_code == 404
    assert client.get("/left/").status_code == 200


@pytest.mark.parametrize("action", ["status", "owner", "delete"])
def test_the_statements_of_a_bulk_change_do_not_grow_with_its_rows(
    action, client, anna, jan, status, django_assert_max_num_queries
):
    client.force_login(anna)
    company = CompanyFactory(by=anna)
    value = {"status": status("Qualified").pk, "owner": jan.pk, "delete": ""}[action]
    counts = []
    for number in (2, 20):
        persons = [PersonFactory(by=anna, company=company) for _number in range(number)]
        form, _text = opened(client, f"/persons/act/{action}/", ids=ids(*persons))
        with django_assert_max_num_queries(60) as asked:
            toast(client.post(f"/persons/act/{action}/", {**form, "value": value}))
        counts.append(len(asked))
    assert counts[0] == counts[1]


def test_companies_and_their_persons_are_deleted_by_the_admin_of_all(client, ada, anna):
    CompanyFactory(by=anna)
    client.force_login(ada)
    toast(do(client, "/companies/act/delete/", everything="1"))
    assert not Company.objects.filter(deleted_at=None).exists()
