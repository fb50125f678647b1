"""Every check and every cause, once: ids, words, severity and remedy.

The judge decides *which* cause applies; this module says what the cause means to a person. Probes, reports
and documentation all read from here, so a sentence is changed in one place. The ids are stable: people
grep for them, and docs/checks.md has a section for each.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from diagnostics.model import Aspect, Mode, Severity


@dataclass(frozen=True, slots=True)
class Check:
    """One question that is asked of every session.

    Attributes:
        id: stable, dotted.
        title: the question's positive answer, as a person would say it.
        needs: what must be observed to answer it.
        sends: answering it sends a message.
    """

    id: str
    title: str
    needs: frozenset[Aspect]
    sends: bool = False


def _check(check_id: str, title: str, *needs: Aspect, sends: bool = False) -> Check:
    return Check(check_id, title, frozenset(needs), sends)


_REFUSAL = (Aspect.DISCONNECT, Aspect.SOCKET, Aspect.ROUND_TRIP)

# In the order of dependency: a finding of an earlier check explains the later ones.
CHECKS: tuple[Check, ...] = (
    _check("probe.completed", "the probe itself worked"),
    _check("session.exists", "the session exists", Aspect.EXISTS),
    _check("store.intact", "its store can be read and is sound", Aspect.STORE),
    # A refusal can come right behind the login: only an answered question shows that none was on its way.
    _check("session.authenticated", "it is linked to a phone", Aspect.AUTHENTICATED, *_REFUSAL),
    _check("connection.accepted", "WhatsApp accepts its connection", *_REFUSAL),
    # An unreadable state is judged by whether the session works otherwise.
    _check("socket.state", "its socket is open", Aspect.SOCKET, Aspect.AUTHENTICATED, Aspect.SEND_AVAILABLE, *_REFUSAL),
    _check("session.responds", "the server answers what it asks", Aspect.ROUND_TRIP),
    _check("send.available", "it offers sendMessage", Aspect.SEND_AVAILABLE),
    _check("send.text", "a text is acknowledged by the server", Aspect.TEXT, sends=True),
    _check("send.image", "an image is uploaded and acknowledged", Aspect.IMAGE, sends=True),
)
CHECK_BY_ID = {check.id: check for check in CHECKS}
CHECK_ORDER = {check.id: index for index, check in enumerate(CHECKS)}


def with_upstream(selected: Iterable[str]) -> tuple[Check, ...]:
    """The selected checks and every check whose finding could explain theirs, in order.

    A check that sends is never added: sending happens only for those who selected it.
    """
    wanted = set(selected)
    last = max((CHECK_ORDER[check_id] for check_id in wanted), default=-1)
    return tuple(c for c in CHECKS[: last + 1] if c.id in wanted or not c.sends)


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a check did not pass, in words.

    Attributes:
        id: stable slug.
        claim, why, remedy: templates over the judge's facts (`session` is always among them).
        permissive, strict: severity in either mode.
        headline: the session's one-line answer when this is the root cause.
        blocks: nothing behind this check can be known or is worth trying.
        vague: says that something is wrong but not what; a definite finding goes before it.
    """

    id: str
    claim: str
    why: str
    remedy: tuple[str, ...]
    permissive: Severity = Severity.CRITICAL
    strict: Severity = Severity.CRITICAL
    headline: str = "cannot send"
    blocks: bool = True
    vague: bool = False

    def severity(self, mode: Mode) -> Severity:
        return self.strict if mode is Mode.STRICT else self.permissive


_RERUN = "{rerun}"
_LINK = "on the phone: Settings > Linked devices > Link a device, and scan the new code"
_NEW_QR = "start the bot (or its gateway) again so that it shows a QR code"

CAUSES: tuple[Cause, ...] = (
    # probe.completed
    Cause(
        "probe-crashed",
        "the probe broke before it could finish: {detail}",
        "nothing can be said about the session: the probe or its environment is at fault, not WhatsApp",
        (_RERUN + " -v", "if it happens again, report it with this text and the versions in the report"),
        Severity.UNKNOWN,
        Severity.UNKNOWN,
        "could not be looked at: the probe broke",
        blocks=False,
    ),
    Cause(
        "probe-timeout",
        "the look at the session did not end in time: {detail}",
        "what was not seen is not known, and unknown is never healthy",
        (_RERUN + " --deadline 60", "if it still does not end, look at the machine's load and network"),
        Severity.UNKNOWN,
        Severity.UNKNOWN,
        "could not be looked at in time",
        blocks=False,
    ),
    Cause(
        "target-unreachable",
        "the target could not be reached: {detail}",
        "nobody answered, so nothing is known about the session",
        ("check that the address, path or service named above is right and running", _RERUN),
        Severity.UNKNOWN,
        Severity.UNKNOWN,
        "could not be looked at: the target did not answer",
        blocks=False,
    ),
    Cause(
        "not-observed",
        "the target said nothing about this",
        "what was not seen is not known, and unknown is never healthy",
        (_RERUN + " -v", "if it happens again, report it: a target must answer every question or say why not"),
        Severity.UNKNOWN,
        Severity.UNKNOWN,
        "could not be determined",
        blocks=False,
    ),
    # session.exists
    Cause(
        "session-missing",
        "there is no session with this name",
        "nothing can be sent before a session is created and linked to a phone",
        (
            "check the spelling of the session's name, and the store or target it is looked for in",
            "if it never existed: start the bot (or its gateway) so that it shows a QR code",
            _LINK,
            _RERUN,
        ),
        headline="cannot send: the session does not exist",
    ),
    Cause(
        "session-ambiguous",
        "the store holds several sessions, and it is not clear which one is meant: {detail}",
        "looking at the wrong account would say nothing about yours",
        (
            'name it in diagnostics.toml: [sessions.{session}] jid = "…", or call the session by its phone number',
            _RERUN,
        ),
        Severity.UNKNOWN,
        Severity.UNKNOWN,
        "not looked at: the store holds several sessions",
    ),
    # store.intact
    Cause(
        "store-damaged",
        "the session store cannot be used: {detail}",
        "the keys that log the session in are in this store; without them it cannot connect",
        (
            "stop the bot, and keep a copy of the store as it is",
            "restore the store from a backup that is not older than the last start of the bot",
            "if there is none: remove the store, " + _NEW_QR,
            _LINK,
        ),
        headline="cannot send: its store is damaged",
    ),
    Cause(
        "prekeys-low",
        "only {prekeys} one-time prekeys are left on the server",
        "people who write to this session for the first time use one each; at zero, first messages fail to decrypt",
        ("restart the bot: the client uploads new prekeys at login", _RERUN),
        Severity.WARNING,
        Severity.WARNING,
        "can send, but its prekeys are running out",
        blocks=False,
    ),
    # session.authenticated
    Cause(
        "not-paired",
        "it is not linked to a phone: {detail}",
        "WhatsApp refuses every message until the QR code has been scanned",
        ("let the bot (or its gateway) show its QR code", _LINK, _RERUN),
        headline="cannot send: the QR code has not been scanned",
    ),
    Cause(
        "device-removed",
        "the phone unlinked this device ({code} {reason}, {at})",
        "WhatsApp refuses every message until the device is linked again; the client has deleted its keys",
        (_NEW_QR, _LINK, _RERUN),
        headline="cannot send: the phone unlinked this device",
    ),
    Cause(
        "account-locked",
        "WhatsApp locked or banned the account ({code} {reason}, {at})",
        "neither this device nor a new one can send until WhatsApp lifts it; linking again does not help",
        (
            "stop the bot: every further attempt makes it worse",
            "open WhatsApp on the phone, read what it says, and ask for a review there",
            "link the device again only after the phone itself can send",
        ),
        headline="cannot send: the account is locked or banned",
    ),
    # connection.accepted
    Cause(
        "stream-replaced",
        "another client took over with the same credentials ({code} {reason}, {at})",
        "two clients with one session's keys throw each other out; reconnecting starts a loop",
        (
            "find the second process that uses this session's store or a copy of it, and stop it",
            "then start the bot once; do not let it reconnect by itself on this code",
            _RERUN,
        ),
        headline="cannot send: another client uses the same session",
    ),
    Cause(
        "client-outdated",
        "WhatsApp refuses this client's version ({code} {reason}, {at})",
        "no session of this library version can connect until it is upgraded; often all fail at once",
        ("upgrade the WhatsApp library (here: pip install --upgrade neonize)", "restart the bot", _RERUN),
        headline="cannot send: the client library is outdated",
    ),
    Cause(
        "temporarily-banned",
        "the account is banned until {expires} ({code} {reason}, {at})",
        "WhatsApp does this to accounts that look like spam; more attempts make the ban longer",
        (
            "stop sending, and stop reconnecting, until {expires}",
            "then send slowly, to people who wrote first, with varied texts",
            "look at the phone: WhatsApp says there why",
        ),
        headline="cannot send: temporarily banned",
    ),
    Cause(
        "connection-refused",
        "WhatsApp refused the connection ({code} {reason}, {at})",
        "without a connection nothing can be sent",
        (
            "look the code up with the client's own log; 500 and 503 are WhatsApp's side: wait some minutes",
            "restart the bot once; if the same code comes again, link the device anew",
            _RERUN,
        ),
        headline="cannot send: WhatsApp refused the connection",
    ),
    Cause(
        "whatsapp-unreachable",
        "no connection to WhatsApp could be made: {detail}",
        "the session cannot send from a machine that does not reach WhatsApp",
        (
            "check network, DNS and proxy of this machine (web.whatsapp.com:443 must be reachable)",
            "check the proxy's address and password, if one is configured",
            _RERUN,
        ),
        headline="cannot send: WhatsApp cannot be reached from here",
    ),
    # socket.state
    Cause(
        "socket-connecting",
        "the socket is still CONNECTING (0): WhatsApp has not completed the login",
        "nothing can be sent before the login is complete; if it stays like this, the session is stuck",
        (
            "wait a minute, then: " + _RERUN,
            "if it still says CONNECTING: restart the bot, and check its proxy and library version",
        ),
        Severity.WARNING,
        headline="not yet: still connecting",
    ),
    Cause(
        "socket-closing",
        "the socket is CLOSING (2)",
        "the connection is going down; messages may be lost",
        ("let the bot reconnect (most do by themselves)", _RERUN),
        Severity.WARNING,
        headline="about to lose its connection",
        blocks=False,
        vague=True,
    ),
    Cause(
        "socket-closed",
        "the socket is CLOSED (3): {detail}",
        "nothing can be sent without a connection",
        (
            "check that this machine reaches WhatsApp, and that no proxy in between was restarted",
            "restart the bot or let it reconnect",
            _RERUN,
        ),
        headline="cannot send: the connection is closed",
    ),
    Cause(
        "socket-unknown",
        "the state of the WebSocket is unknown, though the session works",
        "usually an upgrade of the library renamed the attribute that holds the state; it cannot warn you any more",
        (
            "compare the library's version with the one your code was written for",
            "read the state as the current version offers it; until then trust round trip and sends, not the state",
            _RERUN,
        ),
        Severity.WARNING,
        headline="sends, but its socket state cannot be read",
        blocks=False,
        vague=True,
    ),
    Cause(
        "socket-unknown-unusable",
        "the state of the WebSocket is unknown, and the session does not work",
        "neither the state nor a working send shows a connection, so it counts as down",
        ("restart the bot so that it connects anew", _RERUN, "if it stays: link the device anew"),
        headline="cannot send: its socket state is unknown and nothing goes out",
        blocks=False,
        vague=True,
    ),
    Cause(
        "socket-absent",
        "the client holds no WebSocket reference, though the session works",
        "the library hides its socket, so its state cannot warn you",
        ("read the state as the library's current version offers it", _RERUN),
        Severity.WARNING,
        headline="sends, but shows no socket",
        blocks=False,
        vague=True,
    ),
    Cause(
        "socket-absent-unusable",
        "the client holds no WebSocket reference, and the session does not work",
        "it was never connected, or has given up",
        ("restart the bot so that it connects", _RERUN),
        headline="cannot send: it has no socket",
        blocks=False,
        vague=True,
    ),
    Cause(
        "passive-look",
        "the store was read, nothing was connected",
        "a store cannot tell whether WhatsApp still accepts the session; only a connection can",
        (
            "if a bot is running with this session: ask the bot, do not connect a second client",
            "if none is: " + _RERUN + " --connect",
            "to check the store only: " + _RERUN + ' -k "exists or intact or authenticated"',
        ),
        Severity.UNKNOWN,
        Severity.UNKNOWN,
        "not known whether it can send: only its store was read",
    ),
    Cause(
        "held-elsewhere",
        "the session is in use: {detail}",
        "WhatsApp lets one client at a time use a session's keys, so nothing was connected",
        ("ask the running bot or its gateway instead", "or stop the bot first, then: " + _RERUN),
        Severity.UNKNOWN,
        Severity.UNKNOWN,
        "not known whether it can send: a running bot holds it, and was left alone",
    ),
    # session.responds
    Cause(
        "zombie",
        "it says that it is connected and logged in, but the server answers nothing: {detail}",
        "a half-dead connection: the client's own word is stale, and every message would hang",
        ("restart the bot: it does not notice by itself", "watch round trips rather than the connected flag", _RERUN),
        headline="cannot send: connected by its own word only",
    ),
    # send.available
    Cause(
        "send-missing",
        "the client offers no sendMessage: {detail}",
        "the bot's calls to it fail before anything reaches WhatsApp",
        (
            "check the library's version against the code that calls it",
            "restart the bot: its start may have stopped half-way",
            _RERUN,
        ),
        headline="cannot send: sendMessage is not available",
    ),
    # send.text and send.image
    Cause(
        "reachout-timelock",
        "the server refused the {what} with {code} (reach-out timelock)",
        "WhatsApp blocks this account from writing to people who have not written to it; more attempts make it longer",
        (
            "stop writing to new contacts, and do not retry",
            "wait: it ends by itself, in hours to days; the phone shows until when",
            "if it also happens with people who answer: upgrade the library (the recipient must be addressed by LID)",
        ),
        headline="cannot send: reach-out timelock",
        blocks=False,
    ),
    Cause(
        "send-refused",
        "the server refused the {what} with {code}",
        "the message was not delivered to anyone",
        (
            "429: slow down; 479: the recipient's devices are out of date, upgrade the library; else: the client's log",
            _RERUN,
        ),
        blocks=False,
    ),
    Cause(
        "ack-missing",
        "the {what} was handed over but never acknowledged by the server: {detail}",
        "messages stay at one grey clock: the API says sent, nobody receives anything",
        ("restart the bot", "if it happens again: unlink the device on the phone and link it anew", _RERUN),
        headline="cannot send: messages are never acknowledged",
        blocks=False,
    ),
    Cause(
        "media-upload-failed",
        "the image could not be uploaded: {detail}",
        "texts may go out, images and files do not",
        (
            "check that this machine and its proxy reach mmg.whatsapp.net:443",
            "if they do, it is WhatsApp's media host: wait some minutes",
            _RERUN,
        ),
        headline="cannot send images: the upload fails",
        blocks=False,
    ),
    Cause(
        "send-failed",
        "the {what} could not be sent: {detail}",
        "nothing reached WhatsApp",
        ("read the client's error above", "check the recipient's number, and that it is on WhatsApp", _RERUN),
        blocks=False,
    ),
)
CAUSE_BY_ID = {cause.id: cause for cause in CAUSES}
