"""Pages for what went wrong: they say so in words, and show nothing of the inside. htmx gets a line and a message."""

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import InterfaceError, OperationalError
from django.http import HttpResponse
from django.shortcuts import render
from django.template.loader import get_template
from django.utils import translation
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.views.decorators.csrf import requires_csrf_token

from crm import records
from crm.web.htmx import toast

logger = logging.getLogger("lotse")


@dataclass(frozen=True)
class Gone:
    """What is told of a record that was deleted: in words, and to who may restore it also what does so and where it lies."""

    text: str
    restore: dict | None = None  # url, ids
    bin_url: str = ""


#: What upper floors know of records that are gone: functions(user, record type, id) -> Gone or None.
_told_of_gone: list[Callable] = []


def told_of_gone(function):
    """Register function(user, record type, id) -> Gone, or None of what this user is to know nothing of."""
    _told_of_gone.append(function)
    return function


def _gone(request) -> Gone | None:
    """Return what is told of the record that is asked for, or else of that whose card one is on, if it was deleted."""
    if not getattr(request, "user", None) or not request.user.is_authenticated:
        return None
    addresses = (request.path, request.htmx.current_url_abs_path or "")
    named = dict.fromkeys(filter(None, map(records.at, addresses)))
    found = [gone for one in named for function in _told_of_gone if (gone := function(request.user, *one))]
    # What went along with a record comes back with it alone.
    return next((gone for gone in found if gone.restore), found[0] if found else None)


def _page(request, status, title, text, gone=None):
    if "HX-Request" in request.headers:
        response = render(request, "errors/_error.html", {"text": text}, status=status)
        return toast(response, text, level="error", restore=gone and gone.restore)
    context = {"title": title, "text": text, "status": status, "gone": gone}
    return render(request, "errors/error.html", context, status=status)


@login_not_required
@requires_csrf_token
def bad_request(request, exception=None):
    return _page(request, 400, _("This request cannot be understood"), _("Please go back and try again."))


@login_not_required
@requires_csrf_token
def forbidden(request, exception=None):
    # The text of a PermissionDenied is ours and says what is not allowed.
    return _page(request, 403, _("Not allowed"), str(exception or "") or _("Your role does not allow this."))


@login_not_required
@requires_csrf_token
def not_found(request, exception=None):
    if gone := _gone(request):
        return _page(request, 404, _("Deleted"), gone.text, gone)
    return _page(request, 404, _("Not found"), _("This page does not exist, or you do not have access to it."))


@login_not_required
@requires_csrf_token
def too_many(request, exception=None):
    response = _page(request, 429, _("Too many attempts"), _("Please wait a minute, then try again."))
    response.headers["Retry-After"] = "60"
    return response


@login_not_required
def server_error(request):
    """Answer without asking the database anything: it may be what failed."""
    away = isinstance(sys.exc_info()[1], OperationalError | InterfaceError)
    status, title, text = 500, _("Something went wrong"), _("The error was logged. Nothing was half-saved; please try again.")
    if away:
        status, title, text = 503, _("The database does not answer"), _("Nothing was half-saved; please try again in a moment.")
    if "HX-Request" in request.headers:
        response = toast(HttpResponse(status=status), text, level="error")
    else:
        context = {
            "title": title,
            "text": text,
            "status": status,
            "language": translation.get_language() or settings.LANGUAGE_CODE,
        }
        context |= {"user": None, "csrf_token": "", "messages": [], "gone": None}
        try:
            page = get_template("errors/error.html", using="jinja2").render(context)
        except Exception:  # what failed may be what every page stands on
            logger.exception("The page for errors failed, too")
            page = format_html("<!doctype html><title>{}</title><h1>{}</h1><p>{}</p>", title, title, text)
        response = HttpResponse(page, status=status)
    if away:
        response.headers["Retry-After"] = "5"
    return response


@login_not_required
@requires_csrf_token
def csrf_failure(request, reason=""):
    text = _("Please reload the page and send the form again; it was not saved.")
    if "HX-Request" not in request.headers:
        return _page(request, 403, _("Your session has changed"), text)
    # The page takes over the new token and sends it again by itself, if it is the same user who has signed in anew (app.js).
    return HttpResponse(text, status=403, headers={"Lotse-Refused": "token"})
