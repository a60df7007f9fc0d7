"""What is done on the board (B3, B6, B7): its cards are moved, one or several, by whom, and added to a column."""

import json
import re

import pytest
from django.urls import reverse
from django.utils import timezone

from crm.history.models import Change, ChangeSet
from leads import actions
from leads import list_items as items
from leads.models import AutomationRule, Company, DisqualifyReason, Person, Proposal
from sales import actions as sales
from sales.models import Sale, SaleReason, SaleStage
from tests.factories import CompanyFactory, SaleFactory
from tests.selections.boards import HTMX, cells, column, counts, move, told

# --- Moves (B3, B6, B7) ---------------------------------------------------------------------------------------------------------


def test_b3_a_move_is_the_same_action_as_everywhere_and_can_be_undone(page, lead, status):
    jana = lead("Petersen")
    answer = move(page, [(jana, status("Open").pk)], status("Qualified").pk)
    assert answer.status_code == 204 and told(answer) == "Petersen: Qualified"
    jana.refresh_from_db()
    made = ChangeSet.objects.latest("pk")
    assert jana.lead_status == status("Qualified") and (made.action, made.via) == ("person.set_lead_status", "board")
    assert page.post(json.loads(answer.headers["HX-Trigger"])["toast"]["undo_url"], **HTMX).status_code == 204
    jana.refresh_from_db()
    assert jana.lead_status == status("Open")


def test_b3_several_cards_move_together_from_different_columns(page, lead, status):
    people = [lead("A"), lead("B", "Contacting"), lead("C")]
    cards = [(person, person.lead_status_id) for person in people]
    answer = move(page, cards, status("Qualified").pk)
    assert answer.status_code == 204 and told(answer) == "3 cards moved to Qualified"
    assert set(Person.objects.values_list("lead_status__name_en", flat=True)) == {"Qualified"}
    assert ChangeSet.objects.latest("pk").changes.values("record_id").distinct().count() == 3


def test_b3_a_move_to_another_row_changes_that_field_too_as_one_change(page, lead, status, anna, jan):
    jana = lead("Petersen")
    answer = page.get("/board/?all=1&rows=owner")
    assert column(answer, status("Open").pk, str(anna.pk)) == [jana.pk]
    answer = move(page, [(jana, status("Open").pk, anna.pk)], status("Contacting").pk, jan.pk, "/board/move/?all=1&rows=owner")
    assert answer.status_code == 204, answer.headers
    jana.refresh_from_db()
    assert (jana.lead_status, jana.owner) == (status("Contacting"), jan)
    page.post(json.loads(answer.headers["HX-Trigger"])["toast"]["undo_url"], **HTMX)
    jana.refresh_from_db()
    assert (jana.lead_status, jana.owner) == (status("Open"), anna)


def test_b6_a_card_that_neither_column_nor_row_takes_is_left_once(page, company, anna):
    won, free = (SaleFactory(by=anna, company=company) for _number in range(2))
    sales.win(won, by=anna, via="card")
    there, later = SaleStage.objects.order_by("rank")[:2]
    cards = [(won, there.pk, "won"), (free, there.pk, "open")]
    address = "/board/sales/move/?all=1&by=stage&rows=status"
    answer = move(page, cards, later.pk, "stalled", address, asked="1")
    assert "1 card moved" in told(answer) and "1 was skipped: It is closed" in told(answer)


def test_b6_who_moves_a_card_second_is_told_who_was_first(page, lead, status, jan):
    jana = lead("Petersen")
    actions.set_lead_status(jana, status("Contacting"), by=jan, via="board")
    answer = move(page, [(jana, status("Open").pk)], status("Qualified").pk)
    assert answer.status_code == 409 and told(answer) == "Jan Behrens has moved Petersen to Contacting in the meantime."
    jana.refresh_from_db()
    assert jana.lead_status == status("Contacting")


def test_b6_of_several_cards_the_ones_others_have_moved_are_left_and_told(page, lead, status, jan):
    jana, tom = lead("Petersen"), lead("Wehner")
    actions.set_lead_status(jana, status("Contacting"), by=jan, via="board")
    answer = move(page, [(jana, status("Open").pk), (tom, status("Open").pk)], status("Qualified").pk)
    assert answer.status_code == 204 and "Jan Behrens has moved Petersen to Contacting" in told(answer)
    tom.refresh_from_db()
    assert tom.lead_status == status("Qualified")


def test_r6_a_card_whose_company_became_a_customer_is_refused_with_the_reason(page, lead, status, company, category, jan):
    jana = lead("Petersen")
    actions.set_category(company, category("Customer"), by=jan, via="card")
    answer = move(page, [(jana, status("Open").pk)], status("Qualified").pk)
    assert answer.status_code == 409
    assert told(answer) == "Petersen has left this board. No lead status: the category Customer is not a potential customer."


def test_b4_disqualifying_asks_for_the_reason_first(page, lead, status):
    jana, disqualified, reason = lead("Petersen"), status("Disqualified").pk, DisqualifyReason.objects.first()
    answer = move(page, [(jana, status("Open").pk)], disqualified)
    asked = json.loads(answer.headers["HX-Trigger"])["openDialog"]
    assert answer.status_code == 202 and asked["title"] == "Disqualified"
    jana.refresh_from_db()
    assert jana.lead_status == status("Open")
    assert 'name="reason"' in page.get(asked["url"], **HTMX).content.decode()
    refused = move(page, [(jana, status("Open").pk)], disqualified, asked="1")
    assert refused.status_code == 422 and "Choose why." in refused.content.decode()
    answer = move(page, [(jana, status("Open").pk)], disqualified, asked="1", reason=reason.pk)
    assert answer.status_code == 204
    jana.refresh_from_db()
    assert (jana.lead_status, jana.disqualify_reason) == (status("Disqualified"), reason)
    # The card says why; it is no follow-up.
    foot = re.search(rf'data-id="{jana.pk}".*?</li>', page.get("/board/").content.decode(), re.S)[0]
    assert 'title="Reason to disqualify"' in foot and str(reason) in foot and "#calendar" not in foot


def test_b7_a_rule_that_asks_first_opens_its_dialog_on_the_board(page, lead, status, category, company):
    AutomationRule.objects.create(
        event="lead_status", lead_status=status("Qualified"), target=category("Opportunity"), enabled=True, ask_first=True
    )
    answer = move(page, [(lead("Petersen"), status("Open").pk)], status("Qualified").pk)
    assert answer.status_code == 204 and "jobs" in json.loads(answer.headers["HX-Trigger"])
    proposal = Proposal.objects.get()
    assert "openDialog" in json.loads(page.get(reverse("crm:bell"), **HTMX).headers["HX-Trigger"]), proposal


def test_b3_sales_are_won_and_lost_by_moving_them(page, company, anna):
    sale = SaleFactory(by=anna, company=company)
    address = "/board/sales/move/?by=status&all=1"
    asked = move(page, [(sale, "open")], "lost", address=address)
    assert asked.status_code == 202
    form = page.get(json.loads(asked.headers["HX-Trigger"])["openDialog"]["url"], **HTMX).content.decode()
    assert 'name="closed_on"' in form and 'name="reason"' in form
    assert move(page, [(sale, "open")], "lost", address=address, asked="1", closed_on="2030-13-01").status_code == 422
    reason = SaleReason.objects.filter(outcome="lost").first()

    day = timezone.localdate().isoformat()
    assert move(page, [(sale, "open")], "lost", address=address, asked="1", closed_on=day, reason=reason.pk).status_code == 204
    sale.refresh_from_db()
    assert (sale.status, sale.reason) == ("lost", reason)
    # A closed sale keeps its stage, and says why.
    stage = SaleStage.objects.exclude(pk=sale.stage_id).first()
    answer = move(page, [(sale, sale.stage_id)], stage.pk, address="/board/sales/move/?all=1")
    assert answer.status_code == 422 and "closed" in told(answer)


def test_b6_only_the_answer_of_its_own_dialog_closes_a_question(page, lead, status, jan):
    """Another card's move may be answered while one's question is open: that one was not answered by it (P27)."""
    jana, tom, disqualified = lead("Petersen"), lead("Wehner"), status("Disqualified").pk

    def closing(answer):
        return sorted({"moved", "closeDialog"} & json.loads(answer.headers["HX-Trigger"]).keys())

    answer = move(page, [(tom, status("Open").pk)], status("Qualified").pk)
    assert answer.status_code == 204 and not closing(answer)
    answer = move(page, [(tom, status("Open").pk)], status("Contacting").pk)
    assert answer.status_code == 409 and not closing(answer)
    reason = DisqualifyReason.objects.first().pk
    answer = move(page, [(jana, status("Open").pk)], disqualified, asked="1", reason=reason)
    assert answer.status_code == 204 and closing(answer) == ["closeDialog", "moved"]
    answer = move(page, [(tom, status("Open").pk)], disqualified, asked="1", reason=reason)
    assert answer.status_code == 409 and closing(answer) == ["closeDialog"]


@pytest.mark.parametrize(
    ("cards", "to", "query"),
    [("", "1", ""), ("x:1:", "1", ""), ("1", "99999", ""), ("7:1:", "99999", ""), ("7:1:", "-", ""), ("7:1:", "../x", ""),
     (",".join(["7:1:"] * 201), "1", ""), ("7:1:", "1", "?by=nonsense"), ("7:1:", "1", "?day=2020-01-01"), ("7:1:", "1", "?nonsense=1")],
)  # fmt: skip
def test_a_forged_move_is_refused_and_nothing_is_lost(page, lead, cards, to, query):
    lead("Petersen")
    before = list(Person.objects.values_list("pk", "lead_status", "version"))
    answer = page.post(f"/board/move/{query}", {"cards": cards, "column": to, "row": ""}, **HTMX)
    assert answer.status_code in {409, 422} and told(answer)
    assert list(Person.objects.values_list("pk", "lead_status", "version")) == before


def test_a_card_one_may_not_see_or_change_is_refused(page, client, lead, status, max_, rita, jan, anna):
    theirs = lead("Secret", by=max_, company=CompanyFactory(by=max_))
    answer = move(page, [(theirs, status("Open").pk)], status("Qualified").pk)
    assert answer.status_code == 409 and "not there" in told(answer)
    mine = lead("Petersen")
    client.force_login(rita)
    assert move(client, [(mine, status("Open").pk)], status("Qualified").pk).status_code == 403
    anna.role.edit = "own"
    anna.role.save()
    page.force_login(anna)
    jans = lead("Jans", by=jan, company=CompanyFactory(by=jan))
    assert move(page, [(jans, status("Open").pk)], status("Qualified").pk, address="/board/move/?all=1").status_code == 403
    assert set(Person.objects.values_list("lead_status__name_en", flat=True)) == {"Open"}


@pytest.mark.parametrize("by", ["category", "category_group", "country"])
def test_a_field_that_follows_from_another_takes_no_drop_and_says_why(page, lead, by):
    jana = lead("Petersen")
    answer = page.get(f"/board/?by={by}")
    assert "data-moves-columns" not in answer.content.decode()
    key = next(key for (key, _row), ids in cells(answer).items() if jana.pk in ids)
    other = next(key for key in counts(page.get(f"/board/?by={by}")) if key != key) if False else "-"
    answer = move(page, [(jana, key)], other, address=f"/board/move/?by={by}")
    assert answer.status_code == 422 and told(answer)


def test_settled_5_the_column_of_a_deleted_status_stays_with_its_cards_and_takes_no_drop(page, lead, status, ada):
    jana, tom = lead("Petersen", "Contacting"), lead("Wehner")
    gone = status("Contacting")
    items.delete_item(gone, by=ada, via="admin")
    answer = page.get("/board/")
    assert column(answer, gone.pk) == [jana.pk] and "Contacting (deleted)" in answer.content.decode()
    answer = move(page, [(tom, status("Open").pk)], gone.pk)
    assert answer.status_code == 422 and "deleted" in told(answer)
    assert move(page, [(jana, gone.pk)], status("Open").pk).status_code == 204
    assert (str(gone.pk), "") not in cells(page.get("/board/"))


# --- Adding -----------------------------------------------------------------------------------------------------------------------------


def test_a_card_is_added_to_a_column(page, company, status, anna):
    address = f"/board/add/?column={status('Contacting').pk}"
    assert 'name="last_name"' in page.get(address, **HTMX).content.decode()
    assert page.post(address, {"first_name": "Jana"}, **HTMX).status_code == 422
    answer = page.post(address, {"last_name": "Petersen", "company": company.pk}, **HTMX)
    assert answer.status_code == 204 and told(answer) == "Petersen was created."
    made = Person.objects.get()
    assert (made.lead_status, made.owner, made.company) == (status("Contacting"), anna, company)
    # One that asks is begun elsewhere; one that no filter lets through is told.
    assert page.get(f"/board/add/?column={status('Disqualified').pk}", **HTMX).status_code == 200
    refused = page.post(f"/board/add/?column={status('Disqualified').pk}", {"last_name": "X", "company": company.pk}, **HTMX)
    assert refused.status_code == 422 and Person.objects.count() == 1


def test_companies_and_sales_are_added_to_a_column(page, company, category, anna):
    page.post(f"/board/companies/add/?column={category('Partner').pk}", {"name": "Weser Optik"}, **HTMX)
    assert Company.objects.get(name="Weser Optik").category == category("Partner")
    stage = SaleStage.objects.all()[1]
    answer = page.post(
        f"/board/sales/add/?column={stage.pk}",
        {"name": "Pumps", "company": company.pk, "amount": "10", "currency": "EUR"},
        **HTMX,
    )
    assert answer.status_code == 204 and Sale.objects.get().stage == stage


def test_the_statements_of_a_move_leave_no_entry_without_a_change_set(page, lead, status, nothing_unattributed):
    move(page, [(lead("Petersen"), status("Open").pk)], status("Qualified").pk)
    assert Change.objects.filter(field="lead_status").exists() and sales
