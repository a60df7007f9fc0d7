"""The cards of companies and persons (W1, W2): seen, edited in place, created, deleted."""

from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Max
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from crm import access
from crm.history import words
from crm.history.changes import Conflict
from crm.history.models import Change
from crm.models import ExternalId
from crm.tables.pages import neighbours
from crm.text import fold
from crm.web.htmx import redirect_to, say, toast, trigger
from leads import actions, lifecycle
from leads.forms import FIELDS, form_class
from leads.models import Company, LeadStatus, Person

RELATED = {Person: ("company__category__group", "category__group", "lead_status", "owner", "source"),
           Company: ("category__group", "owner", "industry")}  # fmt: skip
#: What a card lists at the left, in this order (W1, W2).
FACTS = {
    Person: ("category", "lead_status", "owner", "company", "title", "email", "phone", "mobile", "source", "former_employee"),
    Company: ("category", "owner", "email", "phone", "website", "street", "postal_code", "city", "country", "industry", "number",
              "stop", "no_mailings"),
}  # fmt: skip
MODELS = {"persons": Person, "companies": Company}


def find(request, kind, pk):
    """Return the record with all a card shows, or raise Http404."""
    model = MODELS[kind]
    return get_object_or_404(model.objects.visible_to(request.user).select_related(*RELATED[model]), pk=pk)


def may_edit(request, record):
    return access.editable(type(record).objects.filter(pk=record.pk), request.user).exists()


def context_of(request, kind, record):
    """Return what the card's parts show."""
    category = record.category
    return {
        "kind": kind, "record": record, "category": category, "editable": may_edit(request, record), "facts": facts_of(request, record),
        "why_no_status": lifecycle.why_no_status(category) if kind == "persons" else "",
        "statuses": LeadStatus.objects.selectable() if kind == "persons" else [],
        "tabs": tabs_of(kind), "tab": request.GET.get("tab") or tabs_of(kind)[0][0],
    }  # fmt: skip


def tabs_of(kind):
    """Return the (key, label) of a card's section tabs."""
    own = [("persons", _("Persons"))] if kind == "companies" else []
    return [*own, ("timeline", _("Timeline")), ("history", _("History")), ("details", _("Details"))]


def facts_of(request, record):
    """Return the fields at the left of a card: name, label, how to show it, and whether it is edited in place here."""
    facts = []
    for name in FACTS[type(record)]:
        described = type(record)._meta.get_field(name)
        label = str(described.verbose_name)
        fact = {"name": name, "label": label[:1].upper() + label[1:], "value": getattr(record, name), "editable": True}
        if name == "lead_status" and not record.is_lead:
            continue  # R6: the field disappears; the hint beside the category says why
        if name == "category" and isinstance(record, Person) and record.company_id:
            fact["editable"] = False  # R4
        facts.append(fact)
    return facts


@require_GET
def card(request, kind, pk):
    record = find(request, kind, pk)
    beside = neighbours(request, record.history.record_type, pk)
    return render(
        request, "leads/card.html", {**context_of(request, kind, record), "beside": beside, "tab_query": tab_query(request)}
    )


def tab_query(request):
    """Return what a tab's address keeps of this one: the list one came from."""
    query = request.GET.copy()
    query.pop("tab", None)
    return f"&{query.urlencode()}" if query else ""


@require_GET
def facts(request, kind, pk):
    """The left side of the card, alone: it loads itself again after a change."""
    return render(request, "leads/_facts.html", context_of(request, kind, find(request, kind, pk)))


@require_GET
def head(request, kind, pk):
    return render(request, "leads/_head.html", {**context_of(request, kind, find(request, kind, pk)), "beside": None})


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
    if name not in FIELDS[type(record)]:
        raise Http404
    access.require_edit(record, request.user)
    names = ("first_name", "last_name") if name in {"first_name", "last_name"} else (name,)
    return edit(request, kind, record, names, "leads/_fact_form.html")


@require_http_methods(["GET", "POST"])
def edit_all(request, kind, pk):
    """All fields in one form, in the dialog."""
    record = find(request, kind, pk)
    access.require_edit(record, request.user)
    names = [one for one in FIELDS[type(record)] if not (one == "lead_status" and not record.is_lead)]
    if kind == "persons" and record.company_id:
        names.remove("category")
    return edit(request, kind, record, names, "leads/_edit.html")


def edit(request, kind, record, names, template):
    model = type(record)
    make = form_class(model, names)
    action = actions.edit_person if model is Person else actions.edit_company
    context = {"kind": kind, "record": record, "name": names[0]}
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
        return render(request, template, {**again, **conflict_of(conflict, names, request.user)}, status=409)
    response = HttpResponse(status=204)
    if outcome.change_set:
        toast(response, _("%(name)s was changed.") % {"name": record}, undo_url=reverse("crm:undo", args=[outcome.change_set.pk]))
    return trigger(trigger(response, "changed"), "closeDialog")


def initial_texts(form):
    """Return each field's present value as the form would send it."""
    texts = {}
    for name in form.fields:
        value = form[name].value()
        value = getattr(value, "pk", getattr(value, "code", value))
        texts[name] = "" if value is None or value is False else "on" if value is True else str(value)
    return texts


def conflict_of(conflict, names, user):
    """Return what the form shows of a conflict: the others' values, and the version to save over knowingly."""
    current = conflict.record
    current.refresh_from_db()
    theirs = []
    for name in conflict.fields:
        label = str(type(current)._meta.get_field(name).verbose_name)
        value = getattr(current, name)
        theirs.append((label[:1].upper() + label[1:], getattr(value, "label", value) or _("nothing")))
    fresh = form_class(type(current), names)(instance=current, user=user)
    return {"theirs": theirs, "version": current.version, "was": initial_texts(fresh)}


def add_errors(form, error):
    """Put what an action refused at the fields it is about; what has no field goes on top."""
    messages = error.message_dict if hasattr(error, "error_dict") else {None: error.messages}
    for name, texts in messages.items():
        for text in texts:
            form.add_error(name if name in form.fields else None, text)


@require_POST
def set_status(request, pk):
    """The lead status from its menu on the card; `was` is the one the menu showed as set (R17)."""
    as_of = Change.objects.aggregate(last=Max("id"))["last"] or 0
    person = find(request, "persons", pk)
    text = request.POST.get("status", "")
    status = LeadStatus.objects.filter(pk=text).first() if text.isdecimal() and len(text) < 19 else None
    if status is None:
        raise Http404
    current = person.lead_status
    if "was" in request.POST and current not in {None, status} and request.POST["was"] != str(current.pk):
        told = _("Somebody else has set it to %(theirs)s meanwhile. Choose %(mine)s again to replace that.")
        response = toast(HttpResponse(status=204), told % {"theirs": current.label, "mine": status.name}, level="error")
        return trigger(response, "changed")
    try:
        outcome = actions.set_lead_status(person, status, by=request.user, via="card", as_of=as_of)
    except ValidationError as error:
        return toast(HttpResponse(status=204), " ".join(error.messages), level="error")
    response = HttpResponse(status=204)
    if outcome.change_set:
        text = _("%(name)s is now %(status)s") % {"name": person.name, "status": status.name}
        toast(response, text, undo_url=reverse("crm:undo", args=[outcome.change_set.pk]))
    return trigger(response, "changed")


# --- New ------------------------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
def new(request, kind):
    if request.user.role.edit == "none":
        raise PermissionDenied(_("Your role may not create records."))
    model = MODELS[kind]
    names = [one for one in FIELDS[model] if one not in {"lead_status", "former_employee"}]
    make = form_class(model, names)
    company = request.GET.get("company", "")
    initial = {"owner": request.user.pk}
    if company.isdecimal() and len(company) < 19:
        initial["company"] = company
    form = make(request.POST or None, user=request.user, initial=initial)
    if request.method == "POST" and form.is_valid():
        values = {key: value for key, value in form.values().items() if not (key == "category" and value is None)}
        create = actions.create_person if model is Person else actions.create_company
        try:
            record = create(values, by=request.user, via="form")
        except ValidationError as error:
            add_errors(form, error)
        else:
            say(request, _("%(name)s was created.") % {"name": record})
            return redirect_to(request, record.get_absolute_url())
    status = 422 if form.is_bound else 200
    return render(request, "leads/new.html", {"form": form, "kind": kind}, status=status)


@require_GET
def similar(request, kind):
    """A quiet hint while one types a new record: others of the same e-mail or name (I2). Save anyway is allowed."""
    query = request.GET
    found: list = []
    if kind == "persons":
        visible = Person.objects.visible_to(request.user)
        if email := query.get("email", "").strip().lower()[:254]:
            found = list(visible.filter(email_key=email)[:3])
        if not found and query.get("last_name", "").strip():
            keys = lifecycle.person_keys(query.get("first_name", "")[:100], query["last_name"][:100], "")
            found = list(visible.filter(name_key=keys["name_key"])[:3])
    elif name := fold(query.get("name", "")[:200]):
        found = list(Company.objects.visible_to(request.user).filter(name_key=name)[:3])
    return render(request, "leads/_similar.html", {"found": found})


@require_GET
def company_choices(request):
    """Companies whose name holds what was typed, for the searchable choice."""
    text = fold(request.GET.get("q", "").replace("\x00", "")[:100])
    visible = Company.objects.visible_to(request.user)
    begins = list(visible.filter(name_key__startswith=text).order_by("name_key")[:20])
    if len(begins) < 20 and len(text) > 2:
        begins += list(
            visible.filter(name_key__contains=text)
            .exclude(pk__in=[c.pk for c in begins])
            .order_by("name_key")[: 20 - len(begins)]
        )
    return JsonResponse([{"id": one.pk, "name": one.name, "detail": one.city} for one in begins], safe=False)


# --- Deleting --------------------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
def delete(request, kind, pk):
    """The dialog that names what goes along, and the deed; it waits in the bin and can be undone."""
    access.require(request.user, "may_delete")
    record = find(request, kind, pk)
    access.require_edit(record, request.user)
    persons = Person.objects.filter(company=record, deleted_at=None).count() if kind == "companies" else 0
    if request.method == "GET":
        along = actions.along(record.history.record_type, [record.pk])
        return render(request, "leads/_delete.html", {"record": record, "kind": kind, "persons": persons, "along": along})
    keep = request.POST.get("keep_persons") == "1"
    outcome = actions.delete(record, by=request.user, via="card", **({"keep_persons": keep} if kind == "companies" else {}))
    say(request, _("%(name)s was deleted.") % {"name": record}, outcome.change_set)
    return redirect_to(request, reverse(f"leads:{kind}"))
