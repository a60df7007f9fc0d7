"""Pages of dashboards."""

from django.urls import path
from django.utils.translation import gettext_lazy as _

from crm.web import nav
from dashboards import lists
from dashboards.views import editor, page, tiles
from leads.nav import edits

app_name = "dashboards"
urlpatterns = [
    path("dashboards/", page.home, name="dashboards"),
    path("dashboards/new/", page.new, name="dashboard_new"),
    *lists.ALL.urls(),
    path("dashboards/<int:pk>/", page.show, name="dashboard"),
    path("dashboards/<int:pk>/edit/", page.edit, name="edit"),
    path("dashboards/<int:pk>/copy/", page.copy, name="copy"),
    path("dashboards/<int:pk>/delete/", page.delete, name="delete"),
    path("dashboards/<int:pk>/favourite/", page.favourite, name="favourite"),
    path("dashboards/<int:pk>/arrange/", page.arrange, name="arrange"),
    path("dashboards/<int:pk>/library/", editor.library, name="library"),
    path("dashboards/<int:pk>/tiles/new/", editor.new, name="tile_new"),
    path("dashboards/<int:pk>/tiles/preview/", editor.preview, name="preview"),
    path("dashboards/<int:pk>/tiles/<int:number>/", tiles.tile, name="tile"),
    path("dashboards/<int:pk>/tiles/<int:number>/edit/", editor.edit, name="tile_edit"),
    path("dashboards/<int:pk>/tiles/<int:number>/open/", tiles.open_list, name="open"),
    path("dashboards/<int:pk>/tiles/<int:number>/data.<slug:file_type>", tiles.data, name="data"),
    path("dashboards/<int:pk>/tiles/<int:number>/remove/", tiles.remove, name="tile_remove"),
    path("dashboards/<int:pk>/tiles/<int:number>/size/", tiles.size, name="tile_size"),
    path("dashboards/<int:pk>/tiles/<int:number>/copy/", tiles.copy, name="tile_copy"),
]

pages = ("dashboards", "dashboard", "dashboard_new", "all", "tile_new", "tile_edit", "library")
nav.add(
    nav.Entry(
        "d", _("Dashboards"), "layout-dashboard", "dashboards:dashboards", tuple(f"dashboards:{one}" for one in pages), order=58
    )
)
nav.add_command(nav.Command(_("New dashboard"), "layout-dashboard", "dashboards:dashboard_new", edits, order=4))
