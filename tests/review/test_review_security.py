"""Only this page, in this browser, reaches the faces of a run."""

import http.client
import json
import logging
import socket
from urllib.parse import urlsplit

import pytest

from mepipe.review.security import HEADERS, LARGEST_BODY, Guard

TOKEN = "s3cret"
PORT = 8000
HOST = f"127.0.0.1:{PORT}"


async def inner(scope, receive, send):
    message = await receive()
    answer = json.dumps([scope["path"], message.get("body", b"").decode()]).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": answer})


async def ask(path=f"/{TOKEN}/api/run", method="GET", body=(b"",), **headers):
    """Ask the guard as a server would; headers with _ for -."""
    parts = list(body)
    sent = []
    fields = {"host": HOST, **{name.replace("_", "-"): text for name, text in headers.items()}}
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": [(n.encode(), t.encode()) for n, t in fields.items() if t is not None],
    }

    async def receive():
        part = parts.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(parts)}

    async def send(message):
        sent.append(message)

    await Guard(inner, TOKEN, PORT)(scope, receive, send)
    return sent[0], b"".join(one.get("body", b"") for one in sent[1:]), parts


@pytest.fixture
def asked():
    import asyncio

    def run(*args, **how):
        return asyncio.run(ask(*args, **how))

    return run


JSON = {"method": "POST", "content_type": "application/json", "origin": f"http://{HOST}"}


def test_the_address_with_its_secret_is_answered(asked):
    start, body, _ = asked()
    assert start["status"] == 200
    assert json.loads(body) == ["/api/run", ""]


@pytest.mark.parametrize(
    "how",
    [
        {"path": "/"},
        {"path": "/wrong/api/run"},
        {"path": f"/{TOKEN}x/api/run"},
        {"path": f"/{TOKEN[:-1]}/api/run"},
        {"path": f"/x/{TOKEN}/api/run"},
        {"path": "/s3cr\N{LATIN SMALL LETTER E WITH ACUTE}t/"},
        {"host": "evil.example"},
        {"host": f"evil.example:{PORT}"},
        {"host": f"localhost:{PORT}"},
        {"host": "127.0.0.1"},
        {"host": "127.0.0.1:8001"},
        {"host": None},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:8001"},
        {"origin": f"https://{HOST}"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"method": "DELETE"},
        {"method": "OPTIONS"},
        {**JSON, "sec_fetch_site": "none"},
    ],
)
def test_everything_else_gets_the_same_empty_answer(asked, how):
    start, body, _ = asked(**how)
    assert (start["status"], body) == (404, b"")


def test_two_hosts_are_refused():
    import asyncio

    async def twice():
        sent = []

        async def send(message):
            sent.append(message)

        fields = [(b"host", HOST.encode()), (b"host", b"evil.example")]
        scope = {"type": "http", "method": "GET", "path": f"/{TOKEN}/", "headers": fields}
        await Guard(inner, TOKEN, PORT)(scope, None, send)
        return sent

    assert asyncio.run(twice())[0]["status"] == 404


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_what_a_browser_sends_for_this_page_is_answered(asked, site):
    assert asked(sec_fetch_site=site)[0]["status"] == 200


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_a_change_must_be_json(asked, kind):
    assert asked(**{**JSON, "content_type": kind})[0]["status"] == 415


def test_a_body_is_bounded_and_not_read_further(asked):
    parts = [b"x" * 40_000] * 5
    start, body, left = asked(body=parts, **JSON)
    assert (start["status"], body) == (413, b"")
    assert len(left) == 5 - (LARGEST_BODY // 40_000 + 1)


@pytest.mark.parametrize("how", [{}, {"path": "/"}, {**JSON, "content_type": "text/plain"}])
def test_every_answer_is_sealed(asked, how):
    headers = dict(asked(**how)[0]["headers"])
    for name, value in HEADERS:
        assert headers[name.lower().encode()] == value.encode()
    policy = headers[b"content-security-policy"].decode()
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


def test_a_web_socket_is_not_answered():
    import asyncio

    async def never(*_):
        raise AssertionError

    asyncio.run(Guard(never, TOKEN, PORT)({"type": "websocket"}, None, never))


# ---- the server itself ------------------------------------------------------------------------


def talk(port, text):
    """Send raw bytes and return the whole answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=600) as one:
        one.sendall(text.encode())
        data = b""
        while part := one.recv(65536):
            data += part
    return data.decode(errors="replace")


def test_over_a_socket(serving, caplog):
    caplog.set_level(logging.DEBUG)
    served = serving()
    parts = urlsplit(served.address)
    line = f"GET {parts.path} HTTP/1.1\r\nConnection: close\r\n"
    right = talk(served.port, f"{line}Host: 127.0.0.1:{served.port}\r\n\r\n")
    assert right.startswith("HTTP/1.1 200")
    assert "no-store" in right
    assert "server:" not in right.lower()
    for host in ("evil.example", f"localhost:{served.port}", f"evil.example:{served.port}"):
        answer = talk(served.port, f"{line}Host: {host}\r\n\r\n")
        assert answer.startswith("HTTP/1.1 404")
        assert answer.endswith("\r\n\r\n")
    none = talk(served.port, f"GET {parts.path} HTTP/1.0\r\n\r\n")
    assert none.startswith("HTTP/1.1 404")
    other = talk(served.port, f"GET http://evil.example{parts.path} HTTP/1.1\r\nConnection: close"
                 f"\r\nHost: evil.example\r\n\r\n")  # fmt: skip
    assert " 404 " in other.splitlines()[0]
    token = parts.path.strip("/")
    assert len(token) >= 32
    assert token not in caplog.text
    assert token not in right.partition("\r\n\r\n")[2]


def test_the_server_listens_on_this_machine_only(serving):
    served = serving()
    own = {found[4][0] for found in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    for address in own - {"127.0.0.1"}:
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((address, served.port), timeout=5)


def test_no_path_of_a_request_reaches_the_file_system(serving):
    served = serving()
    base = urlsplit(served.address)
    for path in (
        "../../etc/passwd", "..%2f..%2fetc%2fpasswd", "page.py", "__init__.py", "%2e%2e/page.css",
        "api/clips/0/frames/..%2f0", "api/clips/-1", "api/clips/99", "api/clips/0/pictures/..",
        "api/clips/0/frames/99999999999999999999", "api/clips/0/frames/-1",
    ):  # fmt: skip
        link = http.client.HTTPConnection("127.0.0.1", served.port, timeout=600)
        link.request("GET", f"{base.path}{path}", headers={"Host": f"127.0.0.1:{served.port}"})
        answer = link.getresponse()
        body = answer.read()
        assert answer.status in {404, 409}, path
        assert b"root:" not in body
        link.close()
