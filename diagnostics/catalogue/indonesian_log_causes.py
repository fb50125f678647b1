"""The causes that no check measures, in Indonesian."""

from __future__ import annotations

from collections.abc import Mapping

from diagnostics.catalogue.words import Words

_RERUN = "`{rerun}`"
_PAIR = "`{pair}`"
_LINK = "di ponsel: Setelan > Perangkat tertaut > Tautkan perangkat, lalu pindai kode yang baru"

KNOWN_INDONESIAN: Mapping[str, Words] = {
    "restart-required": Words(
        "server meminta koneksi baru (515)",
        "ini normal, terutama tepat setelah penautan; menjadi masalah hanya jika klien tidak menyambung lagi",
        (
            "biarkan klien langsung menyambung lagi, dengan kredensial yang baru saja disimpannya",
            "jika malah muncul kode QR baru: kredensialnya tidak tersimpan; simpan pada setiap perubahan",
            _RERUN,
        ),
        "segera menyambung ulang",
        "perlu menyambung ulang (515)",
    ),
    "connection-lost": Words(
        "koneksi ke WhatsApp terputus ketika dibutuhkan",
        "yang sedang berjalan tidak mendapat jawaban; kredensialnya masih berlaku",
        (
            "biarkan klien menyambung lagi dengan jeda yang makin panjang; lalu ulangi, pesan dengan id yang sama",
            "jika sering terjadi: periksa jaringan dan proxy antara mesin ini dan web.whatsapp.com:443",
            _RERUN,
        ),
        "tidak bisa mengirim sampai tersambung lagi",
        "koneksi terputus",
    ),
    "qr-expired": Words(
        "semua kode QR kedaluwarsa sebelum ada yang dipindai",
        "WhatsApp memberi klien sekitar enam kode; setelah itu koneksi ditutup, dan session tetap tidak tertaut",
        (_PAIR, _LINK, "jangan meminta kode terus-menerus: minta ketika ada orang yang siap memindai"),
        "tidak bisa mengirim: kode QR tidak dipindai pada waktunya",
        "kode QR kedaluwarsa",
    ),
    "logged-out-here": Words(
        "program sendiri yang me-logout session ini",
        "logout memutus tautan perangkat di WhatsApp untuk seterusnya; itu berbeda dari menutup koneksi",
        (
            "cari yang memanggil logout, di kode atau di gateway, dan ganti dengan memutus koneksi saja",
            _PAIR,
            _LINK,
            _RERUN,
        ),
        "tidak bisa mengirim: di-logout dengan sengaja",
        "di-logout oleh programnya sendiri",
    ),
    "undecryptable": Words(
        "pesan antara session ini dan sebuah kontak tidak dapat didekripsi",
        "kunci kedua sisi tidak cocok: store dipulihkan atau dipakai bersama, atau satu kontak dikenal dengan "
        "dua alamat (nomor dan LID); pembaca melihat “Menunggu pesan ini”",
        (
            "pastikan hanya satu proses yang memakai store, dan tidak ada salinan lama yang dipulihkan",
            "perbarui library: kebanyakan kasus adalah bug alamat LID yang sudah diperbaiki",
            "biarkan klien menghapus kunci untuk kontak itu saja; kunci dibuat lagi pada pesan berikutnya",
            "tautkan ulang perangkat hanya jika terjadi pada semua kontak",
        ),
        "mengirim, tetapi pesan tidak dapat didekripsi",
        "pesan tidak dapat didekripsi",
    ),
    "deaf": Words(
        "session tersambung, tetapi tidak ada lagi yang masuk",
        "socket dan keepalive tampak baik berjam-jam, sementara pesan menunggu di server; malam sepi tampak sama",
        (
            "kirim pesan ke session ini dari ponsel lain: jika sampai, tadi hanya sepi",
            "jika tidak: jalankan ulang proses bot; menyambung ulang di dalam proses sering tidak membantu",
            _RERUN,
        ),
        "mengirim, tetapi mungkin tidak menerima apa pun",
        "tidak ada lagi pesan masuk",
    ),
    "prekeys-upload-timeout": Words(
        "klien tidak berhasil mengunggah prekey pada waktunya",
        "tanpa prekey di server, pesan pertama dari kontak baru tidak dapat didekripsi",
        ("jalankan ulang bot: unggahan dicoba lagi saat login", "jika terulang: perbarui library", _RERUN),
        "bisa mengirim, tetapi prekey-nya tidak terunggah",
        "unggahan prekey melewati batas waktu",
    ),
    "query-refused": Words(
        "server WhatsApp menjawab pertanyaan dengan galat",
        "yang bergantung pada jawabannya (daftar perangkat, unggahan, grup) batal; session-nya mungkin sehat",
        (
            "500 dan 503: dari sisi WhatsApp, tunggu beberapa menit; 429: perlambat",
            "400, 403, 404: pertanyaannya sendiri, periksa penerima atau grupnya",
            _RERUN,
        ),
        "sebuah pertanyaan ditolak server",
        "pertanyaan ditolak server",
    ),
    "lid-unknown": Words(
        "klien tidak mengetahui LID penerima ini",
        "WhatsApp sekarang mengalamatkan orang dengan LID; tanpa LID pesan tidak dapat dienkripsi untuknya",
        (
            "periksa apakah nomornya ada di WhatsApp, dan tanyakan sekali lewat klien: jawabannya membawa LID",
            "perbarui library; versi lama tidak menyimpan pasangan nomor dan LID",
        ),
        "tidak bisa mengirim ke penerima ini: LID-nya tidak diketahui",
        "LID penerima tidak diketahui",
    ),
    "devices-unknown": Words(
        "perangkat penerima tidak dapat ditanyakan",
        "pesan dienkripsi untuk setiap perangkat; tanpa daftarnya tidak ada yang dikirim",
        (
            "baca yang tertulis di belakang titik dua pada pesan galat: itulah alasannya",
            "jika koneksi terputus: biarkan klien menyambung lagi, lalu kirim lagi",
            _RERUN,
        ),
        "tidak bisa mengirim: perangkat penerima tidak diketahui",
        "perangkat penerima tidak diketahui",
    ),
    "client-missing": Words(
        "program memakai klien yang belum pernah dibuat, atau sudah tidak ada",
        "panggilannya gagal di program itu sendiri; WhatsApp belum ditanya apa pun",
        (
            "buat klien dan tunggu sampai tersambung, sebelum mengirim apa pun lewat klien itu",
            "setelah logout atau galat buat klien baru; yang lama tidak kembali",
            _RERUN,
        ),
        "tidak bisa mengirim: program tidak memegang klien",
        "klien tidak ada",
    ),
    "proxy-refused": Words(
        "proxy antara mesin ini dan WhatsApp menolak",
        "tidak ada koneksi yang dapat dibuat lewat proxy ini, baik untuk pesan maupun media",
        (
            "periksa alamat, pengguna, dan kata sandi proxy, serta apakah langganannya sudah habis",
            "coba tanpa proxy, atau dengan proxy lain; lalu jalankan ulang bot",
            _RERUN,
        ),
        "tidak bisa mengirim: proxy menolak",
        "ditolak proxy",
    ),
    "tls-untrusted": Words(
        "sertifikat yang datang sebagai pengganti milik WhatsApp tidak dipercaya",
        "ada yang membuka koneksi di tengah jalan (proxy kantor, antivirus), atau sertifikat maupun jam "
        "mesin ini salah",
        (
            "periksa jam mesin dan sertifikat CA-nya (Debian: ca-certificates)",
            "kecualikan web.whatsapp.com dan mmg.whatsapp.net dari inspeksi; jangan pernah mematikan verifikasi",
            _RERUN,
        ),
        "tidak bisa mengirim: sertifikat TLS tidak dipercaya",
        "sertifikat TLS tidak dipercaya",
    ),
    "browser-dead": Words(
        "browser yang menjalankan WhatsApp Web untuk session ini sudah mati",
        "engine berbasis browser tetap mengaku CONNECTED, tetapi setiap panggilan ke halamannya gagal",
        (
            "mulai ulang session agar membuka browser baru; periksa dulu memori mesinnya",
            "simpan direktori profilnya, supaya tidak perlu kode QR baru",
            _RERUN,
        ),
        "tidak bisa mengirim: browser-nya mati",
        "engine browser mati",
    ),
    "engine-failed": Words(
        "gateway sudah menyerah pada session ini (FAILED)",
        "gateway tidak mencoba lagi sendiri; alasannya ada di log gateway, sering kali login yang hilang",
        (
            "mulai ulang session di gateway",
            "jika gagal lagi: logout session di sana dan mulai lagi, lalu {pair}",
            _LINK,
            _RERUN,
        ),
        "tidak bisa mengirim: gateway sudah menyerah pada session ini",
        "ditinggalkan gateway (FAILED)",
    ),
    "session-stopped": Words(
        "gateway mengenal session ini, tetapi tidak menjalankannya",
        "session dihentikan, atau tidak dijalankan lagi setelah gateway dimulai ulang",
        ("jalankan session di gateway, dan atur agar mulai sendiri seterusnya", _RERUN),
        "tidak bisa mengirim: session tidak dijalankan",
        "session tidak dijalankan",
    ),
    "multidevice-off": Words(
        "WhatsApp di ponsel tidak menautkan perangkat dengan cara yang dibutuhkan klien ini (411)",
        "penautannya tidak berlaku; WhatsApp di ponsel terlalu lama, atau multi-perangkat dimatikan di sana",
        ("perbarui WhatsApp di ponsel", _PAIR, _LINK, _RERUN),
        "tidak bisa mengirim: multi-perangkat mati di ponsel",
        "multi-perangkat mati di ponsel",
    ),
    "phone-offline": Words(
        "ponsel sudah berhari-hari tidak online",
        "WhatsApp memutus semua perangkat tertaut dari ponsel yang tidak terlihat sekitar 14 hari",
        ("buka WhatsApp di ponsel ketika online, dan biarkan terbuka beberapa menit", _RERUN),
        "bisa mengirim, tetapi tautannya akan diputus: ponsel offline",
        "ponsel offline berhari-hari",
    ),
}
