"""Who may see and change which records: the only place (A1, settled 14).

A role has, for seeing and for editing, a scope: *own*, *team* or *all* (and *none* for editing). A model says by
`owner_paths` whose records are whose; the first path is the record's own owner, the others lend visibility (owning a
company shows its persons). One with `follows_records` goes by those records instead: who sees a person sees their
follow-ups, and may change those if they may change the person, or if the follow-up is their own; `of_nobodys_unless` names for one of
them, where it is nobody's, the others that decide instead, if they are given. One with `shared_by`
says itself who sees it: the field of this name is *all*, *team* (of its owner) or *private*; with `shares_in` also those whom the rows
of that relation name, each a user or a team. Who may change it the role says; of one with `reserved_by`, what has the flag of this name
only administrators change.
"""

from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.utils.translation import gettext as _


def scope_q(model, user, scope):
    """Return the condition under which `user` has `scope` over records of `model`; None means every record."""
    if scope == "all":
        return None
    if scope == "none" or not user.is_active:
        return Q(pk__in=[])
    colleagues = [user.pk] if scope == "own" else user.colleague_ids
    if model.follows_records:
        return _following(model, colleagues, scope)
    condition = _owned(model, colleagues, scope)
    for path in model.owner_paths[1:]:
        # An IN over a subquery, not a join: the list keeps walking its own index.
        relation, owner = path.split("__")
        related = model._meta.get_field(relation).related_model
        condition |= Q(**{f"{relation}__in": related.objects.filter(**{f"{owner}__in": colleagues}).values("pk")})
    return condition


def _owned(model, colleagues, scope):
    own = model.owner_paths[0]
    condition = Q(**{f"{own}__in": colleagues})
    return condition | Q(**{f"{own}__isnull": True}) if scope == "team" else condition


def _following(model, colleagues, scope):
    """Return the condition for records of which others decide.

    By joins, each to one record: of a page the databases look those up one by one, of many they read them once. Of *exists* PostgreSQL
    chooses between the two before it knows how many they are, and held a rep's few follow-ups against all persons.
    """
    condition = Q()
    for name in model.follows_records:
        related = model._meta.get_field(name).related_model
        for path in related.owner_paths:
            condition |= Q(**{f"{name}__{path}__in": colleagues})
        if scope == "team":
            nobodys = Q(**{f"{name}__isnull": False, f"{name}__{related.owner_paths[0]}__isnull": True})
            condition |= nobodys & Q(**{f"{other}__isnull": True for other in model.of_nobodys_unless.get(name, ())})
    return condition


def visible(queryset, user):
    """Return the records of the queryset that the user may see; a record in the bin is seen by nobody."""
    return _seen(queryset.filter(deleted_at=None), user)


def editable(queryset, user):
    """Return the records of the queryset that the user may change: those seen and within the editing scope."""
    return _within(_free(visible(queryset, user), user), user, user.role.edit if user.is_authenticated else "none", own=True)


def in_bin(queryset, user):
    """Return the deleted records of the queryset that the user may see and restore."""
    deleted = queryset.filter(deleted_at__isnull=False)  # as the partial indexes say it; SQLite knows them by that alone
    return _within(_free(_seen(deleted, user), user), user, user.role.edit, own=True)


def known(queryset, user):
    """Return the records of the queryset that the user may see or, being in the bin, could see before: who is told that they went."""
    return _seen(queryset, user)


def seen_among(records, user):
    """Return those of these records, which follow others and need not be stored yet, that the user sees, or would see."""
    if not records:
        return []
    seen = sight(type(records[0]), records, user)
    return [record for record in records if seen(record)]


def sight(model, records, user):
    """Return the function that tells of a record of this model whether the user sees it, or would see it: of any that follows only what
    one of these records does."""
    if user.role.see == "all":
        return lambda record: True
    lending = []
    for name in model.follows_records:
        link, others = f"{name}_id", [f"{other}_id" for other in model.of_nobodys_unless.get(name, ())]
        related = model._meta.get_field(name).related_model
        if ids := {getattr(record, link) for record in records} - {None}:
            found = _seen(related.objects.filter(pk__in=ids), user).values_list("pk", related.owner_paths[0])
            lending.append((link, dict(found), others))
    return lambda record: any(
        (pk := getattr(record, link)) in found and (found[pk] or not any(getattr(record, other) for other in others))
        for link, found, others in lending
    )


def seers_q(record):
    """Return the condition of the users who see this record, which follows others and need not be stored yet. By their teams a user
    may meet it more than once."""
    owners, nobodys = set(), False
    for name in record.follows_records:
        pk, others = getattr(record, f"{name}_id"), record.of_nobodys_unless.get(name, ())
        related = record._meta.get_field(name).related_model
        found = pk and related.objects.filter(pk=pk).values_list(*related.owner_paths).first()
        if found:
            owners |= set(found) - {None}
            nobodys |= found[0] is None and not any(getattr(record, f"{other}_id") for other in others)
    of_team = Q(role__see="team") if nobodys else Q(role__see="team", teams__users__in=owners)
    return Q(role__see="all") | Q(pk__in=owners) | of_team


def sees_owner(user, owner_id):
    """Tell whether the user may see a record of this owner, where its own owner alone decides (companies)."""
    scope = user.role.see
    if scope == "all" or owner_id == user.pk:
        return True
    return scope == "team" and (owner_id is None or owner_id in user.colleague_ids)


def sees(user, record):
    """Tell whether the user sees this record, if there is one: by its owners, which are read from it and what lends it visibility."""
    if record is None:
        return False
    if sees_owner(user, getattr(record, f"{record.owner_paths[0]}_id")):
        return True
    for path in record.owner_paths[1:]:
        relation, owner = path.split("__")
        other = getattr(record, relation)
        pk = getattr(other, f"{owner}_id") if other is not None else None
        if pk is not None and sees_owner(user, pk):
            return True
    return False


def scope_key(user):
    """Return what decides which records this user sees: while it is the same, so are the conditions made here."""
    return user.is_active, user.role.see, *user.colleague_ids


def _seen(queryset, user):
    model = queryset.model
    if not model.shared_by:
        return _within(queryset, user, user.role.see if user.is_authenticated else "none")
    if not user.is_authenticated or not user.is_active:
        return queryset.none()
    own, shared = model.owner_paths[0], model.shared_by
    condition = Q(**{shared: "all"}) | Q(**{own: user.pk}) | Q(**{shared: "team", f"{own}__in": user.colleague_ids})
    if model.shares_in:
        shares = model._meta.get_field(model.shares_in)
        named = shares.related_model.objects.filter(Q(user=user.pk) | Q(team__users=user.pk))
        condition |= Q(pk__in=named.values(shares.field.attname))
    return queryset.filter(condition)


def _free(queryset, user):
    flag = queryset.model.reserved_by
    return queryset.filter(**{flag: False}) if flag and not (user.is_authenticated and user.role.administers) else queryset


def _within(queryset, user, scope, own=False):
    condition = scope_q(queryset.model, user, scope)
    if own and condition is not None and scope != "none" and queryset.model.follows_records:
        condition |= Q(owner=user.pk)
    return queryset if condition is None else queryset.filter(condition)


def require(user, flag):
    """Raise PermissionDenied unless the user's role has `flag`: one of Role.FLAGS."""
    if not getattr(user.role, flag):
        raise PermissionDenied(_("Your role does not allow this."))


def require_edit(record, user):
    """Raise PermissionDenied unless the user may change this record."""
    if not editable(type(record).objects.filter(pk=record.pk), user).exists():
        raise PermissionDenied(_("You may see this record, but not change it."))
