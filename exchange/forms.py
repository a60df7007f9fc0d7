"""The forms of an import: choosing a file, and matching its columns and values."""

from dataclasses import dataclass, field

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from activities.models import Activity
from crm.text import fold
from exchange import mapping as mappings
from exchange.kinds import IDS, KINDS, LISTS
from exchange.models import RECORDS
from leads.models import Category

SHOWN_VALUES = 100


class UploadForm(forms.Form):
    record_type = forms.ChoiceField(
        label=gettext_lazy("The file contains"), choices=list(RECORDS.items()), widget=forms.RadioSelect, initial="person"
    )
    file = forms.FileField(
        label=gettext_lazy("File"),
        help_text=gettext_lazy("CSV or Excel (.xlsx). The first row names the columns."),
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,.tsv,.xlsx"}),
        error_messages={
            "required": gettext_lazy("Choose a file."),
            "empty": gettext_lazy("The file is empty."),
            "max_length": gettext_lazy("The name of the file is too long."),
        },
        max_length=250,
    )

    def clean_file(self):
        file = self.cleaned_data["file"]
        if file.size > settings.IMPORT_MAX_BYTES:
            raise ValidationError(_("The file is larger than %(size)s.") % {"size": filesizeformat(settings.IMPORT_MAX_BYTES)})
        return file


@dataclass
class Column:
    """One column of the file on the mapping page."""

    number: int
    name: str
    examples: list[str]
    target: str


@dataclass
class Value:
    """One value of a list column, and what it becomes."""

    number: int
    text: str
    count: int
    choice: str


@dataclass
class List:
    """The values of one list column."""

    target: str
    label: str
    column: str
    options: list[tuple[str, str]]
    values: list[Value] = field(default_factory=list)
    more: int = 0
    #: Its values are too many to be listed.
    unlisted: bool = False


class MappingForm:
    """Reads and shows a mapping (exchange.mapping). What was typed survives an error; what nobody has chosen yet is guessed."""

    def __init__(self, source, user, data=None):
        self.source, self.user, self.data = source, user, data
        self.errors: list[str] = []
        self.head = source.facts["head"]
        self.offered = mappings.targets(source.record_type)
        self.mapping = self._read() if data is not None else source.mapping
        texts = {target: [text for text, _count in found] for target, found in self._found().items()}
        self.mapping = mappings.guess_values(self.mapping, texts, user)

    def is_valid(self):
        try:
            self.mapping = mappings.check(self.source.record_type, self.mapping, self.head, self.user)
        except ValidationError as error:
            self.errors = error.messages
        return not self.errors

    def _read(self):
        """Return the mapping that was sent; what makes no sense is left to `mappings.check`."""
        data, before = self.data, self.source.mapping
        columns = {name: data.get(f"column-{number}", "")[:60] for number, name in enumerate(self.head)}
        values = {target: dict(chosen) for target, chosen in before.get("values", {}).items()}
        for target, found in self._found(columns).items():
            for number, (text, _count) in enumerate(found[:SHOWN_VALUES]):
                sent = data.get(f"value-{target}-{number}")
                if sent is not None:
                    values.setdefault(target, {})[fold(text)] = int(sent) if sent.isdecimal() and len(sent) < 19 else sent[:20]
        return {
            "columns": columns,
            "category": int(sent) if (sent := data.get("category", "")).isdecimal() and len(sent) < 19 else None,
            "values": values,
            **self._read_more(),
            "policy": data.get("policy", "")[:20],
            "sources": {target: data.get(f"source-{target}", "")[:60] for target in IDS},
            "partial": data.get("partial") == "1",
        }

    def _read_more(self):
        """Return what only some record types ask for."""
        sent = {name: self.data.get(name, "")[:20] for name in ("currency", "reason", "kind") if name in self.source.mapping}
        return {name: int(text) if name == "reason" and text.isdecimal() else text for name, text in sent.items()}

    def _found(self, columns=None):
        """Return target -> [(value, how often)] of the list columns, the most frequent first."""
        columns = self.mapping["columns"] if columns is None else columns
        listed = self.source.facts["values"]
        found = {}
        for number, name in enumerate(self.head):
            target = columns.get(name)
            if target in LISTS and target not in found:
                found[target] = [(text, count) for text, count in listed.get(str(number), [])]
        return found

    @property
    def used(self):
        return sum(1 for target in self.mapping["columns"].values() if target)

    @property
    def columns(self):
        rows = self.source.facts["sample"]
        return [
            Column(number, name, list(dict.fromkeys(row[number] for row in rows if number < len(row) and row[number]))[:3], self.mapping["columns"].get(name, ""))
            for number, name in enumerate(self.head)
        ]  # fmt: skip

    @property
    def lists(self):
        """Return the list columns with their values, for the matching of values."""
        labels, names = dict(self.offered), {target: name for name, target in self.mapping["columns"].items() if target}
        made = []
        for target, found in self._found().items():
            chosen = self.mapping["values"].get(target, {})
            one = List(
                target, labels[target], names[target], mappings.options(target, self.user), more=max(0, len(found) - SHOWN_VALUES),
                unlisted=str(self.head.index(names[target])) not in self.source.facts["values"],
            )  # fmt: skip
            one.values = [
                Value(number, text, count, str(chosen.get(fold(text), "")))
                for number, (text, count) in enumerate(found[:SHOWN_VALUES])
            ]
            made.append(one)
        return made

    @property
    def sources(self):
        """Return (target, label, name) of the other system, for each column of ids."""
        labels = dict(self.offered)
        names = {target: name for name, target in self.mapping["columns"].items() if target}
        return [
            (target, labels[target], self.mapping["sources"].get(target) or mappings.source_of(self.mapping, target))
            for target in IDS
            if target in names
        ]

    @property
    def categories(self):
        return list(Category.objects.selectable()) if KINDS[self.source.record_type].brings_companies else []

    @property
    def recognised(self):
        """How a row finds what it is, and what it belongs to."""
        if KINDS[self.source.record_type].links and self.source.record_type != "person":
            return _("Recognised by the other system's id, or by the whole row; nothing is imported twice. Companies and persons are found by "
                     "the ids of the files they came from: import those first. Rows that belong to no record are left out.")  # fmt: skip
        return _("Persons are recognised by their e-mail address, companies by their name, both by the other system's id. Nobody is imported "
                 "twice.")  # fmt: skip

    @property
    def choices(self):
        """Return (name, label, [(value, label)], chosen) of what else is asked once for the whole file."""
        mapping = self.mapping
        asked = {
            "currency": (_("Currency of amounts without a sign"), [(code, code) for code in mappings.currencies()]),
            "reason": (_("Reason of lost sales that have none"), self._reasons()),
            "kind": (_("Type of follow-ups that have none"), Activity.Kind.choices),
        }
        return [(name, *asked[name], str(mapping[name])) for name in asked if name in mapping]

    def _reasons(self):
        options = [(str(item.pk), item.name) for item in mappings.lost_reasons()]
        if self.user.role.administers:
            options.append((mappings.CREATE, _("“Not known” (added to the list)")))
        return [(mappings.NOTHING, _("none: such rows are errors")), *options]
