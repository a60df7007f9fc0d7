"""Gather the texts to translate and compile the translations; `--check` only proves that the committed files are current.

Source texts are English; `locale/de/LC_MESSAGES/django.po` holds the German ones. Babel reads Python and Jinja2. A text
that vanished from the source is dropped; a new one comes with an empty translation.
"""

import argparse
import datetime
import io
import os
import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
LANGUAGES = ["de"]
APPS = ["crm", "leads", "activities", "sales", "selections", "dashboards", "capture", "exchange"]
METHODS = [*((f"{app}/**.py", "python") for app in APPS), ("templates/**", "jinja2")]
OPTIONS = {"templates/**": {"extensions": "jinja2.ext.do", "trimmed": "true", "silent": "false"}}
KEYWORDS = {
    **DEFAULT_KEYWORDS,
    "gettext_lazy": None,
    "ngettext_lazy": (1, 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext_lazy": ((1, "c"), 2, 3),
    "gettext_noop": None,
    "counted": (1, 2),  # a sentence in both numbers, kept for later: leads/views/lists.py
}
NO_TIME = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
HEADER = "# Translations of Lotse. Texts come from the source by `make messages`; write only the msgstr lines.\n"


def gather():
    """Return a catalogue of every text in the source."""
    template = Catalog(domain="django", charset="utf-8", fuzzy=False)
    found = extract_from_dir(ROOT, METHODS, OPTIONS, KEYWORDS, comment_tags=["Translators:"], strip_comment_tags=True)
    for path, _line, message, comments, context in found:
        template.add(message, "", [(path, None)], auto_comments=comments, context=context)
    return template


def paths(language):
    po = ROOT / "locale" / language / "LC_MESSAGES" / "django.po"
    return po, po.with_suffix(".mo")


def merged(language, template):
    """Return the language's catalogue with just the texts of the template, its translations kept."""
    po, _ = paths(language)
    catalog = Catalog(locale=language, domain="django", charset="utf-8", fuzzy=False)
    if po.exists():
        with po.open("rb") as file:
            catalog = read_po(file, locale=language, domain="django")
    catalog.update(template, no_fuzzy_matching=True)
    catalog.obsolete.clear()
    return catalog


def po_bytes(catalog):
    """Return the .po as it is committed: by text, without line numbers and dates, so that it changes only with the texts."""
    out = io.BytesIO()
    write_po(out, catalog, width=130, sort_output=True, include_lineno=False, omit_header=True, ignore_obsolete=True)
    fields = {
        "Language": str(catalog.locale),
        "Plural-Forms": catalog.plural_forms,
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Transfer-Encoding": "8bit",
    }
    head = "".join(f'"{name}: {value}\\n"\n' for name, value in fields.items())
    return f'{HEADER}msgid ""\nmsgstr ""\n{head}\n'.encode() + out.getvalue()


def mo_bytes(po):
    """Return the compiled form of a .po's bytes; without the present time, which Babel puts into its head, it would never be current."""
    catalog = read_po(io.BytesIO(po), domain="django")
    catalog.creation_date = NO_TIME
    out = io.BytesIO()
    write_mo(out, catalog)
    return out.getvalue()


def problems(language, catalog):
    """Return a sentence for each text without a sound translation, and for each committed file that is not current."""
    for message in catalog:
        if not message.id:
            continue
        strings = message.string if isinstance(message.string, (list, tuple)) else [message.string]
        if not all(strings) or message.fuzzy:
            yield f"no {language} translation: {message.id!r} ({message.locations[0][0]})"
        for error in message.check(catalog):
            yield f"{message.id!r}: {error}"
    po, mo = paths(language)
    current = po_bytes(catalog)
    for path, expected in ((po, current), (mo, mo_bytes(current))):
        if not path.exists() or path.read_bytes() != expected:
            yield f"{path.relative_to(ROOT)} is not current: run `make messages`."


def write(language, catalog):
    po, mo = paths(language)
    po.parent.mkdir(parents=True, exist_ok=True)
    po.write_bytes(po_bytes(catalog))
    mo.write_bytes(mo_bytes(po.read_bytes()))
    print(f"{po.relative_to(ROOT)}: {len(catalog)} texts")


def main(check):
    os.chdir(ROOT)
    template, found = gather(), []
    for language in LANGUAGES:
        catalog = merged(language, template)
        if not check:
            write(language, catalog)
        found += problems(language, catalog)
    print("\n".join(found))
    return 1 if check and found else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    sys.exit(main(parser.parse_args().check))
