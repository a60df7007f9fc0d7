"""Who gets a lead that a form brings (C3): the form's rule decides, and each decision is written into a ledger.

A user who is switched off or absent, or whose role edits nothing, is passed over, with the reason.
"""

from django.core.exceptions import ValidationError
from django.db.models import Count, Max
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from capture.models import Assignment, Form
from crm.models import User
from crm.text import fold
from leads.models import LeadStatus, Person

Rule = Form.Rule
MAX_TAKERS, MAX_RULES = 100, 50
WHY = {
    "inactive": gettext_lazy("switched off"),
    "absent": gettext_lazy("absent"),
    "reads": gettext_lazy("may edit nothing"),
    "gone": gettext_lazy("no longer there"),
}
OPERATORS = {
    "is": lambda answer, value: answer == value,
    "is_not": lambda answer, value: answer != value,
    "contains": lambda answer, value: value in answer,
    "starts": lambda answer, value: answer.startswith(value),
    "not_empty": lambda answer, value: bool(answer),
}


def choose(form, answers) -> Assignment:
    """Return the decision for these answers, not yet saved. The caller holds the form's turn (capture.actions)."""
    wanted = _wanted(form, answers)
    users = User.objects.in_bulk([*wanted, *form.takers])
    passed = []

    def able(ids):
        found = []
        for pk in ids:
            if why := _why_not(users.get(pk)):
                passed.append({"user": pk, "why": why})
            else:
                found.append(pk)
        return found

    chosen = able(wanted)[:1]
    if not chosen and form.rule == Rule.FIXED:
        chosen = able(form.takers)[:1]
    elif not chosen:
        takers = able(form.takers)
        chosen = (_fewest if form.rule == Rule.LEAST else _next)(form, takers)[:1]
    return Assignment(form=form, rule=form.rule, user=users[chosen[0]] if chosen else None, passed_over=passed)


def _why_not(user):
    if user is None:
        return "gone"
    if not user.is_active:
        return "inactive"
    if user.is_absent():
        return "absent"
    return "reads" if user.role.edit == "none" else ""


def _wanted(form, answers) -> list[int]:
    """Return whom the country or the answers name."""
    if form.rule == Rule.COUNTRY:
        user = form.by_country.get(str(answers.get("company.country", "")))
        return [user] if user else []
    if form.rule == Rule.CRITERIA:
        for line in form.criteria:
            answer = answers.get(line["field"], "")
            text = "yes" if answer is True else fold(str(answer))
            if OPERATORS[line["operator"]](text, fold(line.get("value", ""))):
                return [line["user"]]
    return []


def _next(form, ids):
    """Return the users in turns: whoever waits longest is first, and whoever never had one before all."""
    last = dict(form.assignments.filter(user__in=ids).values_list("user").annotate(last=Max("pk")))
    return sorted(ids, key=lambda pk: (last.get(pk, 0), ids.index(pk)))


def _fewest(form, ids):
    """Return the users by how many leads they have that are not at an end; among equals in turns."""
    ended = [LeadStatus.Kind.DISQUALIFIED, LeadStatus.Kind.QUALIFIED]
    open_leads = Person.objects.filter(owner__in=ids, is_lead=True, deleted_at=None).exclude(lead_status__kind__in=ended)
    counts = dict(open_leads.values_list("owner").annotate(count=Count("pk")))
    turns = _next(form, ids)
    return sorted(ids, key=lambda pk: (counts.get(pk, 0), turns.index(pk)))


# --- What marketers write -------------------------------------------------------------------------------------------------


def clean(form) -> None:
    """Raise ValidationError by field unless the rule of this form can decide."""
    errors = {}
    for name, check in (
        ("takers", _clean_takers),
        ("notify", _clean_takers),
        ("by_country", _clean_countries),
        ("criteria", _clean_criteria),
    ):
        try:
            check(form, getattr(form, name))
        except ValidationError as error:
            errors[name] = error.messages
    if errors:
        raise ValidationError(errors)


def _users(ids):
    if any(not isinstance(pk, int) or isinstance(pk, bool) for pk in ids):
        raise ValidationError(_("Choose users."))
    if User.objects.filter(pk__in=set(ids)).count() < len(set(ids)):
        raise ValidationError(_("This user does not exist."))


def _clean_takers(form, takers):
    if not isinstance(takers, list) or len(takers) > MAX_TAKERS or len(set(map(str, takers))) < len(takers):
        raise ValidationError(_("Choose users."))
    _users(takers)


def _clean_countries(form, given):
    if not isinstance(given, dict) or any(len(code) != 2 or not code.isupper() for code in given):
        raise ValidationError(_("Give each country by its two letters and a user."))
    _users(list(given.values()))


def _clean_criteria(form, given):
    # Lists: a program may send what has no hash.
    names, operators = [one["name"] for one in form.questions], list(OPERATORS)
    if not isinstance(given, list) or len(given) > MAX_RULES:
        raise ValidationError(_("At most %(count)s conditions.") % {"count": MAX_RULES})
    for line in given:
        if not isinstance(line, dict) or set(line) - {"field", "operator", "value", "user"}:
            raise ValidationError(_("Each line has a field, an operator, a value and a user."))
        if line.get("field") not in names or line.get("operator") not in operators:
            raise ValidationError(_("This field is not on the form, or cannot be compared this way."))
        if not isinstance(line.get("value", ""), str) or len(line.get("value", "")) > 200:
            raise ValidationError(_("Enter a text."))
        _users([line.get("user")])
