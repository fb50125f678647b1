"""The texts that belong to no cause: sentences of the judge, names of verdicts, titles of checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from diagnostics.model import Language, Severity, Verdict


@dataclass(frozen=True, slots=True)
class Phrases:
    """One language's phrases. Those with fields in braces are templates.

    Attributes:
        pair: what a person does for a new QR code if the caller names no command for it.
        sick, unsure, healthy: the one sentence about a session; the guide's error message is `sick`.
        text, image, both: what was sent, as a noun.
        line to near: what `wadiag explain` prints around the causes.
        seen, why, fix, follows: the labels of a finding's parts.
        verdicts, severities: their names; in data, the values of the enumerations stay English.
        titles: of every check, by its id: what holds if the check passes.
    """

    pair: str
    sick: str
    unsure: str
    healthy: str
    text: str
    image: str
    both: str
    sent: str
    not_sent: str
    not_asked: str
    said_nothing: str
    no_error: str
    several: str
    unreadable: str
    keys_refused: str
    not_connected: str
    prekeys: str
    looked: str
    not_refused: str
    answered: str
    acknowledged: str
    end_unknown: str
    end_passed: str
    end_in_minutes: str
    end_in_hours: str
    end_shown: str
    message: str
    some_code: str
    some_variable: str
    some_session: str
    few: str
    line: str
    one_of: str
    check: str
    no_check: str
    not_known: str
    next_steps: tuple[str, ...]
    near: str
    seen: str
    why: str
    fix: str
    follows: str
    sessions: str
    unfinished: str
    simulated: str
    verdicts: Mapping[Verdict, str]
    severities: Mapping[Severity, str]
    titles: Mapping[str, str]


PHRASES: Mapping[Language, Phrases] = {
    Language.ENGLISH: Phrases(
        pair="start the bot (or its gateway) again so that it shows a QR code",
        sick="Session '{session}' is not in a healthy condition: {brief}",
        unsure="It is not known whether session '{session}' is in a healthy condition: {brief}",
        healthy="Session '{session}' is in a healthy condition",
        text="text",
        image="image",
        both="text and image",
        sent="can send ({what} acknowledged by the server)",
        not_sent="can send, as far as can be known without sending",
        not_asked="nothing wrong so far, but {left} of {all} checks were not run",
        said_nothing="the target said nothing about this",
        no_error="no error text",
        several="several",
        unreadable="acknowledged, and encrypted for none of the recipient's devices",
        keys_refused="acknowledged, and encrypted for no device, since their keys were refused with {code}",
        not_connected="not known whether it can send: no connection was looked at",
        prekeys="{count} prekeys, wanted {wanted}",
        looked="observed {count} aspects in {seconds:.1f} s",
        not_refused="no refusal",
        answered="answered in {milliseconds:.0f} ms",
        acknowledged="acknowledged by the server in {milliseconds:.0f} ms",
        end_unknown="a time that WhatsApp did not give",
        end_passed="which has passed",
        end_in_minutes="in {count} min",
        end_in_hours="in {count} h",
        end_shown="the time that the phone shows",
        message="message",
        some_code="an error code",
        some_variable="the caller's settings",
        some_session="NAME",
        few="a few",
        line="line {number} ({source})",
        one_of="These words can mean {count} things:",
        check="check {checks}: pytest checks --session {session}",
        no_check="check by hand: no check of this suite measures it",
        not_known="This text is not known here.",
        next_steps=(
            "look for the first error in the log, not the last: paste the twenty lines around it",
            "check the session itself: pytest checks --session {session}",
            "if a check fails and this text was the only sign, report the text: it will be added",
        ),
        near='Did you mean "{phrase}"?',
        seen="seen",
        why="why",
        fix="fix",
        follows="follows from it",
        sessions="{count} sessions",
        unfinished="not checked, because the run was stopped: {names}",
        simulated="simulated",
        verdicts={
            Verdict.HEALTHY: "healthy",
            Verdict.DEGRADED: "degraded",
            Verdict.UNHEALTHY: "unhealthy",
            Verdict.UNKNOWN: "unknown",
        },
        severities={Severity.CRITICAL: "critical", Severity.UNKNOWN: "unknown", Severity.WARNING: "warning"},
        titles={
            "probe.completed": "the probe itself worked",
            "session.exists": "the session exists",
            "store.intact": "its store can be read and is sound",
            "session.authenticated": "it is linked to a phone",
            "connection.accepted": "WhatsApp accepts its connection",
            "socket.state": "its socket is open",
            "session.responds": "the server answers its queries",
            "send.available": "sendMessage is available",
            "send.text": "a text is acknowledged by the server",
            "send.image": "an image is uploaded and acknowledged",
        },
    ),
    Language.INDONESIAN: Phrases(
        pair="jalankan ulang bot (atau gateway-nya) agar menampilkan kode QR",
        sick="Session '{session}' tidak dalam kondisi sehat: {brief}",
        unsure="Belum diketahui apakah session '{session}' dalam kondisi sehat: {brief}",
        healthy="Session '{session}' dalam kondisi sehat",
        text="teks",
        image="gambar",
        both="teks dan gambar",
        sent="bisa mengirim ({what} dikonfirmasi server)",
        not_sent="bisa mengirim, sejauh yang dapat diketahui tanpa mengirim",
        not_asked="tidak ada masalah pada yang diperiksa, tetapi {left} dari {all} pemeriksaan tidak dijalankan",
        said_nothing="target tidak mengatakan apa pun tentang hal ini",
        no_error="tanpa keterangan",
        several="beberapa",
        unreadable="dikonfirmasi, dan tidak dienkripsi untuk satu pun perangkat penerima",
        keys_refused="dikonfirmasi, dan tidak dienkripsi untuk perangkat mana pun: kuncinya ditolak dengan {code}",
        not_connected="tidak diketahui apakah bisa mengirim: koneksi tidak diperiksa",
        prekeys="{count} prekey, seharusnya {wanted}",
        looked="{count} aspek diperiksa dalam {seconds:.1f} detik",
        not_refused="tidak terlihat penolakan",
        answered="dijawab dalam {milliseconds:.0f} ms",
        acknowledged="dikonfirmasi server dalam {milliseconds:.0f} ms",
        end_unknown="waktu yang tidak diberitahukan WhatsApp",
        end_passed="sudah lewat",
        end_in_minutes="{count} menit lagi",
        end_in_hours="{count} jam lagi",
        end_shown="waktu yang ditunjukkan ponsel",
        message="pesan",
        some_code="sebuah kode galat",
        some_variable="pengaturan pemanggil",
        some_session="NAMA",
        few="sedikit",
        line="baris {number} ({source})",
        one_of="Kata-kata ini bisa berarti {count} hal:",
        check="periksa {checks}: pytest checks --session {session}",
        no_check="periksa sendiri: tidak ada pemeriksaan di sini yang mengukurnya",
        not_known="Teks ini tidak dikenal di sini, jadi tidak ada yang dapat dikatakan tentangnya.",
        next_steps=(
            "cari galat pertama di log, bukan yang terakhir: tempelkan dua puluh baris di sekitarnya",
            "periksa session-nya sendiri: pytest checks --session {session}",
            "jika session ternyata sakit dan teks ini satu-satunya tanda, laporkan teksnya agar ditambahkan",
        ),
        near='Maksud Anda "{phrase}"?',
        seen="bukti",
        why="dampak",
        fix="solusi",
        follows="akibatnya",
        sessions="{count} sesi",
        unfinished="tidak diperiksa, karena pemeriksaan dihentikan: {names}",
        simulated="simulasi",
        verdicts={
            Verdict.HEALTHY: "sehat",
            Verdict.DEGRADED: "kurang sehat",
            Verdict.UNHEALTHY: "tidak sehat",
            Verdict.UNKNOWN: "tidak diketahui",
        },
        severities={Severity.CRITICAL: "kritis", Severity.UNKNOWN: "tidak diketahui", Severity.WARNING: "peringatan"},
        titles={
            "probe.completed": "pemeriksaannya sendiri berhasil",
            "session.exists": "session-nya ada",
            "store.intact": "store-nya dapat dibaca dan utuh",
            "session.authenticated": "tertaut ke sebuah ponsel",
            "connection.accepted": "WhatsApp menerima koneksinya",
            "socket.state": "socket-nya terbuka",
            "session.responds": "server menjawab pertanyaannya",
            "send.available": "menyediakan sendMessage",
            "send.text": "teks dikonfirmasi server",
            "send.image": "gambar diunggah dan dikonfirmasi server",
        },
    ),
}
