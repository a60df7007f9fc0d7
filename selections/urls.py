"""Pages of selections. Their cards' parts answer at the addresses of all cards (leads/urls.py)."""

from django.urls import path
from django.utils.translation import gettext_lazy as _

from crm.web import nav
from leads.nav import edits
from leads.views import cards
from selections import board_pages, find, lists
from selections.models import RecordKind, Selection
from selections.views import card, made_of

app_name = "selections"
urlpatterns = [
    path("selections/<int:pk>/", cards.card, {"kind": "selections"}, name="selection"),
    path("selections/new/", cards.new, {"kind": "selections"}, name="selection_new"),
    path("selections/<int:pk>/criteria/", card.criteria_tab, name="criteria"),
    path("selections/<int:pk>/charts/", card.charts, name="charts"),
    path("selections/<int:pk>/favourite/", card.favourite, name="favourite"),
    path("selections/<int:pk>/subscribe/", card.subscribe, name="subscribe"),
    path("selections/<int:pk>/since/", card.since, name="since"),
    path("selections/<int:pk>/copy/", card.copy, name="copy"),
    path("selections/<int:pk>/freeze/", card.freeze, name="freeze"),
    path("selections/<int:pk>/keep-table/", card.keep_table, name="keep_table"),
    *(address for page in (*lists.PAGES, *find.FIND, *board_pages.PAGES) for address in page.urls()),
    path("selections/<int:pk>/fill/", made_of.fill, name="fill"),
    path("selections/<int:pk>/parts/", made_of.parts, name="parts"),
    path("selections/<int:pk>/why/", card.why_in, name="why"),
]

pages = ("selections", "selection", "selection_new", *(f"selection_{name}" for name in RecordKind.values),
         *(page.name for page in board_pages.PAGES if page.of))  # fmt: skip
nav.add(
    nav.Entry(
        "f",
        _("Find"),
        "adjustments-horizontal",
        "selections:find_person",
        tuple(f"selections:find_{name}" for name in RecordKind.values),
        order=52,
    )
)
nav.add(
    nav.Entry("e", _("Selections"), "filter", "selections:selections", tuple(f"selections:{page}" for page in pages), order=55)
)
nav.add_favourites(
    nav.Favourites("selections:selection", "name", lambda user: Selection.objects.visible_to(user).filter(favourites__user=user))
)
boards = tuple(f"selections:{page.name}" for page in board_pages.PAGES if not page.of)
nav.add(nav.Entry("b", _("Board"), "layout-kanban", "selections:board_leads", boards, order=20))
nav.add_command(nav.Command(_("New selection"), "filter", "selections:selection_new", edits, order=4))
