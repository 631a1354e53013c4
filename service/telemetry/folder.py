"""The folder in which the processes of one server share their counts."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from service.settings import SettingsError

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def memory_folder() -> str | None:
    """A folder in memory that can be written even where the root is read-only; None where there is none."""
    folder = Path("/dev/shm")  # noqa: S108 - only names that `tempfile` makes are used in it
    return str(folder) if folder.is_dir() and os.access(folder, os.W_OK | os.X_OK) else None


def prepare_metrics_folder() -> Path | None:
    """Makes the counts of this process and of those forked from it one; call it before `Metrics` is made.

    Returns the folder to remove at the end, or None where the operator named one (it is emptied of old counts).
    SettingsError when there is no folder that can be written.
    """
    named = os.environ.get(FOLDER_VARIABLE, "").strip()
    try:
        folder = _emptied(Path(named)) if named else Path(tempfile.mkdtemp(prefix="mda5-cds-", dir=memory_folder()))
    except OSError as error:
        why = f"{FOLDER_VARIABLE}: no folder for the metrics that can be written ({error.strerror})"
        raise SettingsError((why,)) from error
    os.environ[FOLDER_VARIABLE] = str(folder)
    _choose_shared_values()
    return None if named else folder


def remove_metrics_folder(folder: Path | None) -> None:
    """Removes what `prepare_metrics_folder` returned."""
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def _emptied(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.db"):
        old.unlink()
    return folder


def _choose_shared_values() -> None:
    """prometheus-client looks at the variable once, when it is imported; it may have been imported already."""
    from prometheus_client import values

    values.ValueClass = values.get_value_class()  # type: ignore[no-untyped-call]
