"""Sends one message for a caller: reads the number, judges the session, finds the recipient, sends once, answers.

A critical finding stops the message before anything is sent; other findings are answered as warnings. With an
Idempotency-Key the whole of it runs once, and a repeated request gets the first answer.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import Request, Response

from diagnostics.catalogue import sentence
from diagnostics.gateway.access_tokens import Token
from diagnostics.gateway.contract import GatewayProblem, Interrupted, Message, SendRefused, Stage, StateUnwritable
from diagnostics.gateway.web.app_context import GatewayContext
from diagnostics.gateway.web.audit_log import Action, note_action
from diagnostics.gateway.web.health_documents import found, judged
from diagnostics.gateway.web.idempotency import Attempt, Once, RunningTime, digest
from diagnostics.gateway.web.message_models import MessageAnswer, Wait
from diagnostics.gateway.web.phone_numbers import NotANumber, digits
from diagnostics.gateway.web.problem_responses import Problem, problem_from, problem_response
from diagnostics.model import Finding, Language, Mode, Severity

_ORDER = list(Stage)
_OF_SENDS = ("send.text", "send.image")  # checks

_log = logging.getLogger("wadiag.gateway")


@dataclass(frozen=True, slots=True, kw_only=True)
class SendOptions:
    """How a message is sent, from the query and the headers.

    Attributes:
        mode: strict refuses to send unless the socket is open.
        wait: how far the message must have come before the answer is given.
        deadline: seconds for that.
        key: the Idempotency-Key, None for none.
    """

    mode: Mode = Mode.PERMISSIVE
    wait: Wait = Wait.ACK
    deadline: float
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingMessage:
    """A message and how it gets out.

    Attributes:
        phone: as the caller wrote it.
        content: what makes it another message, for the fingerprint.
        send: to a JID, within so many seconds; marks the attempt as begun right before it hands the message over.
    """

    session: str
    phone: str
    kind: str
    content: tuple[str | bytes, ...]
    send: Callable[[str, float, Attempt], Coroutine[Any, Any, Message]]


class Delivery:
    """Sends the messages of one app."""

    def __init__(self, context: GatewayContext) -> None:
        self.context = context
        self.once = Once(context.answers, RunningTime(context.answers, wall=context.clock))

    async def deliver(self, request: Request, options: SendOptions, message: OutgoingMessage) -> Response:
        self.context.refuse_while_draining()
        if unwritable := self.context.sessions.unwritable():
            raise StateUnwritable(unwritable)
        try:
            phone = digits(message.phone, self.context.settings.country)
        except NotANumber:
            raise Problem("invalid-phone") from None
        try:
            return await self.once.run(
                lambda attempt: self._answer(request, options, message, phone, attempt),
                key=options.key,
                token=request.state.token.name,
                fingerprint=digest(message.kind, message.session, phone, *message.content),
            )
        except GatewayProblem as error:  # here the session is known, which the path does not name
            raise problem_from(error, message.session) from error

    async def _answer(
        self, request: Request, options: SendOptions, message: OutgoingMessage, phone: str, attempt: Attempt
    ) -> Response:
        language = self.context.language(request)
        try:
            sent, warnings = await self.send(
                message, phone, options, attempt, token=request.state.token, language=language
            )
        except SendRefused as refused:
            return problem_response(request, problem_from(refused, message.session), self.context.settings.language)
        status = 200 if _ORDER.index(sent.stage) >= _ORDER.index(options.wait.stage) else 202
        answer = MessageAnswer.of(sent, [found(each) for each in warnings])
        headers = {"Cache-Control": "no-store"}
        if status == 202:
            headers["Location"] = f"/whatsapp/messages/{message.session}/{sent.ticket}"
        return Response(answer.model_dump_json(), status, headers, "application/json")

    async def send(
        self,
        message: OutgoingMessage,
        phone: str,
        options: SendOptions,
        attempt: Attempt,
        *,
        token: Token,
        language: Language,
    ) -> tuple[Message, Sequence[Finding]]:
        """Judge the session, find the recipient and send.

        Args:
            phone: in digits.
            options: `deadline` is for all of it: until the session is logged in, the recipient found, the message sent.
            attempt: marked right before the message is handed over.
            token: whose holder asked, for the log.
            language: of the findings.

        Returns:
            What became of the message, and the findings that did not stop it.

        Raises:
            Problem: the session cannot send, or the number is not on WhatsApp.
            GatewayProblem: what the sessions raise.
        """
        until = time.monotonic() + options.deadline
        note_action(token, Action.SEND, message.session)
        warnings = await self._judged(message, options.mode, language)
        try:
            finding = self.context.sessions.find(message.session, phone, deadline=until - time.monotonic())
            jid = await self.context.unless_ending(finding)
            if not jid:
                self.context.metrics.not_sent(message.kind, "not-on-whatsapp")
                raise Problem("not-on-whatsapp")
            sent = await self.context.unless_ending(message.send(jid, until - time.monotonic(), attempt))
        except SendRefused as refused:
            self.context.metrics.sent(refused.message)
            raise
        except GatewayProblem as problem:
            why = "interrupted" if isinstance(problem, Interrupted) else "not-now"
            self.context.metrics.not_sent(message.kind, why)
            raise
        self.context.metrics.sent(sent)
        return sent, warnings

    async def _judged(self, message: OutgoingMessage, mode: Mode, language: Language) -> Sequence[Finding]:
        """The findings that let a message pass. A critical one does not: the problem then carries its remedy.

        What became of earlier messages stops none: only a message that succeeds shows that they go out again.
        """
        view = await self.context.sessions.look(message.session)
        asked = self.context.health_options(message.session, mode, language)
        diagnosis = judged(view, asked, self.context.clock())
        findings = diagnosis.findings
        if any(each.severity is Severity.CRITICAL and each.check not in _OF_SENDS for each in findings):
            self.context.metrics.not_sent(message.kind, "blocked")
            raise Problem(
                "session-unhealthy",
                {"sentence": sentence(diagnosis.session, findings[0].cause, language)},
                more={
                    "remedy": [step.text for step in findings[0].remedy],
                    "findings": [found(each).model_dump(mode="json") for each in findings],
                },
            )
        if findings:
            causes = ", ".join(each.cause for each in findings)
            _log.warning("session %s sends with warnings: %s", diagnosis.session, causes)
        return findings
