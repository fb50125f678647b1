"""How WhatsApp says no to a question."""

from __future__ import annotations

_TEXTS = {
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
    """The answer is an error with this code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"{code} {text_of(code)}")
        self.code = code


def text_of(code: int) -> str:
    """What stands beside the code."""
    return _TEXTS.get(code, "error")
