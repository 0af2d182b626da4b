"""A submission to IBM is one request, whatever the runtime's own sessions would do."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import ClassVar

import pytest

from pandora_core.errors import ConfigError
from pandora_core.quantum.ibm.sending import once


class Gateway(BaseHTTPRequestHandler):
    """Counts what is posted, and answers ``code``; 0 hangs up."""

    code: ClassVar[int] = 502
    posted: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.posted.append(self.path)
        if not self.code:
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response(self.code)
        self.send_header("Location", "/elsewhere/jobs")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        return


@pytest.fixture
def gateway() -> Iterator[str]:
    Gateway.posted.clear()
    with HTTPServer(("127.0.0.1", 0), Gateway) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def service_of(url: str, through: str = "") -> SimpleNamespace:
    """What is reached for of a service, with the runtime's own session in it."""
    from qiskit_ibm_runtime.api.session import RetrySession

    session = RetrySession(url, proxies={"http": through} if through else None, backoff_factor=0.0)
    session.trust_env = False
    return SimpleNamespace(_active_api_client=SimpleNamespace(_session=session), _api_clients={})


def post(service: SimpleNamespace) -> None:
    service._active_api_client._session.post("/jobs", data="{}")


@pytest.mark.parametrize("code", [500, 502, 503, 504, 0])
@pytest.mark.parametrize("is_proxy", [False, True])
def test_a_reply_that_is_lost_leaves_one_request(
    code: int, is_proxy: bool, gateway: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Gateway, "code", code)
    service = service_of("http://cloud.test", gateway) if is_proxy else service_of(gateway)
    sent = once(service)
    with pytest.raises(Exception, match=r".+"):
        post(service)
    assert len(Gateway.posted) == 1
    assert sent.has_left
    assert sent.is_turned_down == bool(code)


def test_without_it_the_runtime_submits_again_and_again(gateway: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """If this fails, the runtime has mended its ways."""
    monkeypatch.setattr(Gateway, "code", 502)
    with pytest.raises(Exception, match="502"):
        post(service_of(gateway))
    assert len(Gateway.posted) > 1


def test_a_redirection_is_not_followed_with_a_second_submission(
    gateway: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Gateway, "code", 307)
    service = service_of(gateway)
    sent = once(service)
    with pytest.raises(Exception, match="submitted once"):
        post(service)
    assert Gateway.posted == ["/jobs"]
    assert sent.has_left


@pytest.mark.parametrize("is_proxy", [False, True])
def test_where_nobody_listens_nothing_has_left(is_proxy: bool) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        service = service_of("http://cloud.test", url) if is_proxy else service_of(url)
        sent = once(service)
        with pytest.raises(Exception, match=r".+"):
            post(service)
    assert not sent.has_left


def test_a_release_without_the_sessions_is_not_trusted_with_a_submission() -> None:
    with pytest.raises(ConfigError, match="twice"):
        once(SimpleNamespace(_active_api_client=SimpleNamespace(), _api_clients={}))


def test_other_requests_may_be_repeated(gateway: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Gateway, "code", 200)
    service = service_of(gateway)
    sent = once(service)
    for _ in range(2):
        service._active_api_client._session.post("/sessions", data="{}")
    assert Gateway.posted == ["/sessions", "/sessions"]
    assert not sent.has_left
