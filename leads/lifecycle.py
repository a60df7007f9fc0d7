"""When lead status applies, and what a change of category does to the persons (R2–R8).

The copies a person carries (effective category, `is_lead`, the company's key and country) are written here and nowhere
else. Every function works on ids, in set operations, inside the caller's change set.
"""

from collections import defaultdict
from collections.abc import Callable

from django.db.models import Case, F, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm import search
from crm.database import update_many
from crm.history.changes import chunks, running_id
from crm.history.hooks import derived_by, guarded_by, weighed_by
from crm.history.models import Change, ChangeSet
from crm.locks import lock_rows
from crm.text import fold
from leads.models import Category, CategoryGroup, Company, LeadStatus, Person

#: The fields a record is found by in the global search.
SEARCHED = {
    Company: {"name", "number", "email", "phone", "website", "city"},
    Person: {"first_name", "last_name", "email", "phone", "mobile", "company"},
}


def default_status():
    """Return the status new leads start with (R5); there is always one (a system check holds it)."""
    return LeadStatus.objects.get(is_default=True)


def default_category():
    """Return the category of a person who has no company and was given none (settled 3)."""
    return Category.objects.get(is_default=True)


def why_no_status(category):
    """Return why lead status does not apply in this category (R6), or an empty text where it does."""
    if category.lead_status_enabled:
        return ""
    if category.group_id != CategoryGroup.POTENTIAL:
        return _("No lead status: the category %(category)s is not a potential customer.") % {"category": category.name}
    return _("No lead status: the category %(category)s has lead status switched off.") % {"category": category.name}


def with_status(status):
    """Return what is written with this lead status: since when, and that a reason to disqualify goes unless it is of that kind."""
    return {"lead_status": status, "lead_status_since": timezone.now(), **reason_with(status)}


def reason_with(status):
    return {} if status.kind == LeadStatus.Kind.DISQUALIFIED else {"disqualify_reason": None}


def person_keys(first_name, last_name, email):
    """Return the stored keys of a person: last name first, because lists sort by it (settled 16)."""
    return {"name_key": fold(f"{last_name} {first_name}"), "email_key": (email or "").strip().lower()}


def company_keys(name, city):
    return {"name_key": fold(name), "city_key": fold(city)}


def begin(person, category, default, now):
    """Fill what a new person's row follows from: the effective category (R4, R5), the company, the names."""
    person.category_id, person.is_lead = category.pk, category.lead_status_enabled
    if person.is_lead and person.lead_status_id is None:
        person.lead_status = default
    person.lead_status_since = now if person.lead_status_id else None
    if person.company_id:
        person.company_key, person.country = person.company.name_key, str(person.company.country or "")
    for key, value in person_keys(person.first_name, person.last_name, person.email).items():
        setattr(person, key, value)


def settle(person_ids, came_from=None):
    """Let persons follow their effective category: the copies, and what R7 says of the lead status.

    A person's copy still holds the category they come from; `came_from` (id -> category id) tells it where the copy was
    already written.
    """
    came_from = came_from or {}
    categories = Category.objects.in_bulk()
    for ids in chunks(sorted(person_ids)):
        persons = Person.objects.filter(pk__in=ids)
        lock_rows(persons)
        moves = defaultdict(list)
        rows = persons.values_list("pk", "category_id", "company__category_id", "is_lead")
        for pk, own, companys, is_lead in rows:
            old, new = came_from.get(pk, own), companys or own
            if old != new or own != new or is_lead != categories[new].lead_status_enabled:
                moves[old, new].append(pk)
        for (old, new), moved in moves.items():
            entered = Person.objects.filter(pk__in=moved)
            entered.update(category_id=new, is_lead=categories[new].lead_status_enabled)
            give_status(entered, categories[new], outside=old != new and categories[old].group_id != CategoryGroup.POTENTIAL)
        copy_from_company(persons)


def give_status(persons, category, *, outside):
    """Give persons who entered this category the default status where R7 says so; all others keep what is stored."""
    if not category.lead_status_enabled:
        return
    default = default_status()
    needs = Q(lead_status=None)
    if category.start_over and outside:
        needs |= ~Q(lead_status=default)
    persons.filter(needs).update(**with_status(default), **Person.edited())


def copy_from_company(persons):
    """Write the company's key and country to these persons."""
    lock_rows(persons)
    company = Company.objects.filter(pk=OuterRef("company_id"))
    persons.update(
        company_key=Coalesce(Subquery(company.values("name_key")[:1]), Value("")),
        country=Coalesce(Subquery(company.values("country")[:1]), Value("")),
    )


#: functions(company ids): what upper floors keep of a company's name; see follows_name.
_follow_name: list[Callable] = []


def follows_name(function):
    """Register function(company ids): rewrite what is found or sorted by the names of these companies."""
    _follow_name.append(function)
    return function


def renamed(company_ids):
    """Let everything follow that is found by these companies' names."""
    search.refresh("person", persons_of(company_ids))
    for function in _follow_name:
        function(company_ids)


def persons_of(company_ids):
    """Return the ids of all persons of these companies, those in the bin included: they follow as well."""
    found = []
    for ids in chunks(sorted(company_ids)):
        found += Person.objects.filter(company__in=ids).values_list("pk", flat=True)
    return found


@derived_by("person")
def derive_persons(ids):
    """Recompute everything a person's row derives from others, and their search text. Stored lead statuses stay as they are; who
    came while none applied, and is a lead now, begins at the default one (R7)."""
    for chunk in chunks(sorted(ids)):
        persons = Person.objects.filter(pk__in=chunk)
        rewritten = []
        for person in persons.only("first_name", "last_name", "email", "name_key", "email_key"):
            keys = person_keys(person.first_name, person.last_name, person.email)
            if keys != {"name_key": person.name_key, "email_key": person.email_key}:
                person.name_key, person.email_key = keys["name_key"], keys["email_key"]
                rewritten.append(person)
        if rewritten:
            _write_keys(Person, rewritten, ["name_key", "email_key"])
        company = Company.objects.filter(pk=OuterRef("company_id"))
        persons.filter(lead_status=None).exclude(lead_status_since=None).update(lead_status_since=None)
        _date_back(chunk)
        # A reason may be left alone with a status that an undo brought back.
        others = LeadStatus.objects.exclude(kind=LeadStatus.Kind.DISQUALIFIED).values_list("pk", flat=True)
        unfounded = Q(lead_status=None) | Q(lead_status__in=list(others))
        persons.filter(unfounded).exclude(disqualify_reason=None).update(disqualify_reason=None)
        behind = Person.objects.filter(pk__in=drift(chunk))  # a row is written anew with all its indexes; hardly one has to be
        behind.filter(company__isnull=False).update(category_id=Subquery(company.values("category_id")[:1]))
        enabled = list(Category.objects.filter(lead_status_enabled=True).values_list("pk", flat=True))
        behind.update(is_lead=Case(When(category_id__in=enabled, then=Value(True)), default=Value(False)))
        without = persons.filter(is_lead=True, lead_status=None)
        if without.exists():
            without.update(lead_status=default_status(), lead_status_since=timezone.now(), **Person.edited())
        copy_from_company(behind)
        search.refresh("person", chunk)


def _date_back(ids):
    """Tell of those to whom this undo has given a lead status back since when they have it: since it was given, not since now."""
    running = running_id()
    told = Change.objects.filter(record_type="person", record_id__in=ids, field="lead_status")
    written = set(told.filter(change_set=running).values_list("record_id", flat=True)) if running else ()
    if not written:
        return
    entries = defaultdict(list)
    for record_id, *entry in told.filter(record_id__in=written).order_by("id").values_list("record_id", "new", "change_set_id"):
        entries[record_id].append(entry)
    sets: dict[int, tuple] = {}  # of many entries they are few: joined to each, they would be most of what an undo of many costs
    for some in chunks(sorted({pk for each in entries.values() for _new, pk in each})):
        found = ChangeSet.objects.filter(pk__in=some).values_list("pk", "at", "undoes_id", "parent_id", "parent__parent_id")
        sets |= {pk: about for pk, *about in found}
    persons = Person.objects.filter(pk__in=written).exclude(lead_status=None).values_list("pk", "created_at")
    rows = [(pk, _given_at(entries[pk], sets) or created_at) for pk, created_at in persons]
    update_many(Person, rows, ["lead_status_since"], edited=False)


def _given_at(entries, sets):
    """Return since when a person has their lead status, by all that their history tells of it: an undo brings its age back, too."""
    before: dict[int, tuple] = {}  # change set: (status, since when) as it was when the change set, or one it set off, came
    status, since = None, None
    for new, given in entries:
        at, undoes, *above = sets[given]
        for pk in (given, *above):
            before.setdefault(pk, (status, since))
        back = before.get(undoes or given)
        status, since = back if back and back[0] == new else (new, at)
    return since


@derived_by("company")
def derive_companies(ids):
    """Recompute a company's keys and search text, and what its persons copy from it."""
    for chunk in chunks(sorted(ids)):
        rewritten = []
        for company in Company.objects.filter(pk__in=chunk).only("name", "city", "name_key", "city_key"):
            keys = company_keys(company.name, company.city)
            if keys != {"name_key": company.name_key, "city_key": company.city_key}:
                company.name_key, company.city_key = keys["name_key"], keys["city_key"]
                rewritten.append(company)
        if rewritten:
            _write_keys(Company, rewritten, ["name_key", "city_key"])
        search.refresh("company", chunk)
        for function in _follow_name:
            function([company.pk for company in rewritten])
    derive_persons(drift(persons_of(ids)))


def _write_keys(model, records, names):
    update_many(model, [(record.pk, *(getattr(record, name) for name in names)) for record in records], names, edited=False)


@derived_by("category")
def derive_by_category(ids):
    """Let the persons in these categories follow, after an undo in the lists."""
    for category in Category.objects.filter(pk__in=ids):
        for chunk in chunks(persons_behind(category)):
            follow(category, chunk)


def persons_behind(category):
    """Return the ids of the persons of this category who do not yet follow its *enable lead status*."""
    behind = Person.objects.filter(category=category, is_lead=not category.lead_status_enabled)
    return list(behind.order_by("pk").values_list("pk", flat=True))


def follow(category, ids):
    """Let persons follow a category whose *enable lead status* was switched (R8): who has no status gets the default one."""
    persons = Person.objects.filter(pk__in=ids, category=category)
    persons.update(is_lead=category.lead_status_enabled)
    give_status(persons, category, outside=False)


@weighed_by
def persons_of_switched_categories(change_sets):
    """Count the persons whose copies an undo of switching lead status on or off rewrites."""
    switched = Change.objects.filter(change_set__in=change_sets, record_type="category", field="lead_status_enabled", op="u")
    return Person.objects.filter(category__in=switched.values("record_id")).count() if switched.exists() else 0


def belongs_to_company(model, sentence):
    """Guard the records of a company against an undo that would put only one of the two into the bin (R18).

    A company is left while records are there that would not go along; `sentence` says so. Records are left that would come
    back to a company that is in the bin.
    """
    record_type = model.history.record_type

    @guarded_by("company")
    def would_be_stranded(plans):
        plan, own = plans["company"], plans.get(record_type)
        going = plan.going()
        there = model._default_manager.filter(company__in=going, deleted_at=None)
        if own:
            leaving = {pk for pk, deleted_at in own.becomes("deleted_at").items() if deleted_at}
            leaving |= own.becomes("company").keys() | own.created
            there = there.exclude(pk__in=leaving)
        return dict.fromkeys(there.values_list("company_id", flat=True), str(sentence))

    @guarded_by(record_type)
    def company_is_in_the_bin(plans):
        plan = plans[record_type]
        back = plan.becomes("deleted_at")
        moved = {pk: int(company) if company else None for pk, company in plan.becomes("company").items()}
        ids = [pk for pk in {*back, *moved} if not back.get(pk)]
        rows = model._default_manager.filter(pk__in=ids).values_list("pk", "company_id", "deleted_at")
        companies = {pk: moved.get(pk, company) for pk, company, deleted_at in rows if pk in back or deleted_at is None}
        deleted = Company.objects.filter(pk__in=filter(None, companies.values())).exclude(deleted_at=None)
        gone = set(deleted.values_list("pk", flat=True))
        if company_plan := plans.get("company"):
            becomes = company_plan.becomes("deleted_at")
            gone -= {pk for pk, deleted_at in becomes.items() if not deleted_at}
            gone |= {pk for pk, deleted_at in becomes.items() if deleted_at} | company_plan.created
        return dict.fromkeys((pk for pk, company in companies.items() if company in gone), _("The company is in the bin."))


belongs_to_company(Person, gettext_lazy("There are persons at this company."))


@guarded_by("person")
def would_lose_their_own_category(plans):
    """Leave persons who would go back to a company, but were given a category of their own since they left it: there it would go (R16)."""
    back = [pk for pk, company in plans["person"].becomes("company").items() if company]
    told = Change.objects.filter(record_type="person", op="u").exclude(change_set__state=ChangeSet.State.FAILED).order_by("id")
    refused = {}
    for ids in chunks(sorted(back)):
        left: dict[int, int] = {}  # person: the change set by which they left
        entries = told.filter(record_id__in=ids, field__in=("company", "category"))
        for pk, field, *sets in entries.values_list("record_id", "field", "change_set_id", "change_set__parent_id"):
            if field == "company":
                left[pk] = sets[0]
                refused.pop(pk, None)
            elif pk in left and left[pk] not in sets:
                label = Person._meta.get_field("category").verbose_name
                refused[pk] = _("“%(field)s” was changed again later.") % {"field": label}
    return refused


def drift(ids=None):
    """Return the ids of persons, of these or of all, whose copies differ from what they copy; there should be none."""
    wrong = Q(company__isnull=False) & (
        ~Q(category=F("company__category")) | ~Q(company_key=F("company__name_key")) | ~Q(country=F("company__country"))
    )
    wrong |= ~Q(is_lead=F("category__lead_status_enabled"))
    wrong |= Q(company=None) & (~Q(company_key="") | ~Q(country=""))
    persons = Person.objects.filter(wrong).order_by("pk").values_list("pk", flat=True)
    return list(persons) if ids is None else [pk for chunk in chunks(ids) for pk in persons.filter(pk__in=chunk)]
