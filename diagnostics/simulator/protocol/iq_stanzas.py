"""`<iq>` stanzas that answer a client's question: a result, or an error with one of WhatsApp's codes."""

from __future__ import annotations

from diagnostics.simulator.protocol.stanza import Node, element

SERVER_JID = "@s.whatsapp.net"  # a JID with an empty user: clients compare for exactly that

_ERROR_TEXTS = {
    400: "bad-request",
    401: "not-authorized",
    403: "forbidden",
    404: "item-not-found",
    405: "not-allowed",
    406: "not-acceptable",
    409: "conflict",
    410: "gone",
    419: "resource-limit",
    423: "locked",
    429: "rate-overlimit",
    500: "internal-server-error",
    501: "feature-not-implemented",
    503: "service-unavailable",
    530: "partial-server-error",
}


class IqError(Exception):
    """The question is answered with an error of this code.

    Attributes:
        code: 400, 403, 404 …, as `error_text` names them.
    """

    def __init__(self, code: int) -> None:
        super().__init__(f"{code} {error_text(code)}")
        self.code = code


def error_text(code: int) -> str:
    """The text that WhatsApp sends along with an error code, "error" for an unknown code."""
    return _ERROR_TEXTS.get(code, "error")


def result(question: Node, *children: Node) -> Node:
    """The `<iq type="result">` that answers `question`."""
    return Node("iq", {"from": SERVER_JID, "type": "result", "id": question.get("id")}, children or None)


def error(question: Node, code: int) -> Node:
    """The `<iq type="error">` that answers `question`."""
    child = element("error", code=str(code), text=error_text(code))
    return Node("iq", {"from": SERVER_JID, "type": "error", "id": question.get("id")}, (child,))
