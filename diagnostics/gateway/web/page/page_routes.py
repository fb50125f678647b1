"""The page itself, signing in and out, and the one request that renews all cards.

Theory of operation. The page is rendered on the server. Every few seconds it asks once for all sessions
(`POST /page/status`), and says which version of each it shows; the answer holds only what has changed, and htmx puts
each piece into its place, so that open forms and QR codes stay. `static/page.js` moves a session to the sick or the
healthy ones, and says so when no answer comes: then everything on the page is old.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from markupsafe import Markup
from starlette.staticfiles import StaticFiles

from diagnostics.gateway.contract import GatewayProblem, NoSuchSession
from diagnostics.gateway.web.app_context import GatewayContext
from diagnostics.gateway.web.page import render
from diagnostics.gateway.web.page.link_panel import link_panel_router
from diagnostics.gateway.web.page.page_context import NotSignedIn, PageContext
from diagnostics.gateway.web.page.page_words import WORDS
from diagnostics.gateway.web.page.render import Reader
from diagnostics.gateway.web.page.session_actions import actions_router
from diagnostics.gateway.web.page.session_cards import Card, board
from diagnostics.gateway.web.page.sign_in import COOKIE, same_origin, set_cookie
from diagnostics.redact import redact

UNFOLDED = 5  # so many healthy sessions are shown openly
AT_MOST = 5_000  # sessions of one page


def page_router(context: GatewayContext) -> APIRouter:
    page_context = PageContext(context)
    whole = APIRouter(route_class=page_context.routes(), include_in_schema=False)

    @whole.get("/")
    async def everything(request: Request) -> Response:
        try:
            reader = page_context.reader(request)
        except NotSignedIn:
            return render.page("sign_in.html", Reader(None, context.language(request)), wrong=False)
        shown, why = await _look_at_all(page_context, reader)
        return render.page(
            "sessions.html",
            reader,
            board=board(shown, reader.language),
            now=context.clock(),
            unfolded=UNFOLDED,
            trouble=WORDS[reader.language]["unavailable"].format(why=redact(why)) if why else "",
        )

    @whole.post("/page/status")
    async def status(request: Request, seen: Annotated[list[str], Form(max_length=AT_MOST)] = []) -> Response:  # noqa: B006 - FastAPI's way
        """What has changed since the page was last told: one answer for all sessions, each piece with its place."""
        reader = page_context.reader(request)
        shown, _ = await _look_at_all(page_context, reader)
        versions = dict(each.partition(".")[::2] for each in seen if each)
        known = {card.key: card for card in shown}
        pieces = [render.piece("summary", reader, board=board(shown, reader.language), now=context.clock())]
        for key, card in known.items():
            if key not in versions:
                pieces.append(render.piece("newcomer", reader, card=card))
            elif versions[key] != card.version:
                pieces.append(render.piece("status", reader, card=card, replaces=True))
        pieces += [render.piece("departed", reader, key=key) for key in versions if key not in known]
        return render.answer(request, reader, Markup().join(pieces))

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

    whole.include_router(link_panel_router(page_context))
    whole.include_router(actions_router(page_context))
    whole.mount("/page/static", StaticFiles(directory=Path(__file__).with_name("static")))
    return whole


async def _look_at_all(page_context: PageContext, reader: Reader) -> tuple[list[Card], str]:
    """The cards of all sessions, looked at at once; and why some cannot be shown, "" where all are."""
    names = page_context.context.source.names()
    looked = await asyncio.gather(*(_card(page_context, name, reader) for name in names))
    why = page_context.context.source.ready() or next((each for each in looked if isinstance(each, str)), "")
    return [each for each in looked if isinstance(each, Card)], why


async def _card(page_context: PageContext, name: str, reader: Reader) -> Card | str | None:
    """The session's card; why there is none; None for one that has just gone."""
    try:
        return await page_context.look(name, reader)
    except NoSuchSession:
        return None
    except GatewayProblem as problem:
        return str(problem)
