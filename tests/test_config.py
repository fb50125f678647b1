"""What a run shall do, from three sources, and one clear sentence for everything that cannot be used."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagnostics.config import CommandLine, Plan, load, plan, session_names
from diagnostics.errors import UsageProblem
from diagnostics.model import Language, Mode
from tests.configured import configured

OPTIONS = {"scenario", "store", "connect", "proxy", "url", "token_env"}  # of kinds of targets
BOTS = """
mode = "strict"
deadline = 20
reports = "out"
target = "bots"

[targets.bots]
kind = "neonize"
store = "bots.db"
connect = true
proxy = "http://127.0.0.1:3128"

[sessions.shop]
jid = "628123456789@s.whatsapp.net"
send_to = "+62 812-3456-789"
mode = "permissive"

[sessions.rehearsal]
target = "simulator"
scenario = "closed"
"""


def planned(directory: Path, toml: str | bytes = b"", environ: Mapping[str, str] | None = None, **options: Any) -> Plan:
    """The plan made in `directory`, with a file when there is something to write into it."""
    if toml:
        content = toml if isinstance(toml, bytes) else toml.encode()
        (directory / "diagnostics.toml").write_bytes(content)
    own = {name: options.pop(name) for name in OPTIONS & options.keys()}
    options = {"sessions": ("testing",), **options}
    return plan(CommandLine(**options, options=own), environ or {}, cwd=directory)


def test_without_anything_said_a_session_is_looked_at_in_the_simulator(tmp_path: Path) -> None:
    made = planned(tmp_path)
    assert (made.mode, made.deadline, made.reports) == (Mode.PERMISSIVE, 30.0, tmp_path / "reports")
    (session,) = made.sessions
    assert (session.name, session.target, session.target.name) == ("testing", configured("simulator"), "simulator")
    assert (session.value, session.send_to, session.mode) == ("", None, Mode.PERMISSIVE)


def test_a_file_says_where_and_how_each_session_is_looked_at(tmp_path: Path) -> None:
    made = planned(tmp_path, BOTS, sessions=("shop", "other", "rehearsal"))
    shop, other, rehearsal = made.sessions
    assert (made.mode, made.deadline, made.reports) == (Mode.STRICT, 20.0, tmp_path / "out")
    assert shop.target == configured(
        "neonize", store=str(tmp_path / "bots.db"), connect=True, proxy="http://127.0.0.1:3128"
    )
    assert (shop.own.jid, shop.send_to, shop.mode) == ("628123456789@s.whatsapp.net", "628123456789", Mode.PERMISSIVE)
    assert (other.target, other.own.jid, other.send_to, other.mode) == (shop.target, None, None, Mode.STRICT)
    assert (rehearsal.target, rehearsal.value) == (configured("simulator"), "closed")


@pytest.mark.parametrize(
    ("key", "typed", "exported", "in_file", "expected"),
    [
        ("mode", "permissive", "strict", 'mode = "strict"', Mode.PERMISSIVE),
        ("mode", None, "permissive", 'mode = "strict"', Mode.PERMISSIVE),
        ("mode", None, "", 'mode = "strict"', Mode.STRICT),
        ("lang", "id", "en", 'lang = "en"', Language.INDONESIAN),
        ("lang", None, None, 'lang = "id"', Language.INDONESIAN),
        ("lang", None, None, "", Language.ENGLISH),
        ("deadline", "6.5", "7", "deadline = 8", 6.5),
        ("deadline", None, "7", "deadline = 8", 7.0),
        ("deadline", None, None, "deadline = 8", 8.0),
        ("reports", "/a", "/b", 'reports = "/c"', Path("/a")),
        ("reports", None, "/b", 'reports = "/c"', Path("/b")),
        ("reports", None, None, 'reports = "/c"', Path("/c")),
    ],
)
def test_the_command_line_wins_over_the_environment_and_that_over_the_file(
    tmp_path: Path, key: str, typed: str | None, exported: str | None, in_file: str, expected: object
) -> None:
    environ = {} if exported is None else {f"WADIAG_{key.upper()}": exported}
    assert getattr(planned(tmp_path, in_file, environ, **{key: typed}), key) == expected


@pytest.mark.parametrize(
    ("options", "environ", "expected"),
    [
        ({"scenario": "closed"}, {"WADIAG_SCENARIO": "healthy"}, "closed"),
        ({}, {"WADIAG_SCENARIO": "healthy"}, "healthy"),
        ({"sessions": ("testing=closed",), "scenario": "healthy"}, {}, "closed"),
        ({}, {}, None),
    ],
)
def test_the_scenario_named_closest_to_the_session_wins(
    tmp_path: Path, options: dict[str, Any], environ: dict[str, str], expected: str | None
) -> None:
    assert planned(tmp_path, environ=environ, **options).sessions[0].own.scenario == expected


def test_options_and_variables_are_put_over_the_targets_own_settings(tmp_path: Path) -> None:
    environ = {"WADIAG_TARGET": "bots", "WADIAG_PROXY": "http://me:pw@127.0.0.1:9", "WADIAG_SEND_TO": "628999999999"}
    (session,) = planned(tmp_path, BOTS, environ, store="other.db").sessions
    assert session.target == configured(
        "neonize", store=str(tmp_path / "other.db"), connect=True, proxy="http://me:pw@127.0.0.1:9"
    )
    assert session.send_to == "628999999999"
    assert "pw" not in repr(session)


def test_a_store_may_be_a_database_url(tmp_path: Path) -> None:
    (session,) = planned(tmp_path, target="neonize", store="postgres://db/bots").sessions
    assert session.target == configured("neonize", store="postgres://db/bots")


def test_a_gateway_is_asked_on_this_machine_unless_somebody_says_where(tmp_path: Path) -> None:
    shops = "[targets.shops]\nkind = 'gateway'\nurl = 'https://gw.example/api/'\ntoken_env = 'SHOP_TOKEN'"
    (default,) = planned(tmp_path, target="gateway").sessions
    (named,) = planned(tmp_path, shops, target="shops").sessions
    (typed,) = planned(tmp_path, shops, {"WADIAG_URL": "http://[::1]:80"}, target="shops", token_env="T").sessions
    assert default.target == configured("gateway", url="http://127.0.0.1:3000", token_env="WADIAG_TOKEN")
    assert named.target == configured("gateway", url="https://gw.example/api", token_env="SHOP_TOKEN")
    assert typed.target == configured("gateway", url="http://[::1]:80", token_env="T")


def test_paths_in_a_file_are_relative_to_it_and_typed_ones_to_where_they_were_typed(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "bots.toml").write_text(BOTS)
    made = planned(tmp_path, config="etc/bots.toml", reports="here")
    assert made.sessions[0].target == configured(
        "neonize", store=str(tmp_path / "etc" / "bots.db"), connect=True, proxy="http://127.0.0.1:3128"
    )
    assert made.reports == tmp_path / "here"


def test_the_file_is_looked_for_where_pytest_started_and_then_in_its_root(tmp_path: Path) -> None:
    started = tmp_path / "started"
    started.mkdir()
    assert load(None, started, tmp_path).mode is None
    (tmp_path / "diagnostics.toml").write_text('mode = "strict"')
    assert load(None, started, tmp_path).mode is Mode.STRICT
    (started / "diagnostics.toml").write_text('mode = "permissive"')
    assert load(None, started, tmp_path).mode is Mode.PERMISSIVE
    (tmp_path / "named.toml").write_text('mode = "strict"')
    made = plan(
        CommandLine(sessions=("testing",)),
        {"WADIAG_CONFIG": str(tmp_path / "named.toml")},
        cwd=started,
    )
    assert made.mode is Mode.STRICT


@pytest.mark.parametrize("number", ["628123456789", "+62 812-3456-789", "(62) 812.3456.789"])
def test_a_recipient_may_be_written_as_people_write_it(tmp_path: Path, number: str) -> None:
    assert planned(tmp_path, send_to=number).sessions[0].send_to == "628123456789"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"sessions": ()}, "no --session given: nothing would be checked; e.g. pytest checks --session testing"),
        ({"sessions": ("a", "b", "a=closed")}, "--session a is given twice; a session is looked at once"),
        ({"sessions": ("a=",)}, '--session "a=" names no scenario after the ='),
        ({"sessions": ("a b",)}, '--session "a b" has no usable name; valid: a letter or digit'),
        ({"sessions": ("",)}, '--session "" has no usable name'),
        ({"sessions": ("a=closd",)}, '--session a: there is no scenario "closd". Did you mean "closed"?'),
        ({"scenario": "x"}, '--scenario: there is no scenario "x". Valid: ack-lost, '),
        ({"mode": "strickt"}, '--mode is "strickt". Did you mean "strict"? Valid: permissive, strict.'),
        *(
            ({"deadline": text}, f'--deadline is "{text}"; valid: a number of seconds from 5 to 600.')
            for text in ("0", "-1", "nan", "inf", "601", "1e400", "soon")
        ),
        ({"deadline": ""}, "--deadline is empty; valid: a number of seconds"),
        ({"target": "simulater"}, '--target: there is no target "simulater". Did you mean "simulator"?'),
        ({"target": "neonize"}, "session testing is looked at through target neonize, which needs a store"),
        ({"store": "x.db"}, "--store is for sessions of neonize, but session testing is looked at through target sim"),
        ({"connect": True}, "--connect is for sessions of neonize"),
        ({"target": "neonize", "store": "x", "scenario": "closed"}, "--scenario: only the simulator plays scenarios"),
        ({"target": "neonize", "store": "x", "proxy": "pw@h"}, "--proxy is not a URL such as http://127.0.0.1:3128."),
        (
            {"url": "http://h"},
            "--url is for sessions of a gateway",
        ),
        ({"target": "gateway", "store": "x"}, "--store is for sessions of neonize, but session testing is looked"),
        *(
            ({"target": "gateway", "url": url}, "--url is not the address of a gateway such as http://127.0.0.1:3000")
            for url in (
                "127.0.0.1:3000",
                "ftp://h",
                "http://me:hunter2@h",
                "http://h/?token=hunter2",
                "http://h:65536",
                "http://h/\n",
            )
        ),
        ({"target": "gateway", "token_env": "hunter2 !"}, "--token-env is not the name of an environment variable;"),
        ({"send_to": "0812"}, '--send-to is "0812"; valid: a phone number of 8 to 15 digits with its country code.'),
        ({"send_to": "+62812345678x"}, '--send-to is "+62…8x"; valid'),
        ({"send_to": "6281234567890123"}, '--send-to is "628…23"; valid'),
        ({"config": "nope.toml"}, "The configuration file nope.toml does not exist"),
        ({"config": "."}, "The configuration file . does not exist or is not a file"),
    ],
)
def test_what_cannot_be_used_on_the_command_line_is_one_sentence(
    tmp_path: Path, options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(UsageProblem) as problem:
        planned(tmp_path, **options)
    assert str(problem.value).startswith(sentence)
    assert "\n" not in str(problem.value)


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("WADIAG_MODE", "x", 'WADIAG_MODE is "x". Valid: permissive, strict.'),
        ("WADIAG_LANG", "fr", 'WADIAG_LANG is "fr". Valid: en, id.'),
        ("WADIAG_DEADLINE", "0", 'WADIAG_DEADLINE is "0"; valid: a number of seconds'),
        ("WADIAG_TARGET", "x", 'WADIAG_TARGET: there is no target "x".'),
        ("WADIAG_SCENARIO", "x", 'WADIAG_SCENARIO: there is no scenario "x".'),
        ("WADIAG_SEND_TO", "x", 'WADIAG_SEND_TO is "x"; valid: a phone number'),
        ("WADIAG_STORE", "x.db", "WADIAG_STORE is for sessions of neonize"),
        ("WADIAG_PROXY", "http://h:1", "WADIAG_PROXY is for sessions of neonize"),
        ("WADIAG_CONFIG", "x.toml", "The configuration file x.toml does not exist"),
    ],
)
def test_what_cannot_be_used_in_the_environment_is_named_by_its_variable(
    tmp_path: Path, variable: str, value: str, sentence: str
) -> None:
    with pytest.raises(UsageProblem) as problem:
        planned(tmp_path, environ={variable: value})
    assert str(problem.value).startswith(sentence)


@pytest.mark.parametrize(
    ("toml", "sentence"),
    [
        ("mode = ", " is not valid TOML: Invalid value (at line 1, column 8, the end)."),
        ("a = 1\n\nb", " is not valid TOML: Expected '=' after a key in a key/value pair (at line 3, column 2, the"),
        ("a = 1\na = 2\n", " is not valid TOML: "),
        ("a = " + "[" * 9999, " is not valid TOML: "),
        ("a = " + "1" * 9999, " is not valid TOML: "),
        (b"\xff", " is not UTF-8 text (byte 0)."),
        ("mod = 1", ': unknown key "mod". Did you mean "mode"? Valid: deadline, gateway, lang, mode, reports, sessio'),
        ("file = 'x'", ': unknown key "file".'),
        (
            "[sessions.shop]\nscenaro = 1",
            ': unknown key "sessions.shop.scenaro". Did you mean "scenario"? Valid: jid, ',
        ),
        (
            "[targets.x]\nkind='neonize'\nstor='a'",
            ': unknown key "targets.x.stor". Did you mean "store"? Valid: connect',
        ),
        ("[targets.x]\nkind='simulator'\nstore='a'", ': unknown key "targets.x.store". Valid: kind.'),
        ("'a b' = 1", ': unknown key ""a b"".'),
        ("lang = 'fr'", ': lang is "fr"; valid: en or id.'),
        ("mode = 'strickt'", ': mode is "strickt". Did you mean "strict"? Valid: permissive, strict.'),
        (
            "[sessions.other]\nscenario = 'helthy'",
            ': sessions.other.scenario: there is no scenario "helthy". Did you mean "healthy"?',
        ),
        ("mode = 1", ": mode is 1; valid: permissive or strict."),
        ("mode = []", ": mode is a list; valid: permissive or strict."),
        ("deadline = nan", ": deadline is nan; valid: a number of seconds from 5 to 600."),
        ("deadline = true", ": deadline is true; valid: a number of seconds from 5 to 600."),
        ("deadline = 601", ": deadline is 601; valid: a number of seconds from 5 to 600."),
        ("reports = ''", ': reports is ""; valid: a directory.'),
        ("target = 'x'", ': target: there is no target "x". Valid: gateway, '),
        ("targets = 1", ": targets is 1; valid: a table such as [targets.NAME]."),
        ("[targets]\nx = 1", ": targets.x is 1; valid: a table such as [targets.NAME]."),
        ("[targets.'a b']", ': targets."a b" is not a usable name; valid: a letter or digit'),
        ("[targets.x]", ": targets.x.kind is missing; valid: gateway, "),
        ("[targets.x]\nkind='neonise'", ': targets.x.kind is "neonise". Did you mean "neonize"?'),
        ("[targets.x]\nkind=3", ": targets.x.kind is 3. Valid: gateway, "),
        ("[targets.simulator]\nkind='neonize'", ': targets.simulator.kind is "neonize", but a target named simulator'),
        ("[targets.x]\nkind='neonize'\nconnect='yes'", ': targets.x.connect is "yes"; valid: true or false.'),
        ("[targets.x]\nkind='neonize'\nproxy='hunter2@h'", ": targets.x.proxy is not a URL such as"),
        ("[targets.x]\nkind='neonize'\nproxy='http://u:hunter2@h'", ": targets.x.proxy holds a user name or password"),
        ("[targets.x]\nkind='gateway'\nurl='http://u:hunter2@h'", ": targets.x.url is not the address of a gateway"),
        (
            "[targets.x]\nkind='gateway'\ntoken_env='hunter-2'",
            ": targets.x.token_env is not the name of an environment",
        ),
        ("[targets.x]\nkind='neonize'\nstore='pg://u:hunter2@h/x'", ": targets.x.store holds a user name or password"),
        ("[sessions.a]\ntarget='x'", ': sessions.a.target: there is no target "x".'),
        (
            "[sessions.a]\nsend_to=628123456789",
            ": sessions.a.send_to is 628•••••••89; valid: a phone number of 8 to 15",
        ),
        ("[sessions.a]\nsend_to='abc'", ': sessions.a.send_to is "abc"; valid: a phone number of 8 to 15 digits'),
        ("[sessions.a]\njid='628123456789@x'", ': sessions.a.jid is "628•••••••89@x"; valid: an account such as'),
        ("[sessions.testing]\nscenario='x'", ': sessions.testing.scenario: there is no scenario "x".'),
    ],
)
def test_what_cannot_be_used_in_a_file_is_named_by_its_place(tmp_path: Path, toml: str | bytes, sentence: str) -> None:
    with pytest.raises(UsageProblem) as problem:
        planned(tmp_path, toml)
    assert str(problem.value).startswith(f"diagnostics.toml{sentence}")
    assert "\n" not in str(problem.value)
    assert "hunter2" not in str(problem.value)
    assert len(str(problem.value)) < 300


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "diagnostics.toml").touch()
    monkeypatch.setattr(Path, "read_text", refuse)  # root may read everything, so a mode of 000 proves nothing
    with pytest.raises(UsageProblem, match=r"^diagnostics.toml cannot be read: Permission denied\.$"):
        planned(tmp_path)


def test_a_file_saved_by_a_windows_editor_is_read(tmp_path: Path) -> None:
    assert planned(tmp_path, b"\xef\xbb\xbfmode = 'strict'\r\ndeadline = 5\r\n").mode is Mode.STRICT


NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}", fullmatch=True)


@given(st.dictionaries(NAMES, st.none() | st.text(min_size=1, max_size=10), min_size=1, max_size=5))
def test_session_options_are_read_back_as_they_were_written(wanted: dict[str, str | None]) -> None:
    given_options = [name if scenario is None else f"{name}={scenario}" for name, scenario in wanted.items()]
    assert session_names(given_options) == wanted


@given(st.lists(st.text(max_size=20), min_size=1, max_size=4))
def test_any_session_options_are_understood_or_refused_in_one_line(options: list[str]) -> None:
    sentence = ""
    names: dict[str, str | None] = {}
    try:
        names = session_names(options)
    except UsageProblem as problem:
        sentence = str(problem)
    assert sentence.isprintable()
    assert bool(sentence) != (len(names) == len(options))
