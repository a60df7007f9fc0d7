"""Pages for what went wrong: they say so in words, and show nothing of the inside."""

from django.contrib.auth.decorators import login_not_required
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.csrf import requires_csrf_token


def _page(request, status, title, text):
    return render(request, "errors/error.html", {"title": title, "text": text, "status": status}, status=status)


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
    return _page(request, 404, _("Not found"), _("This page does not exist, or you may not see it."))


@login_not_required
@requires_csrf_token
def server_error(request):
    return _page(request, 500, _("Something went wrong"), _("The error was logged. Nothing was half-saved; please try again."))


@login_not_required
@requires_csrf_token
def csrf_failure(request, reason=""):
    return _page(
        request, 403, _("Your session has changed"), _("Please reload the page and send the form again; it was not saved.")
    )
