"""A stand-in for IBM Quantum Platform on loopback: the endpoints that the real client uses, with faults on demand.

It is an HTTP forward proxy (the client is given ``url=http://cloud.test`` and this as its proxy), and it answers
``IAM_URL`` too. Jobs of the executor run on a fake device. Run it in a process of its own with
``python -m tests.ibm_stand_in``; it prints its port.
"""

from __future__ import annotations

import base64
import json
import os
import random
import re
import socket
import sys
import threading
import time
import uuid
import warnings
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

CRN = "crn:v1:bluemix:public:quantum-computing:us-east:a/0123:11111111-2222-3333-4444-555555555555::"
FAULTS = ("lost", "dropped", "unavailable", "slow", "late", "repeated")
"""``lost``: 502 after the job was made; ``dropped``: the connection is cut after it; ``late``: it is cut before, and
the job is made up to a second later; ``unavailable``: 503 before; ``repeated``: something between repeats the
request, which HTTP forbids for a POST (RFC 9110, 9.2.2), so that one submission makes two jobs."""


@dataclass
class Platform:
    """What the stand-in remembers."""

    queue_s: float = 0.3
    run_s: float = 0.1
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    """The next submissions meet these, one each; an empty one lets a submission pass."""
    weather: list[str] = field(default_factory=list)
    """The next questions of any other kind meet these."""
    met: Counter[str] = field(default_factory=Counter)
    """Faults that a request has met, those of the weather under ``weather NAME``."""
    fails: bool = False
    requests: list[tuple[str, str]] = field(default_factory=list)
    submissions: Counter[str] = field(default_factory=Counter)
    """Requests to make a job, by its tag."""
    sessions: dict[str, dict[str, Any]] = field(default_factory=dict)
    allows_sessions: bool = True
    lock: threading.Lock = field(default_factory=threading.Lock)

    def of_tag(self, tag: str) -> list[dict[str, Any]]:
        with self.lock:
            return [job for job in self.jobs.values() if tag in job["tags"]]

    def make(self, body: dict[str, Any]) -> dict[str, Any]:
        job = {
            "id": "st" + uuid.uuid4().hex[:18],
            "backend": body["backend"],
            "program": {"id": body["program_id"]},
            "created": _now(),
            "state": {"status": "Queued"},
            "tags": body.get("tags", []),
            "private": False,
            "session_id": body.get("session_id"),
            "_params": body["params"],
        }
        with self.lock:
            self.jobs[job["id"]] = job
        threading.Thread(target=self._run, args=(job,), daemon=True).start()
        return job

    def _run(self, job: dict[str, Any]) -> None:
        time.sleep(self.queue_s)
        with self.lock:
            if job["state"]["status"] != "Queued":
                return
            job["state"], job["_running"] = {"status": "Running"}, _now()
        time.sleep(self.run_s)
        state: dict[str, Any] = {"status": "Completed"}
        if self.fails:
            state = {"status": "Failed", "reason": "the machine is cold no more", "reason_code": 9999}
        else:
            job["_result"] = _executed(job)
        with self.lock:
            if job["state"]["status"] == "Running":
                job["state"], job["_finished"] = state, _now()

    def cancel(self, job: dict[str, Any]) -> bool:
        with self.lock:
            if job["state"]["status"] in ("Completed", "Failed", "Cancelled"):
                return False
            job["state"] = {"status": "Cancelled"}
            return True


class Server(ThreadingHTTPServer):
    daemon_threads = True
    platform: Platform

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients are killed by these tests; that they hang up is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        return

    def do_GET(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size).decode() if size else ""
        url = urlsplit(self.path)
        path = re.sub(r"^/api/v1", "", url.path) or "/"
        self.server.platform.requests.append((self.command, path))
        if path == "/jobs" and self.command == "POST":
            self._submit(json.loads(body))
        elif path.startswith("/sessions"):
            self._session(path, json.loads(body))
        elif self._weather(path):
            return
        elif path == "/jobs":
            self._list(parse_qs(url.query))
        elif match := re.match(r"/jobs/([^/]+)(/\w+)?$", path):
            self._job(match[1], match[2] or "")
        else:
            self._fixed(path)

    do_POST = do_PUT = do_DELETE = do_PATCH = do_GET  # noqa: N815

    def _submit(self, body: dict[str, Any]) -> None:
        platform = self.server.platform
        with platform.lock:
            fault = platform.faults.pop(0) if platform.faults else ""
            platform.met.update([fault] if fault else [])
            platform.submissions.update(body.get("tags", []))
        if fault == "unavailable":
            return self._say(503, {"errors": [{"message": "try later"}]})
        if fault == "late":
            threading.Timer(random.uniform(0.1, 1.0), platform.make, (body,)).start()
            return self._hang_up()
        job = platform.make(body)
        if fault == "repeated":
            platform.make(body)
        if fault == "slow":
            time.sleep(30)
        if fault == "lost":
            return self._say(502, {"errors": [{"message": "lost after commit"}]})
        if fault == "dropped":
            return self._hang_up()
        return self._say(200, {"id": job["id"], "backend": job["backend"]})

    def _weather(self, path: str) -> bool:
        platform = self.server.platform
        with platform.lock:
            fault = platform.weather.pop(0) if platform.weather and path.startswith("/jobs") else ""
            platform.met.update([f"weather {fault}"] if fault else [])
        if fault in ("lost", "unavailable"):
            self._say(503, {"errors": [{"message": "not now"}]})
        elif fault == "dropped":
            self._hang_up()
        elif fault == "slow":
            time.sleep(30)
        return bool(fault)

    def _session(self, path: str, body: dict[str, Any]) -> None:
        """Open one, or let it take no more jobs."""
        platform, name = self.server.platform, path.rpartition("/")[2]
        if not platform.allows_sessions:
            self._say(400, {"errors": [{"code": 1352, "message": "sessions are not in your plan"}]})
        elif self.command == "POST":
            made = {"id": "se" + uuid.uuid4().hex[:18], "accepting_jobs": True} | body
            platform.sessions[made["id"]] = made
            self._say(200, made)
        else:
            platform.sessions[name] |= body
            self._say(204)

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _list(self, query: dict[str, list[str]]) -> None:
        platform = self.server.platform
        with platform.lock:
            found = [job for job in platform.jobs.values() if set(query.get("tags", [])) <= set(job["tags"])]
        found.sort(key=lambda job: job["created"], reverse=True)
        start, limit = int(query.get("offset", ["0"])[0]), int(query.get("limit", ["20"])[0])
        page = [_view(job) for job in found[start : start + limit]]
        self._say(200, {"jobs": page, "count": len(found), "limit": limit, "offset": start})

    def _job(self, job_id: str, part: str) -> None:
        platform = self.server.platform
        job = platform.jobs.get(job_id)
        if job is None:
            self._say(404, {"errors": [{"code": 1291, "message": "Job not found"}]})
        elif part == "":
            self._say(200, _view(job) | {"params": job["_params"]})
        elif part == "/results":
            self._say(200, text=job.get("_result", ""))
        elif part == "/cancel":
            done = platform.cancel(job)
            self._say(204) if done else self._say(409, {"errors": [{"code": 1295, "message": "already done"}]})
        elif part == "/metrics":
            times = {"created": job["created"], "running": job.get("_running"), "finished": job.get("_finished")}
            usage = {"quantum_seconds": 1, "seconds": 1}
            self._say(200, {"timestamps": times, "usage": usage, "position_in_queue": 2, "bss": {"seconds": 1}})
        elif part == "/logs":
            self._say(200, text="what the machine said")
        elif part == "/tags":
            self._say(204)

    def _fixed(self, path: str) -> None:
        answers = _fixed_answers(len(self.server.platform.jobs))
        if path == "/identity/token":
            self._say(200, _token())
        elif path in answers:
            self._say(200, answers[path])
        else:
            self._say(404, {"errors": [{"message": f"no route {path}"}]})

    def _say(self, code: int, value: Any = None, text: str | None = None) -> None:
        body = (text if text is not None else "" if value is None else json.dumps(value)).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def serve(platform: Platform | None = None, port: int = 0) -> Server:
    """A stand-in that runs in this process; ``server.shutdown()`` ends it."""
    _executed_ready()
    server = Server(("127.0.0.1", port), _Handler)
    server.platform = platform or Platform()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    return server


def _fixed_answers(waiting: int) -> dict[str, Any]:
    device = {
        "name": "ibm_manila",
        "qubits": 5,
        "status": {"name": "online"},
        "queue_length": waiting,
        "processor_type": {"family": "Falcon", "revision": "5.11"},
    }
    instance = {
        "crn": CRN,
        "name": "pandora-test",
        "service_plan_unique_id": "plan-1",
        "doc": {"extensions": [{"x": 1}]},
        "tags": [],
    }
    usage = {"instance_id": CRN, "plan_id": "plan-1", "usage_limit_seconds": 600, "usage_consumed_seconds": 12}
    plan = {"overview_ui": {"en": {"display_name": "Open"}}, "metadata": {"pricing": {"type": "free"}}}
    status = {"state": True, "status": "active", "length_queue": 3, "backend_version": "1.2.6"}
    return {
        "/v3/resources/search": {"items": [instance], "limit": 100},
        "/plan-1": plan,
        "/api/v1/plan-1": plan,
        "/instances/usage": usage | {"usage_limit_reached": False},
        "/backends": {"devices": [device]},
        "/backends/ibm_manila/configuration": _device_file("conf"),
        "/backends/ibm_manila/properties": _device_file("props"),
        "/backends/ibm_manila/status": status,
    }


def _device_file(kind: str) -> dict[str, Any]:
    import qiskit_ibm_runtime

    folder = Path(qiskit_ibm_runtime.__file__).parent / "fake_provider/backends/manila"
    found: dict[str, Any] = json.loads((folder / f"{kind}_manila.json").read_text())
    return found | {"backend_name": "ibm_manila"}


def _executed_ready() -> None:
    """Load what runs jobs before the first one comes."""
    import qiskit_ibm_runtime.fake_provider.executor  # noqa: F401


def program_of(job: dict[str, Any]) -> Any:
    """The quantum program of the executor that a job was sent with."""
    from qiskit_ibm_runtime.quantum_program.params_converters import QUANTUM_PROGRAM_PARAMS_CONVERTERS

    converter = QUANTUM_PROGRAM_PARAMS_CONVERTERS[job["_params"]["schema_version"]]
    return converter.decoder(converter.model.model_validate(job["_params"]))[0]


def _executed(job: dict[str, Any]) -> str:
    """Run a job's program on the fake device, as the real service answers."""
    from ibm_quantum_schemas.executor.version_2_0 import models
    from qiskit_ibm_runtime.fake_provider import FakeManilaV2
    from qiskit_ibm_runtime.fake_provider import executor as fake_executor
    from qiskit_ibm_runtime.options_models.simulator import SimulatorOptions

    run = getattr(fake_executor, "run_quantum_program", fake_executor)
    run = run if callable(run) else run.run_quantum_program
    program = program_of(job)
    for item in program.items:
        if hasattr(item, "samplex"):
            item.samplex.finalize()
    made = run(FakeManilaV2(), program, SimulatorOptions())
    items = getattr(made, "_data", made)
    tensor = models.CompressedTensorModel.from_numpy
    data = [
        models.QuantumProgramResultItemModel(
            results={name: tensor(value) for name, value in dict(item).items()}, metadata=models.ItemMetadataModel()
        )
        for item in items
    ]
    asked = job["_params"]["quantum_program"]
    return models.QuantumProgramResultModel(
        data=data,
        metadata=models.MetadataModel(chunk_timing=[]),
        passthrough_data=asked["passthrough_data"],
        semantic_role=asked["semantic_role"],
    ).model_dump_json()


def _view(job: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in job.items() if not name.startswith("_")} | {
        "status": job["state"]["status"]
    }


def _token() -> dict[str, Any]:
    now = int(time.time())
    claims = {"iat": now, "exp": now + 3600, "iam_id": "x"}
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims)]
    parts.append(base64.urlsafe_b64encode(b"x" * 32))
    jwt = ".".join(part.rstrip(b"=").decode() for part in parts)
    times = {"expires_in": 3600, "expiration": now + 3600}
    return {"access_token": jwt, "refresh_token": "r", "token_type": "Bearer"} | times


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    os.environ["NO_PROXY"] = ""
    print(serve().server_address[1], flush=True)
    sys.stdin.read()
