"""What the documents tell people to run and read exists."""

import re
from pathlib import Path

import pytest
from django.core.management import get_commands

ROOT = Path(__file__).resolve().parent.parent.parent
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])


def names(pattern):
    return sorted({(match, path.name) for path in DOCUMENTS for match in re.findall(pattern, path.read_text(), re.MULTILINE)})


@pytest.mark.parametrize(("command", "document"), names(r"manage\.py ([a-z_]+)"))
def test_the_commands_are_there(command, document):
    assert command in get_commands(), document


@pytest.mark.parametrize(("target", "document"), names(r"(?:`|^)make ([a-z-]+)"))
def test_the_make_targets_are_there(target, document):
    assert re.search(rf"^{target}\b.*:", (ROOT / "Makefile").read_text(), re.MULTILINE), document


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_the_links_lead_somewhere(document):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text()):
        assert (document.parent / target).exists(), target


def test_the_settings_of_the_environment_are_documented():
    asked = set(re.findall(r"env(?:\.\w+)?\(\s*\"([A-Z_]+)\"", (ROOT / "crm" / "settings.py").read_text()))
    told = (ROOT / "docs" / "deploy.md").read_text()
    assert {name for name in asked if name not in told} == set()
