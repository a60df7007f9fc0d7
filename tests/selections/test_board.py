"""The board (B1, B2, B4, B5): its columns, counts and cards, for whom, and what it keeps of what a user chose."""

import datetime
import itertools
import json
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from crm.history.models import ChangeSet
from crm.models import TableSetting
from leads.models import LeadStatus, Person
from sales import actions as sales
from sales.models import Sale, SaleReason, SaleStage
from tests.factories import ActivityFactory, CompanyFactory, PersonFactory, SaleFactory, arrange
from tests.selections.boards import HTMX, cells, column, counts, every, move

# --- Columns and counts (B1, B2) -----------------------------------------------------------------------------------------


def test_b1_the_columns_of_my_leads_are_the_statuses_in_their_order_with_the_empty_ones(page, lead, status):
    jana = lead("Petersen", "Qualified")
    answer = page.get("/board/")
    heads = re.findall(r'<h2 id="column-(\d+)"', answer.content.decode())
    assert [LeadStatus.objects.get(pk=pk).name_en for pk in heads] == [
        "Open",
        "Contacting",
        "Qualified",
        "Re-nurture",
        "Disqualified",
    ]
    assert column(answer, status("Qualified").pk) == [jana.pk] and column(answer, status("Open").pk) == []


@pytest.mark.parametrize("kind", ["dynamic", "static"])
def test_b1_a_selection_opens_as_a_board(page, lead, select, status, kind):
    jana, tom = lead("Petersen"), lead("Wehner")
    if kind == "static":
        selection = select(records=[jana])
    else:
        selection = select(kind="dynamic", criteria={"all": [{"field": "name", "operator": "contains", "value": "peter"}]})
    card = page.get(f"/selections/{selection.pk}/").content.decode()
    address = reverse("selections:board_of_person", args=[selection.pk])
    assert address in card
    answer = page.get(address)
    assert column(answer, status("Open").pk) == [jana.pk] and tom.pk not in every(answer)


def test_b1_companies_stand_by_category_and_sales_by_stage_or_status(page, company, anna, category):
    sale = SaleFactory(by=anna, company=company, amount="1200", stage=SaleStage.objects.first())
    assert column(page.get("/board/companies/"), category("Lead").pk) == [company.pk]
    assert column(page.get("/board/sales/"), sale.stage_id) == [sale.pk]
    assert column(page.get("/board/sales/?by=status"), "open") == [sale.pk]


def test_settled_1_a_board_by_status_shows_leads_and_says_how_many_have_none(page, lead, select, anna, category):
    jana = lead("Petersen")
    other = PersonFactory(by=anna, company=CompanyFactory(by=anna, category=category("Customer")))
    answer = page.get(f"/selections/{select(records=[jana, other]).pk}/board/person/")
    assert every(answer) == [jana.pk] and "1 without lead status" in answer.content.decode()


def test_b2_each_column_tells_its_true_count_and_more_cards_come_from_where_it_ends(page, lead, status):
    people = [lead(f"Person {n:03}") for n in range(60)]
    open_ = status("Open").pk
    answer = page.get("/board/?sort=name")
    assert counts(answer)[str(open_)] == 60
    shown = column(answer, open_)
    assert shown == [person.pk for person in people[:25]]
    while more := re.search(r'data-more="([^"]+)"', answer.content.decode()):
        answer = page.get("/board/cards/", {"sort": "name", "column": open_, "after": more[1]})
        shown += [int(pk) for pk in re.findall(r'<li class="board-card[^>]*data-id="(\d+)"', answer.content.decode())]
    assert shown == [person.pk for person in people]


def test_b2_counts_equal_a_recount_with_filters_criteria_and_a_title(page, lead, status, anna, jan, category):
    for n in range(12):
        lead(
            f"Wehner {n}" if n % 2 else f"Petersen {n}", ["Open", "Contacting", "Qualified"][n % 3], owner=anna if n % 4 else jan
        )
    criteria = json.dumps({"any": [{"field": "lead_status_kind", "value": ["open"]}, {"field": "owner", "value": ["me"]}]})
    asked = {
        "all=1": Person.objects.all(),
        "owner=me": Person.objects.filter(owner=anna),
        "all=1&title=wehn": Person.objects.filter(last_name__startswith="Wehner"),
        f"all=1&criteria={criteria}": Person.objects.filter(lead_status__kind="open") | Person.objects.filter(owner=anna),
    }
    for query, people in asked.items():
        answer = page.get(f"/board/?{query}")
        figures = page.get(f"/board/figures/?{query}").json()
        for name in ("Open", "Contacting", "Qualified", "Disqualified"):
            key = str(status(name).pk)
            expected = people.filter(lead_status=status(name)).count()
            assert counts(answer)[key] == expected == len(column(answer, key)), (query, name)
            assert figures["columns"].get(key, {"count": 0})["count"] == expected


def test_b2_a_board_too_large_to_count_at_once_tells_its_figures_after_the_cards(page, lead, monkeypatch, status):
    from selections import board

    lead("Petersen"), lead("Wehner")
    monkeypatch.setattr(board, "AT_ONCE", 1)
    answer = page.get("/board/")
    assert "data-figures-later" in answer.content.decode() and len(column(answer, status("Open").pk)) == 2
    assert page.get("/board/figures/").json()["columns"][str(status("Open").pk)]["count"] == 2


def test_settled_1_how_many_have_no_lead_status_is_told_with_the_figures(page, lead, select, anna, category, monkeypatch):
    """To find that there are none of them may be to look at all records of a large selection."""
    from selections import board

    people = [
        lead("Petersen"),
        lead("Wehner"),
        PersonFactory(by=anna, company=CompanyFactory(by=anna, category=category("Customer"))),
    ]
    monkeypatch.setattr(board, "AT_ONCE", 1)
    address = f"/selections/{select(records=people).pk}/board/person/"
    assert "without lead status" not in page.get(address).content.decode()
    assert page.get(f"{address}figures/").json()["without"] == "1 without lead status"


@pytest.mark.parametrize("query", ["", "&rows=source", "&sort=name", "&by=owner&sort=-created_at"])
def test_a1_a_teams_board_shows_what_the_team_may_see_and_nothing_else(
    client, lead, anna, jan, max_, ada, category, query, monkeypatch
):
    theirs = CompanyFactory(by=ada, owner=max_, category=category("Lead"))
    ours = CompanyFactory(by=ada, owner=jan, category=category("Lead"))
    for number, (company, owner) in enumerate(itertools.product((theirs, ours), (anna, jan, max_, None))):
        lead(f"Person {number}", by=ada, company=company, owner=owner)
    ChangeSet.objects.update(at=timezone.now() - datetime.timedelta(days=9))
    Person.objects.update(created_at=timezone.now() - datetime.timedelta(days=9))
    for user in (anna, max_):
        client.force_login(user)
        seen = set(Person.objects.visible_to(user).filter(is_lead=True).values_list("pk", flat=True))
        assert 0 < len(seen) < 8
        assert set(every(client.get(f"/board/?all=1{query}"))) == seen
        for most in (1_000, 0):  # a past day, read column by column and in one go
            monkeypatch.setattr("selections.board_cards.MOST_WALKED", most)
            assert set(every(client.get(f"/board/?all=1&day={timezone.localdate() - datetime.timedelta(days=5)}{query}"))) == seen


def test_b2_sales_are_added_up_in_each_column(page, company, anna):
    stage, other = SaleStage.objects.all()[:2]
    for amount in ("1200.50", "99.50"):
        SaleFactory(by=anna, company=company, stage=stage, amount=amount)
    figures = page.get("/board/sales/figures/").json()["columns"]
    assert figures[str(stage.pk)]["sum"] == "€1,300" and str(other.pk) not in figures
    weighted = page.get("/board/sales/figures/?sum=weighted_amount").json()["columns"]
    assert weighted[str(stage.pk)]["sum"] == f"€{1300 * stage.probability // 100:,}"


def test_b2_half_the_cards_of_a_status_have_been_there_for_longer_than_it_says(page, lead, status):
    import datetime

    from django.utils import timezone

    for days in (2, 9, 30):
        person = lead(f"Person {days}")
        arrange(Person.objects.filter(pk=person.pk), lead_status_since=timezone.now() - datetime.timedelta(days=days))
    assert page.get("/board/figures/").json()["columns"][str(status("Open").pk)]["days"] == "9 d"
    assert "9 d" in page.get("/board/").content.decode()


@pytest.mark.parametrize(
    "address", ["/board/?all=1", "/board/?all=1&rows=owner", "/board/companies/?all=1", "/board/sales/?all=1&by=status"]
)
def test_b2_a_board_asks_few_statements_however_many_cards_there_are(page, lead, anna, status, address):
    def asked():
        with CaptureQueriesContext(connection) as queries:
            assert page.get(address).status_code == 200
        return len(queries)

    few, board = lead("First"), []
    SaleFactory(by=anna, company=few.company)
    page.get(address)
    first = asked()
    for n in range(40):
        board.append(
            lead(
                f"Person {n}",
                ["Open", "Contacting", "Qualified", "Re-nurture"][n % 4],
                company=CompanyFactory(by=anna) if n % 5 else few.company,
            )
        )
        SaleFactory(by=anna, company=few.company)
    assert asked() <= first <= 10


def test_b2_the_board_of_a_selection_asks_few_statements_too(page, lead, select, django_assert_max_num_queries):
    selection = select(records=[lead("Petersen")])
    address = f"/selections/{selection.pk}/board/person/"
    page.get(address)
    with django_assert_max_num_queries(10):
        page.get(address, **HTMX)


# --- Cards (B4) --------------------------------------------------------------------------------------------------------------


def test_b4_a_card_shows_who_where_whose_what_next_and_for_how_long(page, lead, anna, status):
    import datetime

    from django.utils import timezone

    jana = lead("Petersen")
    ActivityFactory(by=anna, person=jana, due_at=timezone.now() - datetime.timedelta(days=1), subject="Call back")
    arrange(Person.objects.filter(pk=jana.pk), lead_status_since=timezone.now() - datetime.timedelta(days=8))
    html = page.get("/board/").content.decode()
    card = re.search(rf'<li class="board-card[^>]*data-id="{jana.pk}".*?</li>', html, re.DOTALL)[0]
    for part in (
        "Petersen",
        "Nordwind",
        ">AK<",
        "overdue",
        "yesterday",
        "8 d",
        " stale",
        "Stale: for more than 7 days in this status",
    ):
        assert part in card, part
    LeadStatus.objects.filter(pk=status("Open").pk).update(stale_after=None)
    assert (
        " stale"
        not in re.search(
            rf'<li class="board-card[^>]*data-id="{jana.pk}".*?</li>', page.get("/board/").content.decode(), re.DOTALL
        )[0]
    )


def test_b4_the_menu_of_a_card_offers_all_that_can_be_done_and_nothing_to_who_only_reads(page, client, lead, rita):
    jana = lead("Petersen")
    menu = page.get("/board/menu/", {"id": jana.pk}, **HTMX).content.decode()
    for part in ("data-move-to", "data-edit-all", "follow-ups/new/", "sales/new/", "act/delete/", "act/owner/"):
        assert part in menu, part
    client.force_login(rita)
    menu = client.get("/board/menu/?all=1", {"id": jana.pk}, **HTMX)
    assert "data-move-to" not in menu.content.decode() and "act/" not in menu.content.decode()


def test_b5_further_fields_stand_on_the_cards(page, lead):
    lead("Petersen", email="jana@nordwind.example", title="Betriebsleiterin")
    html = page.get("/board/?show=title,email").content.decode()
    assert (
        "jana@nordwind.example" in html
        and "Betriebsleiterin" in html
        and "jana@" not in page.get("/board/?show=title").content.decode()
    )


def test_b4_to_disqualify_stands_in_the_menu_of_a_card_once(page, lead, status):
    jana = lead("Petersen")
    gone = status("Disqualified").pk

    def offered(**query):
        menu = page.get("/board/menu/", {"id": jana.pk, **query}, **HTMX).content.decode()
        return f'data-move-to="{gone}"' in menu, "Disqualify …" in menu

    assert offered() == (True, False)
    assert offered(hide=gone) == (False, True) and offered(by="owner") == (False, True)


def test_b4_an_open_sale_says_on_its_card_that_it_is_overdue_a_closed_one_does_not(page, company, anna):
    yesterday = timezone.localdate() - datetime.timedelta(days=1)
    sale = SaleFactory(by=anna, company=company, expected_on=yesterday)
    assert 'class="overdue"' in page.get("/board/sales/?all=1").content.decode()
    sales.lose(Sale.objects.filter(pk=sale.pk), by=anna, via="card", reason=SaleReason.objects.filter(outcome="lost").first())
    assert 'class="overdue"' not in page.get("/board/sales/?all=1").content.decode()


def test_b5_a_board_says_how_many_columns_are_hidden_and_shows_them(page, lead, status):
    lead("Petersen")
    answer = page.get(f"/board/?hide={status('Qualified').pk},{status('Open').pk}").content.decode()
    assert "2 columns hidden" in answer
    shown = re.search(r'2 columns hidden · <a href="([^"]*)"', answer)[1].replace("&amp;", "&")
    assert "hidden ·" not in page.get(shown).content.decode()


def test_b1_only_the_board_of_my_leads_is_called_so(page, lead):
    lead("Petersen")
    assert "<h1>My leads</h1>" in page.get("/board/").content.decode()
    assert "<h1>Leads</h1>" in page.get("/board/?all=1").content.decode()


def test_b1_who_has_no_value_stands_in_a_column_of_their_own(page, lead, anna):
    jana = lead("Petersen", owner=None)
    answer = page.get("/board/?all=1&by=owner")
    assert column(answer, "-") == [jana.pk] and counts(answer)["-"] == 1
    assert move(page, [(jana, "-")], anna.pk, address="/board/move/?all=1&by=owner").status_code == 204
    assert move(page, [(jana, anna.pk)], "-", address="/board/move/?all=1&by=owner").status_code == 204
    jana.refresh_from_db()
    assert jana.owner is None


# --- Who sees what (A1, S9) --------------------------------------------------------------------------------------------------------


def test_a1_a_board_counts_and_shows_only_what_one_may_see(client, lead, status, max_, mia, select):
    mine, theirs = lead("Petersen"), lead("Secret", by=max_, company=CompanyFactory(by=max_))
    client.force_login(max_)
    answer = client.get("/board/?all=1")
    assert every(answer) == [theirs.pk] and sum(counts(answer).values()) == 1
    assert client.get("/board/menu/", {"id": mine.pk}, **HTMX).status_code == 404
    client.force_login(mia)
    assert sorted(every(client.get("/board/?all=1"))) == sorted([mine.pk, theirs.pk])


# --- What is kept (B5, U4) -----------------------------------------------------------------------------------------------------------


def test_b5_a_view_is_kept_for_all_my_boards_or_for_one_selection_only(page, lead, select, anna):
    selection = select(records=[lead("Petersen")])
    own = reverse("selections:board_of_person_settings", args=[selection.pk])
    page.post("/board/settings/", {"by": "owner", "rows": "", "sort": "name", "descending": "1", "own": "0", "go": "1"}, **HTMX)
    page.post(own, {"by": "source", "rows": "owner", "sort": "name", "own": "1", "go": "1"}, **HTMX)
    assert "Columns: Owner" in page.get("/board/").content.decode()
    assert "Columns: Source" in page.get(f"/selections/{selection.pk}/board/person/").content.decode()
    assert "Columns: Owner" in page.get("/board/persons/").content.decode()
    # The address wins: it can be sent to somebody.
    assert "Columns: Category" in page.get("/board/?by=category").content.decode()
    page.post(own, {"reset": "1", "limit-1": "ten"}, **HTMX)  # whatever is just being typed
    assert not TableSetting.objects.filter(user=anna).exists()


def test_b5_columns_are_hidden_folded_and_limited(page, lead, status):
    lead("Petersen"), lead("Wehner")
    open_, renurture = str(status("Open").pk), str(status("Re-nurture").pk)
    page.post(
        "/board/settings/", {"by": "lead_status", "hidden": ["", renurture], "folded": ["", open_], f"limit-{open_}": "1"}, **HTMX
    )
    answer = page.get("/board/")
    assert renurture not in counts(answer) and column(answer, open_) == []
    assert f'data-head="{open_}" data-limit="1"' in answer.content.decode() and counts(answer)[open_] == 2


@pytest.mark.parametrize("typed", ["-3", "ten", "1.5"])
def test_b5_a_limit_that_is_no_number_is_said_where_it_was_typed(page, status, typed, anna):
    open_, renurture = str(status("Open").pk), str(status("Re-nurture").pk)
    given = {"by": "owner", "hidden": ["", renurture], f"limit-{open_}": typed, f"limit-{renurture}": "7", "go": "1"}
    answer = page.post("/board/settings/", given, **HTMX)
    html = answer.content.decode()
    assert answer.status_code == 422 and not TableSetting.objects.filter(user=anna).exists()
    assert html.count("A whole number, please.") == 1 and html.count('aria-invalid="true"') == 1
    assert f'name="limit-{open_}" value="{typed}"' in html and f'name="limit-{renurture}" value="7"' in html
    assert f'data-hides="{renurture}">' in html and f'data-hides="{open_}" checked>' in html


@pytest.mark.parametrize(
    "data", [{"by": "nonsense"}, {"rows": "email"}, {"sort": "lead_status"}, {"sum": "name"}, {"limit-99": "1"}]
)
def test_settings_nobody_could_have_meant_are_refused(page, lead, data, anna):
    assert page.post("/board/settings/", data, **HTMX).status_code == 400 and not TableSetting.objects.filter(user=anna).exists()


@pytest.mark.parametrize(
    "query",
    [
        "by=nonsense",
        "by=email",
        "rows=nonsense",
        "sort=lead_status",
        "sum=name",
        "day=tomorrow",
        "day=2999-01-01",
        "name=%3D&x=1",
    ],
)
def test_an_address_nobody_understands_shows_no_cards_and_says_why(page, lead, query):
    lead("Petersen")
    answer = page.get(f"/board/?{query}")
    assert answer.status_code == 400 and "could not be understood" in answer.content.decode() and not cells(answer)


def test_what_a_board_does_not_understand_is_said_once(page, lead):
    text = page.get("/board/?by=nonsense").content.decode()
    assert (
        text.count("This field cannot be used for the columns of a board.") == 1 and '<span class="chip bad">Columns <a' in text
    )
    assert "<b>nonsense</b>: " in page.get("/board/?nonsense=1").content.decode()


def test_a_board_by_a_field_that_makes_no_columns_says_so_without_its_technical_name(page):
    text = page.get("/board/?by=phone").content.decode()
    assert "This field cannot be used for the columns of a board." in text and "<b>by</b>" not in text


def test_the_search_on_a_board_is_named_as_the_field_it_asks(page):
    assert 'placeholder="Name" aria-label="Filter by name"' in page.get("/board/").content.decode()
