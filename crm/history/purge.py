"""Removing records for good, with all that is known of them (R18, settled 12).

What stays is that they were removed: entries without values, and the change set under which it was done.
"""

from datetime import timedelta

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone

from crm.history.changes import change, chunks
from crm.history.hooks import forget
from crm.history.models import Change, ChangeSet
from crm.history.triggers import watched_models
from crm.models import Record

CHUNK = 500


def purge_bin(now=None) -> int:
    """Remove what has been in the bin for longer than BIN_DAYS; return how many records that were."""
    before = (now or timezone.now()) - timedelta(days=settings.BIN_DAYS)
    count = 0
    # From the upper floors down: what belongs to others goes first.
    for record_type, model in reversed(watched_models().items()):
        if not issubclass(model, Record):
            continue
        due = model._default_manager.filter(deleted_at__lt=before)
        for relation in _held_by(model):
            # Whoever is still held by a record that stays is left until that one goes.
            due = due.exclude(pk__in=relation.related_model._default_manager.filter(
                **{f"{relation.field.name}__isnull": False}).values(relation.field.name))  # fmt: skip
        for ids in chunks(list(due.order_by("pk").values_list("pk", flat=True)), CHUNK):
            with change("purge", by=None, via="system", params={"count": len(ids)}):
                erase(record_type, model, ids)
            count += len(ids)
    return count


def _held_by(model):
    return [relation for relation in model._meta.related_objects if relation.on_delete is models.PROTECT]


def erase(record_type, model, ids):
    """Remove these records and every value the history keeps of them; inside the caller's change set."""
    with transaction.atomic():
        forget(record_type, ids)  # first: what belongs to others as well stays with them
        for relation in model._meta.related_objects:
            other = relation.related_model
            if relation.on_delete is models.CASCADE and other in watched_models().values():
                link = {f"{relation.field.name}__in": ids}
                erase(other.history.record_type, other, list(other._default_manager.filter(**link).values_list("pk", flat=True)))
        model._default_manager.filter(pk__in=ids).delete()
        entries = Change.objects.filter(record_type=record_type, record_id__in=ids)
        named = ChangeSet.objects.filter(changes__in=entries, params__has_key="name").distinct()
        for change_set in named:
            # Only an action on one record names it.
            change_set.params.pop("name")
            change_set.save(update_fields=["params"])
        entries.update(old=None, new=None)
