"""Why a valid request cannot be served: what sessions and WhatsApp refuse, and what the gateway cannot do right now."""

from __future__ import annotations

from diagnostics.gateway.web.problem_kind import ProblemWords, problem_kind

SESSION_PROBLEMS = (
    # sessions
    problem_kind(
        "no-such-session",
        404,
        ProblemWords(
            "No such session",
            "There is no session '{session}'.",
            ("link it: GET /whatsapp/qr-image/{session}", "GET /whatsapp/sessions lists those there are"),
        ),
        ProblemWords(
            "Sesi tidak ada",
            "Tidak ada sesi '{session}'.",
            ("tautkan: GET /whatsapp/qr-image/{session}", "GET /whatsapp/sessions memuat sesi yang ada"),
        ),
    ),
    problem_kind(
        "no-such-message",
        404,
        ProblemWords("No such message", "Nothing is known about this message.", ("check session and message id",)),
        ProblemWords("Pesan tidak ada", "Tidak ada yang diketahui tentang pesan ini.", ("periksa sesi dan id pesan",)),
    ),
    problem_kind(
        "already-paired",
        409,
        ProblemWords(
            "The session is linked already",
            "Session '{session}' is linked to a phone, so it shows no code.",
            ("send with it", "to link another phone: DELETE /whatsapp/sessions/{session} first"),
        ),
        ProblemWords(
            "Sesi sudah tertaut",
            "Sesi '{session}' sudah tertaut ke ponsel, jadi tidak menampilkan kode.",
            ("pakailah untuk mengirim", "untuk ponsel lain: DELETE /whatsapp/sessions/{session} dahulu"),
        ),
    ),
    problem_kind(
        "not-paired",
        409,
        ProblemWords(
            "The session is not linked",
            "Session '{session}' is not linked to a phone.",
            ("link it: GET /whatsapp/qr-image/{session}",),
        ),
        ProblemWords(
            "Sesi belum tertaut",
            "Sesi '{session}' tidak tertaut ke ponsel.",
            ("tautkan: GET /whatsapp/qr-image/{session}",),
        ),
    ),
    problem_kind(
        "session-unhealthy",
        409,
        ProblemWords("The session cannot send", "{sentence}", ("see the remedy of the first finding",)),
        ProblemWords("Sesi tidak dapat mengirim", "{sentence}", ("lihat remedy pada temuan pertama",)),
    ),
    problem_kind(
        "send-refused",
        422,
        ProblemWords(
            "WhatsApp refused the message",
            "The message was not sent: {reason}.",
            ("463: do not write to new contacts, and do not retry", "else: GET /whatsapp/health/{session}"),
        ),
        ProblemWords(
            "WhatsApp menolak pesan",
            "Pesan tidak terkirim: {reason}.",
            ("463: jangan menulis ke kontak baru, dan jangan diulang", "selain itu: GET /whatsapp/health/{session}"),
        ),
    ),
    problem_kind(
        "too-many-messages",
        429,
        ProblemWords(
            "WhatsApp says: too many",
            "WhatsApp refused the message because this account sends too much.",
            ("stop for some minutes, then send slowly",),
        ),
        ProblemWords(
            "WhatsApp berkata: terlalu banyak",
            "WhatsApp menolak pesan karena akun ini mengirim terlalu banyak.",
            ("berhenti beberapa menit, lalu kirim perlahan",),
        ),
        300,
    ),
    problem_kind(
        "not-connected",
        503,
        ProblemWords(
            "The session is not connected",
            "Session '{session}' is not logged in to WhatsApp{decided}. Nothing was sent.",
            ("try again soon", "if it stays: GET /whatsapp/health/{session} says why"),
        ),
        ProblemWords(
            "Session tidak tersambung",
            "Session '{session}' belum login ke WhatsApp{decided}. Tidak ada yang dikirim.",
            ("coba lagi sebentar lagi", "jika tetap: GET /whatsapp/health/{session} menjelaskan sebabnya"),
        ),
        5,
    ),
    problem_kind(
        "not-now",
        503,
        ProblemWords("It cannot be done right now", "{reason}", ("GET /whatsapp/health/{session} says why",)),
        ProblemWords("Saat ini tidak bisa", "{reason}", ("GET /whatsapp/health/{session} menjelaskan sebabnya",)),
        5,
    ),
    # the gateway itself
    problem_kind(
        "no-code-yet",
        503,
        ProblemWords(
            "No code yet",
            "WhatsApp gave no code in time: it cannot be reached from here, or does not answer.",
            ("try again", "if it stays: check network, DNS and proxy (web.whatsapp.com:443)"),
        ),
        ProblemWords(
            "Belum ada kode",
            "WhatsApp belum memberi kode: tidak terjangkau dari sini, atau tidak menjawab.",
            ("coba lagi", "jika tetap: periksa jaringan, DNS dan proxy (web.whatsapp.com:443)"),
        ),
        5,
    ),
    problem_kind(
        "interrupted",
        503,
        ProblemWords(
            "The request was cut short",
            "The gateway or its worker ended meanwhile; it is not known whether the request took effect.",
            ("wait, then look whether it did: GET /whatsapp/health/{session}",),
        ),
        ProblemWords(
            "Permintaan terputus",
            "Gateway atau worker-nya berhenti; tidak diketahui apakah permintaan ini sudah berlaku.",
            ("tunggu, lalu periksa: GET /whatsapp/health/{session}",),
        ),
        2,
    ),
    problem_kind(
        "shutting-down",
        503,
        ProblemWords("The gateway is shutting down", "It takes no new requests.", ("try again in a moment",)),
        ProblemWords(
            "Gateway sedang berhenti", "Tidak ada yang baru dimulai saat berhenti.", ("coba lagi sebentar lagi",)
        ),
        5,
    ),
    problem_kind(
        "not-ready",
        503,
        ProblemWords("Not ready", "No session can be served right now.", ("wait; the log says why",)),
        ProblemWords(
            "Belum siap", "Saat ini tidak ada sesi yang dapat dilayani.", ("tunggu; log menjelaskan sebabnya",)
        ),
        2,
    ),
    problem_kind(
        "storage-failed",
        507,
        ProblemWords(
            "The gateway cannot store anything",
            "What the request needs could not be stored ({reason}), so nothing was done.",
            ("make room where the gateway keeps its state, if the disk is full", "then repeat the request"),
        ),
        ProblemWords(
            "Gateway tidak dapat menyimpan",
            "Yang diperlukan permintaan ini tidak dapat disimpan ({reason}), jadi tidak ada yang dilakukan.",
            ("kosongkan ruang di tempat state gateway, jika disk penuh", "lalu ulangi permintaan"),
        ),
        30,
    ),
    problem_kind(
        "internal-error",
        500,
        ProblemWords(
            "A fault of the gateway", "The gateway failed while it answered.", ("report it with the log's lines",)
        ),
        ProblemWords("Kesalahan gateway", "Gateway gagal saat menjawab.", ("laporkan beserta baris log",)),
    ),
)
