"""Forms of selections. They read and check what was typed; writing is the actions'."""

from django import forms
from django.utils.translation import gettext_lazy as _

from crm.criteria import CriteriaError, loads
from leads.forms import RecordForm
from selections import actions
from selections.models import Selection

#: What people edit of a selection; its criteria and parts have places of their own.
EDITED = ("name", "description", "category", "owner", "visibility", "completed")


def form_class(names):
    """Return a form class for these fields of a selection."""
    return forms.modelform_factory(Selection, form=SelectionForm, fields=[name for name in EDITED if name in names])


class SelectionForm(RecordForm):
    never_empty = ("owner",)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if "category" in self.fields:
            # An item of a list like others: it may be left empty.
            self.fields["category"].required, self.fields["category"].empty_label = False, "—"
        if "description" in self.fields:
            self.fields["description"].widget = forms.Textarea(attrs={"rows": 3})


class NewForm(SelectionForm):
    """A new selection: dynamic by the criteria it was given, or static; `criteria` is JSON."""

    criteria = forms.CharField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = Selection
        fields = ("name", "record_type", "kind", "description", "category", "visibility")

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if self.initial.get("criteria") or self.data.get("criteria"):
            self.fields["record_type"].widget = forms.HiddenInput()  # what is asked is asked of these records
        kinds = [Selection.Kind.DYNAMIC, Selection.Kind.STATIC]
        self.fields["kind"] = forms.ChoiceField(
            label=_("Kind"), choices=[(kind.value, kind.label) for kind in kinds],
            help_text=_("Dynamic: always up to date. Static: a fixed list you change by hand."),
        )  # fmt: skip

    def clean_criteria(self):
        text = self.cleaned_data["criteria"]
        if not text:
            return {"version": 1, "all": []}
        try:
            return loads(text)
        except CriteriaError as error:
            raise forms.ValidationError([message for _place, message in error.errors]) from error

    def values(self):
        return {name: self.cleaned_data[name] for name in self.cleaned_data}


def create(values, *, by, via):
    """Create what the form says: of a static one the criteria only say who is in it at first, and without any nobody."""
    values = dict(values)
    tree = values.pop("criteria", None)
    if values["kind"] != Selection.Kind.STATIC:
        return actions.create_selection({**values, "criteria": tree}, by=by, via=via)
    records = None
    if tree and any(tree.get(kind) for kind in ("all", "any", "not") if isinstance(tree, dict)):
        records = actions.matching(Selection(record_type=values["record_type"]), tree, by)
    return actions.create_selection(values, by=by, via=via, records=records)
