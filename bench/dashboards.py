"""Dashboards: whole, as they are kept, and counted anew; and each of their tiles."""

from dashboards.models import Dashboard
from dashboards.tiles import kept
from dashboards.tiles.spec import title_of

FRAGMENT = {"HTTP_HX_REQUEST": "true"}


def requests(client, rep):
    """Yield (name, request). *Anew* is what a browser asks of a page of which nothing is kept, one after the other."""
    kept.PATIENCE = 600  # counted to the end, also where other work makes it longer than a page waits
    for dashboard in Dashboard.objects.order_by("pk"):
        name = f"{dashboard} ({len(dashboard.tiles)} tiles)"
        for who, told in ((client, ""), (rep, ", a rep")):
            yield f"{name}, all counted anew{told}", _anew(who, dashboard)
            yield f"{name}, as kept{told}", _get(who, dashboard.get_absolute_url())
    leads = Dashboard.objects.get(ready="leads")
    for raw in leads.tiles:
        yield f"tile: {title_of(raw)}", _get(client, f"/dashboards/{leads.pk}/tiles/{raw['id']}/?fresh=1", **FRAGMENT)


def _get(who, url, **headers):
    return lambda: who.get(url, **headers)


def _anew(who, dashboard):
    def ask():
        for raw in dashboard.tiles:
            answer = who.get(f"/dashboards/{dashboard.pk}/tiles/{raw['id']}/?fresh=1", **FRAGMENT)
        return answer

    return ask
