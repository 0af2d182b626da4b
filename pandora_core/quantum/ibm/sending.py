"""Owns that a submission is one request, whatever becomes of its reply.

The runtime's client sends a POST again after 500, 502, 503, 504 and 52x, up to five times, and after a connection
that was dropped behind a proxy, which urllib3 counts among "other" errors (``api/session.py`` of qiskit-ibm-runtime
0.51). Each of these can be another job. There is no option against it, so its private sessions are reached for; a
release that has none is not trusted with a submission.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NewConnectionError, ProxyError

from pandora_core.errors import ConfigError


class RepeatedError(requests.RequestException):
    """A second submission was about to leave, by a retry or a redirection."""


class OnceAdapter(HTTPAdapter):
    """Lets one POST of a job through, and retries nothing."""

    def __init__(self) -> None:
        super().__init__(max_retries=0)
        self.has_left = False
        """Whether a job may have been made."""
        self.code: int | None = None
        """What was answered, if anything was."""

    @property
    def is_turned_down(self) -> bool:
        return self.code is not None and self.code >= 400

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        if not _is_submission(request):
            return super().send(request, *args, **kwargs)
        if self.has_left:
            raise RepeatedError("a job is submitted once", request=request)
        self.has_left = True
        try:
            answer = super().send(request, *args, **kwargs)
        except requests.RequestException as error:
            self.has_left = not _never_connected(error)
            raise
        self.code = answer.status_code
        return answer


def once(service: Any) -> OnceAdapter:
    """Let the runtime's client submit one job, once; what became of that is told by the adapter.

    Raises:
        ConfigError: its sessions are not where they were, so that it cannot be kept from repeating itself.
    """
    clients = [getattr(service, "_active_api_client", None), *getattr(service, "_api_clients", {}).values()]
    found = [getattr(client, "_session", None) for client in clients if client is not None]
    sessions = [session for session in found if isinstance(session, requests.Session)]
    if not sessions or len(sessions) < len(found):
        raise ConfigError(
            "this release of qiskit-ibm-runtime cannot be kept from submitting a job twice",
            where="ibm",
            hint="install qiskit-ibm-runtime 0.51",
        )
    adapter = OnceAdapter()
    for session in sessions:
        for scheme in ("http://", "https://"):
            session.mount(scheme, adapter)
    return adapter


def _is_submission(request: requests.PreparedRequest) -> bool:
    return request.method == "POST" and urlsplit(request.url or "").path.endswith("/jobs")


def _never_connected(error: BaseException) -> bool:
    """Whether there was no connection that anything could have been written to."""
    cause: Any = error.args[0] if error.args else None
    if isinstance(cause, MaxRetryError):
        cause = cause.reason
    if isinstance(cause, ProxyError):
        cause = cause.original_error
    return isinstance(cause, NewConnectionError | ConnectTimeoutError)
