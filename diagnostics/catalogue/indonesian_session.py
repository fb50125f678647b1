"""The causes of the probe, the session and its store in Indonesian."""

from __future__ import annotations

from collections.abc import Mapping

from diagnostics.catalogue.words import Words

_RERUN = "`{rerun}`"
_RERUN_LOUDLY = "`{rerun_loudly}`"
_RERUN_LONGER = "`{rerun_longer}`"
_PAIR = "`{pair}`"
_LINK = "di ponsel: Setelan > Perangkat tertaut > Tautkan perangkat, lalu pindai kode yang baru"

INDONESIAN_SESSION: Mapping[str, Words] = {
    # probe.completed
    "probe-crashed": Words(
        "pemeriksaan gagal sebelum selesai: {detail}",
        "keadaan session belum diketahui: yang bermasalah alat periksa atau lingkungannya, bukan WhatsApp",
        (_RERUN_LOUDLY, "jika terulang, laporkan bersama teks ini dan nomor versi yang tertulis di laporan"),
        "tidak dapat diperiksa: alat periksanya gagal",
        "alat periksanya gagal",
    ),
    "probe-timeout": Words(
        "pemeriksaan session tidak selesai pada waktunya: {detail}",
        "yang tidak terlihat tidak diketahui, dan yang tidak diketahui tidak pernah dianggap sehat",
        (_RERUN_LONGER, "jika tetap tidak selesai, periksa beban dan jaringan mesin ini"),
        "tidak selesai diperiksa pada waktunya",
        "pemeriksaan tidak selesai pada waktunya",
    ),
    "target-unreachable": Words(
        "target tidak dapat dihubungi: {detail}",
        "tidak ada yang menjawab, jadi tidak ada yang diketahui tentang session",
        ("pastikan alamat, path, atau layanan yang disebut di atas benar dan sedang berjalan", _RERUN),
        "tidak dapat diperiksa: target tidak menjawab",
        "target tidak dapat dihubungi",
    ),
    "token-refused": Words(
        "gateway menolak token pemanggil: {detail}",
        "ini tidak mengatakan apa pun tentang session: pertanyaannya tidak sampai ke sana",
        (
            "isi {variable} dengan token gateway ini, lengkap dan tanpa tanda kutip",
            "secara manual: Authorization: Bearer dengan token itu (Evolution: apikey, WAHA: X-Api-Key)",
            _RERUN,
        ),
        "tidak diketahui: gateway menolak token",
        "token ditolak gateway",
    ),
    "answer-unusable": Words(
        "ada yang menjawab, tetapi bukan seperti gateway: {detail}",
        "alamatnya hidup, tetapi jawabannya tidak mengatakan apa pun tentang session",
        (
            "pastikan alamat di atas milik gateway, dan tidak ada proxy atau halaman login yang menjawabnya",
            "jika itu memang gateway: periksa log-nya pada waktu ini",
            _RERUN,
        ),
        "tidak dapat diperiksa: jawabannya tidak berguna",
        "jawaban target tidak berguna",
    ),
    "not-observed": Words(
        "hal ini tidak teramati",
        "yang tidak terlihat tidak diketahui, dan yang tidak diketahui tidak pernah dianggap sehat",
        (
            _RERUN_LOUDLY,
            "jika terulang, laporkan: target harus menjawab setiap pertanyaan atau menyebutkan mengapa tidak",
        ),
        "tidak dapat dipastikan",
        "tidak teramati",
    ),
    "evidence-stale": Words(
        "yang diketahui bukan keadaan sekarang: {detail}",
        "sesi yang tadi berfungsi belum tentu berfungsi sekarang; bukti lama bukan bukti",
        (
            "bandingkan jam kedua mesin (UTC), lalu betulkan yang salah",
            "periksa apakah gateway atau bot yang menjawab macet: restart jika waktunya tidak maju",
            _RERUN,
        ),
        "tidak diketahui: pengamatan terlalu lama",
        "bukti terlalu lama",
    ),
    # session.exists
    "session-missing": Words(
        "tidak ada session dengan nama ini",
        "tidak ada yang dapat dikirim sebelum session dibuat dan ditautkan ke ponsel",
        (
            "periksa ejaan nama session, serta store atau target tempat session itu dicari",
            "jika memang belum pernah ada: " + _PAIR,
            _LINK,
            _RERUN,
        ),
        "tidak bisa mengirim: session tidak ada",
        "session tidak ditemukan",
        (
            "tanpa --target hanya simulator bawaan yang ditanya: sebutkan tempat session Anda",
            "di store bot neonize: {rerun} --target neonize --store PATH",
            "di gateway atau bot yang berjalan: {rerun} --target gateway --url URL",
            "untuk berlatih, sebutkan yang dimainkan simulator: {session}=healthy, atau skenario lain",
        ),
    ),
    "session-ambiguous": Words(
        "store berisi beberapa session, dan tidak jelas mana yang dimaksud: {detail}",
        "memeriksa akun yang salah tidak mengatakan apa pun tentang akun Anda",
        (
            'sebutkan di diagnostics.toml: [sessions.{session}] jid = "…", atau namai session dengan nomor teleponnya',
            _RERUN,
        ),
        "tidak diperiksa: store berisi beberapa session",
        "ada beberapa session dalam satu store",
    ),
    "store-missing": Words(
        "tidak ada session store di tempat ini: {detail}",
        "kunci untuk login session ada di store-nya; tanpa itu tidak ada yang dapat diperiksa",
        (
            "periksa path: yang relatif dihitung dari tempat perintah diketik, atau dari diagnostics.toml",
            "bot di dalam container: store harus di volume yang tetap ada setelah container diganti",
            "jika memang belum pernah ada: " + _PAIR,
            _LINK,
            _RERUN,
        ),
        "tidak bisa mengirim dari sini: session store tidak ada",
        "session store tidak ditemukan",
    ),
    "not-a-store": Words(
        "ini bukan session store: {detail}",
        "hanya berkas SQLite dengan tabel whatsmeow yang berisi session yang dapat diperiksa",
        (
            "berikan path berkas yang dibuka bot (NewClient di Python, sqlstore di Go)",
            "jika ini dulunya store: hentikan bot, lalu pulihkan dari cadangan",
            _RERUN,
        ),
        "tidak bisa mengirim dari sini: ini bukan session store",
        "bukan session store",
    ),
    # store.intact
    "store-damaged": Words(
        "store session tidak dapat dipakai: {detail}",
        "kunci untuk login tersimpan di store ini; tanpa kunci itu session tidak dapat tersambung",
        (
            "hentikan bot, dan simpan salinan store apa adanya",
            "pulihkan store dari cadangan yang tidak lebih lama dari saat bot terakhir dijalankan",
            "jika tidak ada cadangan: hapus store, lalu " + _PAIR,
            _LINK,
        ),
        "tidak bisa mengirim: store-nya rusak",
        "store session rusak",
    ),
    "prekeys-low": Words(
        "hanya tersisa {prekeys} prekey sekali pakai di server",
        "tiap orang yang pertama kali menulis ke session ini memakai satu; jika habis, pesan pertama gagal didekripsi",
        ("jalankan ulang bot: klien mengunggah prekey baru saat login", _RERUN),
        "bisa mengirim, tetapi prekey-nya hampir habis",
        "prekey hampir habis",
    ),
    "state-unwritable": Words(
        "gateway tidak dapat menulis state-nya: {detail}",
        "yang dipelajari client saat mengirim tidak dapat disimpan dan session bisa rusak: tidak ada yang dikirim",
        (
            "kosongkan ruang disk tempat gateway menyimpan state (`df -h`), atau izinkan penulisan di sana",
            "gateway melanjutkan sendiri dalam beberapa detik",
            _RERUN,
        ),
        "tidak dapat mengirim: state gateway tidak dapat ditulis",
        "state gateway tidak dapat ditulis",
    ),
    "store-older": Words(
        "store utuh, dan tabelnya lebih lama daripada yang ditulis client di sini (versi {detail})",
        "client berikutnya yang tersambung dengannya memigrasikan tabel itu, dan bot lama mungkin tidak bisa "
        "membukanya lagi",
        (
            "tidak ada yang perlu diperbaiki atau dihapus",
            "sebelum ada yang lebih baru tersambung (juga --connect): hentikan bot, dan simpan salinan store",
            "lalu perbarui library bot itu sendiri, agar keduanya menulis versi yang sama",
        ),
        "store-nya dari versi lama",
        "store session dari versi lama",
    ),
    "store-unwritable": Words(
        "tidak ada yang disambungkan, karena store tidak dapat ditulis dari sini: {detail}",
        "client menulis kuncinya, dan probe menulis lease-nya, di sebelah store; ini tidak mengatakan apa pun tentang "
        "session",
        (
            "jalankan sebagai user milik bot, atau izinkan user ini menulis berkas itu dan direktorinya",
            "tanpa --connect store hanya dibaca, dan izin membaca sudah cukup",
            _RERUN,
        ),
        "tidak diketahui: probe tidak boleh menulis ke store",
        "store tidak dapat ditulis oleh probe",
    ),
    # session.authenticated
    "not-paired": Words(
        "session belum tertaut ke ponsel: {detail}",
        "WhatsApp menolak semua pesan sampai kode QR dipindai",
        (_PAIR, _LINK, _RERUN),
        "tidak bisa mengirim: kode QR belum dipindai",
        "kode QR belum dipindai",
    ),
    "device-removed": Words(
        "ponsel memutus tautan perangkat ini ({code} {reason}, {at})",
        "WhatsApp menolak semua pesan sampai perangkat ditautkan kembali; klien sudah menghapus kuncinya",
        (_PAIR, _LINK, _RERUN),
        "tidak bisa mengirim: ponsel memutus tautan perangkat ini",
        "tautan diputus dari ponsel",
    ),
    "account-locked": Words(
        "WhatsApp mengunci atau memblokir akun ini ({code} {reason}, {at})",
        "perangkat ini maupun perangkat baru tidak dapat mengirim sampai WhatsApp membukanya; menautkan ulang percuma",
        (
            "hentikan bot: setiap percobaan lagi memperburuk keadaan",
            "buka WhatsApp di ponsel, baca pesannya, dan ajukan peninjauan di sana",
            "tautkan kembali perangkat hanya setelah ponselnya sendiri bisa mengirim",
        ),
        "tidak bisa mengirim: akun dikunci atau diblokir",
        "akun dikunci atau diblokir",
    ),
}
