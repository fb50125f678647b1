"""Observing one session with the real client, against the simulator."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio

from diagnostics.evidence.request import Request
from diagnostics.judging.judge import judge
from diagnostics.model import Absence, Aspect, Mode, Observation, SocketState, StoreFile
from diagnostics.neonize import link_store
from diagnostics.neonize.observe import ObserveResult, Suspicion, observe
from diagnostics.neonize.process import Worker
from diagnostics.neonize.worker_environment import environment
from diagnostics.simulator import Event, Fault, Slow, WhatsAppServer
from tests.neonize.conftest import PATIENCE, Pair

ALL = frozenset(Aspect)
NEEDS_SOCKET = (Aspect.ROUND_TRIP, Aspect.SEND_AVAILABLE, Aspect.TEXT, Aspect.IMAGE)

Look = Callable[..., Awaitable[ObserveResult]]

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def worker(server: WhatsAppServer) -> AsyncIterator[Worker]:
    """One for all tests here, because no faulty session harms it."""
    worker = Worker(environment(server.client_environment()))
    try:
        await worker.hello(PATIENCE, server.noise_root)
        yield worker
    finally:
        await worker.close()


@pytest.fixture
def look(worker: Worker, server: WhatsAppServer) -> Look:
    async def look(
        store: Path,
        *aspects: Aspect,
        deadline: float = PATIENCE,
        send: bool = True,
        state_attribute: str = "is_connected",
        unlinked: bool = False,
    ) -> ObserveResult:
        request = Request("a", frozenset(aspects) or ALL, deadline, server.contact.phone if send else None)
        return await observe(
            worker,
            request,
            store,
            proxy=server.proxy_url,
            fast_store=True,
            state_attribute=state_attribute,
            unlinked=unlinked,
        )

    return look


def seen(looked: ObserveResult, aspect: Aspect) -> Observation:
    return looked.evidence.observations[aspect]


def assert_blocked(looked: ObserveResult, detail: str, *aspects: Aspect) -> None:
    for aspect in aspects:
        assert (seen(looked, aspect).absence, seen(looked, aspect).detail) == (Absence.BLOCKED, detail)


async def test_every_aspect_of_a_healthy_session_is_observed(pair: Pair, look: Look) -> None:
    paired = pair()
    looked = await look(paired.store)
    assert {aspect: o.absence for aspect, o in looked.evidence.observations.items()} == dict.fromkeys(Aspect)
    assert seen(looked, Aspect.EXISTS).value is True
    assert seen(looked, Aspect.STORE).value.intact
    assert seen(looked, Aspect.AUTHENTICATED).value is True
    assert seen(looked, Aspect.DISCONNECT).value is None
    assert seen(looked, Aspect.SOCKET).value is SocketState.OPEN
    assert seen(looked, Aspect.SOCKET).raw == "is_connected=True is_logged_in=True, Connected event seen"
    assert 0 < seen(looked, Aspect.ROUND_TRIP).value < PATIENCE
    assert seen(looked, Aspect.SEND_AVAILABLE).value is True
    sent = [seen(looked, aspect).value for aspect in (Aspect.TEXT, Aspect.IMAGE)]
    assert [s.acknowledged for s in sent] == [True, True]
    assert [(m.id, m.type) for m in paired.account.messages] == [
        (sent[0].message_id, "text"),
        (sent[1].message_id, "media"),
    ]
    assert seen(looked, Aspect.SOCKET).source.startswith("neonize ")
    assert (looked.crashed, looked.suspicion) == (False, Suspicion.NONE)


async def test_nothing_is_sent_without_a_recipient(pair: Pair, look: Look) -> None:
    paired = pair()
    looked = await look(paired.store, send=False)
    for aspect in (Aspect.TEXT, Aspect.IMAGE):
        assert seen(looked, aspect).absence is Absence.NOT_ASKED
        assert seen(looked, aspect).detail == "nothing is sent without --send-to"
    assert paired.account.messages == ()
    assert looked.suspicion is Suspicion.NONE


async def test_only_the_requested_aspects_are_observed(pair: Pair, look: Look) -> None:
    paired = pair()
    looked = await look(paired.store, Aspect.SOCKET, Aspect.IMAGE)
    assert set(looked.evidence.observations) == {Aspect.SOCKET, Aspect.IMAGE}
    assert [message.type for message in paired.account.messages] == ["media"]


async def test_observing_only_the_store_connects_to_nothing(pair: Pair, look: Look, server: WhatsAppServer) -> None:
    paired = pair()
    connections = {line.connection for line in server.log}
    looked = await look(paired.store, Aspect.EXISTS, Aspect.STORE)
    assert seen(looked, Aspect.STORE).value.devices == 1
    assert {line.connection for line in server.log} == connections


async def test_a_session_that_does_not_exist_blocks_all_other_aspects_and_is_not_created(
    look: Look, tmp_path: Path
) -> None:
    looked = await look(tmp_path / "store")
    assert seen(looked, Aspect.EXISTS).value is False
    assert seen(looked, Aspect.STORE).value.file is StoreFile.MISSING
    assert_blocked(looked, "the store cannot be used", *list(Aspect)[2:])
    assert list(os.scandir(tmp_path)) == []


async def test_a_file_that_is_not_a_store_is_not_opened_by_the_client(look: Look, tmp_path: Path) -> None:
    store = tmp_path / "store"
    store.write_text("my notes")
    looked = await look(store)
    assert not seen(looked, Aspect.STORE).value.intact
    assert_blocked(looked, "the store cannot be used", Aspect.AUTHENTICATED, Aspect.SOCKET, *NEEDS_SOCKET)
    assert store.read_text() == "my notes"


async def test_an_unpaired_session_waits_for_its_qr_code(
    worker: Worker, server: WhatsAppServer, look: Look, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    await link_store.create(worker, "a", store, deadline=PATIENCE, proxy=server.proxy_url)
    looked = await look(store, unlinked=True)
    assert seen(looked, Aspect.AUTHENTICATED).value is False
    assert seen(looked, Aspect.AUTHENTICATED).raw == "a QR code waits to be scanned"
    assert seen(looked, Aspect.SOCKET).value is SocketState.CONNECTING
    assert_blocked(looked, "the session is not linked to a phone", *NEEDS_SOCKET)
    assert "2@" not in repr(looked.evidence)


async def test_a_store_that_is_not_linked_is_not_connected_unless_requested(look: Look, tmp_path: Path) -> None:
    store = tmp_path / "store"
    store.touch()  # an empty file, in which the client would create its tables
    looked = await look(store)
    assert seen(looked, Aspect.AUTHENTICATED).value is False
    assert_blocked(looked, "the session is not linked to a phone", Aspect.SOCKET, *NEEDS_SOCKET)
    assert store.read_bytes() == b""


@pytest.mark.parametrize(
    ("scenario", "code", "reason", "authenticated"),
    [
        ("logged-out", 401, "device_removed", False),
        ("replaced", 440, "replaced", True),
        ("outdated", 405, "client_outdated", True),
        ("banned", 402, "101 too many messages to strangers", True),
    ],
)
async def test_a_refusal_is_observed_with_its_code_during_login_and_after_it(
    pair: Pair, look: Look, scenario: str, code: int, reason: str, authenticated: bool
) -> None:
    paired = pair(scenario=scenario)
    looked = await look(paired.store)
    refused = seen(looked, Aspect.DISCONNECT).value
    assert (refused.code, refused.reason, refused.permanent) == (code, reason, True)
    assert seen(looked, Aspect.AUTHENTICATED).value is authenticated
    assert seen(looked, Aspect.SOCKET).value is SocketState.CLOSED
    for aspect in (Aspect.TEXT, Aspect.IMAGE):
        assert seen(looked, aspect).absence is Absence.BLOCKED
    assert paired.account.messages == ()


async def test_a_login_that_is_never_answered_is_connecting(pair: Pair, look: Look) -> None:
    paired = pair(scenario="connecting")
    looked = await look(paired.store, deadline=2.0)
    assert seen(looked, Aspect.SOCKET).value is SocketState.CONNECTING
    assert seen(looked, Aspect.DISCONNECT).value.step == "login"
    assert_blocked(looked, "the socket is CONNECTING (0)", *NEEDS_SOCKET)
    assert looked.evidence.took < 2.5


async def test_a_server_that_drops_every_connection_leaves_the_socket_closed(pair: Pair, look: Look) -> None:
    paired = pair(scenario="closed")
    looked = await look(paired.store)
    assert seen(looked, Aspect.SOCKET).value is SocketState.CLOSED
    lost = seen(looked, Aspect.DISCONNECT).value
    assert (lost.code, lost.reason, lost.permanent) == (None, "connection lost", False)
    assert seen(looked, Aspect.TEXT).absence is Absence.BLOCKED


async def test_a_zombie_reports_an_open_socket_and_its_round_trip_times_out(pair: Pair, look: Look) -> None:
    paired = pair(scenario="zombie")
    looked = await look(paired.store, deadline=2.5)
    assert seen(looked, Aspect.SOCKET).value is SocketState.OPEN
    assert seen(looked, Aspect.SOCKET).raw == (
        "is_connected=True is_logged_in=True, no Connected event since the connection was lost"
    )
    assert seen(looked, Aspect.ROUND_TRIP).absence is Absence.TIMEOUT
    silent = seen(looked, Aspect.ROUND_TRIP).detail
    assert silent.startswith("no answer from the server within ")
    assert_blocked(looked, silent, Aspect.TEXT, Aspect.IMAGE)
    assert paired.account.messages == ()
    assert looked.evidence.took < 2.5


async def test_an_unreadable_state_is_unknown_and_the_other_steps_are_taken(pair: Pair, look: Look) -> None:
    paired = pair()
    looked = await look(paired.store, state_attribute="readyState")
    assert seen(looked, Aspect.SOCKET).value is SocketState.UNKNOWN
    assert "AttributeError: 'NewAClient' object has no attribute 'readyState'" in seen(looked, Aspect.SOCKET).raw
    assert seen(looked, Aspect.IMAGE).value.acknowledged


async def test_a_refused_message_has_the_servers_code_and_no_second_one_is_sent(pair: Pair, look: Look) -> None:
    paired = pair(scenario="ack-refused")
    looked = await look(paired.store)
    sent = seen(looked, Aspect.TEXT).value
    assert (sent.acknowledged, sent.code, sent.stage, sent.error) == (False, 463, "ack", "server returned error 463")
    assert_blocked(looked, "the text before it was not acknowledged", Aspect.IMAGE)
    assert len(paired.account.messages) == 1


@pytest.mark.parametrize("aspect", [Aspect.TEXT, Aspect.IMAGE])
async def test_a_missing_acknowledgement_times_out_at_the_deadline(pair: Pair, look: Look, aspect: Aspect) -> None:
    paired = pair(scenario="ack-lost")
    looked = await look(paired.store, aspect, deadline=2.5)
    sent = seen(looked, aspect).value
    assert (sent.acknowledged, sent.stage, sent.code) == (False, "ack", None)
    assert sent.error == f"no acknowledgement within {sent.took:.1f} s"
    assert looked.evidence.took < 2.5


async def test_a_message_on_a_line_that_is_too_slow_for_the_deadline_is_not_called_lost(
    pair: Pair, look: Look, server: WhatsAppServer
) -> None:
    paired = pair()
    server.apply(paired.account, [Fault(Event.SEND, Slow(latency=0.7))])
    looked = await look(paired.store, deadline=5.0)
    assert seen(looked, Aspect.IMAGE).absence in (Absence.TIMEOUT, Absence.BLOCKED)
    assert judge(looked.evidence, mode=Mode.STRICT, now=datetime.now(UTC)).root.cause == "probe-timeout"


async def test_a_failed_upload_is_distinguished_from_a_failed_message(pair: Pair, look: Look) -> None:
    paired = pair(scenario="media-down")
    looked = await look(paired.store)
    assert seen(looked, Aspect.TEXT).value.acknowledged
    sent = seen(looked, Aspect.IMAGE).value
    assert (sent.acknowledged, sent.stage, sent.code) == (False, "upload", 500)


async def test_the_client_is_stopped_so_that_a_session_can_be_observed_again(pair: Pair, look: Look) -> None:
    paired = pair()
    for _ in range(2):
        looked = await look(paired.store, Aspect.SOCKET, Aspect.ROUND_TRIP)
        assert seen(looked, Aspect.ROUND_TRIP).known
