"""Category automation by sales: R12 and R13, settled 7 and 8, by every way in and for every category group."""

import datetime
from decimal import Decimal

import pytest
from django.utils import timezone

from crm.history.models import ChangeSet
from crm.history.undo import undo
from leads import actions as leads
from leads import automation
from leads.models import AutomationRule, Category, CategoryGroup, Company, Proposal
from sales import actions
from sales.models import Sale, SaleReason, SaleStage
from tests.exchange.files import brought, csv_of
from tests.factories import CompanyFactory, PersonFactory, arrange

pytestmark = pytest.mark.usefixtures("nothing_unattributed")
TARGETS = {"sale_registered": "Opportunity", "sale_won": "Customer", "sale_lost": "Lost opportunity"}
HTMX = {"HX-Request": "true"}


@pytest.fixture
def rules(lists):
    arrange(AutomationRule.objects.all(), enabled=True, ask_first=False)


@pytest.fixture(autouse=True)
def _own_folder(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"


@pytest.fixture
def company(ada):
    return CompanyFactory(by=ada, name="Nordwind")


@pytest.fixture
def reason(lists):
    return lambda outcome: SaleReason.objects.filter(outcome=outcome).first()


def new_sale(company, by, **values):
    return actions.create_sale({"name": "Wartung", "company": company, "amount": Decimal(100), **values}, by=by, via="card")


def category_of(company):
    return Category.objects.get(companies=company).name_en


# --- The ways in: each does one of the three things to a company's sale --------------------------------------------------


def by_action(client, user, event, company, reason):
    sale = new_sale(company, user)
    if event == "sale_won":
        actions.win(sale, by=user, via="card")
    elif event == "sale_lost":
        actions.lose(sale, reason=reason("lost"), by=user, via="card")


def by_page(client, user, event, company, reason):
    values = {"name": "Wartung", "company": company.pk, "amount": "100", "currency": "EUR", "stage": SaleStage.objects.first().pk}
    answer = client.post(f"/sales/new/?company={company.pk}", values)
    assert answer.status_code == 302, answer.content.decode()[:2000]
    sale = Sale.objects.get(company=company)
    today = timezone.localdate().isoformat()
    if event == "sale_won":
        assert client.post(f"/sales/{sale.pk}/win/", {"closed_on": today}, headers=HTMX).status_code == 204
    elif event == "sale_lost":
        data = {"closed_on": today, "reason": reason("lost").pk}
        assert client.post(f"/sales/{sale.pk}/lose/", data, headers=HTMX).status_code == 204


def by_api(client, user, event, company, reason):
    body = {"name": "Wartung", "company": company.pk, "amount": "100.00"}
    made = client.post("/api/v1/sales/", body, content_type="application/json")
    assert made.status_code == 201, made.content
    url, version = f"/api/v1/sales/{made.json()['id']}/", made.json()["version"]
    change = {"sale_won": {"status": "won"}, "sale_lost": {"status": "lost", "reason": reason("lost").pk}}.get(event)
    if change:
        answer = client.patch(url, {**change, "version": version}, content_type="application/json")
        assert answer.status_code == 200, answer.content


def by_many(client, user, event, company, reason):
    made = [new_sale(company, user), new_sale(company, user, name="Schulung")]
    sales = Sale.objects.filter(pk__in=[one.pk for one in made])
    if event == "sale_won":
        actions.win(sales, by=user, via="bulk")
    elif event == "sale_lost":
        actions.lose(sales, reason=reason("lost"), by=user, via="bulk")


def by_import(client, user, event, company, reason):
    stage = {"sale_won": "Closed Won", "sale_lost": "Closed Lost"}.get(event, "Qualification")
    data = csv_of(
        ["Deal Name", "Account Name", "Amount", "Stage", "Closing Date"], ["Wartung", company.name, "100 €", stage, "2024-05-31"]
    )
    _source, report = brought(user, data, "sale")
    assert report.counts["sales_created"] == 1 and not report.failed


WAYS = {"action": by_action, "page": by_page, "api": by_api, "bulk": by_many, "import": by_import}


@pytest.fixture(params=sorted(WAYS))
def way(request, client, ada, reason):
    client.force_login(ada)
    return lambda event, company: WAYS[request.param](client, ada, event, company, reason)


@pytest.mark.parametrize("event", sorted(TARGETS))
def test_r13_what_becomes_of_a_sale_moves_the_company(rules, way, company, event):
    way(event, company)
    assert category_of(company) == TARGETS[event]


@pytest.mark.parametrize("event", sorted(TARGETS))
def test_r13_ask_first_holds_back_the_category_alone(rules, way, company, event):
    arrange(AutomationRule.objects.all(), ask_first=True)
    way(event, company)
    assert category_of(company) == "Lead"
    assert Proposal.objects.waiting().filter(rule__event=event, records__company=company).exists()


@pytest.mark.parametrize("asked", [True, False])
def test_r13_a_question_lapses_when_it_is_no_longer_so(rules, ada, company, reason, asked):
    """Answered late, *a sale is registered* would bring back a company whose only sale was lost meanwhile."""
    arrange(AutomationRule.objects.all(), ask_first=True)
    other = CompanyFactory(by=ada, name="Helios")
    sale = new_sale(company, ada)
    new_sale(other, ada)
    first = automation.waiting_for(ada).get(records__company=company)
    if not asked:
        arrange(AutomationRule.objects.filter(event="sale_lost"), ask_first=False)

    def waiting():
        return {(one.proposal.rule.event, one.company.name)
                for one in automation.standing().filter(proposal__in=automation.waiting_for(ada))}  # fmt: skip

    lost = actions.lose(sale, reason=reason("lost"), by=ada, via="card")
    assert waiting() == {("sale_registered", "Helios")} | ({("sale_lost", "Nordwind")} if asked else set())
    late = automation.answer(first, Category.objects.get(name_en="Opportunity"), by=ada)
    assert not late.changed and "changed in the meantime" in late.left[0][1]
    Proposal.objects.filter(pk=first.pk).update(answered_at=None)
    # What is taken back is asked again; another sale takes no question away.
    undo(lost.change_set, by=ada, via="card")
    assert waiting() == {("sale_registered", "Helios"), ("sale_registered", "Nordwind")}
    actions.win(sale, by=ada, via="card")
    arrange(AutomationRule.objects.filter(event="sale_registered"), enabled=False)
    new_sale(company, ada)
    assert ("sale_won", "Nordwind") in waiting()


@pytest.mark.parametrize("event", sorted(TARGETS))
@pytest.mark.parametrize("ask_first", [False, True])
@pytest.mark.parametrize("group", ["customer", "partner", "lost", "other"])
def test_r12_whoever_is_no_potential_customer_stays(rules, way, company, ada, group, ask_first, event):
    arrange(AutomationRule.objects.all(), ask_first=ask_first)
    elsewhere = CategoryGroup.objects.get(code=group).categories.first()
    leads.edit_company(company, {"category": elsewhere}, by=ada, via="card")
    way(event, company)
    assert category_of(company) == elsewhere.name_en and not Proposal.objects.exists()


# --- Once, and the first in rank ------------------------------------------------------------------------------------------


def test_settled_7_won_comes_before_registered_and_a_status(rules, ada, company, status, category):
    values = {
        "lead_status": status("Qualified"),
        "target": category("Marketing qualified lead (MQL)"),
        "enabled": True,
        "ask_first": False,
    }
    automation.create_rule(values, by=ada, via="admin")
    person = PersonFactory(by=ada, company=company)
    how = {"by": ada, "via": "form"}
    actions.create_sale({"name": "x", "person": person, "status": "won", "closed_on": timezone.localdate()}, qualify=True, **how)
    assert category_of(company) == "Customer"
    assert ChangeSet.objects.filter(action="automation").count() == 1


def test_a_sale_that_qualifies_its_person_sets_off_the_sales_rule_alone(rules, ada, company, status, category):
    values = {
        "lead_status": status("Qualified"),
        "target": category("Marketing qualified lead (MQL)"),
        "enabled": True,
        "ask_first": False,
    }
    automation.create_rule(values, by=ada, via="admin")
    person = PersonFactory(by=ada, company=company)
    sale = actions.create_sale({"name": "x", "person": person}, qualify=True, by=ada, via="form")
    person.refresh_from_db()
    assert person.lead_status == status("Qualified") and category_of(company) == "Opportunity"
    made = ChangeSet.objects.get(action="sale.create")
    undo(made, by=ada, via="card")
    person.refresh_from_db()
    assert person.lead_status == status("Open") and category_of(company) == "Lead"
    assert Sale.objects.get(pk=sale.pk).deleted_at is not None


@pytest.mark.parametrize("other", ["open", "stalled", "won"])
def test_settled_7_a_lost_sale_says_nothing_while_there_is_another(rules, ada, company, reason, other):
    kept = new_sale(company, ada)
    if other == "stalled":
        actions.stall(kept, reopen_on=timezone.localdate() + datetime.timedelta(days=9), by=ada, via="card")
    elif other == "won":
        arrange(AutomationRule.objects.all(), enabled=False)
        actions.win(kept, by=ada, via="card")
        arrange(AutomationRule.objects.all(), enabled=True)
    before = category_of(company)
    actions.lose(new_sale(company, ada), reason=reason("lost"), by=ada, via="card")
    assert category_of(company) in {before, "Opportunity"}


def test_r13_the_whole_life_of_a_lead(rules, ada, company, status, reason, category):
    """From lead to customer; the lead status disappears and stays stored; a later sale that is lost changes nothing (R6, R12)."""
    person = PersonFactory(by=ada, company=company)
    leads.set_lead_status(person, status("Contacting"), by=ada, via="card")
    first = actions.create_sale({"name": "x", "person": person}, qualify=True, by=ada, via="form")
    assert category_of(company) == "Opportunity"
    actions.win(first, by=ada, via="card")
    person.refresh_from_db()
    assert category_of(company) == "Customer"
    assert not person.is_lead and person.lead_status == status("Qualified")
    second = actions.create_sale({"name": "y", "company": company}, by=ada, via="form")
    actions.lose(second, reason=reason("lost"), by=ada, via="card")
    assert category_of(company) == "Customer"


def test_settled_8_undoing_won_takes_the_category_and_the_lead_back(rules, ada, company, status):
    person = PersonFactory(by=ada, company=company)
    sale = new_sale(company, ada, person=person)
    outcome = actions.win(sale, by=ada, via="card")
    undo(outcome.change_set, by=ada, via="card")
    person.refresh_from_db()
    assert category_of(company) == "Opportunity" and person.is_lead and person.lead_status == status("Open")


def test_opening_a_sale_again_changes_no_category(rules, ada, company):
    sale = new_sale(company, ada)
    actions.win(sale, by=ada, via="card")
    actions.reopen(Sale.objects.get(pk=sale.pk), by=ada, via="card")
    assert category_of(company) == "Customer"


def test_the_api_tells_what_is_proposed(rules, client, ada, company):
    arrange(AutomationRule.objects.all(), ask_first=True)
    client.force_login(ada)
    answer = client.post("/api/v1/sales/", {"name": "x", "company": company.pk}, content_type="application/json").json()
    assert [one["rule"] for one in answer["proposals"]] == ["A sale is registered"]


@pytest.mark.parametrize("event", sorted(TARGETS))
def test_a_rule_is_tried_on_what_was(event, ada, company, reason):
    """The rules are off: what they would have done is told, with the category of that time (R12)."""
    customer = CompanyFactory(by=ada, name="Customer already", category=Category.objects.get(name_en="Customer"))
    for one in (company, customer):
        sale = new_sale(one, ada)
        if event == "sale_won":
            actions.win(sale, by=ada, via="card")
        elif event == "sale_lost":
            actions.lose(sale, reason=reason("lost"), by=ada, via="card")
    leads.edit_company(company, {"category": Category.objects.get(name_en="Customer")}, by=ada, via="card")
    would = automation.trial(AutomationRule.objects.get(event=event))
    assert [(str(one.record), one.before.name_en) for one in would] == [("Nordwind", "Lead")]
    assert Company.objects.get(pk=company.pk).category.name_en == "Customer"
