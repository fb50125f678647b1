"""What `wadiag serve` shall do, from the file, the environment and the command line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from diagnostics.config import load
from diagnostics.errors import UsageProblem
from diagnostics.gateway.access_tokens import Scope
from diagnostics.gateway.gateway_settings import resolve
from diagnostics.model import Language

SECRET = "kR7-q2_x.9~Zb+/w"
FULL = """
[gateway]
host = "0.0.0.0"
port = 8080
state = "state"
dsn_env = "GATEWAY_DSN"
proxy = "http://127.0.0.1:3128"
country = "ID"
language = "id"
body_limit = 1_000_000

[gateway.tokens.shop]
env = "SHOP_TOKEN"
scopes = ["send"]

[gateway.tokens.ops]
env = "OPS_TOKEN"
scopes = ["read", "admin"]
"""
ENVIRON = {"GATEWAY_DSN": "postgresql://me:pw@db/x", "SHOP_TOKEN": SECRET, "OPS_TOKEN": f"other-{SECRET}"}


def resolved(directory: Path, toml: str = "", environ: Mapping[str, str] | None = None, **typed: Any) -> Any:
    (directory / "diagnostics.toml").write_text(toml, encoding="utf-8")
    settings = load(None, directory)
    return resolve(settings, {"WADIAG_TOKEN": SECRET} if environ is None else environ, cwd=directory, **typed)


def test_without_a_file_it_listens_on_loopback_with_one_token_for_everything(tmp_path):
    settings = resolved(tmp_path)
    assert (settings.host, settings.port, settings.is_local) == ("127.0.0.1", 3000, True)
    assert settings.state == tmp_path / "gateway"
    (token,) = settings.tokens.known
    assert (token.name, token.scope, token.variable) == ("default", Scope.ADMIN, "WADIAG_TOKEN")


def test_a_file_says_all_of_it_and_secrets_come_from_the_variables_that_it_names(tmp_path):
    settings = resolved(tmp_path, FULL, ENVIRON)
    assert (settings.host, settings.port, settings.is_local) == ("0.0.0.0", 8080, False)  # noqa: S104
    assert (settings.state, settings.dsn) == (tmp_path / "state", ENVIRON["GATEWAY_DSN"])
    assert (settings.proxy, settings.country) == ("http://127.0.0.1:3128", "ID")
    assert (settings.language, settings.body_limit) == (Language.INDONESIAN, 1_000_000)
    assert {each.name: each.scope for each in settings.tokens.known} == {"shop": Scope.SEND, "ops": Scope.ADMIN}
    assert "pw" not in repr(settings)


def test_the_command_line_goes_before_the_file(tmp_path):
    settings = resolved(tmp_path, FULL, ENVIRON, host="::1", port=0, state="elsewhere")
    assert (settings.host, settings.port, settings.state) == ("::1", 0, tmp_path / "elsewhere")
    assert settings.is_local


@pytest.mark.parametrize(
    ("toml", "environ", "sentence"),
    [
        ("", {}, "the gateway needs a token and has none: make one with python3 -c"),
        ("", {"WADIAG_TOKEN": "tiny"}, "the token in WADIAG_TOKEN is shorter than 16 characters"),
        ("", {"WADIAG_TOKEN": "a token with spaces in it"}, "has characters that a bearer token cannot have"),
        ("gateway = 3", None, "diagnostics.toml: gateway is 3; valid: a table [gateway]."),
        ("[gateway]\nprot = 1", None, 'diagnostics.toml: unknown key "gateway.prot". Did you mean "port"?'),
        ("[gateway]\nport = 70000", None, "gateway.port is 70000; valid: a port from 0 (a free one) to 65535."),
        ('[gateway]\nhost = "a b"', None, 'gateway.host is "a b"; valid: an address to listen on'),
        ('[gateway]\ncountry = "Indonesia"', None, 'gateway.country is "Indonesia"; valid: two capital letters'),
        ('[gateway]\nlanguage = "de"', None, 'gateway.language is "de"; valid: en or id.'),
        ("[gateway]\nbody_limit = 1", None, "gateway.body_limit is 1; valid: a number of bytes from 1024"),
        ('[gateway]\nproxy = "nonsense"', None, "gateway.proxy is not a URL such as"),
        ('[gateway]\nproxy = "http://me:pw@p:1"', None, "gateway.proxy holds a user name or password"),
        ('[gateway]\ndsn_env = "GATEWAY_DSN"', None, "names the variable GATEWAY_DSN, which is not set"),
        ("[gateway]\ntokens = 1", None, "gateway.tokens is 1; valid: a table such as [gateway.tokens.NAME]."),
        ('[gateway.tokens.a]\nscopes = ["read"]', None, "gateway.tokens.a.env is missing"),
        ('[gateway.tokens.a]\nenv = "A"', None, "gateway.tokens.a.scopes is missing; valid: a list of read"),
        ('[gateway.tokens.a]\nenv = "A"\nscopes = []', None, "gateway.tokens.a.scopes is a list; valid: a list"),
        ('[gateway.tokens.a]\nenv = "A"\nscopes = ["all"]', None, "gateway.tokens.a.scopes is a list; valid: a list"),
        ('[gateway.tokens.a]\nenv = "A"\nscopes = ["read"]', None, "names the variable A, which is not set or empty"),
        (FULL, {**ENVIRON, "OPS_TOKEN": SECRET}, "OPS_TOKEN holds the same token as that of shop"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_one_sentence_without_a_secret(tmp_path, toml, environ, sentence):
    with pytest.raises(UsageProblem) as refused:
        resolved(tmp_path, toml, environ)
    assert sentence in str(refused.value)
    for secret in (SECRET, "pw@"):
        assert secret not in str(refused.value)
