"""The rows behind a dashboard: with whom it is shared follows what the history knows of it, also after an undo."""

from crm.history.hooks import derived_by
from crm.models import Team, User
from crm.text import fold
from dashboards.models import Dashboard, DashboardShare


def write_shares(dashboard):
    """Let the rows follow `user_ids` and `team_ids`; who is gone is left out."""
    for name, ids, model in (("user", dashboard.user_ids, User), ("team", dashboard.team_ids, Team)):
        wanted = set(model.objects.filter(pk__in=ids or []).values_list("pk", flat=True))
        rows = DashboardShare.objects.filter(**{"dashboard": dashboard, f"{name}__isnull": False})
        there = set(rows.values_list(f"{name}_id", flat=True))
        rows.filter(**{f"{name}__in": there - wanted}).delete()
        new = [DashboardShare(**{"dashboard": dashboard, f"{name}_id": pk}) for pk in sorted(wanted - there)]
        DashboardShare.objects.bulk_create(new)


@derived_by("dashboard")
def follow(ids):
    """Let the key and the shares follow what an undo has written back."""
    for dashboard in Dashboard.objects.filter(pk__in=ids):
        if (key := fold(dashboard.name)) != dashboard.name_key:
            Dashboard.objects.filter(pk=dashboard.pk).update(name_key=key)
        write_shares(dashboard)
