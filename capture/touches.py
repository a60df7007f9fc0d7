"""Where somebody came from: the UTM parameters of a link and the page that had it (C2)."""

import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

from django.utils import timezone

#: Our name of each value -> its parameter in an address, and how much of it is kept.
PARAMS = {
    "source": "utm_source",
    "medium": "utm_medium",
    "campaign": "utm_campaign",
    "term": "utm_term",
    "content": "utm_content",
}
LENGTHS = {"source": 100, "medium": 100, "campaign": 200, "term": 200, "content": 200, "referrer": 300}
NAMES = (*LENGTHS, "at")
#: A browser keeps its first touch as long as nobody clears it; what is older, or of tomorrow, its clock has made up.
OLDEST = timedelta(days=3 * 366)
#: What nobody sees on a screen: control signs, those that turn the direction of writing, and halves of a sign that was cut in two.
UNSEEN = re.compile(r"[\x00-\x1f\x7f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff\ufeff]")


@dataclass(frozen=True)
class Touch:
    """One visit that had a source; values are in lower case."""

    source: str = ""
    medium: str = ""
    campaign: str = ""
    term: str = ""
    content: str = ""
    referrer: str = ""
    at: datetime | None = None

    def __bool__(self):
        return any(getattr(self, name) for name in LENGTHS)

    def columns(self, prefix="") -> dict:
        """Return {column: value} of a model's columns that begin so."""
        return {f"{prefix}{name}": getattr(self, name) for name in NAMES}

    def plain(self) -> dict:
        """Return it as JSON says it; empty values are left out."""
        values = asdict(self) | {"at": self.at.isoformat() if self.at else ""}
        return {name: value for name, value in values.items() if value}


def read(given, now=None) -> Touch:
    """Return the touch that a stranger's dict says; what makes no sense is dropped, not refused: a lead counts more."""
    if not isinstance(given, dict):
        return Touch()
    values = {name: text(given.get(name), length) for name, length in LENGTHS.items() if name != "referrer"}
    touch = Touch(**values, referrer=referrer(given.get("referrer")))
    if not touch:
        return touch
    return Touch(**values, referrer=touch.referrer, at=moment(given.get("at"), now))


def text(value, length) -> str:
    """Return a value as it is kept: in lower case, one line, no longer than its column."""
    if not isinstance(value, str):
        return ""
    return " ".join(UNSEEN.sub("", value[: 4 * length]).lower().split())[:length].strip()


def referrer(value) -> str:
    """Return host and path of the page one came from; what stands behind a *?* may be personal and is not kept."""
    found = text(value, 2_000)
    try:
        parts = urlsplit(found if "//" in found else f"//{found}")
        host = parts.hostname or ""
    except ValueError:
        return ""
    if parts.scheme not in {"", "http", "https"} or not re.fullmatch(r"[^\s/@:]+(\.[^\s/@:]+)*", host):
        return ""
    return f"{host}{parts.path.rstrip('/')}"[: LENGTHS["referrer"]]


def moment(value, now=None):
    now = now or timezone.now()
    try:
        at = datetime.fromtimestamp(value / 1000, UTC) if isinstance(value, int | float) else datetime.fromisoformat(value)
    except (ValueError, TypeError, OverflowError, OSError):
        return now
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return at if now - OLDEST <= at <= now else now


def of_address(query, came_from="", now=None) -> Touch:
    """Return the touch of a page that was opened with this query string."""
    try:
        asked = parse_qs(query[:4_000], max_num_fields=60)
    except ValueError:
        asked = {}
    given = {name: asked.get(param, [""])[0] for name, param in PARAMS.items()}
    return read({**given, "referrer": came_from}, now)
