"""What every page's template knows."""

from django.middleware.csrf import get_token
from django.utils.functional import SimpleLazyObject
from django.utils.html import format_html
from django.utils.translation import get_language

from crm.web import nav
from crm.web.accounts import demo_signins


def page(request):
    """Return the names that base.html and the components use (docs/design.md)."""
    user = getattr(request, "user", None)
    signed_in = user is not None and user.is_authenticated
    token = get_token(request)
    role = user.role if signed_in else None
    return {
        "request": request,
        "user": user,
        "language": get_language(),
        "csrf_token": token,
        "csrf_input": format_html('<input type="hidden" name="csrfmiddlewaretoken" value="{}">', token),
        "demo_signins": demo_signins,
        # Lazy: its counts ask the database, and fragments and error pages show no navigation.
        "nav": SimpleLazyObject(lambda: nav.build(request))
        if signed_in
        else {"main": [], "lower": [], "favourites": [], "underway": ()},
        "can": {
            "edit": role.edit != "none",
            "delete": role.edit != "none" and role.may_delete,
            "bulk": role.edit != "none" and role.may_bulk,
            "import_": role.edit != "none" and role.may_import,
            "export": role.may_export,
            "admin": role.administers,
        }
        if role
        else {},
    }
