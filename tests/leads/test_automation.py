"""Category automation by a lead status: R12 and R13, settled 7, by every way in. Rules of sales: tests/sales/test_automation.py."""

import contextlib
import json
from datetime import timedelta

import pytest
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from crm.history.changes import Conflict, Outcome
from crm.history.models import ChangeSet
from crm.history.undo import undo
from crm.models import User
from exchange import actions as imports
from leads import actions, automation, list_items
from leads.models import AutomationRule, Category, CategoryGroup, Company, Person, Proposal
from sales import actions as sale_actions
from tests.factories import CompanyFactory, PersonFactory, SaleFactory, arrange
from tests.meanwhile import meanwhile, only_postgresql

pytestmark = pytest.mark.usefixtures("nothing_unattributed")


@pytest.fixture
def rule(ada, category, status):
    """Qualified leads make their company an MQL, unasked."""
    values = {
        "lead_status": status("Qualified"),
        "target": category("Marketing qualified lead (MQL)"),
        "enabled": True,
        "ask_first": False,
    }
    return automation.create_rule(values, by=ada, via="admin")


@pytest.fixture
def asking(rule):
    arrange(AutomationRule.objects.filter(pk=rule.pk), ask_first=True)
    rule.refresh_from_db()
    return rule


@pytest.fixture
def lead(ada):
    return PersonFactory(by=ada, last_name="Petersen", email="p@example.com", company=CompanyFactory(by=ada, name="Nordwind"))


# --- The ways in ------------------------------------------------------------------------------------------------------


def by_action(client, user, person, status):
    actions.set_lead_status(person, status, by=user, via="card")


def by_menu(client, user, person, status):
    assert client.post(f"/persons/{person.pk}/status/", {"status": status.pk}, headers={"HX-Request": "true"}).status_code == 204


def by_form(client, user, person, status):
    data = {"lead_status": status.pk, "version": person.version, "was-lead_status": person.lead_status_id}
    assert client.post(f"/persons/{person.pk}/facts/lead_status/", data, headers={"HX-Request": "true"}).status_code == 204


def by_bulk(client, user, person, status):
    data = {"ids": person.pk, "value": status.pk, "go": "1"}
    assert client.post("/persons/act/status/?all=1", data, headers={"HX-Request": "true"}).status_code == 204


def by_api(client, user, person, status):
    body = {"lead_status": status.pk, "version": person.version}
    answer = client.patch(f"/api/v1/persons/{person.pk}/", body, content_type="application/json")
    assert answer.status_code == 200, answer.content


def by_import(client, user, person, status):
    file = ContentFile(f"Last name,E-mail,Lead status\n{person.last_name},{person.email},{status.name_en}\n".encode())
    source = imports.upload(file, "leads.csv", "person", by=user, at_once=True)
    source.mapping = {**source.mapping, "policy": "overwrite"}
    source.save()
    assert imports.bring_in(source).counts["failed"] == 0


WAYS = {"action": by_action, "menu": by_menu, "form": by_form, "bulk": by_bulk, "api": by_api, "import": by_import}


@pytest.fixture(params=sorted(WAYS))
def set_status(request, client, ada):
    client.force_login(ada)

    def set_(person, status):
        person.refresh_from_db()
        WAYS[request.param](client, ada, person, status)
        person.refresh_from_db()

    return set_


# --- R13 by every way in ----------------------------------------------------------------------------------------------


def test_r13_a_status_moves_the_company_and_the_history_names_the_rule(rule, lead, set_status, status, category, client, ada):
    set_status(lead, status("Qualified"))
    assert lead.company.category == category("Marketing qualified lead (MQL)")
    assert lead.category == category("Marketing qualified lead (MQL)") and lead.lead_status == status("Qualified")
    child = ChangeSet.objects.get(action="automation")
    assert child.via == "automation" and child.parent is not None
    history = client.get(f"/companies/{lead.company_id}/history/").content.decode()
    assert "Rule “Lead status set to Qualified”: category set to Marketing qualified lead (MQL)" in history


def test_r13_ask_first_saves_the_status_and_holds_back_the_category(asking, lead, set_status, status, category):
    set_status(lead, status("Qualified"))
    assert lead.lead_status == status("Qualified") and lead.company.category == category("Lead")
    proposal = Proposal.objects.waiting().get()
    assert [record.company_id for record in proposal.records.all()] == [lead.company_id]


def test_r13_a_rule_that_is_off_does_nothing(rule, lead, set_status, status, category):
    arrange(AutomationRule.objects.all(), enabled=False)
    set_status(lead, status("Qualified"))
    assert lead.company.category == category("Lead") and not Proposal.objects.exists()


def test_r13_another_status_sets_nothing_off(rule, lead, set_status, status, category):
    set_status(lead, status("Contacting"))
    assert lead.company.category == category("Lead")


@pytest.mark.parametrize("ask_first", [False, True])
@pytest.mark.parametrize("group", ["customer", "partner", "lost", "other"])
def test_r12_only_potential_customers_are_changed(rule, lead, group, ask_first, category, ada, status):
    """R6 keeps a status from being set there; R12 holds whatever an event says."""
    arrange(AutomationRule.objects.all(), ask_first=ask_first)
    elsewhere = CategoryGroup.objects.get(code=group).categories.first()
    actions.edit_company(lead.company, {"category": elsewhere}, by=ada, via="card")
    outcome = Outcome()
    with pytest.raises(ValidationError):
        actions.set_lead_status(lead, status("Qualified"), by=ada, via="card")
    found = automation.Happened(automation.Event.LEAD_STATUS, {lead.company_id}, lead_status=status("Qualified"))
    automation.run([found], by=ada, via="card", outcome=outcome)
    assert Company.objects.get(pk=lead.company_id).category == elsewhere
    assert not Proposal.objects.exists() and not outcome.proposals


@pytest.mark.parametrize("ask_first", [False, True])
@pytest.mark.parametrize("group", ["customer", "partner", "lost", "other"])
@pytest.mark.parametrize("way", sorted(WAYS))
def test_r12_no_way_in_makes_another_company_of_a_customer(rule, lead, client, way, group, ask_first, ada, status):
    """Wherever lead status does not apply it cannot be set (R6): each way says so, and the rule has nothing to do."""
    arrange(AutomationRule.objects.all(), ask_first=ask_first)
    elsewhere = CategoryGroup.objects.get(code=group).categories.first()
    actions.edit_company(lead.company, {"category": elsewhere}, by=ada, via="card")
    lead.refresh_from_db()
    client.force_login(ada)
    with contextlib.suppress(AssertionError, ValidationError):  # it is refused, or left
        WAYS[way](client, ada, lead, status("Qualified"))
    lead.refresh_from_db()
    assert lead.lead_status == status("Open") and Company.objects.get(pk=lead.company_id).category == elsewhere
    assert not Proposal.objects.exists() and not ChangeSet.objects.filter(action="automation").exists()


def test_r13_a_category_with_lead_status_switched_off_is_left(rule, lead, ada, status, category):
    found = automation.Happened(automation.Event.LEAD_STATUS, {lead.company_id}, lead_status=status("Qualified"))
    list_items.edit_item(category("Lead"), {"lead_status_enabled": False}, by=ada, via="admin")
    automation.run([found], by=ada, via="card", outcome=Outcome())
    assert Company.objects.get(pk=lead.company_id).category == category("Lead")


def test_r13_a_person_without_a_company_moves_by_their_own_category(rule, ada, status, category):
    person = PersonFactory(by=ada, company=None)
    actions.set_lead_status(person, status("Qualified"), by=ada, via="card")
    person.refresh_from_db()
    assert person.category == category("Marketing qualified lead (MQL)")


def test_r13_a_new_person_with_a_status_sets_it_off(rule, ada, lead, status, category):
    PersonFactory(by=ada, company=lead.company, lead_status=status("Qualified"))
    lead.company.refresh_from_db()
    assert lead.company.category == category("Marketing qualified lead (MQL)")


def test_settled_7_what_lifecycle_gives_sets_nothing_off(ada, lead, status, category):
    values = {"lead_status": status("Open"), "target": category("Customer"), "enabled": True, "ask_first": False}
    automation.create_rule(values, by=ada, via="admin")
    PersonFactory(by=ada, company=lead.company)
    actions.edit_company(lead.company, {"category": category("Opportunity")}, by=ada, via="card")
    lead.company.refresh_from_db()
    assert lead.company.category == category("Opportunity")


# --- Undo -------------------------------------------------------------------------------------------------------------


def test_settled_8_undoing_the_status_takes_the_category_back_as_well(rule, lead, ada, status, category):
    outcome = actions.set_lead_status(lead, status("Qualified"), by=ada, via="card")
    undo(outcome.change_set, by=ada, via="card")
    lead.refresh_from_db()
    assert lead.lead_status == status("Open") and lead.company.category == category("Lead") and lead.category == category("Lead")


def test_settled_8_what_the_rule_did_can_be_undone_alone(rule, lead, ada, status, category):
    actions.set_lead_status(lead, status("Qualified"), by=ada, via="card")
    undo(ChangeSet.objects.get(action="automation"), by=ada, via="card")
    lead.refresh_from_db()
    assert lead.lead_status == status("Qualified") and lead.company.category == category("Lead")


def test_an_undo_takes_the_question_back(asking, lead, ada, status):
    outcome = actions.set_lead_status(lead, status("Qualified"), by=ada, via="card")
    assert outcome.proposals == [Proposal.objects.waiting().get()]
    undo(outcome.change_set, by=ada, via="card")
    assert not Proposal.objects.waiting().exists()


def test_undoing_the_cause_takes_the_answer_back(asking, lead, ada, status, category):
    outcome = actions.set_lead_status(lead, status("Qualified"), by=ada, via="card")
    automation.answer(outcome.proposals[0], category("Customer"), by=ada)
    undo(outcome.change_set, by=ada, via="card")
    lead.refresh_from_db()
    assert lead.company.category == category("Lead") and lead.lead_status == status("Open")


# --- Many -------------------------------------------------------------------------------------------------------------


def test_settled_7_many_are_asked_about_once(asking, ada, status, django_assert_max_num_queries):
    people = [PersonFactory(by=ada) for _number in range(12)]
    records = Person.objects.filter(pk__in=[one.pk for one in people])
    with django_assert_max_num_queries(40):
        outcome = actions.set_lead_status(records, status("Qualified"), by=ada, via="bulk")
    assert len(outcome.proposals) == 1 and outcome.proposals[0].records.count() == 12


def test_a_job_of_chunks_asks_once_and_takes_all_back_when_it_fails(asking, rule, ada, status, category, monkeypatch):
    monkeypatch.setattr("crm.history.changes.AT_ONCE", 3)
    people = [PersonFactory(by=ada) for _number in range(8)]
    records = Person.objects.filter(pk__in=[one.pk for one in people])
    outcome = actions.set_lead_status(records, status("Qualified"), by=ada, via="bulk")
    assert len(outcome.proposals) == 1 and outcome.proposals[0].records.count() == 8
    undo(outcome.change_set, by=ada, via="bulk")
    arrange(AutomationRule.objects.all(), ask_first=False)

    def fail(done, total):
        if done > 5:
            raise RuntimeError

    with pytest.raises(RuntimeError):
        actions.set_lead_status(records, status("Qualified"), by=ada, via="bulk", progress=fail)
    assert {person.lead_status for person in records} == {status("Open")}
    assert {person.company.category for person in records.select_related("company")} == {category("Lead")}


# --- Asking -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def proposal(asking, lead, ada, status):
    return actions.set_lead_status(lead, status("Qualified"), by=ada, via="card").proposals[0]


def test_the_bell_opens_the_dialog_once_and_keeps_the_question(proposal, client, ada):
    client.force_login(ada)
    url = reverse("leads:proposal", args=[proposal.pk])
    answer = client.get(reverse("crm:bell"))
    assert json.loads(answer.headers["HX-Trigger"])["openDialog"]["url"] == url
    dialog = client.get(url).content.decode()
    assert "Nordwind" in dialog and "Lead status set to Qualified" in dialog and '"shown": "1"' in dialog
    assert client.post(url, {"shown": "1"}).status_code == 204
    answer = client.get(reverse("crm:bell"))
    assert "HX-Trigger" not in answer.headers and url in answer.content.decode()
    assert f"{proposal.records.get().company}: change the category to " in answer.content.decode()
    assert ">Answer<" in answer.content.decode()


def test_the_dialog_lets_one_choose_another_category(proposal, client, ada, category, lead):
    client.force_login(ada)
    answer = client.post(reverse("leads:proposal", args=[proposal.pk]), {"category": category("Opportunity").pk})
    assert answer.status_code == 204 and "toast" in answer.headers["HX-Trigger"]
    lead.refresh_from_db()
    assert lead.company.category == category("Opportunity")
    assert ChangeSet.objects.get(action="automation").parent == proposal.change_set


def test_the_dialog_lets_one_leave_it(proposal, client, ada, category, lead):
    client.force_login(ada)
    assert client.post(reverse("leads:proposal", args=[proposal.pk]), {"category": ""}).status_code == 204
    lead.refresh_from_db()
    assert lead.company.category == category("Lead") and not Proposal.objects.waiting().exists()


@pytest.mark.parametrize("sent", ["999999", "x", "1" * 30, "\x00"])
def test_a_wrong_category_is_said_in_the_dialog(proposal, client, ada, sent):
    client.force_login(ada)
    answer = client.post(reverse("leads:proposal", args=[proposal.pk]), {"category": sent})
    assert answer.status_code in {400, 422} and Proposal.objects.waiting().exists()


def test_a_question_is_the_users_own(proposal, client, mia):
    client.force_login(mia)
    assert client.get(reverse("leads:proposal", args=[proposal.pk])).status_code == 404
    with pytest.raises(Conflict):
        automation.answer(proposal, None, by=mia)


def test_a1_what_is_not_ones_own_to_change_gets_the_rules_category_or_none(
    asking, lead, client, mia, anna, roles, status, category
):
    roles["marketer"].edit = "own"
    roles["marketer"].save()
    company = lead.company
    arrange(Person.objects.filter(pk=lead.pk), owner=mia)
    arrange(Company.objects.filter(pk=company.pk), owner=anna)
    mia = User.objects.get(pk=mia.pk)
    client.force_login(mia)
    for sent, now, told in ((category("Customer"), category("Lead"), "may not change"), (asking.target, asking.target, "")):
        (proposal,) = actions.set_lead_status(lead, status("Qualified"), by=mia, via="card").proposals
        url = reverse("leads:proposal", args=[proposal.pk])
        dialog = client.get(url).content.decode()
        assert [item.pk for item in Category.objects.all() if f'<option value="{item.pk}"' in dialog] == [asking.target_id]
        assert told in str(client.post(url, {"category": sent.pk}).headers["HX-Trigger"])
        company.refresh_from_db()
        assert company.category == now
        actions.set_lead_status(lead, status("Open"), by=mia, via="card")
    # Whoever may change nothing by now does not let it have its way either (T09).
    arrange(Company.objects.filter(pk=company.pk), category=category("Lead"))
    (proposal,) = actions.set_lead_status(lead, status("Qualified"), by=mia, via="card").proposals
    roles["marketer"].edit = "none"
    roles["marketer"].save()
    assert automation.answer(proposal, asking.target, by=User.objects.get(pk=mia.pk)).changed == 0


def test_an_answer_counts_once(proposal, ada, category):
    automation.answer(proposal, None, by=ada)
    with pytest.raises(Conflict):
        automation.answer(proposal, category("Customer"), by=ada)


def test_r13_a_question_lapses_when_nobody_has_the_status_any_more(asking, ada, lead, status):
    colleague = PersonFactory(by=ada, company=lead.company)
    actions.set_lead_status(lead, status("Qualified"), by=ada, via="card")
    actions.set_lead_status(colleague, status("Contacting"), by=ada, via="card")
    assert automation.waiting_for(ada).count() == 1
    gone = actions.set_lead_status(lead, status("Open"), by=ada, via="card")
    assert not automation.waiting_for(ada)
    undo(gone.change_set, by=ada, via="card")
    assert automation.waiting_for(ada).count() == 1


def test_a_question_that_nobody_is_asked_any_more_is_forgotten_after_a_while(asking, ada, lead, status):
    other = PersonFactory(by=ada, company=CompanyFactory(by=ada))
    undone = actions.set_lead_status(other, status("Qualified"), by=ada, via="card")
    undo(undone.change_set, by=ada, via="card")
    answered = PersonFactory(by=ada, company=CompanyFactory(by=ada))
    (question,) = actions.set_lead_status(answered, status("Qualified"), by=ada, via="card").proposals
    automation.answer(question, None, by=ada)
    (lapsed,) = actions.set_lead_status(lead, status("Qualified"), by=ada, via="card").proposals

    actions.set_lead_status(lead, status("Open"), by=ada, via="card")
    automation.forget_lapsed()
    assert Proposal.objects.count() == 3  # an undo may still bring them back
    Proposal.objects.update(created_at=timezone.now() - timedelta(days=settings.BIN_DAYS + 1))
    actions.set_lead_status(lead, status("Qualified"), by=ada, via="card")
    automation.forget_lapsed()
    assert Proposal.objects.filter(answered_at=None, records__company=lead.company_id).count() == 2  # it is so again
    actions.set_lead_status(lead, status("Open"), by=ada, via="card")
    automation.forget_lapsed()
    assert lapsed not in Proposal.objects.all() and question in Proposal.objects.all() and Proposal.objects.count() == 2


def test_r12_a_company_that_became_a_customer_meanwhile_is_left(proposal, ada, lead, category):
    actions.edit_company(lead.company, {"category": category("Customer")}, by=ada, via="card")
    outcome = automation.answer(proposal, category("Opportunity"), by=ada)
    lead.company.refresh_from_db()
    assert lead.company.category == category("Customer")
    assert outcome.left == [(lead.company_id, "It is no potential customer any more.")]


def test_by_the_api_the_owner_is_asked(asking, lead, ada, mia, anna, status):
    arrange(Company.objects.filter(pk=lead.company_id), owner=anna)
    actions.set_lead_status(lead, status("Qualified"), by=mia, via="api")
    assert Proposal.objects.waiting().get().user == anna


def test_by_the_api_nobody_is_asked_who_was_switched_off(asking, lead, mia, anna, status):
    arrange(Company.objects.filter(pk=lead.company_id), owner=anna)
    User.objects.filter(pk=anna.pk).update(is_active=False)
    actions.set_lead_status(lead, status("Qualified"), by=mia, via="api")
    assert Proposal.objects.waiting().get().user == mia


def test_the_api_answers_with_the_proposal_and_applies_it_when_confirmed(asking, lead, client, ada, status, category):
    client.force_login(ada)
    body = {"lead_status": status("Qualified").pk, "version": lead.version}
    answer = client.patch(f"/api/v1/persons/{lead.pk}/", body, content_type="application/json").json()
    mql = category("Marketing qualified lead (MQL)")
    assert answer["category"] == category("Lead").pk
    (proposal,) = answer["proposals"]
    assert (proposal["rule"], proposal["category"], proposal["companies"]) == (
        "Lead status set to Qualified",
        mql.pk,
        [lead.company_id],
    )
    (waiting,) = client.get("/api/v1/proposals/").json()["results"]
    assert waiting == proposal
    url = f"/api/v1/proposals/{proposal['id']}/answer/"
    assert client.post(url, {"category": 99999}, content_type="application/json").status_code == 400
    assert client.post(url, {}, content_type="application/json").status_code == 400
    done = client.post(url, {"category": mql.pk}, content_type="application/json")
    assert done.json() == {"changed": 1, "left": 0}
    assert client.post(url, {"category": mql.pk}, content_type="application/json").status_code == 404
    lead.company.refresh_from_db()
    assert lead.company.category == mql


def test_the_api_tells_of_no_proposal_where_there_is_none(lead, client, ada, status):
    client.force_login(ada)
    body = {"lead_status": status("Qualified").pk, "version": lead.version}
    answer = client.patch(f"/api/v1/persons/{lead.pk}/", body, content_type="application/json").json()
    assert "proposals" not in answer


# --- The rules themselves ---------------------------------------------------------------------------------------------


def test_there_is_one_rule_for_a_status(rule, ada, status, category):
    with pytest.raises(ValidationError, match="already"):
        automation.create_rule({"lead_status": status("Qualified"), "target": category("Customer")}, by=ada, via="admin")
    with pytest.raises(IntegrityError), transaction.atomic():
        AutomationRule.objects.create(event="lead_status", lead_status=status("Qualified"), target=category("Customer"))


@pytest.mark.parametrize("wrong", [{"event": "lead_status"}, {"event": "never"}])
def test_the_database_refuses_a_rule_that_makes_no_sense(lists, category, wrong):
    with pytest.raises(IntegrityError), transaction.atomic():
        AutomationRule.objects.create(target=category("Customer"), **wrong)


def test_settled_5_what_a_rule_uses_cannot_be_deleted(rule, ada, status, category, client):
    for item in (status("Qualified"), category("Marketing qualified lead (MQL)")):
        with pytest.raises(ValidationError, match="Lead status set to Qualified"):
            list_items.delete_item(item, by=ada, via="admin")


def test_admins_edit_rules_in_the_admin_site(rule, client, ada, category):
    client.force_login(ada)
    page = client.get("/admin/leads/automationrule/").content.decode()
    assert "Lead status set to Qualified" in page and "A sale is won" in page
    url = f"/admin/leads/automationrule/{rule.pk}/change/"
    data = {"lead_status": rule.lead_status_id, "initial-lead_status": rule.lead_status_id, "target": category("Customer").pk,
            "initial-target": rule.target_id, "enabled": "on", "initial-enabled": "on", "ask_first": "on", "version": rule.version}  # fmt: skip
    assert client.post(url, data).status_code == 302
    rule.refresh_from_db()
    assert (rule.target, rule.ask_first, rule.enabled) == (category("Customer"), True, True)
    assert client.post(f"/admin/leads/automationrule/{rule.pk}/delete/").status_code == 302
    assert not AutomationRule.objects.filter(pk=rule.pk).exists()


def test_only_administrators_edit_rules(rule, client, anna, category):
    client.force_login(anna)
    assert client.get("/admin/leads/automationrule/").status_code == 403
    with pytest.raises(Exception, match="does not allow"):
        automation.edit_rule(rule, {"target": category("Customer")}, by=anna, via="admin")


def test_a_rule_is_tried_on_what_was(rule, ada, lead, client, status, category):
    """It would have moved the company at the category it had then, whatever it has now."""
    arrange(AutomationRule.objects.all(), enabled=False)
    customer = PersonFactory(by=ada, company=CompanyFactory(by=ada, name="Later a customer"))
    for person in (lead, customer):
        actions.set_lead_status(person, status("Qualified"), by=ada, via="card")
    actions.edit_company(customer.company, {"category": category("Customer")}, by=ada, via="card")
    other = PersonFactory(by=ada)
    actions.set_lead_status(other, status("Contacting"), by=ada, via="card")
    would = automation.trial(rule)
    assert {(str(one.record), one.before.name_en) for one in would} == {("Nordwind", "Lead"), ("Later a customer", "Lead")}
    client.force_login(ada)
    page = client.get(f"/admin/leads/automationrule/{rule.pk}/trial/").content.decode()
    assert "Nordwind" in page and "2 records" in page


# --- At the same moment -----------------------------------------------------------------------------------------------


@only_postgresql
@pytest.mark.django_db(transaction=True)
def test_r12_a_company_that_becomes_a_customer_as_the_question_is_answered_stays_one(asking, ada, status, category):
    company = CompanyFactory(by=ada)
    person = PersonFactory(by=ada, company=company)
    (proposal,) = actions.set_lead_status(person, status("Qualified"), by=ada, via="card").proposals
    outcomes = []
    meanwhile(
        lambda: actions.set_category(company, category("Customer"), by=ada, via="card"),
        lambda: outcomes.append(automation.answer(proposal, category("Opportunity"), by=ada)),
    )
    company.refresh_from_db()
    assert company.category == category("Customer") and outcomes[0].left and not outcomes[0].changed


@only_postgresql
@pytest.mark.django_db(transaction=True)
def test_r12_a_company_that_becomes_a_customer_as_a_rule_runs_stays_one(lists, ada, category):
    arrange(AutomationRule.objects.all(), enabled=True, ask_first=False)
    company = CompanyFactory(by=ada)
    arrange(AutomationRule.objects.filter(event="sale_won"), target=category("Opportunity"))
    sale = SaleFactory(by=ada, company=company)
    arrange(Company.objects.all(), category=category("Lead"))
    meanwhile(
        lambda: actions.set_category(company, category("Customer"), by=ada, via="card"),
        lambda: sale_actions.edit_sale(sale, {"status": "won"}, by=ada, via="card"),
    )
    company.refresh_from_db()
    sale.refresh_from_db()
    assert company.category == category("Customer") and sale.status == "won"


@only_postgresql
@pytest.mark.parametrize("way", ["edit", "set"])
def test_t46_companies_that_a_rule_may_move_are_locked_before_persons(rule, lead, ada, status, way):
    with CaptureQueriesContext(connection) as queries:
        if way == "edit":
            actions.edit_person(lead, {"lead_status": status("Qualified")}, by=ada, via="card")
        else:
            actions.set_lead_status(lead, status("Qualified"), by=ada, via="card")
    locked = [query["sql"].partition(" FROM ")[2].split()[0] for query in queries if "FOR NO KEY UPDATE" in query["sql"]]
    assert locked[0] == '"leads_company"' and '"leads_person"' in locked


def test_r16_a_rule_that_was_made_goes_again_by_undo(rule, ada, client):
    client.force_login(ada)
    answer = client.post(
        reverse("crm:undo", args=[ChangeSet.objects.get(action="automation_rule.create").pk]), headers={"HX-Request": "true"}
    )
    assert answer.status_code == 204 and not AutomationRule.objects.filter(pk=rule.pk).exists()


def test_r16_an_undo_leaves_a_rule_that_would_stand_beside_another_or_set_what_is_in_the_bin(rule, ada, category, status):
    edited = automation.edit_rule(rule, {"lead_status": status("Open")}, by=ada, via="admin").change_set
    automation.create_rule({"lead_status": status("Qualified"), "target": category("Opportunity")}, by=ada, via="admin")
    assert undo(edited, by=ada, via="card").left == [(rule.pk, "There is already a rule for this lead status.")]
    aimed = automation.edit_rule(rule, {"target": category("Lead")}, by=ada, via="admin").change_set
    list_items.delete_item(category("Marketing qualified lead (MQL)"), by=ada, via="admin")
    assert undo(aimed, by=ada, via="card").left == [(rule.pk, "Choose a category.")]
    rule.refresh_from_db()
    assert (rule.lead_status, rule.target) == (status("Open"), category("Lead"))
