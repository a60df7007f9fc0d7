"""Every change to users, roles, teams and tokens that administrators make (A1, A2). Shaped like the other actions.

Whatever is changed, somebody who administers stays: the last active administrator can neither be switched off nor lose the
role, nor can the role lose the right.
"""

from contextlib import contextmanager

from allauth.mfa.models import Authenticator
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crm import access
from crm.locks import hold
from crm.models import ApiToken, EditScope, Role, Team, User
from crm.setup import ROLES
from crm.text import fold
from crm.web.accounts import change_email, notify

USER_FIELDS = (
    "username",
    "email",
    "first_name",
    "last_name",
    "role",
    "teams",
    "language",
    "time_zone",
    "is_active",
    "absent_from",
    "absent_until",
)
ROLE_FIELDS = ("name_en", "name_de", "see", "edit", *Role.FLAGS)
PREDEFINED = {code for code, *_rest in ROLES}


@contextmanager
def _an_administrator_stays():
    """Write in one transaction; raise ValidationError, and write nothing, if then nobody would administer."""
    with transaction.atomic():
        # Locked: two administrators who switch each other off at the same moment do it one after the other.
        administrators = User.objects.administrators().order_by("pk").select_for_update(of=("self",))
        list(administrators.values_list("pk", flat=True))
        yield
        if not User.objects.administrators().exists():
            raise ValidationError(_("Somebody has to administer Lotse: this is the last active administrator."))


def create_user(values, password, *, by) -> User:
    """Make a user who signs in with this password; return them. Raise ValidationError by field."""
    access.require(by, "administers")
    _known(values, USER_FIELDS)
    values = dict(values)
    teams = values.pop("teams", [])
    user = User(**values)
    if errors := wrong_in_user(user, password):
        raise ValidationError(errors)
    user.set_password(password)
    with _names_the_field(), transaction.atomic():
        user.save(force_insert=True)
        user.teams.set(teams)
    return user


def edit_user(user, values, *, by) -> User:
    """Change fields of a user; switched off, they can no longer sign in, and nothing of theirs is lost."""
    access.require(by, "administers")
    _known(values, USER_FIELDS)
    with _names_the_field(), _an_administrator_stays():
        current = User.objects.select_for_update(of=("self",)).get(pk=user.pk)
        old_email = current.email
        for name, value in values.items():
            if name != "teams":
                setattr(current, name, value)
        if errors := wrong_in_user(current):
            raise ValidationError(errors)
        if columns := [name for name in values if name not in {"teams", "email"}]:
            current.save(update_fields=columns)
        if current.email != old_email:
            new_email, current.email = current.email, old_email
            change_email(current, new_email)
        if "teams" in values:
            current.teams.set(values["teams"])
    return current


def set_password(user, password, *, by) -> None:
    """Give a user another password; where they are signed in, they are signed out."""
    access.require(by, "administers")
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise ValidationError({"password": error.messages}) from error
    user.set_password(password)
    user.save(update_fields=["password"])
    notify(user, lambda: _("An administrator has given you a new password."))


def remove_second_factor(user, *, by) -> None:
    """Let a user who lost their second factor sign in without one, to set up another; `by` None is who runs the installation."""
    if by:
        access.require(by, "administers")
    Authenticator.objects.filter(user=user).delete()
    notify(user, lambda: _("An administrator has removed your second factor."))


def save_role(role, values, *, by) -> Role:
    """Make a role (None) or change one; return it. Raise ValidationError by field."""
    access.require(by, "administers")
    _known(values, ROLE_FIELDS)
    with _an_administrator_stays():
        current = Role.objects.select_for_update().get(pk=role.pk) if role else Role()
        if errors := wrong_in_role(current, values):
            raise ValidationError(errors)
        current.save()
    return current


def wrong_in_role(role, values):
    """Give a role these values; return all that is wrong in it then, by field."""
    for name, value in values.items():
        setattr(role, name, value.strip() if isinstance(value, str) else value)
    role.name_en, role.name_de = role.name_en or role.name_de, role.name_de or role.name_en
    if not role.code:
        role.code = _free_code(slugify(role.name_en) or "role")
    errors = {}
    try:
        role.full_clean()
    except ValidationError as error:
        errors.update(error.message_dict)
    others = Role.objects.exclude(pk=role.pk)
    for name, sentence in (
        ("name_en", _("A role with this English name already exists.")),
        ("name_de", _("A role with this German name already exists.")),
    ):
        if getattr(role, name).casefold() in {getattr(other, name).casefold() for other in others}:
            errors.setdefault(name, [sentence])
    reach = EditScope.values
    if role.see in reach and role.edit in reach and reach.index(role.edit) > reach.index(role.see):
        errors["edit"] = [_("Nobody can edit what they cannot see. Choose no more here than may be seen.")]
    return errors


def delete_role(role, *, by) -> None:
    """Delete a role nobody has; the predefined ones stay."""
    access.require(by, "administers")
    if role.code in PREDEFINED:
        raise ValidationError(_("This role belongs to Lotse; it can be changed, but not deleted."))
    try:
        role.delete()
    except ProtectedError as error:
        count = len(error.protected_objects)
        raise ValidationError(
            ngettext(
                "%(count)s user has this role; give them another one first.",
                "%(count)s users have this role; give them another one first.",
                count,
            )
            % {"count": count}
        ) from error


def save_team(team, values, *, by) -> Team:
    """Make a team (None) or change its name and members; return it. Raise ValidationError by field."""
    access.require(by, "administers")
    _known(values, ("name", "members"))
    with transaction.atomic():
        current = Team.objects.select_for_update().get(pk=team.pk) if team else Team()
        if "name" in values:
            current.name = values["name"].strip()
            hold(f"team {fold(current.name)}")  # two who give the same name at once
        if Team.objects.filter(name__iexact=current.name).exclude(pk=current.pk).exists():
            raise ValidationError({"name": _("There is already a team with this name.")})
        current.full_clean()
        current.save()
        if "members" in values:
            current.users.set(values["members"])
    return current


def delete_team(team, *, by) -> None:
    """Delete a team; its members stay, and see each other's records only through other teams."""
    access.require(by, "administers")
    team.delete()


def revoke_token(token, *, by) -> None:
    """Let a token of any user open nothing any more."""
    access.require(by, "administers")
    ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now())


def _known(values, fields):
    if unknown := set(values) - set(fields):
        raise ValidationError({name: _("This field does not exist or cannot be changed.") for name in sorted(unknown)})


def wrong_in_user(user, password=None):
    """Return all that is wrong in a user, and in the password they are to have, by field."""
    errors = {}
    for name in ("username", "email", "first_name", "last_name"):
        setattr(user, name, getattr(user, name).strip())
    for check in (lambda: user.clean_fields(exclude={"password", "last_login"}), user.clean):
        try:
            check()
        except ValidationError as error:
            errors.update(error.message_dict)
    for name, sentence in (("username", _("This user name is taken.")), ("email", _("This e-mail is taken."))):
        if name not in errors and User.objects.filter(**{f"{name}__iexact": getattr(user, name)}).exclude(pk=user.pk).exists():
            errors[name] = [sentence]
    if password is not None:
        try:
            validate_password(password, user)
        except ValidationError as error:
            errors["password"] = error.messages
    return errors


@contextmanager
def _names_the_field():
    """Turn a name or address that was taken in this very moment into an error at the field."""
    try:
        yield
    except IntegrityError as error:
        name = "email" if "email" in str(error) else "username"
        raise ValidationError({name: _("This was taken in this moment; choose another one.")}) from error


def _free_code(wanted):
    codes = set(Role.objects.values_list("code", flat=True))
    tries = (f"{wanted[:36]}-{number}" if number else wanted[:40] for number in range(len(codes) + 1))
    return next(code for code in tries if code not in codes)
