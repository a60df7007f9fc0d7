"""Sending to an address that somebody else has typed in (Z3; reliability P04, P05).

The host is looked up once, every address found must be public, and one of these very addresses is connected to: what the name
leads to a moment later plays no part. Redirects are not followed, certificates are checked, and after some seconds it is over,
however slowly somebody answers.
"""

import contextlib
import http.client
import ipaddress
import re
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlsplit

from cryptography.fernet import InvalidToken
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

STEP = 5.0  # seconds to connect, and to wait for the next byte
WHOLE = 8.0  # seconds from connecting to the end
READ = 4_096  # bytes of an answer that are read at most

#: A name of ASCII letters: other ones are written as xn--….
_HOST = re.compile(r"[a-z0-9]([a-z0-9_-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*", re.IGNORECASE)
#: Names that mean this machine, or the network it stands in.
_INSIDE = ("localhost", ".localhost", ".local", ".internal", ".home.arpa", ".lan")
_GLOBAL_V6 = ipaddress.ip_network("2000::/3")
#: Within what counts as global: addresses that carry another one inside, and those kept for documents.
_ODD = [ipaddress.ip_network(text) for text in (
    "192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")]  # fmt: skip


class Refused(Exception):
    """It may not be sent there; the text says why."""


@dataclass(frozen=True)
class Answer:
    """What came of a try: the status and the beginning of the answer, or what went wrong."""

    seconds: float
    status: int | None = None
    text: str = ""
    error: Exception | None = None

    @property
    def ok(self):
        return self.status is not None and 200 <= self.status < 300


def is_public(text) -> bool:
    """Tell whether an IP address is one of the open internet."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if not address.is_global or address.is_multicast or address.is_reserved or any(address in network for network in _ODD):
        return False
    return address.version == 4 or address in _GLOBAL_V6


def check(url) -> str:
    """Return the address without what surrounds it; raise ValidationError if nothing may be sent there. Asks no network."""
    url = url.strip()
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        parts, host, port = urlsplit(""), "", None
    if (
        not url.isascii()
        or not url.isprintable()
        or " " in url
        or "\\" in url
        or parts.scheme not in {"http", "https"}
        or port == 0
    ):
        raise ValidationError(_("Enter a web address like https://example.com/hook."))
    is_v6 = ":" in host
    if parts.username is not None or parts.password is not None or parts.fragment or not (is_v6 or _HOST.fullmatch(host)):
        raise ValidationError(_("Enter a web address of a host alone, without a user, a password or a #."))
    if settings.WEBHOOKS_ANYWHERE:
        return url
    if parts.scheme != "https":
        raise ValidationError(_("The address must begin with https://, so that nobody can read along."))
    if port is not None and port != 443 and port < 1024:
        raise ValidationError(_("This port belongs to another service."))
    # Also 127.1, 2130706433, 0x7f000001 and 0177.0.0.1 are addresses to the system's resolver.
    with contextlib.suppress(OSError, UnicodeError):
        for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST):
            if not is_public(found[4][0]):
                raise ValidationError(_("This address leads to this machine or into a private network."))
        return url
    if host.lower().endswith(_INSIDE) or "." not in host:
        raise ValidationError(_("This address leads to this machine or into a private network."))
    return url


def post(url, body, headers) -> Answer:
    """Send a body to an address and return what came of it; never raises."""
    began = time.monotonic()
    try:
        status, text = _post(url, body, headers)
        return Answer(time.monotonic() - began, status, text)
    except Exception as error:
        return Answer(time.monotonic() - began, error=error)


def _post(url, body, headers):
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    client = http.client.HTTPConnection(parts.hostname, parts.port or (443 if secure else 80), timeout=STEP)
    client.sock = _connected(_addresses(client.host, client.port))
    # A socket's own time limit begins anew with each byte: this one does not.
    over = threading.Event()
    alarm = threading.Timer(WHOLE, _end, [client, over])
    alarm.daemon = True
    alarm.start()
    try:
        if secure:
            client.sock = _trust().wrap_socket(client.sock, server_hostname=client.host, do_handshake_on_connect=False)
            client.sock.do_handshake()
        client.request("POST", path, body, headers)
        response = client.getresponse()
        text = response.read(READ).decode(errors="replace")
    except Exception as error:
        raise TimeoutError if over.is_set() else error from error
    finally:
        alarm.cancel()
        client.close()
    if over.is_set():
        raise TimeoutError
    return response.status, text


def _addresses(host, port):
    """Return the addresses of a host; raise Refused unless all of them are public."""
    found = [one[4][:2] for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    for address, _port in found:
        if not settings.WEBHOOKS_ANYWHERE and not is_public(address):
            raise Refused(address)
    return list(dict.fromkeys(found))


def _connected(addresses):
    """Return a connection to the first of these addresses that answers; they were checked, and are not looked up again."""
    last = None
    ends = time.monotonic() + STEP
    for address in addresses:
        try:
            return socket.create_connection(address, timeout=max(0.1, ends - time.monotonic()))
        except OSError as error:
            last = error
    raise last or OSError("no address")


def _end(client, over):
    over.set()
    with contextlib.suppress(OSError):
        # Not as TLS does it: that belongs to the thread that reads.
        socket.socket.shutdown(client.sock, socket.SHUT_RDWR)


@cache
def _trust():
    return ssl.create_default_context()


def said(answer) -> str:
    """Return what went wrong, in a sentence; empty if nothing did."""
    if answer.ok:
        return ""
    if answer.error is None:
        if 300 <= answer.status < 400:
            return _("It answered with a redirect (%(status)s); redirects are not followed.") % {"status": answer.status}
        text = " ".join("".join(one if one.isprintable() else " " for one in answer.text).split())[:120]
        return _("It answered %(status)s: %(text)s") % {
            "status": answer.status,
            "text": text or http.client.responses.get(answer.status, ""),
        }
    match answer.error:
        case InvalidToken():
            return _("The secret can no longer be read; create a new one.")
        case Refused():
            return _("The host leads to %(address)s, which is this machine or a private network.") % {"address": answer.error}
        case socket.gaierror():
            return _("The host was not found.")
        case ssl.SSLCertVerificationError():
            return _("The certificate is not valid: %(why)s") % {"why": answer.error.verify_message}
        case TimeoutError():
            return _("It did not answer in time.")
        case ConnectionRefusedError():
            return _("It refused the connection.")
    return _("The connection failed: %(why)s") % {"why": str(answer.error)[:150] or type(answer.error).__name__}
