"""Worker processes end when the process that started them is gone.

A parent that is killed can tell its workers nothing. They would wait for tasks, with their memory
and with the pipes that they inherited, so that who reads these waits, too.
"""

from __future__ import annotations

import os
import threading
import time

_LOOK_S = 1.0


def end_with(parent: int) -> None:
    """Let this process end when ``parent``, which started it, has ended.

    Runs in a new worker. What it is writing then is left as by a kill: objects get their
    names only when they are whole.

    Parameters
    ----------
    parent
        The id of the process.
    """
    # Windows keeps no parents; there a worker ends because its pipes break.
    if os.name != "nt":
        threading.Thread(target=_watch, args=(parent,), name="end with parent", daemon=True).start()


def _watch(parent: int) -> None:
    # Not PR_SET_PDEATHSIG of Linux: it looks at the thread that started a worker, not the process.
    try:
        descriptor = os.pidfd_open(parent)
    except (AttributeError, OSError):
        # Another system, or the parent has ended already.
        while os.getppid() == parent:
            time.sleep(_LOOK_S)
    else:
        import select

        # The id may have been another's by then.
        if os.getppid() == parent:
            waiting = select.poll()
            waiting.register(descriptor, select.POLLIN)
            waiting.poll()
    os._exit(1)
