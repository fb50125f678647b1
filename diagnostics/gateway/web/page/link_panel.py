"""The part of the page that makes sessions and shows the QR codes that link them.

A code that is shown asks for the next one every 3 s, for `SHOWN_FOR` at most.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Path, Query, Request, Response
from markupsafe import Markup

from diagnostics.gateway.access_tokens import Scope
from diagnostics.gateway.contract import SESSION_NAME, AlreadyPaired, NoSuchSession
from diagnostics.gateway.web.audit_log import Action, note_action
from diagnostics.gateway.web.link_routes import svg
from diagnostics.gateway.web.page import render
from diagnostics.gateway.web.page.page_context import PageContext
from diagnostics.gateway.web.page.page_words import WORDS
from diagnostics.gateway.web.page.render import Reader
from diagnostics.redact import redact

SHOWN_FOR = timedelta(minutes=3)  # about as long as the codes of one connection last
QR_DEADLINE = 15.0  # s


def link_panel_router(page_context: PageContext) -> APIRouter:
    router = APIRouter(route_class=page_context.routes(), include_in_schema=False)

    async def code(name: str, reader: Reader, until: float = 0.0) -> Markup:
        """The current code, which asks for the one that follows; a word where none is shown any more."""
        now = page_context.context.clock()
        until = until or (now + SHOWN_FOR).timestamp()
        if now.timestamp() > until:
            return render.words("p", reader, "qr_rests", "hint")
        try:
            qr = await page_context.context.sessions.qr(name, deadline=QR_DEADLINE)
        except AlreadyPaired:
            return render.words("p", reader, "qr_done", "right")
        title = WORDS[reader.language]["qr_label"].format(session=redact(name))
        drawn = Markup(svg(qr.text, title).decode())  # noqa: S704 - drawn here, and the title is escaped
        valid = f"{qr.expires_at:%H:%M:%S}"
        return render.piece("qr", reader, name=name, svg=drawn, valid=valid, until=until)

    @router.post("/page/sessions")
    async def make(request: Request, name: Annotated[str, Form(pattern=SESSION_NAME)]) -> Response:
        reader = page_context.reader(request, Scope.ADMIN)
        page_context.context.refuse_while_draining()
        note_action(request.state.token, Action.LINK, name)
        known = name in page_context.context.source.names()
        shown = await code(name, reader)
        if known:  # perhaps not on this page yet: the page is loaded again, and the session offers its code there
            return render.answer(request, reader, shown, HX_Redirect="/")
        whole = render.piece("session", reader, card=await page_context.look(name, reader), code=shown)
        return render.answer(request, reader, whole)

    @router.api_route("/page/sessions/{name}/qr", methods=["GET", "POST"])
    async def qr(
        request: Request,
        name: Annotated[str, Path(pattern=SESSION_NAME)],
        until: Annotated[float, Query(allow_inf_nan=False)] = 0.0,
    ) -> Response:
        reader = page_context.reader(request, Scope.ADMIN)
        page_context.context.refuse_while_draining()
        if name not in page_context.context.source.names():  # a page that is still open does not bring it back
            raise NoSuchSession(name)
        if request.method == "POST":  # the page's own requests for the next code are not a reader's doing
            note_action(request.state.token, Action.LINK, name)
        return render.answer(request, reader, await code(name, reader, until))

    return router
