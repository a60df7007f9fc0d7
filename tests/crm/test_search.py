"""The global search (W7), on both databases."""

import doctest

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crm import search
from crm.search import find, marked, words_of
from leads import actions
from tests.factories import CompanyFactory, PersonFactory


def names(found, record_type):
    return [hit.title for hit in found.get(record_type, [])]


@pytest.fixture
def records(ada, anna):
    nord = CompanyFactory(by=ada, owner=anna, name="Nordwind Logistik GmbH", city="Köln", website="www.nordwind.example")
    CompanyFactory(by=ada, owner=anna, name="Müller & Söhne KG", phone="+49 421 555 0142")
    PersonFactory(by=ada, owner=anna, first_name="Karla", last_name="Petersen", company=nord, email="k.petersen@nordwind.example")
    PersonFactory(by=ada, owner=anna, first_name="Jörg", last_name="Großmann", company=None, mobile="0171 2345678")
    return nord


def test_the_examples_in_the_module_hold(db):
    assert doctest.testmod(search).failed == 0


@pytest.mark.parametrize(
    ("typed", "companies", "persons"),
    [
        ("no", ["Nordwind Logistik GmbH"], []),  # under three letters: beginnings of names only
        ("pe", [], ["Karla Petersen"]),
        ("ka", [], []),
        ("nordw", ["Nordwind Logistik GmbH"], ["Karla Petersen"]),
        ("logi", ["Nordwind Logistik GmbH"], ["Karla Petersen"]),
        ("petersen karla", [], ["Karla Petersen"]),
        ("karla peter", [], ["Karla Petersen"]),
        ("karla ko", [], []),
        ("karla no", [], ["Karla Petersen"]),
        ("MULLER", ["Müller & Söhne KG"], []),
        ("grossmann", [], ["Jörg Großmann"]),
        ("großmann jörg", [], ["Jörg Großmann"]),
        ("koln", ["Nordwind Logistik GmbH"], []),
        ("k.petersen@nordwind", [], ["Karla Petersen"]),
        ("0421 / 555", ["Müller & Söhne KG"], []),
        ("+49 (421) 5550142", ["Müller & Söhne KG"], []),
        ("0171 234", [], ["Jörg Großmann"]),
        ("nothing of the kind", [], []),
        ("", [], []),
        ("   ", [], []),
        ("%%%", [], []),
        ("___", [], []),
        ('"nord" OR', [], []),
        ("q-z", [], []),
        ("q-zz x-w", [], []),
        ("---", [], []),
        ("-petresen-", [], ["Karla Petersen"]),
        ("nord\x00wind", ["Nordwind Logistik GmbH"], ["Karla Petersen"]),
        ("x" * 5_000, [], []),
    ],
)
def test_w7_what_is_typed_finds_what_is_meant(records, ada, typed, companies, persons):
    found = find(ada, typed)
    assert (names(found, "company"), names(found, "person")) == (companies, persons)


@pytest.mark.parametrize(
    "typed", ["petresen", "pettersen", "peterson", "petrsen", "karla petresn", "petres", "ptersen", "karla nordwnid", "nrodwind"]
)
def test_w7_a_slip_is_forgiven(records, ada, typed):
    assert "Karla Petersen" in names(find(ada, typed), "person")


@pytest.mark.parametrize("typed", ["ludenscheit", "lüdenschied", "mueler-lüdenscheid", "müller lüdenschied", "jan ludenscheidt"])
def test_w7_a_slip_in_half_of_a_double_name_is_forgiven(records, ada, typed):
    PersonFactory(by=ada, first_name="Jan", last_name="Müller-Lüdenscheid", company=None)
    assert names(find(ada, typed), "person") == ["Jan Müller-Lüdenscheid"]


@pytest.mark.parametrize("kept", ["+49 (0)221 / 12 34 56", "0221-123456", "+49 221 123456"])
@pytest.mark.parametrize("typed", ["+49221123456", "0049 221 123456", "0221 123456", "221 12 34 56", "+49 (0)221 123456"])
def test_w7_a_number_is_found_however_it_was_written(ada, kept, typed):
    CompanyFactory(by=ada, name="Domwerk", phone=kept)
    assert names(find(ada, typed), "company") == ["Domwerk"]


@pytest.mark.parametrize("typed", ["mueller", "mulller", "muler"])
def test_w7_umlauts_written_out_are_found(records, ada, typed):
    assert names(find(ada, typed), "company") == ["Müller & Söhne KG"]


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("🚀", True),
        ("rakete 🚀", True),
        ("❤️", True),
        ("🚀 ❤", True),
        ("🦊", False),
        ("&", False),
        ("Ødegard", True),
        ("odegaard", True),
    ],
)
def test_w7_an_emoji_and_a_letter_with_a_stroke_are_found(ada, anna, max_, typed, found):
    CompanyFactory(by=ada, owner=anna, name="Rakete 🚀 Ødegård ❤️ & Co")
    assert names(find(anna, typed), "company") == (["Rakete 🚀 Ødegård ❤️ & Co"] if found else [])
    assert names(find(max_, typed), "company") == []


def test_w7_nobody_finds_what_they_may_not_see(records, ada, max_):
    assert find(max_, "petersen") == {} == find(max_, "petresen") == find(max_, "pe")
    seen = PersonFactory(by=ada, owner=max_, first_name="Petra", last_name="Petersen", company=None)
    assert [hit.pk for hit in find(max_, "petersen")["person"]] == [seen.pk]


def test_w7_hidden_records_do_not_crowd_out_visible_ones(records, ada, anna, max_, monkeypatch):
    monkeypatch.setattr(search, "INNER", 5)
    actions.create_persons(
        [{"first_name": "Kim", "last_name": f"A{n} Petersen", "owner": anna} for n in range(20)], by=ada, via="system"
    )
    PersonFactory(by=ada, owner=max_, first_name="Petra", last_name="Z Petersen", company=None)
    assert names(find(max_, "petersen"), "person") == ["Petra Z Petersen"]


def test_w7_what_is_in_the_bin_is_not_found(records, ada):
    actions.delete(records, by=ada, via="card")
    assert find(ada, "nordwind") == {}


def test_w7_who_begins_so_comes_first(records, ada):
    for first, last in [("Anja", "Kampmann"), ("Otto", "Oberkamp"), ("Kamp", "Zeller")]:
        PersonFactory(by=ada, first_name=first, last_name=last, company=None)
    assert names(find(ada, "kamp"), "person") == ["Anja Kampmann", "Kamp Zeller", "Otto Oberkamp"]


def test_w7_a_changed_name_is_found_by_its_new_form(records, ada):
    actions.edit_company(records, {"name": "Südwind AG"}, by=ada, via="card")
    assert names(find(ada, "sudwind"), "person") == ["Karla Petersen"]
    assert find(ada, "logistik") == {}


@pytest.mark.parametrize("typed", ["petersen", "pe", "petresen"])
@pytest.mark.parametrize("many", [2, 40])
def test_w7_the_number_of_queries_does_not_grow(records, ada, typed, many):
    actions.create_persons([{"first_name": "Kim", "last_name": f"Petersen {n}"} for n in range(many)], by=ada, via="system")
    actions.create_companies([{"name": f"Petersen {n} KG"} for n in range(many)], by=ada, via="system")
    with CaptureQueriesContext(
        connection,
    ) as queries:
        find(ada, typed)
    assert len(queries) <= 23  # of six record types, and none more for a mistyped word of forty records


def test_what_matched_is_marked_in_the_text_as_written():
    assert marked("Großmann, Jörg", words_of("grossm jo")) == [("Großm", True), ("ann, ", False), ("Jö", True), ("rg", False)]


# --- The page and the palette -----------------------------------------------------------------------------------------


@pytest.fixture
def page(records, ada, client):
    client.force_login(ada)
    return client


def test_the_page_shows_what_was_found_with_the_match_marked(page):
    answer = page.get("/search/", {"q": "peters"}).content.decode()
    assert "<html" in answer and "Karla <mark>Peters</mark>en" in answer


def test_htmx_gets_the_results_alone(page):
    answer = page.get("/search/", {"q": "peters"}, headers={"HX-Request": "true"})
    assert "<html" not in answer.content.decode() and 'id="results"' in answer.content.decode()
    assert answer.headers["Vary"] == "HX-Request, X-Palette" or "X-Palette" in answer.headers["Vary"]


def test_u1_a_command_that_was_typed_comes_before_records_that_are_called_otherwise(page, anna):
    PersonFactory(by=anna, last_name="Quast", email="import@quast.example", owner=anna)

    def order():
        text = page.get("/search/?q=import", headers={"HX-Request": "true", "X-Palette": "1"}).content.decode()
        return [text.find(name) for name in ("Imports", "Quast<", "-Export AG")]

    command, alike, _called = order()
    assert -1 < command < alike
    CompanyFactory(by=anna, name="Import-Export AG", owner=anna)
    command, _alike, called = order()
    assert -1 < called < command


def test_the_palette_offers_records_and_commands(page):
    def palette(text):
        return page.get("/search/", {"q": text}, headers={"HX-Request": "true", "X-Palette": "1"}).content.decode()

    assert 'role="option"' in palette("peters") and "Karla" in palette("peters")
    assert "Commands" in palette("")
    offered = [
        place
        for name in ("New person", "New follow-up", "My day", "Leads<", "Import a file", "Webhooks")
        if (place := palette("").find(name)) >= 0
    ]
    assert len(offered) == 6 and offered == sorted(offered)  # by use
    assert "Nothing found" in palette("qqqqqq")


@pytest.mark.parametrize(
    "typed", ["<script>alert(1)</script>", '"><img src=x>', "{{ 7*7 }}", "x" * 9_000, "'", "\\", "%", "\u202e"]
)
def test_what_was_typed_comes_back_as_text_only(page, typed):
    answer = page.get("/search/", {"q": typed})
    assert answer.status_code == 200
    assert "<script>alert" not in answer.content.decode() and "<img src=x" not in answer.content.decode()


def test_a_record_s_own_name_is_text_only(page, ada):
    CompanyFactory(by=ada, name="<b>Fett</b> GmbH")
    assert "<b>" not in page.get("/search/", {"q": "fett gmbh"}, headers={"HX-Request": "true"}).content.decode()
