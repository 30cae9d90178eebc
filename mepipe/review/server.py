"""The server of the review page: what each address answers, and how it starts and ends."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from mepipe.errors import ConflictError, MepipeError, UsageError
from mepipe.review.page import FILES
from mepipe.review.room import NotInRunError, Room
from mepipe.review.security import Guard

if TYPE_CHECKING:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

_WIDTHS = (960, 1600, 2560)
_HOST = "127.0.0.1"


def require_starlette() -> None:
    """Check that the extra is installed.

    Raises
    ------
    UsageError
        If it is not.
    """
    try:
        import starlette
        import uvicorn  # noqa: F401
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the review page needs {error.name}, which is not installed",
            "Install it: pip install 'mepipe[review]'",
        ) from error
    del starlette


def bind(port: int) -> socket.socket:
    """Return a socket that listens on this machine only; port 0: any free one.

    Raises
    ------
    UsageError
        If the port is in use, or may not be used.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((_HOST, port))
        listener.listen()
    except (OSError, OverflowError) as error:
        listener.close()
        raise UsageError(
            f"port {port} of {_HOST} cannot be used: {getattr(error, 'strerror', error)}",
            "Leave --port out: any free port is taken.",
        ) from error
    return listener


def serve(room: Room, listener: socket.socket, opened: Callable[[str], object]) -> None:
    """Answer until Ctrl-C. ``opened`` is called with the address before."""
    server, address = make_server(room, listener)
    opened(address)
    try:
        server.run(sockets=[listener])
    finally:
        room.close()


def end() -> None:
    """End the process where threads are still at work; else do nothing.

    A thread may be inside dlib or OpenCV. Python would end it there, and C++ then aborts the whole
    process. Every change is in its file already, so nothing is lost.
    """
    here = threading.current_thread()
    if any(one.daemon and one is not here for one in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _not_cut_short(record: logging.LogRecord) -> bool:
    """Tell whether a record is not of an answer that Ctrl-C cut short: that is no error."""
    kind = record.exc_info[0] if record.exc_info else None
    cut = kind is not None and issubclass(kind, asyncio.CancelledError)
    return not cut and "timeout graceful shutdown exceeded" not in record.getMessage()


def make_server(room: Room, listener: socket.socket) -> tuple[uvicorn.Server, str]:
    """Return the server of a page, which does not run yet, and its address with a new secret."""
    import uvicorn

    logging.getLogger("uvicorn.error").addFilter(_not_cut_short)
    token = secrets.token_urlsafe(24)
    port = listener.getsockname()[1]
    config = uvicorn.Config(
        guarded(room, token, port),
        access_log=False,  # it would hold the secret
        log_config=None,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=1,
    )
    return uvicorn.Server(config), f"http://{_HOST}:{port}/{token}/"


def guarded(room: Room, token: str, port: int) -> Guard:
    """Return the application behind its guard."""
    return Guard(application(room), token, port)


def application(room: Room) -> Starlette:
    """Return the application: plain answers, without any protection of its own."""
    from starlette.applications import Starlette
    from starlette.responses import Response
    from starlette.routing import Route

    def nothing(request: Request, error: Exception) -> Response:
        del request, error
        return Response(status_code=404)

    reads: Mapping[str, Callable[[Request], Response]] = {
        "/api/run": lambda request: _json(room.run()),
        "/api/state": lambda request: _json(room.state(request.query_params.get("version", ""))),
        "/api/clips/{index:int}": lambda request: _json(room.clip(_index(request))),
        "/api/clips/{index:int}/motion": lambda request: _json(room.motion(_index(request))),
        "/api/clips/{index:int}/flow": lambda request: _json(room.flow(_index(request))),
        "/api/clips/{index:int}/events": lambda request: _json(room.events(_index(request))),
        "/api/clips/{index:int}/ready": lambda request: _json(room.ready(_index(request))),
        "/api/clips/{index:int}/frames/{position:int}": lambda request: _frame(room, request),
        "/api/clips/{index:int}/pictures/{name:str}": lambda request: _picture(room, request),
    }
    changes: Mapping[str, Callable[[int, dict[str, Any]], Any]] = {
        "/api/clips/{index:int}/change": room.change,
        "/api/clips/{index:int}/events": room.change_events,
        "/api/undo": lambda index, body: room.undo(body),
        "/api/rebuild": lambda index, body: room.rebuild(body),
    }
    routes = [Route(f"/{name}", _file(name, kind), name=name) for name, kind in FILES.items()]
    routes.append(Route("/", _file("page.html", FILES["page.html"])))
    routes += [Route(path, _read(answer), methods=["GET"]) for path, answer in reads.items()]
    routes += [Route(path, _write(answer), methods=["POST"]) for path, answer in changes.items()]
    return Starlette(routes=routes, exception_handlers={404: nothing, 405: nothing})


def _file(name: str, kind: str) -> Callable[[Request], Response]:
    from starlette.responses import Response

    from mepipe.review.page import content

    def answer(request: Request) -> Response:
        del request
        return Response(content(name), media_type=kind)

    return answer


def _read(answer: Callable[[Request], Response]) -> Callable[[Request], Response]:
    """Return an answer whose errors are told in words."""

    def answered(request: Request) -> Response:
        try:
            return answer(request)
        except NotInRunError:
            return _json({"message": "there is no such clip"}, 404)
        except MepipeError as error:
            return _json({"message": error.message, "remedy": error.remedy}, 409)

    return answered


def _write(change: Callable[[int, dict[str, Any]], Any]) -> Callable[[Request], Any]:
    async def answered(request: Request) -> Response:
        from starlette.concurrency import run_in_threadpool

        try:
            body = json.loads(await request.body())
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            return _json({"message": "not a JSON object"}, 400)
        index = int(request.path_params.get("index", -1))
        try:
            return _json(await run_in_threadpool(change, index, body))
        except NotInRunError:
            return _json({"message": "there is no such clip"}, 404)
        except ConflictError as error:
            conflict = {
                "column": error.column, "now": error.now, "wanted": error.wanted,
                "clip": error.clip, "message": error.message,
            }  # fmt: skip
            return _json({"conflict": conflict, "message": error.message}, 409)
        except MepipeError as error:
            return _json({"message": error.message, "remedy": error.remedy}, 422)

    return answered


def _index(request: Request) -> int:
    return int(request.path_params["index"])


def _json(content: Any, status: int = 200) -> Response:
    from starlette.responses import Response

    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Response(text.encode(), status_code=status, media_type="application/json")


def _frame(room: Room, request: Request) -> Response:
    """Answer a frame, or 204 for one that is not ready and was only asked for ahead."""
    from starlette.responses import Response

    asked = request.query_params
    width = next((one for one in _WIDTHS if one >= _number(asked.get("width"))), _WIDTHS[-1])
    found = room.frame(
        _index(request),
        int(request.path_params["position"]),
        aligned=asked.get("view") == "aligned",
        width=width,
        wait="ahead" not in asked,
    )
    if found is None:
        return Response(status_code=204)
    if not found.data:
        return _json({"message": found.problem or "there is no such picture"}, 409)
    headers = {"Frame-Size": f"{found.size[0]}x{found.size[1]}"} if found.size else {}
    return Response(found.data, media_type="image/jpeg", headers=headers)


def _number(text: str | None) -> int:
    return (
        int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 6 else 0
    )


def _picture(room: Room, request: Request) -> Response:
    from starlette.responses import Response

    data, kind = room.picture(_index(request), str(request.path_params["name"]))
    return Response(data, media_type=kind)
