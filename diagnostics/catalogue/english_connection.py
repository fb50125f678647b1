"""The causes of the connection, the socket and the sends in English."""

from __future__ import annotations

from collections.abc import Mapping

from diagnostics.catalogue.words import Words

_RERUN = "`{rerun}`"

ENGLISH_CONNECTION: Mapping[str, Words] = {
    # connection.accepted
    "stream-replaced": Words(
        "another client logged in with the same credentials ({code} {reason}, {at})",
        "two clients with the same keys disconnect each other; reconnecting starts a loop",
        (
            "find the second process that uses this session's store or a copy of it, and stop it",
            "then start the bot once; do not let it reconnect by itself on this code",
            _RERUN,
        ),
        "cannot send: another client uses the same session",
        "replaced by another client",
    ),
    "client-outdated": Words(
        "WhatsApp refuses this client's version ({code} {reason}, {at})",
        "no session of this library version can connect until it is upgraded; often all fail at once",
        ("upgrade the WhatsApp library (here: `pip install --upgrade neonize`)", "restart the bot", _RERUN),
        "cannot send: the client library is outdated",
        "client library outdated",
    ),
    "temporarily-banned": Words(
        "the account is banned until {expires} ({code} {reason}, {at})",
        "WhatsApp does this to accounts that look like spam; every retry makes the ban longer",
        (
            "stop sending, and stop reconnecting, until {expires}",
            "then send slowly, with varied texts, and to people who wrote first",
            "look at the phone: WhatsApp shows the reason there",
        ),
        "cannot send: temporarily banned",
        "account temporarily banned",
    ),
    "connection-refused": Words(
        "WhatsApp refused the connection ({code} {reason}, {at})",
        "without a connection nothing can be sent",
        (
            "500 and 503 are errors at WhatsApp: wait some minutes; 429: stop connecting for some hours",
            "409, 411, 413 to 419: upgrade the library, WhatsApp may not take this version any more",
            "else restart the bot once; if the same code comes again, link the device again",
            _RERUN,
        ),
        "cannot send: WhatsApp refused the connection",
        "connection refused by WhatsApp",
    ),
    "whatsapp-unreachable": Words(
        "no connection to WhatsApp could be made: {detail}",
        "the session cannot send from a machine that cannot reach WhatsApp",
        (
            "check network, DNS and proxy of this machine (web.whatsapp.com:443 must be reachable)",
            "check the proxy's address and password, if one is configured",
            _RERUN,
        ),
        "cannot send: WhatsApp cannot be reached from here",
        "WhatsApp unreachable from here",
    ),
    "connection-unstable": Words(
        "the connection ended {times} times while it was observed ({detail}), and came back",
        "messages that fall into a gap are lost or late, and WhatsApp may see an attack in many logins",
        (
            "look for a second client with the same session, and for a proxy or firewall that cuts idle connections",
            "watch it for an hour: `{rerun}` again and again shows whether it goes on",
        ),
        "can send, but its connection is lost again and again",
        "connection unstable",
    ),
    "connection-dropping": Words(
        "the connection ended {times} times while it was observed ({detail}), and did not last",
        "the client logs in again each time, and has no time to send",
        (
            "stop the bot for some minutes: many logins in a row make it worse",
            "look for a second client with the same session, and for a proxy or firewall that cuts connections",
            _RERUN,
        ),
        "cannot send: the connection is lost again and again",
        "connection lost again and again",
    ),
    # socket.state
    "socket-connecting": Words(
        "the socket is still CONNECTING (0): WhatsApp has not completed the login",
        "nothing can be sent before the login is complete; if the state does not change, the session is stuck",
        (
            "wait a minute, then: " + _RERUN,
            "if it is still CONNECTING: restart the bot, and check its proxy and library version",
        ),
        "not yet: still connecting",
        "WebSocket still connecting",
    ),
    "socket-closing": Words(
        "the socket is CLOSING (2)",
        "the connection is shutting down; messages may be lost",
        ("let the bot reconnect (most do by themselves)", _RERUN),
        "about to lose its connection",
        "WebSocket closing",
    ),
    "socket-closed": Words(
        "the socket is CLOSED (3): {detail}",
        "nothing can be sent without a connection",
        (
            "check that this machine can reach WhatsApp, and whether a proxy in between was restarted",
            "restart the bot or let it reconnect",
            _RERUN,
        ),
        "cannot send: the connection is closed",
        "WebSocket closed",
    ),
    "socket-unknown": Words(
        "the state of the WebSocket is unknown, though the session works",
        "usually an upgrade of the library renamed the attribute that holds the state, so it cannot warn you any more",
        (
            "compare the library's version with the one your code was written for",
            "read the state from the attribute of the current version; until then rely on round trip and sends instead",
            _RERUN,
        ),
        "sends, but its socket state cannot be read",
        "WebSocket state unknown",
    ),
    "socket-unknown-unusable": Words(
        "the state of the WebSocket is unknown, and the session does not work",
        "neither the state nor a send shows a connection, so it counts as disconnected",
        ("restart the bot so that it reconnects", _RERUN, "if the state stays unknown: link the device again"),
        "cannot send: its socket state is unknown and nothing goes out",
        "WebSocket state unknown",
    ),
    "socket-absent": Words(
        "the client has no WebSocket reference, though the session works",
        "the library hides its socket, so its state cannot warn you",
        ("read the state from the attribute of the library's current version", _RERUN),
        "sends, but shows no socket",
        "no WebSocket reference",
    ),
    "socket-absent-unusable": Words(
        "the client has no WebSocket reference, and the session does not work",
        "it never connected, or it stopped reconnecting",
        ("restart the bot so that it connects", _RERUN),
        "cannot send: it has no socket",
        "no WebSocket reference",
    ),
    "passive-look": Words(
        "only the store was read, nothing was connected",
        "a store cannot tell whether WhatsApp still accepts the session; only a connection can",
        (
            "if a bot is running with this session: ask the bot, do not connect a second client",
            "if none is: " + "`{rerun} --connect`",
            "to check the store only: " + '`{rerun} -k "exists or intact or authenticated"`',
        ),
        "not known whether it can send: only its store was read",
        "only its store was read",
    ),
    "held-elsewhere": Words(
        "the session is in use: {detail}",
        "WhatsApp lets one client at a time use a session's keys, so nothing was connected",
        ("ask the running bot or its gateway instead", "or stop the bot first, then: " + _RERUN),
        "not known whether it can send: a running bot uses it, so nothing was connected",
        "in use by a running bot",
    ),
    "client-crashes": Words(
        "the client library crashes for this session: {detail}",
        "a crash ends the library's whole process; this session is tried alone, so that no other one ends with it",
        (
            "upgrade the WhatsApp library (here: `pip install --upgrade neonize`), then restart the gateway or the bot",
            "if it crashes while it logs in: link the session again; if while it sends: leave out that kind of message",
            "if it goes on: report it to the library with the crash's line above",
            _RERUN,
        ),
        "cannot send: the client library crashes for this session",
        "the client library crashes",
    ),
    # session.responds
    "zombie": Words(
        "the client reports that it is connected and logged in, but the server does not answer: {detail}",
        "a half-open connection: the state that the client reports is stale, and every message would hang",
        ("restart the bot: it does not notice by itself", "monitor round trips instead of the connected flag", _RERUN),
        "cannot send: connected, but the server does not answer",
        "connected, but the server does not answer",
    ),
    "questions-refused": Words(
        "WhatsApp answers, but not what the client must ask before it can send: {detail}",
        "before a message the client asks for the recipient's devices and keys; without them nobody can read it",
        (
            "wait some minutes: 500 and 503 are errors at WhatsApp",
            "401 or 403, again and again: link the device again",
            _RERUN,
        ),
        "cannot send: WhatsApp does not answer what the client must ask",
        "questions refused by WhatsApp",
    ),
    "not-proven": Words(
        "nothing shows whether a message would go out: {detail}",
        "connected is what the client believes; only an answer of WhatsApp or an acknowledged message proves it",
        ("prove it by a message to a number of your own: `{rerun} --send-to NUMBER`",),
        "not known whether it can send: nothing proves it",
        "not proven that it can send",
    ),
    # send.available
    "send-missing": Words(
        "the client has no sendMessage: {detail}",
        "the bot's calls to it fail before anything reaches WhatsApp",
        (
            "check the library's version against the code that calls it",
            "restart the bot: its start may have failed half-way",
            _RERUN,
        ),
        "cannot send: sendMessage is not available",
        "sendMessage not available",
    ),
    # send.text and send.image
    "reachout-timelock": Words(
        "the server refused the {what} with {code} (reach-out timelock)",
        "WhatsApp blocks this account from writing to people who have not written to it; every retry makes it longer",
        (
            "stop writing to new contacts, and do not retry",
            "wait: it ends by itself after hours or days; the phone shows when",
            "if it also happens with people who answer: upgrade the library (the recipient must be addressed by LID)",
        ),
        "cannot send: reach-out timelock",
        "reach-out timelock (463)",
    ),
    "rate-limited": Words(
        "WhatsApp refuses because too much was asked in too short a time (429)",
        "more attempts make it longer, and can end in a ban",
        (
            "stop asking for some minutes, then go on slowly; do not retry at once",
            "ask once and remember: device lists, group members and profile pictures change rarely",
            "spread sends over time, to people who wrote first",
        ),
        "cannot send: too much was asked at once",
        "rate limit reached (429)",
    ),
    "recipient-invalid": Words(
        "the recipient is not an address that WhatsApp knows: {detail}",
        "the message goes nowhere, though some APIs answer with an id as if it had been sent",
        (
            "write the number in international form, digits only, without + or leading 0 (62812…)",
            "a JID ends in @s.whatsapp.net for people (not @c.us) and in @g.us for groups",
            "ask first whether the number is on WhatsApp",
        ),
        "not known whether it can send: the recipient is not on WhatsApp",
        "recipient not valid",
    ),
    "send-refused": Words(
        "the server refused the {what} with {code}",
        "the message was not delivered",
        (
            "429: slow down; 479: the recipient's devices are out of date, upgrade the library; else: the client's log",
            _RERUN,
        ),
        "cannot send",
        "message refused by the server",
    ),
    "ack-missing": Words(
        "the {what} was handed over but never acknowledged by the server: {detail}",
        "messages stay at the grey clock: the API reports them as sent, but nobody receives them",
        ("restart the bot", "if it happens again: unlink the device on the phone and link it again", _RERUN),
        "cannot send: messages are never acknowledged",
        "messages never acknowledged",
    ),
    "media-upload-failed": Words(
        "the image could not be uploaded: {detail}",
        "texts may be sent, but images and files are not",
        (
            "check that this machine and its proxy can reach mmg.whatsapp.net:443",
            "if they can, WhatsApp's media host fails: wait some minutes",
            _RERUN,
        ),
        "cannot send images: the upload fails",
        "media upload failed",
    ),
    "send-failed": Words(
        "the {what} could not be sent: {detail}",
        "nothing reached WhatsApp",
        ("read the client's error above", "check the recipient's number, and that it is on WhatsApp", _RERUN),
        "cannot send",
        "message not sent",
    ),
    "question-unanswered": Words(
        "WhatsApp did not answer what the client asks before it sends the {what}: {detail}",
        "the message was never handed over; it would wait until the client gives up",
        ("restart the bot: other questions may be answered on a new connection", _RERUN),
        "cannot send: a question before the message is not answered",
        "question before the message not answered",
    ),
    "message-unreadable": Words(
        "the {what} was acknowledged, but none of the recipient's devices can read it: {detail}",
        "WhatsApp had no keys of the recipient's devices, so the message was encrypted for none of them",
        (
            "send to another number: `{rerun} --send-to NUMBER`",
            "if all are concerned: restart the bot, then upgrade the library",
        ),
        "not known whether it can send: this recipient cannot read anything",
        "recipient cannot read the message",
    ),
    "media-unreadable": Words(
        "the image was uploaded, but cannot be downloaded again: {detail}",
        "texts may be sent, but a recipient sees an image that never loads; it was not sent",
        (
            "check that this machine and its proxy can reach mmg.whatsapp.net:443",
            "if they can, WhatsApp's media host fails: wait some minutes",
            _RERUN,
        ),
        "cannot send images: what is uploaded cannot be downloaded",
        "uploaded media not readable",
    ),
    "sends-failing": Words(
        "some of the last {what}s failed: {detail}",
        "one failure may be the recipient's; if everything fails from now on, the session cannot send",
        (
            "look at the messages that failed: their code, and whether they go to the same person",
            "send to somebody who has written before: a message that is acknowledged clears this",
            _RERUN,
        ),
        "sends, but not every message",
        "some messages failed",
    ),
}
