"""The recycle bin (R18): what was deleted, by whom and when, and how long it can still be restored."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_POST

from crm import access, records
from crm.fields import Asking, Moment
from crm.history.changes import AT_ONCE
from crm.history.models import Change
from crm.history.words import told
from crm.models import User
from crm.tables.counts import capped, count_each
from crm.tables.order import Order
from crm.web import formats
from crm.web.errors import Gone, told_of_gone
from crm.web.htmx import page_or_fragment, toast, trigger
from leads import actions

PER_PAGE = 50
COUNT_UP_TO = 999
#: The record types that wait in the bin by themselves -> the path of the detail that tells them apart; upper floors add theirs.
KINDS = {"company": "city", "person": "company__name"}
#: What upper floors say of theirs: which of a queryset wait by themselves, not along with others, and what brings them back.
BY_THEMSELVES: dict[str, Callable] = {}
RESTORE: dict[str, Callable] = {}
DELETED = Moment(name="deleted_at", label=gettext_lazy("Deleted"), sort="deleted_at", required=True)


@dataclass(frozen=True)
class Deleted:
    """One record in the bin."""

    pk: int
    name: str
    detail: str
    at: datetime
    by: Any
    days_left: int


def kind_of(request, default="company"):
    kind = request.GET.get("of", default)
    if kind not in KINDS:
        raise Http404
    return records.get(kind)


def lying(kind, user):
    """Return what lies in the bin of this record type, as far as this user may see and restore it."""
    found = access.in_bin(records.get(kind).model.objects.all(), user)
    return BY_THEMSELVES[kind](found) if kind in BY_THEMSELVES else found


def counted(user):
    """Return how many records of each type lie in the bin, as far as this user may see them: by one statement."""
    each = [lying(kind, user).order_by().values("pk") for kind in KINDS]
    return dict(zip(KINDS, count_each([some[: COUNT_UP_TO + 1] for some in each]), strict=True))


def may_restore(user):
    return user.role.edit != "none"


@require_GET
def deleted(request):
    """Show what lies in the bin of one record type, the latest first."""
    if not may_restore(request.user):
        raise PermissionDenied
    counts = counted(request.user)
    record, asking = kind_of(request, next((kind for kind in KINDS if counts[kind]), "company")), Asking(request.user)
    title = record.fields[record.default_sort]
    order = Order([(DELETED, True)], asking, lambda field: set())
    paths = list(dict.fromkeys(["pk", "deleted_at", *title.columns, KINDS[record.name]]))
    error, cursor = "", None
    try:
        cursor = order.read(request.GET["after"]) if "after" in request.GET else None
    except ValidationError as refused:
        error = " ".join(refused.messages)
    found = [] if error else order.rows(lying(record.name, request.user), paths, PER_PAGE + 1, cursor)
    shown = found[:PER_PAGE]
    by = _deleted_by(record.name, [row["pk"] for row in shown])
    context = {
        "record": record,
        "tabs": [(one, records.get(one).plural, capped(counts[one], COUNT_UP_TO), one == record.name) for one in KINDS],
        "rows": [_row(row, title, asking, by, row[KINDS[record.name]] or "") for row in shown],
        "next_url": f"{reverse('leads:bin')}?of={record.name}&after={shown[-1]['_cursor']}" if len(found) > PER_PAGE else "",
        "here": request.get_full_path(),
        "days": settings.BIN_DAYS,
        "error": error,
    }
    status = (422 if request.htmx else 400) if error else 200
    return page_or_fragment(request, "leads/bin.html", "leads/_bin.html", context, status=status)


def _row(row, title, asking, by, detail):
    gone = row["deleted_at"] + timedelta(days=settings.BIN_DAYS)
    days_left = max(0, math.ceil((gone - timezone.now()) / timedelta(days=1)))
    return Deleted(row["pk"], title.text(row, asking), detail, row["deleted_at"], by.get(row["pk"]), days_left)


def _deleted_by(record_type, ids):
    """Return who put these records into the bin."""
    entries = Change.objects.filter(record_type=record_type, record_id__in=ids, field="deleted_at", new__isnull=False).order_by(
        "id"
    )
    by = dict(entries.values_list("record_id", "change_set__by_id"))
    users = User.objects.in_bulk([pk for pk in by.values() if pk])
    return {pk: users.get(user) for pk, user in by.items()}


@require_POST
def restore(request):
    """Bring the ticked records back, with all that went in with them."""
    if not may_restore(request.user):
        raise PermissionDenied
    record = kind_of(request)
    asked = {int(pk) for text in request.POST.getlist("ids") for pk in text.split(",") if pk.isdecimal() and len(pk) < 19}
    ids = list(lying(record.name, request.user).filter(pk__in=list(asked)[:AT_ONCE]).values_list("pk", flat=True))
    if not ids:
        return toast(HttpResponse(status=204), _("None of these records is in the bin any more."), level="error")
    bring_back = RESTORE.get(record.name, actions.restore)
    try:
        outcome = bring_back(record.model.objects.filter(pk__in=ids), by=request.user, via="bulk" if len(ids) > 1 else "list")
    except ValidationError as refused:
        return toast(HttpResponse(status=204), " ".join(refused.messages), level="error")
    if not outcome.changed:
        return toast(HttpResponse(status=204), told(outcome, _("Nothing was changed.")), level="error")
    text = ngettext("%(count)s record is back.", "%(count)s records are back.", outcome.changed)
    undo_url = reverse("crm:undo", args=[outcome.change_set.pk]) if outcome.change_set else None
    text = told(outcome, text % {"count": formats.number(outcome.changed)})
    return trigger(toast(HttpResponse(status=204), text, undo_url=undo_url), "changed")


@told_of_gone
def gone(user, record_type, pk) -> Gone | None:
    """Return who deleted a record and when, for who could see it, and for who may restore it what does so."""
    if record_type not in KINDS:
        return None
    deleted = records.get(record_type).model.objects.filter(pk=pk, deleted_at__isnull=False)
    record = access.known(deleted, user).first()
    if record is None:
        return None
    by = _deleted_by(record_type, [pk]).get(pk)
    words = {"name": record, "who": by.name if by else "Lotse", "when": formats.moment(record.deleted_at)}
    text = _("%(name)s was deleted by %(who)s on %(when)s.") % words
    if not (may_restore(user) and lying(record_type, user).filter(pk=pk).exists()):
        return Gone(text)
    of = f"?of={record_type}"
    return Gone(text, restore={"url": reverse("leads:restore") + of, "ids": pk}, bin_url=reverse("leads:bin") + of)
