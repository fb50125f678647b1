"""How causes appear in the logs of other projects: phrases, status words and codes.

Everything is written in lower case, because the search ignores case. The sources are the code and the issue threads of
these projects. A *vague* sign fits several situations: it counts only if nothing near it is more definite. A sign with
several causes cannot tell them apart, so all of them are named.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from diagnostics.catalogue.causes import CAUSES, FOUND_BY
from diagnostics.catalogue.log_causes import KNOWN
from diagnostics.catalogue.phrases import PHRASES
from diagnostics.catalogue.reconnect import RECONNECT
from diagnostics.catalogue.texts import TEXTS


@dataclass(frozen=True, slots=True)
class Sign:
    """Phrases that mean the same.

    Attributes:
        source: the project that uses them.
        causes: ids in the catalogue.
        phrases: in lower case; found as whole words.
    """

    source: str
    causes: tuple[str, ...]
    phrases: tuple[str, ...]
    vague: bool = False


@dataclass(frozen=True, slots=True)
class Labelled:
    """Words that are a sign only after a label (`status: …`), or as the whole text.

    Attributes:
        pattern: its first group is the word. Every repetition in it is bounded, so the search is linear in the text.
        causes: by word.
    """

    source: str
    pattern: re.Pattern[str]
    causes: Mapping[str, tuple[str, ...]]
    vague: bool = False


def _sign(source: str, causes: str, *phrases: str, vague: bool = False) -> Sign:
    return Sign(source, tuple(causes.split()), phrases, vague)


_WHATSMEOW = (
    _sign("whatsmeow", "device-removed", "got device removed stream error", "logged out from another device"),
    _sign("whatsmeow", "device-removed", "logged_out"),
    # The event comes with 401, 403 or 406; its name alone does not say which.
    _sign("whatsmeow", "device-removed account-locked", "loggedout", "loggedoutev", vague=True),
    _sign("whatsmeow", "account-locked", "logged out for unknown reason"),
    _sign("whatsmeow", "account-locked", "primary device was logged out", "main_device_gone", "unknown_logout"),
    _sign(
        "whatsmeow",
        "stream-replaced",
        "streamreplaced",
        "streamreplacedev",
        "got replaced stream error",
        "stream replaced",
    ),
    _sign(
        "whatsmeow", "client-outdated", "clientoutdated", "clientoutdatedev", "client outdated", "client is out of date"
    ),
    _sign("whatsmeow", "client-outdated", "client user agent was rejected", "bad user agent"),
    _sign("whatsmeow", "temporarily-banned", "temporaryban", "temporarybanev", "you've been temporarily banned"),
    _sign("whatsmeow", "temporarily-banned", "account temporarily banned", "send_to_too_many_people"),
    _sign("whatsmeow", "connection-refused", "connectfailure", "connectfailureev", vague=True),
    _sign("whatsmeow", "multidevice-off", "qrscannedwithoutmultidevice"),
    _sign("whatsmeow", "not-paired", "the store doesn't contain a device jid", "pairerror"),
    _sign("whatsmeow", "client-missing", "client is nil"),
    _sign("whatsmeow", "connection-lost", "websocket disconnected before info query returned response"),
    _sign("whatsmeow", "connection-lost", "websocket not connected", "frame socket is closed", "keepalivetimeout"),
    _sign("whatsmeow", "zombie", "info query timed out"),
    _sign("whatsmeow", "ack-missing", "timed out waiting for message send response"),
    _sign("whatsmeow", "whatsapp-unreachable", "couldn't dial whatsapp web websocket", "failed to dial whatsapp web"),
    _sign("whatsmeow", "devices-unknown", "failed to get device list", "failed to send usync query", vague=True),
    _sign("whatsmeow", "lid-unknown", "no lid found"),
    _sign("whatsmeow", "recipient-invalid", "can't send message to unknown server", "recipient must be a user jid"),
    _sign("whatsmeow", "recipient-invalid", "international phone number required", "phone number too short"),
    _sign(
        "whatsmeow", "undecryptable", "mismatching mac in signal message", "undecryptablemessage", "no valid sessions"
    ),
    _sign("whatsmeow", "undecryptable", "no signal session established", "error decrypting message"),
    _sign("whatsmeow", "media-upload-failed", "upload failed with status code", "failed to refresh media connections"),
)
_BAILEYS = (
    _sign("Baileys", "stream-replaced device-removed", "stream errored (conflict)", vague=True),
    _sign("Baileys", "device-removed", "device_removed", "disconnectreason.loggedout"),
    _sign("Baileys", "logged-out-here", "intentional logout"),
    _sign(
        "Baileys", "stream-replaced", "connectionreplaced", "connection replaced", "type=replaced", 'type="replaced"'
    ),
    _sign("Baileys", "stream-replaced", "type: 'replaced'", '"type":"replaced"', "conflict type replaced"),
    _sign("Baileys", "restart-required", "restartrequired", "restart required", "stream errored (restart required)"),
    _sign("Baileys", "qr-expired", "qr refs attempts ended"),
    _sign("Baileys", "connection-lost", "connectionlost", "connection was lost", "connectionclosed", "timedout"),
    _sign(
        "Baileys",
        "connection-lost",
        "connection closed",
        "connection terminated",
        "stream errored (unknown)",
        vague=True,
    ),
    _sign("Baileys", "connection-refused client-outdated device-removed", "connection failure", vague=True),
    _sign("Baileys", "connection-refused", "badsession", "unavailableservice", "service unavailable", vague=True),
    _sign("Baileys", "multidevice-off", "multidevicemismatch"),
    _sign("Baileys", "undecryptable", "bad mac", "waiting for this message", "menunggu pesan ini"),
    _sign("Baileys", "undecryptable", "failed to decrypt message", "no matching sessions found for message"),
    _sign("Baileys", "undecryptable", "no session record", "invalid prekey id", "key used already or never filled"),
    _sign(
        "Baileys",
        "prekeys-upload-timeout",
        "pre-key upload timeout",
        "prekey upload timeout",
        "prekey upload timed out",
    ),
    _sign("Baileys", "rate-limited", "rate-overlimit", "ratelimit exceeded", "too many requests"),
    _sign("Baileys", "media-upload-failed", "media upload failed on all hosts", "error in uploading to"),
    _sign("Baileys", "reachout-timelock", "wa_reachout_timelock", "reach-out timelock"),
    _sign("Baileys", "deaf", "no messages received", "not receiving messages", "tidak menerima pesan"),
    _sign("Baileys", "socket-unknown socket-unknown-unusable", "readystate undefined", "readystate: undefined"),
    _sign("Baileys", "send-missing", "sendmessage is not a function", "sendmessage not available"),
)
_GATEWAYS = (
    _sign("WAHA", "not-paired", "scan_qr_code", "passkey_required", "passkey_confirmation_required"),
    _sign("GREEN-API", "not-paired", "notauthorized"),
    _sign("GREEN-API", "phone-offline", "sleepmode"),
    _sign("GREEN-API", "rate-limited", "yellowcard"),
    _sign("wppconnect", "not-paired", "notlogged", "qrreaderror", "desconnectedmobile"),
    _sign("wppconnect", "browser-dead", "browserclose", "browser tab closed", "session closed. most likely the page"),
    _sign(
        "whatsapp-web.js", "browser-dead", "target closed", "execution context was destroyed", "page has been closed"
    ),
    _sign("whatsapp-web.js", "session-missing", "session_not_found"),
    _sign("whatsapp-web.js", "account-locked", "tos_block", "smb_tos_block"),
    _sign("whatsapp-web.js", "client-outdated", "deprecated_version"),
    _sign("whatsapp-web.js", "proxy-refused", "proxyblock"),
    _sign("wuzapi", "session-missing", "no session", vague=True),
    _sign("mautrix-whatsapp", "phone-offline", "wa-phone-offline", "phone hasn't been seen"),
    _sign("mautrix-whatsapp", "device-removed", "wa-logged-out"),
    _sign("mautrix-whatsapp", "not-paired", "wa-not-logged-in"),
    _sign("mautrix-whatsapp", "account-locked", "wa-main-device-gone"),
    _sign("mautrix-whatsapp", "temporarily-banned", "wa-temporary-ban"),
    _sign("mautrix-whatsapp", "stream-replaced", "wa-stream-replaced"),
    _sign("mautrix-whatsapp", "client-outdated", "wa-client-outdated"),
    _sign("mautrix-whatsapp", "connection-lost", "wa-transient-disconnect", "wa-keepalive-timeout"),
    _sign(
        "guide",
        "not-paired",
        "not authenticated",
        "qr not scanned",
        "belum terautentikasi",
        "user not authenticated",
    ),
    _sign("guide", "session-missing", "session not found", "session tidak ditemukan", "session does not exist"),
    _sign("guide", "socket-absent socket-absent-unusable", "no websocket reference"),
)
_NETWORK = (
    _sign("proxy", "proxy-refused", "proxy authentication required", "tunnel connection failed", "proxyconnect tcp"),
    _sign(
        "TLS",
        "tls-untrusted",
        "certificate signed by unknown authority",
        "self-signed certificate",
        "self signed certificate",
    ),
    _sign("TLS", "tls-untrusted", "unable to get local issuer certificate", "certificate has expired"),
    _sign("TLS", "tls-untrusted", "certificate_verify_failed", "certificate verify failed"),
    _sign("network", "whatsapp-unreachable", "enotfound", "eai_again", "no such host", "network is unreachable"),
    _sign("network", "whatsapp-unreachable", "etimedout", "i/o timeout", "websocket: bad handshake"),
    _sign("network", "connection-lost", "econnreset", "connection reset by peer", "broken pipe", "unexpected eof"),
    _sign("network", "target-unreachable", "econnrefused 127.0.0.1", "econnrefused ::1", "connect to localhost port"),
    _sign("network", "whatsapp-unreachable target-unreachable", "econnrefused", "connection refused", vague=True),
    _sign("SQLite", "store-damaged", "database disk image is malformed", "file is not a database"),
    _sign(
        "gateway",
        "token-refused",
        "invalid api key",
        "invalid token",
        "missing bearer token",
        "401 unauthorized",
        vague=True,
    ),
)


def _own_words() -> tuple[Sign, ...]:
    """Signs of this project's own output: ids, headlines of diagnoses, the guide's sentence; in both languages."""
    signs = [Sign("whatsapp-diagnostics", (cause.id,), (cause.id,)) for cause in (*CAUSES, *KNOWN)]
    for check, found in FOUND_BY.items():
        signs.append(Sign("whatsapp-diagnostics", tuple(cause.id for cause in found), (check,), vague=True))
    by_phrase: dict[str, list[str]] = {}
    for language, texts in TEXTS.items():
        say = PHRASES[language]
        for cause_id, said in texts.items():
            brief, headline = said.brief.lower(), said.headline.lower()
            in_sentence = [
                template.rpartition("'")[2].format(brief=brief).lower().strip() for template in (say.sick, say.unsure)
            ]
            # Shorter ones ("cannot send") occur in texts of other projects, too.
            alone = [brief] * (len(brief.split()) >= 3) + [headline] * (len(headline.split()) >= 4)
            for phrase in dict.fromkeys(in_sentence + alone):
                by_phrase.setdefault(phrase, []).append(cause_id)
    for phrase, causes in by_phrase.items():
        signs.append(Sign("whatsapp-diagnostics", tuple(dict.fromkeys(causes)), (phrase,)))
    return tuple(signs)


SIGNS: tuple[Sign, ...] = (*_WHATSMEOW, *_BAILEYS, *_GATEWAYS, *_NETWORK, *_own_words())

_STATUSES: Mapping[str, tuple[str, ...]] = {
    "stopped": ("session-stopped",),
    "starting": ("socket-connecting",),
    "initializing": ("socket-connecting",),
    "opening": ("socket-connecting",),
    "connecting": ("socket-connecting",),
    "pairing": ("not-paired",),
    "unpaired": ("not-paired",),
    "unpaired_idle": ("not-paired",),
    "unverified": ("not-paired",),
    "unprepared": ("not-paired",),
    "qrcode": ("not-paired",),
    "phonecode": ("not-paired",),
    "qr_ready": ("not-paired",),
    "close": ("socket-closed",),
    "closing": ("socket-closing",),
    "closed": ("socket-closed", "session-missing"),  # wppconnect also says it of a session that was never created
    "disconnected": ("socket-closed",),
    "refused": ("connection-refused",),
    "conflict": ("stream-replaced", "device-removed"),
    "timeout": ("connection-lost",),
    "blocked": ("account-locked",),
    "failed": ("engine-failed",),
    "pending": ("ack-missing",),
    "forbidden": ("account-locked",),
    "loggedout": ("device-removed",),
}
_CODES: Mapping[str, tuple[str, ...]] = {
    **{str(row.code): (row.cause,) for row in RECONNECT if row.code is not None},
    "401": ("device-removed", "token-refused"),  # from WhatsApp, or from a gateway's HTTP API
    "408": ("connection-lost", "qr-expired"),
    "407": ("proxy-refused",),
    "429": ("rate-limited",),
    "463": ("reachout-timelock",),
    "479": ("send-refused",),
}
_ALSO_HTTP_CODES = {"400", "401", "403", "405", "408", "409", "429", "500", "503"}  # every HTTP server has these
_LABEL = (
    r"""(?:(?:connection_?state|connection_?status|session_?status|status|state)["']?[ ]{0,3}[:=]?"""
    r"""|connection["']?[ ]{0,3}[:=])[ ]{0,3}["']?"""
)
_CODE_LABEL = r"""(?:status[ _-]?code|code|reason|error|status|disconnectreason)["']?[ ]{0,3}[:=(]{0,2}[ ]{0,3}["']?"""


def _after_label(label: str, words: Mapping[str, tuple[str, ...]]) -> re.Pattern[str]:
    return re.compile(rf"(?<![a-z0-9]){label}({'|'.join(sorted(words, key=len, reverse=True))})(?![a-z0-9_])")


def _as_whole_text(words: Mapping[str, tuple[str, ...]]) -> re.Pattern[str]:
    return re.compile(rf"\A\W{{0,9}}(?:{_LABEL})?({'|'.join(sorted(words, key=len, reverse=True))})\W{{0,9}}\Z")


_SEND_CODES = {
    **dict.fromkeys(("400", "404", "479", "500", "503"), ("send-refused",)),
    "429": ("rate-limited",),
    "463": ("reachout-timelock",),
}
_QUERY_CODES = {
    **dict.fromkeys(("400", "403", "404", "406", "500", "503"), ("query-refused",)),
    "401": ("device-removed",),
    "429": ("rate-limited",),
}

LABELLED: tuple[Labelled, ...] = (
    Labelled(
        "Baileys",
        re.compile(
            r"""reachouttimelock["']?[ ]{0,3}[:=]?[ ]{0,3}\{[ ]{0,3}["']?isactive["']?[ ]{0,3}[:=][ ]{0,3}(true)"""
        ),
        {"true": ("reachout-timelock",)},
    ),
    Labelled("whatsmeow", _after_label(r"server[ ]returned[ ]error[ ]", _SEND_CODES), _SEND_CODES),
    Labelled("whatsmeow", _after_label(r"info[ ]query[ ]returned[ ]status[ ]", _QUERY_CODES), _QUERY_CODES),
    Labelled("status code", _as_whole_text(_CODES), _CODES),
    Labelled("gateway", _as_whole_text(_STATUSES), _STATUSES),
    Labelled(
        "status code", _after_label(_CODE_LABEL, _CODES), {c: f for c, f in _CODES.items() if c not in _ALSO_HTTP_CODES}
    ),
    Labelled(
        "status code",
        _after_label(_CODE_LABEL, _CODES),
        {c: f for c, f in _CODES.items() if c in _ALSO_HTTP_CODES},
        vague=True,
    ),
    Labelled("gateway", _after_label(_LABEL, _STATUSES), _STATUSES, vague=True),
    Labelled(
        "gowa",
        re.compile(r"""logged_?in["']?[ ]{0,3}[:=][ ]{0,3}(false)(?![a-z0-9_])"""),
        {"false": ("not-paired",)},
        vague=True,
    ),
)
