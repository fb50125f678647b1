"""Whether to connect again, by WhatsApp's reason for a lost connection: one table.

whatsmeow connects again by itself after most losses (a dropped socket, 500, 503, 515, muted keepalives). What is
decided here is what it gives up, and what other clients are told. A loop is worse than a wait: connecting again on 401,
403, 405 or 440 never helps, and on 402 and 440 it does harm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from diagnostics.model import Language


class Action(StrEnum):
    """What to do about a lost connection.

    A connection that fails again is decided anew, by its own reason.
    """

    AT_ONCE = "at-once"  # no wait before the first attempt; the ones behind it as for "backoff"
    BACKOFF = "backoff"  # for as long as it takes, with capped, growing, jittered waits
    ONCE = "once"  # a single attempt; the same answer again needs a person
    NEVER = "never"  # a person has to do something first


@dataclass(frozen=True, slots=True)
class Reconnect:
    """What to do about one reason.

    Attributes:
        code: WhatsApp's status code; None for a loss that comes without one.
        name: what clients call it.
        action: what to do.
        reasons: why that, one sentence per language; `why` reads it.
        cause: id of the cause that explains it.
        until_end: NEVER holds only until the refusal's own end (`Disconnect.expires`); behind it, connect once.
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
    """Who connects again, where anybody does."""

    GATEWAY = "gateway"  # as the table says
    CLIENT = "client"  # whatsmeow, by itself
    BOT = "bot"  # only the program that holds the client could


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
        "WhatsApp refused the login without a reason; one attempt shows whether it was a passing one",
        "WhatsApp menolak login tanpa alasan; satu percobaan menunjukkan apakah itu hanya sementara",
        "connection-refused",
    ),
    _row(
        401,
        "loggedOut",
        Action.NEVER,
        "the phone unlinked this device and its keys are worthless; it has to be linked again",
        "ponsel memutus tautan perangkat ini dan kuncinya tidak berlaku lagi; perangkat harus ditautkan ulang",
        "device-removed",
    ),
    _row(
        402,
        "temporaryBan",
        Action.NEVER,
        "the account is banned for a time, and every attempt before its end makes it longer",
        "akun diblokir sementara, dan setiap percobaan sebelum blokir berakhir memperpanjangnya",
        "temporarily-banned",
        until=True,
    ),
    _row(
        403,
        "forbidden",
        Action.NEVER,
        "the account is locked; only its owner can do something, on the phone",
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
        "the account is banned; only its owner can do something, on the phone",
        "akun diblokir; hanya pemiliknya yang dapat bertindak, lewat ponsel",
        "account-locked",
    ),
    _row(
        408,
        "timedOut",
        Action.BACKOFF,
        "the connection went silent; the credentials are still good",
        "koneksi terdiam; kredensialnya masih berlaku",
        "connection-lost",
    ),
    _row(
        409,
        "badUserAgent",
        Action.NEVER,
        "WhatsApp refuses how this client introduces itself; only an upgrade helps",
        "WhatsApp menolak cara klien ini memperkenalkan diri; hanya pembaruan yang membantu",
        "client-outdated",
    ),
    _row(
        411,
        "multideviceMismatch",
        Action.NEVER,
        "the phone's multi-device mode and the session do not fit; it has to be linked again",
        "mode multi-perangkat di ponsel tidak cocok dengan session; perangkat harus ditautkan ulang",
        "multidevice-off",
    ),
    _row(
        428,
        "connectionClosed",
        Action.BACKOFF,
        "the socket was closed, by network or server; the credentials are still good",
        "socket ditutup oleh jaringan atau server; kredensialnya masih berlaku",
        "connection-lost",
    ),
    _row(
        440,
        "connectionReplaced",
        Action.NEVER,
        "another client took over with the same credentials; connecting again would throw it out, and so on for ever",
        "klien lain mengambil alih dengan kredensial yang sama; menyambung ulang akan mengeluarkannya, dan seterusnya",
        "stream-replaced",
    ),
    _row(
        500,
        "badSession",
        Action.ONCE,
        "WhatsApp's error or a broken session; one attempt tells them apart",
        "kesalahan di WhatsApp atau session yang rusak; satu percobaan membedakan keduanya",
        "connection-refused",
    ),
    _row(
        503,
        "unavailableService",
        Action.BACKOFF,
        "WhatsApp's server is not available for now; the session is sound",
        "server WhatsApp sedang tidak tersedia; session-nya tidak bermasalah",
        "connection-refused",
    ),
    _row(
        515,
        "restartRequired",
        Action.AT_ONCE,
        "normal, above all right after pairing: the server asks for a new connection",
        "normal, terutama tepat setelah penautan: server meminta koneksi baru",
        "restart-required",
    ),
    _row(
        None,
        ZOMBIE,
        Action.AT_ONCE,
        "the server answers nothing on this connection and the client does not notice; a new one is needed",
        "server tidak menjawab apa pun di koneksi ini dan klien tidak menyadarinya; perlu koneksi baru",
        "zombie",
    ),
    _row(
        None,
        FIRST_CONNECT_FAILED,
        Action.BACKOFF,
        "WhatsApp could not be reached (network, DNS, proxy, TLS), and the client does not try again by itself",
        "WhatsApp tidak terjangkau (jaringan, DNS, proxy, TLS), dan klien tidak mencoba lagi sendiri",
        "whatsapp-unreachable",
    ),
    _row(
        None,
        CONNECTION_LOST,
        Action.BACKOFF,
        "the connection broke without a word from WhatsApp; the credentials are still good",
        "koneksi terputus tanpa keterangan dari WhatsApp; kredensialnya masih berlaku",
        "connection-lost",
    ),
    _row(
        None,
        QR_EXPIRED,
        Action.NEVER,
        "nobody scanned the QR codes; new ones are shown when somebody asks for them",
        "tidak ada yang memindai kode QR; kode baru ditampilkan bila ada yang memintanya",
        "qr-expired",
    ),
)

HELD, DISOWNED, MISTAKE = "held-elsewhere", "disowned", "gateway-mistake"
_OWN = (  # what keeps a gateway from connecting without WhatsApp's having a part in it
    _row(
        None,
        HELD,
        Action.BACKOFF,
        "another process holds the session, and two clients with the same keys throw each other out",
        "proses lain memegang session ini, dan dua klien dengan kunci yang sama saling mengeluarkan",
        "held-elsewhere",
    ),
    _row(
        None,
        DISOWNED,
        Action.NEVER,
        "the gateway lost its database, which may have another owner by now; it has to be restarted",
        "gateway kehilangan basis datanya, yang mungkin sudah dimiliki gateway lain; gateway harus dijalankan ulang",
        "held-elsewhere",
    ),
    _row(
        None,
        MISTAKE,
        Action.NEVER,
        "a mistake of the gateway's own; its log says more",
        "kesalahan gateway sendiri; log-nya menjelaskan lebih lanjut",
        "not-observed",
    ),
)

_BY_CODE = {row.code: row for row in RECONNECT if row.code is not None}
_BY_NAME = {row.name: row for row in (*RECONNECT, *_OWN)}
# What whatsmeow and Baileys call these where no code comes with it.
_BY_REASON = {
    "replaced": _BY_CODE[440],
    "device_removed": _BY_CODE[401],
    "qr refs attempts ended": _BY_NAME[QR_EXPIRED],
}


def reconnect_for(code: int | None, reason: str = "") -> Reconnect:
    """What to do about a lost connection.

    Args:
        code: WhatsApp's code, None where none was given.
        reason: the code's own word; where there is no code, what was lost: `ZOMBIE`, `FIRST_CONNECT_FAILED`,
            `CONNECTION_LOST`, `QR_EXPIRED`. It also tells the two 408 apart: a silent connection, and QR codes that
            ran out.

    Returns:
        The row of the table. A code that is not in it: once. No code and an unknown reason: `CONNECTION_LOST`.

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
        "nobody here knows this code; one attempt shows whether it passes, more could do harm",
        "kode ini tidak dikenal; satu percobaan menunjukkan apakah akan berlalu, lebih dari itu bisa merugikan",
        "connection-refused",
    )


def why(code: int | None, name: str, by: By, language: Language) -> str:
    """What was decided about connecting again, in one sentence.

    Args:
        code, name: of the table's row.
        by: who connects again.

    >>> why(None, "connection-lost", By.CLIENT, Language.ENGLISH).rpartition("; ")[2]
    'the client connects again by itself'
    """
    return "; ".join([reconnect_for(code, name).why(language), *([_BY[by][language]] if by in _BY else [])])
