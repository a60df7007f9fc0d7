"""Folded text is the same in Python and in both databases (settled 16)."""

import importlib
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm import database, search
from crm.models import SearchText, SearchWord
from crm.text import KeyField, fold
from leads.models import Company, Person
from tests.factories import CompanyFactory, PersonFactory, arrange

LETTERS = "aZäÖßẞéÉçñşŁłØøæœÐđÞħŧİıΣςσЖж ﬁＡ１ \t-'’."
texts = st.text(st.one_of(st.sampled_from(LETTERS), st.characters(min_codepoint=32, max_codepoint=0x24F)), max_size=30)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Straße", "strasse"),
        ("  MÜLLER  & Söhne ", "muller & sohne"),
        ("Élodie", "elodie"),
        ("ΣΊΣΥΦΟΣ", "σισυφοσ"),
        (None, ""),
        ("Ødegård & Łuków", "odegard & lukow"),
        ("Þórður Đặng ÆSIR Œuvre Diyarbakır", "thordur dang aesir oeuvre diyarbakir"),
        ("O’Brien", "o'brien"),
    ],
)
def test_folding(text, folded):
    assert fold(text) == folded


@given(text=texts)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_database_folds_as_python_does(db, text):
    with connection.cursor() as cursor:
        cursor.execute("SELECT lotse_fold(%s)", [text])
        assert cursor.fetchone()[0] == fold(text)


@given(text=texts)
def test_folding_twice_changes_nothing_more(text):
    assert fold(fold(text)) == fold(text)


@pytest.mark.parametrize("number", [1, 1_001])
def test_what_was_stored_before_a_letter_was_folded_is_written_anew(number, anna):
    """R19, W7: the migrations of letters, on what a filled database holds."""
    before = "ødegård".replace("å", "a")
    company = CompanyFactory(by=anna, name="Ødegård Łuków", city="Tromsø")
    person = PersonFactory(by=anna, company=company, first_name="Æsa", last_name="O’Brien")
    wrong = {"name_key": f"{before} łukow", "city_key": "tromsø"}
    Company.objects.bulk_create(Company(name="Ødegård", category=company.category, **wrong) for _number in range(number - 1))
    arrange(Company.objects.all(), **wrong)
    arrange(Person.objects.all(), name_key="o’brien æsa", company_key=f"{before} łukow")
    texts = dict(SearchText.objects.values_list("record_type", "text"))
    SearchText.objects.filter(record_type="company").update(text=f"{before} łukow tromsø")
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE crm_searchfts SET text = %s WHERE rowid IN (SELECT id FROM crm_searchtext WHERE record_type = 'company')",
                [f"{before} łukow tromsø"],
            )
    SearchWord.objects.all().delete()
    SearchWord.objects.bulk_create(SearchWord(word=word) for word in (before, "odegard", "tromsø", "kraft"))
    for name in (
        "crm.migrations.0012_letters",
        "leads.migrations.0008_letters",
        "sales.migrations.0003_letters",
        "selections.migrations.0002_letters",
        "dashboards.migrations.0003_letters",
        "capture.migrations.0006_letters",
    ):
        for operation in importlib.import_module(name).Migration.operations:
            if operation.code is not database.prepare:
                operation.code(apps, SimpleNamespace(connection=connection))
    assert set(Company.objects.values_list("name_key", "city_key")) == {("odegard lukow", "tromso")}
    assert Person.objects.values_list("name_key", "company_key").get() == ("o'brien aesa", "odegard lukow")
    assert dict(SearchText.objects.values_list("record_type", "text")) == texts
    assert sorted(SearchWord.objects.values_list("word", flat=True)) == ["kraft", "odegard", "tromso"]
    for typed, record in (("lukow", company), ("ŁUKÓW", company), ("O’Brien", person), ("o'brien", person), ("aesa", person)):
        found = [
            hit.pk
            for hits in search.find(anna, typed).values()
            for hit in hits
            if hit.record.name == type(record)._meta.model_name
        ]
        assert record.pk in found


def test_what_is_folded_stays_so_and_fits_its_column():
    for text in ("™ø", "Ǆ", "ﬁ Æ", "Ødegård"):
        assert fold(fold(text)) == fold(text)
    assert len(KeyField().get_prep_value(fold("æ" * 300))) == 400
