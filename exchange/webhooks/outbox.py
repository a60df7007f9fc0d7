"""From the history to deliveries, in set operations: once each, and in the order of each record."""

from django.db import connection, transaction
from django.db.models import F, Min, Q
from django.utils import timezone

from crm.history.models import Change, ChangeSet
from crm.tables.order import compiled_or_none
from exchange.webhooks.events import matching
from exchange.webhooks.models import Delivery, Webhook

SETS = 100  # change sets taken at a time
ENTRIES = 20_000  # entries of the history per transaction
#: What removed for good what was deleted, and told, long before.
_SILENT = Q(op="d", change_set__action__in=["purge", "erase"])


def unannounced(after):
    """Return the change sets that are whole and that nobody was told of; what is still written may yet be taken back."""
    running = ChangeSet.State.RUNNING
    found = ChangeSet.objects.filter(announced=False, state=ChangeSet.State.DONE, id__gt=after)
    return found.exclude(parent__state=running).exclude(parent__parent__state=running)


def beginning():
    """Return the change set after which somebody listens, or None if nobody does."""
    return Webhook.objects.aggregate(first=Min("begins_after"))["first"]


def announce():
    """Make the deliveries of all that has happened."""
    after = beginning()
    while after is not None:
        ids = list(unannounced(after).order_by("id").values_list("id", flat=True)[:SETS])
        if not ids:
            return
        _spread(ids, list(Webhook.objects.order_by("pk")))


def _spread(ids, webhooks):
    """Write what these change sets did for each webhook that wants it. Killed in between, it is done again and changes nothing."""
    last, whole = 0, False
    while not whole:
        with transaction.atomic():
            entries = Change.objects.filter(change_set__in=ids, id__gt=last)
            edge = entries.order_by("id").values_list("id", flat=True)[ENTRIES - 1 : ENTRIES].first()
            if edge is not None:
                entries, last = entries.filter(id__lte=edge), edge
            for webhook in webhooks:
                _insert(webhook, entries)
            if whole := edge is None:
                ChangeSet.objects.filter(pk__in=ids).update(announced=True)


def _insert(webhook, entries):
    wanted = entries.filter(matching(webhook.events), change_set__gt=webhook.begins_after).exclude(_SILENT)
    rows = wanted.values("change_set_id", "record_type", "record_id", happened=F("change_set__at")).annotate(first=Min("id"))
    _compiler, sql, params = compiled_or_none(rows.order_by("first"))
    if not sql:
        return
    table, now = Delivery._meta.db_table, Delivery._meta.get_field("next_at").get_db_prep_save(timezone.now(), connection)
    statement = (  # compiled by the ORM
        f"INSERT INTO {table} (webhook_id, change_set, record_type, record_id, at, queued_at, next_at, state, attempts, error)"  # noqa: S608
        f" SELECT %s, q.change_set_id, q.record_type, q.record_id, q.happened, %s, %s, 'waiting', 0, ''"
        f" FROM ({sql}) q WHERE true ORDER BY q.first ON CONFLICT DO NOTHING"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [webhook.pk, now, now, *params])
