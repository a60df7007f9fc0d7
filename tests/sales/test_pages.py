"""The pages of sales: card, dialogs, lists with their sums, section tabs, creation from a card (R14, W3)."""

import datetime
import json
import re
from decimal import Decimal
from io import BytesIO

import pytest
from django.urls import reverse
from django.utils import timezone
from openpyxl import load_workbook

from activities import lifecycle as activity_lifecycle
from activities.models import Activity
from crm.history.models import ChangeSet
from crm.tables import counts
from crm.web import formats
from leads import actions as leads
from sales import actions
from sales.models import Sale, SaleStage
from tests.factories import ActivityFactory, CompanyFactory, PersonFactory, SaleFactory, arrange
from tests.leads.lists import FRAGMENT, names, statements

pytestmark = pytest.mark.usefixtures("nothing_unattributed")
TODAY = timezone.localdate


@pytest.fixture
def page(client, anna):
    client.force_login(anna)
    return client


def text_of(response, status=200):
    assert response.status_code == status, response.content.decode()[:2_000]
    return response.content.decode()


def told(response):
    return json.loads(response.headers["HX-Trigger"])["toast"]


def fact(sale, name):
    return reverse("leads:fact", args=["sales", sale.pk, name])


def save(page, sale, field, **values):
    data = {**values, "version": Sale.objects.get(pk=sale.pk).version}
    return page.post(fact(sale, field), data, headers=FRAGMENT)


def sums(text):
    """Return (label, amount) of each sum, in the order shown."""
    found = re.findall(r'<span class="nowrap">([^<]*) <b>([^<]*)</b>|<td class="number" data-label="([^"]*)">([^<]*)', text)
    return [(label or column, amount or sum_of) for label, amount, column, sum_of in found]


# --- The card ---------------------------------------------------------------------------------------------------------


def test_the_card_shows_what_matters(page, sale, dollars, anna):
    actions.edit_sale(sale, {"currency": "USD", "expected_on": datetime.date(2025, 3, 1)}, by=anna, via="card")
    text = text_of(page.get(sale.get_absolute_url()))
    for part in (
        "Flottensteuerung",
        "Nordwind Logistik",
        "Jana Petersen",
        "$1,000.10",
        "= €900.09",
        "weighted €450.05",
        "Offer",
        "50%",
        "overdue",
    ):
        assert part in text, part
    assert "fact-closed_on" not in text and "fact-reason" not in text and "fact-reopen_on" not in text
    history = text_of(page.get(reverse("leads:history", args=["sales", sale.pk]), headers=FRAGMENT))
    assert "Created" in history and "<b>1,000.10</b>" in history and "USD" in history and "1 Mar 2025" in history


def test_facts_are_edited_in_place_the_amount_with_its_currency(page, sale, dollars):
    form = text_of(page.get(fact(sale, "amount"), headers=FRAGMENT))
    assert 'name="amount"' in form and "US Dollar" in form
    assert save(page, sale, "amount", amount="1250.5", currency="USD").status_code == 204
    assert save(page, sale, "expected_on", expected_on="2027-01-31").status_code == 204
    sale.refresh_from_db()
    assert (sale.amount, sale.currency, sale.expected_on) == (Decimal("1250.50"), "USD", datetime.date(2027, 1, 31))


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("amount", {"amount": "-1", "currency": "EUR"}, "greater than or equal to 0"),
        ("amount", {"amount": "1e30", "currency": "EUR"}, "no more than 14 digits"),
        ("amount", {"amount": "much", "currency": "EUR"}, "Enter a number"),
        ("amount", {"amount": "1", "currency": "XXX"}, "not one of the available choices"),
        ("expected_on", {"expected_on": "soon"}, "Enter a valid date"),
        ("company", {"company": "999999"}, "valid choice"),
        ("person", {"person": "999999"}, "valid choice"),
        ("name", {"name": " "}, "required"),
    ],
)
def test_bad_input_gets_a_message_at_the_field_and_nothing_is_lost(page, sale, name, values, message):
    before = Sale.objects.values().get(pk=sale.pk)
    assert message in text_of(save(page, sale, name, **values), 422)
    assert Sale.objects.values().get(pk=sale.pk) == before


def test_the_stage_is_set_from_its_menu_and_who_was_faster_is_told(page, sale, stage, ada):
    address = reverse("sales:set_stage", args=[sale.pk])
    response = page.post(address, {"stage": stage("Negotiation").pk, "was": stage("Offer").pk}, headers=FRAGMENT)
    assert told(response)["text"] == "Flottensteuerung is now at Negotiation" and told(response)["undo_url"]
    response = page.post(address, {"stage": stage("First talk").pk, "was": stage("Offer").pk}, headers=FRAGMENT)
    assert "Somebody else has set it to Negotiation" in told(response)["text"]
    sale.refresh_from_db()
    assert sale.stage == stage("Negotiation")
    assert page.post(address, {"stage": "x"}, headers=FRAGMENT).status_code == 404


def test_winning_asks_for_the_day_and_a_reason_and_nothing_else(page, sale, reason):
    address = reverse("sales:win", args=[sale.pk])
    form = text_of(page.get(address, headers=FRAGMENT))
    assert set(re.findall(r'name="(\w+)"', form)) == {"csrfmiddlewaretoken", "closed_on", "reason"}
    assert f'value="{TODAY().isoformat()}"' in form and "Best offer" in form and "Competitor" not in form
    response = page.post(address, {"closed_on": TODAY().isoformat(), "reason": ""}, headers=FRAGMENT)
    assert response.status_code == 204 and told(response)["text"] == "Won: Flottensteuerung (€1,000.10)"
    card = text_of(page.get(sale.get_absolute_url()))
    assert "Open again" in card and "fact-closed_on" in card
    page.post(told(response)["undo_url"], headers=FRAGMENT)
    sale.refresh_from_db()
    assert sale.status == "open"


def test_losing_needs_its_reason(page, sale, reason):
    address = reverse("sales:lose", args=[sale.pk])
    assert "required" in text_of(page.post(address, {"closed_on": TODAY().isoformat()}, headers=FRAGMENT), 422)
    early = (TODAY() - datetime.timedelta(days=60)).isoformat()
    assert "created after that" in text_of(
        page.post(address, {"closed_on": early, "reason": reason("Price").pk}, headers=FRAGMENT), 422
    )
    assert (
        page.post(address, {"closed_on": TODAY().isoformat(), "reason": reason("Price").pk}, headers=FRAGMENT).status_code == 204
    )
    sale.refresh_from_db()
    assert (sale.status, sale.reason) == ("lost", reason("Price"))


def test_who_wins_second_reads_who_was_first(page, sale, ada):
    actions.win(sale, by=ada, via="card")
    response = page.post(reverse("sales:win", args=[sale.pk]), {"closed_on": TODAY().isoformat()}, headers=FRAGMENT)
    assert "Ada Lind has already marked “Flottensteuerung” as won" in text_of(response, 422)


def test_resting_and_opening_again(page, sale):
    day = TODAY() + datetime.timedelta(days=5)
    assert page.post(reverse("sales:stall", args=[sale.pk]), {"reopen_on": day.isoformat()}, headers=FRAGMENT).status_code == 204
    assert "Open again: Flottensteuerung" in text_of(
        page.get(reverse("activities:next", args=["persons", sale.person_id]), headers=FRAGMENT)
    )
    response = page.post(reverse("sales:reopen", args=[sale.pk]), headers=FRAGMENT)
    assert told(response)["text"] == "Opened again: Flottensteuerung"
    sale.refresh_from_db()
    assert (sale.status, sale.reopen_on) == ("open", None)


def test_a1_a_stranger_finds_nothing_and_a_reader_changes_nothing(client, sale, max_, rita, stage):
    reads = [
        sale.get_absolute_url(),
        fact(sale, "amount"),
        *(reverse(f"sales:{name}", args=[sale.pk]) for name in ("win", "lose", "stall")),
    ]
    writes = [reverse(f"sales:{name}", args=[sale.pk]) for name in ("win", "lose", "stall", "reopen", "set_stage")]
    client.force_login(max_)
    assert {client.get(url).status_code for url in reads} == {404}
    assert {client.post(url, {"stage": stage("Offer").pk}).status_code for url in writes} == {404}
    assert not names(client.get("/sales/"))
    assert {
        client.get(reverse(f"sales:{kind}_sales", args=[pk])).status_code
        for kind, pk in (("company", sale.company_id), ("person", sale.person_id))
    } == {404}
    client.force_login(rita)
    card = text_of(client.get(sale.get_absolute_url()))
    assert "data-edit" not in card and "Mark as" not in card and "sales/1/win" not in card
    assert {client.get(url).status_code for url in reads[1:]} == {403}
    assert {
        client.post(url, {"stage": stage("Negotiation").pk, "closed_on": TODAY().isoformat()}).status_code for url in writes
    } == {403}
    assert client.get(reverse("sales:sale_new")).status_code == 403


# --- Creating ---------------------------------------------------------------------------------------------------------


def test_r4_from_a_persons_card_it_is_prefilled_and_qualifies_the_lead(page, person, company, status):
    card = text_of(page.get(person.get_absolute_url()))
    address = f"{reverse('sales:sale_new')}?person={person.pk}"
    assert address in card
    form = text_of(page.get(address, headers=FRAGMENT))
    assert "<html" not in form and 'value="Nordwind Logistik"' in form and "Jana Petersen" in form
    values = {
        "name": "Wartung",
        "company": company.pk,
        "person": person.pk,
        "stage": SaleStage.objects.first().pk,
        "amount": "99",
        "currency": "EUR",
    }
    response = page.post(address, values, headers=FRAGMENT)
    sale = Sale.objects.get()
    assert response.headers["HX-Redirect"] == sale.get_absolute_url() and sale.person == person
    person.refresh_from_db()
    assert person.lead_status == status("Qualified")
    landed = text_of(page.get(sale.get_absolute_url()))
    assert "Wartung was created." in landed
    page.post(reverse("crm:undo", args=[ChangeSet.objects.get(action="sale.create").pk]), headers=FRAGMENT)
    person.refresh_from_db()
    assert person.lead_status == status("Open") and not Sale.objects.filter(deleted_at=None).exists()


def test_what_is_wrong_in_a_new_sale_is_said_and_what_was_typed_stays(page, company):
    values = {"name": "Wartung", "amount": "5", "currency": "EUR", "stage": SaleStage.objects.first().pk}
    text = text_of(page.post(reverse("sales:sale_new"), {**values, "company": company.pk, "amount": "-5"}), 422)
    assert "greater than or equal to 0" in text and 'value="Wartung"' in text and 'value="Nordwind Logistik"' in text
    assert "A sale belongs to a company." in text_of(page.post(reverse("sales:sale_new"), values), 422)


def test_who_creates_a_record_on_its_page_begins_in_the_first_field_and_knows_what_is_needed(page, company, anna):
    new = text_of(page.get(reverse("sales:sale_new")))
    assert "data-focus-first" in new and "If empty, the person" in new
    # What is wrong has the focus.
    assert "data-focus-first" not in text_of(page.post(reverse("sales:sale_new"), {"name": ""}), 422)
    sale = SaleFactory(company=company, owner=anna)
    form = text_of(page.get(reverse("leads:edit", args=["sales", sale.pk]), headers=FRAGMENT))
    assert re.search(r'for="id_company">Company <span class="must"', form) and "If empty" not in form


def test_the_search_for_a_person_finds_words_in_any_order_and_only_visible_ones(page, person, max_):
    PersonFactory(by=max_, first_name="Jana", last_name="Fremd")
    found = page.get(reverse("leads:choices", args=["persons"]), {"q": "jana pet"}).json()
    assert found == [{"id": person.pk, "name": "Jana Petersen", "detail": f"Nordwind Logistik · {person.email}"}]
    assert [one["name"] for one in page.get(reverse("leads:choices", args=["persons"]), {"q": "jana"}).json()] == [
        "Jana Petersen"
    ]


# --- Lists ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def world(anna, jan, stage, dollars, reason):
    """Four sales: two open ones of Anna's, one of Jan's in dollars, one lost."""
    one, two = CompanyFactory(by=anna, name="Alster"), CompanyFactory(by=anna, name="Zeppelin")
    first = SaleFactory(by=anna, name="A", company=two, amount=Decimal("100.10"), stage=stage("Offer"), expected_on=TODAY())
    second = SaleFactory(by=anna, name="B", company=one, amount=Decimal("200.20"), stage=stage("Negotiation"))
    third = SaleFactory(by=anna, name="C", company=one, amount=Decimal(1000), currency="USD", stage=stage("Offer"), owner=jan,
                        expected_on=TODAY() - datetime.timedelta(days=1))  # fmt: skip
    lost = SaleFactory(by=anna, name="D", company=one, amount=Decimal(7))
    actions.lose(lost, reason=reason("Price"), by=anna, via="card")
    return first, second, third, lost


def test_w3_the_list_shows_what_is_going_on_by_day_with_exact_sums(page, world):
    text = text_of(page.get("/sales/"))
    assert names(page.get("/sales/")) == ["C", "A", "B"]
    assert sums(text) == [("Amount", "€1,200.30")]
    assert "3 open · 0 stalled · 1 overdue" in text
    everything = text_of(page.get("/sales/?all=1"))
    assert sums(everything) == [("Amount", "€1,207.30")]
    assert "3 open · 0 stalled · 0 won · 1 lost · 1 overdue" in everything


def test_w3_groups_have_sums_of_their_own(page, world, stage):
    text = text_of(page.get("/sales/?group=stage&status=open&cols=name,amount,weighted_amount"))
    assert sums(text) == [("Amount", "€1,000.10"), ("Weighted", "€500.05"), ("Amount", "€200.20"), ("Weighted", "€150.15"),
                          ("Amount", "€1,200.30"), ("Weighted", "€650.20")]  # fmt: skip
    assert names(page.get(f"/sales/?group=stage&in={stage('Offer').pk}&status=open", headers=FRAGMENT)) == ["C", "A"]


def test_w3_only_columns_that_are_shown_are_added_up(page, world):
    assert sums(text_of(page.get("/sales/?cols=name,stage"))) == []
    assert sums(text_of(page.get("/sales/?cols=name,base_amount"))) == [("Amount in base currency", "€1,200.30")]


def test_w3_a_column_is_as_wide_as_its_longest_number(page, world, anna, company):
    def width(text, column="amount"):
        return int(re.search(rf'data-column="{column}" width="(\d+)"', text)[1])

    usual = width(page.get("/sales/").content.decode())
    SaleFactory(by=anna, company=company, amount=Decimal("1234567890.12"))
    text = page.get("/sales/").content.decode()
    # As wide as they are in the font: digits 9.1, the Euro 9.4, points and commas 3.8; and the edges of the cell.
    assert "1,234,567,890.12" in text and width(text) >= 12 * 9.1 + 9.4 + 4 * 3.8 + 30 > usual
    SaleFactory(by=anna, company=company, amount=Decimal("1000003.76"))
    text = page.get("/sales/?cols=name,weighted_amount").content.decode()
    assert "€100,000.38" in text and width(text, "weighted_amount") >= 8 * 9.1 + 9.4 + 2 * 3.8 + 30


def test_amounts_below_one_another_all_have_their_cents(page, world, anna, company):
    SaleFactory(by=anna, company=company, name="Whole", amount=Decimal(1700), currency="EUR")
    text = text_of(page.get("/sales/?cols=name,amount,base_amount"))
    assert text.count('<td class="number">€1,700.00</td>') == 2 and "€1,700<" not in text
    assert sums(text) == [("Amount", "€2,900.30"), ("Amount in base currency", "€2,900.30")]
    assert formats.money(Decimal(1700), "JPY", aligned=True) == "¥1,700"  # which has none


def test_settled_15_a_long_list_does_not_wait_for_its_sums(page, world, monkeypatch):
    monkeypatch.setattr(counts, "COUNT_UP_TO", 2)
    text = text_of(page.get("/sales/"))
    assert sums(text) == [] and 'hx-get="/sales/sums/?status=open,stalled"' in text
    assert sums(text_of(page.get("/sales/sums/?status=open,stalled"))) == [("Amount", "€1,200.30")]
    grouped = text_of(page.get("/sales/?group=status"))
    assert ("Amount", "€1,200.30") in sums(grouped)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("sort=amount", ["D", "A", "B", "C"]), ("sort=-amount", ["C", "B", "A", "D"]), ("sort=-expected_on", ["A", "C", "D", "B"]),
        ("sort=expected_on", ["C", "A", "B", "D"]), ("sort=company,-name", ["D", "C", "B", "A"]), ("sort=status,name", ["A", "B", "C", "D"]),
        ("sort=stage,-weighted_amount", ["D", "C", "A", "B"]), ("amount__gte=200.20", ["B", "C"]), ("amount__gte=200,20", ["B", "C"]),
        ("amount__between=7,100.10", ["A", "D"]),
        ("base_amount__gt=200.20", ["C"]), ("weighted_amount=0", ["D"]), ("amount=1000", ["C"]), ("expected_on__today=1", ["A"]),
        ("expected_on__overdue=1", ["C"]), ("expected_on__empty=1", ["B", "D"]), ("closed_on__last_days=1", ["D"]), ("company__contains=zep", ["A"]),
        ("owner=me&sort=name", ["A", "B", "D"]), ("status=lost", ["D"]), ("currency=usd", ["C"]),
    ],
)  # fmt: skip
def test_w3_sorting_and_filters(page, world, query, expected):
    found = names(page.get(f"/sales/?{query}" + ("" if "sort" not in query or "=me" in query else "&all=1")))
    assert (found if "sort" in query else sorted(found)) == expected


def test_w3_an_amount_is_asked_with_a_decimal_comma_too(page, world):
    for operator, typed, asked in (
        ("gt", ["200,2"], "amount__gt=200.2"),
        ("between", ["7,5", "100,10"], "amount__between=7.5,100.10"),
    ):
        answer = page.get("/sales/filter/", {"field": "amount", "operator": operator, "value": typed}, headers=FRAGMENT)
        assert answer.status_code == 204 and asked in answer["HX-Location"]


@pytest.mark.parametrize("query", ["amount=much", "amount__gte=1e30", "amount__between=1", "expected_on=2026-02-30", "status=maybe", "stage=9999",
                                   "sort=currency__x", "after=abc", "sort=expected_on&after=WyIiLG51bGwsImFiYyIsMV0"])  # fmt: skip
def test_w3_what_makes_no_sense_shows_no_rows(page, world, query):
    response = page.get(f"/sales/?{query}")
    assert response.status_code == 400 and not names(response)


@pytest.mark.parametrize(
    "sort", ["expected_on", "-expected_on", "amount", "-weighted_amount,name", "company,expected_on", "stage,-expected_on"]
)
def test_w3_every_sale_stands_on_exactly_one_page(page, anna, company, sort):
    values = [{"name": f"S{n:02}", "company": company, "amount": n % 7, "expected_on": TODAY() + datetime.timedelta(days=n % 5) if n % 3 else None}
              for n in range(60)]  # fmt: skip
    actions.create_sales(values, by=anna, via="system")
    found, address = [], f"/sales/?sort={sort}&per=25"
    while address:
        response = page.get(address)
        found += names(response)
        following = re.search(r'aria-label="Next page" href="([^"]+)"', response.content.decode())
        address = following and following[1].replace("&amp;", "&")
    assert sorted(found) == [f"S{n:02}" for n in range(60)]


@pytest.mark.parametrize("url", ["/sales/", "/sales/?group=stage,owner&all=1", "/sales/?sort=-company&cols=name,person,reason,type,source,closed_on",
                                 "/sales/?group=status&in=open", "/companies/{company}/sales/", "/persons/{person}/sales/", "/bin/?of=sale"])  # fmt: skip
def test_a_list_asks_at_most_ten_statements_however_many_rows_it_has(page, sale, anna, jan, url):
    headers = FRAGMENT if "{" in url else {}
    url = url.format(company=sale.company_id, person=sale.person_id)
    page.get("/settings/")  # whose first page after signing in writes the session
    few = statements(lambda: page.get(url, headers=headers))
    many = [{"name": f"S{n}", "company": sale.company, "person": sale.person, "owner": (anna, jan)[n % 2]} for n in range(40)]
    actions.create_sales(many, by=anna, via="system")
    assert statements(lambda: page.get(url, headers=headers)) <= max(few, 9) and few <= 10


def test_a_card_asks_as_much_of_an_old_sale_as_of_a_new_one(page, sale, anna, stage):
    few = statements(lambda: page.get(sale.get_absolute_url()))
    for name in ("First talk", "Negotiation", "Offer"):
        actions.set_stage(sale, stage(name), by=anna, via="card")
    assert statements(lambda: page.get(sale.get_absolute_url())) <= few <= 16


def test_section_tabs_show_the_sales_of_a_company_and_of_a_person(page, sale, anna, company):
    other = SaleFactory(by=anna, name="Andere", company=company)
    assert f"/companies/{company.pk}/sales/" in text_of(page.get(f"{company.get_absolute_url()}?tab=sales"))
    assert sorted(names(page.get(f"/companies/{company.pk}/sales/", headers=FRAGMENT))) == ["Andere", "Flottensteuerung"]
    assert names(page.get(f"/persons/{sale.person_id}/sales/")) == ["Flottensteuerung"]
    actions.delete(other, by=anna, via="card")
    assert names(page.get(f"/companies/{company.pk}/sales/")) == ["Flottensteuerung"]


def test_ticked_sales_are_won_lost_moved_and_deleted(page, world, reason, stage):
    first, second, third, lost = world
    ids = f"{first.pk},{second.pk},{lost.pk}"

    def act(name, **values):
        return page.post(f"/sales/act/{name}/?all=1", {"go": "1", "ids": ids, "as_of": "", **values}, headers=FRAGMENT)

    assert told(act("status", value=stage("Verbal yes").pk))["text"] == "2 sales are now at Verbal yes; 1 left unchanged."
    assert told(act("win", value=""))["text"] == "2 sales are won; 1 left unchanged."
    assert told(act("owner", value=third.owner_id))["text"] == "3 sales now belong to Jan Behrens."
    assert act("lose", value="").status_code == 422 and act("lose", value=reason("Best offer").pk).status_code == 422
    assert told(act("delete"))["text"] == "3 sales are in the bin."
    assert sorted(re.findall(r'<span class="line name">([^<]*)<', text_of(page.get("/bin/?of=sale")))) == ["A", "B", "D"]
    page.post("/bin/restore/?of=sale", {"ids": ids}, headers=FRAGMENT)
    assert Sale.objects.filter(deleted_at=None).count() == 4


def test_the_file_holds_numbers_and_days(page, world):
    response = page.get("/sales/export.csv?all=1&cols=name,amount,base_amount,expected_on&sort=name")
    lines = b"".join(response.streaming_content).decode("utf-8-sig").splitlines()
    assert lines[3] == f"C,1000.00,900.00,{TODAY() - datetime.timedelta(days=1)}" and lines[4] == "D,7.00,7.00,"
    sheet = b"".join(page.get("/sales/export.xlsx?all=1").streaming_content)
    rows = list(load_workbook(BytesIO(sheet)).active.iter_rows(values_only=True))
    by_name = {row[0]: row for row in rows}
    place = rows[0].index("Expected on")
    assert by_name["A"][place].date() == TODAY() and by_name["B"][rows[0].index("Amount")] == 200.2


def test_numbers_of_the_card_one_came_to_from_a_list(page, world):
    text = text_of(page.get("/sales/"))
    address = re.findall(r'<a class="line name" href="([^"]*)">', text)[1].replace("&amp;", "&")
    card = text_of(page.get(address))
    assert "2 of 3" in card and "Previous in the list" in card


def test_a_company_that_is_deleted_names_its_sales_first(page, sale, company):
    assert "1 sale" in text_of(page.get(reverse("leads:delete", args=["companies", company.pk]), headers=FRAGMENT))
    leads.delete(company, by=sale.owner, via="card")
    assert page.get(sale.get_absolute_url()).status_code == 404


def test_nothing_typed_by_others_becomes_markup(page, anna, company):
    arrange(Sale.objects.filter(pk=SaleFactory(by=anna, company=company).pk), name="<script>alert(1)</script>")
    sale = Sale.objects.get()
    for url in ("/sales/", sale.get_absolute_url(), reverse("sales:win", args=[sale.pk]), f"/companies/{company.pk}/sales/"):
        assert "<script>alert" not in text_of(page.get(url))


# --- Follow-ups of a sale (R15) -----------------------------------------------------------------------------------------


def test_r15_a_follow_up_of_a_sale_stands_on_its_card_and_on_those_of_its_company_and_person(page, sale, anna):
    address = reverse("activities:new", args=["sales", sale.pk])
    assert address in text_of(page.get(sale.get_absolute_url()))
    form = {"kind": "call", "subject": "Call about the offer", "day": "2020-01-31", "time": "10:00", "repeat_every": "1"}
    assert page.post(address, form, headers=FRAGMENT).status_code == 204
    activity = Activity.objects.get()
    assert (activity.sale, activity.company, activity.person) == (sale, sale.company, sale.person)
    for kind, pk in (("sales", sale.pk), ("companies", sale.company_id), ("persons", sale.person_id)):
        shown = text_of(page.get(reverse("activities:next", args=[kind, pk]), headers=FRAGMENT))
        assert "Call about the offer" in shown and ("Flottensteuerung" in shown) == (kind != "sales")
    sale.refresh_from_db()
    assert sale.next_activity == activity.due_at
    assert "Call about the offer" in text_of(page.get("/sales/"))
    page.post(reverse("activities:tick", args=[activity.pk]), headers=FRAGMENT)
    sale.refresh_from_db()
    assert sale.next_activity is None and not any(activity_lifecycle.drift().values())


def test_r15_the_timelines_tell_what_became_of_a_sale(page, sale, anna):
    actions.win(sale, by=anna, via="card")
    page.post(reverse("activities:note", args=["sales", sale.pk]), {"text": "Signed."}, headers=FRAGMENT)
    own = text_of(page.get(reverse("activities:timeline", args=["sales", sale.pk]), headers=FRAGMENT))
    assert "Signed." in own and "Won" in own
    for kind, pk in (("companies", sale.company_id), ("persons", sale.person_id)):
        shown = text_of(page.get(reverse("activities:timeline", args=[kind, pk]) + "?show=sales", headers=FRAGMENT))
        assert "Flottensteuerung</a>: <b>Won</b>" in shown and "Flottensteuerung</a>: new sale" in shown


def test_r15_who_may_not_see_the_sale_sees_nothing_of_it_in_a_timeline(client, sale, ada, max_):
    leads.set_owner(sale.company, max_, by=ada, via="card")
    other = SaleFactory(by=ada, company=sale.company, owner=ada, name="Fremd")
    client.force_login(max_)  # who owns the company, and so sees its sales
    assert "Fremd" in text_of(client.get(reverse("activities:timeline", args=["companies", sale.company_id]), headers=FRAGMENT))
    client.force_login(sale.owner)
    assert client.get(reverse("activities:timeline", args=["sales", other.pk]), headers=FRAGMENT).status_code == 404
    assert "Created" in text_of(client.get(reverse("activities:timeline", args=["sales", sale.pk]), headers=FRAGMENT))


def test_r18_the_follow_ups_of_a_sale_go_into_the_bin_with_it_and_come_back(page, sale, anna):
    activity = ActivityFactory(by=anna, sale=sale, person=None)
    deleted = actions.delete(sale, by=anna, via="card")
    activity.refresh_from_db()
    assert activity.deleted_at
    page.post(reverse("crm:undo", args=[deleted.change_set.pk]), headers=FRAGMENT)
    activity.refresh_from_db()
    assert activity.deleted_at is None
    company_gone = leads.delete(sale.company, by=anna, via="card")
    activity.refresh_from_db()
    assert activity.deleted_at
    page.post(reverse("crm:undo", args=[company_gone.change_set.pk]), headers=FRAGMENT)
    activity.refresh_from_db()
    assert activity.deleted_at is None and not any(activity_lifecycle.drift().values())
