"""What a form asks: fields of the catalogue and free ones (C1), read into a Django form for strangers.

A question is {"name", "label", "help", "required", "kind", "choices"}. Its name is *person.email* for a field of the catalogue and
*free.1* for one of the form's own; only the latter have a kind and choices of their own.
"""

import json
from dataclasses import dataclass

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django_countries import countries

from crm import records
from crm.models import User
from leads.models import Company, Person, validators

#: Field of the catalogue -> what browsers fill it with.
ASKED = {
    "person.email": "email",
    "person.first_name": "given-name",
    "person.last_name": "family-name",
    "person.title": "organization-title",
    "company.name": "organization",
    "person.phone": "tel",
    "person.mobile": "tel",
    "company.website": "url",
    "company.street": "street-address",
    "company.postal_code": "postal-code",
    "company.city": "address-level2",
    "company.country": "country",
}
EMAIL, COUNTRY = "person.email", "company.country"
MODELS = {"person": Person, "company": Company}
KINDS = {
    "text": gettext_lazy("One line"),
    "area": gettext_lazy("Several lines"),
    "choice": pgettext_lazy("field of a form", "One of a list"),
    "yesno": gettext_lazy("Yes or no"),
}
FREE = tuple(f"free.{number}" for number in range(1, 9))
MAX_CHOICES, MAX_LABEL, MAX_HELP, MAX_LINE, MAX_AREA = 30, 120, 300, 300, 5_000
CONSENT = "consent"


def label_of(name) -> str:
    """Return what a field of the catalogue is called, in the language of the moment."""
    record_type, _dot, field = name.partition(".")
    return str(_("Company") if name == "company.name" else records.get(record_type).fields[field].label)


def called(question) -> str:
    """Return the words a question is asked in."""
    return question.get("label") or (label_of(question["name"]) if question["name"] in ASKED else "")


# --- What marketers write -------------------------------------------------------------------------------------------------


def clean(questions) -> list[dict]:
    """Return questions as they are stored; raise ValidationError for what cannot be asked."""
    if not isinstance(questions, list) or not all(isinstance(one, dict) for one in questions):
        raise ValidationError(_("A list of fields is expected."))
    made = [_clean_one(one) for one in questions]
    names = [one["name"] for one in made]
    if len(set(names)) < len(names):
        raise ValidationError(_("A field is included twice."))
    email = next((one for one in made if one["name"] == EMAIL), None)
    if email is None:
        raise ValidationError(_("Ask for the e-mail: it identifies the person."))
    email["required"] = True
    return made


def wrong(questions) -> dict[str, list[str]]:
    """Return what is wrong with single questions, by their names."""
    found = {}
    for one in questions:
        try:
            _clean_one(one)
        except ValidationError as error:
            found[one["name"]] = error.messages
    return found


def _clean_one(given) -> dict:
    name = given.get("name")
    if unknown := set(given) - {"name", "label", "help", "required", "kind", "choices"}:
        raise ValidationError(_("Unknown: %(names)s") % {"names": ", ".join(map(str, sorted(unknown, key=str)))[:200]})
    if name not in (*ASKED, *FREE):  # a tuple: a program may send what has no hash
        raise ValidationError(_("%(name)s cannot be asked.") % {"name": str(name)[:60]})
    question = {"name": name, "label": _words(given.get("label", ""), MAX_LABEL), "help": _words(given.get("help", ""), MAX_HELP),
                "required": given.get("required") is True}  # fmt: skip
    if name in FREE:
        question["kind"] = given.get("kind", "text")
        if question["kind"] not in tuple(KINDS):
            raise ValidationError(_("%(name)s is no kind of field.") % {"name": str(given.get("kind"))[:40]})
        if not question["label"]:
            raise ValidationError(_("A field of your own needs a label."))
        if question["kind"] == "choice":
            question["choices"] = _choices(given.get("choices"))
    return question


def _words(value, length):
    if not isinstance(value, str):
        raise ValidationError(_("Enter a text."))
    validators.one_line(value)
    if len(value) > length:
        raise ValidationError(_("At most %(count)s characters.") % {"count": length})
    return value.strip()


def _choices(given):
    if not isinstance(given, list) or not 2 <= len(given) <= MAX_CHOICES:
        raise ValidationError(_("Give between 2 and %(count)s choices.") % {"count": MAX_CHOICES})
    made = [_words(one, MAX_LABEL) for one in given]
    if not all(made) or len(set(made)) < len(made):
        raise ValidationError(_("A choice is empty or there twice."))
    return made


def told(name, value):
    """Return a field of a form as its history tells it."""
    if name in {"questions", "sites", "takers", "notify", "by_country", "criteria"} and isinstance(value, str):
        value = json.loads(value)
    if name == "questions":
        return ", ".join(called(one) for one in value or []) or _("nothing")
    if name == "sites":
        return ", ".join(value or []) or _("nothing")
    if name in {"takers", "notify"}:
        return _names(value or []) or _("nobody")
    if name == "by_country":
        return ", ".join(f"{code}: {_names([pk])}" for code, pk in (value or {}).items()) or _("nothing")
    if name == "criteria":
        return ", ".join(_names([one.get("user")]) for one in value or []) or _("nothing")
    return None


def _names(ids):
    found = {user.pk: user.name for user in User.objects.filter(pk__in=[pk for pk in ids if isinstance(pk, int)])}
    return ", ".join(found.get(pk, f"#{pk}") for pk in ids)


# --- What strangers answer ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answers:
    """What was answered: `person` and `company` as the actions take them, `all` by the questions' names."""

    person: dict
    company: dict
    all: dict


class PublicForm(forms.Form):
    """A form as strangers see it; its fields are made of the questions."""

    use_required_attribute = True

    def __init__(self, form, *args, **kwargs):
        super().__init__(*args, auto_id="%s", **kwargs)
        self.form = form
        for question in form.questions:
            self.fields[_html(question["name"])] = _field(question)
        if form.consent_text:
            self.fields[CONSENT] = forms.BooleanField(label=form.consent_text, required=form.consent_required)

    def answers(self) -> Answers:
        """Return what was answered, empty answers left out."""
        values = {one["name"]: self.cleaned_data.get(_html(one["name"])) for one in self.form.questions}
        values = {name: value for name, value in values.items() if value not in (None, "", False)}
        parts = {
            kind: {name.partition(".")[2]: value for name, value in values.items() if name.startswith(f"{kind}.")}
            for kind in MODELS
        }
        return Answers(parts["person"], parts["company"], values)

    @property
    def agreed(self) -> bool:
        return bool(self.cleaned_data.get(CONSENT))


def _html(name):
    return name.replace(".", "_")


def _field(question):
    name, required = question["name"], question["required"]
    words = {"label": called(question), "help_text": question.get("help", ""), "required": required}
    if name in FREE:
        return _free(question, words)
    attrs = {"autocomplete": ASKED[name]}
    record_type, _dot, field = name.partition(".")
    described = MODELS[record_type]._meta.get_field(field)
    if name == EMAIL:
        return forms.EmailField(max_length=254, widget=forms.EmailInput(attrs=attrs), **words)
    if name == COUNTRY:
        listed = sorted(countries, key=lambda pair: str(pair[1]))
        return forms.ChoiceField(choices=[("", "—"), *listed], widget=forms.Select(attrs=attrs), **words)
    if ASKED[name] == "tel":
        attrs |= {"type": "tel", "inputmode": "tel"}
    return forms.CharField(
        max_length=described.max_length, validators=[*described.validators, validators.one_line], widget=forms.TextInput(attrs=attrs), **words
    )  # fmt: skip


def _free(question, words):
    kind = question["kind"]
    if kind == "choice":
        return forms.ChoiceField(choices=[("", "—"), *((one, one) for one in question["choices"])], **words)
    if kind == "yesno":
        return forms.BooleanField(**words)
    if kind == "area":
        return forms.CharField(
            max_length=MAX_AREA, validators=[validators.plain], widget=forms.Textarea(attrs={"rows": 4}), **words
        )
    return forms.CharField(max_length=MAX_LINE, validators=[validators.one_line], **words)


def read(form, data, *, consent=None) -> PublicForm:
    """Return the form's answers, checked; `data` is by the questions' names (the API's way in)."""
    given = {_html(name): value for name, value in data.items()}
    if consent is not None:
        given[CONSENT] = "on" if consent else ""
    bound = PublicForm(form, given)
    bound.is_valid()
    return bound


def shown(submission) -> list[tuple[str, str]]:
    """Return (question, answer) of a submission, for people; a question that was changed since keeps its answer."""
    asked = {one["name"]: called(one) for one in submission.form.questions}
    found = []
    for name, value in submission.answers.items():
        label = asked.get(name) or (label_of(name) if name in ASKED else name)
        if value is True:
            value = _("Yes")
        elif name == COUNTRY:
            value = dict(countries).get(value, value)
        found.append((label, str(value)))
    return found
