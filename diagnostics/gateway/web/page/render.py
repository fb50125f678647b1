"""Templates filled, and answered as a piece of the page or as a page around it."""

from __future__ import annotations

from typing import Any

import jinja2
from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from diagnostics.gateway.web.page.words import WORDS
from diagnostics.gateway.web.tokens import Scope, Token
from diagnostics.model import Language

LANGUAGES = ((Language.ENGLISH, "English"), (Language.INDONESIAN, "Indonesia"))
# Nothing is loaded from elsewhere, nothing inline runs, and nobody frames the page to lend its buttons.
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
}
_templates = jinja2.Environment(
    loader=jinja2.PackageLoader("diagnostics.gateway.web.page"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(template: str, token: Token | None, language: Language, **values: Any) -> Response:
    """A whole page."""
    text = _templates.get_template(template).render(_common(token, language), **values)
    return HTMLResponse(text, headers=_HEADERS)


def piece(name: str, token: Token, language: Language, **values: Any) -> Markup:
    """The macro `name` of parts.html, with its arguments by name."""
    parts = _templates.get_template("parts.html").make_module(_common(token, language))
    return Markup(getattr(parts, name)(**values))  # noqa: S704 - autoescaped by the template


def answer(request: Request, token: Token, language: Language, fragment: Markup, **headers: str) -> Response:
    """What a form gets: the piece where htmx asked, else a page around it. Headers in snake_case are htmx's."""
    if request.headers.get("hx-request") == "true":
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return HTMLResponse(fragment, headers={**_HEADERS, **more})
    return page("alone.html", token, language, fragment=fragment)


def _common(token: Token | None, language: Language) -> dict[str, Any]:
    return {
        "language": language,
        "languages": LANGUAGES,
        "words": WORDS[language],
        "signed_in": token is not None,
        "scopes": {scope.name.lower() for scope in Scope if token is not None and scope <= token.scope},
    }
