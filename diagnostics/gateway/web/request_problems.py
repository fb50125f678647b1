"""What is wrong with a request itself: who asks, what was sent, and requests that are repeated."""

from __future__ import annotations

from diagnostics.gateway.web.problem_kind import ProblemWords, problem_kind

REQUEST_PROBLEMS = (
    # who asks, and for what
    problem_kind(
        "unauthorized",
        401,
        ProblemWords(
            "A token is needed",
            "The request carries no token that this gateway knows.",
            ("send the header: Authorization: Bearer TOKEN", "the token is in the gateway's environment"),
        ),
        ProblemWords(
            "Token diperlukan",
            "Permintaan ini tidak membawa token yang dikenal gateway ini.",
            ("kirim header: Authorization: Bearer TOKEN", "token ada di environment gateway"),
        ),
    ),
    problem_kind(
        "forbidden",
        403,
        ProblemWords(
            "The token may not do this",
            "This needs a token with the scope {scope}.",
            ("use another token", "or give this one the scope under [gateway.tokens] in diagnostics.toml"),
        ),
        ProblemWords(
            "Token ini tidak berhak",
            "Ini memerlukan token dengan scope {scope}.",
            ("pakai token lain", "atau beri token ini scope tersebut di [gateway.tokens] dalam diagnostics.toml"),
        ),
    ),
    problem_kind(
        "not-found",
        404,
        ProblemWords("No such page", "Nothing is served at this path.", ("GET /openapi.json lists what there is",)),
        ProblemWords("Halaman tidak ada", "Tidak ada apa pun di path ini.", ("GET /openapi.json memuat daftarnya",)),
    ),
    problem_kind(
        "method-not-allowed",
        405,
        ProblemWords("Wrong method", "This path does not know the method.", ("the header Allow lists those it knows",)),
        ProblemWords(
            "Metode salah", "Path ini tidak mengenal metode itu.", ("header Allow memuat metode yang dikenal",)
        ),
    ),
    # what was asked
    problem_kind(
        "malformed-body",
        400,
        ProblemWords(
            "The body cannot be read",
            "The body is not what its Content-Type says.",
            ("send what Content-Type says, JSON in UTF-8",),
        ),
        ProblemWords("Isi tidak terbaca", "Isi permintaan tidak sesuai Content-Type-nya.", ("kirim JSON dalam UTF-8",)),
    ),
    problem_kind(
        "ambiguous-length",
        400,
        ProblemWords(
            "The body has two lengths",
            "Content-Length and Transfer-Encoding contradict each other.",
            ("send one of them", "check the proxies on the way to the gateway"),
        ),
        ProblemWords(
            "Isi punya dua ukuran",
            "Content-Length dan Transfer-Encoding saling bertentangan.",
            ("kirim salah satu saja", "periksa proxy di jalur menuju gateway"),
        ),
    ),
    problem_kind(
        "not-acceptable",
        406,
        ProblemWords(
            "No such representation", "This is not offered in a form that Accept names.", ("offered: {offered}",)
        ),
        ProblemWords(
            "Bentuk tidak ada", "Ini tidak tersedia dalam bentuk yang diminta Accept.", ("tersedia: {offered}",)
        ),
    ),
    problem_kind(
        "body-too-large",
        413,
        ProblemWords(
            "The body is too large", "More than {limit} bytes were sent.", ("send less, or raise body_limit",)
        ),
        ProblemWords(
            "Isi terlalu besar", "Lebih dari {limit} byte dikirim.", ("kirim lebih sedikit, atau naikkan body_limit",)
        ),
    ),
    problem_kind(
        "unsupported-media-type",
        415,
        ProblemWords("Wrong Content-Type", "This Content-Type is not taken here.", ("send: {wanted}",)),
        ProblemWords("Content-Type salah", "Content-Type ini tidak diterima di sini.", ("kirim: {wanted}",)),
    ),
    problem_kind(
        "invalid-request",
        422,
        ProblemWords(
            "The request is not valid",
            "Some of what was sent is not valid; see errors.",
            ("correct what it names",),
        ),
        ProblemWords(
            "Permintaan tidak sah", "Sebagian permintaan tidak sah; lihat errors.", ("perbaiki yang disebutnya",)
        ),
    ),
    problem_kind(
        "invalid-phone",
        422,
        ProblemWords(
            "Not a phone number",
            "What was given as phone cannot be a phone number.",
            ("write it with its country code, for example +62 812-3456-7890",),
        ),
        ProblemWords(
            "Bukan nomor telepon",
            "Isi phone tidak mungkin sebuah nomor telepon.",
            ("tulis dengan kode negara, misalnya +62 812-3456-7890",),
        ),
    ),
    problem_kind(
        "not-on-whatsapp",
        422,
        ProblemWords(
            "The number is not on WhatsApp",
            "Nobody uses this number on WhatsApp, so nothing was sent.",
            ("check the number and its country code",),
        ),
        ProblemWords(
            "Nomor tidak terdaftar di WhatsApp",
            "Tidak ada yang memakai nomor ini di WhatsApp, jadi tidak ada yang dikirim.",
            ("periksa nomor dan kode negaranya",),
        ),
    ),
    problem_kind(
        "number-refused",
        422,
        ProblemWords(
            "WhatsApp gives no code for the number",
            "WhatsApp gave no pairing code for this number.",
            ("check that WhatsApp runs on the phone with this number", "or scan the QR code"),
        ),
        ProblemWords(
            "WhatsApp tidak memberi kode untuk nomor ini",
            "WhatsApp tidak memberi kode penautan untuk nomor ini.",
            ("periksa apakah WhatsApp berjalan di ponsel dengan nomor ini", "atau pindai kode QR"),
        ),
    ),
    problem_kind(
        "invalid-image",
        422,
        ProblemWords(
            "Not an image that can be sent",
            "What was given as image is not a complete JPEG, PNG or WebP of at most {pixels} million pixels.",
            ("send a JPEG, PNG or WebP",),
        ),
        ProblemWords(
            "Bukan gambar yang bisa dikirim",
            "Isi image bukan JPEG, PNG atau WebP utuh dengan paling banyak {pixels} juta piksel.",
            ("kirim JPEG, PNG atau WebP",),
        ),
    ),
    problem_kind(
        "image-address-refused",
        422,
        ProblemWords(
            "The image's address is refused",
            "Images are fetched over http and https from public addresses only.",
            ("put the image where everybody can fetch it", "or send the image itself"),
        ),
        ProblemWords(
            "Alamat gambar ditolak",
            "Gambar hanya diambil lewat http dan https dari alamat publik.",
            ("taruh gambar di tempat yang bisa diambil siapa pun", "atau kirim gambarnya sendiri"),
        ),
    ),
    problem_kind(
        "image-not-fetched",
        422,
        ProblemWords(
            "The image could not be fetched",
            "The image's address did not answer with an image in time: {reason}.",
            ("open the address in a browser", "or send the image itself"),
        ),
        ProblemWords(
            "Gambar tidak dapat diambil",
            "Alamat gambar tidak memberi gambar pada waktunya: {reason}.",
            ("buka alamat itu di browser", "atau kirim gambarnya sendiri"),
        ),
    ),
    # repeated requests
    problem_kind(
        "key-reused",
        422,
        ProblemWords(
            "The Idempotency-Key was used before",
            "Another request was sent with the same Idempotency-Key.",
            ("use a new key for every new message",),
        ),
        ProblemWords(
            "Idempotency-Key sudah dipakai",
            "Permintaan lain telah dikirim dengan Idempotency-Key yang sama.",
            ("pakai kunci baru untuk setiap pesan baru",),
        ),
    ),
    problem_kind(
        "request-running",
        409,
        ProblemWords(
            "The first request is still running",
            "A request with the same Idempotency-Key has not been answered yet.",
            ("wait, then repeat the request",),
        ),
        ProblemWords(
            "Permintaan pertama masih berjalan",
            "Permintaan dengan Idempotency-Key yang sama belum dijawab.",
            ("tunggu, lalu ulangi permintaan",),
        ),
        1,
    ),
    problem_kind(
        "outcome-unknown",
        409,
        ProblemWords(
            "It is not known whether the message was sent",
            "The gateway or its worker ended while it answered the first request with this Idempotency-Key.",
            ("look at the chat on the phone", "if the message is not there, send it with a new key"),
        ),
        ProblemWords(
            "Tidak diketahui apakah pesan terkirim",
            "Gateway atau worker-nya berhenti saat menjawab permintaan pertama dengan Idempotency-Key ini.",
            ("lihat percakapan di ponsel", "jika pesan tidak ada, kirim dengan kunci baru"),
        ),
    ),
)
