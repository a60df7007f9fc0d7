"""Forms of companies and persons. They read and check what was typed; writing is the actions' (leads/actions.py)."""

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from crm.models import User
from leads.actions import COMPANY_FIELDS, PERSON_FIELDS
from leads.models import Category, Company, DisqualifyReason, LeadStatus, Person

FIELDS = {Person: PERSON_FIELDS, Company: COMPANY_FIELDS}


class Labelled(forms.ModelChoiceField):
    """A choice of list items or users: those that may be chosen, and the one the record has."""

    def label_from_instance(self, item):
        return getattr(item, "label", str(item))


class SearchInput(forms.TextInput):
    """A search for a record: a hidden id beside a text that suggests (static/lotse/choose.js)."""

    template_name = "forms/choose.html"

    def __init__(self, kind, name="", **kwargs):
        super().__init__(**kwargs)
        self.kind, self.name = kind, name

    def get_context(self, name, value, attrs):
        return {**super().get_context(name, value, attrs), "kind": self.kind, "chosen": self.name}


def form_class(model, names):
    """Return a form class for these fields of a company or person."""
    return forms.modelform_factory(
        model, form=PersonForm if model is Person else RecordForm, fields=[name for name in FIELDS[model] if name in names]
    )


class RecordForm(forms.ModelForm):
    """`user` chooses; only records they may see, items not deleted and active users can be chosen, or what is there."""

    #: The fields that name another record -> the kind of its card.
    searched = {"company": "companies", "person": "persons"}
    #: The choices that always stand on something.
    never_empty: tuple[str, ...] = ()

    def __init__(self, *args, user, **kwargs):
        super().__init__(*args, **kwargs)
        self.user = user
        for name, field in self.fields.items():
            field.label = str(field.label)[:1].upper() + str(field.label)[1:]
            if name == "country":
                field.choices = [("", "—"), *list(field.choices)[1:]]
            if name in self.searched:
                self._search(name, field)
            elif isinstance(field, forms.ModelChoiceField):
                self.fields[name] = self._labelled(name, field)

    def _labelled(self, name, field):
        current = getattr(self.instance, f"{name}_id", None)
        model = field.queryset.model
        offered = model.objects.filter(is_active=True) if model is User else model.objects.filter(deleted_at=None)
        queryset = offered | model.objects.filter(pk=current) if current else offered
        empty = None if name in {"category", "lead_status", *self.never_empty} else _("Nobody") if name == "owner" else "—"
        required = name in self.never_empty or (name == "lead_status" and len(self.fields) == 1)
        if name == "category" and not self.instance.pk:
            default = Category.objects.filter(is_default=True).first()
            required, empty = False, _("%(name)s (default)") % {"name": default.label} if default else _("Default")
        return Labelled(queryset, label=field.label, required=required, empty_label=empty, help_text=field.help_text)

    def _search(self, name, field):
        model, current = field.queryset.model, getattr(self.instance, f"{name}_id")
        field.queryset = model.objects.visible_to(self.user)
        chosen = self.data.get(self.add_prefix(name)) if self.is_bound else self.initial.get(name) or current
        pk = getattr(chosen, "pk", chosen)
        found = field.queryset.filter(pk=pk).first() if str(pk or "").isdecimal() and len(str(pk)) < 19 else None
        if found is None and current and str(pk) == str(current):
            found = getattr(self.instance, name)  # seen with this record, though not on its own
            field.queryset = model.objects.filter(pk=found.pk)
        field.widget = SearchInput(self.searched[name], str(found) if found else self._typed(name))
        field.widget.is_required = False

    def _typed(self, name) -> str:
        """Return what was typed to search for a record, if none was chosen."""
        return self.data.get(f"{self.add_prefix(name)}-typed", "").strip() if self.is_bound else ""

    def clean(self):
        """Drop nothing without a word that was typed where one chooses (U3)."""
        cleaned = super().clean() or self.cleaned_data
        for name in self.fields.keys() & self.searched.keys() - self.errors.keys():
            if cleaned[name] is None and self._typed(name):
                self.add_error(name, _("Choose one from the list."))
        return cleaned

    def _post_clean(self):
        """Leave the model's own checks to the action, which knows what belongs to a change; but what a text alone can be wrong in
        is told at once with everything else (U3)."""
        for name, value in list(self.cleaned_data.items()):
            described = self._meta.model._meta.get_field(name) if name in (self._meta.fields or ()) else None
            if described and not described.is_relation and value not in described.empty_values:
                try:
                    described.run_validators(value)
                except ValidationError as error:
                    self.add_error(name, error)

    def values(self):
        """Return what was typed, as the actions take it."""
        return {name: self.cleaned_data[name] for name in self.fields}


class PersonForm(RecordForm):
    """Whoever disqualifies a lead says why, as long as there are reasons to choose from."""

    def clean(self):
        cleaned = super().clean() or self.cleaned_data
        status, before = cleaned.get("lead_status"), self.instance.lead_status
        if status is None or status == before:
            return cleaned
        if status.kind != LeadStatus.Kind.DISQUALIFIED:
            if "disqualify_reason" in cleaned and cleaned["disqualify_reason"] == self.instance.disqualify_reason:
                cleaned["disqualify_reason"] = None  # it was that of the former status
        elif not cleaned.get("disqualify_reason") and DisqualifyReason.objects.selectable().exists():
            self.add_error("disqualify_reason" if "disqualify_reason" in self.fields else None, _("Choose why."))
        return cleaned
