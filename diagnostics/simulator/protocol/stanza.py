"""Stanzas: the nodes of WhatsApp's binary XML, and their encoding with token dictionary 3.

A node is a list: tag, attribute keys and values, and perhaps content, which is bytes or further nodes. Strings
are tokens of one or two bytes, packed digits (NIBBLE_8), packed upper-case hexadecimal (HEX_8), JIDs, or raw UTF-8.

    encode(Node("iq", {"id": "7", "type": "result"})) == b"\\0\\xf8\\x05..."

Everything from a client passes through `decode`, which limits size, depth and number of nodes, inflates at most
MAX_STANZA bytes, and raises ProtocolError for everything that it refuses.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from diagnostics.simulator.protocol.wire import DOUBLE_TOKENS, SINGLE_TOKENS
from diagnostics.simulator.simulator_errors import ProtocolError

MAX_STANZA = 4 << 20  # bytes, inflated: a group message for a thousand devices has about 0.3 MB
MAX_DEPTH = 32  # WhatsApp's own stanzas are below 10
MAX_NODES = 1 << 16

# Tags of the encoding. A byte below 236 is a single token.
_LIST_EMPTY = 0
_DICTIONARY_0 = 236
_DICTIONARY_3 = 239
_INTEROP_JID = 245
_FB_JID = 246
_AD_JID = 247
_LIST_8 = 248
_LIST_16 = 249
_JID_PAIR = 250
_HEX_8 = 251
_BINARY_8 = 252
_BINARY_20 = 253
_BINARY_32 = 254
_NIBBLE_8 = 255
_PACKED_MAX = 127  # characters
_COMPRESSED = 2  # flag in a frame's first byte

_NIBBLES = "0123456789-.\0\0\0\0"  # 15 pads an odd length
_HEX = "0123456789ABCDEF"

# Byte of an AD_JID that says which server it is on.
_DOMAINS = {"s.whatsapp.net": 0, "lid": 1, "hosted": 128, "hosted.lid": 129}
_SERVERS = {number: server for server, number in _DOMAINS.items()}

_TOKENS: dict[str, bytes] = {
    **{
        token: bytes((_DICTIONARY_0 + page, index))
        for page, tokens in enumerate(DOUBLE_TOKENS)
        for index, token in enumerate(tokens)
    },
    **{token: bytes((index,)) for index, token in enumerate(SINGLE_TOKENS) if index},
}
_PACKED_NIBBLES = re.compile(r"[0-9.\-]{1,127}")
_PACKED_HEX = re.compile(r"[0-9A-F]{1,127}")
_JID = re.compile(
    r"([^@:/]*)(?::(\d{1,3}))?"
    r"@(s\.whatsapp\.net|lid|g\.us|c\.us|broadcast|call|newsletter|hosted|hosted\.lid|bot|msgr)"
)


@dataclass(frozen=True, slots=True)
class Node:
    """One element. JIDs in attributes are text: `"15550000001:7@s.whatsapp.net"`, the server is `"@s.whatsapp.net"`."""

    tag: str
    attrs: Mapping[str, str] = field(default_factory=dict)
    content: bytes | tuple[Node, ...] | None = None

    @property
    def children(self) -> tuple[Node, ...]:
        return self.content if isinstance(self.content, tuple) else ()

    @property
    def data(self) -> bytes:
        """The content if it is bytes, else b""."""
        return self.content if isinstance(self.content, bytes) else b""

    def get(self, name: str) -> str:
        """The value of an attribute, "" if it is missing."""
        return self.attrs.get(name, "")

    def child(self, *path: str) -> Node | None:
        """The first child of that tag; with several tags, the first grandchild and so on."""
        node: Node | None = self
        for tag in path:
            node = next((child for child in node.children if child.tag == tag), None) if node else None
        return node

    def __str__(self) -> str:
        """The element as XML for a person, shortened. Of content that is bytes only the length is shown."""
        return "".join(_render(self, 400))


def element(tag: str, *children: Node, **attrs: str) -> Node:
    """A node with children, or without content. A trailing _ of an attribute's name is dropped (`from_`), and so is an
    attribute whose value is ""."""
    return Node(tag, {name.rstrip("_"): value for name, value in attrs.items() if value}, children or None)


def leaf(tag: str, content: bytes, **attrs: str) -> Node:
    """A node whose content is bytes. Attributes as in `element`."""
    return Node(tag, {name.rstrip("_"): value for name, value in attrs.items() if value}, content)


# Attributes whose values are credentials.
_SECRET = frozenset({"auth", "token"})


def _render(node: Node, room: int) -> Iterator[str]:
    attributes = "".join(f' {k[:80]}="{"…" if k in _SECRET else v[:80]}"' for k, v in node.attrs.items())
    head = f"<{node.tag[:80]}{attributes}"
    yield head
    if node.content is None or node.content == ():
        yield "/>"
        return
    yield ">"
    if isinstance(node.content, bytes):
        yield f"[{len(node.content)} bytes]"
    else:
        room -= len(head)
        for number, child in enumerate(node.content):
            text = "".join(_render(child, room)) if room > 0 else ""
            room -= len(text)
            if room <= 0:
                yield f"… {len(node.content) - number} more"
                break
            yield text
    yield f"</{node.tag[:80]}>"


# Encoding


def encode(node: Node) -> bytes:
    """The plaintext of a frame with this stanza: one flag byte (0: not compressed), then the node."""
    out = bytearray(1)
    _put_node(out, node)
    return bytes(out)


def _put_node(out: bytearray, node: Node) -> None:
    _put_list(out, 1 + 2 * len(node.attrs) + (node.content is not None))
    _put_string(out, node.tag)
    for name, value in node.attrs.items():
        _put_string(out, name)
        _put_string(out, value)
    if isinstance(node.content, bytes):
        _put_length(out, len(node.content))
        out += node.content
    elif node.content is not None:
        _put_list(out, len(node.content))
        for child in node.content:
            _put_node(out, child)


def _put_list(out: bytearray, size: int) -> None:
    if size == 0:
        out.append(_LIST_EMPTY)
    elif size < 256:
        out += bytes((_LIST_8, size))
    else:
        out.append(_LIST_16)
        out += size.to_bytes(2, "big")


def _put_length(out: bytearray, length: int) -> None:
    if length < 256:
        out += bytes((_BINARY_8, length))
    elif length < 1 << 20:
        out.append(_BINARY_20)
        out += length.to_bytes(3, "big")
    else:
        out.append(_BINARY_32)
        out += length.to_bytes(4, "big")


def _put_string(out: bytearray, text: str) -> None:
    token = _TOKENS.get(text)
    if token is not None:
        out += token
    elif _PACKED_NIBBLES.fullmatch(text):
        _put_packed(out, _NIBBLE_8, text, _NIBBLES)
    elif _PACKED_HEX.fullmatch(text):
        _put_packed(out, _HEX_8, text, _HEX)
    elif "@" in text and (jid := _JID.fullmatch(text)):
        _put_jid(out, jid)
    else:
        raw = text.encode()
        _put_length(out, len(raw))
        out += raw


def _put_packed(out: bytearray, tag: int, text: str, alphabet: str) -> None:
    odd = len(text) % 2
    digits = [alphabet.index(character) for character in text] + [15] * odd
    out += bytes((tag, len(digits) // 2 | odd << 7))
    out += bytes(high << 4 | low for high, low in zip(digits[::2], digits[1::2], strict=True))


def _put_jid(out: bytearray, jid: re.Match[str]) -> None:
    user, device, server = jid.groups()
    if device is not None and server in _DOMAINS and int(device) < 256:
        out += bytes((_AD_JID, _DOMAINS[server], int(device)))
        _put_string(out, user)
        return
    out.append(_JID_PAIR)
    if user:
        _put_string(out, user)
    else:
        out.append(_LIST_EMPTY)
    _put_string(out, server)


# Decoding


def decode(frame: bytes) -> Node:
    """Decode the plaintext of a frame.

    Raises:
        ProtocolError: it is not a stanza, or exceeds MAX_STANZA, MAX_DEPTH or MAX_NODES.
    """
    if not frame:
        raise ProtocolError("an empty frame holds no stanza")
    data = _inflate(frame[1:]) if frame[0] & _COMPRESSED else frame[1:]
    if len(data) > MAX_STANZA:
        raise ProtocolError(f"a stanza of {len(data)} bytes is larger than {MAX_STANZA}")
    reader = _Reader(data)
    node = reader.node(0)
    if reader.at != len(data):
        raise ProtocolError(f"{len(data) - reader.at} bytes follow the stanza <{node.tag[:40]}>")
    return node


def _inflate(data: bytes) -> bytes:
    inflater = zlib.decompressobj()
    try:
        inflated = inflater.decompress(data, MAX_STANZA + 1)
    except zlib.error:
        raise ProtocolError("a compressed stanza does not inflate") from None
    if len(inflated) > MAX_STANZA:
        raise ProtocolError(f"a compressed stanza inflates beyond {MAX_STANZA} bytes")
    if not inflater.eof:
        raise ProtocolError("a compressed stanza ends early")
    return inflated


class _Reader:
    """Reads one inflated stanza from its beginning to its end. `at` is the position."""

    __slots__ = ("at", "data", "nodes")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.nodes = 0

    def take(self, length: int) -> bytes:
        end = self.at + length
        if end > len(self.data):
            raise ProtocolError(f"a stanza ends early: {length} bytes wanted at {self.at} of {len(self.data)}")
        taken = self.data[self.at : end]
        self.at = end
        return taken

    def number(self, length: int) -> int:
        return int.from_bytes(self.take(length), "big")

    def list_size(self, tag: int) -> int:
        if tag == _LIST_EMPTY:
            return 0
        if tag == _LIST_8:
            return self.number(1)
        if tag == _LIST_16:
            return self.number(2)
        raise ProtocolError(f"a list is expected at {self.at}, not the tag {tag}")

    def node(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise ProtocolError(f"a stanza is nested deeper than {MAX_DEPTH} levels")
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise ProtocolError(f"a stanza has more than {MAX_NODES} nodes")
        size = self.list_size(self.number(1))
        if size == 0:
            raise ProtocolError(f"a node without a tag at {self.at}")
        tag = self.string()
        if not tag:
            raise ProtocolError(f"a node with an empty tag at {self.at}")
        attrs: dict[str, str] = {}
        for _ in range((size - 1) // 2):
            name = self.string()
            attrs[name] = self.string()
        content = self.content(depth) if size % 2 == 0 else None
        return Node(tag, attrs, content)

    def content(self, depth: int) -> bytes | tuple[Node, ...]:
        tag = self.number(1)
        if tag in (_LIST_EMPTY, _LIST_8, _LIST_16):
            return tuple(self.node(depth + 1) for _ in range(self.list_size(tag)))
        length = self.binary_length(tag)
        # Text as content arrives as a token or packed, where the same text as bytes would be longer.
        return self.text(tag).encode() if length is None else self.take(length)

    def binary_length(self, tag: int) -> int | None:
        if tag == _BINARY_8:
            return self.number(1)
        if tag == _BINARY_20:
            return self.number(3) & 0xFFFFF
        if tag == _BINARY_32:
            return self.number(4)
        return None

    def string(self) -> str:
        return self.text(self.number(1))

    def text(self, tag: int) -> str:
        if tag < _DICTIONARY_0:
            return SINGLE_TOKENS[tag]  # 0 is the empty list, which stands for ""
        if tag <= _DICTIONARY_3:
            return DOUBLE_TOKENS[tag - _DICTIONARY_0][self.number(1)]
        if tag in (_NIBBLE_8, _HEX_8):
            return self.packed(_NIBBLES if tag == _NIBBLE_8 else _HEX)
        if tag in (_JID_PAIR, _AD_JID, _FB_JID, _INTEROP_JID):
            return self.jid(tag)
        length = self.binary_length(tag)
        if length is None:
            raise ProtocolError(f"a string is expected at {self.at}, not the tag {tag}")
        try:
            return self.take(length).decode()
        except UnicodeDecodeError:
            raise ProtocolError(f"a string before {self.at} is not UTF-8") from None

    def packed(self, alphabet: str) -> str:
        start = self.number(1)
        text = "".join(alphabet[byte >> 4] + alphabet[byte & 15] for byte in self.take(start & _PACKED_MAX))
        return text[:-1] if start >> 7 else text

    def jid(self, tag: int) -> str:
        if tag == _JID_PAIR:
            user = self.part()
            return f"{user}@{self.part()}"
        if tag == _AD_JID:
            domain, device = self.take(2)
            server = _SERVERS.get(domain, "s.whatsapp.net")
            user = self.part()
            return f"{user}:{device}@{server}" if device else f"{user}@{server}"
        user, device = self.part(), self.number(2)
        if tag == _INTEROP_JID:
            user = f"{self.number(2)}-{user}"
        return f"{user}:{device}@{self.part()}"

    def part(self) -> str:
        """A part of a JID: any string except another JID, which could nest without limit."""
        tag = self.number(1)
        if tag in (_JID_PAIR, _AD_JID, _FB_JID, _INTEROP_JID):
            raise ProtocolError(f"a JID inside a JID at {self.at}")
        return self.text(tag)
