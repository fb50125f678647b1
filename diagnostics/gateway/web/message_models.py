"""The bodies of requests and answers about messages."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, Field, model_validator

from diagnostics.gateway.contract import SESSION_NAME, Message, Stage, WaitingMessage
from diagnostics.gateway.web.health_documents import FoundProblem
from diagnostics.redact import printable, redact

LONGEST_TEXT = 65_536  # characters, as WhatsApp's own apps allow


class Wait(StrEnum):
    """How far a message must have come before the answer is given."""

    ACK = "ack"
    DELIVERED = "delivered"

    @property
    def stage(self) -> Stage:
        return Stage.ACKNOWLEDGED if self is Wait.ACK else Stage.DELIVERED


def _unencoded(text: str) -> str:
    """Only the base64 of a data: URL; what it claims to be is read from the bytes."""
    return text.partition(",")[2] if text.startswith("data:") else text


class _Outgoing(BaseModel, extra="forbid"):
    sessionId: str = Field(pattern=SESSION_NAME, examples=["testing"])  # noqa: N815 - as the guide writes it
    phone: str = Field(min_length=4, max_length=60, examples=["+62 812-3456-7890"])


class TextRequest(_Outgoing):
    """A text for a phone number."""

    message: str = Field(min_length=1, max_length=LONGEST_TEXT, examples=["halo"])


_EITHER = {"oneOf": [{"required": ["image"]}, {"required": ["url"]}]}


class ImageRequest(_Outgoing, json_schema_extra=_EITHER):
    """An image for a phone number: itself, or where it is."""

    image: Annotated[str, AfterValidator(_unencoded)] | None = Field(
        None, description="JPEG, PNG or WebP in base64, or a data: URL", json_schema_extra={"contentEncoding": "base64"}
    )
    url: str | None = Field(None, max_length=2048, description="where the image is: http(s), a public address")
    caption: str = Field("", max_length=LONGEST_TEXT)

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.image is None) == (self.url is None):
            raise ValueError("give either image or url")
        return self

    def decoded(self) -> bytes | None:
        """The image's bytes; None for a URL. Raises ValueError where it is not base64."""
        try:
            return None if self.image is None else base64.b64decode(self.image, validate=True)
        except (binascii.Error, ValueError):
            raise ValueError("no base64") from None


class ImageForm(_Outgoing):
    """The same as a form (multipart/form-data) with the image as a file."""

    caption: str = Field("", max_length=LONGEST_TEXT)
    url: str | None = Field(None, max_length=2048)


class MessageAnswer(BaseModel):
    """A message and what is known about it. Accepted is not acknowledged, and acknowledged is not delivered."""

    messageId: str | None = Field(description="WhatsApp's; the client tells it with the acknowledgement")  # noqa: N815
    ticket: str = Field(description="ours, known at once; the route for messages takes either")
    session: str
    kind: str = Field(examples=["text", "image"])
    status: Stage
    times: dict[Stage, datetime] = Field(description="when each stage was reached")
    whatsappCode: int | None = Field(None, description="why WhatsApp refused it")  # noqa: N815
    waitsFor: str = Field("", description="what it waits for: question, upload, download or ack")  # noqa: N815
    error: str = ""
    warnings: list[FoundProblem] = Field([], description="findings that did not stop it")

    @classmethod
    def of(cls, message: Message, warnings: list[FoundProblem]) -> MessageAnswer:
        return cls(
            messageId=message.id or None,
            ticket=message.ticket,
            session=message.session,
            kind=message.kind,
            status=message.stage,
            times=message.times,
            whatsappCode=message.code,
            waitsFor=message.waits_for if isinstance(message, WaitingMessage) else "",
            error=printable(redact(message.error), 300),
            warnings=warnings,
        )


def form_schema() -> dict[str, Any]:
    """The form as OpenAPI describes it; Starlette reads it, so no parameter of the route does."""
    schema = ImageForm.model_json_schema()
    schema["properties"]["image"] = {"type": "string", "format": "binary"}
    return {**schema, **_EITHER}
