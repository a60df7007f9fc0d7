"""The quick filters of a dashboard: owner, team, country and period, for all its tiles at once."""

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import ValidationError
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django_countries import countries

from crm.models import Team, User
from dashboards.tiles import periods

PARAMS = ("owner", "team", "country", "period")
#: The fields that tell a record's country.
COUNTRIES = {
    "person": ("country",),
    "company": ("country",),
    "sale": ("company.country",),
    "activity": ("company.country", "person.country"),
}
NOBODY = {"all": [{"field": "owner", "operator": "empty"}, {"field": "owner", "operator": "not_empty"}]}


@dataclass(frozen=True)
class Filters:
    """What the address of a dashboard says; an empty text filters nothing. `errors` are what was not understood."""

    owner: str = ""
    team: str = ""
    country: str = ""
    period: str = ""
    errors: tuple[tuple[str, str], ...] = ()

    @property
    def given(self) -> dict[str, str]:
        return {name: value for name in PARAMS if (value := getattr(self, name))}

    @property
    def query(self) -> str:
        return urlencode(self.given)

    def lines(self, record) -> list[dict[str, Any]]:
        """Return what they ask of a record type, as lines of criteria."""
        lines: list[dict[str, Any]] = []
        if self.owner:
            lines.append({"field": "owner", "operator": "in", "value": [self.owner]})
        if self.team:
            members = [str(pk) for pk in User.teams.through.objects.filter(team=self.team).values_list("user_id", flat=True)]
            lines.append({"field": "owner", "operator": "in", "value": members} if members else NOBODY)
        if self.country:
            asked = [{"field": name, "operator": "in", "value": [self.country]} for name in COUNTRIES[record.name]]
            lines.append(asked[0] if len(asked) == 1 else {"any": asked})
        return lines


def read(query, asking) -> Filters:
    """Return the filters an address names; one that is not understood is an error, and then nothing is counted."""
    given = {name: query.get(name, "").strip()[:60] for name in PARAMS}
    errors = []
    users, known = asking.items("crm.User"), dict(countries)
    if given["owner"] and given["owner"] != "me" and not (given["owner"].isdecimal() and int(given["owner"]) in users):
        errors.append(("owner", _("This user does not exist.")))
    if given["team"] and not (
        given["team"].isdecimal() and len(given["team"]) < 10 and Team.objects.filter(pk=given["team"]).exists()
    ):
        errors.append(("team", _("This team does not exist.")))
    if given["country"] and given["country"] not in known:
        errors.append(("country", _("This country is not known.")))
    if given["period"]:
        try:
            periods.days_of(given["period"], asking.today)
        except ValidationError as error:
            errors.append(("period", " ".join(error.messages)))
    wrong = dict(errors)
    for name in ("owner", "team"):
        if given[name].isdecimal() and name not in wrong:
            given[name] = str(int(given[name]))  # as it is offered
    return replace(Filters(**given), errors=tuple(errors))


def offered(asking, chosen) -> dict[str, list[tuple[str, str]]]:
    """Return what each filter offers, as (value, label); what the address names is among it, so that a select shows it."""
    users = sorted(asking.items("crm.User").values(), key=lambda user: user.name_key)
    wrong = dict(chosen.errors)
    found = {
        "owner": [("me", _("Me")), *((str(user.pk), user.name) for user in users if user.is_active)],
        "team": [(str(team.pk), team.name) for team in Team.objects.all()],
        "country": list(countries),
        "period": [(name, capfirst(periods.words(name))) for name in periods.OFFERED],
    }
    for name, value in chosen.given.items():
        if name in wrong or value not in dict(found[name]):
            found[name].append((value, _called(name, value, asking) if name not in wrong else _("Not known")))
    return found


def _called(name, value, asking) -> str:
    """Return what is right but not offered: another period, a user who was deactivated; a team may have gone just now."""
    if name == "period":
        return periods.words(value)
    return asking.items("crm.User")[int(value)].name if name == "owner" else _("Not known")
