"""Owns the questions about IBM's jobs that need no Qiskit: what became of a tag, a job's state, its end, its counts.

To load the runtime's client takes seconds, and a process that finds its jobs again needs four requests of it. So
these are sent over HTTP here, to IBM Quantum's REST interface (quantum.cloud.ibm.com/docs/api/qiskit-runtime-rest):
``/jobs``, ``/jobs/ID``, ``/metrics``, ``/results``, ``/cancel``. It needs the instance's CRN, since a name would have
to be looked up; without one the runtime's client answers everything (:mod:`.ibm`).
"""

from __future__ import annotations

import base64
import json
import os
import time
import zlib
from collections import Counter
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec
import numpy as np
import requests

_IAM_URL = "https://iam.cloud.ibm.com"
_URL = "https://cloud.ibm.com"
_API_VERSION = "2026-04-15"
_TIMEOUT_S = (4.0, 8.0)
"""To connect, to be answered; whoever asks has a deadline of its own."""
_PAGE = 100
_STATES = {"COMPLETED": "DONE", "FAILED": "ERROR"}
_RAN_TOO_LONG = 1305
_READABLE = ("v1.0", "v1.1", "v2.0")
_FLIPS = "measurement_flips."
Bits = np.ndarray[Any, np.dtype[np.bool_]]


class Access(msgspec.Struct, frozen=True):
    """How IBM Quantum is reached. Sent to the client process once, before any question."""

    token: str
    instance: str = ""
    url: str = ""
    proxy: str = ""

    def __repr__(self) -> str:
        return f"Access(instance={self.instance!r}, url={self.url!r}, proxy={self.proxy!r})"


class Found(msgspec.Struct, frozen=True):
    """A job that IBM knows."""

    remote_id: str
    backend: str
    state: str
    created: str = ""
    reason: str = ""
    position: int | None = None
    metrics: dict[str, Any] = {}


class RestError(Exception):
    """What a request came to, if it came to anything: ``status_code`` 0 says that nobody answered."""

    def __init__(self, words: str, status_code: int = 0) -> None:
        super().__init__(words)
        self.status_code = status_code


class UnreadableError(Exception):
    """A result of a form that is not read here."""


class RestClient:
    """One session with one instance. Every method raises :class:`RestError`; nothing is tried twice."""

    def __init__(self, access: Access) -> None:
        self._access, self._base = access, base_url(access)
        self._session = requests.Session()
        if access.proxy:
            self._session.proxies = {"http": access.proxy, "https": access.proxy}
        self._bearer, self._bearer_until = "", 0.0

    def find(self, tag: str) -> list[Found]:
        """All jobs of a tag, the oldest first."""
        rows: list[dict[str, Any]] = []
        while True:
            page = {"exclude_params": "true", "tags": tag, "limit": _PAGE, "offset": len(rows)}
            answer = self._ask("GET", "/jobs", page).json()
            rows += answer["jobs"]
            if not answer["jobs"] or len(rows) >= int(answer.get("count", 0)):
                break
        return sorted((_found(row) for row in rows), key=lambda each: (each.created, each.remote_id))

    def status(self, remote_id: str) -> Found:
        """A job as it is now, with IBM's own metrics."""
        job = self._ask("GET", f"/jobs/{remote_id}", {"exclude_params": "true"}).json()
        found = _found(job)
        metrics = self._ask("GET", f"/jobs/{remote_id}/metrics").json()
        kept = {name: metrics[name] for name in ("timestamps", "usage", "estimated_start_time") if name in metrics}
        position = metrics.get("position_in_queue") if found.state == "QUEUED" else None
        reason = self._reason(job) if found.state == "ERROR" else ""
        return msgspec.structs.replace(found, metrics=kept, position=position, reason=reason[:500])

    def counts(self, remote_id: str) -> list[dict[str, int]]:
        """How often each bit string was read, for every item of the job's program.

        Raises:
            UnreadableError: it is of another form; the runtime's own decoder knows more of them.
        """
        return counts_of(self._ask("GET", f"/jobs/{remote_id}/results").text)

    def cancel(self, remote_id: str) -> None:
        """Ask for its end; 409 says that it has come already."""
        self._ask("POST", f"/jobs/{remote_id}/cancel")

    def _reason(self, job: Mapping[str, Any]) -> str:
        state = job["state"]
        code = state.get("reason_code") or state.get("reasonCode")
        said = state.get("reason") or self._ask("GET", f"/jobs/{job['id']}/results").text
        return f"Error code {code}; {said}" if code else str(said)

    def _ask(self, method: str, path: str, params: Mapping[str, Any] | None = None) -> requests.Response:
        headers = {
            "Accept": "application/json",
            "IBM-API-Version": _API_VERSION,
            "Service-CRN": self._access.instance,
        }
        headers["Authorization"] = f"Bearer {self._token()}"
        return self._send(method, self._base + path, params=params, headers=headers)

    def _send(self, method: str, url: str, **more: Any) -> requests.Response:
        try:
            answer = self._session.request(method, url, timeout=_TIMEOUT_S, **more)
        except requests.RequestException as error:  # its text may hold the address, never the token
            raise RestError(f"{type(error).__name__} at {urlsplit(url).path}") from error
        if answer.status_code >= 400:
            if answer.status_code in (401, 403):
                self._bearer_until = 0.0
            raise RestError(f"{answer.status_code} at {urlsplit(url).path}: {answer.text[:200]}", answer.status_code)
        return answer

    def _token(self) -> str:
        """A bearer token of IBM Cloud's identity service for the API key; kept until shortly before its end."""
        if time.monotonic() >= self._bearer_until:
            form = {"grant_type": "urn:ibm:params:oauth:grant-type:apikey", "apikey": self._access.token}
            url = f"{os.environ.get('IAM_URL') or _IAM_URL}/identity/token"
            given = self._send("POST", url, data=form).json()
            self._bearer = str(given["access_token"])
            self._bearer_until = time.monotonic() + 0.8 * float(given.get("expires_in", 3600))
        return self._bearer


def can_ask(access: Access) -> bool:
    """Whether the instance is named so that nothing has to be looked up."""
    return access.instance.startswith("crn:v1:bluemix:")


def base_url(access: Access) -> str:
    """Where an instance's interface is: the region is in its CRN, and us-east has none in its address."""
    if "experimental" in access.url:
        return access.url
    parts, region = urlsplit(access.url or _URL), access.instance.split(":")[5]
    prefix = "" if region == "us-east" else f"{region}."
    return f"{parts.scheme}://{prefix}quantum.{parts.hostname}/api/v1"


def counts_of(text: str) -> list[dict[str, int]]:
    """Counts of the items of a program's result, registers joined as ``join_data`` of Qiskit joins them.

    Raises:
        UnreadableError: it is no result of known form.
    """
    try:
        made = json.loads(text)
        if made["schema_version"] not in _READABLE:
            raise UnreadableError(f"schema {made['schema_version']}")
        return [_item_counts(item["results"]) for item in made["data"]]
    except (KeyError, TypeError, ValueError, zlib.error) as error:
        raise UnreadableError(f"{type(error).__name__}: {error}") from error


def _item_counts(results: Mapping[str, Any]) -> dict[str, int]:
    registers = [name for name in results if not name.startswith(_FLIPS)]
    return counts_of_bits(np.concatenate([_bits(results, name) for name in registers], axis=1))


def counts_of_bits(bits: Bits) -> dict[str, int]:
    """Counts of the rows of (shots, bits), as Qiskit writes them: bit 0 last."""
    keys = np.packbits(bits, axis=1)
    counted = Counter(key.tobytes() for key in keys)
    width = bits.shape[1]
    return {_written(key, width): count for key, count in sorted(counted.items())}


def _bits(results: Mapping[str, Any], name: str) -> Bits:
    """(shots, bits) of a register, the flips of twirled measurements undone."""
    made = _tensor(results[name])
    if _FLIPS + name in results:
        made = made ^ _tensor(results[_FLIPS + name])
    return made.reshape(-1, made.shape[-1])


def _tensor(plain: Mapping[str, Any]) -> Bits:
    if plain["dtype"] != "bool":
        raise UnreadableError(f"{plain['dtype']} where bits were expected")
    raw = np.frombuffer(zlib.decompress(base64.b64decode(plain["data"])), np.uint8)
    shape = tuple(int(size) for size in plain["shape"])
    return np.unpackbits(raw, bitorder="little")[: int(np.prod(shape))].astype(bool).reshape(shape)


def _written(key: bytes, width: int) -> str:
    """The bit of qubit 0 last."""
    return "".join(map(str, np.unpackbits(np.frombuffer(key, np.uint8))[:width]))[::-1]


def _found(job: Mapping[str, Any]) -> Found:
    state = job["state"]
    name = str(state["status"]).upper()
    code = state.get("reason_code") or state.get("reasonCode")
    kind = "ERROR" if name == "CANCELLED" and code == _RAN_TOO_LONG else _STATES.get(name, name)
    return Found(str(job["id"]), str(job.get("backend", "")), kind, str(job.get("created", "")))
