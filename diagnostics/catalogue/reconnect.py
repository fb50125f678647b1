"""Whether to reconnect after a lost connection, by WhatsApp's reason: one table.

whatsmeow reconnects by itself after most losses (a dropped socket, 500, 503, 515, unanswered keepalives). This table
decides the other cases, and advises other clients. A loop is worse than a wait: reconnecting on 401, 403, 405 or 440
never helps, and on 402 and 440 it does harm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from diagnostics.model import Language


class Action(StrEnum):
    """What to do about a lost connection.

    If a reconnect fails, the next action follows from the reason of that failure.
    """

    AT_ONCE = "at-once"  # no wait before the first attempt; later ones as for "backoff"
    BACKOFF = "backoff"  # retry without a limit, with growing, capped, jittered waits
    ONCE = "once"  # one retry; if it fails in the same way, a person is needed
    NEVER = "never"  # no retry until a person has acted


@dataclass(frozen=True, slots=True)
class Reconnect:
    """What to do about one reason.

    Attributes:
        code: WhatsApp's status code; None for a loss that comes without one.
        name: used by clients.
        action: what to do.
        reasons: one sentence per language; `why` reads it.
        cause: id of the cause that explains it.
        until_end: NEVER holds only until the refusal's own end (`Disconnect.expires`); after it, connect once.
    """

    code: int | None
    name: str
    action: Action
    reasons: Mapping[Language, str]
    cause: str
    until_end: bool = False

    def why(self, language: Language = Language.ENGLISH) -> str:
        return self.reasons[language]


def _row(
    code: int | None, name: str, action: Action, english: str, indonesian: str, cause: str, *, until: bool = False
) -> Reconnect:
    return Reconnect(
        code, name, action, {Language.ENGLISH: english, Language.INDONESIAN: indonesian}, cause, until_end=until
    )


class By(StrEnum):
    """Who reconnects, if anything does."""

    GATEWAY = "gateway"  # the gateway, by this table
    CLIENT = "client"  # whatsmeow, by itself
    BOT = "bot"  # only the program that owns the client could


_BY: Mapping[By, Mapping[Language, str]] = {
    By.CLIENT: {
        Language.ENGLISH: "the client connects again by itself",
        Language.INDONESIAN: "klien menyambung ulang sendiri",
    },
    By.BOT: {
        Language.ENGLISH: "only the bot itself can connect again",
        Language.INDONESIAN: "hanya bot itu sendiri yang dapat menyambung ulang",
    },
}

ZOMBIE = "zombie"
FIRST_CONNECT_FAILED = "first-connect-failed"
CONNECTION_LOST = "connection-lost"
QR_EXPIRED = "qr-expired"

RECONNECT: tuple[Reconnect, ...] = (
    _row(
        400,
        "generic",
        Action.ONCE,
        "WhatsApp refused the login without a reason; one retry shows whether the problem was temporary",
        "WhatsApp menolak login tanpa alasan; satu percobaan menunjukkan apakah itu hanya sementara",
        "connection-refused",
    ),
    _row(
        401,
        "loggedOut",
        Action.NEVER,
        "the phone unlinked this device and its keys are no longer valid; it has to be linked again",
        "ponsel memutus tautan perangkat ini dan kuncinya tidak berlaku lagi; perangkat harus ditautkan ulang",
        "device-removed",
    ),
    _row(
        402,
        "temporaryBan",
        Action.NEVER,
        "the account is banned for a time, and every attempt before the end makes it longer",
        "akun diblokir sementara, dan setiap percobaan sebelum blokir berakhir memperpanjangnya",
        "temporarily-banned",
        until=True,
    ),
    _row(
        403,
        "forbidden",
        Action.NEVER,
        "the account is locked; only its owner can act, on the phone",
        "akun dikunci; hanya pemiliknya yang dapat bertindak, lewat ponsel",
        "account-locked",
    ),
    _row(
        405,
        "clientOutdated",
        Action.NEVER,
        "WhatsApp refuses this version of the client; only an upgrade helps",
        "WhatsApp menolak versi klien ini; hanya pembaruan yang membantu",
        "client-outdated",
    ),
    _row(
        406,
        "banned",
        Action.NEVER,
        "the account is banned; only its owner can act, on the phone",
        "akun diblokir; hanya pemiliknya yang dapat bertindak, lewat ponsel",
        "account-locked",
    ),
    _row(
        408,
        "timedOut",
        Action.BACKOFF,
        "the connection timed out; the credentials are still valid",
        "koneksi terdiam; kredensialnya masih berlaku",
        "connection-lost",
    ),
    _row(
        409,
        "badUserAgent",
        Action.NEVER,
        "WhatsApp refuses this client's user agent; only an upgrade helps",
        "WhatsApp menolak cara klien ini memperkenalkan diri; hanya pembaruan yang membantu",
        "client-outdated",
    ),
    _row(
        411,
        "multideviceMismatch",
        Action.NEVER,
        "the phone's multi-device mode does not match the session; it has to be linked again",
        "mode multi-perangkat di ponsel tidak cocok dengan session; perangkat harus ditautkan ulang",
        "multidevice-off",
    ),
    _row(
        428,
        "connectionClosed",
        Action.BACKOFF,
        "the socket was closed by the network or the server; the credentials are still valid",
        "socket ditutup oleh jaringan atau server; kredensialnya masih berlaku",
        "connection-lost",
    ),
    _row(
        440,
        "connectionReplaced",
        Action.NEVER,
        "another client logged in with the same credentials; reconnecting would disconnect it, and so on in a loop",
        "klien lain mengambil alih dengan kredensial yang sama; menyambung ulang akan mengeluarkannya, dan seterusnya",
        "stream-replaced",
    ),
    _row(
        500,
        "badSession",
        Action.ONCE,
        "an error at WhatsApp or a broken session; one retry tells them apart",
        "kesalahan di WhatsApp atau session yang rusak; satu percobaan membedakan keduanya",
        "connection-refused",
    ),
    _row(
        503,
        "unavailableService",
        Action.BACKOFF,
        "WhatsApp's server is temporarily not available; the session is valid",
        "server WhatsApp sedang tidak tersedia; session-nya tidak bermasalah",
        "connection-refused",
    ),
    _row(
        515,
        "restartRequired",
        Action.AT_ONCE,
        "normal, especially right after pairing: the server asks for a new connection",
        "normal, terutama tepat setelah penautan: server meminta koneksi baru",
        "restart-required",
    ),
    _row(
        None,
        ZOMBIE,
        Action.AT_ONCE,
        "the server does not answer on this connection and the client does not notice; a new one is needed",
        "server tidak menjawab apa pun di koneksi ini dan klien tidak menyadarinya; perlu koneksi baru",
        "zombie",
    ),
    _row(
        None,
        FIRST_CONNECT_FAILED,
        Action.BACKOFF,
        "WhatsApp could not be reached (network, DNS, proxy, TLS), and the client does not retry by itself",
        "WhatsApp tidak terjangkau (jaringan, DNS, proxy, TLS), dan klien tidak mencoba lagi sendiri",
        "whatsapp-unreachable",
    ),
    _row(
        None,
        CONNECTION_LOST,
        Action.BACKOFF,
        "the connection broke without a code from WhatsApp; the credentials are still valid",
        "koneksi terputus tanpa keterangan dari WhatsApp; kredensialnya masih berlaku",
        "connection-lost",
    ),
    _row(
        None,
        QR_EXPIRED,
        Action.NEVER,
        "nobody scanned the QR codes; new ones are shown on request",
        "tidak ada yang memindai kode QR; kode baru ditampilkan bila ada yang memintanya",
        "qr-expired",
    ),
)

HELD, DISOWNED, MISTAKE, CLIENT_CRASHES = "held-elsewhere", "disowned", "gateway-mistake", "client-crashes"
_OWN = (  # reasons of the gateway itself, not of WhatsApp
    _row(
        None,
        HELD,
        Action.BACKOFF,
        "another process uses the session, and two clients with the same keys disconnect each other",
        "proses lain memegang session ini, dan dua klien dengan kunci yang sama saling mengeluarkan",
        "held-elsewhere",
    ),
    _row(
        None,
        DISOWNED,
        Action.NEVER,
        "the gateway lost its database, which may have another owner now; it has to be restarted",
        "gateway kehilangan basis datanya, yang mungkin sudah dimiliki gateway lain; gateway harus dijalankan ulang",
        "held-elsewhere",
    ),
    _row(
        None,
        MISTAKE,
        Action.NEVER,
        "an error in the gateway itself; see its log",
        "kesalahan gateway sendiri; log-nya menjelaskan lebih lanjut",
        "not-observed",
    ),
    _row(
        None,
        CLIENT_CRASHES,
        Action.BACKOFF,
        "the client library crashes for this session; it is tried alone, so that no other session ends with it",
        "library client crash pada session ini; session dicoba sendirian agar session lain tidak ikut terputus",
        "client-crashes",
    ),
)

_BY_CODE = {row.code: row for row in RECONNECT if row.code is not None}
_BY_NAME = {row.name: row for row in (*RECONNECT, *_OWN)}
# Names that whatsmeow and Baileys use without a code.
_BY_REASON = {
    "replaced": _BY_CODE[440],
    "device_removed": _BY_CODE[401],
    "qr refs attempts ended": _BY_NAME[QR_EXPIRED],
}


def reconnect_for(code: int | None, reason: str = "") -> Reconnect:
    """What to do about a lost connection.

    Args:
        code: WhatsApp's code, None where none was given.
        reason: the name that came with the code; without a code `ZOMBIE`, `FIRST_CONNECT_FAILED`, `CONNECTION_LOST`
            or `QR_EXPIRED`. It also tells the two meanings of 408 apart: a timeout, and QR codes that expired.

    Returns:
        The row of the table. For a code that is not in it, a row with `Action.ONCE`. Without a code and with an
        unknown reason, the row of `CONNECTION_LOST`.

    >>> str(reconnect_for(440).action), str(reconnect_for(None, "zombie").action), str(reconnect_for(599).action)
    ('never', 'at-once', 'once')
    """
    named = _BY_REASON.get(reason.strip().lower()) or _BY_NAME.get(reason)
    if code is None:
        return named or _BY_NAME[CONNECTION_LOST]
    if code == 408 and named is _BY_NAME[QR_EXPIRED]:
        return named
    return _BY_CODE.get(code) or _row(
        code,
        reason or "unknown",
        Action.ONCE,
        "this code is not known; one retry shows whether the problem was temporary, more could do harm",
        "kode ini tidak dikenal; satu percobaan menunjukkan apakah akan berlalu, lebih dari itu bisa merugikan",
        "connection-refused",
    )


def why(code: int | None, name: str, by: By, language: Language) -> str:
    """Why a session is or is not reconnected, in one sentence.

    Args:
        code, name: of the table's row.
        by: who reconnects.
        language: of the sentence.

    >>> why(None, "connection-lost", By.CLIENT, Language.ENGLISH).rpartition("; ")[2]
    'the client connects again by itself'
    """
    return "; ".join([reconnect_for(code, name).why(language), *([_BY[by][language]] if by in _BY else [])])
