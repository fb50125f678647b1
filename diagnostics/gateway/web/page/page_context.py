"""What the page's routes share: who is reading, what a session's card says, and how a refusal is shown.

A request without a valid cookie is led to the sign-in form. A problem becomes a piece of the page with its remedy.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute

from diagnostics.gateway.access_tokens import Scope
from diagnostics.gateway.contract import GatewayProblem
from diagnostics.gateway.web.app_context import GatewayContext
from diagnostics.gateway.web.health_documents import HealthOptions, diagnosed
from diagnostics.gateway.web.page import render
from diagnostics.gateway.web.page.page_words import WORDS
from diagnostics.gateway.web.page.render import Reader
from diagnostics.gateway.web.page.session_cards import Card, session_card
from diagnostics.gateway.web.page.sign_in import SignIns, same_origin
from diagnostics.gateway.web.page.sign_in_limit import SignInLimit
from diagnostics.gateway.web.problem_responses import Problem, problem_document, problem_from
from diagnostics.model import Mode


class NotSignedIn(Exception):
    """The request carries no valid cookie, or comes from somebody else's page."""


@dataclass(frozen=True, slots=True)
class PageContext:
    """One app's page."""

    context: GatewayContext
    sign_ins: SignIns = field(default_factory=SignIns)
    sign_in_limit: SignInLimit = field(default_factory=SignInLimit)

    def reader(self, request: Request, scope: Scope = Scope.READ) -> Reader:
        """Who asks.

        Raises:
            NotSignedIn.
            Problem: the reader's token has not this scope.
        """
        token = self.sign_ins.who(request, self.context.clock())
        if token is None or (request.method == "POST" and not same_origin(request)):
            raise NotSignedIn
        if token.scope < scope:
            raise Problem("forbidden", {"scope": scope.name.lower()})
        request.state.token = token  # for the access log
        return Reader(token, self.context.language(request))

    async def look(self, name: str, reader: Reader) -> Card:
        words = WORDS[reader.language]
        asked = HealthOptions(mode=Mode.PERMISSIVE, language=reader.language, rerun=words["rerun"], pair=words["pair"])
        view = await self.context.source.look(name)
        return session_card(name, *diagnosed(view, asked, self.context.clock()), reader.language)

    def routes(self) -> type[APIRoute]:
        """A class of routes whose refusals are pieces of the page: htmx swaps in nothing but answers of 2xx."""
        page_context = self

        class PageRoute(APIRoute):
            def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
                handle = super().get_route_handler()

                async def handled(request: Request) -> Response:
                    try:
                        return await handle(request)
                    except NotSignedIn:
                        return _to_sign_in(request)
                    except Problem as problem:
                        return page_context.problem_piece(request, problem)
                    except GatewayProblem as problem:
                        return page_context.problem_piece(
                            request, problem_from(problem, request.path_params.get("name", ""))
                        )

                return handled

        return PageRoute

    def problem_piece(self, request: Request, problem: Problem) -> Response:
        try:
            reader = self.reader(request)
        except NotSignedIn:
            return _to_sign_in(request)
        said = problem_document(problem, reader.language)
        piece = render.piece("problem", reader, title=said["title"], detail=said["detail"], remedy=said["remedy"])
        return render.answer(request, reader, piece)


def _to_sign_in(request: Request) -> Response:
    if request.headers.get("hx-request") == "true":
        return Response(status_code=401, headers={"HX-Redirect": "/"})
    return RedirectResponse("/", 303)
