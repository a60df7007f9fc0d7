"""What follow-ups add to the catalogue of persons and companies."""

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from activities.models import Activity
from crm.fields import Cell, Fixed, Link, Moment, Text, UserChoice, YesNo
from crm.records import RecordType, extend, register, relate
from crm.relations import Many, One
from crm.web import formats


def next_subjects(link):
    """Return a loader: for a page of rows, the subject of each one's next follow-up, in one query."""

    def load(ids, asking):
        # Who sees a person or a sale sees what is planned there; at a company of nobody's there may be what is another's.
        seen = Activity.objects.visible_to(asking.user) if link in Activity.of_nobodys_unless else Activity.objects.live()
        rows = seen.filter(**{f"{link}__in": ids}, done_at=None, due_at__isnull=False)
        # Of several, the earliest is read last and stays.
        return dict(rows.order_by("-due_at", "-id").values_list(f"{link}_id", "subject"))

    return load


class PersonLink(Link):
    """The person a follow-up is about, by their whole name. Owning the company shows its persons."""

    @property
    def columns(self):
        return ("person__first_name", "person__last_name", "person_id", "person__owner_id", "person__company__owner_id")

    def text(self, row, asking):
        return f"{row['person__first_name'] or ''} {row['person__last_name'] or ''}".strip()

    def is_seen(self, row, asking):
        """Tell whether the user may see the person; a company that belongs to nobody lends no visibility (crm.access)."""
        own, company = (row[path] for path in self.columns[-2:])
        return asking.sees(own) or (company is not None and asking.sees(company))

    def cell(self, row, asking):
        if row["person_id"] is None or not self.is_seen(row, asking):
            return Cell(self.text(row, asking))
        return Cell(self.text(row, asking), "link", data={"id": row["person_id"]})


class Due(Moment):
    """When it is due: a day where that was meant, and overdue only until it is done."""

    @property
    def columns(self):
        return ("due_at", "all_day", "time_zone", "done_at")

    def cell(self, row, asking):
        if row["due_at"] is None:
            return Cell("", "date")
        due = Activity(due_at=row["due_at"], all_day=row["all_day"], time_zone=row["time_zone"], done_at=row["done_at"])
        return Cell(formats.near(due.due), "due", title=formats.exact(due.due), data={"overdue": due.is_late(asking.now)})

    def text(self, row, asking):
        due = Activity(due_at=row["due_at"], all_day=row["all_day"], time_zone=row["time_zone"]).due
        return formats.exact(due) if due else ""


class Done(YesNo):
    """Whether it is done: there is a time of it."""

    def condition(self, operator, value, asking):
        return Q(done_at__isnull=not value)

    def text(self, row, asking):
        return str(_("Yes") if row["done_at"] else _("No"))

    def cell(self, row, asking):
        return Cell(self.text(row, asking) if row["done_at"] else "", "yesno", data={"on": bool(row["done_at"])})


register(
    RecordType("activity", "activities.Activity", _("Follow-up"), _("Follow-ups"), "subject", "activities:follow_up", "calendar-event", "activities:follow_ups",
               first_sort="due_at"),
    [
        Text(name="subject", label=_("Subject"), sort="subject", edit="subject", default=True, required=True, as_kind="name", width=212),
        Fixed(name="kind", label=_("Type"), sort="kind", choices=lambda: Activity.Kind.choices, group=True, edit="kind", default=True,
              width=110),
        PersonLink(name="person", label=_("Person"), path="person__name_key", sort="person__name_key", key="person__name_key",
                   id_path="person_id", url_name="leads:person", default=True, width=176),
        Link(name="company", label=_("Company"), path="company__name", sort="company__name_key", key="company__name_key",
             id_path="company_id", url_name="leads:company", owner_path="company__owner_id", default=True, width=228),
        Due(name="due_at", label=_("Due"), sort="due_at", due=True, default=True, width=140),
        Fixed(name="priority", label=_("Priority"), sort="priority", choices=lambda: Activity.Priority.choices, group=True,
              edit="priority", default=True, width=110),
        UserChoice(name="owner", label=_("Owner"), path="owner_id", sort="owner__name_key", group=True, edit="owner", default=True),
        Done(name="done", label=_("Done"), path="done_at", group=True),
        Moment(name="done_at", label=_("Done at"), sort="done_at"),
        Fixed(name="repeat", label=_("Repeat"), choices=lambda: Activity.Repeat.choices[1:], edit="repeat"),
        Text(name="text", label=_("Text"), edit="text"),
        Moment(name="created_at", label=_("Created"), sort="created_at", required=True),
        Moment(name="updated_at", label=_("Changed"), sort="updated_at", required=True),
    ],
)  # fmt: skip


def follow_ups_of(link):
    """Return the relation from a record to its follow-ups."""
    return Many(name="activities", label=_("Follow-ups"), record="activity", link=link, some=_("with follow-ups"),
                none=_("without follow-ups"), number=_("Number of follow-ups"))  # fmt: skip


for name, after in (("person", "lead_status"), ("company", "city")):
    extend(
        name,
        [
            Moment(
                name="next_activity_at", label=_("Next activity"), sort="next_activity_at", due=True, never=True, default=True,
                load=next_subjects(name), width=160,
            )
        ],
        after=after,
    )  # fmt: skip

for name, label in (("person", _("Person")), ("company", _("Company"))):
    relate("activity", One(name=name, label=label, record=name, path=f"{name}_id"))
    relate(name, follow_ups_of(name))
