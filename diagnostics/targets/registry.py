"""Finds the kinds of targets: the entry points of the group `diagnostics.targets`, whichever package they are of.

    [project.entry-points."diagnostics.targets"]
    mykind = "my_package.my_module:KIND"

A kind that cannot be used (its import fails, it is something else, its name or options collide) is a sentence that is
said where somebody asks for it; the other kinds stay usable. Kinds are looked for once a process, when they are needed.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import msgspec

from diagnostics.errors import UsageProblem, did_you_mean
from diagnostics.redact import printable, redact
from diagnostics.targets.base import Option, SessionOption, TargetKind
from diagnostics.targets.values import shown

GROUP = "diagnostics.targets"

# Names that are taken by options and keys that belong to no kind.
_TAKEN = frozenset(
    [
        "session",
        "mode",
        "lang",
        "target",
        "send_to",
        "deadline",
        "reports",
        "config",
        "kind",
        "show_identities",
        "phone",
        "gateway",
    ]
)
_OURS = "diagnostics."
_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
_NOTHING = (
    "no kind of target is installed: this package's entry points are missing; install it (pip install -e . in its "
    "directory, or pip install --force-reinstall whatsapp-diagnostics)."
)

AnyKind = TargetKind[Any, Any]


class Found(msgspec.Struct, frozen=True):
    """What the entry points hold.

    Attributes:
        kinds: those that can be used, by name, in the order of their names.
        problems: why the others cannot be used, by the names of their entry points; one sentence each.
    """

    kinds: Mapping[str, AnyKind]
    problems: Mapping[str, str]


def kinds() -> Mapping[str, AnyKind]:
    """All usable kinds, by name.

    Raises:
        UsageProblem: there is none at all, so the package is not installed.
    """
    found = _found()
    if not found.kinds:
        raise UsageProblem(_NOTHING)
    return found.kinds


def usable() -> tuple[str, ...]:
    """The names of all usable kinds; none where the package is not installed."""
    return tuple(_found().kinds)


def kind(where: str, name: str) -> AnyKind:
    """The kind of this name.

    Args:
        where: the place that names it, for the sentence.

    Raises:
        UsageProblem: there is none, or it cannot be used.
    """
    known = kinds()
    if name in known:
        return known[name]
    refuse_broken(where, name)
    raise UsageProblem(f"{where} is {shown(name)}.{did_you_mean(name, known)}")


def refuse_broken(where: str, name: str) -> None:
    """Say why a kind that is installed cannot be used.

    Raises:
        UsageProblem: there is such a kind.
    """
    problem = _found().problems.get(name)
    if problem is not None:
        raise UsageProblem(f"{where}: {problem}")


@functools.cache
def options() -> tuple[Option, ...]:
    """Every option of every usable kind, once. None where no kind is installed: then `kinds` says so, when asked."""
    return tuple(_options(_found().kinds.values()).values())


def owners(option: str) -> tuple[AnyKind, ...]:
    """The kinds that have this option."""
    return tuple(kind for kind in _found().kinds.values() if option in _options([kind]))


def _options(kinds: Iterable[AnyKind]) -> dict[str, Option]:
    options: dict[str, Option] = {}
    for kind in kinds:
        for option in (*kind.options, *kind.session_options):
            options.setdefault(option.name, option)
    return options


@functools.cache
def _found() -> Found:
    return load(entry_points(group=GROUP))


def load(points: Iterable[EntryPoint]) -> Found:
    """Import what the entry points name. Each may be anything, so whatever goes wrong is a sentence."""
    by_name: dict[str, list[EntryPoint]] = {}
    for point in points:
        by_name.setdefault(point.name, []).append(point)
    kinds: dict[str, AnyKind] = {}
    problems: dict[str, str] = {}
    # Ours come first, so that whose option collides with one of them is not ours.
    for name, same in sorted(by_name.items(), key=lambda each: (not each[1][0].value.startswith(_OURS), each[0])):
        try:
            kind = _loaded(name, same)
            _refuse_collisions(kind, _options(kinds.values()))
        except UsageProblem as problem:
            problems[name] = str(problem)
        except Exception as problem:  # noqa: BLE001 - somebody else's object may lack anything
            why = printable(redact(f"{type(problem).__name__}: {problem}"), 200)
            problems[name] = (
                f"the kind of target {shown(name)} cannot be used ({why}); update or uninstall its package."
            )
        else:
            kinds[name] = kind
    return Found(dict(sorted(kinds.items())), problems)


def _loaded(name: str, points: list[EntryPoint]) -> AnyKind:
    point, *others = points
    said = f"the kind of target {shown(name)}"
    if others:
        raise UsageProblem(f"{said} is in several packages ({_packages(points)}); uninstall all but one.")
    try:
        loaded = point.load()
    except Exception as problem:  # noqa: BLE001 - somebody else's module may do anything when it is imported
        why = printable(redact(f"{type(problem).__name__}: {problem}"), 200)
        raise UsageProblem(
            f"{said} of the package {_packages(points)} cannot be imported ({why}); update or uninstall it."
        ) from None
    if not isinstance(loaded, TargetKind):
        what = printable(f"{point.value} is a {type(loaded).__name__}, not a TargetKind", 200)
        raise UsageProblem(f"{said} of the package {_packages(points)} cannot be used: {what}.")
    if loaded.name != name or not _NAME.fullmatch(name):
        raise UsageProblem(
            f"{said} of the package {_packages(points)} cannot be used: it calls itself {shown(loaded.name)}; both "
            "names must be the same, in lower case letters, digits and _."
        )
    return loaded


def _packages(points: Iterable[EntryPoint]) -> str:
    """Whose they are. Asked only for a sentence: reading a package's metadata takes longer than importing a kind."""
    return ", ".join(sorted({point.dist.name if point.dist is not None else "?" for point in points}))


def _refuse_collisions(kind: AnyKind, known: Mapping[str, Option]) -> None:
    fields = {*kind.settings.__struct_fields__}, {*kind.session.__struct_fields__}
    described = {option.name for option in kind.options}, {option.name for option in kind.session_options}
    if fields != described:
        raise UsageProblem(
            f"the kind of target {shown(kind.name)} cannot be used: its options do not describe each of its settings."
        )
    for option in (*kind.options, *kind.session_options):
        other = known.get(option.name)
        if option.name in _TAKEN or not _NAME.fullmatch(option.name):
            why = "which is taken" if option.name in _TAKEN else "which is not in lower case letters, digits and _"
            raise UsageProblem(
                f"the kind of target {shown(kind.name)} cannot be used: it has an option {shown(option.name)}, {why}."
            )
        if other is not None and _shape(other) != _shape(option):
            raise UsageProblem(
                f"the kind of target {shown(kind.name)} cannot be used: another kind has {other.option} as well, and "
                "in another way."
            )


def _shape(option: Option) -> tuple[bool, bool, bool]:
    return option.flag, option.typed, isinstance(option, SessionOption)
