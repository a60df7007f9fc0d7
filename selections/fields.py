"""The catalogue of selections."""

from dataclasses import dataclass

from django.db.models import Exists, OuterRef
from django.utils.translation import gettext_lazy as _

from crm.fields import Cell, Choice, Counted, Fixed, Moment, Text, UserChoice, YesNo
from crm.records import RecordType, register
from crm.tables.counts import COUNT_UP_TO, capped, count_each
from selections.members import load_parts, members
from selections.models import RecordKind, Selection, SelectionFavourite


def counts(ids, asking):
    """Return id -> how many members of each selection the user sees, in words; one statement for a page of them."""
    selections = list(Selection.objects.filter(pk__in=ids))
    load_parts(selections, asking)
    found = [members(one, asking.user, asking).order_by().values("pk")[: COUNT_UP_TO + 1] for one in selections]
    return {one.pk: capped(count, COUNT_UP_TO) for one, count in zip(selections, count_each(found), strict=True)} if found else {}


@dataclass(frozen=True, kw_only=True)
class Favourite(YesNo):
    """Whether the user who asks has marked it."""

    loads_text = True

    @property
    def columns(self):
        return ("pk",)

    @property
    def part_columns(self):
        return ("pk",)

    def condition(self, operator, value, asking):
        mine = Exists(SelectionFavourite.objects.filter(user=asking.user.pk, selection=OuterRef("pk")))
        return mine if value else ~mine

    def cell(self, row, asking):
        return Cell("")


def favourites(ids, asking):
    mine = SelectionFavourite.objects.filter(user=asking.user.pk, selection__in=ids).values_list("selection_id", flat=True)
    return dict.fromkeys(mine, "★")


register(
    RecordType("selection", "selections.Selection", _("Selection"), _("Selections"), "name", "selections:selection", "filter",
               "selections:selections"),
    [
        Text(name="name", label=_("Name"), sort="name_key", key="name_key", edit="name", default=True, required=True, as_kind="name", width=278),
        Favourite(name="favourite", label=_("Favourite"), load=favourites, default=True, width=90),
        Fixed(name="record_type", label=_("Record type"), choices=lambda: RecordKind.choices, sort="record_type", group=True, default=True, required=True, width=110),
        Fixed(name="kind", label=_("Kind"), choices=lambda: Selection.Kind.choices, sort="kind", group=True, default=True, required=True, width=96),
        Counted(name="members", label=_("Members"), load=counts, default=True, width=104),
        Choice(name="category", label=_("Category"), path="category_id", sort="category__rank", items="selections.SelectionCategory", pill=True,
               group=True, edit="category", default=True, width=142),
        UserChoice(name="owner", label=_("Owner"), path="owner_id", sort="owner__name_key", group=True, edit="owner", default=True, width=84),
        Fixed(name="visibility", label=_("Visible to"), choices=lambda: Selection.Visibility.choices, sort="visibility", group=True, edit="visibility",
              default=True, required=True, width=102),
        YesNo(name="completed", label=_("Completed"), sort="completed", group=True, edit="completed", required=True),
        Text(name="description", label=_("Description"), edit="description"),
        Moment(name="updated_at", label=_("Changed"), sort="updated_at", default=True, required=True, width=108),
        Moment(name="created_at", label=_("Created"), sort="created_at", required=True),
    ],
)  # fmt: skip
