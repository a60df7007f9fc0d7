"""Who entered and who left a dynamic or combined selection since (issue 4): compared once a night, in set operations.

The member rows of such a selection are those of the last comparison, as its owner sees it; what differs is noted as events.
"""

import logging

from django.db import connection, transaction
from django.db.models import Count, F, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from crm import access
from crm.fields import Asking
from crm.jobs.schedule import each_night
from crm.jobs.views import Notice, shown_by_bell
from crm.tables.order import compiled_or_none
from crm.web import formats
from selections.members import members, problems, record_of
from selections.models import Selection, SelectionEvent, SelectionSubscription

logger = logging.getLogger("lotse.selections")
KEEP_DAYS = 400
MOST_NOTICES = 20


@each_night
def compare_selections():
    """Compare each selection that is still worked with, with the night before; forget what is long ago."""
    for selection in Selection.objects.live().exclude(kind=Selection.Kind.STATIC).filter(completed=False):
        try:
            compare(selection)
        except Exception:
            logger.exception("Comparing selection %s failed", selection.pk)
    SelectionEvent.objects.filter(at__lt=timezone.now() - timezone.timedelta(days=KEEP_DAYS)).delete()


def compare(selection, now=None):
    """Note who entered and left since the last time; the first time only who is in it. One that cannot be read is left alone."""
    now = now or timezone.now()
    with transaction.atomic():
        selection = Selection.objects.select_for_update(no_key=True).select_related("owner__role").get(pk=selection.pk)
        if problems(selection, Asking(selection.owner)):
            return
        current = members(selection, selection.owner).order_by().values(record=F("pk"))
        _compiler, sql, params = compiled_or_none(current)
        sql = sql or "SELECT record_id AS record FROM selections_selectionmember WHERE 1 = 0"
        with connection.cursor() as cursor:
            if selection.compared_at:
                for entered in (True, False):
                    cursor.execute(*_events(selection, entered, sql, params, now))
            cursor.execute(
                f"DELETE FROM selections_selectionmember WHERE selection_id = %s AND record_id NOT IN ({sql})",
                [selection.pk, *params],
            )
            cursor.execute(
                "INSERT INTO selections_selectionmember (selection_id, record_id)"
                f" SELECT %s, q.record FROM ({sql}) q WHERE 1 = 1 ON CONFLICT DO NOTHING",
                [selection.pk, *params],
            )
        Selection.objects.filter(pk=selection.pk).update(compared_at=now)


def _events(selection, entered, sql, params, now):
    """Return (statement, parameters) that notes who entered, or who left."""
    head = "INSERT INTO selections_selectionevent (selection_id, record_id, entered, at) "
    moment = SelectionEvent._meta.get_field("at").get_db_prep_value(now, connection)
    if entered:
        body = (
            f"SELECT %s, q.record, %s, %s FROM ({sql}) q WHERE NOT EXISTS (SELECT 1 FROM selections_selectionmember m"
            " WHERE m.selection_id = %s AND m.record_id = q.record)"
        )
        return head + body, [selection.pk, True, moment, *params, selection.pk]
    body = (
        "SELECT m.selection_id, m.record_id, %s, %s FROM selections_selectionmember m"
        f" WHERE m.selection_id = %s AND m.record_id NOT IN ({sql})"
    )
    return head + body, [False, moment, selection.pk, *params]


def since(selection, user, moment) -> tuple[int, int]:
    """Return how many entered and left after the moment, of those the user may see (S9), or could before they were deleted."""
    events = SelectionEvent.objects.filter(selection=selection.pk, at__gt=moment)
    records = record_of(selection).model.objects.filter(pk__in=events.values("record_id"))
    seen = events.filter(record_id__in=access.known(records, user).values("pk"))
    counted = seen.aggregate(**{
        name: Count("record_id", filter=Q(entered=entered), distinct=True) for name, entered in (("came", True), ("went", False))
    })  # fmt: skip
    return counted["came"], counted["went"]


def told(entered, left, moment) -> str:
    words = {"entered": formats.number(entered), "left": formats.number(left), "day": formats.date(moment)}
    return _("%(entered)s entered, %(left)s left since %(day)s") % words


@shown_by_bell
def notices(user):
    """Return what happened in the selections the user has subscribed to."""
    found = []
    mine = list(SelectionSubscription.objects.filter(user=user, selection__compared_at__gt=F("seen_at"), selection__deleted_at=None)
                .select_related("selection").order_by("-selection__compared_at")[:MOST_NOTICES])  # fmt: skip
    if not mine:
        return []
    seen = set(Selection.objects.visible_to(user).filter(pk__in=[one.selection_id for one in mine]).values_list("pk", flat=True))
    for one in [one for one in mine if one.selection_id in seen]:
        entered, left = since(one.selection, user, one.seen_at)
        if entered or left:
            url = reverse("selections:since", args=[one.selection_id])
            found.append(Notice(one.selection.name, told(entered, left, one.seen_at), url, one.selection.name, _("Show")))
    return found
