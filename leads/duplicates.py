"""Who looks like the company or person one is typing (I2): a hint, past which one may save.

An e-mail and a name are compared as they are stored: folded. A company's name is compared without its legal form, and a long one
may have been mistyped. Of a match one may not see is told only that there is one (settled 17).
"""

import re
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from crm import records, search
from crm.text import fold
from leads import lifecycle
from leads.models import Company, Person

SHOWN = 3
CANDIDATES = 40
#: With what a company's name may end without being another's, without dots.
LEGAL_FORMS = re.compile(
    r"( (ab|ag|asa?|bv|co|corp|corporation|eg|eu|ev|gbr|g?gmbh|inc|incorporated|kg|kgaa|limited|llc|llp|ltd|mbh|nv|og|ohg|oyj?|partg|plc|sa"
    r"|sarl|sas|se|spa|srl|ug|und|and))+$"
)


@dataclass
class Similar:
    """What was found: (record, what tells it from its like), and what is told of those one may not see."""

    found: list[tuple[Any, str]] = field(default_factory=list)
    hidden: str = ""


def core(name):
    """Return a company's name as it is compared: folded, without signs and the legal form it ends in.

    >>> core("Nordwind Energie GmbH & Co. KG"), core("A.B.C. S.p.A."), core("AG")
    ('nordwind energie', 'abc', 'ag')
    """
    return LEGAL_FORMS.sub("", " ".join(re.findall(r"\w+", re.sub(r"[.']", "", fold(name)))))


def alike(typed, name):
    """Tell whether a core may have been meant to be another: the same, or with a slip in eight letters, two in sixteen."""
    allowed = min(2, len(typed) // 8)
    return typed == name or (abs(len(typed) - len(name)) <= allowed and search.slips(typed, name) <= allowed)


def companies(user, given, but=None) -> Similar:
    """Return what looks like the company of the name that is being typed; `but` is the id of the one being edited."""
    name = given.get("name", "")[:200]
    key, typed = fold(name), core(name)
    if not key:
        return Similar()
    visible = Company.objects.visible_to(user).exclude(pk=but)
    found = list(visible.filter(name_key=key).order_by("pk")[:SHOWN])
    hidden = not found and Company.objects.filter(name_key=key, deleted_at=None).exclude(pk=but).exists()
    ids = search.candidates(records.get("company"), user, typed, CANDIDATES) if len(found) < SHOWN else []
    others = visible.filter(pk__in=ids).exclude(pk__in=[one.pk for one in found]).order_by("name_key", "pk")
    found += [one for one in others if alike(typed, core(one.name))]
    return Similar(
        [(one, one.city) for one in found[:SHOWN]],
        _("A company of this name exists already, but you may not see it.") if hidden else "",
    )


def persons(user, given, but=None) -> Similar:
    """Return who has the e-mail that is being typed, or else the name, those of the same company first; `but` as above."""
    visible = Person.objects.visible_to(user).select_related("company").exclude(pk=but)
    found, hidden = [], ""
    if email := given.get("email", "").strip().lower()[:254]:
        found = list(visible.filter(email_key=email).order_by("pk")[:SHOWN])
        if not found and Person.objects.filter(email_key=email, deleted_at=None).exclude(pk=but).exists():
            hidden = _("Somebody with this e-mail exists already, but you may not see them.")
    if not found and given.get("last_name", "").strip():
        first, last = (given.get(name, "")[:100] for name in ("first_name", "last_name"))
        same = visible.filter(name_key=lifecycle.person_keys(first, last, "")["name_key"]).order_by("pk")
        company = given.get("company", "")
        if company.isdecimal() and len(company) < 19:
            found += same.filter(company=int(company))[:SHOWN]
        found += same.exclude(pk__in=[one.pk for one in found])[: SHOWN - len(found)]
    return Similar([(one, one.company.name if one.company else one.email) for one in found], hidden)
