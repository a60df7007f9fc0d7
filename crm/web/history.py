"""Undoing what was done: from the message after a change, and from the history."""

from django.http import Http404, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from crm import records
from crm.history import words
from crm.history.models import ChangeSet
from crm.history.undo import is_large, undo
from crm.jobs import enqueue, job
from crm.web.htmx import redirect_to, say, toast, trigger


@require_POST
def undo_change_set(request, pk):
    """Take a change set back; the actions' own permissions decide what of it."""
    change_set = ChangeSet.objects.filter(pk=pk).first()
    if change_set is None:
        raise Http404
    if not change_set.undoable:
        return _answer(request, _("This has already been undone, or cannot be undone."), level="error")
    if is_large(change_set):
        enqueue(
            undo_in_background,
            owner=request.user,
            title=lambda: _("Undo: %(what)s") % {"what": words.what(change_set)},
            unique_key=f"undo-{pk}",
            change_set_id=pk,
        )
        response = _answer(request, _("There are many records. This runs in the background; the bell shows its progress."))
        return trigger(response, "jobs")
    outcome = undo(change_set, by=request.user, via="card")
    if not outcome.changed:
        request.session["left"] = outcome.listed()
        why = reverse("crm:left") if outcome.left else None
        return _answer(request, words.told(outcome, _("Nothing was changed.")), level="error", why=why)
    mine = outcome.change_set
    return _answer(request, words.told(outcome, words.undone(mine)), mine, why=_why(mine))


def _why(mine):
    """Return the address that lists what an undo left, or None."""
    return f"{reverse('crm:left')}?undo={mine.pk}" if mine.left else None


def _answer(request, text, change_set=None, level="ok", why=None):
    instead = _instead(request) if request.htmx else "/"
    if instead:
        say(request, text, change_set)
        return redirect_to(request, instead)
    undo_url = reverse("crm:undo", args=[change_set.pk]) if change_set and change_set.undoable else None
    link = {"url": why, "text": _("Why?")} if why else None
    return trigger(toast(HttpResponse(status=204), text, undo_url=undo_url, level=level, link=link), "changed")


def _instead(request):
    """Return the list to go on to if the page one is on shows a record that is gone by now, or nothing."""
    shown = records.at(request.htmx.current_url_abs_path or "")
    if shown is None:
        return ""
    record = records.get(shown[0])
    return "" if record.model._default_manager.visible_to(request.user).filter(pk=shown[1]).exists() else reverse(record.list_url)


@job
def undo_in_background(job, *, change_set_id):
    """Undo what is more than one transaction should hold."""
    change_set = ChangeSet.objects.get(pk=change_set_id)
    outcome = undo(change_set, by=job.owner, via="list", progress=job.progress)
    mine = outcome.change_set
    if not mine:
        why = (
            {"left": outcome.listed(), "url": reverse("crm:left") + f"?job={job.pk}", "link": gettext_lazy("Why?")}
            if outcome.left
            else {}
        )
        return {"text": lambda: words.told(outcome, _("Nothing was changed.")), **why}
    why = {"url": _why(mine), "link": gettext_lazy("Why?")} if mine.left else {}
    return {"text": lambda: words.told(outcome, words.undone(mine)), "undo": mine.pk, **why}
