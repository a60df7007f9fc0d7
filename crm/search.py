"""The global search (W7): one folded text per record, found by a trigram index; words catch what was mistyped."""

from django.db import connection

from crm.models import SearchText, SearchWord

#: record type -> function(ids) -> {id: (text, name)}: what a record is found by, folded; the name's words catch typos.
_described = {}


def described_by(record_type):
    """Register the function that gives the folded search text and name of records."""

    def register(function):
        _described[record_type] = function
        return function

    return register


def refresh(record_type, ids):
    """Write the search texts of these records anew; called by the actions, in their transaction."""
    ids = list(ids)
    if not ids:
        return
    described = _described[record_type](ids)
    rows = [SearchText(record_type=record_type, record_id=pk, text=text) for pk, (text, _name) in described.items()]
    SearchText.objects.bulk_create(
        rows, batch_size=1_000, update_conflicts=True, unique_fields=["record_type", "record_id"], update_fields=["text"]
    )
    words = {word[:60] for _text, name in described.values() for word in name.split() if len(word) > 2}
    SearchWord.objects.bulk_create([SearchWord(word=word) for word in sorted(words)], batch_size=1_000, ignore_conflicts=True)
    if connection.vendor == "sqlite":
        _refresh_fts(record_type, ids)


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


def forget(record_type, ids):
    """Drop the search texts of records that are removed for good."""
    rows = SearchText.objects.filter(record_type=record_type, record_id__in=ids)
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            for pk in rows.values_list("pk", flat=True):
                cursor.execute("DELETE FROM crm_searchfts WHERE rowid = %s", [pk])
    rows.delete()
