"""The page itself, signing in and out, and the one request that renews all cards.

A page asks every 3 s for what changed, with the version of each card that it shows. The answer holds the pieces that
changed, which htmx swaps in by their ids; nothing else on the page is touched.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

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
from diagnostics.gateway.web.page.session_cards import Card, counts, digest, sick_first
from diagnostics.gateway.web.page.sign_in import COOKIE, same_origin, set_cookie
from diagnostics.redact import redact


def page_router(context: GatewayContext) -> APIRouter:
    page_context = PageContext(context)
    router = APIRouter(route_class=page_context.routes(), include_in_schema=False)

    @router.get("/")
    async def everything(request: Request) -> Response:
        try:
            reader = page_context.reader(request)
        except NotSignedIn:
            return _sign_in_form(request, context)
        cards, trouble = await _look_at_all(page_context, reader)
        return render.page("sessions.html", reader, cards=cards, **_overview(cards, trouble, reader))

    @router.post("/page/sign-in")
    async def sign_in(request: Request, token: Annotated[str, Form(max_length=500)] = "") -> Response:
        if seconds := page_context.sign_in_limit.wait(request):
            return _sign_in_form(request, context, "token_too_often", wait=seconds)
        found = context.settings.tokens.find([b"Bearer " + token.strip().encode()])
        if found is None or not same_origin(request):
            page_context.sign_in_limit.failed(request)
            return _sign_in_form(request, context, "token_wrong")
        response = RedirectResponse(f"/?lang={context.language(request)}", 303)
        set_cookie(response, page_context.sign_ins.begin(found, context.clock()), request)
        return response

    @router.post("/page/sign-out")
    async def sign_out(request: Request) -> Response:
        page_context.reader(request)
        page_context.sign_ins.end(request)
        response = RedirectResponse("/", 303)
        response.delete_cookie(COOKIE, path="/")
        return response

    @router.post("/page/cards")
    async def renew(request: Request, shown: Annotated[list[str], Form()] = []) -> Response:  # noqa: B006
        """What changed since the versions that are shown ("KEY.VERSION" each); 204 if nothing did."""
        reader = page_context.reader(request)
        cards, trouble = await _look_at_all(page_context, reader)
        known = dict(each.rpartition(".")[::2] for each in shown)
        overview = _overview(cards, trouble, reader)
        pieces = []
        for card in cards:
            version = known.pop(card.key, None)
            if version != card.version:
                pieces.append(render.piece("changed" if version else "added", reader, card=card))
        if known.pop("overview", None) != overview["overview_version"]:
            version = overview.pop("overview_version")
            pieces.append(render.piece("overview", reader, **overview, version=version, renewed=True))
        if not trouble:  # otherwise a card may be missing that is only not known right now
            pieces += [render.piece("deleted", reader, key=key) for key in known if re.fullmatch("[0-9a-f]+", key)]
        if not pieces:
            return Response(status_code=204)  # htmx leaves everything as it is
        return render.answer(request, reader, Markup("").join(pieces))

    router.include_router(link_panel_router(page_context))
    router.include_router(actions_router(page_context))
    router.mount("/page/static", StaticFiles(directory=Path(__file__).with_name("static")))
    return router


def _sign_in_form(request: Request, context: GatewayContext, wrong: str = "", *, wait: int = 0) -> Response:
    """The form that asks for a token.

    Args:
        wrong: the word that says why the last one was not taken.
        wait: seconds until another one is.
    """
    language = context.language(request)
    said = WORDS[language][wrong].format(seconds=wait) if wrong else ""
    response = render.page("sign_in.html", Reader(None, language), wrong=said)
    if wait:
        response.status_code, response.headers["Retry-After"] = 429, str(wait)
    return response


async def _look_at_all(page_context: PageContext, reader: Reader) -> tuple[list[Card], str]:
    """The cards, the sick first, and why some are missing or nothing can be done; "" if all is well."""
    source = page_context.context.source
    looked = await asyncio.gather(*(_card(page_context, name, reader) for name in source.names()))
    why = source.ready() or next((each for each in looked if isinstance(each, str)), "")
    trouble = WORDS[reader.language]["unavailable"].format(why=redact(why)) if why else ""
    return sick_first(each for each in looked if isinstance(each, Card)), trouble


def _overview(cards: Sequence[Card], trouble: str, reader: Reader) -> dict[str, Any]:
    """What the template needs above the cards."""
    numbers = counts(cards, reader.language)
    return {"counts": numbers, "trouble": trouble, "overview_version": digest(repr((numbers, trouble)))}


async def _card(page_context: PageContext, name: str, reader: Reader) -> Card | str | None:
    """The session's card; why there is none; None for one that has just gone."""
    try:
        return await page_context.look(name, reader)
    except NoSuchSession:
        return None
    except GatewayProblem as problem:
        return str(problem)
