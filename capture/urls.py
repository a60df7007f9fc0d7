"""Pages of forms and submissions, and what strangers open."""

from django.urls import path
from django.utils.translation import gettext_lazy as _

from capture import lists
from capture.views import campaigns, card, consent, links, public
from crm.web import nav
from leads.nav import edits
from leads.views import cards

app_name = "capture"
urlpatterns = [
    # For strangers: settings.PUBLIC_PATHS.
    path("f/utm.js", public.script, name="script"),
    path("f/<slug:key>/", public.public, name="public"),
    path("f/<slug:key>/frame/", public.public, {"frame": True}, name="public_frame"),
    path("u/<str:token>/", consent.unsubscribe, name="unsubscribe"),
    path("forms/<int:pk>/", cards.card, {"kind": "forms"}, name="form"),
    path("forms/new/", cards.new, {"kind": "forms"}, name="form_new"),
    path("forms/given-out/", card.given_out, name="given_out"),
    path("forms/<int:pk>/fields/", card.fields, name="fields"),
    path("forms/<int:pk>/assignment/", card.assignment, name="assignment"),
    path("forms/<int:pk>/publish/", card.publish, name="publish"),
    path("submissions/<int:pk>/", card.submission, name="submission"),
    path("submissions/mine/", card.new_leads, name="new_leads"),
    path("campaigns/", campaigns.campaigns, name="campaigns"),
    path("campaigns/open/<slug:what>/", campaigns.opened, name="campaigns_open"),
    path("links/new/", links.new, name="link_new"),
    path("links/check/", links.check, name="link_check"),
    path("links/<int:pk>/", links.link, name="link"),
    path("links/<int:pk>/delete/", links.delete, name="link_delete"),
    path("persons/<int:pk>/origin/", card.person_origin, name="person_origin"),
    path("persons/<int:pk>/consent/", consent.withdraw, name="withdraw"),
    path("companies/<int:pk>/origin/", card.company_origin, name="company_origin"),
    *(address for page in lists.PAGES for address in page.urls()),
]

pages = ("forms", "form", "form_new", "form_submissions", "submissions", "submission", "given_out")
nav.add(nav.Entry("o", _("Forms"), "forms", "capture:forms", tuple(f"capture:{page}" for page in pages), order=60))
campaign_pages = ("campaigns", "links", "link", "link_new")
nav.add(
    nav.Entry(
        "k", _("Campaigns"), "trending-up", "capture:campaigns", tuple(f"capture:{page}" for page in campaign_pages), order=61
    )
)
nav.add_command(nav.Command(_("Build a link"), "link", "capture:link_new", edits, order=4))
nav.add_command(nav.Command(_("Links"), "list", "capture:links"))
nav.add_command(nav.Command(_("New form"), "forms", "capture:form_new", edits, order=4))
nav.add_command(nav.Command(_("Lead distribution"), "forms", "capture:given_out"))
nav.add_command(nav.Command(_("Submissions"), "inbox", "capture:submissions"))
