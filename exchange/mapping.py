"""What each column of a file becomes: guessed from its name and values, then chosen by the user.

A mapping is JSON:
- `columns`: name of a column -> target, empty to leave it out;
- `category`: id of the category of new companies, and of persons without a company;
- `values`: target -> folded value of the file -> id of what it becomes, *create*, *me* (owners), or empty to leave it out;
- `policy`: what happens to records that are here already: *gaps* fills what is empty, *overwrite* takes the file's values;
- `currency`: of amounts without a sign; `reason`: of lost sales without one, an id or *create* (files of sales);
- `kind`: what follow-ups are whose row does not say it;
- `sources`: target -> what the system is called whose ids a column holds; by default the column's own name;
- `partial`: import the good rows although others have errors.

A mapping written by hand may give names instead of ids.
"""

import re
from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.db.models import TextChoices
from django.utils import translation
from django.utils.translation import gettext as _

from activities.models import Activity
from crm import records
from crm.models import User
from crm.text import fold
from exchange.kinds import CLOSED_STAGES, EXTERNAL_ID, GROWING, IDS, KINDS, LINK_LABELS, LISTS, OF_COMPANY
from leads import lifecycle
from leads.models import Category, LeadStatus
from sales.models import Sale, SaleReason, SaleStage
from sales.money import Rates

CREATE, ME, NOTHING = "create", "me", ""
#: The reason of lost sales that is created where a file gives none.
NO_REASON = {"name_en": "Not known", "name_de": "Nicht bekannt"}
#: Words in a lead status of another system -> our kind; the first that is found decides.
_STATUS_WORDS = [
    ("not contacted", "open"), ("nicht kontaktiert", "open"), ("disqual", "disqualified"), ("unqual", "disqualified"),
    ("not qualified", "disqualified"), ("junk", "disqualified"), ("lost", "disqualified"), ("verloren", "disqualified"),
    ("qualif", "qualified"), ("future", "nurture"), ("nurture", "nurture"), ("later", "nurture"), ("spater", "nurture"),
    ("attempt", "working"), ("contact", "working"), ("working", "working"), ("kontakt", "working"), ("progress", "working"),
    ("new", "open"), ("neu", "open"), ("open", "open"), ("offen", "open"),
]  # fmt: skip
_CATEGORY_WORDS = {"former": "Former customer", "ehemalig": "Former customer", "prospect": "Lead", "interessent": "Lead",
                   "customer": "Customer", "kunde": "Customer", "partner": "Partner", "vendor": "Supplier", "supplier": "Supplier",
                   "lieferant": "Supplier", "competitor": "Other", "wettbewerb": "Other"}  # fmt: skip
#: Words in a stage of another system -> *won*, *lost*, or the predefined stage; what has none of them is at the first one.
_STAGE_WORDS = {"lost": Sale.Status.LOST, "verloren": Sale.Status.LOST, "abgesagt": Sale.Status.LOST, "won": Sale.Status.WON,
                "gewonnen": Sale.Status.WON, "negotiat": "Negotiation", "verhandl": "Negotiation", "review": "Negotiation", "verbal": "Verbal yes",
                "mundlich": "Verbal yes", "zusage": "Verbal yes", "commit": "Verbal yes", "contract": "Verbal yes", "vertrag": "Verbal yes",
                "offer": "Offer", "angebot": "Offer", "proposal": "Offer", "quote": "Offer", "need": "Need analysed", "bedarf": "Need analysed",
                "analys": "Need analysed", "presentation": "Need analysed", "demo": "Need analysed"}  # fmt: skip
#: Words in what the code fixes here: target -> words -> value, the first that is found decides.
_FIXED_WORDS = {
    "status": {"lost": "lost", "verloren": "lost", "won": "won", "gewonnen": "won", "stall": "stalled", "hold": "stalled", "pause": "stalled",
               "ruh": "stalled", "": "open"},
    "kind": {"call": "call", "anruf": "call", "telefon": "call", "meeting": "meeting", "termin": "meeting", "event": "meeting",
             "besuch": "meeting", "mail": "email", "note": "note", "notiz": "note", "": "task"},
    "priority": {"high": "high", "hoch": "high", "urgent": "high", "dringend": "high", "low": "low", "niedrig": "low", "gering": "low",
                 "": "normal"},
    "done": {"not": "open", "nicht": "open", "complete": "done", "done": "done", "erledigt": "done", "abgeschlossen": "done", "closed": "done",
             "held": "done", "yes": "done", "ja": "done", "true": "done", "": "open"},
}  # fmt: skip


def targets(record_type) -> list[tuple[str, str]]:
    """Return (target, label) of all a column can become."""
    kind, catalogue, of_company = KINDS[record_type], records.get(record_type).fields, records.get("company").fields
    offered = [(name, str(catalogue[name].label)) for name in kind.fields]
    offered += [(f"company.{name}", _("Company: %(field)s") % {"field": of_company[name].label}) for name in kind.of_company]
    return [*offered, *((target, str(LINK_LABELS[target])) for target in (*kind.links, EXTERNAL_ID))]


def key_of(name) -> str:
    """Return a column's name as letters and digits alone; of an id it is the source as well.

    >>> key_of("Straße / Hausnr."), key_of("LEAD ID")
    ('strassehausnr', 'leadid')
    """
    return re.sub(r"[^a-z0-9]", "", fold(name))


def source_of(mapping, target) -> str:
    """Return what the system is called whose ids this target holds."""
    named = str(mapping.get("sources", {}).get(target) or "").strip()
    column = next((name for name, becomes in mapping["columns"].items() if becomes == target), "")
    return (fold(named) or key_of(column) or fold(column))[:60]


def guess(record_type, head, by=None, category=None) -> dict:
    """Return the mapping the page offers and the command uses: columns by their names, values by theirs later."""
    words = {}
    for language in ("de", "en"):
        with translation.override(language):
            words |= {key_of(label): target for target, label in targets(record_type)}
    kind = KINDS[record_type]
    words |= {word: target for target, known in kind.synonyms.items() for word in known}
    if kind.of_company == OF_COMPANY:
        # A person's file names fields of the company plainly: *Website*, *City*.
        words = {**_company_words(), **words}
    words |= dict.fromkeys(kind.ids, EXTERNAL_ID)
    columns: dict[str, str] = {}
    for name in head:
        target = words.get(key_of(name), "")
        columns[name] = target if target not in columns.values() else ""
    category = category or lifecycle.default_category()
    made = {"columns": columns, "category": category.pk, "values": {}, "policy": "gaps", "sources": {}, "partial": False}
    if record_type == "sale":
        made |= {"currency": Rates().currencies[0], "reason": _reason_guessed(by)}
    elif record_type == "activity":
        made["kind"] = _kind_guessed(head)
    return made


def _reason_guessed(by):
    there = SaleReason.objects.selectable().filter(outcome=Sale.Status.LOST, **NO_REASON).first()
    return there.pk if there else CREATE if by is not None and by.role.administers else NOTHING


def _kind_guessed(head) -> str:
    """Return what follow-ups a file holds: one of calls says so in the names of several columns."""
    keys = [key_of(name) for name in head]
    for kind, words in (("call", ("call", "anruf")), ("meeting", ("meeting", "event", "termin"))):
        if sum(key.startswith(words) for key in keys) > 1:
            return kind
    return "task"


def _company_words() -> dict[str, str]:
    """Return the names of the company's fields, in both languages -> the target in a file of persons."""
    catalogue, words = records.get("company").fields, {}
    for language in ("de", "en"):
        with translation.override(language):
            for name in OF_COMPANY:
                words |= {key_of(str(catalogue[name].label)): f"company.{name}", key_of(name): f"company.{name}"}
    return words


# --- Values of lists --------------------------------------------------------------------------------------------------


def guess_values(mapping, found: dict[str, Iterable[str]], by, unlisted=()) -> dict:
    """Return the mapping with a guess for every value that has none yet; `found` maps a target to the file's values.

    Nothing is created for the `unlisted` targets: of a column with hundreds of values nobody has looked at each.
    """
    # A mapping chosen before more letters were folded (docs/decisions/0032) has them in its keys.
    values = {
        target: {fold(text): value for text, value in chosen.items()} for target, chosen in mapping.get("values", {}).items()
    }
    for target, texts in found.items():
        chosen, known = values.setdefault(target, {}), None
        for text in texts:
            if (key := fold(text)) not in chosen:
                known = _known(target) if known is None else known
                chosen[key] = known.get(key) or _guess_value(target, key, by, target not in unlisted)
    return {**mapping, "values": values}


def fixed(target) -> list[tuple[str, str]]:
    """Return (value, label) of what a value can become beside the items of a list."""
    model = LISTS[target]
    if issubclass(model, TextChoices):
        return [(str(value), str(label)) for value, label in model.choices if value]
    return [(str(value), str(label)) for value, label in CLOSED_STAGES.items()] if model is SaleStage else []


def _known(target) -> dict[str, int | str]:
    """Return folded name, in either language -> what it becomes."""
    model = LISTS[target]
    if issubclass(model, TextChoices):
        names: dict[str, int | str] = {}
        for language in ("de", "en"):
            with translation.override(language):
                names |= {fold(text): value for value, label in fixed(target) for text in (value, label)}
        return names
    if model is User:
        users = User.objects.filter(is_active=True).order_by("-pk")
        return {key: user.pk for user in users for key in (user.name_key, fold(user.username), fold(user.email))}
    items = model.objects.selectable().order_by("-rank", "-pk")
    return {fold(name): item.pk for item in items for name in (item.name_de, item.name_en)}


def _guess_value(target, text, by, listed):
    create = listed and by.role.administers
    if target == "owner":
        return CREATE if create else ME
    if target == "lead_status":
        # One that no word tells of is seen not to be known.
        kind = next((kind for word, kind in _STATUS_WORDS if word in text), "")
        status = LeadStatus.objects.selectable().filter(kind=kind).first()
        return status.pk if status else NOTHING
    if target == "category":
        name = next((name for word, name in _CATEGORY_WORDS.items() if word in text), "")
        item = Category.objects.selectable().filter(name_en=name).first()
        return item.pk if item else NOTHING
    if target == "stage":
        return _guess_stage(text)
    if words := _FIXED_WORDS.get(target):
        return next(value for word, value in words.items() if word in text)
    return CREATE if create else NOTHING


def _guess_stage(text):
    found = next((stage for word, stage in _STAGE_WORDS.items() if word in text), "")
    if found in CLOSED_STAGES:
        return str(found)
    stages = SaleStage.objects.selectable()
    item = stages.filter(name_en=found).first() or stages.first()
    return item.pk if item else NOTHING


def options(target, by) -> list[tuple[str, str]]:
    """Return (value, label) of all that a value of this list can become."""
    model = LISTS[target]
    nothing = {
        "owner": _("Nobody"), "lead_status": _("Default status"), "category": _("Category of new companies"), "stage": _("First stage"),
        "status": _("As the stage says"), "kind": _("Default type"), "priority": Activity.Priority.NORMAL.label,
        "done": _("As its date says"),
    }  # fmt: skip
    offered = [(NOTHING, str(nothing.get(target, _("Leave empty"))))]
    if issubclass(model, TextChoices):
        return [*offered, *fixed(target)]
    if model is User:
        offered.append((ME, _("Me (%(name)s)") % {"name": by.name}))
    if by.role.administers and model in GROWING:
        offered.append((CREATE, _("Create a user") if model is User else _("Add to the list")))
    if model is User:
        return [*offered, *((str(user.pk), user.name) for user in User.objects.filter(is_active=True).order_by("name_key"))]
    return [*offered, *((str(item.pk), item.name) for item in model.objects.selectable()), *fixed(target)]


# --- Checking ---------------------------------------------------------------------------------------------------------


def check(record_type, mapping, head, by) -> dict:
    """Return the mapping, whole and with ids; raise ValidationError where it names what is not there."""
    if not isinstance(mapping, dict) or not isinstance(mapping.get("columns"), dict):
        raise ValidationError(_("This is no mapping."))
    columns = _columns(record_type, mapping["columns"], head)
    policy = mapping.get("policy") or "gaps"
    if policy not in {"gaps", "overwrite"}:
        raise ValidationError(_("Choose what happens to existing records."))
    sources = mapping.get("sources") or {}
    if not isinstance(sources, dict) or not all(isinstance(name, str) and len(name) <= 60 for name in sources.values()):
        raise ValidationError(_("The name of the other system is too long."))
    made = {
        "columns": columns,
        # Follow-ups bring no company, and their page asks for no category.
        "category": (
            _category(mapping.get("category")) if KINDS[record_type].brings_companies else lifecycle.default_category()
        ).pk,
        "values": _values(mapping.get("values") or {}, by),
        "policy": policy,
        "sources": {target: name.replace("\x00", "") for target, name in sources.items() if target in IDS},
        "partial": mapping.get("partial") is True,
    }
    if record_type == "sale":
        made |= {"currency": _currency(mapping.get("currency")), "reason": _reason(mapping.get("reason"), by)}
    elif record_type == "activity":
        made["kind"] = _kind(mapping.get("kind"))
    return made


def _columns(record_type, given, head):
    labels = dict(targets(record_type))
    columns = {name: given.get(name) or "" for name in head}
    if unknown := sorted(str(target) for target in columns.values() if target and target not in labels):
        raise ValidationError(_("A column cannot be imported as “%(target)s”.") % {"target": unknown[0][:60]})
    if absent := sorted(str(name) for name in given if name not in columns and given[name]):
        raise ValidationError(_("The file has no column “%(name)s”.") % {"name": absent[0][:100]})
    chosen = [target for target in columns.values() if target]
    if twice := [target for target in labels if chosen.count(target) > 1]:
        raise ValidationError(_("Two columns are imported as “%(target)s”; choose one.") % {"target": labels[twice[0]]})
    if (needed := KINDS[record_type].needed) not in chosen:
        raise ValidationError(_("One column must be imported as “%(target)s”.") % {"target": labels[needed]})
    return columns


def _category(given) -> Category:
    items = list(Category.objects.selectable())
    for item in items:
        if given == item.pk and not isinstance(given, bool):
            return item
    named = [item for item in items if isinstance(given, str) and fold(given) in {fold(item.name_en), fold(item.name_de)}]
    if not named and isinstance(given, str) and given:
        raise ValidationError(_("There is no category “%(name)s” to choose.") % {"name": given[:60]})
    if not named:
        raise ValidationError(_("Choose the category of new companies."))
    return named[0]


def currencies() -> list[str]:
    """Return the currencies a sale can have, the base currency first."""
    return Rates().currencies


def _currency(given) -> str:
    known = currencies()
    if (given or known[0]) not in known:
        told = _(
            "There is no exchange rate for this currency; an administrator adds one in the admin site. Known are: %(known)s."
        ) % {"known": ", ".join(known)}
        raise ValidationError(told)
    return given or known[0]


def lost_reasons():
    return list(SaleReason.objects.selectable().filter(outcome=Sale.Status.LOST))


def _reason(given, by) -> int | str:
    if given == CREATE and by.role.administers:
        return CREATE
    for item in lost_reasons():
        if not isinstance(given, bool) and given in (item.pk, item.name_en, item.name_de):
            return item.pk
    if given in (None, NOTHING):
        return NOTHING
    raise ValidationError(_("Choose the reason of lost sales that have none."))


def _kind(given) -> str:
    if (given or Activity.Kind.TASK) not in Activity.Kind.values:
        raise ValidationError(_("Choose what the follow-ups are."))
    return str(given or Activity.Kind.TASK)


def _values(given, by) -> dict[str, dict[str, int | str]]:
    """Return the chosen values by folded text, as ids; what does not exist (any more), or may not be, is refused."""
    if not isinstance(given, dict) or not all(isinstance(chosen, dict) for chosen in given.values()):
        raise ValidationError(_("This is no mapping."))
    values: dict[str, dict[str, int | str]] = {}
    for target, chosen in given.items():
        if target not in LISTS:
            raise ValidationError(_("A column cannot be imported as “%(target)s”.") % {"target": str(target)[:60]})
        names, plain = _known(target), {value for value, _label in fixed(target)}
        ids = set(names.values())
        values[target] = {}
        for text, value in chosen.items():
            if isinstance(value, str) and value not in {CREATE, ME, NOTHING, *plain}:
                value = int(value) if value.isdecimal() and len(value) < 19 else names.get(fold(value))
            allowed = value in ids if isinstance(value, int) and not isinstance(value, bool) else (
                value == NOTHING or (isinstance(value, str) and value in plain) or (value == ME and target == "owner")
                or (value == CREATE and LISTS[target] in GROWING and by.role.administers)
            )  # fmt: skip
            if not allowed:
                raise ValidationError(_("“%(text)s” cannot be matched to this value.") % {"text": str(text)[:60]})
            values[target][fold(text)] = value
    return values
