"""Which records an action left unchanged, and why: where the link of its message leads."""

from django.http import Http404
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_GET

from crm import records
from crm.fields import Asking
from crm.jobs.models import Job

SHOWN = 200  # of each reason


@require_GET
def left(request):
    """Show the reasons of my last action, or of one of my jobs, each with its records."""
    pk = request.GET.get("job", "")
    if pk:
        if not (pk.isdecimal() and len(pk) < 19):
            raise Http404
        found = get_object_or_404(Job.objects.of(request.user), pk=pk).result.get("left")
    else:
        found = request.session.get("left")
    if not found:
        return render(request, "tables/left.html", {"reasons": [], "count": 0})
    record = records.get(found["record"])
    title, asking = record.fields[record.default_sort], Asking(request.user)
    shown = [pk for ids in found["reasons"].values() for pk in ids[:SHOWN]]
    visible = record.model.objects.visible_to(request.user).filter(pk__in=shown)
    names = {row["pk"]: title.text(row, asking) for row in visible.values("pk", *title.columns)}
    reasons = [
        (reason, [(names[pk], reverse(record.card_url, args=[pk])) for pk in ids[:SHOWN] if pk in names], len(ids))
        for reason, ids in found["reasons"].items()
    ]
    return render(request, "tables/left.html", {"reasons": reasons, "count": found["count"]})
