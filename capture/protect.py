"""What guards forms that strangers fill in (C5, settled 20): a signed token, sites, rates, and what looks like spam.

Nothing here asks who is in the database, and what is refused is refused alike for everybody.
"""

import ipaddress
import re
import secrets
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.core import signing
from django.utils.translation import gettext_lazy

from capture.touches import Touch, read
from crm.throttle import used
from crm.web.accounts import AccountAdapter

SALT = "capture.form"
TOKEN_SECONDS = 24 * 3600
MIN_SECONDS = 2.0
MAX_BYTES = 64 * 1024
#: (what is counted, how often, in how many seconds): one address at one form, one address at all, and last one form in all.
RATES = (("address-form", 10, 600), ("address", 60, 3600), ("form", 600, 60))
#: The field people do not see and programs fill in.
TRAP = "homepage"
MAX_LINKS = 3
#: Why something waits: in quarantine, or (the last two) to be matched.
WHY = {
    "trap": gettext_lazy("A field that people do not see was filled in."),
    "fast": gettext_lazy("It was sent within two seconds."),
    "links": gettext_lazy("It contains several links."),
    "waiting": gettext_lazy("The database was busy when it came: it is matched in a moment."),
    "failed": gettext_lazy("It could not be matched for an error of Lotse's own, which was logged. Accept it to try again."),
}
LINK = re.compile(r"https?://|www\.", re.IGNORECASE)


@dataclass(frozen=True)
class Token:
    """What a page of the form was handed out with: `key` makes the same answers one submission, however often they are sent."""

    key: str
    issued: float
    touch: Touch


def issue(form, touch, now) -> str:
    """Return the token of a page that is handed out now; the touch that its address told goes with it, unread by scripts."""
    value = {"f": form.key, "k": secrets.token_urlsafe(16), "t": round(now.timestamp(), 1), "u": touch.plain()}
    return signing.dumps(value, salt=SALT, compress=True)


def issue_again(form, text, now) -> str:
    """Return the token with which is sent again what came with this one and was refused: the same, as long as it is valid.

    After one that is too old there is another, with its touch; whoever had the page open for long may be quick.
    """
    if check(form, text):
        return text
    if old := _read(form, text, None):
        return issue(form, old.touch, now - timedelta(seconds=2 * MIN_SECONDS))
    return issue(form, Touch(), now)


def check(form, text) -> Token | None:
    """Return the token, or None for one that is forged, of another form, or too old."""
    return _read(form, text, TOKEN_SECONDS)


def _read(form, text, seconds):
    if len(text) > 4_000:
        return None
    try:
        value = signing.loads(text, salt=SALT, max_age=seconds)
    except signing.BadSignature:
        return None
    return Token(value["k"], value["t"], read(value["u"])) if value["f"] == form.key else None


def own_origin(request) -> str:
    return f"{request.scheme}://{request.get_host()}"


def is_from_elsewhere(form, request) -> bool:
    """Tell whether a browser says that the form was sent from a page that is neither ours nor one of the form's sites."""
    origin = request.headers.get("Origin")
    return origin is not None and origin.lower() not in {own_origin(request), *form.sites}


def address_of(request) -> str:
    """Return the network that is counted as one sender: an IPv4 address, or the /64 that one connection has of IPv6."""
    text = AccountAdapter(request).get_client_ip(request)
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return "unknown"
    return str(ipaddress.ip_network(f"{text}/64", strict=False)) if address.version == 6 else text


def too_often(form, request) -> float:
    """Count a submission; return the moment from which on more are taken, or 0 where it may pass.

    What is refused for its own address uses up nothing of what others may send.
    """
    address = address_of(request)
    keys = {"address-form": f"form:{form.pk}:{address}", "address": f"forms:{address}", "form": f"form:{form.pk}"}
    for name, most, seconds in RATES:
        count, ends = used(keys[name], seconds)
        if count > most:
            return ends
    return 0


def suspicion(answers, data, token, now) -> str:
    """Return why this looks like spam, or an empty text."""
    if data.get(TRAP):
        return "trap"
    if now.timestamp() - token.issued < MIN_SECONDS:
        return "fast"
    texts = " ".join(str(value) for name, value in answers.all.items() if name != "company.website")
    return "links" if len(LINK.findall(texts)) >= MAX_LINKS else ""


def policy(form) -> str:
    """Return the content security policy of a form's pages: only its sites may show it, and it sends only to us and to them."""
    sites = " ".join(form.sites)
    directives = {
        "default-src": "'none'",
        **dict.fromkeys(("script-src", "style-src", "font-src", "connect-src"), "'self'"),
        "img-src": "'self' data:",
        "form-action": f"'self' {sites}".strip(),
        "frame-ancestors": sites or "'none'",
        "base-uri": "'none'",
        "object-src": "'none'",
    }
    text = "; ".join(f"{name} {value}" for name, value in directives.items())
    return f"{text}; upgrade-insecure-requests" if settings.PRODUCTION else text
