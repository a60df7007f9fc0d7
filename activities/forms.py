"""The form of a follow-up: a day, and a time unless it is due all day. Writing is the actions' (activities/actions.py)."""

import re

from django import forms
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from activities import due
from activities.lifecycle import LINKS, linked
from activities.models import Activity
from crm import access
from crm.models import User
from leads.models import validators

#: What a follow-up can be about; in a form one is called *person-7*.
RECORDS = LINKS


def record_named(text, user):
    """Return {"person": …} or the like for a name as *person-7*, or {} for what is none or may not be seen."""
    found = re.fullmatch(r"([a-z]+)-(\d{1,18})", text)
    if not found or found[1] not in RECORDS:
        return {}
    record = RECORDS[found[1]].objects.visible_to(user).filter(pk=int(found[2])).first()
    return {found[1]: record} if record else {}


class RecordInput(forms.TextInput):
    """A search for a person, company or sale: a hidden name beside a text that suggests (static/lotse/choose.js)."""

    template_name = "forms/record.html"

    def get_context(self, name, value, attrs):
        return {**super().get_context(name, value, attrs), "record_name": self.attrs.get("data-name", "")}


class ActivityForm(forms.ModelForm):
    """A follow-up as one types it. With `choose` it also asks whom it is about."""

    about = forms.CharField(
        label=_("Person, company or sale"), widget=RecordInput, error_messages={"required": _("Choose one from the list.")}
    )
    day = forms.DateField(
        label=_("Due on"),
        required=False,
        validators=[validators.day],
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    time = forms.TimeField(label=_("at"), required=False, widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"))
    repeat_until = forms.DateField(
        label=_("until"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    repeat_every = forms.IntegerField(label=_("every"), required=False, min_value=1, max_value=99, initial=1)

    class Meta:
        model = Activity
        fields = ("kind", "subject", "owner", "priority", "text", "repeat", "repeat_every", "repeat_until")
        widgets = {"text": forms.Textarea(attrs={"rows": 5})}

    def __init__(self, *args, user, choose=False, **kwargs):
        super().__init__(*args, **kwargs)
        self.user = user
        self.fields["owner"].queryset = User.objects.filter(Q(is_active=True) | Q(pk=self.instance.owner_id or 0))
        self.fields["owner"].empty_label = _("Nobody")
        if not choose:
            self._offer_seers()
        self.fields["kind"].choices = Activity.Kind.choices
        self.fields["priority"].choices = Activity.Priority.choices
        self.fields["priority"].required = False
        self.fields["repeat"].choices = Activity.Repeat.choices
        for field in self.fields.values():
            field.label = str(field.label)[:1].upper() + str(field.label)[1:]
        if not choose:
            del self.fields["about"]
        elif self.is_bound:
            record = record_named(self["about"].value() or "", user)
            typed = self.data.get("about-typed", "")
            self.fields["about"].widget.attrs["data-name"] = str(next(iter(record.values()))) if record else typed
        if self.instance.due_at:
            self.initial.setdefault("day", self._shown().date())
            if not self.instance.all_day:
                self.initial.setdefault("time", f"{self._shown():%H:%M}")  # a form knows minutes

    def _offer_seers(self):
        """Let the choice of an owner show those who see what it is about. Who else is given is refused by the action, which says why."""
        owner = self.fields["owner"]
        chosen = self["owner"].value()
        kept = [pk for pk in (self.instance.owner_id, chosen) if str(pk or "").isdecimal() and len(str(pk)) < 19]
        seers = User.objects.filter(access.seers_q(linked(self.instance)), is_active=True)
        offered = owner.queryset.filter(Q(pk__in=seers.values("pk")) | Q(pk__in=kept))
        owner.widget.choices = [("", owner.empty_label), *((one.pk, owner.label_from_instance(one)) for one in offered)]

    def _shown(self):
        """The due date as the form shows it: a whole day where that was meant, a time where the user is."""
        return self.instance.due_at.astimezone(self.instance.zone if self.instance.all_day else self.user.zone)

    def _post_clean(self):
        """Leave the model's own checks to the action."""

    def clean_about(self):
        if not (record := record_named(self.cleaned_data["about"], self.user)):
            raise forms.ValidationError(_("Choose one from the list."))
        return record

    def clean_priority(self):
        return self.cleaned_data["priority"] or Activity.Priority.NORMAL

    def clean_text(self):
        return self.cleaned_data["text"].replace("\r\n", "\n")  # as a browser sends it on a page of its own

    def clean_repeat_every(self):
        return self.cleaned_data["repeat_every"] or 1

    def values(self):
        """Return what was typed, as the actions take it, as far as it could be understood."""
        data = self.cleaned_data
        values = {name: data[name] for name in self.Meta.fields if name in data}
        day, time = data.get("day"), data.get("time")
        if time and not day:
            day = timezone.localdate(timezone=self.user.zone)
        values["all_day"] = bool(day and not time)
        values["due_at"] = due.moment(day, time, self.user.zone) if day and time else day
        if not values.get("repeat"):
            values["repeat_until"], values["repeat_every"] = None, 1
        # A form knows minutes: what it shows unchanged is unchanged.
        before = self.instance.due_at
        if time and before and not self.instance.all_day and before.replace(second=0, microsecond=0) == values["due_at"]:
            values["due_at"] = before
        return {**values, **data.get("about", {})}
