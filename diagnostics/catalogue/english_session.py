"""The causes of the probe, the session and its store in English."""

from __future__ import annotations

from collections.abc import Mapping

from diagnostics.catalogue.words import Words

_RERUN = "`{rerun}`"
_RERUN_LOUDLY = "`{rerun_loudly}`"
_RERUN_LONGER = "`{rerun_longer}`"
_PAIR = "`{pair}`"
_LINK = "on the phone: Settings > Linked devices > Link a device, and scan the new code"

ENGLISH_SESSION: Mapping[str, Words] = {
    # probe.completed
    "probe-crashed": Words(
        "the probe failed before it finished: {detail}",
        "nothing is known about the session: the probe or its environment failed, not WhatsApp",
        (_RERUN_LOUDLY, "if it happens again, report it with this text and the versions in the report"),
        "could not be checked: the probe failed",
        "the probe failed",
    ),
    "probe-timeout": Words(
        "checking the session timed out: {detail}",
        "what was not observed is not known, and unknown is never healthy",
        (_RERUN_LONGER, "if it times out again, check the machine's load and network"),
        "could not be checked: timeout",
        "checking it timed out",
    ),
    "target-unreachable": Words(
        "the target could not be reached: {detail}",
        "there was no answer, so nothing is known about the session",
        ("check that the address or path above is right, and that the service is running", _RERUN),
        "could not be checked: the target did not answer",
        "target unreachable",
    ),
    "token-refused": Words(
        "the gateway refuses the caller's token: {detail}",
        "this says nothing about the session: the question did not get that far",
        (
            "put a token of this gateway into {variable}, complete and without quotes",
            "by hand: Authorization: Bearer with that token (Evolution: apikey, WAHA: X-Api-Key)",
            _RERUN,
        ),
        "not known: the gateway refuses the token",
        "token refused by the gateway",
    ),
    "answer-unusable": Words(
        "something answered, but not as a gateway does: {detail}",
        "the address is alive, and nothing that it said tells how the session is",
        (
            "check that the address named above is the gateway's own, and that no proxy or login page answers for it",
            "if it is the gateway: look into its log at this time",
            _RERUN,
        ),
        "could not be looked at: the answer tells nothing about it",
        "no usable answer from the target",
    ),
    "not-observed": Words(
        "this was not observed",
        "what was not observed is not known, and unknown is never healthy",
        (_RERUN_LOUDLY, "if it happens again, report it: a target must answer every question or give the reason"),
        "could not be determined",
        "not observed",
    ),
    "evidence-stale": Words(
        "what is known is not of now: {detail}",
        "a session that worked then need not work now; old evidence is no evidence",
        (
            "compare the clocks of the two machines (UTC), and set the wrong one",
            "look whether the gateway or bot that answers is stuck: restart it if its time does not move on",
            _RERUN,
        ),
        "not known: what was observed is too old",
        "evidence too old",
    ),
    # session.exists
    "session-missing": Words(
        "there is no session with this name",
        "nothing can be sent before a session is created and linked to a phone",
        (
            "check the spelling of the session's name, and the store or target where it should be",
            "if it never existed: " + _PAIR,
            _LINK,
            _RERUN,
        ),
        "cannot send: the session does not exist",
        "session not found",
        (
            "without --target only the embedded simulator is asked: name the target that has your session",
            "in the store of a neonize bot: {rerun} --target neonize --store PATH",
            "at a gateway or a running bot: {rerun} --target gateway --url URL",
            "to rehearse instead, name what the simulator plays: {session}=healthy, or another scenario",
        ),
    ),
    "session-ambiguous": Words(
        "the store holds several sessions, and it is not clear which one is meant: {detail}",
        "a diagnosis of the wrong account would say nothing about yours",
        (
            'name it in diagnostics.toml: [sessions.{session}] jid = "…", or call the session by its phone number',
            _RERUN,
        ),
        "not checked: the store holds several sessions",
        "several sessions in one store",
    ),
    "store-missing": Words(
        "there is no session store at this place: {detail}",
        "the keys that log the session in are in its store; without it there is nothing to look at",
        (
            "check the path: a relative one counts from where the command was typed, or from diagnostics.toml",
            "a bot in a container: the store must be on a volume that outlives it",
            "if it never existed: " + _PAIR,
            _LINK,
            _RERUN,
        ),
        "cannot send from here: there is no session store",
        "session store not found",
    ),
    "not-a-store": Words(
        "this is not a session store: {detail}",
        "only a SQLite file with whatsmeow's tables holds sessions that can be looked at",
        (
            "give the path of the file that the bot opens (NewClient in Python, sqlstore in Go)",
            "if this was the store: stop the bot, and restore it from a backup",
            _RERUN,
        ),
        "cannot send from here: this is not a session store",
        "not a session store",
    ),
    # store.intact
    "store-damaged": Words(
        "the session store cannot be used: {detail}",
        "the keys that log the session in are in this store; without them it cannot connect",
        (
            "stop the bot, and keep a copy of the store as it is",
            "restore the store from a backup that is not older than the last start of the bot",
            "if there is no backup: remove the store, then " + _PAIR,
            _LINK,
        ),
        "cannot send: its store is damaged",
        "session store damaged",
    ),
    "prekeys-low": Words(
        "only {prekeys} one-time prekeys are left on the server",
        "everybody who writes to this session for the first time uses one; at zero, first messages cannot be decrypted",
        ("restart the bot: the client uploads new prekeys at login", _RERUN),
        "can send, but its prekeys are running out",
        "few prekeys left",
    ),
    "state-unwritable": Words(
        "the gateway cannot write its state: {detail}",
        "what a client learns by sending cannot be kept, so that the session could break: nothing is sent",
        (
            "free disk space where the gateway keeps its state (`df -h`), or let it write there",
            "the gateway goes on by itself within seconds",
            _RERUN,
        ),
        "cannot send: the gateway's state cannot be written",
        "the gateway's state cannot be written",
    ),
    "store-older": Words(
        "the store is sound, and its tables are older than those that the client here writes (version {detail})",
        "the next client that connects with it migrates the tables, and an older bot may not be able to open them then",
        (
            "nothing is to be repaired or removed",
            "before anything newer connects (--connect, too): stop the bot, and keep a copy of the store",
            "then update the bot's own library, so that both write the same version",
        ),
        "its store is of an older version",
        "session store of an older version",
    ),
    "store-unwritable": Words(
        "nothing was connected, since the store cannot be written from here: {detail}",
        "a client writes its keys, and the probe its lease, beside the store; this says nothing about the session",
        (
            "run it as the user of the bot, or let this user write that file and its directory",
            "without --connect the store is only read, for which reading is enough",
            _RERUN,
        ),
        "not known: the probe may not write to the store",
        "store not writable for the probe",
    ),
    # session.authenticated
    "not-paired": Words(
        "it is not linked to a phone: {detail}",
        "WhatsApp refuses every message until the QR code has been scanned",
        (_PAIR, _LINK, _RERUN),
        "cannot send: the QR code has not been scanned",
        "QR code not scanned",
    ),
    "device-removed": Words(
        "the phone unlinked this device ({code} {reason}, {at})",
        "WhatsApp refuses every message until the device is linked again; the client has deleted its keys",
        (_PAIR, _LINK, _RERUN),
        "cannot send: the phone unlinked this device",
        "unlinked by the phone",
    ),
    "account-locked": Words(
        "WhatsApp locked or banned the account ({code} {reason}, {at})",
        "neither this device nor a new one can send until WhatsApp lifts the ban; linking again does not help",
        (
            "stop the bot: every retry makes it worse",
            "open WhatsApp on the phone, read what it says, and ask for a review there",
            "link the device again only after the phone itself can send",
        ),
        "cannot send: the account is locked or banned",
        "account locked or banned",
    ),
}
