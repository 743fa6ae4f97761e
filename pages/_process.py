"""Long work that a person asked for, in a process of its own beside the server."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable

from data.settings import ROOT, Settings


def launch(settings: Settings, module: str, job: int, log: str, failed: Callable[[str], None]) -> None:
    """Start `python -m MODULE JOB`; a thread waits for its end, so that a crash is told and leaves no remains.

    Parameters
    ----------
    log : str
        A file in the home folder for what it says.
    failed : callable
        Takes the reason, where it ends with a status other than 0.
    """
    environ = {**os.environ, "TOCSIN_HOME": str(settings.home), "TOCSIN_DATABASE_URL": settings.url}
    environ["TOCSIN_BASE_DIR"] = str(settings.base_dir)
    with (settings.home / log).open("ab") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", module, str(job)], env=environ, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=said,
            stderr=said, start_new_session=True,
        )  # fmt: skip

    def wait() -> None:
        status = process.wait()
        if status:
            failed(f"its process ended with status {status}")

    threading.Thread(target=wait, daemon=True).start()
