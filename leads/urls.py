"""Pages of leads, companies and persons."""

from django.urls import path, re_path

from leads import nav as _nav  # noqa: F401 (its entries)
from leads.views import bin, cards, lists, proposals

app_name = "leads"
#: All kinds of cards, those of upper floors among them: they register theirs when the apps start.
KIND = rf"(?P<kind>{'|'.join(cards.CARDS)})"
urlpatterns = [
    path("persons/<int:pk>/", cards.card, {"kind": "persons"}, name="person"),
    path("companies/<int:pk>/", cards.card, {"kind": "companies"}, name="company"),
    path("persons/new/", cards.new, {"kind": "persons"}, name="person_new"),
    path("companies/new/", cards.new, {"kind": "companies"}, name="company_new"),
    path("persons/<int:pk>/status/", cards.set_status, name="set_status"),
    re_path(rf"^{KIND}/choices/$", cards.choices, name="choices"),
    re_path(rf"^{KIND}/similar/$", cards.similar, name="similar"),
    re_path(rf"^{KIND}/(?P<pk>\d{{1,18}})/facts/$", cards.facts, name="facts"),
    re_path(rf"^{KIND}/(?P<pk>\d{{1,18}})/facts/(?P<name>\w+)/$", cards.fact, name="fact"),
    re_path(rf"^{KIND}/(?P<pk>\d{{1,18}})/head/$", cards.head, name="head"),
    re_path(rf"^{KIND}/(?P<pk>\d{{1,18}})/edit/$", cards.edit_all, name="edit"),
    re_path(rf"^{KIND}/(?P<pk>\d{{1,18}})/history/$", cards.history, name="history"),
    re_path(rf"^{KIND}/(?P<pk>\d{{1,18}})/details/$", cards.details, name="details"),
    re_path(rf"^{KIND}/(?P<pk>\d{{1,18}})/delete/$", cards.delete, name="delete"),
    *(address for page in lists.PAGES for address in page.urls()),
    path("proposals/<int:pk>/", proposals.proposal, name="proposal"),
    path("bin/", bin.deleted, name="bin"),
    path("bin/restore/", bin.restore, name="restore"),
]
