"""The metrics that Prometheus scrapes. No label holds a phone number: a session named like one is masked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from diagnostics.gateway.contract import Message, Phase, Stage
from diagnostics.model import Verdict
from diagnostics.redact import Redactor

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4


class Metrics:
    """The figures of one app, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        gauge, counter = partial(Gauge, registry=self.registry), partial(Counter, registry=self.registry)
        self._phase = gauge("wadiag_session_phase", "1 for the phase that the session is in", ["session", "phase"])
        self._verdict = gauge("wadiag_session_verdict", "1 for the session's verdict", ["session", "verdict"])
        self._attempts = gauge(
            "wadiag_session_reconnect_attempts", "connections tried in a row since it was online", ["session"]
        )
        self._reconnects = counter("wadiag_session_reconnects", "times that it came online again", ["session"])
        self._sends = counter(
            "wadiag_sends", "messages by how far they had come when they were answered", ["kind", "outcome"]
        )
        self._ack = Histogram(
            "wadiag_ack_seconds",
            "from handing a message to the client until the server has it",
            buckets=(0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
            registry=self.registry,
        )
        self._requests = counter("wadiag_http_requests", "requests by route and status", ["method", "route", "status"])
        self._ready = gauge("wadiag_ready", "1 if sessions can be served")
        self._writable = gauge("wadiag_state_writable", "1 if the gateway's state can be written")
        self._labels: dict[str, str] = {}
        self._taken: set[str] = set()

    def answered(self, method: str, route: str, status: int) -> None:
        self._requests.labels(method, route, str(status)).inc()

    def sent(self, message: Message) -> None:
        self._sends.labels(message.kind, message.stage.value).inc()
        accepted, acknowledged = message.times.get(Stage.ACCEPTED), message.times.get(Stage.ACKNOWLEDGED)
        if accepted and acknowledged:
            self._ack.observe(max(0.0, (acknowledged - accepted).total_seconds()))

    def not_sent(self, kind: str, why: str) -> None:
        """A message that was stopped here: "blocked" by a finding, "not-on-whatsapp", "interrupted"."""
        self._sends.labels(kind, why).inc()

    def came_back(self, session: str) -> None:
        self._reconnects.labels(self._label(session)).inc()

    def scrape(self, *, ready: bool, writable: bool, sessions: Iterable[tuple[str, Phase, Verdict, int]]) -> bytes:
        """All figures as text; sessions are (name, phase, verdict, attempts)."""
        self._ready.set(ready)
        self._writable.set(writable)
        for gauge in (self._phase, self._verdict, self._attempts):
            gauge.clear()  # no session that is gone stays
        for name, phase, verdict, attempts in sessions:
            label = self._label(name)
            _one_of(self._phase, label, {each.value: each is phase for each in Phase})
            _one_of(self._verdict, label, {each.value: each is verdict for each in Verdict})
            self._attempts.labels(label).set(attempts)
        return generate_latest(self.registry)

    def _label(self, session: str) -> str:
        """The session's name with its numbers masked; no two sessions of this process have the same label."""
        if session not in self._labels:
            masked = label = Redactor().for_names([session])(session)
            number = 1
            while label in self._taken:
                number += 1
                label = f"{masked}~{number}"
            self._labels[session] = label
            self._taken.add(label)
        return self._labels[session]


def _one_of(gauge: Gauge, session: str, states: Mapping[str, bool]) -> None:
    for state, holds in states.items():
        gauge.labels(session, state).set(holds)
