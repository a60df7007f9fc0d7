"""Forms of companies and persons. They read and check what was typed; writing is the actions' (leads/actions.py)."""

from django import forms
from django.utils.translation import gettext_lazy as _

from crm.models import User
from leads.actions import COMPANY_FIELDS, PERSON_FIELDS
from leads.models import Category, Company, Industry, LeadStatus, Person, Source

FIELDS = {Person: PERSON_FIELDS, Company: COMPANY_FIELDS}


class Labelled(forms.ModelChoiceField):
    """A choice of list items or users: those that may be chosen, and the one the record has."""

    def label_from_instance(self, item):
        return getattr(item, "label", str(item))


class CompanyInput(forms.TextInput):
    """A search for a company: a hidden id beside a text that suggests (static/lotse/choose.js)."""

    template_name = "forms/company.html"

    def __init__(self, name="", **kwargs):
        super().__init__(**kwargs)
        self.name = name

    def get_context(self, name, value, attrs):
        return {**super().get_context(name, value, attrs), "company_name": self.name}


def form_class(model, names):
    """Return a form class for these fields of a company or person."""
    return forms.modelform_factory(model, form=RecordForm, fields=[name for name in FIELDS[model] if name in names])


class RecordForm(forms.ModelForm):
    """`user` chooses; only companies they may see, items not deleted and active users can be chosen, or what is there."""

    def __init__(self, *args, user, **kwargs):
        super().__init__(*args, **kwargs)
        self.user = user
        for name, field in self.fields.items():
            field.label = str(field.label)[:1].upper() + str(field.label)[1:]
            if name == "company":
                self._company(field)
            elif isinstance(field, forms.ModelChoiceField):
                self.fields[name] = self._labelled(name, field)

    def _labelled(self, name, field):
        current = getattr(self.instance, f"{name}_id", None)
        model = {"category": Category, "lead_status": LeadStatus, "industry": Industry, "source": Source, "owner": User}[name]
        offered = model.objects.filter(is_active=True) if model is User else model.objects.filter(deleted_at=None)
        queryset = offered | model.objects.filter(pk=current) if current else offered
        empty = {"owner": _("Nobody"), "category": None, "lead_status": None}.get(name, "—")
        required = name in {"lead_status"} and len(self.fields) == 1
        if name == "category" and not self.instance.pk:
            required, empty = False, _("Default")
        return Labelled(queryset, label=field.label, required=required, empty_label=empty, help_text=field.help_text)

    def _company(self, field):
        field.queryset = Company.objects.visible_to(self.user)
        chosen = (
            self.data.get(self.add_prefix("company"))
            if self.is_bound
            else self.initial.get("company") or self.instance.company_id
        )
        pk = getattr(chosen, "pk", chosen)
        found = field.queryset.filter(pk=pk).first() if str(pk or "").isdecimal() and len(str(pk)) < 19 else None
        if found is None and self.instance.company_id and str(pk) == str(self.instance.company_id):
            found = self.instance.company  # seen with the person, though not on its own
            field.queryset = Company.objects.filter(pk=found.pk)
        field.widget = CompanyInput(found.name if found else "")
        field.widget.is_required = False

    def _post_clean(self):
        """Leave the model's own checks to the action: it knows what belongs to a change."""

    def values(self):
        """Return what was typed, as the actions take it."""
        return {name: self.cleaned_data[name] for name in self.fields}
