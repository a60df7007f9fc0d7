"""The bell: my background work, how far it is, and what came of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from crm.jobs.models import Job, know_undo
from crm.web.htmx import toast, trigger

SHOWN = 10


@dataclass(frozen=True)
class Notice:
    """A question that waits for the user, or news: its title, one line, the dialog that it opens and what that is called.

    `link` says what one does there. `shown` false lets the bell open the dialog by itself, once.
    """

    title: str
    text: str
    url: str
    dialog: str
    link: str
    shown: bool = True


#: functions(user) -> Notices of the floors above.
_notices: list[Callable[[Any], list[Notice]]] = []


def shown_by_bell(function):
    """Register function(user) that returns what waits for this user's answer."""
    _notices.append(function)
    return function


def _context(request):
    jobs = list(Job.objects.of(request.user).exclude(title="").order_by("-id")[:SHOWN])
    know_undo(jobs)
    running = [job.pk for job in jobs if not job.finished]
    notices = [notice for function in _notices for notice in function(request.user)]
    return {
        "jobs": jobs,
        "notices": notices,
        "running": ",".join(map(str, running)),
        "running_count": len(running),
        "again": False,
        "unseen": sum(job.finished and not job.seen for job in jobs) + len(notices),
    }


@require_GET
def bell(request):
    """Answer the bell with its list; it asks `watch` again as long as something runs. A new question opens its dialog."""
    context = _context(request)
    return _asking(render(request, "jobs/bell.html", context), context)


def _asking(response, context):
    new = next((notice for notice in context["notices"] if not notice.shown), None)
    return trigger(response, "openDialog", {"url": new.url, "title": new.dialog, "small": True}) if new else response


@require_GET
def watch(request):
    """Answer the list anew, and tell of the jobs in `?running=` that have ended since."""
    context = _context(request)
    response = render(request, "jobs/_list.html", {**context, "again": True})
    here = (request.htmx.current_url_abs_path or "").partition("?")[0] if request.htmx else ""
    asked = {int(part) for part in request.GET.get("running", "").split(",")[:SHOWN] if part.isdecimal() and len(part) < 19}
    for job in context["jobs"]:
        if job.pk in asked and job.finished:
            _asking(response, context)
            trigger(response, "changed")
            if job.result.get("shown") and job.url == here:
                continue  # the page one is on tells it already, with more room
            link = {"url": job.url, "text": job.link} if job.url else None
            level = "error" if job.state == Job.State.FAILED else "ok"
            toast(response, f"{job.label}: {job.text or job.get_state_display()}", link=link, undo_url=job.undo_url, level=level)
    return response


@require_POST
def seen(request):
    """Note that its owner has looked at what has ended."""
    Job.objects.of(request.user).filter(seen=False).exclude(finished_at=None).update(seen=True)
    return render(request, "jobs/_count.html", {**_context(request), "again": True})


@require_POST
def cancel(request, pk):
    job = get_object_or_404(Job.objects.of(request.user), pk=pk)
    job.cancel()
    text = _("It is being cancelled; what is half-done is taken back.") if job.cancel_asked else _("Cancelled.")
    response = render(request, "jobs/_list.html", {**_context(request), "again": True})
    return toast(response, text)
