"""What strangers see: a form as a page and as a frame, and the script for other websites (C1, C2, C5, settled 20).

No session, no cookie. What was typed is never shown again by us: the page's script sends it without leaving the page.
"""

import hashlib
import json
import logging

from django.contrib.auth.decorators import login_not_required
from django.contrib.staticfiles import finders
from django.db import OperationalError
from django.http import HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

from capture import actions, protect, touches
from capture.models import Form
from capture.questions import PublicForm

KEPT_SECONDS = 3600
logger = logging.getLogger("lotse.capture")


def _guarded(response, form=None):
    """Give a public answer its own headers in place of the strict ones."""
    if form is not None:
        response.headers["Content-Security-Policy"] = protect.policy(form)
        response.headers["Content-Language"] = form.language
        response.xframe_options_exempt = True
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


def _page(form, frame, status=200, **context):
    # Without the request: nothing of who is signed in, and no cookie, belongs on this page.
    known = {
        "form": form,
        "frame": frame,
        "language": form.language,
        "trap": protect.TRAP,
        "sent": False,
        "told": "",
        "errors": {},
    }
    text = render_to_string("capture/public.html", {**known, **context})
    return _guarded(HttpResponse(text, status=status), form)


def _gone(request):
    language = translation.get_language_from_request(request)
    with translation.override(language):
        text = render_to_string("capture/gone.html", {"language": language})
    response = HttpResponse(text, status=404)
    return _guarded(response)


@csrf_exempt
@login_not_required
def public(request, key, frame=False):
    """A published form: GET shows it, POST takes what was filled in. `frame` is how other sites show it."""
    form = Form.objects.live().filter(key=key, published=True).select_related("source").first()
    if form is None:
        return _gone(request)
    with translation.override(form.language):
        if request.method in {"GET", "HEAD"}:
            return _fresh(form, request, frame)
        if request.method == "POST":
            return _take(form, request, frame)
    return _guarded(HttpResponseNotAllowed(["GET", "HEAD", "POST"]), form)


def _fresh(form, request, frame):
    """Return the empty form, handed out now."""
    touch = touches.Touch()
    if not frame and not _wants_no_tracking(request):
        touch = touches.of_address(request.META.get("QUERY_STRING", ""), request.headers.get("Referer", ""))
    return _page(form, frame, token=protect.issue(form, touch, timezone.now()), bound=PublicForm(form))


def _wants_no_tracking(request):
    return request.headers.get("Sec-GPC") == "1" or request.headers.get("DNT") == "1"


def _take(form, request, frame):
    """Check and keep what was sent. A program is answered in JSON, a browser without scripts by a page."""
    if request.content_type != "application/x-www-form-urlencoded":
        return _refused(form, request, frame, 415, _("This form is sent by its own page."))
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or int(length) > protect.MAX_BYTES:
        return _refused(form, request, frame, 413, _("This is too large."))
    if protect.is_from_elsewhere(form, request):
        return _refused(form, request, frame, 403, _("This form is sent by its own page."))
    try:
        return _keep(form, request, frame)
    except OperationalError:
        logger.warning("A submission could not be kept: the database is busy or away", exc_info=True)
        told = _("This could not be saved. Please try again in a moment.")
        response = _refused(form, request, frame, 503, told, token=request.POST.get("token", ""))
        response.headers["Retry-After"] = "5"
        return response


def _keep(form, request, frame):
    now, data = timezone.now(), request.POST
    text = data.get("token", "")
    if ends := protect.too_often(form, request):
        response = _refused(form, request, frame, 429, _("Too many attempts. Please wait a moment."), token=text)
        response.headers["Retry-After"] = str(max(1, round(ends - now.timestamp())))
        return response
    token = protect.check(form, text)
    if token is None:
        return _refused(form, request, frame, 422, _("This page was open for too long. Please send it once more."), token=text)
    bound = PublicForm(form, data)
    if not bound.is_valid():
        return _refused(form, request, frame, 422, _("Please look at the marked fields."), bound, token=text)
    answers = bound.answers()
    why = protect.suspicion(answers, data, token, now)
    actions.submit(
        form, answers, _touches(data, token, now), _key(token, answers, bound.agreed), consent=bound.agreed, why=why, now=now
    )
    return _thanks(form, request, frame)


def _key(token, answers, agreed):
    """Return the key of these answers: sent again they are the same submission; whoever goes back and corrects them sends another."""
    said = json.dumps([answers.all, agreed], sort_keys=True).encode()
    return f"{token.key}:{hashlib.sha256(said).hexdigest()[:32]}"


def _touches(data, token, now):
    """Return (first, latest) as the script on the customer's website kept them, else what the page's own address told."""
    try:
        given = json.loads(data.get("touches", "")[:8_000] or "{}")
    except (ValueError, RecursionError):
        given = {}
    if not isinstance(given, dict):
        given = {}
    first, latest = (touches.read(given.get(name), now) for name in ("first", "latest"))
    return first or token.touch, latest or token.touch or first


def _asks_in_json(request):
    return request.headers.get("Accept", "") == "application/json"


def _refused(form, request, frame, status, told, bound=None, token=""):
    """Say what is wrong, at each field, without repeating what was typed; with a token for sending it again."""
    token = protect.issue_again(form, token, timezone.now())
    errors = {name: [str(text) for text in texts] for name, texts in bound.errors.items()} if bound else {}
    if _asks_in_json(request):
        answer = {"told": told, "errors": errors}
        if status == 422:
            answer["token"] = token
        return _guarded(JsonResponse(answer, status=status), form)
    return _page(form, frame, status, token=token, bound=PublicForm(form), told=told, errors=errors)


def _thanks(form, request, frame):
    if _asks_in_json(request):
        return _guarded(
            JsonResponse({"go": form.redirect_url, "told": form.thanks or _("Thank you. We have received it.")}), form
        )
    if form.redirect_url:
        response = redirect(form.redirect_url)
        response.status_code = 303
        return _guarded(response, form)
    return _page(form, frame, sent=True)


@login_not_required
def script(request):
    """The script for other websites: keeps where a visitor came from, and shows forms (static/lotse/utm.js)."""
    if request.method not in {"GET", "HEAD"}:
        return HttpResponseNotAllowed(["GET", "HEAD"])
    with open(finders.find("lotse/utm.js"), encoding="utf-8") as file:
        response = HttpResponse(file.read(), content_type="text/javascript; charset=utf-8")
    response.headers["Cache-Control"] = f"public, max-age={KEPT_SECONDS}"
    response.may_be_kept = True
    return _guarded(response)
