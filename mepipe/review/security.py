"""What stands before every request: only this page, in this browser, reaches the faces of a run.

A page that a browser shows may send requests to any address of this machine, and a name in the DNS
may be pointed at 127.0.0.1. So an answer needs the secret in the path, the address itself as
``Host``, and no other origin. Everything else gets the same empty 404: a stranger learns nothing.
"""

from __future__ import annotations

import hmac
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_BODY = 64 * 1024
"""Bytes of a change: a comment is the longest."""

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    )
)
HEADERS: tuple[tuple[str, str], ...] = (
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", POLICY),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Permissions-Policy", "camera=(), microphone=(), geolocation=()"),
)


class Guard:
    """An ASGI application that lets through only requests that may be answered.

    Parameters
    ----------
    app
        Answers them. It sees the path behind the secret.
    token
        The secret: the first part of every path.
    port
        The port of the server: part of the only ``Host`` and ``Origin`` that are right.
    """

    def __init__(self, app: ASGIApp, token: str, port: int) -> None:
        self._app = app
        self._token = token.encode()
        self._host = f"127.0.0.1:{port}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            return

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                seal(message)
            await send(message)

        inner = self._path(scope)
        if inner is None:
            await _refuse(sealed, 404)
        elif scope["method"] == "POST" and not _is_json(scope):
            await _refuse(sealed, 415)
        elif (body := await _body(scope, receive)) is None:
            await _refuse(sealed, 413)
        else:
            await self._app(
                {**scope, "path": inner, "raw_path": inner.encode(), "root_path": ""},
                _replay(body),
                sealed,
            )

    def _path(self, scope: Scope) -> str | None:
        """Return the path behind the secret; None for a request that is refused."""
        values = _values(scope)
        origin = b"http://" + self._host
        own = values.get(b"host") == [self._host] and values.get(b"origin", [origin]) == [origin]
        site = values.get(b"sec-fetch-site", [b"same-origin"])
        # "none": the user opened the address. A change is never sent so.
        sites = ([b"same-origin"], [b"none"]) if scope["method"] == "GET" else ([b"same-origin"],)
        first, _, rest = str(scope["path"]).removeprefix("/").partition("/")
        known = hmac.compare_digest(first.encode(), self._token)
        good = own and site in sites and known and scope["method"] in {"GET", "POST"}
        return f"/{rest}" if good else None


def seal(message: MutableMapping[str, Any]) -> None:
    """Add the headers that every answer has to the start of one."""
    ours = {name.lower().encode() for name, _ in HEADERS}
    kept = [(name, value) for name, value in message.get("headers", ()) if name.lower() not in ours]
    message["headers"] = kept + [(name.lower().encode(), value.encode()) for name, value in HEADERS]


def _values(scope: Scope) -> dict[bytes, list[bytes]]:
    found: dict[bytes, list[bytes]] = {}
    for name, value in scope["headers"]:
        found.setdefault(name.lower(), []).append(value)
    return found


def _is_json(scope: Scope) -> bool:
    # A form of another page can send text/plain, but not this.
    kinds = _values(scope).get(b"content-type", [])
    return [kind.partition(b";")[0].strip().lower() for kind in kinds] == [b"application/json"]


async def _body(scope: Scope, receive: Receive) -> bytes | None:
    """Return the body; None if it is too large. It is never read further than that."""
    if scope["method"] != "POST":
        return b""
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += bytes(message.get("body", b""))
        if len(body) > LARGEST_BODY:
            return None
        if not message.get("more_body"):
            return body


def _replay(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _refuse(send: Send, status: int) -> None:
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": b""})
