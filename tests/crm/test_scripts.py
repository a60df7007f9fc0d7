"""The tools of the checks find what they are there to find."""

import hashlib
import json
import runpy

import pytest
from django.conf import settings


@pytest.fixture
def vendor(tmp_path):
    """Return a folder with two sound files."""
    files = {"a.js": b"a", "font/b.woff2": b"b"}
    (tmp_path / "font").mkdir()
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    (tmp_path / "manifest.json").write_text(json.dumps(sums))
    return tmp_path


def problems(folder):
    return list(runpy.run_path(str(settings.BASE_DIR / "scripts" / "check_vendor.py"))["problems"](folder))


def test_vendored_files_are_those_of_the_manifest(vendor):
    assert problems(vendor) == []


def test_an_altered_a_missing_and_an_added_vendored_file_are_named(vendor):
    (vendor / "a.js").write_bytes(b"altered")
    (vendor / "font" / "b.woff2").unlink()
    (vendor / "c.css").write_bytes(b"c")
    assert problems(vendor) == ["a.js was altered.", "c.css is not in the manifest.", "font/b.woff2 is missing."]


def test_compiled_messages_do_not_depend_on_when_they_are_compiled():
    messages = runpy.run_path(str(settings.BASE_DIR / "scripts" / "messages.py"))
    compiled = messages["mo_bytes"]((settings.BASE_DIR / "locale" / "de" / "LC_MESSAGES" / "django.po").read_bytes())
    assert b"POT-Creation-Date: 2000-01-01 00:00+0000" in compiled
