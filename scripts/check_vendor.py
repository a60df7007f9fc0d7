"""Prove that the committed files of `static/vendor/` are those the manifest names: no more, no less, none altered."""

import hashlib
import json
import sys
from pathlib import Path

VENDOR = Path(__file__).resolve().parent.parent / "static" / "vendor"


def problems(folder=VENDOR):
    """Return a sentence for each file that is missing, altered or not in the folder's manifest.json."""
    manifest = json.loads((folder / "manifest.json").read_text())
    files = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    del files["manifest.json"]
    found = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}
    for name in sorted(manifest.keys() | found.keys()):
        if name not in found:
            yield f"{name} is missing."
        elif name not in manifest:
            yield f"{name} is not in the manifest."
        elif found[name] != manifest[name]:
            yield f"{name} was altered."


if __name__ == "__main__":
    sys.exit("\n".join(["static/vendor/:", *found, "Run `make vendor`."]) if (found := list(problems())) else 0)
