"""What is missing of a message that got stuck, by the stage that it is at (`model.Sent.stage`)."""

from __future__ import annotations

UNFINISHED = {
    "upload": "the upload did not end",
    "download": "the uploaded image could not be downloaded",
    "question": "the server did not answer what the client asks before it sends",
    "ack": "no acknowledgement",
}


def unfinished(stage: str, seconds: float) -> str:
    """What is missing of a message that is at this stage after so many seconds.

    >>> unfinished("ack", 8)
    'no acknowledgement within 8.0 s'
    """
    return f"{UNFINISHED[stage]} within {seconds:.1f} s"
