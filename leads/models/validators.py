"""What may stand in fields that a browser turns into a link or a phone dials."""

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _

phone = RegexValidator(
    r"^[+(]?[\d][\d\s()./+-]*( ?(x|ext\.?|-) ?\d+)?$", _("Enter a phone number, for example +49 421 555 0142.")
)
website = RegexValidator(
    r"^(https?://)?[^\s:/@?#<>\"']+\.[^\s:/@?#<>\"']+(:\d{1,5})?([/?#]\S*)?$",
    _("Enter a web address, for example www.example.com."),
)
plain = RegexValidator(r"^[^\x00-\x08\x0b-\x1f\x7f]*$", _("This text contains characters that cannot be stored."))
one_line = RegexValidator(r"^[^\x00-\x1f\x7f]*$", _("This text contains characters that cannot be stored."))


def day(value):
    """Raise ValidationError for a day, or a moment, so far away that it was not meant; time zones and series still count from it."""
    if not 1900 < value.year < 9000:
        raise ValidationError(_("Enter a date between the years 1901 and 8999."))
