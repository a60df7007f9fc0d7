"""Signing in: allauth's views, but for those this product has no use for."""

from django.contrib.auth.decorators import login_not_required
from django.http import Http404
from django.urls import include, path, re_path
from django.views.generic import RedirectView


@login_not_required
def closed(request, **kwargs):
    """Users are made by administrators, and their addresses changed in their settings."""
    raise Http404


urlpatterns = [
    path("signup/", closed),
    path("email/", closed),
    re_path(r"^confirm-email/", closed),
    path("password/set/", closed),
    path("login/code/confirm/", closed),
    path("2fa/", RedirectView.as_view(pattern_name="crm:settings")),
    path("", include("allauth.urls")),
]
