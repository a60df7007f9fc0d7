"""Taking back a consent: the page a mail's link opens, which strangers see, and the dialog of a user on the card (A5)."""

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import BadRequest
from django.http import HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from capture import consents
from crm import access
from crm.web.htmx import toast, trigger
from leads.views.cards import find


@csrf_exempt
@login_not_required
def unsubscribe(request, token):
    """GET shows a button and changes nothing, for mail scanners open every link; POST withdraws, also RFC 8058's one click.

    It answers alike whether the person is still known, and tells nothing about them but the purposes in the link.
    """
    read = consents.read(token)
    if request.method not in {"GET", "HEAD", "POST"}:
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    done = read is not None and request.method == "POST"
    if done:
        person, purposes = read
        consents.withdraw(person, purposes, via=consents.Via.ONE_CLICK if _is_one_click(request) else consents.Via.LINK)
    language = translation.get_language_from_request(request)
    with translation.override(language):
        context = {"language": language, "purposes": read[1] if read else [], "known": read is not None, "done": done}
        # Without the request: nothing of who is signed in, and no cookie, belongs on this page.
        text = render_to_string("capture/unsubscribe.html", context)
    return HttpResponse(text, status=200 if read else 404)


def _is_one_click(request):
    try:
        return request.POST.get("List-Unsubscribe") == "One-Click"
    except (BadRequest, ValueError):  # what it says is no matter: that it was sent is enough
        return False


@require_http_methods(["GET", "POST"])
def withdraw(request, pk):
    """A user notes that a person has taken back a consent: by phone, say. GET is the dialog that asks."""
    person = find(request, "persons", pk)
    access.require_edit(person, request.user)
    purpose = (request.POST if request.method == "POST" else request.GET).get("purpose", "")
    if request.method == "POST":
        count = consents.withdraw(person.pk, [purpose], via=consents.Via.USER, by=request.user)
        response = trigger(trigger(HttpResponse(status=204), "closeDialog"), "changed")
        return toast(response, _("The consent no longer holds: %(purpose)s") % {"purpose": purpose}) if count else response
    return render(request, "capture/_withdraw.html", {"person": person, "purpose": purpose})
