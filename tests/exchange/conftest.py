import pytest

from crm.history.undo import undo as take_back


@pytest.fixture(autouse=True)
def _own_folder(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"


@pytest.fixture
def undo(db):
    """Undo an import as its button does; return the outcome."""
    return lambda source, by: take_back(source.change_set, by=by, via="import")
