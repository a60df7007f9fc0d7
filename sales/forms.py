"""Forms of sales. They read and check what was typed; writing is the actions' (sales/actions.py)."""

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from leads.forms import Labelled, RecordForm
from sales.actions import FIELDS
from sales.models import Sale, SaleReason
from sales.money import Rates, name_of


def day_field(label, **kwargs):
    return forms.DateField(label=label, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"), **kwargs)


def form_class(names):
    """Return a form class for these fields of a sale."""
    return forms.modelform_factory(Sale, form=SaleForm, fields=[name for name in FIELDS if name in names])


class SaleForm(RecordForm):
    never_empty = ("stage",)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if isinstance(field, forms.DateField):
                field.widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
        if "company" in self.fields:
            company = self.fields["company"]
            company.required, company.error_messages["required"] = bool(self.instance.pk), _("A sale belongs to a company.")
            if not self.instance.pk:
                company.help_text = _("If empty, the person's company is used.")
        if "reason" in self.fields and self.instance.is_closed:
            self.fields["reason"].queryset = self.fields["reason"].queryset.filter(outcome=self.instance.status)
        if "currency" in self.fields:
            self._currency()

    def clean(self):
        cleaned = super().clean()
        if "company" in self.fields and "company" not in self.errors and not (cleaned.get("company") or cleaned.get("person")):
            self.add_error("company", self.fields["company"].error_messages["required"])
        return cleaned

    def _currency(self):
        codes = list(dict.fromkeys([*Rates().currencies, *filter(None, [self.instance.currency])]))
        label = self.fields["currency"].label
        self.fields["currency"] = forms.ChoiceField(
            label=label, choices=[(code, f"{code} – {name_of(code)}") for code in codes], initial=codes[0]
        )


class CloseForm(forms.Form):
    """What winning or losing asks for: the day, and the reason."""

    closed_on = day_field(_("Closed on"))
    reason = Labelled(SaleReason.objects.none(), label=_("Reason"), required=False, empty_label="—")

    def __init__(self, data, *, outcome):
        super().__init__(data, initial={"closed_on": timezone.localdate()})
        self.fields["reason"].queryset = SaleReason.objects.selectable().filter(outcome=outcome)
        self.fields["reason"].required = outcome == Sale.Status.LOST
        if outcome == Sale.Status.LOST:
            self.fields["reason"].empty_label = _("Choose one …")


class StallForm(forms.Form):
    """What letting a sale rest asks for: the day to go on, if there is one."""

    reopen_on = day_field(_("Open again on"), required=False, help_text=_("On this day a follow-up reminds the owner."))
