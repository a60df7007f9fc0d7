"""Where the API answers; apps are named as strings, this floor imports none above it."""

from django.contrib.auth.decorators import login_not_required
from django.urls import path, re_path
from django.utils.module_loading import import_string
from drf_spectacular.views import SpectacularJSONAPIView
from rest_framework.routers import SimpleRouter

from crm.api import nowhere
from crm.web.api_docs import docs

VIEWS = {
    "category-groups": "leads.api.CategoryGroups",
    "categories": "leads.api.Categories",
    "lead-statuses": "leads.api.LeadStatuses",
    "disqualify-reasons": "leads.api.DisqualifyReasons",
    "industries": "leads.api.Industries",
    "sources": "leads.api.Sources",
    "companies": "leads.api.Companies",
    "persons": "leads.api.Persons",
    "activities": "activities.api.Activities",
    "sales": "sales.api.Sales",
    "stages": "sales.api.Stages",
    "sale-types": "sales.api.SaleTypes",
    "sale-reasons": "sales.api.SaleReasons",
    "exchange-rates": "sales.api.ExchangeRates",
    "find": "selections.api.Find",
    "selections": "selections.api.Selections",
    "selection-categories": "selections.api.SelectionCategories",
    "dashboards": "dashboards.api.Dashboards",
    "webhooks": "exchange.webhooks.api.Webhooks",
    "forms": "capture.api.Forms",
    "submissions": "capture.api.Submissions",
    "consents": "capture.api.Consents",
    "users": "leads.api.Users",
    "proposals": "leads.api.Proposals",
}
router = SimpleRouter()
for name, view in VIEWS.items():
    router.register(name, import_string(view), basename=f"api-{name}")

urlpatterns = [
    path("schema/", login_not_required(SpectacularJSONAPIView.as_view()), name="api-schema"),
    path("docs/", docs, name="api-docs"),
    *router.urls,
    re_path(r"^(?:.*/)?$", login_not_required(nowhere), name="api-nowhere"),
]
for pattern in router.urls:
    # The API signs in by its own means and answers 401 itself.
    pattern.callback = login_not_required(pattern.callback)
