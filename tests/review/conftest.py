"""A run that is reviewed: made once, copied for each test."""

import shutil
import threading
from types import SimpleNamespace

import pytest

pytest.importorskip("starlette", reason="the extra `review` is not installed")
pytest.importorskip("uvicorn", reason="the extra `review` is not installed")


@pytest.fixture(scope="session")
def finished_run(pristine_sample, tmp_path_factory):
    """Four clips that were run: the folder, with sample, cache and out."""
    from toy_stages import QUICK

    from mepipe.cache.store import open_store
    from mepipe.config import load_config
    from mepipe.datasets.registry import open_datasets
    from mepipe.execution.context import Context
    from mepipe.run import Run

    folder = tmp_path_factory.mktemp("reviewed")
    shutil.copytree(pristine_sample, folder / "sample")
    context = Context(open_store(folder / "cache"))
    datasets = open_datasets([str(folder / "sample")])
    Run(datasets, load_config(None, QUICK), context, out=folder / "out", until="pack").execute()
    return folder


@pytest.fixture
def run_copy(finished_run, tmp_path):
    """Return folders of a run that the test may change; the dataset stays where it is."""
    for name in ("cache", "out"):
        shutil.copytree(finished_run / name, tmp_path / name)
    return tmp_path


@pytest.fixture
def open_room(run_copy):
    """Open the review of the run, as `mepipe review` does."""
    from mepipe.cache.store import Store
    from mepipe.execution.context import Context
    from mepipe.review.room import Room
    from mepipe.review.session import Session

    rooms = []

    def make(out=None, cache=None, coder="", who="kim"):
        context = Context(Store(cache or run_copy / "cache"))
        room = Room(Session(out or run_copy / "out", context, coder=coder, who=who))
        rooms.append(room)
        return room

    yield make
    for room in rooms:
        room.close()


@pytest.fixture
def serving(open_room):
    """Serve a review on a port of this machine, in a thread; return its address, room and port."""
    from mepipe.review.server import bind, make_server

    started = []

    def start(**how):
        room = open_room(**how)
        listener = bind(0)
        server, address = make_server(room, listener)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        started.append((server, thread))
        port = listener.getsockname()[1]
        return SimpleNamespace(address=address, room=room, port=port, server=server)

    yield start
    for server, thread in started:
        server.should_exit = True
        thread.join(10)
