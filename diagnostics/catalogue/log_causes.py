"""Causes that appear in logs and that no check measures; `wadiag explain` names them.

Some show only over time (no messages arrive), some only in other clients (a browser engine), some are not a problem
(515). The texts say what is known from the source code and issue threads of the clients. indonesian_log_causes.py has
the same texts in Indonesian.
"""

from __future__ import annotations

from collections.abc import Mapping

from diagnostics.catalogue.causes import Cause
from diagnostics.catalogue.words import Words
from diagnostics.model import Severity

_RERUN = "`{rerun}`"
_PAIR = "`{pair}`"
_LINK = "on the phone: Settings > Linked devices > Link a device, and scan the new code"


def _known(cause_id: str, severity: Severity = Severity.CRITICAL) -> Cause:
    return Cause(cause_id, severity, severity, blocks=False)


KNOWN: tuple[Cause, ...] = (
    _known("restart-required", Severity.WARNING),
    _known("connection-lost", Severity.WARNING),
    _known("qr-expired"),
    _known("logged-out-here"),
    _known("undecryptable", Severity.WARNING),
    _known("deaf", Severity.WARNING),
    _known("prekeys-upload-timeout", Severity.WARNING),
    _known("query-refused", Severity.WARNING),
    _known("lid-unknown", Severity.WARNING),
    _known("devices-unknown", Severity.WARNING),
    _known("client-missing"),
    _known("proxy-refused"),
    _known("tls-untrusted"),
    _known("browser-dead"),
    _known("engine-failed"),
    _known("session-stopped"),
    _known("multidevice-off"),
    _known("phone-offline", Severity.WARNING),
)

KNOWN_ENGLISH: Mapping[str, Words] = {
    "restart-required": Words(
        "the server asks for a new connection (515)",
        "this is normal, especially right after pairing; it is a failure only if the client does not reconnect",
        (
            "let the client connect again at once, with the credentials that it has just saved",
            "if it shows a new QR code instead: it did not save them; save on every change of the credentials",
            _RERUN,
        ),
        "about to reconnect",
        "restart required (515)",
    ),
    "connection-lost": Words(
        "the connection to WhatsApp was lost while it was needed",
        "whatever was under way got no answer; the credentials are still good",
        (
            "let the client connect again, with growing waits; then repeat what was under way, messages with their id",
            "if it happens often: check network and proxy between this machine and web.whatsapp.com:443",
            _RERUN,
        ),
        "cannot send until it is connected again",
        "connection lost",
    ),
    "qr-expired": Words(
        "all QR codes ran out before one was scanned",
        "WhatsApp gives a client about six codes; then it closes the connection, and the session stays unlinked",
        (_PAIR, _LINK, "do not request codes in a loop: request one when somebody is ready to scan it"),
        "cannot send: nobody scanned the QR code in time",
        "QR codes ran out",
    ),
    "logged-out-here": Words(
        "the program itself logged the session out",
        "a logout unlinks the device at WhatsApp for good; to close a connection, disconnect instead",
        (
            "find what calls logout, in the code or through the gateway, and let it only disconnect instead",
            _PAIR,
            _LINK,
            _RERUN,
        ),
        "cannot send: it was logged out on purpose",
        "logged out by its own program",
    ),
    "undecryptable": Words(
        "messages between this session and a contact cannot be decrypted",
        "the keys of the two sides do not match: after a restored or shared store, or when a contact is known by two "
        "addresses (number and LID); the reader sees “Waiting for this message”",
        (
            "make sure that a single process uses the store, and that no older copy of it was restored",
            "upgrade the library: most of these were bugs in LID addressing that have been fixed",
            "let the client delete its keys for that contact only; the next message makes new ones",
            "link the device again only if it happens with every contact",
        ),
        "sends, but messages cannot be decrypted",
        "messages cannot be decrypted",
    ),
    "deaf": Words(
        "the session is connected, but nothing arrives any more",
        "socket and keepalive look healthy for hours while messages wait at the server; so do hours without messages",
        (
            "send the session a message from another phone: if it arrives, there were no other messages",
            "if it does not: restart the bot's process; reconnecting within it often does not help",
            _RERUN,
        ),
        "sends, but may receive nothing",
        "nothing arrives any more",
    ),
    "prekeys-upload-timeout": Words(
        "the client could not upload its prekeys in time",
        "without prekeys on the server, first messages from new contacts cannot be decrypted",
        ("restart the bot: it retries the upload at login", "if it repeats: upgrade the library", _RERUN),
        "can send, but its prekeys were not uploaded",
        "prekey upload timed out",
    ),
    "query-refused": Words(
        "WhatsApp's server answered a query with an error",
        "what depended on the answer (device lists, uploads, groups) did not happen; the session itself may be well",
        (
            "500 and 503: errors at WhatsApp, wait some minutes; 429: slow down",
            "400, 403, 404: the query itself is wrong, check its recipient or group",
            _RERUN,
        ),
        "a query to the server was refused",
        "query refused by the server",
    ),
    "lid-unknown": Words(
        "the client knows no LID for this recipient",
        "WhatsApp addresses people by LID now; without it the message cannot be encrypted for them",
        (
            "query through the client whether the number is on WhatsApp: the answer brings the LID",
            "upgrade the library; old versions do not keep the mapping of number and LID",
        ),
        "cannot send to this recipient: its LID is unknown",
        "recipient's LID unknown",
    ),
    "devices-unknown": Words(
        "the recipient's devices could not be queried",
        "a message is encrypted for each device; without the list nothing is sent",
        (
            "read what follows the colon in the error: it is the reason",
            "if the connection was lost: let the client connect again, then send again",
            _RERUN,
        ),
        "cannot send: the recipient's devices are not known",
        "recipient's devices not known",
    ),
    "client-missing": Words(
        "the program uses a client that was never created, or has been closed",
        "the call fails in the program itself; nothing was sent to WhatsApp",
        (
            "create the client and wait until it is connected before you send through it",
            "after a logout or an error create a new client; the old one does not reconnect",
            _RERUN,
        ),
        "cannot send: the program has no client",
        "no client",
    ),
    "proxy-refused": Words(
        "the proxy between this machine and WhatsApp refuses the connection",
        "no connection can be made through it, neither for messages nor for media",
        (
            "check the proxy's address, user and password, and whether its account has expired",
            "try without the proxy or with another one, then restart the bot",
            _RERUN,
        ),
        "cannot send: the proxy refuses the connection",
        "refused by the proxy",
    ),
    "tls-untrusted": Words(
        "the certificate that came instead of WhatsApp's is not trusted",
        "something in between decrypts the connection (a company's proxy, a virus scanner), or this machine's "
        "certificates or clock are wrong",
        (
            "check the machine's clock and its CA certificates (Debian: ca-certificates)",
            "exempt web.whatsapp.com and mmg.whatsapp.net from inspection; never switch verification off",
            _RERUN,
        ),
        "cannot send: the TLS certificate is not trusted",
        "TLS certificate not trusted",
    ),
    "browser-dead": Words(
        "the browser that runs WhatsApp Web for this session is gone",
        "engines with a browser keep reporting CONNECTED, but every call to the page fails",
        (
            "check the machine's memory, then restart the session so that it starts a new browser",
            "keep the profile's directory, so that no new QR code is needed",
            _RERUN,
        ),
        "cannot send: its browser is gone",
        "browser engine gone",
    ),
    "engine-failed": Words(
        "the gateway has given the session up (FAILED)",
        "it does not retry by itself; the reason is in the gateway's log, often a lost login",
        (
            "restart the session in the gateway",
            "if it fails again: log it out there and start it, then {pair}",
            _LINK,
            _RERUN,
        ),
        "cannot send: the gateway has given the session up",
        "given up by the gateway (FAILED)",
    ),
    "session-stopped": Words(
        "the gateway knows the session, but it is not running",
        "it was stopped, or it was not started after a restart of the gateway",
        ("start the session in the gateway, and enable its automatic start", _RERUN),
        "cannot send: the session is not running",
        "session not running",
    ),
    "multidevice-off": Words(
        "the phone's WhatsApp does not support multi-device linking, which this client needs (411)",
        "the pairing failed; WhatsApp on the phone is old, or multi-device is switched off there",
        ("update WhatsApp on the phone", _PAIR, _LINK, _RERUN),
        "cannot send: multi-device is off on the phone",
        "multi-device off on the phone",
    ),
    "phone-offline": Words(
        "the phone has not been online for many days",
        "WhatsApp unlinks all devices of a phone that it has not seen for about 14 days",
        ("open WhatsApp on the phone while it is online, and keep it there for some minutes", _RERUN),
        "can send, but will be unlinked: the phone is offline",
        "phone offline for days",
    ),
}
