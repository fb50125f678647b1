"""Kinds of targets are found through entry points; one that cannot be used is a sentence, the others stay usable."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from diagnostics.errors import TargetProblem, UsageProblem
from diagnostics.targets import registry
from diagnostics.targets.base import ConfiguredTarget, Looker, Option, SessionSettings, TargetKind, TargetSettings
from tests.configured import configured

HERE = "tests.targets.test_registry"


class Bare(TargetKind[TargetSettings, SessionSettings]):
    """As little as a kind can be."""

    name = "bare"
    summary = "nothing"
    settings = TargetSettings
    session = SessionSettings

    def describe(self, settings: TargetSettings) -> str:
        return "nothing at all"

    @asynccontextmanager
    async def open(self, settings: TargetSettings, sessions: Any) -> AsyncIterator[Looker]:
        raise AssertionError
        yield


class WithStore(TargetSettings, frozen=True, kw_only=True):
    store: str = ""


class Undescribed(Bare):
    settings = WithStore


class Otherwise(Undescribed):
    """Has the store of another kind as a flag."""

    options = (Option(name="store", help="", valid="", flag=True),)


class Greedy(Undescribed):
    """Wants an option that is the suite's own."""

    class settings(TargetSettings, frozen=True, kw_only=True):  # noqa: N801
        session: str = ""

    options = (Option(name="session", help="", valid=""),)


class Unfinished(TargetKind[TargetSettings, SessionSettings]):
    """Has no settings and no name."""

    def describe(self, settings: TargetSettings) -> str:
        return ""

    def open(self, settings: TargetSettings, sessions: Any) -> Any:
        raise AssertionError


BARE, UNDESCRIBED, OTHERWISE, GREEDY, UNFINISHED = Bare(), Undescribed(), Otherwise(), Greedy(), Unfinished()


def load(**points: str) -> registry.Found:
    """The registry of these entry points beside our own `neonize`."""
    own = {"neonize": "diagnostics.targets.neonize.kind:KIND"}
    return registry.load([EntryPoint(name, value, registry.GROUP) for name, value in {**own, **points}.items()])


def test_the_built_in_kinds_are_found_by_their_names():
    assert {"gateway", "neonize", "simulator"} <= set(registry.usable())
    for name, kind in registry.kinds().items():
        assert kind.name == name


def test_a_kind_of_somebody_else_is_as_good_as_ours():
    assert set(load(bare=f"{HERE}:BARE").kinds) == {"bare", "neonize"}


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("gone", "no.such.module:KIND", "cannot be imported (ModuleNotFoundError: No module named 'no'); update"),
        ("gone", f"{HERE}:NO_SUCH_NAME", "cannot be imported (AttributeError: "),
        ("strange", f"{HERE}:HERE", "tests.targets.test_registry:HERE is a str, not a TargetKind"),
        ("other", f"{HERE}:BARE", 'it calls itself "bare"; both names must be the same'),
        ("bare", f"{HERE}:UNDESCRIBED", "its options do not describe each of its settings"),
        ("bare", f"{HERE}:OTHERWISE", "another kind has --store as well, and in another way"),
        ("bare", f"{HERE}:GREEDY", 'it has an option "session", which is taken'),
        ("bare", f"{HERE}:UNFINISHED", "cannot be used (AttributeError: "),
    ],
)
def test_a_kind_that_cannot_be_used_is_one_sentence_and_the_others_stay_usable(name, value, said):
    found = load(**{name: value})
    assert set(found.kinds) == {"neonize"}
    (problem,) = found.problems.values()
    assert problem.startswith(f'the kind of target "{name}"')
    assert said in problem
    assert "\n" not in problem


def test_a_name_that_two_packages_have_is_neithers():
    points = [EntryPoint("bare", f"{HERE}:{what}", registry.GROUP) for what in ("BARE", "UNDESCRIBED")]
    found = registry.load(points)
    assert found.kinds == {}
    assert found.problems["bare"].endswith("uninstall all but one.")


def test_whoever_asks_for_a_broken_kind_is_told_why(monkeypatch):
    monkeypatch.setattr(registry, "_found", lambda: load(gone="no.such.module:KIND"))
    with pytest.raises(UsageProblem, match=r'^--target: the kind of target "gone" of the package . cannot be imported'):
        registry.refuse_broken("--target", "gone")
    with pytest.raises(UsageProblem, match=r'^--target is "neonise"\. Did you mean "neonize"\?'):
        registry.kind("--target", "neonise")


def test_without_any_kind_it_is_said_that_the_package_is_not_installed(monkeypatch):
    monkeypatch.setattr(registry, "_found", lambda: registry.Found({}, {}))
    with pytest.raises(UsageProblem, match="install it"):
        registry.kinds()


def test_finding_all_kinds_imports_no_client_no_http_and_no_simulator():
    script = (
        "import sys; from diagnostics.targets import registry; registry.options();"
        "print(*[name for name in sys.modules if name.split('.')[0] in ('httpx2', 'asyncio', 'sqlite3', 'ssl')"
        " or name.startswith(('diagnostics.neonize', 'diagnostics.simulator'))])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_what_asks_a_target_again_names_no_secret_and_nothing_that_the_file_says():
    def words(name: str, overridden: frozenset[str] = frozenset(), **settings: Any) -> list[str]:
        kind = registry.kind("", "neonize")
        return ConfiguredTarget(name, kind, kind.settings(**settings), overridden).words()

    store, proxy = "/bots.db", "http://127.0.0.1:3128"
    everything = ["--target", "neonize", "--store", store, "--connect", "--proxy", proxy]
    assert words("neonize", store=store, connect=True, proxy=proxy) == everything
    assert words("neonize", store=store, proxy="http://me:pw@127.0.0.1:3128") == everything[:4]
    assert words("bots", store=store, connect=True, proxy=proxy) == ["--target", "bots"]
    assert words("bots", frozenset({"connect"}), store=store, connect=True) == ["--target", "bots", "--connect"]


def test_targets_with_the_same_settings_are_equal_whatever_they_are_called():
    first, second = configured("neonize", "a", store="/s"), configured("neonize", "b", store="/s")
    assert {first: 1}[second] == 1
    assert first != configured("neonize", "a", store="/t")


def test_a_kind_that_says_nothing_of_linking_and_listing_is_refused_in_a_sentence():
    target = ConfiguredTarget("bare", BARE, TargetSettings())
    assert target.pair_words() is None
    with pytest.raises(TargetProblem, match="name each with --session NAME"):
        asyncio.run(target.sessions())
