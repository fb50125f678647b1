"""The API against its own description: what schemathesis asks of it by its OpenAPI document, of a running gateway."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, settings
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis import config, openapi
from schemathesis.specs.openapi import checks

from diagnostics.gateway.access_tokens import Scope, Token, Tokens
from diagnostics.gateway.contract import SESSION_NAME
from diagnostics.gateway.fleet.fleet import Fleet
from diagnostics.gateway.fleet.records import Records
from diagnostics.gateway.gateway_settings import GatewaySettings
from diagnostics.gateway.web.app import create_app
from diagnostics.gateway.web.problem_table import PROBLEMS
from tests.gateway.fleets import place
from tests.serving import TOKEN, serving

EXAMPLES = 4  # of each operation, besides those that cover its schema
EVENTS, HEALTH = "/whatsapp/events", "/whatsapp/health/{sessionId}"
LINKED, NUMBER = "testing", "6281234567890"  # as the document's examples have them
SPARE = "spare"  # the one session that may be made and deleted
PROBES = {"/livez", "/readyz"}


def described() -> dict[str, Any]:
    """The document of an app that is not run."""
    fleet = Fleet(Path("nowhere"))
    known = GatewaySettings(tokens=Tokens((Token.of("test", TOKEN, Scope.ADMIN),)))
    return create_app(fleet, settings=known, sessions=fleet, answers=Records("sqlite://")).openapi()


def configured() -> config.SchemathesisConfig:
    """The same requests in each run, and nothing kept of them."""
    project = config.ProjectConfig(
        generation=config.GenerationConfig(database="none", deterministic=True),
        phases=config.PhasesConfig(coverage=config.CoveragePhaseConfig(unexpected_methods={"PATCH"})),
    )
    return config.SchemathesisConfig(projects=config.ProjectsConfig(default=project))


DOCUMENT = described()
API = openapi.from_dict(DOCUMENT, config=configured()).exclude(path=EVENTS)  # which do not end


@pytest.fixture(scope="module")
def gateway(whatsapp_server, whatsapp_template, tmp_path_factory) -> Iterator[tuple[str, requests.Session]]:
    """Where `wadiag serve` listens, with one session online and somebody it can write to; and a connection to it."""
    directory = tmp_path_factory.mktemp("schema")
    asyncio.run(place(directory / "gateway", whatsapp_server, whatsapp_template, LINKED))
    whatsapp_server.add_account(NUMBER)
    with serving(whatsapp_server, directory) as url, requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {TOKEN}"
        yield url, session


def no_server_error(_ctx, response, case) -> None:
    """Nothing of 500 and above but a 503 that is an answer.

    There are two: a problem document whose code stands for 503 and which says when to ask again (the worker is being
    replaced, the session is not connected, WhatsApp gave no code), and the health of a session that cannot send.
    """
    if response.status_code != 503:
        assert response.status_code < 500
        return
    answer, form = response.json(), response.headers["content-type"][0]
    if case.operation.path == HEALTH and form != "application/problem+json":
        assert answer.get("verdict") in {"unhealthy", "unknown"} or answer["status"] == "fail"
        return
    assert PROBLEMS[answer["code"]].status == 503
    assert int(response.headers["retry-after"][0]) > 0


def keep_within_bounds(case) -> None:
    """No session is made or deleted but one, and nobody's server is asked for an image."""
    name = (case.path_parameters or {}).get("sessionId")
    makes_or_deletes = case.operation.path.startswith(("/whatsapp/qr-", "/whatsapp/pair-")) or case.method == "DELETE"
    if makes_or_deletes and isinstance(name, str) and re.fullmatch(SESSION_NAME, name):
        case.path_parameters["sessionId"] = SPARE
    if isinstance(case.body, dict) and "://" in str(case.body.get("url")):
        case.body["url"] = "http://127.0.0.1/"


@API.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_is_asked_the_answer_is_one_that_the_document_describes(case, gateway):
    url, session = gateway
    keep_within_bounds(case)
    case.call_and_validate(
        url,
        session,
        checks=[
            no_server_error,
            checks.status_code_conformance,
            checks.content_type_conformance,
            checks.response_headers_conformance,
            checks.response_schema_conformance,
            checks.negative_data_rejection,
            checks.unsupported_method,
            checks.ignored_auth,
        ],
    )


def test_the_events_are_the_stream_that_the_document_describes(gateway):
    url, session = gateway
    (form,) = DOCUMENT["paths"][EVENTS]["get"]["responses"]["200"]["content"]
    with session.get(url + EVENTS, stream=True, timeout=10) as answer:
        assert (answer.status_code, answer.headers["Content-Type"].partition(";")[0]) == (200, form)
        assert (answer.headers["Cache-Control"], answer.headers["X-Accel-Buffering"]) == ("no-store", "no")
        assert next(answer.iter_lines()) == b": changes from now on"
    assert requests.get(url + EVENTS, timeout=10).status_code == 401
    assert session.post(url + EVENTS, timeout=10).headers["Allow"] == "GET"


def test_the_document_is_openapi_3_1_and_the_one_that_is_served(gateway):
    url, session = gateway
    OpenAPIV31SpecValidator(DOCUMENT).validate()
    assert session.get(f"{url}/openapi.json", timeout=10).json() == DOCUMENT


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in DOCUMENT["paths"].items():
        for operation in item.values():
            yield path, operation


def test_every_operation_but_the_probes_wants_a_bearer_token():
    schemes = DOCUMENT["components"]["securitySchemes"]
    for path, operation in operations():
        wanted = [schemes[name]["scheme"] for each in operation["security"] for name in each]
        assert wanted == ([] if path in PROBES else ["bearer"]), path
        assert ("401" in operation["responses"]) is (path not in PROBES)


def test_every_problem_that_is_described_is_one_of_the_table_under_its_status():
    for path, operation in operations():
        for status, response in operation["responses"].items():
            if list(response.get("content", {})) == ["application/problem+json"]:
                codes = response["description"].split(", ")
                assert [str(PROBLEMS[code].status) for code in codes] == [status] * len(codes), path
