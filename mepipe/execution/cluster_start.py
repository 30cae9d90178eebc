"""Find a scheduler, and look at its workers, before anything is sent there."""

from __future__ import annotations

import asyncio
import concurrent.futures
import re
import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from mepipe.errors import UsageError
from mepipe.execution.cluster_workers import Demands, by_value, guarded

if TYPE_CHECKING:
    from distributed import Client

CANCELLED = (asyncio.CancelledError, concurrent.futures.CancelledError)
TIMEOUT_S = 10
_ADDRESS = re.compile(r"(?:tcp|tls)://(\[[^\]]+\]|[^:/]+):([0-9]+)/?")


class RefusedError(UsageError):
    """There is no scheduler, or its workers cannot be used for this work."""


def is_reachable(address: str) -> bool:
    """Return True if something answers at ``tcp://HOST:PORT``; of other addresses nothing is known.

    Without this, Dask tries for minutes where nothing is, and for ever where something was.
    """
    found = _ADDRESS.fullmatch(address)
    if found is None:
        return True
    try:
        place = (found[1].strip("[]"), int(found[2]))
        with socket.create_connection(place, timeout=TIMEOUT_S) as other:
            # Dask's side of a connection speaks first. With a server that is silent its own
            # client waits without end. Behind TLS nobody speaks before the client.
            return address.startswith("tls://") or bool(other.recv(1))
    except (OSError, OverflowError):
        return False


def connected(kind: type[Client], address: str) -> Client:
    """Return a client of the class ``kind``; `RefusedError` if nothing answers as a scheduler."""
    try:
        if not is_reachable(address):
            raise OSError("nothing answers there")
        return kind(address, timeout=TIMEOUT_S, set_as_default=False)
    # What is there may be another program, and what Dask makes of its answer has many names.
    except (Exception, *CANCELLED) as error:
        raise RefusedError(
            f"there is no Dask scheduler at {address}: {error}",
            "Start one (`dask scheduler`) and workers (`dask worker ADDRESS --nthreads 1`). "
            "Give the address that the scheduler prints.",
        ) from error


def check_workers(client: Client, demands: Demands) -> None:
    """Raise `RefusedError` if there are no workers, or one is not fit."""
    # Workers that were just started, or restarted after a crash, need some seconds to join.
    with suppress(TimeoutError):
        client.wait_for_workers(1, timeout=TIMEOUT_S)
    if not client.nthreads():
        raise RefusedError(
            f"the Dask scheduler {client.scheduler.address} has no workers",
            f"Start some: dask worker {client.scheduler.address} --nthreads 1",
        )
    found: Mapping[str, Any] = client.run(by_value(guarded), None, demands)
    for _, (fit, answer) in sorted(found.items()):
        if not fit:
            raise refused(*answer)


def refused(worker: str, reason: str, rest: str = "") -> RefusedError:
    """Return the error of a worker that cannot be used; ``rest`` follows what is wrong with it."""
    return RefusedError(
        f"the Dask worker {worker} {reason}{rest}",
        "Give all workers the same mepipe and libraries, one thread each (--nthreads 1, and "
        "--nworkers for more), and the cache and the data on shared storage, under the same path "
        "everywhere.",
    )
