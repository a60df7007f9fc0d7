"""What other systems call our records (settled 18): read, written by the actions, told by the history and taken back by an undo."""

import json

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm.history.changes import running_id
from crm.history.hooks import Beside, beside
from crm.history.models import Change
from crm.locks import hold
from crm.models import ExternalId

FIELD = "external_ids"
#: By this source an import knows the rows that bring no id of their own; nobody else has to do with it.
OWN_SOURCE = "row"


def of(record_type, ids) -> dict[int, list[dict[str, str]]]:
    """Return record id -> its ids, in order, by one query."""
    found: dict[int, list] = {pk: [] for pk in ids}
    rows = _rows(record_type).filter(record_id__in=ids).order_by("source", "external_id")
    for row in rows.values("record_id", "source", "external_id"):
        found[row["record_id"]].append({"source": row["source"], "external_id": row["external_id"]})
    return found


def lock_keys(record_type, wanted) -> list[str]:
    """Return what to hold (crm.locks) while nobody else may give these ids."""
    return [f"{record_type} {one['source']}\x1f{one['external_id']}" for one in wanted]


def find(model, wanted):
    """Return a live record that has one of these ids, or None."""
    for one in wanted:
        row = _rows(model.history.record_type).filter(source=one["source"], external_id=one["external_id"]).first()
        if row and (record := model.objects.filter(pk=row.record_id, deleted_at=None).first()):
            return record
    return None


def write(record, wanted) -> bool:
    """Let these be the record's ids, inside the caller's change set; return whether that changed anything.

    An id of a record that is in the bin, or gone, goes over to this one. Raise ValidationError for one that another has.
    """
    model, record_type = type(record), record.history.record_type
    before = of(record_type, [record.pk])[record.pk]
    wanted = sorted(({"source": one["source"], "external_id": one["external_id"]} for one in wanted), key=_key)
    if wanted == sorted(before, key=_key):
        return False
    hold(*lock_keys(record_type, wanted))
    for one in wanted:
        holder = find(model, [one])
        if holder is not None and holder.pk != record.pk:
            told = _("Another record already has the id %(external_id)s of %(source)s.") % one
            raise ValidationError({FIELD: told})
    _replace(record_type, record.pk, wanted)
    Change.objects.create(change_set_id=running_id(), record_type=record_type, record_id=record.pk, op="u", field=FIELD,
                          old=json.dumps(before), new=json.dumps(wanted))  # fmt: skip
    return True


def _replace(record_type, record_id, wanted):
    keep = {_key(one) for one in wanted}
    for row in _rows(record_type).filter(record_id=record_id):
        if (row.source, row.external_id) not in keep:
            row.delete()
    rows = [ExternalId(**one, record_type=record_type, record_id=record_id) for one in wanted]
    ExternalId.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["source", "record_type", "external_id"], update_fields=["record_id"]
    )


def _rows(record_type):
    return ExternalId.objects.filter(record_type=record_type).exclude(source=OWN_SOURCE)


def _key(one):
    return one["source"], one["external_id"]


def _write_back(model, record_id, text):
    """Let a record have the ids it had, those aside that another one has got since."""
    before = Change.objects.filter(record_type=model.history.record_type, record_id=record_id, field=FIELD).latest("pk").new
    wanted = [one for one in json.loads(text or "[]") if (holder := find(model, [one])) is None or holder.pk == record_id]
    _replace(model.history.record_type, record_id, wanted)
    Change.objects.create(change_set_id=running_id(), record_type=model.history.record_type, record_id=record_id, op="u",
                          field=FIELD, old=before, new=json.dumps(wanted))  # fmt: skip


def _words(text):
    return ", ".join(f"{one['source']}: {one['external_id']}" for one in json.loads(text or "[]")) or _("nothing")


beside[FIELD] = Beside(gettext_lazy("external ids"), _write_back, _words)
