"""What a reader does with a session on the page: send a test message, reconnect it, log it out.

Reconnecting asks for confirmation where the reconnect table says *never*: another login makes a ban longer, or throws
another client out. The server asks, not the page, so that this also holds for a page that is out of date.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Form, Path, Query, Request, Response
from markupsafe import Markup

from diagnostics.catalogue import Action as ReconnectAction
from diagnostics.gateway.access_tokens import Scope
from diagnostics.gateway.contract import SESSION_NAME, Message, Stage
from diagnostics.gateway.web.audit_log import Action, note_action
from diagnostics.gateway.web.health_documents import reconnecting_words
from diagnostics.gateway.web.idempotency import Attempt
from diagnostics.gateway.web.message_delivery import Delivery, OutgoingMessage, SendOptions
from diagnostics.gateway.web.page import render
from diagnostics.gateway.web.page.page_context import PageContext
from diagnostics.gateway.web.page.page_words import STAGES
from diagnostics.gateway.web.page.render import Reader
from diagnostics.gateway.web.page.session_cards import key
from diagnostics.gateway.web.phone_numbers import NotANumber, digits
from diagnostics.gateway.web.problem_responses import Problem
from diagnostics.redact import redact

SEND_DEADLINE = 10.0  # s until the page says what is known so far
ASKED_AFTER = 20  # times that the page asks after a message, every 2 s

Name = Annotated[str, Path(pattern=SESSION_NAME)]


def actions_router(page_context: PageContext) -> APIRouter:
    sessions, delivery = page_context.context.sessions, Delivery(page_context.context)
    router = APIRouter(prefix="/page/sessions/{name}", route_class=page_context.routes(), include_in_schema=False)

    @router.post("/send")
    async def send(
        request: Request,
        name: Name,
        phone: Annotated[str, Form(max_length=60)],
        message: Annotated[str, Form(max_length=4096)],
    ) -> Response:
        reader = page_context.reader(request, Scope.SEND)
        page_context.context.refuse_while_draining()
        try:
            number = digits(phone, page_context.context.settings.country)
        except NotANumber:
            raise Problem("invalid-phone") from None

        async def hand_over(jid: str, left: float, _: Attempt) -> Message:
            return await sessions.send_text(name, jid, message, until=Stage.ACKNOWLEDGED, deadline=left)

        outgoing = OutgoingMessage(session=name, phone=phone, kind="text", content=(message,), send=hand_over)
        sent, findings = await delivery.send(
            outgoing,
            number,
            SendOptions(deadline=SEND_DEADLINE),
            Attempt(),
            token=request.state.token,
            language=reader.language,
        )
        return render.answer(request, reader, news(reader, sent, ASKED_AFTER, [each.claim for each in findings]))

    @router.get("/messages/{message_id}")
    async def message(
        request: Request, name: Name, message_id: str, left: Annotated[int, Query(ge=0, le=ASKED_AFTER)] = 0
    ) -> Response:
        reader = page_context.reader(request, Scope.SEND)
        sent = sessions.message(name, message_id)
        if sent is None:
            raise Problem("no-such-message", {"session": redact(name)})
        return render.answer(request, reader, news(reader, sent, left))

    def news(reader: Reader, sent: Message, left: int, warnings: Sequence[str] = ()) -> Markup:
        """What is known about the message; it asks again, `left` times at most."""
        over = sent.stage in (Stage.READ, Stage.FAILED)
        return render.piece(
            "sent",
            reader,
            name=sent.session,
            message=sent,
            stage=STAGES[reader.language][sent.stage],
            warnings=warnings,
            left=0 if over else max(0, left - 1),
        )

    @router.post("/reconnect")
    async def reconnect(request: Request, name: Name, sure: Annotated[bool, Form()] = False) -> Response:
        reader = page_context.reader(request, Scope.ADMIN)
        page_context.context.refuse_while_draining()
        plan = (await sessions.look(name)).reconnecting
        if plan.action == ReconnectAction.NEVER and not sure:
            why = reconnecting_words(plan, reader.language)
            return render.answer(
                request, reader, render.piece("reconnect_sure", reader, name=name, key=key(name), why=why)
            )
        note_action(request.state.token, Action.RECONNECT, name)
        await sessions.reconnect(name)
        return render.answer(request, reader, render.words("span", reader, "reconnect_done", "right"))

    @router.post("/log-out")
    async def log_out(request: Request, name: Name) -> Response:
        reader = page_context.reader(request, Scope.ADMIN)
        note_action(request.state.token, Action.LOG_OUT, name)
        await sessions.log_out(name)
        return render.answer(request, reader, render.words("p", reader, "gone", "hint"))

    return router
