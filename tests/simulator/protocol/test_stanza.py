from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagnostics.simulator.protocol.stanza import MAX_DEPTH, MAX_STANZA, Node, decode, element, encode, leaf
from diagnostics.simulator.simulator_errors import ProtocolError

_text = st.one_of(
    st.sampled_from(["", "type", "s.whatsapp.net", "pair-device", "@s.whatsapp.net", "15550000001@s.whatsapp.net"]),
    st.sampled_from(["15550000001:7@s.whatsapp.net", "1234:99@lid", "status@broadcast", "120363-1@g.us", "a@b@c"]),
    st.text("0123456789-.", max_size=140),
    st.text("0123456789ABCDEF", max_size=140),
    st.text("0123456789abcdef", max_size=40),
    st.text(max_size=40),
)
_tag = _text.filter(bool)


def _nodes(children: st.SearchStrategy[Node] | None = None) -> st.SearchStrategy[Node]:
    content: st.SearchStrategy[object] = st.none() | st.binary(max_size=300)
    if children is not None:
        content |= st.lists(children, max_size=4).map(tuple)
    return st.builds(Node, _tag, st.dictionaries(_text, _text, max_size=4), content)


@given(st.recursive(_nodes(), _nodes, max_leaves=12))
def test_what_is_encoded_comes_back_as_it_was(node: Node) -> None:
    assert decode(encode(node)) == node


def test_lower_case_hexadecimal_stays_lower_case() -> None:
    """pyaileys' own encoder packs it, and it comes back in capitals: the reason for an encoder of our own."""
    assert decode(encode(element("ack", id="3eb0abc"))).get("id") == "3eb0abc"


def test_the_server_is_a_jid_with_an_empty_user() -> None:
    # JID_PAIR, empty list, token of s.whatsapp.net: what whatsmeow compares `from` with.
    assert bytes((250, 0, 3)) in encode(element("iq", from_="@s.whatsapp.net"))


def test_text_content_arrives_as_bytes_however_it_was_packed() -> None:
    # <contact> with the content "15550" packed as nibbles, an odd number of them.
    contact = encode(Node("contact"))[2:]
    packed = bytes((0, 248, 2)) + contact[1:] + bytes((255, 0x83, 0x15, 0x55, 0x0F))
    assert decode(packed).data == b"15550"


@given(st.binary(max_size=400))
def test_any_bytes_are_a_stanza_or_a_protocol_error(data: bytes) -> None:
    try:
        node = decode(data)
    except ProtocolError:
        return
    assert isinstance(str(node), str)


@given(st.binary(max_size=200), st.recursive(_nodes(), _nodes, max_leaves=6), st.data())
def test_a_damaged_stanza_is_a_stanza_or_a_protocol_error(noise: bytes, node: Node, data: st.DataObject) -> None:
    whole = encode(node)
    cut = data.draw(st.integers(0, len(whole)))
    for damaged in (whole[:cut], whole[:cut] + noise, whole[:cut] + noise + whole[cut + len(noise) :]):
        try:
            decode(damaged)
        except ProtocolError:
            continue


def test_a_compressed_stanza_is_read() -> None:
    assert decode(b"\2" + zlib.compress(encode(element("iq", id="1"))[1:])) == element("iq", id="1")


@pytest.mark.parametrize(
    ("frame", "complaint"),
    [
        (b"", "empty frame"),
        (b"\0", "ends early"),
        (b"\0" + bytes(MAX_STANZA + 1), "larger than"),
        (b"\2not zlib", "does not inflate"),
        (b"\2" + zlib.compress(bytes(MAX_STANZA + 2)), "inflates beyond"),
        (b"\2" + zlib.compress(encode(element("iq"))[1:])[:-1], "ends early"),
        (encode(element("iq")) + b"x", "1 bytes follow"),
        (bytes((0, 248, 0)), "without a tag"),
        (bytes((0, 248, 1, 0)), "empty tag"),
        (bytes((0, 3)), "a list is expected"),
        (bytes((0, 248, 1, 249)), "a string is expected"),
        (bytes((0, 248, 1, 252, 1, 255)), "not UTF-8"),
        (bytes((0, 248, 1, 250, 250, 250)), "JID inside a JID"),
    ],
)
def test_a_malformed_stanza_is_refused_by_name(frame: bytes, complaint: str) -> None:
    with pytest.raises(ProtocolError, match=complaint):
        decode(frame)


def test_a_bomb_of_zeros_is_not_inflated() -> None:
    bomb = b"\2" + zlib.compress(bytes(64 << 20), 9)
    with pytest.raises(ProtocolError, match="inflates beyond"):
        decode(bomb)


def test_nesting_without_end_is_refused() -> None:
    node = element("a")
    for _ in range(MAX_DEPTH + 1):
        node = element("a", node)
    with pytest.raises(ProtocolError, match="nested deeper"):
        decode(encode(node))


def test_a_stanza_of_countless_nodes_is_refused() -> None:
    crowd = element("list", *[element("a", *[element("b")] * 300)] * 300)
    with pytest.raises(ProtocolError, match="more than 65536 nodes"):
        decode(encode(crowd))


def test_a_person_reads_a_stanza_without_its_secrets() -> None:
    node = element("iq", leaf("ref", b"secret"), element("media_conn", auth="secret", ttl="60"), id="7")
    assert str(node) == '<iq id="7"><ref>[6 bytes]</ref><media_conn auth="…" ttl="60"/></iq>'


def test_a_long_stanza_is_shortened() -> None:
    text = str(element("list", *(element("user", jid=f"{number}@lid") for number in range(1000))))
    assert len(text) < 600
    assert "more" in text
