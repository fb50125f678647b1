"""The status page `/`: every session, its state in colour and words, what to do, a QR code to scan, a test message.

Rendered on the server; htmx fetches single pieces of it again. Without scripts every form still works, and answers with
a page of its own. Every text about a session is masked as in reports.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path as FilePath
from typing import Annotated

from fastapi import APIRouter, Form, Path, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute
from markupsafe import Markup
from starlette.staticfiles import StaticFiles

from diagnostics.gateway.contract import AlreadyPaired, GatewayProblem, Message, NoSuchSession, Stage
from diagnostics.gateway.web.context import SESSION_NAME, Using
from diagnostics.gateway.web.errors import Problem, document, from_sessions
from diagnostics.gateway.web.health import diagnose
from diagnostics.gateway.web.page import render
from diagnostics.gateway.web.page.cards import Card, card, key
from diagnostics.gateway.web.page.sign_in import COOKIE, SignIns, same_origin, set_cookie
from diagnostics.gateway.web.page.words import STAGES, WORDS
from diagnostics.gateway.web.pairing import svg
from diagnostics.gateway.web.sending import deliver_text
from diagnostics.gateway.web.tokens import Scope, Token
from diagnostics.model import Language, Mode
from diagnostics.redact import redact

PREFIX = "/page"
QR_SHOWN = timedelta(minutes=3)  # as long as the codes of one connection last
QR_DEADLINE = 15.0  # s
SEND_DEADLINE = 10.0  # s until the page says what is known so far
RECEIPTS = 20  # times that a message is asked after, every 2 s

Name = Annotated[str, Path(pattern=SESSION_NAME)]


class _SignedOut(Exception):
    """The request carries no valid cookie."""


class _Refused(Exception):
    """The reader may not do this."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)


def page_router(context: Using) -> APIRouter:
    sign_ins: SignIns[Token] = SignIns()
    sessions, source = context.sessions, context.source

    def reader(request: Request, scope: Scope = Scope.READ) -> tuple[Token, Language]:
        """Who asks, and in which language the answer is."""
        token, language = sign_ins.who(request, context.clock()), context.language(request)
        if token is None:
            raise _SignedOut
        if request.method == "POST" and not same_origin(request):
            raise _SignedOut
        if token.scope < scope:
            raise _Refused(WORDS[language]["not_allowed"].format(scope=scope.name.lower()))
        return token, language

    async def look(name: str, language: Language) -> Card:
        view, diagnosis = diagnose(
            await source.look(name), mode=Mode.PERMISSIVE, language=language, now=context.clock()
        )
        return card(name, view, diagnosis, language)

    class Guarded(APIRoute):
        """Every refusal of these routes is a piece of the page, which htmx swaps in only under a status of 2xx."""

        def get_route_handler(self):  # type: ignore[no-untyped-def]
            handle = super().get_route_handler()

            async def guarded(request: Request) -> Response:
                try:
                    return await handle(request)
                except _SignedOut:
                    if request.headers.get("hx-request") == "true":
                        return Response(status_code=401, headers={"HX-Redirect": "/"})
                    return RedirectResponse("/", 303)
                except _Refused as refused:
                    return trouble(request, "", str(refused), [])
                except Problem as problem:
                    return told(request, problem)
                except GatewayProblem as problem:
                    return told(request, from_sessions(problem, request.path_params.get("name", "")))

            return guarded

    def told(request: Request, problem: Problem) -> Response:
        said = document(problem, context.language(request))
        return trouble(request, said["title"], said["detail"], said["remedy"])

    def trouble(request: Request, title: str, detail: str, remedy: list[str]) -> Response:
        token, language = reader(request)
        piece = render.piece("problem", token, language, title=title, detail=detail, remedy=remedy)
        return render.answer(request, token, language, piece)

    router = APIRouter(prefix=PREFIX, route_class=Guarded, include_in_schema=False)

    @router.post("/sign-in")
    async def sign_in(request: Request, token: Annotated[str, Form(max_length=500)] = "") -> Response:
        language = context.language(request)
        found = context.settings.tokens.find([b"Bearer " + token.strip().encode()])
        if found is None or not same_origin(request):
            return render.page("sign_in.html", None, language, wrong=True)
        response = RedirectResponse(f"/?lang={language}", 303)
        set_cookie(response, sign_ins.begin(found, context.clock()), request)
        return response

    @router.post("/sign-out")
    async def sign_out(request: Request) -> Response:
        reader(request)
        sign_ins.end(request)
        response = RedirectResponse("/", 303)
        response.delete_cookie(COOKIE, path="/")
        return response

    @router.get("/sessions/{name}/status")
    async def status(request: Request, name: Name, version: str = "") -> Response:
        token, language = reader(request)
        try:
            current = await look(name, language)
        except NoSuchSession:
            gone = Markup("<p class=hint>{}</p>").format(WORDS[language]["gone"])
            return render.answer(request, token, language, gone, HX_Retarget=f"#session-{key(name)}")
        if current.version == version:
            return Response(status_code=204)
        return render.answer(request, token, language, render.piece("status", token, language, card=current))

    @router.post("/sessions")
    async def make(request: Request, name: Annotated[str, Form(pattern=SESSION_NAME)]) -> Response:
        token, language = reader(request, Scope.ADMIN)
        known = name in source.names()
        code = await show_code(request, name)
        if known:
            return render.answer(request, token, language, code, HX_Retarget=f"#qr-{key(name)}", HX_Reswap="innerHTML")
        whole = render.piece("session", token, language, card=await look(name, language), code=code)
        return render.answer(request, token, language, whole)

    @router.api_route("/sessions/{name}/qr", methods=["GET", "POST"])
    async def qr(request: Request, name: Name, until: Annotated[float, Query(allow_inf_nan=False)] = 0.0) -> Response:
        token, language = reader(request, Scope.ADMIN)
        return render.answer(request, token, language, await show_code(request, name, until))

    async def show_code(request: Request, name: str, until: float = 0.0) -> Markup:
        """The current code, which asks for the next one; a word where there is none to show any more."""
        token, language = reader(request, Scope.ADMIN)
        words, now = WORDS[language], context.clock()
        until = until or (now + QR_SHOWN).timestamp()
        if now.timestamp() > until:
            rests = Markup("<p class=hint>{}</p>").format(words["qr_rests"])
            return rests + render.piece("qr_button", token, language, card=await look(name, language))
        try:
            code = await sessions.qr(name, deadline=QR_DEADLINE)
        except AlreadyPaired:
            return Markup('<p class=right role=status>{}</p>').format(words["qr_done"])
        drawn = Markup(svg(code.text).decode())  # noqa: S704 - our own drawing
        return render.piece(
            "qr", token, language, name=name, shown=redact(name), key=key(name), svg=drawn,
            valid=f"{code.expires_at:%H:%M:%S}", until=until,
        )  # fmt: skip

    @router.post("/sessions/{name}/send")
    async def send(
        request: Request,
        name: Name,
        phone: Annotated[str, Form(max_length=60)],
        message: Annotated[str, Form(max_length=4096)],
    ) -> Response:
        token, language = reader(request, Scope.SEND)
        sent, warnings = await deliver_text(
            context, name, phone, message, until=Stage.ACKNOWLEDGED, deadline=SEND_DEADLINE, language=language
        )
        return render.answer(request, token, language, news(token, language, name, sent, RECEIPTS, warnings))

    @router.get("/sessions/{name}/messages/{message_id}")
    async def message(
        request: Request, name: Name, message_id: str, left: Annotated[int, Query(ge=0, le=RECEIPTS)] = 0
    ) -> Response:
        token, language = reader(request, Scope.SEND)
        sent = sessions.message(name, message_id)
        if sent is None:
            raise Problem("no-such-message", {"session": redact(name)})
        return render.answer(request, token, language, news(token, language, name, sent, left))

    def news(
        token: Token, language: Language, name: str, sent: Message, left: int, warnings: tuple[str, ...] = ()
    ) -> Markup:
        over = sent.stage in (Stage.READ, Stage.FAILED) or not sent.id
        return render.piece(
            "sent", token, language, name=name, message=sent, stage=STAGES[language][sent.stage],
            warnings=warnings, left=0 if over else max(0, left - 1),
        )  # fmt: skip

    @router.post("/sessions/{name}/reconnect")
    async def reconnect(request: Request, name: Name) -> Response:
        token, language = reader(request, Scope.ADMIN)
        await sessions.reconnect(name)
        done = Markup("<span class=right>{}</span>").format(WORDS[language]["reconnect_done"])
        return render.answer(request, token, language, done)

    @router.post("/sessions/{name}/log-out")
    async def log_out(request: Request, name: Name) -> Response:
        token, language = reader(request, Scope.ADMIN)
        await sessions.log_out(name)
        return render.answer(request, token, language, Markup("<p role=status>{}</p>").format(WORDS[language]["gone"]))

    whole = APIRouter(include_in_schema=False)

    @whole.get("/")
    async def everything(request: Request) -> Response:
        try:
            token, language = reader(request)
        except _SignedOut:
            return render.page("sign_in.html", None, context.language(request), wrong=False)
        names = source.names()
        looked = await asyncio.gather(*(look(name, language) for name in names), return_exceptions=True)
        cards = [each for each in looked if isinstance(each, Card)]
        for each in looked:
            if isinstance(each, BaseException) and not isinstance(each, GatewayProblem):
                raise each
        why = source.ready() or next((str(each) for each in looked if isinstance(each, GatewayProblem)), "")
        trouble = WORDS[language]["unavailable"].format(why=redact(why)) if why else ""
        return render.page("sessions.html", token, language, cards=cards, trouble=trouble)

    whole.include_router(router)
    whole.mount(f"{PREFIX}/static", StaticFiles(directory=FilePath(__file__).with_name("static")))
    return whole
