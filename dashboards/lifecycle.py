"""The rows behind a dashboard: with whom it is shared follows what the history knows of it, also after an undo."""

from django.utils.translation import gettext as _

from crm.history.hooks import derived_by, guarded_by
from crm.history.writing_back import value_of
from crm.models import Team, User
from crm.text import fold
from dashboards.models import Dashboard, DashboardShare

PINNED = Dashboard._meta.get_field("pinned")


def write_shares(dashboard):
    """Let the rows follow `user_ids` and `team_ids`; who is gone is left out."""
    for name, ids, model in (("user", dashboard.user_ids, User), ("team", dashboard.team_ids, Team)):
        wanted = set(model.objects.filter(pk__in=ids or []).values_list("pk", flat=True))
        rows = DashboardShare.objects.filter(**{"dashboard": dashboard, f"{name}__isnull": False})
        there = set(rows.values_list(f"{name}_id", flat=True))
        rows.filter(**{f"{name}__in": there - wanted}).delete()
        new = [DashboardShare(**{"dashboard": dashboard, f"{name}_id": pk}) for pk in sorted(wanted - there)]
        DashboardShare.objects.bulk_create(new)


@guarded_by("dashboard")
def pinned_is_seen_by_all(plans):
    """Leave dashboards that would come out pinned for everybody and seen by some, because of what was changed since."""
    plan, left = plans["dashboard"], {}
    visibility, pinned = plan.becomes("visibility"), plan.becomes("pinned")
    for dashboard in Dashboard.objects.filter(pk__in={*visibility, *pinned}):
        is_pinned = value_of(PINNED, pinned[dashboard.pk]) if dashboard.pk in pinned else dashboard.pinned
        if is_pinned and visibility.get(dashboard.pk, dashboard.visibility) != Dashboard.Visibility.ALL:
            left[dashboard.pk] = _("Only what everybody sees can be pinned for everybody.")
    return left


@derived_by("dashboard")
def follow(ids):
    """Let the key and the shares follow what an undo has written back."""
    for dashboard in Dashboard.objects.filter(pk__in=ids):
        if (key := fold(dashboard.name)) != dashboard.name_key:
            Dashboard.objects.filter(pk=dashboard.pk).update(name_key=key)
        write_shares(dashboard)
