"""Which records an action or an undo left unchanged, and why: where the link of its message leads."""

from collections import defaultdict

from django.http import Http404
from django.shortcuts import get_object_or_404, render
from django.urls import NoReverseMatch, reverse
from django.views.decorators.http import require_GET

from crm import records
from crm.fields import Asking
from crm.history.models import ChangeSet
from crm.history.triggers import watched_models
from crm.jobs.models import Job

SHOWN = 200  # of each type, for each reason


@require_GET
def left(request):
    """Show the reasons of my last action, of one of my jobs, or of an undo of mine, each with its records."""
    if "job" in request.GET:
        found = get_object_or_404(Job.objects.of(request.user), pk=_pk(request.GET["job"])).result.get("left")
    elif "undo" in request.GET:
        mine = ChangeSet.objects.all() if request.user.role.administers else ChangeSet.objects.filter(by=request.user)
        found = get_object_or_404(mine, pk=_pk(request.GET["undo"])).left
    else:
        found = request.session.get("left")
    return render(
        request,
        "tables/left.html",
        {"reasons": reasons_of(found, request.user), "count": (found or {}).get("count", 0), "list_url": _list_of(found)},
    )


def _list_of(found) -> str:
    """Return where the records' list is, if they are of one kind that has one."""
    kinds = list(found["of"]) if found and "of" in found else [found["record"]] if found else []
    record = next((one for one in records.every() if kinds == [one.name]), None)
    return reverse(record.list_url) if record else ""


def _pk(text):
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise Http404
    return int(text)


def reasons_of(found, user) -> list:
    """Return (reason, [(name, address)] of those this user may see, how many) of what was kept of them.

    That is `count` and either `of`, as record type -> reason -> ids, or the `reasons` of one `record` type. Only so many ids are
    kept; `counts` tells how many there are for each reason.
    """
    if not found:
        return []
    reasons, listed = defaultdict(list), defaultdict(int)
    for record_type, ids_of in (found["of"] if "of" in found else {found["record"]: found["reasons"]}).items():
        named = _named(record_type, [pk for ids in ids_of.values() for pk in ids], user)
        for reason, ids in ids_of.items():
            reasons[reason] += [named[pk] for pk in ids if pk in named][:SHOWN]
            listed[reason] += len(ids)
    counts = found.get("counts", {})
    return [(reason, records, counts.get(reason, listed[reason])) for reason, records in reasons.items()]


def _named(record_type, ids, user):
    """Return id -> (name, address or nothing) of those this user may see."""
    record = next((one for one in records.every() if one.name == record_type), None)
    if record is None:
        # List items, users and rules, which everyone sees; only administrators edit them.
        found = watched_models()[record_type]._default_manager.in_bulk(ids)
        return {pk: (str(getattr(one, "label", one)), _in_admin(one, user)) for pk, one in found.items()}
    title, asking = record.fields[record.default_sort], Asking(user)
    visible = record.model.objects.visible_to(user).filter(pk__in=ids)
    base = reverse(record.card_url, args=[0]).removesuffix("0/")
    return {row["pk"]: (title.text(row, asking), f"{base}{row['pk']}/") for row in visible.values("pk", *title.columns)}


def _in_admin(item, user):
    try:
        return (
            reverse(f"admin:{item._meta.label_lower.replace('.', '_')}_change", args=[item.pk]) if user.role.administers else ""
        )
    except NoReverseMatch:
        return ""
