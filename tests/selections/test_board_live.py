"""What others change appears on a board by itself (B6), whoever commits when (settled 13); and the board of a day in the past."""

import datetime
import threading

import pytest
from django.db import connection, transaction
from django.utils import timezone

from crm.history import live
from crm.history.changes import change, chunks, long_change, writing
from crm.history.models import Change, ChangeSet
from leads import actions
from leads import list_items as items
from leads.models import Person
from selections import board_cards
from tests.factories import ActivityFactory, CompanyFactory, PersonFactory
from tests.selections.boards import HTMX, cells, column, counts, every

only_postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer: nobody commits late")


def ask(client, position, address="/board/live/?owner=me", shown=()):
    joint = "&" if "?" in address else "?"
    return client.get(
        f"{address}{joint}since={position}", headers={"HX-Request": "true", "Lotse-Shown": ",".join(map(str, shown))}
    )


def everything(news):
    """Tell whether the board is read anew instead: on a server where others hold transactions open, more is told again than one by
    one (docs/decisions/0022). That is right, too, and this test can only say that it is what happened."""
    return connection.vendor == "postgresql" and news["everything"]


# --- The log ------------------------------------------------------------------------------------------------------------------


def test_nothing_new_is_a_204_of_three_statements(page, lead, django_assert_num_queries):
    lead("Petersen")
    position = live.position()
    ask(page, position)  # the first one notes that its user is here
    with django_assert_num_queries(3):  # the session, the user, the log
        answer = ask(page, position)
    assert answer.status_code == 204 and not answer.content


@pytest.mark.django_db(transaction=True)
def test_b6_news_cost_as_many_statements_however_many_cards_they_are(page, lead, status, jan, django_assert_max_num_queries):
    people, position = [lead(f"Person {n}") for n in range(4)], live.position()
    for number in (1, 4):
        for one in people[:number]:
            actions.set_lead_status(one, status("Qualified"), by=jan, via="board")
        with django_assert_max_num_queries(12):
            assert ask(page, position).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_b6_anothers_move_is_told_with_the_card_its_place_and_the_counts(page, lead, status, jan):
    jana = lead("Petersen")
    lead("Wehner")
    position = live.position()
    actions.set_lead_status(jana, status("Qualified"), by=jan, via="board")
    news = ask(page, position, shown=[jana.pk]).json()
    if everything(news):
        return
    (card,) = [one for one in news["cards"] if one["id"] == jana.pk]
    assert (card["id"], card["column"], card["row"]) == (jana.pk, str(status("Qualified").pk), "") and "Petersen" in card["html"]
    assert news["gone"] == [] and not news["everything"]
    columns = news["figures"]["columns"]
    assert columns[str(status("Qualified").pk)]["count"] == columns[str(status("Open").pk)]["count"] == 1
    assert ask(page, news["position"]).status_code == 204


def test_a_board_that_asks_by_itself_does_not_keep_its_user_signed_in(page, lead):
    lead("Petersen")
    page.get("/board/")
    session = page.session
    session["seen"] -= 3_600
    session.save()
    ask(page, live.position())
    assert page.session["seen"] == session["seen"]
    page.get("/board/")
    assert page.session["seen"] > session["seen"]


def test_b6_what_changes_a_card_is_told_whatever_it_was(page, lead, status, jan, anna, company, category):
    jana = lead("Petersen")
    deeds = [
        lambda: ActivityFactory(by=jan, person=jana, due_at=timezone.now() + datetime.timedelta(days=1)),
        lambda: actions.edit_company(company, {"name": "Südwind"}, by=jan, via="card"),
        lambda: actions.edit_person(jana, {"first_name": "Jana"}, by=jan, via="card"),
    ]
    for deed in deeds:
        position = live.position()
        deed()
        news = ask(page, position).json()
        assert everything(news) or [card["id"] for card in news["cards"]] == [jana.pk]
    # A company that becomes a customer elsewhere takes its persons' cards off the board.
    position = live.position()
    actions.set_category(company, category("Customer"), by=jan, via="card")
    news = ask(page, position, shown=[jana.pk]).json()
    assert everything(news) or ((news["cards"], news["gone"]) == ([], [jana.pk]) and news["figures"]["columns"] == {})


def test_a1_of_what_one_may_not_see_nothing_is_told(page, lead, max_, status):
    theirs = lead("Secret", by=max_, company=CompanyFactory(by=max_))
    position = live.position()
    actions.set_lead_status(theirs, status("Qualified"), by=max_, via="board")
    news = ask(page, position, "/board/live/?all=1").json()
    assert news["cards"] == news["gone"] == [] and str(theirs.pk) not in str(news.get("figures", ""))


def test_changes_of_the_lists_and_too_many_at_once_read_the_board_anew(page, lead, status, ada, anna, monkeypatch):
    people = [lead(f"Person {n}") for n in range(4)]
    position = live.position()
    items.edit_item(status("Open"), {"name_en": "New"}, by=ada, via="admin")
    assert ask(page, position).json()["everything"]
    position = live.position()
    monkeypatch.setattr(live, "MOST", 3)
    actions.set_lead_status(Person.objects.filter(pk__in=[one.pk for one in people]), status("Qualified"), by=anna, via="bulk")
    assert ask(page, position).json()["everything"]


@pytest.mark.parametrize("position", ["", "x", "-1", "1.2", "1.2.3.4", "99999999999999999999", "9" * 50, "1;2;3", "0"])
def test_a_position_nobody_understands_reads_the_board_anew(page, lead, position):
    lead("Petersen")
    answer = ask(page, position)
    assert answer.status_code == 200 and (answer.json()["everything"] or answer.json()["cards"])


@pytest.mark.django_db(transaction=True)
def test_each_part_of_long_work_is_told(lead, status, anna):
    people = [lead(f"Person {n}") for n in range(3)]
    position, seen = live.position(), []
    with long_change("person.edit", by=anna, via="bulk") as change_set:
        for (pk,) in chunks([one.pk for one in people], 1):
            with writing(change_set):
                Person.objects.filter(pk=pk).update(title="CTO")
            news = live.since(position)
            position = news.position
            seen.append(pk in news.records["person"])
    assert seen == [True] * 3


@only_postgresql
@pytest.mark.django_db(transaction=True)
def test_settled_13_what_commits_late_is_told_although_later_changes_were_told_before(lists, anna):
    """The first begins, the second begins and commits and is told; then the first commits."""
    first, second = (PersonFactory(by=anna, company=None) for _ in range(2))
    position = live.position()
    wrote, may_commit = threading.Event(), threading.Event()

    def late():
        try:
            with change("person.edit", by=anna, via="card"):
                Person.objects.filter(pk=first.pk).update(title="late")
                wrote.set()
                may_commit.wait(20)
        finally:
            connection.close()

    thread = threading.Thread(target=late)
    thread.start()
    try:
        assert wrote.wait(20)
        actions.edit_person(second, {"title": "early"}, by=anna, via="card")
        # It does not wait for the one that has not ended; after that there is nothing new until it does.
        news = live.since(position)
        assert second.pk in news.records["person"]
        assert live.since(news.position) is None
    finally:
        may_commit.set()
        thread.join()
    later = live.since(news.position)
    assert first.pk in later.records["person"]
    assert live.since(later.position) is None
    assert Change.objects.filter(record_id=first.pk, new="late").get().id < Change.objects.filter(new="early").get().id


@only_postgresql
@pytest.mark.django_db(transaction=True)
def test_what_was_taken_back_is_never_told(lists, anna):
    person = PersonFactory(by=anna, company=None)
    position = live.position()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        actions.edit_person(person, {"title": "never"}, by=anna, via="card")
        raise ZeroDivisionError
    assert live.since(position) is None


# --- A day in the past --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def past(lead, status, category, company, anna, jan):
    """Four leads whose statuses, owners and companies changed three days ago, and one that came since."""
    jana, tom, nina, olaf = (lead(name) for name in ("Petersen", "Wehner", "Okafor", "Lind"))
    elsewhere = CompanyFactory(by=anna, category=category("Customer"))
    paul = lead("Paul", company=CompanyFactory(by=anna, category=category("Lead")))
    actions.set_lead_status(tom, status("Contacting"), by=anna, via="card")
    ChangeSet.objects.update(at=timezone.now() - datetime.timedelta(days=9))
    Person.objects.update(created_at=timezone.now() - datetime.timedelta(days=9))
    actions.set_lead_status(jana, status("Qualified"), by=anna, via="card")
    actions.set_lead_status(tom, status("Qualified"), by=anna, via="card")
    actions.set_lead_status(tom, status("Disqualified"), by=anna, via="card")
    actions.set_owner(nina, jan, by=anna, via="card")
    actions.set_category(paul.company, category("Customer"), by=anna, via="card")
    assert elsewhere
    return {"jana": jana, "tom": tom, "nina": nina, "olaf": olaf, "paul": paul, "new": lead("Newcomer")}


def day(days):
    return (timezone.localdate() - datetime.timedelta(days=days)).isoformat()


def test_a_board_of_a_day_shows_counts_and_cards_as_they_stood(page, past, status):
    answer = page.get(f"/board/?all=1&day={day(5)}&sort=name")
    expected = {"Open": ["olaf", "nina", "paul", "jana"], "Contacting": ["tom"], "Qualified": [], "Disqualified": []}
    for name, people in expected.items():
        key = status(name).pk
        assert column(answer, key) == [past[one].pk for one in people], name
        assert counts(answer)[str(key)] == len(people)
    figures = page.get(f"/board/figures/?all=1&day={day(5)}").json()["columns"]
    assert {key: figure["count"] for key, figure in figures.items()} == {
        str(status("Open").pk): 4,
        str(status("Contacting").pk): 1,
    }
    html = answer.content.decode()
    assert "as it stood on" in html and "data-moves-columns" not in html and 'name="ids"' not in html
    now = page.get("/board/?all=1&sort=name")
    assert column(now, status("Open").pk) == [past[one].pk for one in ("olaf", "new", "nina")]


@pytest.mark.parametrize("query", ["sort=name&rows=owner", "sort=-next_activity_at&rows=source", "by=category&rows=lead_status"])
def test_a_board_of_a_day_with_many_cells_is_read_in_one_go_and_says_the_same(page, past, query, monkeypatch):
    address = f"/board/?all=1&day={day(5)}&{query}"
    read = []
    for most in (1_000, 0):
        monkeypatch.setattr(board_cards, "MOST_WALKED", most)
        read.append(cells(page.get(address)))
    assert read[0] == read[1] and any(read[0].values())


def test_a_board_of_a_day_goes_by_whatever_stands_in_its_columns_and_rows(page, past, anna, jan, status):
    answer = page.get(f"/board/?all=1&by=owner&rows=lead_status&day={day(5)}&sort=name")
    assert past["nina"].pk in cells(answer)[str(anna.pk), str(status("Open").pk)]
    assert past["nina"].pk in cells(page.get("/board/?all=1&by=owner"))[str(jan.pk), ""]


def test_a_day_before_there_was_anything_is_an_empty_board(page, past):
    answer = page.get(f"/board/?all=1&day={day(30)}")
    assert answer.status_code == 200 and not every(answer)


def test_more_cards_of_a_day_come_from_where_its_column_ends(page, lead, status, anna):
    people = [lead(f"Person {n:02}") for n in range(30)]
    ChangeSet.objects.update(at=timezone.now() - datetime.timedelta(days=9))
    Person.objects.update(created_at=timezone.now() - datetime.timedelta(days=9))
    actions.set_lead_status(Person.objects.all(), status("Qualified"), by=anna, via="bulk")
    import re

    answer = page.get(f"/board/?day={day(5)}&sort=name")
    more = re.search(r'data-more="([^"]+)"', answer.content.decode())[1]
    rest = page.get("/board/cards/", {"day": day(5), "sort": "name", "column": status("Open").pk, "after": more}, **HTMX)
    assert [f'data-id="{one.pk}"' in rest.content.decode() for one in people[24:27]] == [False, True, True]
