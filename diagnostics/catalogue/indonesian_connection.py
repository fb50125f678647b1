"""The causes of the connection, the socket and the sends in Indonesian."""

from __future__ import annotations

from collections.abc import Mapping

from diagnostics.catalogue.words import Words

_RERUN = "`{rerun}`"

INDONESIAN_CONNECTION: Mapping[str, Words] = {
    # connection.accepted
    "stream-replaced": Words(
        "klien lain mengambil alih dengan kredensial yang sama ({code} {reason}, {at})",
        "dua klien dengan kunci session yang sama saling mengeluarkan; menyambung ulang memulai putaran tanpa akhir",
        (
            "cari proses kedua yang memakai store session ini atau salinannya, lalu hentikan",
            "kemudian jalankan bot sekali saja; jangan biarkan menyambung ulang sendiri pada kode ini",
            _RERUN,
        ),
        "tidak bisa mengirim: klien lain memakai session yang sama",
        "digantikan klien lain",
    ),
    "client-outdated": Words(
        "WhatsApp menolak versi klien ini ({code} {reason}, {at})",
        "semua session dengan versi ini tidak dapat tersambung sebelum library diperbarui; sering gagal bersamaan",
        ("perbarui library WhatsApp (di sini: `pip install --upgrade neonize`)", "jalankan ulang bot", _RERUN),
        "tidak bisa mengirim: library klien usang",
        "library klien usang",
    ),
    "temporarily-banned": Words(
        "akun diblokir sampai {expires} ({code} {reason}, {at})",
        "WhatsApp memblokir akun yang terlihat seperti spam; percobaan berikutnya memperpanjang blokir",
        (
            "berhenti mengirim dan menyambung ulang sampai {expires}",
            "setelah itu kirim perlahan, ke orang yang menulis lebih dulu, dengan teks yang berbeda-beda",
            "lihat ponsel: di sana WhatsApp menyebutkan alasannya",
        ),
        "tidak bisa mengirim: diblokir sementara",
        "akun diblokir sementara",
    ),
    "connection-refused": Words(
        "WhatsApp menolak koneksi ({code} {reason}, {at})",
        "tanpa koneksi tidak ada yang dapat dikirim",
        (
            "500 dan 503 adalah kesalahan di WhatsApp: tunggu beberapa menit; 429: berhenti menghubungkan beberapa jam",
            "409, 411, 413 sampai 419: perbarui library, mungkin WhatsApp tidak menerima versi ini lagi",
            "jalankan ulang bot sekali; jika kode yang sama muncul lagi, tautkan ulang perangkat",
            _RERUN,
        ),
        "tidak bisa mengirim: WhatsApp menolak koneksi",
        "koneksi ditolak WhatsApp",
    ),
    "whatsapp-unreachable": Words(
        "koneksi ke WhatsApp tidak dapat dibuat: {detail}",
        "session tidak dapat mengirim dari mesin yang tidak menjangkau WhatsApp",
        (
            "periksa jaringan, DNS, dan proxy mesin ini (web.whatsapp.com:443 harus terjangkau)",
            "periksa alamat dan kata sandi proxy, jika memakai proxy",
            _RERUN,
        ),
        "tidak bisa mengirim: WhatsApp tidak terjangkau dari sini",
        "WhatsApp tidak terjangkau dari sini",
    ),
    "connection-unstable": Words(
        "koneksi terputus {times} kali selama diamati ({detail}), lalu kembali",
        "pesan yang jatuh di sela putus akan hilang atau terlambat, dan WhatsApp bisa mencurigai login yang berulang",
        (
            "cari klien kedua dengan sesi yang sama, dan proxy atau firewall yang memutus koneksi diam",
            "amati selama satu jam: `{rerun}` berulang kali menunjukkan apakah ini berlanjut",
        ),
        "bisa mengirim, tetapi koneksinya putus berulang kali",
        "koneksi tidak stabil",
    ),
    "connection-dropping": Words(
        "koneksi terputus {times} kali selama diamati ({detail}), dan tidak bertahan",
        "klien login lagi setiap kali, dan tidak sempat mengirim",
        (
            "hentikan bot beberapa menit: banyak login berturut-turut memperburuk keadaan",
            "cari klien kedua dengan sesi yang sama, dan proxy atau firewall yang memutus koneksi",
            _RERUN,
        ),
        "tidak bisa mengirim: koneksi putus berulang kali",
        "koneksi putus berulang kali",
    ),
    # socket.state
    "socket-connecting": Words(
        "socket masih CONNECTING (0): WhatsApp belum menyelesaikan login",
        "tidak ada yang dapat dikirim sebelum login selesai; jika tetap begini, session macet",
        (
            "tunggu satu menit, lalu: " + _RERUN,
            "jika masih CONNECTING: jalankan ulang bot, lalu periksa proxy dan versi library-nya",
        ),
        "belum bisa: masih menyambung",
        "WebSocket masih menyambung",
    ),
    "socket-closing": Words(
        "socket sedang CLOSING (2)",
        "koneksi sedang ditutup; pesan bisa hilang",
        ("biarkan bot menyambung ulang (kebanyakan melakukannya sendiri)", _RERUN),
        "sebentar lagi kehilangan koneksi",
        "WebSocket sedang ditutup",
    ),
    "socket-closed": Words(
        "socket sudah CLOSED (3): {detail}",
        "tanpa koneksi tidak ada yang dapat dikirim",
        (
            "pastikan mesin ini menjangkau WhatsApp, dan tidak ada proxy di antaranya yang dijalankan ulang",
            "jalankan ulang bot atau biarkan menyambung ulang",
            _RERUN,
        ),
        "tidak bisa mengirim: koneksi tertutup",
        "WebSocket tertutup",
    ),
    "socket-unknown": Words(
        "state WebSocket tidak diketahui, meskipun session berfungsi",
        "biasanya versi baru library mengganti nama atribut pemuat state; atribut itu tidak lagi memberi peringatan",
        (
            "bandingkan versi library dengan versi yang menjadi dasar kode Anda",
            "baca state seperti disediakan versi sekarang; sampai itu percayai round trip dan kiriman, bukan state",
            _RERUN,
        ),
        "mengirim, tetapi state socket-nya tidak terbaca",
        "WebSocket state unknown",
    ),
    "socket-unknown-unusable": Words(
        "state WebSocket tidak diketahui, dan session tidak berfungsi",
        "state maupun kiriman tidak menunjukkan adanya koneksi, jadi session dianggap mati",
        ("jalankan ulang bot agar menyambung dari awal", _RERUN, "jika tetap begini: tautkan ulang perangkat"),
        "tidak bisa mengirim: state socket-nya tidak diketahui dan tidak ada yang terkirim",
        "WebSocket state unknown",
    ),
    "socket-absent": Words(
        "klien tidak memegang referensi WebSocket, meskipun session berfungsi",
        "library menyembunyikan socket-nya, jadi state-nya tidak dapat memberi peringatan",
        ("baca state seperti disediakan versi library yang sekarang", _RERUN),
        "mengirim, tetapi tidak memperlihatkan socket",
        "tidak ada referensi WebSocket",
    ),
    "socket-absent-unusable": Words(
        "klien tidak memegang referensi WebSocket, dan session tidak berfungsi",
        "klien belum pernah tersambung, atau sudah menyerah",
        ("jalankan ulang bot agar tersambung", _RERUN),
        "tidak bisa mengirim: tidak punya socket",
        "tidak ada referensi WebSocket",
    ),
    "passive-look": Words(
        "hanya store yang dibaca, tidak ada koneksi yang dibuat",
        "store tidak dapat mengatakan apakah WhatsApp masih menerima session; hanya koneksi yang bisa",
        (
            "jika ada bot yang berjalan dengan session ini: tanyakan kepada bot itu, jangan sambungkan klien kedua",
            "jika tidak ada: " + "`{rerun} --connect`",
            "untuk memeriksa store saja: " + '`{rerun} -k "exists or intact or authenticated"`',
        ),
        "belum diketahui apakah bisa mengirim: hanya store-nya yang dibaca",
        "hanya store-nya yang dibaca",
    ),
    "held-elsewhere": Words(
        "session sedang dipakai: {detail}",
        "WhatsApp hanya mengizinkan satu klien memakai kunci session, jadi tidak ada koneksi yang dibuat",
        ("tanyakan kepada bot yang berjalan atau gateway-nya", "atau hentikan bot dulu, lalu: " + _RERUN),
        "belum diketahui apakah bisa mengirim: sedang dipegang bot yang berjalan, dan tidak diganggu",
        "sedang dipakai bot yang berjalan",
    ),
    "client-crashes": Words(
        "library client crash pada session ini: {detail}",
        "satu crash menghentikan seluruh proses library; session ini dicoba sendirian agar session lain tidak ikut",
        (
            "perbarui library WhatsApp (di sini: `pip install --upgrade neonize`), lalu mulai ulang gateway atau bot",
            "bila crash saat login: tautkan ulang session; bila saat mengirim: hindari jenis pesan itu",
            "bila berlanjut: laporkan ke pembuat library beserta baris crash di atas",
            _RERUN,
        ),
        "tidak dapat mengirim: library client crash pada session ini",
        "library client crash",
    ),
    # session.responds
    "zombie": Words(
        "session mengaku tersambung dan sudah login, tetapi server tidak menjawab: {detail}",
        "koneksi setengah mati: pengakuan klien sudah basi, dan setiap pesan akan menggantung",
        (
            "jalankan ulang bot: bot tidak menyadarinya sendiri",
            "pantau round trip, bukan penanda connected",
            _RERUN,
        ),
        "tidak bisa mengirim: tersambung hanya menurut pengakuannya sendiri",
        "tersambung hanya menurut pengakuannya sendiri",
    ),
    "questions-refused": Words(
        "WhatsApp menjawab, tetapi tidak menjawab pertanyaan yang wajib sebelum mengirim: {detail}",
        "sebelum mengirim, klien menanyakan perangkat dan kunci penerima; tanpa itu tidak ada yang bisa membacanya",
        (
            "tunggu beberapa menit: 500 dan 503 adalah kesalahan di WhatsApp",
            "401 atau 403 berulang kali: tautkan ulang perangkat",
            _RERUN,
        ),
        "tidak bisa mengirim: WhatsApp tidak menjawab pertanyaan wajib klien",
        "pertanyaan ditolak WhatsApp",
    ),
    "not-proven": Words(
        "tidak ada yang menunjukkan apakah pesan akan terkirim: {detail}",
        "terhubung hanyalah keyakinan klien; hanya jawaban WhatsApp atau pesan yang dikonfirmasi membuktikannya",
        ("buktikan dengan pesan ke nomor Anda sendiri: `{rerun} --send-to NUMBER`",),
        "tidak diketahui apakah bisa mengirim: tidak ada buktinya",
        "belum terbukti bisa mengirim",
    ),
    # send.available
    "send-missing": Words(
        "klien tidak menyediakan sendMessage: {detail}",
        "panggilan bot ke sendMessage gagal sebelum apa pun sampai ke WhatsApp",
        (
            "cocokkan versi library dengan kode yang memanggilnya",
            "jalankan ulang bot: mungkin proses mulainya berhenti di tengah jalan",
            _RERUN,
        ),
        "tidak bisa mengirim: sendMessage tidak tersedia",
        "sendMessage tidak tersedia",
    ),
    # send.text and send.image
    "reachout-timelock": Words(
        "server menolak {what} dengan {code} (reach-out timelock)",
        "WhatsApp melarang akun ini menulis ke orang yang belum pernah menulis kepadanya; mencoba lagi memperparahnya",
        (
            "berhenti menulis ke kontak baru, dan jangan mencoba ulang",
            "tunggu: larangan ini berakhir sendiri dalam hitungan jam sampai hari; ponsel menunjukkan sampai kapan",
            "jika terjadi juga pada orang yang membalas: perbarui library (penerima harus dialamatkan dengan LID)",
        ),
        "tidak bisa mengirim: reach-out timelock",
        "reach-out timelock (463)",
    ),
    "rate-limited": Words(
        "WhatsApp menolak karena terlalu banyak permintaan dalam waktu singkat (429)",
        "mencoba lagi memperpanjangnya, dan bisa berakhir dengan pemblokiran",
        (
            "berhenti beberapa menit, lalu lanjutkan perlahan; jangan langsung mencoba ulang",
            "tanya sekali dan simpan: daftar perangkat, anggota grup, dan foto profil jarang berubah",
            "sebar pengiriman, ke orang yang menulis lebih dulu",
        ),
        "tidak bisa mengirim: terlalu banyak permintaan sekaligus",
        "batas laju tercapai (429)",
    ),
    "recipient-invalid": Words(
        "penerima bukan alamat yang dikenal WhatsApp: {detail}",
        "pesan tidak ke mana-mana, meskipun sebagian API menjawab dengan id seolah-olah terkirim",
        (
            "tulis nomor dalam format internasional, hanya angka, tanpa + atau 0 di depan (62812…)",
            "JID berakhir dengan @s.whatsapp.net untuk orang (bukan @c.us) dan @g.us untuk grup",
            "tanyakan dulu apakah nomor itu ada di WhatsApp",
        ),
        "tidak diketahui apakah bisa mengirim: penerima tidak ada di WhatsApp",
        "penerima tidak valid",
    ),
    "send-refused": Words(
        "server menolak {what} dengan {code}",
        "pesan tidak sampai ke siapa pun",
        (
            "429: perlambat; 479: data perangkat penerima kedaluwarsa, perbarui library; lainnya: lihat log klien",
            _RERUN,
        ),
        "tidak bisa mengirim",
        "pesan ditolak server",
    ),
    "ack-missing": Words(
        "{what} sudah diserahkan tetapi tidak pernah dikonfirmasi server: {detail}",
        "pesan tertahan pada ikon jam abu-abu: API bilang terkirim, tidak ada yang menerima",
        ("jalankan ulang bot", "jika terulang: putuskan tautan perangkat di ponsel dan tautkan lagi", _RERUN),
        "tidak bisa mengirim: pesan tidak pernah dikonfirmasi",
        "pesan tidak pernah dikonfirmasi",
    ),
    "media-upload-failed": Words(
        "gambar tidak dapat diunggah: {detail}",
        "teks mungkin terkirim, gambar dan berkas tidak",
        (
            "pastikan mesin ini dan proxy-nya menjangkau mmg.whatsapp.net:443",
            "jika terjangkau, masalahnya di host media WhatsApp: tunggu beberapa menit",
            _RERUN,
        ),
        "tidak bisa mengirim gambar: unggahan gagal",
        "unggahan media gagal",
    ),
    "send-failed": Words(
        "{what} tidak dapat dikirim: {detail}",
        "tidak ada yang sampai ke WhatsApp",
        (
            "baca pesan galat klien di atas",
            "periksa nomor penerima, dan pastikan nomor itu ada di WhatsApp",
            _RERUN,
        ),
        "tidak bisa mengirim",
        "pesan tidak terkirim",
    ),
    "question-unanswered": Words(
        "WhatsApp tidak menjawab pertanyaan klien sebelum {what} dikirim: {detail}",
        "pesan tidak pernah diserahkan; ia menunggu sampai klien menyerah",
        ("restart bot: pertanyaan lain mungkin dijawab pada koneksi baru", _RERUN),
        "tidak bisa mengirim: pertanyaan sebelum pesan tidak dijawab",
        "pertanyaan sebelum pesan tidak dijawab",
    ),
    "message-unreadable": Words(
        "{what} dikonfirmasi, tetapi tidak satu pun perangkat penerima bisa membacanya: {detail}",
        "WhatsApp tidak punya kunci perangkat penerima, jadi pesan tidak dienkripsi untuk satu pun perangkat",
        (
            "kirim ke nomor lain: `{rerun} --send-to NUMBER`",
            "jika semua terkena: restart bot, lalu perbarui library",
        ),
        "tidak diketahui apakah bisa mengirim: penerima ini tidak bisa membaca apa pun",
        "penerima tidak bisa membaca pesan",
    ),
    "media-unreadable": Words(
        "gambar terunggah, tetapi tidak bisa diunduh kembali: {detail}",
        "teks mungkin terkirim, tetapi penerima melihat gambar yang tidak pernah termuat; gambar tidak dikirim",
        (
            "periksa apakah mesin ini dan proxy-nya bisa menjangkau mmg.whatsapp.net:443",
            "jika bisa, server media WhatsApp bermasalah: tunggu beberapa menit",
            _RERUN,
        ),
        "tidak bisa mengirim gambar: yang diunggah tidak bisa diunduh",
        "media terunggah tidak terbaca",
    ),
    "sends-failing": Words(
        "sebagian {what} terakhir gagal: {detail}",
        "satu kegagalan bisa berasal dari penerima; jika semua gagal mulai sekarang, session tidak dapat mengirim",
        (
            "periksa pesan yang gagal: kodenya, dan apakah ditujukan ke orang yang sama",
            "kirim ke orang yang pernah menulis: pesan yang dikonfirmasi menghapus peringatan ini",
            _RERUN,
        ),
        "bisa mengirim, tetapi tidak semua pesan",
        "sebagian pesan gagal",
    ),
}
