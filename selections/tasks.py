"""Tasks on ticked rows, or on all that match, of every list: change a field, plan follow-ups (S8).

What will change, for how many, and who is left out and why is tried first and taken back: the preview is what the task does.
"""

import json
from collections.abc import Callable
from functools import partial

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from activities.actions import create_activities, hidden_from, may_not_see
from activities.lifecycle import linked
from activities.models import Activity
from crm import records as catalogue
from crm.history.changes import Outcome, act
from crm.models import User
from crm.tables.bulk import Action, Preview
from leads import actions as leads
from leads.models import Company
from leads.views.cards import CARDS
from leads.views.lists import counted, one_of
from sales import actions as sales

EDITS: dict[str, Callable[..., Outcome]] = {
    "person": leads.edit_persons,
    "company": leads.edit_companies,
    "sale": sales.edit_sales,
}
KINDS = {"person": "persons", "company": "companies", "sale": "sales"}
#: What needs more than one value at once, or has a task of its own.
NOT_HERE = {"lead_status", "disqualify_reason", "status", "reason", "closed_on", "reopen_on", "company", "person"}
MAX_TEXT = 400


# --- Changing a field -----------------------------------------------------------------------------------------------------


def fields_of(record_type):
    """Return {name: label} of the fields that can be changed for many at once, as the catalogue names them."""
    labels = {field.edit or field.name: field.label for field in catalogue.get(record_type).fields.values()}
    return {name: str(labels[name]) for name in CARDS[KINDS[record_type]].fields if name not in NOT_HERE}


def operations_of(model, name):
    """Return {operation: label} for a field of this model."""
    described = model._meta.get_field(name)
    found = {"set": _("Set to")}
    if isinstance(described, models.BooleanField):
        return found | {"toggle": _("Invert")}
    if described.blank or described.null:
        found["clear"] = _("Clear")
    if isinstance(described, models.CharField | models.TextField) and not described.choices and name != "country":
        found["replace"] = _("Search and replace")
    return found


class FieldTask:
    """What the dialog asks, read from its data: which field, what is done to it, and with which value."""

    def __init__(self, record_type, data, user):
        self.record_type, self.data, self.user = record_type, data, user
        self.card = CARDS[KINDS[record_type]]
        self.fields = fields_of(record_type)
        self.name = data.get("field", "") if data.get("field", "") in self.fields else ""
        self.operations = operations_of(self.card.model, self.name) if self.name else {}
        self.operation = data.get("operation", "") if data.get("operation", "") in self.operations else "set"
        self.form = None
        if self.name and self.operation == "set":
            sent = None
            if data.get("try") or data.get("go"):
                # A checkbox that is not ticked is not sent.
                sent = {self.name: value} if (value := data.get(self.name, "")) else {}
            self.form = self.card.form([self.name])(sent, user=user)
            for field in self.form.fields.values():
                field.required = False

    @property
    def asked(self) -> str:
        """All that is asked, to know a preview that was of something else."""
        return json.dumps([self.data.get(name, "") for name in ("field", "operation", "search", "replace", self.name)])

    def read(self):
        """Return (new value of a record, its words); raise ValidationError."""
        if not self.name:
            raise ValidationError(_("Choose a field."))
        described = self.card.model._meta.get_field(self.name)
        if self.operation == "toggle":
            return (lambda current: not getattr(current, self.name)), _("inverted")
        if self.operation == "clear":
            empty = None if described.null else ""
            return (lambda current: empty), _("nothing")
        if self.operation == "replace":
            search, replace = self.data.get("search", "")[:MAX_TEXT], self.data.get("replace", "")[:MAX_TEXT]
            if not search:
                raise ValidationError(_("Say what is to be replaced."))
            return (lambda current: str(getattr(current, self.name) or "").replace(search, replace)), f"{search} → {replace}"
        if not self.form.is_valid():
            raise ValidationError([message for errors in self.form.errors.values() for message in errors])
        value = self.form.cleaned_data[self.name]
        if value in (None, ""):
            can_be = described.blank or described.null
            raise ValidationError(_("Enter a value, or choose “Clear”.") if can_be else _("This field cannot be empty."))
        said = getattr(value, "label", None) or (_("yes") if value is True else _("no") if value is False else value)
        return (lambda current: value), str(said if said not in (None, "") else _("nothing"))


def run_edit(records, value, *, by, via, as_of=None, progress=None, record_type, **options):
    """Do what the dialog asked; `options` are its fields."""
    task = FieldTask(record_type, {**options, "go": "1"}, by)
    new, words = task.read()
    said = {"de": words, "en": words}
    return EDITS[record_type](records, task.name, new, by=by, via=via, as_of=as_of, progress=progress, said=said)


def task_of(form, record_type):
    """Return what the dialog of a change shows, with a preview if it was asked for one."""
    task = FieldTask(record_type, form.data, form.user)
    task.preview, task.errors = None, []
    if form.data.get("try") or task.asked != form.data.get("previewed", task.asked):
        try:
            _new, task.said = task.read()
        except ValidationError as error:
            task.errors = error.messages
        else:
            task.preview = Preview(form, partial(run_edit, value="", record_type=record_type, **form.options))
    return task


def edit_action(record_type):
    def check(form):
        task = FieldTask(record_type, form.data, form.user)
        task.read()
        if task.asked != form.data.get("previewed", task.asked):
            raise ValidationError(_("This is no longer what the preview was of. Look at it once more."))

    return Action(
        name="change", label=gettext_lazy("Change a field"), icon="pencil", value=lambda key: key, check=check,
        run=partial(run_edit, record_type=record_type), task=partial(task_of, record_type=record_type),
        options=("field", "operation", "search", "replace", *CARDS[KINDS[record_type]].fields), template="selections/act_change.html",
        said=counted("%(count)s record was changed", "%(count)s records were changed"), sets=True,
    )  # fmt: skip


# --- Planning follow-ups --------------------------------------------------------------------------------------------------


class FollowUpTask:
    """The follow-ups the dialog asks for: of which kind, about what, when, whose, and for whom one each."""

    OPTIONS = ("kind", "subject", "due_on", "owner", "per")

    def __init__(self, data, user):
        self.data, self.user = data, user
        self.kinds = [choice for choice in Activity.Kind.choices if choice[0] != Activity.Kind.NOTE]
        self.owners = [("me", _("Me")), ("record", _("The owner of the record"))]
        self.owners += [
            (str(one.pk), one.name) for one in User.objects.filter(is_active=True).exclude(pk=user.pk).order_by("name_key")
        ]
        self.pers = [("record", _("One each")), ("company", _("One per company"))]
        self.errors: dict[str, list[str]] = {}  # by field, as read() finds them

    def read(self):
        """Return the values all of them have, and the owner, or None for the record's own; raise ValidationError."""
        kind, subject = self.data.get("kind", ""), self.data.get("subject", "").strip()
        if kind not in dict(self.kinds):
            raise ValidationError(_("This is no valid choice."))
        try:
            day = parse_date(self.data.get("due_on", ""))
        except ValueError:
            day = None
        wrong = {
            "subject": "" if subject else _("Say what is to be done."),
            "due_on": "" if day else _("Enter a date, for example 2026-01-31."),
        }
        self.errors = {name: [text] for name, text in wrong.items() if text}
        if self.errors:
            raise ValidationError([text for texts in self.errors.values() for text in texts])
        whose = self.data.get("owner", "me")
        owner = self.user if whose == "me" else None if whose == "record" else one_of(User)(whose)
        return {"kind": kind, "subject": subject, "due_at": day}, owner


def run_plan(records, value, *, by, via, as_of=None, progress=None, **options):
    """Plan one follow-up for each record, or for each of their companies, under one change set."""
    values, owner = FollowUpTask(options, by).read()
    per_company, companies_done = options.get("per") == "company" and records.model is not Company, set()

    def step(ids, outcome):
        ids = leads.editable(records.model, ids, by, outcome)
        many, along = {}, ("owner", "company__owner") if per_company else ("owner",)
        found = records.model.objects.filter(pk__in=ids, deleted_at=None).select_related(*along).order_by("pk")
        there = found.values("company") if per_company else []
        seen = set(Company.objects.visible_to(by).filter(pk__in=there).values_list("pk", flat=True))
        for record in found:
            about = record
            if per_company:
                about = record.company
                if about is None or about.pk not in seen:
                    outcome.leave([record.pk], _("There is no company that you may see."))
                    continue
                if about.pk in companies_done:
                    continue
                companies_done.add(about.pk)
            whose = owner or about.owner or by
            many[record.pk] = {**values, "owner": whose if whose.is_active else by, about._meta.model_name: about}
        if owner and owner != by:
            planned = {pk: linked(Activity(**values)) for pk, values in many.items()}
            hidden = {id(one) for one in hidden_from(owner, list(planned.values()))}
            for pk in [pk for pk, one in planned.items() if id(one) in hidden]:
                outcome.leave([pk], may_not_see(owner, planned[pk]))
                del many[pk]
        if many:
            outcome.changed += len(create_activities(many.values(), by=by, via=via))

    said = {"de": values["subject"], "en": values["subject"]}
    outcome = act(
        records,
        step,
        action="activity.create",
        by=by,
        via=via,
        progress=progress,
        params={"name": values["subject"], "value": said},
    )
    if (made := outcome.change_set) is not None:
        # One for each company are fewer than the records: only now it is known how many they are.
        made.params = {**made.params, "count": outcome.changed}
        made.save(update_fields=["params"])
    return leads.answer(outcome, "subject")


def plan_action():
    return Action(
        name="plan", label=gettext_lazy("Plan follow-ups"), icon="calendar-plus", value=lambda key: key, run=run_plan,
        check=lambda form: form.task.read(), task=lambda form: FollowUpTask(form.data, form.user), options=FollowUpTask.OPTIONS,
        template="selections/act_plan.html", said=counted("%(count)s follow-up was planned", "%(count)s follow-ups were planned"),
    )  # fmt: skip


def actions_of(record_type):
    """Return the tasks that lists of this record type offer."""
    return (edit_action(record_type), plan_action())
