"""What libraries say in German, Lotse says with Sie: crm.web.library_texts."""

import gettext
import re
from pathlib import Path

import allauth
import django_filters
import pytest
import rest_framework
from django.utils import translation

from crm.web import library_texts

DU = re.compile(r"\b(du|dein\w*|dir|dich|gib|stelle sicher|wähle|nutze|benutze|erwarte|prüfe|lade)\b", re.IGNORECASE)


def german(library):
    path = Path(library.__file__).parent / "locale" / "de" / "LC_MESSAGES" / "django.mo"
    with path.open("rb") as file:
        return {text: said for text, said in gettext.GNUTranslations(file)._catalog.items() if text and isinstance(text, str)}


@pytest.mark.parametrize("library", [rest_framework, django_filters])
def test_no_sentence_of_the_api_says_du(library):
    with translation.override("de"):
        assert [text for text in german(library) if DU.search(translation.gettext(text))] == []


@pytest.mark.parametrize(("library", "texts"), [(rest_framework, library_texts.REST_FRAMEWORK), (allauth, library_texts.ALLAUTH)])
def test_what_we_put_into_other_words_is_what_the_library_says(library, texts):
    assert set(texts) <= german(library).keys()
    with translation.override("de"):
        assert [
            text for text in texts if translation.gettext(text) == german(library)[text] or DU.search(translation.gettext(text))
        ] == []
