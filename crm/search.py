"""The global search (W7): one folded text per record, found by a trigram index; words catch what was mistyped.

Under three letters only the beginnings of names are looked up. From three on, names that begin so come first, then texts
that contain every word; if there are none, each word is replaced by those of the dictionary it may have been meant to be. The
trigram index (GIN on PostgreSQL, FTS5 on SQLite) is asked for no more than INNER records: a common term costs no more than
a rare one. Who may see what is part of the question, so that hidden records never crowd out visible ones.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Q
from django.db.models.expressions import RawSQL
from django.urls import reverse

from crm import records
from crm.history.hooks import forgotten_by
from crm.models import SearchText, SearchWord
from crm.tables.order import walked
from crm.text import fold

MAX_WORDS = 8
MAX_LENGTH = 100
INNER = 200
DIGIT = re.compile(r"\d")

#: record type -> function(ids) -> {id: (text, name)}: what a record is found by, folded; the name's words catch typos.
_described: dict[str, Callable] = {}


def described_by(record_type):
    """Register the function that gives the folded search text and name of records."""

    def register(function):
        _described[record_type] = function
        return function

    return register


#: record type -> function(ids) -> {id: (title, detail)}: the two lines in which a hit is shown.
_shown: dict[str, Callable] = {}


def shown_by(record_type):
    """Register the function that gives the two lines in which hits are shown."""

    def register(function):
        _shown[record_type] = function
        return function

    return register


def refresh(record_type, ids):
    """Write the search texts of these records anew where they differ; called by the actions, in their transaction."""
    ids = list(ids)
    if not ids:
        return
    described = _described[record_type](ids)
    there = dict(SearchText.objects.filter(record_type=record_type, record_id__in=ids).values_list("record_id", "text"))
    # Hardly anything costs as much as the entries of a text in its index.
    described = {pk: told for pk, told in described.items() if there.get(pk) != told[0]}
    if not described:
        return
    ids = list(described)
    _write_texts(record_type, {pk: text for pk, (text, _name) in described.items()})
    words = {word[:60] for _text, name in described.values() for word in name.split() if len(word) > 2 and not DIGIT.search(word)}
    SearchWord.objects.bulk_create([SearchWord(word=word) for word in sorted(words)], batch_size=1_000, ignore_conflicts=True)
    if connection.vendor == "sqlite":
        _refresh_fts(record_type, ids)


def _write_texts(record_type, texts):
    insert = "INSERT INTO crm_searchtext(record_type, record_id, text) "
    replace = " ON CONFLICT (record_type, record_id) DO UPDATE SET text = excluded.text"
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            rows = "SELECT %s, * FROM UNNEST(%s::bigint[], %s::text[])"
            cursor.execute(insert + rows + replace, [record_type, list(texts), list(texts.values())])
        else:
            rows = [(record_type, pk, text) for pk, text in texts.items()]
            cursor.executemany(f"{insert} VALUES (%s, %s, %s){replace}", rows)


def _refresh_fts(record_type, ids):
    """Write SQLite's index: no trigger can (settled 9), so the action does."""
    with connection.cursor() as cursor:
        for start in range(0, len(ids), 500):
            chunk = ids[start : start + 500]
            marks = ",".join(["%s"] * len(chunk))
            found = f"SELECT id FROM crm_searchtext WHERE record_type = %s AND record_id IN ({marks})"
            cursor.execute(f"DELETE FROM crm_searchfts WHERE rowid IN ({found})", [record_type, *chunk])
            cursor.execute(
                "INSERT INTO crm_searchfts(rowid, text) SELECT id, text FROM crm_searchtext"
                f" WHERE record_type = %s AND record_id IN ({marks})",
                [record_type, *chunk],
            )


@forgotten_by
def forget(record_type, ids):
    """Drop the search texts of records that are removed for good."""
    rows = SearchText.objects.filter(record_type=record_type, record_id__in=ids)
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            for pk in rows.values_list("pk", flat=True):
                cursor.execute("DELETE FROM crm_searchfts WHERE rowid = %s", [pk])
    rows.delete()


# --- Finding ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Hit:
    """One record that was found, as the palette shows it."""

    record: records.RecordType
    pk: int
    title: str
    detail: str

    @property
    def url(self):
        return reverse(self.record.card_url, args=[self.pk])


def words_of(text) -> list[str]:
    """Return the folded words of what somebody typed; a phone number is one word, its digits without leading zeros."""
    text = text.replace("\x00", "")[:MAX_LENGTH]
    digits = re.sub(r"\D", "", text)
    if len(digits) > 2 and re.fullmatch(r"[\s\d()+./-]+", text):
        return [digits.lstrip("0") or "0"]
    return fold(text).split()[:MAX_WORDS]


def find(user, text, limit=8) -> dict[str, list[Hit]]:
    """Return for each record type its best hits among the records this user may see; types without any are left out."""
    words = words_of(text)
    types = [record for record in records.every() if record.name in _described]
    if not words or not user.is_authenticated:
        return {}
    found = {record.name: _ids(record, user, words, limit) for record in types}
    if not any(found.values()) and max(map(len, words)) > 2 and (groups := _at_home(text, words) or _as_meant(words)):
        found = {record.name: _containing(record, user, groups, limit) for record in types}
    return {record.name: hits for record in types if (hits := _hits(record, found[record.name]))}


def candidates(record, user, text, limit) -> list[int]:
    """Return the ids of visible records of one type that begin with these words or hold each of them, or one it may have been meant to be."""
    words = words_of(text)
    found = _beginning(record, user, words, limit) if words else []
    if words and max(map(len, words)) > 2:
        found += _containing(record, user, _as_meant(words) or [[word] for word in words], limit)
    return found


def matching(record, text) -> Q:
    """Return the condition that a record's search text holds every word of the text, for lists that filter by it."""
    words = words_of(text)
    if not words:
        return Q(pk__in=[])
    if connection.vendor == "sqlite" and all(len(word) > 2 for word in words):
        match = " AND ".join('"' + word.replace('"', '""') + '"' for word in words)
        found = SearchText.objects.filter(pk__in=RawSQL("SELECT rowid FROM crm_searchfts WHERE text MATCH %s", [match]))
    else:
        found = SearchText.objects.all()
        for word in words:
            found = found.filter(text__contains=word)
    return Q(pk__in=found.filter(record_type=record.name).values("record_id"))


def _ids(record, user, words, limit):
    """Return the ids of one type, the best first."""
    ids = _beginning(record, user, words, limit)
    if len(ids) < limit and max(map(len, words)) > 2:
        known = set(ids)
        ids += [pk for pk in _containing(record, user, [[word] for word in words], limit) if pk not in known]
    elif not ids and all(map(_is_sign, words)):
        ids = _with_signs(record, user, words, limit)
    return ids[:limit]


def _is_sign(word):
    """Tell whether a word is an emoji, or another picture: names with it are few."""
    return any(unicodedata.category(char) == "So" for char in word) and not any(char.isalnum() for char in word)


def _with_signs(record, user, words, limit):
    """Return the ids of records with these signs in their names: no index knows them, so all names are read through."""
    names = record.model.objects.visible_to(user)
    for word in words:
        names = names.filter(name_key__contains=word.strip("\ufe0f"))  # which asks for the coloured one
    return list(names.order_by("name_key", "pk").values_list("pk", flat=True)[:limit])


def _beginning(record, user, words, limit):
    """Return the ids of records whose name key begins with the words: a range of its index."""
    begin = " ".join(words)
    # Walked through by that index: whose they are is asked of the few it leads to.
    keys = walked(record.model.objects.visible_to(user)).filter(name_key__gte=begin, name_key__lt=begin + "\U0010ffff")
    return list(keys.order_by("name_key", "pk").values_list("pk", flat=True)[:limit])


def _containing(record, user, groups, limit):
    """Return the ids of records whose text contains one word of each group, those with whole beginnings of words first."""
    try:
        visible = record.model.objects.visible_to(user).filter(pk=RawSQL("st.record_id", ())).values("pk")
        seen, seen_params = visible.query.sql_with_params()
    except EmptyResultSet:
        return []
    source, tests, params = (_postgresql if connection.vendor == "postgresql" else _sqlite)(groups)
    # Put together from our own texts; everything typed is a parameter.
    statement = (
        f"SELECT st.record_id, st.text FROM {source} WHERE {' AND '.join(tests)} AND st.record_type = %s"
        f" AND EXISTS ({seen}) LIMIT {INNER}"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [*params, record.name, *seen_params])
        rows = cursor.fetchall()
    rows.sort(key=lambda row: _rank(row[1], groups))
    return [pk for pk, _text in rows[:limit]]


def _postgresql(groups):
    tests, params = [], []
    for group in groups:
        # Two letters are no trigram: such a word only filters what the others find.
        long = [word for word in group if len(word) > 2]
        test = "st.text LIKE %s" if long else "strpos(st.text, %s) > 0"
        tests.append(f"({' OR '.join([test] * len(group))})")
        params += [f"%{_escaped(word)}%" for word in group] if long else group
    return "crm_searchtext st", tests, params


def _escaped(word):
    return re.sub(r"([\\%_])", r"\\\1", word)


def _sqlite(groups):
    matches, tests, params = [], [], []
    for group in groups:
        if all(len(word) > 2 for word in group):
            matches.append("(" + " OR ".join('"' + word.replace('"', '""') + '"' for word in group) + ")")
        else:
            tests.append("instr(st.text, %s) > 0")
            params += group
    # CROSS JOIN keeps SQLite's planner from turning the order round: the index is walked until INNER rows are found.
    source = "crm_searchfts f CROSS JOIN crm_searchtext st ON st.id = f.rowid"
    return source, ["f.text MATCH %s", *tests], [" AND ".join(matches), *params]


def _rank(text, groups):
    """Order hits: the text begins with what was typed, then by how many of the words begin a word, then short ones."""
    begins = text.startswith(" ".join(group[0] for group in groups))
    inside = sum(all(f" {word}" not in f" {text}" for word in group) for group in groups)
    return not begins, inside, len(text), text


def shown(record, ids) -> dict[int, tuple[str, str]]:
    """Return id -> (title, detail) of records, as hits show them."""
    return _shown[record.name](ids) if ids else {}


def _hits(record, ids):
    shown_as = shown(record, ids)
    return [Hit(record, pk, *shown_as[pk]) for pk in ids if pk in shown_as]


# --- What was mistyped ------------------------------------------------------------------------------------------------


def _at_home(text, words):
    """Return a number with a country's code as it may be kept without it, or with a (0) behind it; None if it is none. Codes have one
    digit to three."""
    number = words[0]
    abroad = text.strip().startswith(("+", "00")) and number.isdecimal() and len(number) > 9
    return [[number[code:] for code in (1, 2, 3)]] if abroad else None


def _as_meant(words):
    """Return for each word the words of the dictionary it may have been meant to be, itself included; None if no word has any."""
    # Of a double name each half may be mistyped.
    groups = [[part] for word in words for part in (_halves(word) if word.replace("-", "").isalpha() else []) or [word]]
    for group in groups:
        word = group[0]
        if len(word) > 2 and word.isalpha():
            group += [meant for meant in _similar(word) if meant != word]
    return groups if len(groups) > len(words) or any(len(group) > 1 for group in groups) else None


def _similar(word):
    """Return the dictionary's nearest words: one slip in a short word, two in a longer one; the end may not be typed yet."""
    allowed = 1 if len(word) < 6 else 2
    by_distance: dict[int, list[str]] = {}
    for candidate in dict.fromkeys(part for found in _candidates(word) for part in (found, *_halves(found))):
        ends = {len(candidate)} if len(word) < 5 else {len(candidate), len(word) - 1, len(word), len(word) + 1}
        distance = min(slips(word, candidate[:end]) for end in ends)
        by_distance.setdefault(distance, []).append(candidate)
    best = min(by_distance, default=allowed + 1)
    return by_distance[best][:5] if best <= allowed else []


def _halves(word) -> list[str]:
    """Return the parts of a double name that are long enough to be looked for."""
    return [half for half in word.split("-") if len(half) > 2] if "-" in word else []


def _candidates(word) -> list[str]:
    """Return words that share trigrams or the beginning with this one, the likeliest first."""
    if connection.vendor == "postgresql":
        likeness = "greatest(similarity(word, %s), strict_word_similarity(%s, word))"
        statement = f"SELECT word FROM crm_searchword WHERE word %% %s OR word %%>> %s ORDER BY {likeness} DESC, word LIMIT 40"
        params = [word] * 4
    else:
        parts: list[Any] = sorted({word[start : start + 3] for start in range(len(word) - 2)})
        shared = " + ".join(["(instr(word, %s) > 0)"] * len(parts))
        statement = (
            f"SELECT word FROM (SELECT word, {shared} AS shared FROM crm_searchword WHERE length(word) < %s OR instr(word, '-') > 0)"
            " WHERE shared * 3 >= %s ORDER BY shared DESC, abs(length(word) - %s), word LIMIT 40"
        )
        params = [*parts, len(word) + 6, len(parts), len(word)]
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        alike = [row[0] for row in cursor.fetchall()]
    begins = SearchWord.objects.filter(word__gte=word[:2], word__lt=word[:2] + "\U0010ffff").order_by("word")
    near = begins.values_list("word", flat=True)[:500]
    return list(dict.fromkeys([*alike, *(other for other in near if len(set(word) - set(other)) < 3)]))


def slips(typed, meant):
    """Return how many letters were missed, added, changed or swapped between two words.

    >>> slips("petresen", "petersen"), slips("muehler", "muller")
    (1, 2)
    """
    before: list[int] = []
    row = list(range(len(meant) + 1))
    for i, letter in enumerate(typed, 1):
        older, before, row = before, row, [i]
        for j, other in enumerate(meant, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == meant[j - 2] and typed[i - 2] == other:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
    return row[-1]


# --- Showing what matched ---------------------------------------------------------------------------------------------


def marked(text, words) -> list[tuple[str, bool]]:
    """Return the text in parts, each with whether it matches one of the words; accents and case do not count.

    >>> marked("Müller GmbH", ["mull"])
    [('Müll', True), ('er GmbH', False)]
    """
    folded, origin = "", []
    for place, char in enumerate(text):
        part = fold(char) or (" " if char.isspace() else "")
        folded += part
        origin += [place] * len(part)
    hit = [False] * len(text)
    for word in words:
        start = folded.find(word)
        while word and start >= 0:
            for place in range(start, start + len(word)):
                hit[origin[place]] = True
            start = folded.find(word, start + 1)
    parts: list[tuple[str, bool]] = []
    for char, matches in zip(text, hit, strict=True):
        if parts and parts[-1][1] == matches:
            parts[-1] = (parts[-1][0] + char, matches)
        else:
            parts.append((char, matches))
    return parts
