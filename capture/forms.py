"""Forms in which marketers make forms. They read and check what was typed; writing is the actions'."""

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from capture import questions
from capture.models import Form
from crm.models import User
from leads.forms import RecordForm

#: What is edited in place; the fields of the form and who gets its leads have tabs of their own.
EDITED = ("name", "published", "title", "intro", "language", "button", "consent_text", "consent_purpose", "consent_required", "thanks",
          "sites", "redirect_url", "source", "owner")  # fmt: skip
HELP = {
    "title": _("Shown above the form. If empty, the name is used."),
    "button": _("“Send”, if empty."),
    "consent_text": _("A checkbox with this text. A different text is a new version."),
    "consent_purpose": _("For what, for example “Newsletter”."),
    "redirect_url": _("Instead of the thank-you text; on one of the sites."),
    "published": _("Anyone with the address can open it."),
}
AREAS = {"intro": 3, "consent_text": 3, "thanks": 3}


class LinesField(forms.CharField):
    """A list of texts, one a line."""

    widget = forms.Textarea(attrs={"rows": 3})

    def prepare_value(self, value):
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value):
        return [line.strip() for line in (super().clean(value) or "").splitlines() if line.strip()]


class FormForm(RecordForm):
    never_empty = ("owner",)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.help_text = HELP.get(name, field.help_text)
            if name in AREAS:
                field.widget = forms.Textarea(attrs={"rows": AREAS[name]})
        if "source" in self.fields:
            self.fields["source"].required = False
        if "sites" in self.fields:
            self.fields["sites"] = LinesField(
                label=_("Sites"), required=False, max_length=3_000, initial=self.instance.sites,
                help_text=_("Websites that show this form, one per line, for example https://www.example.com."),
            )  # fmt: skip


def form_class(names):
    """Return a form class for these fields of a form."""
    return forms.modelform_factory(Form, form=FormForm, fields=[name for name in EDITED if name in names])


class NewForm(FormForm):
    class Meta:
        model = Form
        fields = ("name", "title", "language", "source", "owner")


# --- The tab *Fields* -----------------------------------------------------------------------------------------------------


def rows_of(form, blank=2) -> list[dict]:
    """Return a row for each field that is asked, in order, and then for each that could be."""
    asked = [{**one, "use": True} for one in form.questions]
    names = {one["name"] for one in asked}
    others = [{"name": name} for name in questions.ASKED if name not in names]
    free = [{"name": name, "kind": "text"} for name in questions.FREE if name not in names][:blank]
    rows = [{"label": "", "help": "", "required": False, "use": False, "choices": [], **row} for row in [*asked, *others, *free]]
    for row in rows:
        row["free"] = row["name"] in questions.FREE
        row["called"] = questions.label_of(row["name"]) if not row["free"] else _("Field of your own")
        row["id"] = row["name"].replace(".", "-")
    return rows


def read_questions(data) -> list[dict]:
    """Return the questions that the tab's form says, in the order in which it has them."""
    made, names = [], {name.replace(".", "-"): name for name in [*questions.ASKED, *questions.FREE]}
    for field in data:
        key = field.removeprefix("use-")
        if key == field or key not in names or data[field] != "on":
            continue
        name = names[key]
        question = {"name": name, "label": data.get(f"label-{key}", ""), "help": data.get(f"help-{key}", ""),
                    "required": data.get(f"required-{key}") == "on"}  # fmt: skip
        if name in questions.FREE:
            question["kind"] = data.get(f"kind-{key}", "text")
            if question["kind"] == "choice":
                question["choices"] = [line.strip() for line in data.get(f"choices-{key}", "").splitlines() if line.strip()]
        made.append(question)
    return made


# --- The tab *Assignment* -------------------------------------------------------------------------------------------------


class Takers(forms.ModelMultipleChoiceField):
    def label_from_instance(self, user):
        return gettext("%(name)s (absent)") % {"name": user.label} if user.is_active and user.is_absent() else user.label


class RuleForm(forms.Form):
    """Who gets the leads, and who may be next; what the countries and answers say stands beside it (read_lines)."""

    rule = forms.ChoiceField(label=_("Who gets the leads"), choices=Form.Rule.choices)
    takers = Takers(
        User.objects.filter(is_active=True), label=_("Users in the rotation"), required=False, widget=forms.CheckboxSelectMultiple
    )

    notify = forms.ModelMultipleChoiceField(
        User.objects.filter(is_active=True), label=_("Also notify"), required=False, widget=forms.CheckboxSelectMultiple,
        help_text=_("About every submission, in the bell and by e-mail. Whoever gets a lead is notified anyway."),
    )  # fmt: skip

    def __init__(self, form, data=None):
        super().__init__(data, initial={"rule": form.rule, "takers": form.takers, "notify": form.notify})
        for name, chosen in (("takers", form.takers), ("notify", form.notify)):
            self.fields[name].queryset = User.objects.filter(is_active=True) | User.objects.filter(pk__in=chosen)


def read_takers(form, chosen) -> list[int]:
    """Return the users' ids: those there were in their order, then the new ones."""
    ids = [user.pk for user in chosen]
    return [*(pk for pk in form.takers if pk in ids), *(pk for pk in ids if pk not in form.takers)]


def read_countries(data) -> list[tuple[str, int | None]]:
    """Return (country, user id) of the lines in which something was filled in."""
    pairs = zip(data.getlist("country"), data.getlist("country-user"), strict=False)
    return [(code, _id(user)) for code, user in pairs if code or user]


def read_criteria(data) -> list[dict]:
    """Return the lines by answer in which something was filled in."""
    columns = (data.getlist(name) for name in ("field", "operator", "value", "user"))
    return [
        {"field": field, "operator": operator, "value": value, "user": _id(user)}
        for field, operator, value, user in zip(*columns, strict=False)
        if field or value or user
    ]


def _id(text):
    return int(text) if text.isdecimal() and len(text) < 19 else None


def lacking(by_country, by_answer) -> list[str]:
    """Say what is wrong with lines that could not be kept as they were filled in; none is dropped without a word (U3)."""
    told = []
    if not all(code and user for code, user in by_country):
        told.append(gettext("A country lacks its user, or a user their country. Choose both, or neither."))
    if len(dict(by_country)) < len(by_country):
        told.append(gettext("A country is there twice."))
    if not all(line["field"] and line["user"] for line in by_answer):
        told.append(gettext("An answer rule has no field or no user. Choose both, or clear the row."))
    return told
