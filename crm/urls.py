"""Where each part of the product answers. Apps are named as strings: this floor imports none above it."""

from django.contrib import admin
from django.urls import include, path

from crm import health
from crm.web import nav

urlpatterns = [
    path("", nav.home, name="home"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("accounts/", include("crm.web.account_urls")),
    path("admin/", admin.site.urls),
    path("api/v1/", include("crm.api_urls")),
    path("", include("crm.web.urls")),
    path("", include("leads.urls")),
    path("", include("activities.urls")),
    path("", include("sales.urls")),
    path("", include("selections.urls")),
    path("", include("dashboards.urls")),
    path("", include("capture.urls")),
    path("", include("exchange.urls")),
]

handler400 = "crm.web.errors.bad_request"
handler403 = "crm.web.errors.forbidden"
handler404 = "crm.web.errors.not_found"
handler429 = "crm.web.errors.too_many"  # asked by allauth
handler500 = "crm.web.errors.server_error"
