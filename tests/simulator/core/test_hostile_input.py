"""Whatever bytes a client sends: the server goes on, other accounts do not notice, and the journal has a line."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from diagnostics.simulator.core.stream import State
from diagnostics.simulator.faults.actions import (
    CutShort,
    Drop,
    Event,
    Failure,
    HalfOpen,
    Refusal,
    Reorder,
    Silence,
    Slow,
    StreamError,
)
from diagnostics.simulator.faults.fault_plan import Fault
from diagnostics.simulator.protocol.noise import HEADER, framed
from diagnostics.simulator.protocol.stanza import Node, element, encode, leaf
from diagnostics.simulator.world import group
from diagnostics.simulator.world.group import GroupInfo
from tests.simulator.light_client import LightClient, new_hub, paired_client

# What clients really say, to be mixed and damaged.
_xmlns = st.sampled_from(
    [
        "encrypt",
        "passive",
        "privacy",
        "usync",
        "w:m",
        "w:p",
        "md",
        "w:g2",
        "w:profile:picture",
        "w:sync:app:state",
        "blocklist",
        "status",
        "",
    ]
)
_tags = st.sampled_from(
    [
        *("iq", "message", "count", "key", "list", "user", "skey", "id", "value", "identity", "usync", "query"),
        *("contact", "devices", "lid", "active", "media_conn", "participants", "to", "enc", "pair-device-sign"),
        *("receipt", "presence", "chatstate", "ack", "retry", "keys", "registration", "sync", "collection", "patch"),
        *("item", "participating", "privacy", "category", "remove-companion-device", "status", "device-identity"),
        *("create", "add", "remove", "promote", "demote", "leave", "group", "participant", "subject", "picture"),
    ]
)
_BYSTANDERS_GROUP = "120363000000000001@g.us"
_jids = st.sampled_from(
    [
        *("15550000001:1@s.whatsapp.net", "100000000000001@lid", "@s.whatsapp.net", ":@", "1:²@lid"),
        *("15550000002@s.whatsapp.net", "100000000000003@lid"),  # the bystander
        *("@g.us", _BYSTANDERS_GROUP, "120363000000000002@g.us"),
    ]
)
_words = st.sampled_from(
    ["get", "set", "result", "1-2", "0", "2", "9" * 5000, "pkmsg", "msg", "retry", "subscribe", "critical_block"]
)
_values = st.one_of(
    _xmlns,
    _jids,
    st.sampled_from(
        ["get", "set", "result", "1-2", "0", "2", "9" * 5000, "pkmsg", "msg", "retry", "subscribe", "critical_block"]
    ),
    st.text(max_size=9),
)
_names = st.sampled_from(
    [
        *("xmlns", "type", "id", "jid", "to", "addressing_mode", "mediatype", "v", "count", "name", "version", "class"),
        *("subject", "target", "category", "participant"),
    ]
)
_attrs = st.dictionaries(_names, _values, max_size=4)
_small = st.binary(max_size=70)
_stanzas = st.recursive(
    st.builds(Node, _tags, _attrs, st.none() | _small),
    lambda children: st.builds(Node, _tags, _attrs, st.lists(children, max_size=4).map(tuple)),
    max_leaves=8,
)
_questions = st.builds(
    lambda xmlns, kind, more, children: Node("iq", {"xmlns": xmlns, "type": kind, "id": "1"} | more, tuple(children)),
    _xmlns,
    st.sampled_from(["get", "set"]),
    st.dictionaries(st.sampled_from(["to", "target"]), _jids, max_size=2),
    st.lists(_stanzas, max_size=3),
)
_people = st.lists(st.builds(lambda jid: element("participant", jid=jid), _jids), max_size=3)
_changes = st.builds(
    lambda to, tag, attrs, people: Node(
        "iq", {"xmlns": "w:g2", "type": "set", "id": "1", "to": to}, (Node(tag, attrs, tuple(people)),)
    ),
    _jids,
    st.sampled_from(["create", "add", "remove", "promote", "demote", "leave"]),
    _attrs,
    _people | st.lists(st.builds(lambda jid: element("group", id=jid), _jids), max_size=2),
)
_pictures = st.builds(
    lambda target, data: Node(
        "iq",
        {"xmlns": "w:profile:picture", "type": "set", "id": "1", "target": target},
        (leaf("picture", data, type="image"),),
    ),
    _jids,
    _small.map(b"\xff\xd8\xff".__add__),
)


@settings(max_examples=150)
@given(st.lists(st.binary(max_size=90), max_size=6), st.booleans())
def test_arbitrary_bytes_before_the_handshake_end_that_connection_only(chunks: list[bytes], header: bool) -> None:
    hub = new_hub()
    client = LightClient(hub)
    for chunk in ([HEADER] if header else []) + chunks:
        client.give(chunk)
    assert client.stream.state in (State.HANDSHAKE, State.CLOSED)
    if client.stream.state is State.CLOSED:
        assert client.closed is not None
        assert "protocol error" in hub.journal.lines[-1].text


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=200))
def test_an_arbitrary_payload_ends_that_connection_only(payload: bytes) -> None:
    client = LightClient(new_hub())
    client.handshake(payload)
    assert client.stream.state is State.CLOSED or client.received


class Clients(RuleBasedStateMachine):
    """Two accounts; the first one's client says anything, the second one's must never notice."""

    @initialize()
    def two_accounts(self) -> None:
        self.hub = new_hub()
        self.hostile = paired_client(self.hub, seed=1)
        self.bystander = paired_client(self.hub, seed=2)
        self.hostile.login()
        self.hostile.get_ready()
        self.bystander.login()
        assert self.bystander.account is not None
        self.group = self.hub.add_group("Mine", [self.bystander.account], self.hostile.now)
        assert self.group.jid == _BYSTANDERS_GROUP

    @precondition(lambda self: not self.hostile.open)
    @rule()
    def log_in_again(self) -> None:
        self.hub.lost(self.hostile.stream, self.hostile.now)
        self.hostile.login()

    @rule(node=st.one_of(_stanzas, _questions, _changes, _pictures))
    def say_a_stanza(self, node: Node) -> None:
        self.hostile.plain(encode(node))

    @rule(data=_small)
    def say_anything(self, data: bytes) -> None:
        self.hostile.plain(data)

    @rule(data=_small)
    def say_what_does_not_decrypt(self, data: bytes) -> None:
        self.hostile.give(framed(data))

    @rule(node=_questions, cut=st.integers(1, 60))
    def say_a_part(self, node: Node, cut: int) -> None:
        self.hostile.plain(encode(node)[:-cut])

    @rule()
    def log_in_a_second_time(self) -> None:
        self.hostile.login()

    @rule()
    def pair_once_more(self) -> None:
        LightClient(self.hub, 3).pair(self.hub.directory.add())

    @rule(seconds=st.sampled_from([0.01, 0.1, 3.0, 200.0]))
    def wait(self, seconds: float) -> None:
        self.hostile.pong()
        self.hostile.later(seconds)

    @rule(
        faults=st.lists(
            st.builds(Fault, st.just(Event.LOGIN), st.sampled_from([Silence(), Drop(), Failure(403), StreamError(503)]))
            | st.builds(Fault, st.just(Event.READY), st.sampled_from([Drop(), StreamError(401, "device_removed")]))
            | st.builds(Fault, st.just(Event.MESSAGE), st.sampled_from([Silence(), Drop(), Refusal(479), Reorder(2)]))
            | st.builds(Fault, st.just(Event.SEND), st.sampled_from([Silence(), CutShort(), Slow(0.1, 500)]))
            | st.builds(Fault, st.just(Event.QUESTION), st.sampled_from([Silence(), Drop(), Refusal(500)]))
            | st.builds(
                Fault,
                st.just(Event.TIME),
                st.sampled_from([Drop(), HalfOpen(), StreamError(503, keep_open=True)]),
                after=st.sampled_from([0.0, 0.1, 3.0]),
                every=st.sampled_from([None, 1.0]),
            ),
            max_size=2,
        )
    )
    def apply_faults(self, faults: list[Fault]) -> None:
        assert self.hostile.account is not None
        self.hub.apply(self.hostile.account, faults, self.hostile.now)

    @invariant()
    def the_bystander_is_served(self) -> None:
        if not hasattr(self, "bystander"):
            return
        assert self.bystander.open
        assert self.bystander.ask("w:p", "get").get("type") == "result"
        account = self.bystander.account
        assert account is not None
        assert account.messages == ()
        assert list(account.companions) == [1]
        assert account.picture == ""
        assert self.group.info == GroupInfo(_BYSTANDERS_GROUP, "Mine", (account.phone,), (account.phone,))
        assert self.group.picture == ""


TestNobodyTouchesAnotherAccount = Clients.TestCase
TestNobodyTouchesAnotherAccount.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)


def test_a_crowd_of_users_in_one_question_is_refused() -> None:
    client = paired_client(new_hub())
    client.login()
    crowd = element("key", *(element("user", jid="15550009999@s.whatsapp.net") for _ in range(2001)))
    assert client.ask("encrypt", "get", crowd).children[0].get("code") == "400"


def test_a_device_cannot_fill_the_memory_with_prekeys() -> None:
    client = paired_client(new_hub())
    client.login()
    assert client.account is not None
    companion = client.account.companions[1]
    signed = companion.signed
    skey = element(
        "skey",
        leaf("id", signed.id.to_bytes(3, "big")),
        leaf("value", signed.public),
        leaf("signature", signed.signature),
    )
    keys = [element("key", leaf("id", n.to_bytes(3, "big")), leaf("value", bytes(32))) for n in range(10_001)]
    answer = client.ask("encrypt", "set", element("list", *keys), skey, leaf("identity", companion.identity))
    assert answer.children[0].get("code") == "406"
    assert companion.prekeys == {}


def test_a_clients_text_cannot_write_to_the_terminal() -> None:
    client = paired_client(new_hub())
    client.login()
    client.plain(encode(Node("iq\x1b[2J", {"id\n": "\x1b]0;x\x07"})))
    client.plain(encode(Node("\x1b[2J")) + b"more")
    assert not client.open
    assert all(str(line).isprintable() for line in client.hub.journal.lines)
    assert "<iq\N{REPLACEMENT CHARACTER}[2J" in client.hub.journal.lines[-2].text


def test_an_ended_connection_is_not_listened_to() -> None:
    client = LightClient(new_hub())
    client.give(b"GET / HTTP/1.1\r\n")
    lines = len(client.hub.journal.lines)
    for _ in range(5):
        client.give(b"more")
    assert len(client.hub.journal.lines) == lines


def test_a_client_cannot_fill_the_memory_with_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group, "_CREATED_MAX", 3)
    client = paired_client(new_hub())
    client.login()
    answers = [client.ask("w:g2", "set", element("create", subject="more")) for _ in range(4)]
    assert [answer.get("type") for answer in answers] == ["result"] * 3 + ["error"]
    assert answers[-1].children[0].get("code") == "429"


def test_a_crowd_of_people_is_added_to_no_group() -> None:
    client = paired_client(new_hub())
    client.login()
    crowd = element("create", *(element("participant", jid="15550009999@s.whatsapp.net") for _ in range(2001)))
    assert client.ask("w:g2", "set", crowd).children[0].get("code") == "400"


def test_the_picture_of_a_group_goes_with_its_last_member() -> None:
    client = paired_client(new_hub())
    client.login()
    for _ in range(3):
        (group,) = client.ask("w:g2", "set", element("create", subject="more")).children
        jid = f"{group.get('id')}@g.us"
        picture = leaf("picture", b"\xff\xd8\xff", type="image")
        attrs = {"xmlns": "w:profile:picture", "type": "set", "id": "1", "target": jid}
        assert client.say(Node("iq", attrs, (picture,)))[0].get("type") == "result"
        client.ask("w:g2", "set", element("leave", element("group", id=jid)))
    assert client.hub.pictures._shown == {}


@pytest.mark.parametrize("image", [b"", b"GIF89a", b"\xff\xd8\xff" + bytes(1 << 20)])
def test_a_file_that_is_not_a_jpeg_is_not_shown(image: bytes) -> None:
    client = paired_client(new_hub())
    client.login()
    answer = client.ask("w:profile:picture", "set", leaf("picture", image, type="image"))
    assert answer.children[0].get("code") == "406"
