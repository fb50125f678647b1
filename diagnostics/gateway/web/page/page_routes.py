"""The status page `/`: every session, its state in colour and words, what to do, a QR code to scan, a test message.

Rendered on the server; htmx fetches single pieces of it again. Without scripts every form still works, and answers with
a page of its own. Every text about a session is masked as in reports.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi import Path as InPath
from fastapi.responses import RedirectResponse
from starlette.staticfiles import StaticFiles

from diagnostics.gateway.contract import SESSION_NAME, GatewayProblem, NoSuchSession
from diagnostics.gateway.web.app_context import GatewayContext
from diagnostics.gateway.web.page import render
from diagnostics.gateway.web.page.link_panel import link_panel_router
from diagnostics.gateway.web.page.page_context import NotSignedIn, PageContext
from diagnostics.gateway.web.page.page_words import WORDS
from diagnostics.gateway.web.page.render import Reader
from diagnostics.gateway.web.page.session_actions import actions_router
from diagnostics.gateway.web.page.session_cards import Card
from diagnostics.gateway.web.page.sign_in import COOKIE, same_origin, set_cookie
from diagnostics.redact import redact


def page_router(context: GatewayContext) -> APIRouter:
    page_context = PageContext(context)
    whole = APIRouter(route_class=page_context.routes(), include_in_schema=False)

    @whole.get("/")
    async def everything(request: Request) -> Response:
        try:
            reader = page_context.reader(request)
        except NotSignedIn:
            return render.page("sign_in.html", Reader(None, context.language(request)), wrong=False)
        names = context.source.names()
        looked = await asyncio.gather(*(_card(page_context, name, reader) for name in names))
        why = context.source.ready() or next((each for each in looked if isinstance(each, str)), "")
        return render.page(
            "sessions.html",
            reader,
            cards=[each for each in looked if isinstance(each, Card)],
            trouble=WORDS[reader.language]["unavailable"].format(why=redact(why)) if why else "",
        )

    @whole.post("/page/sign-in")
    async def sign_in(request: Request, token: Annotated[str, Form(max_length=500)] = "") -> Response:
        found = context.settings.tokens.find([b"Bearer " + token.strip().encode()])
        if found is None or not same_origin(request):
            return render.page("sign_in.html", Reader(None, context.language(request)), wrong=True)
        response = RedirectResponse(f"/?lang={context.language(request)}", 303)
        set_cookie(response, page_context.sign_ins.begin(found, context.clock()), request)
        return response

    @whole.post("/page/sign-out")
    async def sign_out(request: Request) -> Response:
        page_context.reader(request)
        page_context.sign_ins.end(request)
        response = RedirectResponse("/", 303)
        response.delete_cookie(COOKIE, path="/")
        return response

    @whole.get("/page/sessions/{name}/status")
    async def status(
        request: Request, name: Annotated[str, InPath(pattern=SESSION_NAME)], version: str = ""
    ) -> Response:
        reader = page_context.reader(request)
        try:
            card = await page_context.look(name, reader)
        except NoSuchSession:
            return render.answer(request, reader, render.words("p", reader, "gone", "gone hint"))
        if card.version == version:
            return Response(status_code=204)  # htmx leaves everything as it is
        return render.answer(request, reader, render.piece("status", reader, card=card))

    whole.include_router(link_panel_router(page_context))
    whole.include_router(actions_router(page_context))
    whole.mount("/page/static", StaticFiles(directory=Path(__file__).with_name("static")))
    return whole


async def _card(page_context: PageContext, name: str, reader: Reader) -> Card | str | None:
    """The session's card; why there is none; None for one that has just gone."""
    try:
        return await page_context.look(name, reader)
    except NoSuchSession:
        return None
    except GatewayProblem as problem:
        return str(problem)
