"""Every change to sales, for one or for many (R14). Shaped like leads.actions.

A sale is open or stalled until it is won or lost; only opening it again leads back. What a status needs (a day, a reason) and what
it leaves behind is written once, in `_check_status` and `_become`, for cards, lists and the API alike.
"""

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from activities import actions as activities
from activities.models import Activity
from crm import access, external_ids, search
from crm.history.changes import Outcome, act, change, chunks
from crm.history.models import Change
from crm.locks import lock_rows
from crm.models import User
from crm.web import formats
from leads import actions as leads
from leads.automation import as_one
from leads.models import Company, LeadStatus, Person, validators
from sales import automation, bulk, lifecycle
from sales.models import Sale, SaleReason, SaleStage
from sales.money import Rates

FIELDS = ("name", "company", "person", "type", "stage", "amount", "currency", "expected_on", "owner", "source", "status", "closed_on",
          "reason", "reopen_on")  # fmt: skip
#: Those that can be changed without another one.
FIELDS_ALONE = tuple(name for name in FIELDS if name not in {"company", "person", "status", "closed_on", "reason", "reopen_on"})
Status = Sale.Status

delete, restore, set_owner, along = leads.delete, leads.restore, leads.set_owner, leads.along


# --- Creating ---------------------------------------------------------------------------------------------------------


def create_sale(values, *, by, via, qualify=False, outcome=None) -> Sale:
    """Create one sale; see create_sales. `qualify` gives its person the lead status *Qualified*, under the same change set."""
    return create_sales([values], by=by, via=via, qualify=qualify, outcome=outcome)[0]


def create_sales(many, *, by, via, qualify=False, outcome=None) -> list[Sale]:
    """Create sales from dicts of field values and return them, under one change set.

    Without a company it is the person's; without a stage the first one, without a currency the base currency, without an owner
    `by`. A sale that ended before it came here may be created as won or lost. An `outcome` that is given gets what rules propose.
    """
    leads.may_create(by)
    outcome = outcome or Outcome()
    rates, first_stage = Rates(), None
    made, ids = [], []
    for given in many:
        values = {name: value for name, value in given.items() if name != external_ids.FIELD}
        leads.known(FIELDS, values)
        ids.append(given.get(external_ids.FIELD))
        sale = Sale(**{"owner": by, "currency": rates.currencies[0], **values})
        if sale.person_id and not sale.company_id:
            sale.company_id = sale.person.company_id
        if sale.stage_id is None:
            first_stage = first_stage or SaleStage.objects.selectable().first()
            if first_stage is None:
                raise ValidationError({"stage": _("There is no stage to begin with; an administrator can add one.")})
            sale.stage = first_stage
        _clean(sale, {"name": sale.name, "currency": sale.currency, **values}, by)
        if sale.status != Status.OPEN:
            _check_status(sale)
        lifecycle.fill(sale, rates, sale.stage.probability)
        made.append(sale)
    params = {"count": len(made)} | ({"name": made[0].name} if len(made) == 1 else {})
    with change("sale.create", by=by, via=via, params=params):
        leads.hold_companies({sale.company_id for sale in made})
        Sale.objects.bulk_create(made, batch_size=1_000)
        leads.write_external_ids(made, ids)
        # A stage's probability or a rate may have changed since it was read.
        behind = set(lifecycle.refresh([sale.pk for sale in made]))
        for sale in made:
            if sale.pk in behind:
                sale.refresh_from_db()
        search.refresh("sale", [sale.pk for sale in made])
        with as_one(by=by, via=via, outcome=outcome):
            if qualify:
                _qualify({sale.person_id for sale in made if sale.person_id}, by, via)
            automation.tell(made, registered=True, by=by, via=via, outcome=outcome)
    return made


def _qualify(person_ids, by, via):
    """Let persons who have a sale be qualified leads, as far as `by` may change them and lead status applies."""
    qualified = LeadStatus.objects.selectable().filter(kind=LeadStatus.Kind.QUALIFIED).first()
    persons = access.editable(Person.objects.leads().filter(pk__in=person_ids), by)
    ids = list(persons.exclude(lead_status__kind=LeadStatus.Kind.QUALIFIED).values_list("pk", flat=True))
    if qualified and ids:
        leads.set_lead_status(Person.objects.filter(pk__in=ids), qualified, by=by, via=via)


# --- Editing ----------------------------------------------------------------------------------------------------------


def edit_sale(sale, values, *, by, via, version=None, was=None) -> Outcome:
    """Change fields of one sale, also its status with what that needs; versions as in leads.actions.edit."""

    def after(current, changed, outcome):
        if "status" in changed:
            automation.tell([current], by=by, via=via, outcome=outcome)

    def before():
        _hold_companies([sale.pk], values.get("status"))

    how = {"by": by, "via": via, "version": version, "was": was}
    return leads.edit(sale, values, names=FIELDS, write=_write, before=before, after=after, **how)


def edit_sales(sales, name, new, **how) -> Outcome:
    """Change one field of many sales; see leads.actions.edit_many. What becomes of them is another action's, see win and lose."""
    return leads.edit_many(sales, name, new, names=FIELDS_ALONE, checks=_checks, write=bulk.update_sales, **how)


def _checks(sales, name):
    """Return how the values of these sales are checked; all that it takes is read once."""
    closers = _closers([sale.pk for sale in sales if sale.is_closed]) if name == "stage" else {}
    stages, rates, reasons = SaleStage.objects.in_bulk(), Rates(), SaleReason.objects.in_bulk()

    def check(sale, changed, by):
        if "stage" in changed and sale.is_closed:
            raise ValidationError({"stage": _already(sale, closers)})
        if sale.reason_id:
            sale.reason = reasons[sale.reason_id]
        for name, value in changed.items():
            setattr(sale, name, value)
        _clean(sale, changed, by)
        _check_status(sale, sale)
        lifecycle.fill(sale, rates, stages[sale.stage_id].probability)

    return check


def _write(current, changed, by):
    """Write changed fields of one locked sale, and what follows from them."""
    before = Sale.objects.get(pk=current.pk)
    if "stage" in changed and before.is_closed and "status" not in changed:
        raise ValidationError({"stage": _already(before)})
    status = changed.get("status", current.status)
    if status != current.status:
        _may_become(before, status)
        _become(current, status)
    for name, value in changed.items():
        setattr(current, name, value)
    _clean(current, changed, by)
    _check_status(current, before)
    lifecycle.fill(current, Rates(), current.stage.probability)
    names = {*changed, "closed_on", "reason", "reopen_on", "status", "name_key", "base_cents", "weighted_cents"}
    columns = {(field := Sale._meta.get_field(name)).attname: getattr(current, field.attname) for name in names}
    Sale.objects.filter(pk=current.pk).update(**columns, **Sale.edited())
    if changed.keys() & {"name", "company"}:
        search.refresh("sale", [current.pk])
    if current.reopen_on is None:
        _no_reminder({current.pk: before}, by)
    elif current.reopen_on != before.reopen_on:
        _follow_up(current, by, before)


def _clean(sale, values, by):
    """Raise ValidationError by field unless the given values may stand in the sale."""
    errors: dict[str, list] = {}
    try:
        leads.clean(sale, values, by, required=("name",))
    except ValidationError as error:
        errors.update(error.message_dict)
    if sale.company_id is None:
        errors["company"] = [_("A sale belongs to a company.")]
    elif sale.person_id and ("person" in values or "company" in values) and sale.person.company_id != sale.company_id:
        errors["person"] = [_("%(name)s is not at the company %(company)s.") % {"name": sale.person, "company": sale.company}]
    if sale.stage_id is None:
        errors["stage"] = [_("A sale is always at a stage; choose another one.")]
    for name in ("expected_on", "closed_on", "reopen_on"):
        day = values.get(name)
        if day is None:
            continue
        try:
            validators.day(day)
        except ValidationError as error:
            errors[name] = error.messages
    if errors:
        raise ValidationError(errors)


def _check_status(sale, before=None):
    """Raise ValidationError by field unless the sale has what its status needs, and nothing else."""
    today = timezone.localdate()
    errors = {}
    if sale.is_closed:
        if sale.closed_on is None:
            errors["closed_on"] = _("Say when it was closed.")
        elif sale.closed_on > today:
            errors["closed_on"] = _("This day is still to come.")
        elif before is not None and sale.closed_on != before.closed_on and sale.closed_on < timezone.localdate(sale.created_at):
            errors["closed_on"] = _created_later(sale)
        if sale.status == Status.LOST and sale.reason_id is None:
            errors["reason"] = _("Say why it was lost.")
        # A reason may have been made one of other sales since: who has it keeps it.
        elif sale.reason_id and _is_new(sale, before) and sale.reason.outcome != sale.status:
            errors["reason"] = _("This is no reason of such a sale; choose another one.")
    else:
        if sale.closed_on:
            errors["closed_on"] = _("Only a won or lost sale has been closed.")
        if sale.reason_id:
            errors["reason"] = _("Only a won or lost sale has a reason.")
    if sale.reopen_on and sale.status != Status.STALLED:
        errors["reopen_on"] = _("Only a stalled sale is opened again on a day.")
    elif sale.reopen_on and sale.reopen_on < today and (before is None or before.reopen_on != sale.reopen_on):
        errors["reopen_on"] = _("This day has passed.")
    if errors:
        raise ValidationError(errors)


def _is_new(sale, before):
    """Tell whether the sale is given its reason now."""
    return before is None or (before.status, before.reason_id) != (sale.status, sale.reason_id)


# --- What becomes of a sale -------------------------------------------------------------------------------------------


def win(sales, *, by, via, closed_on=None, reason=None, as_of=None, progress=None) -> Outcome:
    """Mark sales as won, today unless on another day. One that somebody else has closed meanwhile is left, and told."""
    return _set_status(sales, Status.WON, "sale.win", by, via, closed_on, reason, None, as_of, progress)


def lose(sales, *, by, via, reason, closed_on=None, as_of=None, progress=None) -> Outcome:
    """Mark sales as lost, for this reason."""
    return _set_status(sales, Status.LOST, "sale.lose", by, via, closed_on, reason, None, as_of, progress)


def stall(sales, *, by, via, reopen_on=None, as_of=None, progress=None) -> Outcome:
    """Let sales rest; with a day to go on a follow-up is planned for it."""
    return _set_status(sales, Status.STALLED, "sale.stall", by, via, None, None, reopen_on, as_of, progress)


def reopen(sales, *, by, via, as_of=None, progress=None) -> Outcome:
    """Open stalled, won or lost sales again."""
    return _set_status(sales, Status.OPEN, "sale.reopen", by, via, None, None, None, as_of, progress)


def _set_status(sales, status, action, by, via, on, reason, reopen_on, as_of, progress):
    if reason is not None:
        leads.selectable(reason, "reason")
    example = Sale()
    _become(example, status)
    example.closed_on, example.reason, example.reopen_on = on or example.closed_on, reason, reopen_on
    _check_status(example)

    def step(ids, outcome):
        _hold_companies(ids, status)
        ids = leads.editable(Sale, ids, by, outcome)
        ids = leads.unchanged_since(as_of, "sale", "status", ids, outcome)
        rates, written, on_no_day = Rates(), [], {}
        # They are locked by now: of two who close a sale at the same moment the second finds what the first has made of it.
        rows = Sale.objects.filter(pk__in=ids, deleted_at=None)
        for sale in rows.select_related("stage", "company", "owner").order_by("pk"):
            before = Sale(status=sale.status, reopen_on=sale.reopen_on, name=sale.name)
            if (sale.status, sale.reopen_on) == (status, reopen_on) and not sale.is_closed:
                continue
            try:
                _may_become(sale, status)
            except ValidationError as error:
                outcome.leave([sale.pk], " ".join(error.messages))
                continue
            if on and on < timezone.localdate(sale.created_at):
                outcome.leave([sale.pk], _created_later(sale))
                continue
            _become(sale, status)
            sale.closed_on, sale.reason, sale.reopen_on = on or sale.closed_on, reason, reopen_on
            lifecycle.fill(sale, rates, sale.stage.probability)
            names = ("status", "closed_on", "reason_id", "reopen_on", "base_cents", "weighted_cents")
            Sale.objects.filter(pk=sale.pk).update(**{name: getattr(sale, name) for name in names}, **Sale.edited())
            outcome.changed += 1
            written.append(sale)
            if reopen_on:
                _follow_up(sale, by, before)
            else:
                on_no_day[sale.pk] = before
        _no_reminder(on_no_day, by)
        automation.tell(written, by=by, via=via, outcome=outcome)

    value = {"de": reason.name_de, "en": reason.name_en} if reason else None
    outcome = act(sales, step, action=action, by=by, via=via, progress=progress, params=leads.params(sales, value))
    return leads.answer(outcome, "status")


def _hold_companies(ids, status):
    """Lock the companies of sales that become this: a rule may move them, and companies come first (crm.locks)."""
    if status in Sale.CLOSED:
        lock_rows(Company.objects.filter(pk__in=Sale.objects.filter(pk__in=ids).values("company")))


def _may_become(sale, status):
    """Raise ValidationError if this sale cannot become that."""
    if sale.is_closed and status != Status.OPEN:
        raise ValidationError({"status": _already(sale)})


def _already(sale, closers=None):
    """Return that somebody has closed this sale already, and who."""
    who = (_closers([sale.pk]) if closers is None else closers).get(sale.pk, "Lotse")
    words = {"name": sale.name, "day": formats.date(sale.closed_on), "who": who}
    if sale.status == Status.WON:
        return _("%(who)s has already marked “%(name)s” as won on %(day)s. Open it again to change that.") % words
    return _("%(who)s has already marked “%(name)s” as lost on %(day)s. Open it again to change that.") % words


def _closers(ids):
    """Return the name of who closed each of these sales last; without those that nobody is known of."""
    closed = Change.objects.filter(
        record_type="sale", record_id__in=ids, field="status", new__in=Sale.CLOSED, change_set__by__isnull=False
    )
    names = {user.pk: user.name for user in User.objects.filter(pk__in=closed.values("change_set__by"))} if ids else {}
    return {pk: names[by] for pk, by in closed.order_by("id").values_list("record_id", "change_set__by")} if ids else {}


def _become(sale, status):
    """Give the sale this status; what belonged to the former one goes. It is closed today unless somebody says otherwise."""
    sale.status, sale.reason, sale.reopen_on = status, None, None
    sale.closed_on = timezone.localdate() if status in Sale.CLOSED else None


def _created_later(sale):
    return _("The sale was created after that, on %(day)s.") % {"day": formats.date(sale.created_at)}


def _follow_up(sale, by, before):
    """Plan the day on which a stalled sale is to go on. What was planned for the day it had before moves along, unless somebody has
    made something else of it."""
    if planned := _planned({sale.pk: before}):
        activities.edit_activity(planned[0], {"due_at": sale.reopen_on}, by=by, via="system")
        return
    owner = sale.owner if sale.owner and sale.owner.is_active else by
    values = {"kind": "task", "subject": _open_again(sale), "owner": owner, "due_at": sale.reopen_on, "sale": sale}
    activities.create_activity(values, by=by, via="system")


def _no_reminder(befores, by):
    """Tick off what was planned for sales that are not to be opened on that day any more; `befores` tells by id what they were."""
    planned = Activity.objects.live().filter(pk__in=[activity.pk for activity in _planned(befores)])
    lock_rows(planned)  # somebody may just be deleting one
    if planned.exists():
        activities.set_done(planned, True, by=by, via="system")


def _planned(befores) -> list[Activity]:
    """Return the open follow-ups by which these sales were to go on, as they were planned; `befores` tells by id what they were."""
    wanted = {}  # (sale, subject): day
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            wanted |= {(pk, _open_again(before)): before.reopen_on for pk, before in befores.items() if before.reopen_on}
    if not wanted:
        return []
    open_ones = Activity.objects.live().filter(sale__in=befores, done_at=None, kind="task", all_day=True)
    alike = open_ones.filter(subject__in={subject for _pk, subject in wanted}).order_by("pk")
    return [activity for activity in alike if wanted.get((activity.sale_id, activity.subject)) == activity.day]


def _open_again(sale):
    return (_("Open again: %(name)s") % {"name": sale.name})[:200]


# --- Changing many ----------------------------------------------------------------------------------------------------


def set_stage(sales, stage, *, by, via, as_of=None, progress=None) -> Outcome:
    """Move sales to this stage; those that are won or lost are left, with the reason."""
    leads.selectable(stage, "stage")

    def step(ids, outcome):
        ids = leads.editable(Sale, ids, by, outcome)
        ids = leads.unchanged_since(as_of, "sale", "stage", ids, outcome)
        rows = Sale.objects.filter(pk__in=ids, deleted_at=None)
        closed = rows.filter(status__in=Sale.CLOSED).values_list("pk", flat=True)
        outcome.leave(closed, _("It is closed; open it again to go on with it."))
        moved = list(rows.exclude(status__in=Sale.CLOSED).exclude(stage=stage).values_list("pk", flat=True))
        outcome.changed += Sale.objects.filter(pk__in=moved).update(stage=stage, **Sale.edited())
        lifecycle.refresh(moved)

    outcome = act(sales, step, action="sale.set_stage", by=by, via=via, progress=progress,
                  params=leads.params(sales, {"de": stage.name_de, "en": stage.name_en}))  # fmt: skip
    return leads.answer(outcome, "stage")


# --- With their company -----------------------------------------------------------------------------------------------


@leads.goes_along("company")
def into_bin_with_companies(ids, deleted_at):
    leads.to_bin(Sale, list(Sale.objects.filter(company__in=ids, deleted_at=None).values_list("pk", flat=True)), deleted_at)


@leads.kept_by("company")
def keep_with_sales(ids, by):
    return leads.with_others(Sale, "company", ids, by)


@leads.comes_along("company")
def out_of_bin_with_companies(ids, change_sets):
    deleted = Change.objects.filter(change_set__in=change_sets, record_type="sale", field="deleted_at").values("record_id")
    Sale.objects.filter(company__in=ids, pk__in=deleted).exclude(deleted_at=None).update(deleted_at=None, **Sale.edited())


@leads.told_along("company")
def told_with_companies(ids, keep_persons):
    count = sum(Sale.objects.filter(company__in=some, deleted_at=None).count() for some in chunks(ids))
    return ngettext("%(count)s sale", "%(count)s sales", count) % {"count": formats.number(count)} if count else ""
