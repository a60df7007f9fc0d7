"""Folded text is the same in Python and in both databases (settled 16)."""

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm.text import fold

LETTERS = "aZäÖßẞéÉçñşŁłØøæœİıΣςσЖж ﬁＡ１ \t-'’."
texts = st.text(st.one_of(st.sampled_from(LETTERS), st.characters(min_codepoint=32, max_codepoint=0x24F)), max_size=30)


@pytest.mark.parametrize(
    ("text", "folded"),
    [("Straße", "strasse"), ("  MÜLLER  & Söhne ", "muller & sohne"), ("Élodie", "elodie"), ("ΣΊΣΥΦΟΣ", "σισυφοσ"), (None, "")],
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
