"""What is asked before a lead gets a status: why it is disqualified, and when it is to be taken up again."""

import datetime
from functools import cached_property

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _

from leads.models import DisqualifyReason, LeadStatus, validators

#: The kinds of status that ask something.
ASKING = (LeadStatus.Kind.DISQUALIFIED, LeadStatus.Kind.NURTURE)
IN_DAYS = 90  # when a lead is taken up again, unless another day is chosen


class StatusQuestion:
    """The question that goes with a status, and what was answered: fields `reason` and `again_on`."""

    def __init__(self, status, data):
        self.status, self.data = status, data
        self.errors: list[str] = []  # what is said at the field

    @property
    def asks_why(self):
        return self.status.kind == LeadStatus.Kind.DISQUALIFIED and bool(self.reasons)

    @property
    def asks_when(self):
        return self.status.kind == LeadStatus.Kind.NURTURE

    @property
    def was_asked(self):
        return self.data.get("asked") == "1"

    @cached_property
    def reasons(self):
        return list(DisqualifyReason.objects.selectable())

    @property
    def again_on(self):
        return self.data.get("again_on", str(timezone.localdate() + datetime.timedelta(days=IN_DAYS)))

    def answer(self) -> dict:
        """Return what the action is told beside the status; raise ValidationError for what has to be answered first."""
        try:
            return self._answer()
        except ValidationError as error:
            # Nothing is wrong before it was asked.
            self.errors = error.messages if self.was_asked else []
            raise

    def _answer(self):
        if self.asks_why:
            chosen = next((one for one in self.reasons if str(one.pk) == self.data.get("reason")), None)
            if chosen is None:
                raise ValidationError(_("Choose why."))
            return {"reason": chosen}
        if self.asks_when:
            text = self.data.get("again_on", "").strip()
            if not text:
                if self.was_asked:
                    return {}  # some time, but nobody says when
                raise ValidationError(_("Choose when."))
            return {"again_on": day_of(text)}
        return {}


def day_of(text):
    try:
        day = parse_date(text)
    except ValueError:
        day = None
    if day is None:
        raise ValidationError(_("Enter a date, for example 2026-01-31."))
    validators.day(day)
    return day
