"""Pages of sales. Their cards' parts answer at the addresses of all cards (leads/urls.py)."""

from django.urls import path
from django.utils.translation import gettext_lazy as _

from crm.web import nav
from leads.nav import edits
from leads.views import cards
from sales import lists, views

app_name = "sales"
urlpatterns = [
    path("sales/<int:pk>/", cards.card, {"kind": "sales"}, name="sale"),
    path("sales/new/", cards.new, {"kind": "sales"}, name="sale_new"),
    path("sales/<int:pk>/stage/", views.set_stage, name="set_stage"),
    path("sales/<int:pk>/win/", views.win, name="win"),
    path("sales/<int:pk>/lose/", views.lose, name="lose"),
    path("sales/<int:pk>/stall/", views.stall, name="stall"),
    path("sales/<int:pk>/reopen/", views.reopen, name="reopen"),
    *(address for page in lists.PAGES for address in page.urls()),
]

nav.add(nav.Entry("s", _("Sales"), "currency-euro", "sales:sales", ("sales:sales", "sales:sale", "sales:sale_new", "sales:company_sales",
                  "sales:person_sales"), order=50))  # fmt: skip
nav.add_command(nav.Command(_("New sale"), "currency-euro", "sales:sale_new", edits, order=3))
