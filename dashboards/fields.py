"""The catalogue of dashboards, and what their funnel asks of persons: which kind of lead status they have ever had."""

from dataclasses import dataclass

from django.db.models import Exists, OuterRef
from django.utils.translation import gettext_lazy as _

from crm.fields import Fixed, Moment, Text, UserChoice, YesNo
from crm.records import RecordType, extend, register
from dashboards.models import Dashboard
from dashboards.statuses import status_changes
from leads.models import LeadStatus


@dataclass(frozen=True, kw_only=True)
class EverHad(Fixed):
    """The kinds of lead status a person has had, whatever it is now: what the history knows."""

    operators = ("in", "not_in")

    @property
    def columns(self):
        return ("pk",)

    @property
    def lists(self):
        return ("leads.LeadStatus",)

    def condition(self, operator, value, asking):
        had = Exists(status_changes(value, asking).filter(record_id=OuterRef("pk")))
        return ~had if operator == "not_in" else had

    def parts(self, asking):
        return None

    def text(self, row, asking):
        return ""


@dataclass(frozen=True, kw_only=True)
class Shown(Text):
    """A name or description; of a predefined dashboard in the reader's language, as its own page tells it."""

    as_told: str = ""

    @property
    def columns(self):
        return (self.column, "ready")

    def text(self, row, asking):
        told = Dashboard(ready=row["ready"], **{self.column: row[self.column]})
        return str(getattr(told, self.as_told))


@dataclass(frozen=True, kw_only=True)
class Audience(Fixed):
    """Who sees a dashboard: one that is shared says with whom."""

    @property
    def columns(self):
        return (self.column, "user_ids", "team_ids")

    @property
    def lists(self):
        return ("crm.User", "crm.Team")

    def text(self, row, asking):
        lists = ((row["user_ids"], asking.items("crm.User")), (row["team_ids"], asking.items("crm.Team")))
        names = ", ".join(known[pk].name for ids, known in lists for pk in ids if pk in known)
        if not names or row[self.column] == Dashboard.Visibility.ALL:
            return super().text(row, asking)
        if row[self.column] == Dashboard.Visibility.TEAM:
            return f"{super().text(row, asking)}, {names}"
        return str(_("Shared with %(names)s") % {"names": names})


register(
    RecordType("dashboard", "dashboards.Dashboard", _("Dashboard"), _("Dashboards"), "name", "dashboards:dashboard", "layout-dashboard",
               "dashboards:all"),
    [
        Shown(name="name", as_told="title", label=_("Name"), sort="name_key", key="name_key", edit="name", default=True, required=True, as_kind="name", width=240),
        Shown(name="description", as_told="about", label=_("Description"), edit="description", default=True, width=300),
        UserChoice(name="owner", label=_("Owner"), path="owner_id", sort="owner__name_key", group=True, edit="owner", default=True, width=90),
        Audience(name="visibility", label=_("Visible to"), choices=lambda: Dashboard.Visibility.choices, sort="visibility", group=True,
                 edit="visibility", default=True, required=True),
        YesNo(name="pinned", label=_("Pinned"), sort="pinned", group=True, default=True, required=True),
        Moment(name="updated_at", label=_("Changed"), sort="updated_at", default=True, required=True),
        Moment(name="created_at", label=_("Created"), sort="created_at", required=True),
    ],
)  # fmt: skip
extend("person", [EverHad(name="status_had", label=_("Kinds of lead status so far"), choices=lambda: LeadStatus.Kind.choices)],
       after="lead_status_kind")  # fmt: skip
