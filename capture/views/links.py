"""The link builder and the cards of links (C4)."""

from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from capture import links, utm
from capture.models import CampaignLink
from capture.touches import PARAMS
from crm import access
from crm.web.htmx import redirect_to, say, toast, trigger, wants_fragment
from leads import actions as leads

FIELDS = ("target", *PARAMS)
LABELS = {
    "target": gettext_lazy("Target page"), "source": gettext_lazy("Source"), "medium": gettext_lazy("Medium"), "campaign": gettext_lazy("Campaign"),
    "content": gettext_lazy("Content"), "term": gettext_lazy("Term"),
}  # fmt: skip
HELP = {
    "target": gettext_lazy("The page that the link opens."), "source": gettext_lazy("Where the link appears, for example linkedin."),
    "medium": gettext_lazy("The channel visitors come through, for example social."), "campaign": gettext_lazy("The campaign it belongs to."),
    "content": gettext_lazy("Tells two links of one campaign apart, for example button-above."), "term": gettext_lazy("Paid search keyword."),
}  # fmt: skip


def _may_build(request):
    if request.user.role.edit == "none":
        raise PermissionDenied(_("Your role may not create records."))


def _built(request, data):
    """Return the link of what was typed, and what is offered to type."""
    known, campaigns = utm.listed(), utm.campaigns_known(request.user)
    built = utm.build({name: data.get(name, "")[:2_000] for name in FIELDS}, known, campaigns)
    return built, known | {"campaign": dict.fromkeys(campaigns, "")}


def _typed(built):
    """Return the errors of what was typed: what is empty still is none before one has finished."""
    return {name: told for name, told in built.errors.items() if name not in built.missing}


def _page(request, data, built, offered, errors, *, link=None, status=200):
    context = {
        "link": link, "given": {name: data.get(name, "") for name in FIELDS}, "built": built, "errors": errors, "offered": offered,
        "labels": LABELS, "help": HELP, "needed": ("target", *utm.NEEDED), "note": utm.naming().note, "kept": link is not None,
        "may_delete": link is not None and request.user.role.may_delete and access.editable(CampaignLink.objects.filter(pk=link.pk), request.user).exists(),
    }  # fmt: skip
    return render(request, "capture/link.html", context, status=status)


@require_http_methods(["GET", "POST"])
def new(request):
    """Build a link. A POST keeps it, and lets the page's script copy it."""
    _may_build(request)
    data = request.POST if request.method == "POST" else request.GET
    built, offered = _built(request, data)
    if request.method == "GET":
        return _page(request, data, built, offered, _typed(built))
    if built.errors:
        if wants_fragment(request):
            return render(request, "capture/_built.html", _told(built, built.errors), status=422)
        return _page(request, data, built, offered, built.errors, status=422)
    link, change_set = links.keep_link(built, by=request.user, via="form")
    text = _("The link is saved.") if change_set else _("This link was already saved.")
    if not wants_fragment(request):
        say(request, text, change_set)
        return redirect_to(request, link.get_absolute_url())
    response = render(request, "capture/_built.html", _told(built, {}, kept=True))
    undo_url = reverse("crm:undo", args=[change_set.pk]) if change_set else None
    return trigger(toast(response, text, undo_url=undo_url), "copyText", {"text": built.url})


@require_GET
def check(request):
    """What has been typed so far, as a link, with what is to be said of each field."""
    _may_build(request)
    built, _offered = _built(request, request.GET)
    return render(request, "capture/_built.html", _told(built, _typed(built)))


def _told(built, errors, kept=False):
    return {"built": built, "errors": errors, "kept": kept, "labels": LABELS, "oob": True}


@require_GET
def link(request, pk):
    """A link that is kept; what it says stands in the form, to build another like it."""
    found = get_object_or_404(CampaignLink.objects.visible_to(request.user).select_related("owner"), pk=pk)
    data = {name: getattr(found, name) for name in FIELDS}
    offered = _built(request, data)[1]
    # As it was built, whatever the naming has become since.
    built = utm.Built(found.target, {name: data[name] for name in PARAMS}, found.url)
    return _page(request, data, built, offered, {}, link=found)


@require_POST
def delete(request, pk):
    found = get_object_or_404(CampaignLink.objects.visible_to(request.user), pk=pk)
    access.require_edit(found, request.user)
    outcome = leads.delete(found, by=request.user, via="card")
    say(request, _("%(name)s is in the bin.") % {"name": found}, outcome.change_set)
    return redirect_to(request, reverse("capture:links"))
