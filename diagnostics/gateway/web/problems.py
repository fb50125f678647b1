"""Every error that the gateway answers: one table, in English and Indonesian (docs/gateway.md lists it).

The codes are part of the public interface. `{names}` in a text are filled by who raises an `errors.Problem`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from diagnostics.model import Language


@dataclass(frozen=True, slots=True)
class Words:
    """What is wrong in a few words, in a sentence, and the steps that help."""

    title: str
    detail: str
    remedy: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of problem.

    Attributes:
        retry_after: seconds until it makes sense to ask again; None where waiting does not help.
    """

    code: str
    status: int
    words: Mapping[Language, Words]
    retry_after: int | None = None

    @property
    def type(self) -> str:
        return f"urn:wadiag:problem:{self.code}"


def _kind(code: str, status: int, english: Words, indonesian: Words, retry_after: int | None = None) -> Kind:
    return Kind(code, status, {Language.ENGLISH: english, Language.INDONESIAN: indonesian}, retry_after)


_TABLE = (
    # who asks, and for what
    _kind(
        "unauthorized",
        401,
        Words(
            "A token is needed",
            "The request carries no token that this gateway knows.",
            ("send the header: Authorization: Bearer TOKEN", "the token is in the gateway's environment"),
        ),
        Words(
            "Token diperlukan",
            "Permintaan ini tidak membawa token yang dikenal gateway ini.",
            ("kirim header: Authorization: Bearer TOKEN", "token ada di environment gateway"),
        ),
    ),
    _kind(
        "forbidden",
        403,
        Words(
            "The token may not do this",
            "This needs a token with the scope {scope}.",
            ("use another token", "or give this one the scope under [gateway.tokens] in diagnostics.toml"),
        ),
        Words(
            "Token ini tidak berhak",
            "Ini memerlukan token dengan scope {scope}.",
            ("pakai token lain", "atau beri token ini scope tersebut di [gateway.tokens] dalam diagnostics.toml"),
        ),
    ),
    _kind(
        "not-found",
        404,
        Words("No such page", "Nothing is served at this path.", ("GET /openapi.json lists what there is",)),
        Words("Halaman tidak ada", "Tidak ada apa pun di path ini.", ("GET /openapi.json memuat daftarnya",)),
    ),
    _kind(
        "method-not-allowed",
        405,
        Words("Wrong method", "This path does not know the method.", ("the header Allow lists those it knows",)),
        Words("Metode salah", "Path ini tidak mengenal metode itu.", ("header Allow memuat metode yang dikenal",)),
    ),
    # what was asked
    _kind(
        "malformed-body",
        400,
        Words(
            "The body cannot be read",
            "The body is not what its Content-Type says.",
            ("send what Content-Type says, JSON in UTF-8",),
        ),
        Words("Isi tidak terbaca", "Isi permintaan tidak sesuai Content-Type-nya.", ("kirim JSON dalam UTF-8",)),
    ),
    _kind(
        "not-acceptable",
        406,
        Words("No such form", "This is not offered in a form that Accept names.", ("offered: {offered}",)),
        Words("Bentuk tidak ada", "Ini tidak tersedia dalam bentuk yang diminta Accept.", ("tersedia: {offered}",)),
    ),
    _kind(
        "body-too-large",
        413,
        Words("The body is too large", "More than {limit} bytes were sent.", ("send less, or raise body_limit",)),
        Words(
            "Isi terlalu besar", "Lebih dari {limit} byte dikirim.", ("kirim lebih sedikit, atau naikkan body_limit",)
        ),
    ),
    _kind(
        "unsupported-media-type",
        415,
        Words("Wrong Content-Type", "This Content-Type is not taken here.", ("send: {wanted}",)),
        Words("Content-Type salah", "Content-Type ini tidak diterima di sini.", ("kirim: {wanted}",)),
    ),
    _kind(
        "invalid-request",
        422,
        Words(
            "The request is not valid",
            "Some of what was sent is not valid; see errors.",
            ("correct what it names",),
        ),
        Words("Permintaan tidak sah", "Sebagian permintaan tidak sah; lihat errors.", ("perbaiki yang disebutnya",)),
    ),
    _kind(
        "invalid-phone",
        422,
        Words(
            "No phone number",
            "What was given as phone cannot be a phone number.",
            ("write it with its country code, for example +62 812-3456-7890",),
        ),
        Words(
            "Bukan nomor telepon",
            "Isi phone tidak mungkin sebuah nomor telepon.",
            ("tulis dengan kode negara, misalnya +62 812-3456-7890",),
        ),
    ),
    _kind(
        "not-on-whatsapp",
        422,
        Words(
            "The number is not on WhatsApp",
            "Nobody uses this number on WhatsApp, so nothing was sent.",
            ("check the number and its country code",),
        ),
        Words(
            "Nomor tidak terdaftar di WhatsApp",
            "Tidak ada yang memakai nomor ini di WhatsApp, jadi tidak ada yang dikirim.",
            ("periksa nomor dan kode negaranya",),
        ),
    ),
    _kind(
        "number-refused",
        422,
        Words(
            "WhatsApp gives no code for the number",
            "WhatsApp gave no pairing code for this number.",
            ("check that WhatsApp runs on the phone with this number", "or scan the QR code"),
        ),
        Words(
            "WhatsApp tidak memberi kode untuk nomor ini",
            "WhatsApp tidak memberi kode penautan untuk nomor ini.",
            ("periksa apakah WhatsApp berjalan di ponsel dengan nomor ini", "atau pindai kode QR"),
        ),
    ),
    _kind(
        "invalid-image",
        422,
        Words(
            "No image that can be sent",
            "What was given as image is no whole JPEG, PNG or WebP of at most {pixels} million pixels.",
            ("send a JPEG, PNG or WebP",),
        ),
        Words(
            "Bukan gambar yang bisa dikirim",
            "Isi image bukan JPEG, PNG atau WebP utuh dengan paling banyak {pixels} juta piksel.",
            ("kirim JPEG, PNG atau WebP",),
        ),
    ),
    _kind(
        "image-address-refused",
        422,
        Words(
            "The image's address is refused",
            "Images are fetched over http and https from public addresses only.",
            ("put the image where everybody can fetch it", "or send the image itself"),
        ),
        Words(
            "Alamat gambar ditolak",
            "Gambar hanya diambil lewat http dan https dari alamat publik.",
            ("taruh gambar di tempat yang bisa diambil siapa pun", "atau kirim gambarnya sendiri"),
        ),
    ),
    _kind(
        "image-not-fetched",
        422,
        Words(
            "The image could not be fetched",
            "The image's address did not answer with an image in time: {reason}.",
            ("open the address in a browser", "or send the image itself"),
        ),
        Words(
            "Gambar tidak dapat diambil",
            "Alamat gambar tidak memberi gambar pada waktunya: {reason}.",
            ("buka alamat itu di browser", "atau kirim gambarnya sendiri"),
        ),
    ),
    # repeated requests
    _kind(
        "key-reused",
        422,
        Words(
            "The Idempotency-Key was used before",
            "Another request was sent with the same Idempotency-Key.",
            ("use a new key for every new message",),
        ),
        Words(
            "Idempotency-Key sudah dipakai",
            "Permintaan lain telah dikirim dengan Idempotency-Key yang sama.",
            ("pakai kunci baru untuk setiap pesan baru",),
        ),
    ),
    _kind(
        "request-running",
        409,
        Words(
            "The first request is still running",
            "A request with the same Idempotency-Key has not been answered yet.",
            ("wait, then repeat the request",),
        ),
        Words(
            "Permintaan pertama masih berjalan",
            "Permintaan dengan Idempotency-Key yang sama belum dijawab.",
            ("tunggu, lalu ulangi permintaan",),
        ),
        1,
    ),
    _kind(
        "outcome-unknown",
        409,
        Words(
            "It is not known whether the message was sent",
            "The gateway or its worker ended while it answered the first request with this Idempotency-Key.",
            ("look at the chat on the phone", "if the message is not there, send it with a new key"),
        ),
        Words(
            "Tidak diketahui apakah pesan terkirim",
            "Gateway atau worker-nya berhenti saat menjawab permintaan pertama dengan Idempotency-Key ini.",
            ("lihat percakapan di ponsel", "jika pesan tidak ada, kirim dengan kunci baru"),
        ),
    ),
    # sessions
    _kind(
        "no-such-session",
        404,
        Words(
            "No such session",
            "There is no session '{session}'.",
            ("link it: GET /whatsapp/qr-image/{session}", "GET /whatsapp/sessions lists those there are"),
        ),
        Words(
            "Sesi tidak ada",
            "Tidak ada sesi '{session}'.",
            ("tautkan: GET /whatsapp/qr-image/{session}", "GET /whatsapp/sessions memuat sesi yang ada"),
        ),
    ),
    _kind(
        "no-such-message",
        404,
        Words("No such message", "Nothing is known about this message.", ("check session and message id",)),
        Words("Pesan tidak ada", "Tidak ada yang diketahui tentang pesan ini.", ("periksa sesi dan id pesan",)),
    ),
    _kind(
        "already-paired",
        409,
        Words(
            "The session is linked already",
            "Session '{session}' is linked to a phone, so it shows no code.",
            ("send with it", "to link another phone: DELETE /whatsapp/sessions/{session} first"),
        ),
        Words(
            "Sesi sudah tertaut",
            "Sesi '{session}' sudah tertaut ke ponsel, jadi tidak menampilkan kode.",
            ("pakailah untuk mengirim", "untuk ponsel lain: DELETE /whatsapp/sessions/{session} dahulu"),
        ),
    ),
    _kind(
        "not-paired",
        409,
        Words(
            "The session is not linked",
            "Session '{session}' is not linked to a phone.",
            ("link it: GET /whatsapp/qr-image/{session}",),
        ),
        Words(
            "Sesi belum tertaut",
            "Sesi '{session}' tidak tertaut ke ponsel.",
            ("tautkan: GET /whatsapp/qr-image/{session}",),
        ),
    ),
    _kind(
        "session-unhealthy",
        409,
        Words("The session cannot send", "{sentence}", ("see the remedy of the first finding",)),
        Words("Sesi tidak dapat mengirim", "{sentence}", ("lihat remedy pada temuan pertama",)),
    ),
    _kind(
        "send-refused",
        422,
        Words(
            "WhatsApp refused the message",
            "The message was not sent: {reason}.",
            ("463: do not write to new contacts, and do not retry", "else: GET /whatsapp/health/{session}"),
        ),
        Words(
            "WhatsApp menolak pesan",
            "Pesan tidak terkirim: {reason}.",
            ("463: jangan menulis ke kontak baru, dan jangan diulang", "selain itu: GET /whatsapp/health/{session}"),
        ),
    ),
    _kind(
        "too-many-messages",
        429,
        Words(
            "WhatsApp says: too many",
            "WhatsApp refused the message because this account sends too much.",
            ("stop for some minutes, then send slowly",),
        ),
        Words(
            "WhatsApp berkata: terlalu banyak",
            "WhatsApp menolak pesan karena akun ini mengirim terlalu banyak.",
            ("berhenti beberapa menit, lalu kirim perlahan",),
        ),
        300,
    ),
    _kind(
        "not-connected",
        503,
        Words(
            "The session is not connected",
            "Session '{session}' is not logged in to WhatsApp{decided}. Nothing was sent.",
            ("try again soon", "if it stays: GET /whatsapp/health/{session} says why"),
        ),
        Words(
            "Session tidak tersambung",
            "Session '{session}' belum login ke WhatsApp{decided}. Tidak ada yang dikirim.",
            ("coba lagi sebentar lagi", "jika tetap: GET /whatsapp/health/{session} menjelaskan sebabnya"),
        ),
        5,
    ),
    _kind(
        "not-now",
        503,
        Words("It cannot be done right now", "{reason}", ("GET /whatsapp/health/{session} says why",)),
        Words("Saat ini tidak bisa", "{reason}", ("GET /whatsapp/health/{session} menjelaskan sebabnya",)),
        5,
    ),
    # the gateway itself
    _kind(
        "no-code-yet",
        503,
        Words(
            "No code yet",
            "WhatsApp gave no code in time: it cannot be reached from here, or does not answer.",
            ("try again", "if it stays: check network, DNS and proxy (web.whatsapp.com:443)"),
        ),
        Words(
            "Belum ada kode",
            "WhatsApp belum memberi kode: tidak terjangkau dari sini, atau tidak menjawab.",
            ("coba lagi", "jika tetap: periksa jaringan, DNS dan proxy (web.whatsapp.com:443)"),
        ),
        5,
    ),
    _kind(
        "interrupted",
        503,
        Words(
            "The request was cut short",
            "The gateway or its worker ended meanwhile; it is not known whether the request took effect.",
            ("wait, then look whether it did: GET /whatsapp/health/{session}",),
        ),
        Words(
            "Permintaan terputus",
            "Gateway atau worker-nya berhenti; tidak diketahui apakah permintaan ini sudah berlaku.",
            ("tunggu, lalu periksa: GET /whatsapp/health/{session}",),
        ),
        2,
    ),
    _kind(
        "shutting-down",
        503,
        Words("The gateway is ending", "Nothing new is begun while it ends.", ("try again in a moment",)),
        Words("Gateway sedang berhenti", "Tidak ada yang baru dimulai saat berhenti.", ("coba lagi sebentar lagi",)),
        5,
    ),
    _kind(
        "not-ready",
        503,
        Words("Not ready", "No session can be served right now.", ("wait; the log says why",)),
        Words("Belum siap", "Saat ini tidak ada sesi yang dapat dilayani.", ("tunggu; log menjelaskan sebabnya",)),
        2,
    ),
    _kind(
        "internal-error",
        500,
        Words("A fault of the gateway", "The gateway failed while it answered.", ("report it with the log's lines",)),
        Words("Kesalahan gateway", "Gateway gagal saat menjawab.", ("laporkan beserta baris log",)),
    ),
)
PROBLEMS: Mapping[str, Kind] = {kind.code: kind for kind in _TABLE}
