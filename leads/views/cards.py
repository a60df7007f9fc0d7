"""The cards of records (W1, W2): seen, edited in place, created, deleted.

A `CardType` says what is particular to a record type; upper floors register theirs and add section tabs and offers to others'.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Max
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from crm import access, records, search
from crm.history import words
from crm.history.changes import Conflict
from crm.history.models import Change
from crm.models import ExternalId, Record
from crm.tables.pages import neighbours
from crm.text import fold
from crm.web.htmx import redirect_to, say, toast, trigger, wants_fragment
from leads import actions, duplicates, lifecycle
from leads.forms import form_class
from leads.models import Company, LeadStatus, Person
from leads.views.lists import number_and_former, told_former
from leads.views.status import ASKING, StatusQuestion


@dataclass(frozen=True)
class Tab:
    """A section tab that is a list of its own; `url_name` takes the record's id. `first` lets the card open with it."""

    key: str
    label: Any
    url_name: str
    first: bool = False


@dataclass(frozen=True)
class Offer:
    """What a card offers to do first: where it leads, and the title of its dialog."""

    label: Any
    icon: str
    address: Callable[[Any], str]


@dataclass(kw_only=True)
class CardType:
    """What is particular to the cards of a record type.

    `kind` names it in addresses. `facts` are the fields at the left, `fields` those that can be edited; of one record, `hidden` are
    not shown and `fixed` not edited. `together` are fields edited in one form. `templates` shows facts that need more than a text.
    """

    kind: str
    model: type[Record]
    new_title: Any
    create_label: Any
    related: tuple[str, ...]
    facts: tuple[str, ...]
    fields: tuple[str, ...]
    form: Callable[[Any], type]
    create: Callable[..., Any]
    edit: Callable[..., Any]
    not_new: tuple[str, ...] = ()
    initial: Callable[[Any], dict] = lambda request: {}
    hidden: Callable[[Any], set[str]] = lambda record: set()
    fixed: Callable[[Any], set[str]] = lambda record: set()
    together: tuple[tuple[str, ...], ...] = ()
    context: Callable[[Any, Any], dict] = lambda request, record: {}
    head: str = "leads/_head.html"
    page: str = "leads/card.html"
    new_form: type | None = None  # where a new record asks for more than its fields
    templates: dict[str, str] = field(default_factory=dict)
    #: What looks alike, of the user, what is typed and the id of the record it is typed over; and the fields it looks at.
    similar: Callable[..., duplicates.Similar] | None = None
    known_by: tuple[str, ...] = ()
    lists: list[Tab] = field(default_factory=list)
    offers: list[Offer] = field(default_factory=list)

    @property
    def record(self):
        return records.get(self.model.history.record_type)

    def rows(self, form) -> list[list[Any]]:
        """Return the fields of a form, those that are edited together beside each other."""
        rows: list[list[Any]] = []
        for bound in form.visible_fields():
            beside = next((names for names in self.together if bound.name in names), ())
            if rows and rows[-1][-1].name in beside:
                rows[-1].append(bound)
            else:
                rows.append([bound])
        return rows

    def last_known(self, form) -> str | None:
        """Return the last field of a form by which another record is known: what is known is told beneath it."""
        return next((name for name in reversed(form.fields) if name in self.known_by), None)

    def names(self, record) -> list[str]:
        """Return the fields of this record that can be edited."""
        return [name for name in self.fields if name not in self.hidden(record) | self.fixed(record)]

    def tabs(self) -> list[tuple[str, Any]]:
        """Return the (key, label) of the section tabs."""
        first, others = ([(tab.key, tab.label) for tab in self.lists if tab.first == first] for first in (True, False))
        return [*first, ("timeline", _("Timeline")), *others, ("history", _("History")), ("details", _("Details"))]


CARDS: dict[str, CardType] = {}


def register(card):
    CARDS[card.kind] = card
    return card


def card_of(kind) -> CardType:
    return CARDS[kind]


def _may_have_status(person):
    return (
        set() if person.is_lead else {"lead_status", "disqualify_reason"}
    )  # R6: the field disappears; the hint beside the category says why


def _follows_the_company(person):
    return {"category"} if person.company_id else set()  # R4


def _of_persons(request, person):
    return {
        "why_no_status": lifecycle.why_no_status(person.category),
        "statuses": LeadStatus.objects.selectable(),
        "asking_kinds": ASKING,
    }


PERSONS = register(CardType(
    kind="persons", model=Person, new_title=gettext_lazy("New person"), create_label=gettext_lazy("Create person"), similar=duplicates.persons,
    known_by=("first_name", "last_name", "email"),
    related=("company__category__group", "category__group", "lead_status", "disqualify_reason", "owner", "source"),
    facts=("category", "lead_status", "disqualify_reason", "owner", "company", "title", "email", "phone", "mobile", "source", "former_employee"),
    fields=actions.PERSON_FIELDS, not_new=("lead_status", "disqualify_reason", "former_employee"), form=lambda names: form_class(Person, names),
    create=actions.create_person, edit=actions.edit_person, hidden=_may_have_status, fixed=_follows_the_company,
    together=(("first_name", "last_name"),), context=_of_persons,
    initial=lambda request: {"company": chosen(request, "company")},
))  # fmt: skip
COMPANIES = register(CardType(
    kind="companies", model=Company, new_title=gettext_lazy("New company"), create_label=gettext_lazy("Create company"), similar=duplicates.companies,
    known_by=("name",),
    related=("category__group", "owner", "industry"),
    facts=("category", "owner", "email", "phone", "website", "street", "postal_code", "city", "country", "industry", "number", "stop",
           "no_mailings"),
    fields=actions.COMPANY_FIELDS, form=lambda names: form_class(Company, names), create=actions.create_company,
    edit=actions.edit_company, lists=[Tab("persons", gettext_lazy("Persons"), "leads:company_persons", first=True)],
))  # fmt: skip


def chosen(request, name):
    """Return the id that an address names, or nothing."""
    text = request.GET.get(name, "")
    return text if text.isdecimal() and len(text) < 19 else None


def find(request, kind, pk):
    """Return the record with all a card shows, or raise Http404."""
    card = card_of(kind)
    return get_object_or_404(card.model._default_manager.visible_to(request.user).select_related(*card.related), pk=pk)


def may_edit(request, record):
    return access.editable(type(record)._default_manager.filter(pk=record.pk), request.user).exists()


def context_of(request, kind, record):
    """Return what the card's parts show."""
    card = card_of(kind)
    return {
        "kind": kind, "card": card, "record": record, "editable": may_edit(request, record), "facts": facts_of(record, card),
        "why_no_status": "", "statuses": [], "tabs": card.tabs(), "tab": request.GET.get("tab") or card.tabs()[0][0],
        "lists": {tab.key: reverse(tab.url_name, args=[record.pk]) for tab in card.lists},
        "offers": [(offer.label, offer.icon, offer.address(record)) for offer in card.offers],
        **card.context(request, record),
    }  # fmt: skip


def facts_of(record, card):
    """Return the fields at the left of a card: name, label, how to show it, and whether it is edited in place here."""
    hidden, fixed = card.hidden(record), card.fixed(record)
    facts = []
    for name in card.facts:
        if name not in hidden:
            label = str(card.model._meta.get_field(name).verbose_name)
            facts.append({
                "name": name, "label": label[:1].upper() + label[1:], "value": getattr(record, name),
                "editable": name in card.fields and name not in fixed, "template": card.templates.get(name, ""),
            })  # fmt: skip
    return facts


@require_GET
def card(request, kind, pk):
    record = find(request, kind, pk)
    context = {
        "beside": neighbours(request, record.history.record_type, pk),
        "tab_query": tab_query(request),
        "view": request.GET.get("view", ""),  # the state of the list within the card (U4)
    }
    return render(request, card_of(kind).page, {**context_of(request, kind, record), **context})


def tab_query(request):
    """Return what a tab's address keeps of this one: the list one came from."""
    query = request.GET.copy()
    for own in ("tab", "view"):
        query.pop(own, None)
    return f"&{query.urlencode()}" if query else ""


@require_GET
def facts(request, kind, pk):
    """The left side of the card, alone: it loads itself again after a change."""
    return render(request, "leads/_facts.html", context_of(request, kind, find(request, kind, pk)))


@require_GET
def head(request, kind, pk):
    return render(request, card_of(kind).head, {**context_of(request, kind, find(request, kind, pk)), "beside": None})


@require_GET
def history(request, kind, pk):
    """The section tab *History*."""
    record = find(request, kind, pk)
    before = request.GET.get("before", "")
    entries, more = words.of_record(record, before=int(before) if before.isdecimal() and len(before) < 19 else None)
    return render(request, "leads/_history.html", {"entries": entries, "more": more, "kind": kind, "record": record})


@require_GET
def details(request, kind, pk):
    """The section tab *Details*: what one seldom looks for."""
    record = find(request, kind, pk)
    external_ids = ExternalId.objects.filter(record_type=record.history.record_type, record_id=record.pk).order_by("source")
    return render(request, "leads/_details.html", {"record": record, "kind": kind, "external_ids": external_ids})


# --- Editing ------------------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
def fact(request, kind, pk, name):
    """One field in place: its form, and saving it."""
    record = find(request, kind, pk)
    card = card_of(kind)
    if name not in card.fields:
        raise Http404
    access.require_edit(record, request.user)
    names = next((names for names in card.together if name in names), (name,))
    return edit(request, kind, record, names, "leads/_fact_form.html")


@require_http_methods(["GET", "POST"])
def edit_all(request, kind, pk):
    """All fields in one form, in the dialog."""
    record = find(request, kind, pk)
    access.require_edit(record, request.user)
    card = card_of(kind)
    names = card.names(record)
    # What went from the form while one typed in it (the company is a customer by now) is not dropped: the action says why not.
    typed = [one for one in card.fields if request.POST.get(one, "") != request.POST.get(f"was-{one}", "")]
    return edit(request, kind, record, [one for one in card.fields if one in names or one in typed], "leads/_edit.html")


def edit(request, kind, record, names, template):
    make, action = card_of(kind).form(names), card_of(kind).edit
    context = {"kind": kind, "card": card_of(kind), "record": record, "name": names[0]}
    if request.method == "GET":
        form = make(instance=record, user=request.user)
        return render(request, template, {**context, "form": form, "version": record.version, "was": initial_texts(form)})
    form = make(request.POST, instance=record, user=request.user)
    version = request.POST.get("version", "")
    if not version.isdecimal() or len(version) > 9:
        return HttpResponse(status=400)
    # What the user saw when they began: what somebody else changed meanwhile in other fields is kept (R17).
    seen = {key: request.POST.get(f"was-{key}", "") for key in names}
    again = {**context, "form": form, "version": version, "was": seen}
    if not form.is_valid():
        return render(request, template, again, status=422)
    before = make({key: value for key, value in seen.items() if value != ""}, instance=record, user=request.user)
    before.is_valid()
    was = {key: before.cleaned_data[key] for key in names if key in before.cleaned_data}
    try:
        outcome = action(record, form.values(), by=request.user, via="card", version=int(version), was=was)
    except ValidationError as error:
        add_errors(form, error)
        return render(request, template, again, status=422)
    except Conflict as conflict:
        return render(request, template, {**again, **conflict_of(conflict, make, form, before)}, status=409)
    response = HttpResponse(status=204)
    if outcome.change_set:
        toast(response, _("%(name)s was changed.") % {"name": record}, undo_url=reverse("crm:undo", args=[outcome.change_set.pk]))
    asking(response, outcome)
    return trigger(trigger(response, "changed"), "closeDialog")


def asking(response, outcome):
    """Let the bell open the dialog of what a rule proposes (R13)."""
    return trigger(response, "jobs") if outcome.proposals else response


def initial_texts(form):
    """Return each field's present value as the form would send it."""
    texts = {}
    for name in form.fields:
        value = form[name].value()
        value = getattr(value, "pk", getattr(value, "code", value))
        texts[name] = "" if value is None or value is False else "on" if value is True else str(value)
    return texts


def over_theirs(form, before, theirs):
    """Return what a form holds after a conflict: what the user changed of what they saw (`before`), and what they left as it was
    as the others have it now (`theirs`): saved again, it takes back only what was told beside one's own."""
    typed, seen = form.cleaned_data, before.cleaned_data
    left = {name for name, value in typed.items() if name in seen and seen[name] == value}
    return {name: theirs[name] if name in left else form[name].value() for name in form.fields}


def conflict_of(conflict, make, form, before, tell=words.of_field):
    """Return what the form shows of a conflict: what the user typed, the others' values in words, and the version to save over knowingly."""
    current = conflict.record
    current.refresh_from_db()
    now = initial_texts(make(instance=current, user=form.user))
    again = make(over_theirs(form, before, now), instance=current, user=form.user)
    return {"form": again, "theirs": [tell(current, name) for name in conflict.fields], "version": current.version, "was": now}


def add_errors(form, error):
    """Put what an action refused at the fields it is about; what has no field goes on top."""
    messages = error.message_dict if hasattr(error, "error_dict") else {None: error.messages}
    for name, texts in messages.items():
        for text in texts:
            form.add_error(name if name in form.fields else None, text)


@require_http_methods(["GET", "POST"])
def set_status(request, pk):
    """The lead status from its menu on the card; `was` is the one the menu showed as set (R17). What disqualifies asks why,
    what is taken up again asks when."""
    as_of = Change.objects.aggregate(last=Max("id"))["last"] or 0
    person = find(request, "persons", pk)
    data = request.GET if request.method == "GET" else request.POST
    text = data.get("status", "")
    status = LeadStatus.objects.filter(pk=text).first() if text.isdecimal() and len(text) < 19 else None
    if status is None:
        raise Http404
    question = StatusQuestion(status, data)
    asked = {
        "question": question,
        "status": status,
        "was": data.get("was", ""),
        "address": reverse("leads:set_status", args=[pk]),
    }
    if request.method == "GET":
        access.require_edit(person, request.user)
        return render(request, "leads/_ask_status.html", asked)
    current = person.lead_status
    if "was" in request.POST and current not in {None, status} and request.POST["was"] != str(current.pk):
        told = _("Somebody else has set it to %(theirs)s in the meantime. Choose %(mine)s again to replace that.")
        response = toast(HttpResponse(status=204), told % {"theirs": current.label, "mine": status.name}, level="error")
        return trigger(trigger(response, "changed"), "closeDialog")
    try:
        answer = question.answer()
    except ValidationError:
        return render(request, "leads/_ask_status.html", asked, status=422)
    try:
        outcome = actions.set_lead_status(person, status, by=request.user, via="card", as_of=as_of, **answer)
    except ValidationError as error:
        return toast(HttpResponse(status=204), " ".join(error.messages), level="error")
    response = HttpResponse(status=204)
    if outcome.change_set:
        text = _("%(name)s is now %(status)s") % {"name": person.name, "status": status.name}
        toast(response, text, undo_url=reverse("crm:undo", args=[outcome.change_set.pk]))
    return trigger(trigger(asking(response, outcome), "changed"), "closeDialog")


# --- New ------------------------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
def new(request, kind):
    """A new record: a page of its own, or in a dialog over the card one came from."""
    if request.user.role.edit == "none":
        raise PermissionDenied(_("Your role may not create records."))
    card = card_of(kind)
    make = card.new_form or card.form([one for one in card.fields if one not in card.not_new])
    form = make(request.POST or None, user=request.user, initial={"owner": request.user.pk, **card.initial(request)})
    if request.method == "POST" and form.is_valid():
        values = {key: value for key, value in form.values().items() if not (key == "category" and value is None)}
        try:
            record = card.create(values, by=request.user, via="form")
        except ValidationError as error:
            add_errors(form, error)
        else:
            say(request, _("%(name)s was created.") % {"name": record}, created_in(record))
            return redirect_to(request, record.get_absolute_url())
    context = {
        "form": form,
        "kind": kind,
        "card": card,
        "address": request.get_full_path(),
        "list_url": reverse(card.record.list_url),
    }
    template = "leads/_new.html" if wants_fragment(request) else "leads/new.html"
    return render(request, template, {**context, "in_dialog": wants_fragment(request)}, status=422 if form.is_bound else 200)


def created_in(record):
    """Return the change set that made this record."""
    return (
        Change.objects.select_related("change_set")
        .get(record_type=record.history.record_type, record_id=record.pk, op="i", field="")
        .change_set
    )


@require_GET
def similar(request, kind):
    """A quiet hint while one types: others of the same e-mail or name (I2, S6). Save anyway is allowed."""
    card, but = card_of(kind), request.GET.get("but", "")
    if card.similar is None:
        raise Http404
    found = card.similar(request.user, typed(card, request.GET.dict()), int(but) if but.isdecimal() and len(but) < 19 else None)
    return render(request, "leads/_similar.html", {"similar": found})


def typed(card, given):
    """Return what a form says without what its record has already, as its `was-…` tell; what is edited together stays together."""
    same = {name for name, text in given.items() if given.get(f"was-{name}") == text}
    same -= {name for names in card.together if not same.issuperset(names) for name in names}
    return {name: text for name, text in given.items() if name not in same}


@require_GET
def choices(request, kind):
    """Records whose name begins with what was typed, or which hold all of its words, for the searchable choice."""
    card = card_of(kind)
    text = request.GET.get("q", "").replace("\x00", "")[:100]
    visible = card.model._default_manager.visible_to(request.user)
    found = list(visible.filter(name_key__startswith=fold(text)).order_by("name_key")[:20])
    if len(found) < 20 and len(text) > 2:
        others = visible.filter(search.matching(card.record, text)).exclude(pk__in=[one.pk for one in found])
        found += list(others.order_by("name_key")[: 20 - len(found)])
    shown = search.shown(card.record, [one.pk for one in found])
    return JsonResponse([{"id": one.pk, "name": str(one), "detail": shown[one.pk][1]} for one in found], safe=False)


# --- Deleting --------------------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
def delete(request, kind, pk):
    """The dialog that names what goes along, and the deed; it waits in the bin and can be undone."""
    access.require(request.user, "may_delete")
    record = find(request, kind, pk)
    access.require_edit(record, request.user)
    persons, former = number_and_former(Person.objects.filter(company=record)) if isinstance(record, Company) else (0, 0)
    if reason := actions.kept_back(record.history.record_type, [record.pk], request.user).get(record.pk):
        raise PermissionDenied(reason)
    if request.method == "GET":
        along, without = (actions.along(record.history.record_type, [record.pk], keep_persons=keep) for keep in (False, True))
        context = {"record": record, "kind": kind, "persons": persons, "along": along, "without_persons": without,
                   "former": told_former(former) if former else ""}  # fmt: skip
        return render(request, "leads/_delete.html", context | {"days": settings.BIN_DAYS})
    keep = request.POST.get("keep_persons") == "1"
    outcome = actions.delete(record, by=request.user, via="card", **({"keep_persons": keep} if kind == "companies" else {}))
    if not outcome.changed and outcome.left:
        return trigger(toast(HttpResponse(status=204), outcome.left[0][1], level="error"), "closeDialog")
    say(request, _("%(name)s was deleted.") % {"name": record}, outcome.change_set)
    return redirect_to(request, reverse(card_of(kind).record.list_url))
