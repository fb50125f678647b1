"""`wadiag serve` while the kernel refuses every write to a file, as on a full disk: records, stores and the log."""

from __future__ import annotations

import resource

import httpx2

from diagnostics.testing import eventually
from tests.gateway.fleets import PATIENCE
from tests.serving import TOKEN, served


def test_a_process_that_may_write_nothing_answers_with_a_problem(whatsapp_server, tmp_path):
    headers = {"Authorization": f"Bearer {TOKEN}", "Idempotency-Key": "ORDER-1"}
    body = {"sessionId": "shop", "phone": "+628123456789", "message": "hello"}
    with served(whatsapp_server, tmp_path) as process, httpx2.Client(base_url=process.url, timeout=PATIENCE) as http:
        _, hard = resource.prlimit(process.process.pid, resource.RLIMIT_FSIZE)

        def ready():
            return http.get("/readyz")

        assert eventually(lambda: ready().status_code == 200)
        resource.prlimit(process.process.pid, resource.RLIMIT_FSIZE, (0, hard))
        answer = http.post("/whatsapp/send-message", json=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (503, "state-unwritable")
        assert eventually(lambda: ready().json().get("code") == "state-unwritable")
        assert http.get("/whatsapp/qr-image/shop", headers=headers).json()["code"] == "state-unwritable"
        resource.prlimit(process.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
        assert eventually(lambda: ready().status_code == 200)
        assert "Traceback" not in process.log.read_text(encoding="utf-8")
