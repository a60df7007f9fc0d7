"""Secrets that must be read again, and so cannot be hashed, are kept encrypted: a stolen database opens nothing."""

import base64
import hashlib

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings


def _box(purpose):
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(hashlib.sha256(f"{purpose} {key}".encode()).digest())) for key in keys])


def seal(purpose, text):
    """Return the text encrypted; only the same purpose opens it again."""
    return _box(purpose).encrypt(text.encode()).decode()


def opened(purpose, sealed):
    return _box(purpose).decrypt(sealed.encode()).decode()
