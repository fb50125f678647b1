"""Fills templates: a whole page, or a piece of it where htmx asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jinja2
from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from diagnostics.catalogue import PHRASES
from diagnostics.gateway.access_tokens import Scope, Token
from diagnostics.gateway.web.page.page_words import WORDS
from diagnostics.model import Language

_LANGUAGES = ((Language.ENGLISH, "English"), (Language.INDONESIAN, "Indonesia"))
# Nothing is loaded from elsewhere, nothing inline runs, and nobody frames the page to lend its buttons.
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",  # "no-referrer" would make the Origin of our own forms "null", too
}
_templates = jinja2.Environment(
    loader=jinja2.PackageLoader("diagnostics.gateway.web.page"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads the page, and in which language; the token is None before somebody has signed in."""

    token: Token | None
    language: Language


def page(template: str, reader: Reader, **values: Any) -> Response:
    """A whole page."""
    text = _templates.get_template(template).render(_common(reader), **values)
    return HTMLResponse(text, headers=_HEADERS)


def piece(macro: str, reader: Reader, **values: Any) -> Markup:
    """A macro of parts.html, its arguments by name."""
    parts = _templates.get_template("parts.html").make_module(_common(reader))
    return Markup(getattr(parts, macro)(**values))  # noqa: S704 - the template has escaped it


def words(tag: str, reader: Reader, word: str, kind: str = "") -> Markup:
    """One of the page's own sentences in an element."""
    return Markup('<{0} class="{1}" role="status">{2}</{0}>').format(tag, kind, WORDS[reader.language][word])


def answer(request: Request, reader: Reader, fragment: Markup, **headers: str) -> Response:
    """What a form gets: the piece where htmx asked, else a page around it. Headers in snake case are htmx's."""
    if request.headers.get("hx-request") == "true":
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return HTMLResponse(fragment, headers={**_HEADERS, **more})
    return page("alone.html", reader, fragment=fragment)


def _common(reader: Reader) -> dict[str, Any]:
    return {
        "language": reader.language,
        "languages": _LANGUAGES,
        "words": WORDS[reader.language],
        "say": PHRASES[reader.language],
        "signed_in": reader.token is not None,
        "scopes": {scope.name.lower() for scope in Scope if reader.token is not None and scope <= reader.token.scope},
    }
