"""Answers for htmx."""

import json

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render


def wants_fragment(request):
    """Tell whether only the results are asked for; boosted and history-restoring requests need the whole page."""
    return bool(request.htmx) and not request.htmx.boosted and not request.htmx.history_restore_request


def page_or_fragment(request, page, fragment, context, status=200):
    """Render the whole page or, for htmx, the fragment it includes."""
    response = render(request, fragment if wants_fragment(request) else page, context, status=status)
    response.headers["Vary"] = "HX-Request"
    return response


def toast(response, text, *, undo_url=None, level="ok", link=None, restore=None):
    """Let the browser show a message: one line, with *Undo* where there is something to undo (U2), or with *Restore*.

    `restore` is the address that brings back what was deleted, and the `ids` it is told.
    """
    events = json.loads(response.headers.get("HX-Trigger", "{}"))
    events["toast"] = {"text": str(text), "undo_url": undo_url, "level": level, "link": link, "restore": restore}
    response.headers["HX-Trigger"] = json.dumps(events)
    return response


def say(request, text, change_set=None):
    """Show a message on the page the browser is sent to, with *Undo* where there is a change set."""
    messages.success(request, text, extra_tags=f"undo:{change_set.pk}" if change_set is not None else "")


def trigger(response, name, detail=None):
    """Send an event to the page."""
    events = json.loads(response.headers.get("HX-Trigger", "{}"))
    events[name] = detail or {}
    response.headers["HX-Trigger"] = json.dumps(events)
    return response


def redirect_to(request, url):
    """Send the browser to another page, whether htmx or a plain form asked."""
    response = HttpResponse(status=204 if request.htmx else 302)
    response.headers["HX-Redirect" if request.htmx else "Location"] = url
    return response
