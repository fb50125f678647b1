"""Every cause that a check can find: its severity in each mode, and whether it blocks the checks after it.

The judge decides *which* cause applies. Ids are stable: people grep for them, and docs/checks.md has a section for
each. The texts of the causes are in english_*.py and indonesian_*.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from diagnostics.model import Mode, Severity

_CRITICAL, _UNKNOWN, _WARNING = Severity.CRITICAL, Severity.UNKNOWN, Severity.WARNING


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a check did not pass.

    Attributes:
        id: stable slug.
        permissive, strict: severity in each mode.
        blocks: the checks after this one cannot be answered, or are not worth trying.
        vague: says that something is wrong but not what; definite findings are listed before it.
    """

    id: str
    permissive: Severity = Severity.CRITICAL
    strict: Severity = Severity.CRITICAL
    blocks: bool = True
    vague: bool = False

    def severity(self, mode: Mode) -> Severity:
        return self.strict if mode is Mode.STRICT else self.permissive


_RATE_LIMITED = Cause("rate-limited", blocks=False)
_QUESTIONS_REFUSED = Cause("questions-refused", blocks=False)
_CRASHES = Cause("client-crashes")
_SEND = (
    Cause("reachout-timelock", blocks=False),
    _RATE_LIMITED,
    Cause("recipient-invalid", _UNKNOWN, _UNKNOWN, blocks=False),
    Cause("send-refused", blocks=False),
    Cause("ack-missing", blocks=False),
    Cause("send-failed", blocks=False),
    _QUESTIONS_REFUSED,
    Cause("question-unanswered", blocks=False),
    Cause("message-unreadable", _UNKNOWN, _UNKNOWN, blocks=False),
    Cause("sends-failing", _WARNING, _WARNING, blocks=False),
    _CRASHES,
)

# Check -> what it finds. "not-observed" is found by every check.
FOUND_BY: Mapping[str, tuple[Cause, ...]] = {
    "probe.completed": (
        Cause("probe-crashed", _UNKNOWN, _UNKNOWN, blocks=False),
        Cause("probe-timeout", _UNKNOWN, _UNKNOWN, blocks=False),
        Cause("target-unreachable", _UNKNOWN, _UNKNOWN, blocks=False),
        Cause("token-refused", _UNKNOWN, _UNKNOWN, blocks=False),
        Cause("answer-unusable", _UNKNOWN, _UNKNOWN, blocks=False),
        Cause("not-observed", _UNKNOWN, _UNKNOWN, blocks=False),
        Cause("evidence-stale", _UNKNOWN, _UNKNOWN, blocks=False),
    ),
    "session.exists": (
        Cause("session-missing"),
        Cause("session-ambiguous", _UNKNOWN, _UNKNOWN),
        Cause("store-missing"),
        Cause("not-a-store"),
    ),
    "store.intact": (
        Cause("store-damaged"),
        Cause("prekeys-low", _WARNING, _WARNING, blocks=False),
        Cause("state-unwritable", blocks=False),
        Cause("store-older", _WARNING, _WARNING, blocks=False),
        Cause("store-unwritable", _UNKNOWN, _UNKNOWN),
    ),
    "session.authenticated": (
        Cause("not-paired"),
        Cause("device-removed"),
        Cause("account-locked"),
    ),
    "connection.accepted": (
        Cause("stream-replaced"),
        Cause("client-outdated"),
        Cause("temporarily-banned"),
        Cause("connection-refused"),
        Cause("whatsapp-unreachable"),
        Cause("held-elsewhere", _UNKNOWN, _UNKNOWN),
        Cause("connection-unstable", _WARNING, blocks=False),
        Cause("connection-dropping"),
        _CRASHES,
    ),
    "socket.state": (
        Cause("socket-connecting", _WARNING),
        Cause("socket-closing", _WARNING, blocks=False, vague=True),
        Cause("socket-closed"),
        Cause("socket-unknown", _WARNING, blocks=False, vague=True),
        Cause("socket-unknown-unusable", blocks=False, vague=True),
        Cause("socket-absent", _WARNING, blocks=False, vague=True),
        Cause("socket-absent-unusable", blocks=False, vague=True),
        Cause("passive-look", _UNKNOWN, _UNKNOWN),
    ),
    "session.responds": (
        Cause("zombie"),
        _QUESTIONS_REFUSED,
        _RATE_LIMITED,
        Cause("not-proven", _UNKNOWN, _UNKNOWN, blocks=False),
    ),
    "send.available": (Cause("send-missing"),),
    "send.text": _SEND,
    "send.image": (*_SEND, Cause("media-upload-failed", blocks=False), Cause("media-unreadable", blocks=False)),
}
CAUSES: tuple[Cause, ...] = tuple(dict.fromkeys(cause for causes in FOUND_BY.values() for cause in causes))
