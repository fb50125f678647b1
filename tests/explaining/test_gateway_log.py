"""`wadiag explain` on the log of a gateway: a real one, and lines in its wording."""

from __future__ import annotations

import asyncio

import pytest

from diagnostics.catalogue import RECONNECT, reconnect_for
from diagnostics.explaining.explain import explain
from diagnostics.gateway.fleet.session_log import SessionLog
from diagnostics.model import Disconnect
from diagnostics.simulator import Drop, Event, Failure, Fault, StreamError
from diagnostics.testing import eventually
from tests.evidence_samples import NOW
from tests.gateway.fleets import place
from tests.serving import served

SICK = {
    "locked": (Fault(Event.LOGIN, Failure(403)),),
    "banned": (Fault(Event.LOGIN, Failure(402, code=101, expire=3600)),),
    "outdated": (Fault(Event.LOGIN, Failure(405)),),
    "unlinked": (Fault(Event.READY, StreamError(401, "device_removed"), times=1),),
    "replaced": (Fault(Event.READY, StreamError(conflict="replaced"), times=1),),
    "refused": (Fault(Event.LOGIN, Failure(400)),),
    "unavailable": (Fault(Event.LOGIN, Failure(503)),),
}
PASSING = {
    "dropped": (Fault(Event.READY, Drop(), times=1),),
    "once": (Fault(Event.LOGIN, Failure(400), times=1),),
}


@pytest.fixture(scope="module")
def log(whatsapp_server, whatsapp_template, tmp_path_factory) -> str:
    """The log of a `wadiag serve` whose sessions fell ill, each in its own way, and which was then ended."""
    directory, faults = tmp_path_factory.mktemp("log"), {**SICK, **PASSING}
    placed = asyncio.run(place(directory / "gateway", whatsapp_server, whatsapp_template, *faults, "well"))
    for name, plan in faults.items():
        whatsapp_server.apply(placed[name].account, plan)
    with served(whatsapp_server, directory) as gateway:

        def all_is_said() -> bool:
            said = gateway.log.read_text(encoding="utf-8")
            lost = all(f"session '{name}': lost: " in said for name in faults)
            back = all(said.rfind(f"'{name}': online") > said.find(f"'{name}': lost: ") for name in PASSING)
            return lost and back and "session 'well': online" in said

        assert eventually(all_is_said), gateway.log.read_text(encoding="utf-8")
    return gateway.log.read_text(encoding="utf-8")


def of(log: str, *names: str) -> str:
    """The log of a gateway that had only these sessions."""
    quoted = [f"'{name}'" for name in names]
    return "\n".join(line for line in log.splitlines() if "session '" not in line or any(q in line for q in quoted))


@pytest.mark.parametrize(
    ("name", "cause", "code"),
    [
        ("locked", "account-locked", "403"),
        ("banned", "temporarily-banned", "402"),
        ("outdated", "client-outdated", "405"),
        ("unlinked", "device-removed", "401"),
        ("replaced", "stream-replaced", "440"),
        ("refused", "connection-refused", "400"),
        ("unavailable", "connection-refused", "503"),
    ],
)
def test_a_real_log_names_the_cause_of_a_loss(log, name, cause, code):
    (found,) = explain(of(log, name, "well", *PASSING))
    assert (found.cause, found.certain, found.code) == (cause, True, code)
    assert (found.session, found.source) == (name, "wadiag serve")


def test_a_real_log_with_all_losses_names_all_causes(log):
    causes = {each.cause for each in explain(log)}
    assert causes == {
        "account-locked", "temporarily-banned", "client-outdated", "device-removed", "stream-replaced",
        "connection-refused",
    }  # fmt: skip


def test_a_real_log_that_ends_online_is_no_failure_and_the_gateways_end_is_none(log):
    assert "gateway: stopped, " in log
    assert explain(of(log, "well", *PASSING)) == ()


def test_a_real_log_says_when_the_gateway_began_and_ended_and_what_it_tried(log):
    for said in (
        "gateway: started with 10 sessions, of which 10 are connecting",
        "gateway: shutting down, 0 messages on their way",
        "session 'dropped': the client reconnects by itself, attempt 1",
        "session 'once': reconnecting in 0.0 s, attempt 1 (once)",
        "session 'locked': gave up: rule=forbidden (never): the account is locked",
    ):
        assert said in log


@pytest.mark.parametrize("row", RECONNECT, ids=lambda row: row.name)
def test_every_row_of_the_reconnect_table_is_read_back_with_its_cause(row, caplog):
    lost = Disconnect(row.code, row.name, NOW)
    SessionLog("testing").lost(lost, reconnect_for(lost.code, row.name))
    (record,) = caplog.records
    (found, *_) = explain(f"2026-11-22 10:41:07,123 {record.levelname} {record.name} {record.getMessage()}")
    assert (found.cause, found.session) == (row.cause, "testing")
