"""The list of all dashboards one may see: to find, give away and delete them."""

from django.utils.translation import gettext_lazy

from crm.tables.bulk import Action
from crm.tables.pages import ListPage
from dashboards import actions
from dashboards.models import Dashboard
from leads.views import bin as recycle_bin
from leads.views.lists import counted, may_delete, owner_of, owners


def delete(dashboards, value, *, as_of=None, **how):
    return actions.delete(dashboards, **how)


OWN = Action(
    name="owner", label=gettext_lazy("Change owner"), icon="user", choices=owners, value=owner_of, run=actions.set_owner,
    said=counted("%(count)s dashboard now belongs to %(value)s", "%(count)s dashboards now belong to %(value)s"), sets=True,
)  # fmt: skip
DELETE = Action(
    name="delete", label=gettext_lazy("Delete"), icon="trash", run=delete, allowed=may_delete, danger=True,
    template="activities/act_yes.html", said=counted("%(count)s dashboard is in the bin", "%(count)s dashboards are in the bin"),
)  # fmt: skip
ALL = ListPage(
    name="all", record="dashboard", path="dashboards/all/", title=gettext_lazy("All dashboards"), namespace="dashboards",
    new=gettext_lazy("New dashboard"),
    queryset=lambda user: Dashboard.objects.visible_to(user), actions=(OWN, DELETE),
    empty=gettext_lazy("A dashboard is a page of tiles: numbers, charts and lists of what you may see."),
)  # fmt: skip
recycle_bin.KINDS["dashboard"] = "description"
