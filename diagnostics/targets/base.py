"""What a kind of target is: everything that configuration, a run and `wadiag pair` need to know of one.

Theory of operation. A *kind* (`TargetKind`) is one object that says how sessions are looked at in one way: which
settings it has and how a person may give them, how it is described, whether it sends, how it is asked again, how its
sessions are linked, which sessions it has, and how it is opened. The registry finds kinds through entry points, so a
package of a third party adds one without a change here. A kind with settings is a `ConfiguredTarget`; sessions whose
targets are equal are looked at together, through one `open`. Nothing outside a kind asks which kind it is.

A module that defines a kind is imported at every run of the checks, so whatever is expensive (clients, HTTP, the
simulator) is imported inside `open`, `sessions` and `pair`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from diagnostics.errors import TargetProblem
from diagnostics.evidence.request import Request
from diagnostics.model import Evidence
from diagnostics.targets.values import credentials, has_credentials

DEFAULT_TARGET = "simulator"  # where sessions are looked at unless somebody says otherwise


class Looker(Protocol):
    """A target that is open.

    `look` observes the given sessions, concurrently, and yields each session's evidence as it completes. It never
    raises for a sick session: what could not be observed is an Observation with an absence.
    """

    def look(self, requests: Sequence[Request]) -> AsyncIterator[Evidence]: ...


class Started(Protocol):
    """A target whose slow parts are starting already; to be opened once, or closed.

    `open` is as `TargetKind.open`, with the settings of the start. `close` gives back what was never opened; it may be
    called without an event loop.
    """

    def open(self, sessions: Mapping[str, Any]) -> AbstractAsyncContextManager[Looker]: ...

    def close(self) -> None: ...


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """One setting, as a person may give it: `--token-env`, `WADIAG_TOKEN_ENV`, or the key `token_env` in the file.

    Kinds may share an option; it then is one option of pytest, with the first kind's help.

    Attributes:
        name: of the field in the kind's settings.
        help: for `pytest --help`.
        valid: what is valid, as it stands after "valid: " where a value is refused.
        flag: takes no value on the command line, sets true, and is not read from the environment.
        typed: whether there is such an option and variable at all; otherwise the setting is in the file only.
    """

    name: str
    help: str
    valid: str
    metavar: str | None = None
    flag: bool = False
    typed: bool = True

    @property
    def option(self) -> str:
        return f"--{self.name.replace('_', '-')}"

    @property
    def variable(self) -> str:
        return f"WADIAG_{self.name.upper()}"


class SessionOption(Option, frozen=True, kw_only=True):
    """A setting of single sessions: also a key of `[sessions.NAME]`.

    Attributes:
        only: why it must not be given for a session of another kind ("only the simulator plays scenarios"). Without
            it, the key of another kind is ignored there.
    """

    only: str = ""


class TargetSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings of one kind: its keys of `[targets.NAME]`. Hashable, and every field has a default."""


class SessionSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one kind wants to know of each session: its own keys of `[sessions.NAME]`. Every field has a default."""


class Place(msgspec.Struct, frozen=True):
    """Where a setting was given.

    Attributes:
        name: for sentences: "--store", "WADIAG_STORE", "diagnostics.toml: targets.bots.store".
        directory: what a relative path there is relative to.
        in_file: in a configuration file, which holds no secrets.
    """

    name: str
    directory: Path
    in_file: bool = False


class Pairing(msgspec.Struct, frozen=True):
    """How a session is linked.

    Attributes:
        show: called with each code as it appears. It is a credential: whoever scans it owns the session.
        deadline: seconds for all of it.
        phone: a number in digits; then one code to type on that phone is shown instead of QR codes.
    """

    show: Callable[[str], None]
    deadline: float
    phone: str = ""


S = TypeVar("S", bound=TargetSettings)
P = TypeVar("P", bound=SessionSettings)


class TargetKind(ABC, Generic[S, P]):
    """One way to look at sessions. Third parties subclass it, and name an instance in an entry point.

    Attributes:
        name: as in `--target NAME` and `kind = "NAME"`; lower case, and the name of its entry point.
        summary: a few words for help texts.
        owner: whose sessions these are, after "is for sessions of".
        settings: the struct of its settings; `options` describes each field.
        session: the struct of what it wants to know of each session; `session_options` describes each field.
        session_value: the field of `session` that VALUE of `--session NAME=VALUE` sets; "" if there is none.
        simulated: a verdict is about a simulation, not about anybody's session.
    """

    name: str
    summary: str
    settings: type[S]
    session: type[P]
    owner: str = ""
    options: tuple[Option, ...] = ()
    session_options: tuple[SessionOption, ...] = ()
    session_value: str = ""
    simulated: bool = False

    def check(self, key: str, value: Any, place: Place) -> Any:
        """One setting as it is kept: a path made absolute, an address without the slash at its end.

        Args:
            key: a field of `settings` or `session`; `value` has that field's type.

        Raises:
            UsageProblem: it cannot be used; the sentence starts with `place.name`.
        """
        return value

    def refusal(self, settings: S) -> str:
        """What is missing in the settings as a whole, after "which needs "; "" if nothing is."""
        return ""

    @abstractmethod
    def describe(self, settings: S) -> str:
        """The line in the header of a run. Never with a secret."""

    def notices(self, settings: S) -> list[str]:
        """What a person should know before the look, a line each in a run's header. May read files; never raises."""
        return []

    def sends(self, settings: S) -> bool:
        """Whether a live message may go out where a recipient is named."""
        return False

    def connects(self, settings: S) -> bool:
        """Whether a look opens a connection of its own with a session's credentials."""
        return False

    def variables(self, settings: S) -> Collection[str]:
        """The names of environment variables that the settings name."""
        return ()

    def secrets(self, settings: S, environ: Mapping[str, str]) -> Collection[str]:
        """What must never be in any output: the values of `variables`, and passwords in the settings themselves."""
        texts = [value for name in settings.__struct_fields__ if isinstance(value := getattr(settings, name), str)]
        tokens = [environ.get(name, "") for name in self.variables(settings)]
        return [*filter(None, tokens), *(secret for text in texts for secret in credentials(text))]

    def words(self, settings: S, given: Collection[str]) -> list[str]:
        """The options that ask this target again, beside `--target`. Never with a secret.

        Args:
            given: the settings that nothing else says; those of a target in the file are said by its name.
        """
        words = []
        for option in self.options:
            value = getattr(settings, option.name)
            if option.name not in given or value is None or value is False or not option.typed:
                continue
            if option.flag:
                words.append(option.option)
            elif not has_credentials(str(value)) and value != getattr(type(settings)(), option.name):
                words += [option.option, str(value)]
        return words

    def unpairable(self, settings: S) -> str:
        """Why `wadiag pair` cannot link a session of it, after "which "; "" if it can."""
        return "does not say how its sessions are linked"

    def pair_words(self, settings: S, given: Collection[str]) -> list[str]:
        """The options of `wadiag pair SESSION` beside `--target`, as in `words`."""
        return self.words(settings, given)

    async def pair(self, settings: S, session: str, own: P, pairing: Pairing) -> str | None:
        """Link a session; the JID that it was linked as ("" where that is not told), None where it was linked before.

        Raises:
            TargetProblem: it could not be linked.
        """
        raise TargetProblem(f"{session} cannot be linked here: the target {self.unpairable(settings)}")

    async def sessions(self, settings: S) -> tuple[str, ...]:
        """The names of all sessions that it has.

        Raises:
            TargetProblem: it cannot say.
        """
        raise TargetProblem(f"a target of kind {self.name} cannot list its sessions: name each with --session NAME")

    def start(self, settings: S) -> Started | None:
        """Start what takes long without waiting for it, before there is an event loop; None if nothing does."""
        return None

    @abstractmethod
    def open(self, settings: S, sessions: Mapping[str, P]) -> AbstractAsyncContextManager[Looker]:
        """Acquire what all sessions share (the simulator, a worker, connections), and give it back at the end.

        Args:
            sessions: the sessions that will be looked at, each with its own settings.

        Raises:
            TargetProblem: nothing can be looked at.
        """


@dataclass(frozen=True, slots=True)
class ConfiguredTarget:
    """A kind with settings. Equal to every other with the same kind and settings, whatever they are called.

    Attributes:
        name: as a person knows it: of `[targets.NAME]`, or of the kind.
        overridden: the settings that an option or a variable gave.
    """

    name: str = field(compare=False)
    kind: TargetKind[Any, Any]
    settings: TargetSettings
    overridden: frozenset[str] = field(default=frozenset(), compare=False)

    @property
    def described(self) -> str:
        """The name, with the kind where they differ."""
        return self.name if self.name == self.kind.name else f"{self.name} ({self.kind.name})"

    @property
    def simulated(self) -> bool:
        return self.kind.simulated

    def describe(self) -> str:
        return self.kind.describe(self.settings)

    def notices(self) -> list[str]:
        return self.kind.notices(self.settings)

    def sends(self) -> bool:
        return self.kind.sends(self.settings)

    def connects(self) -> bool:
        return self.kind.connects(self.settings)

    def variables(self) -> Collection[str]:
        return self.kind.variables(self.settings)

    def secrets(self, environ: Mapping[str, str]) -> Collection[str]:
        return self.kind.secrets(self.settings, environ)

    def words(self) -> list[str]:
        """The options that look through this target again."""
        own = self.kind.words(self.settings, self._given)
        return own if self.name == DEFAULT_TARGET else ["--target", self.name, *own]

    def unpairable(self) -> str:
        return self.kind.unpairable(self.settings)

    def pair_words(self) -> list[str] | None:
        """The options of `wadiag pair SESSION`; None where it cannot link."""
        if self.unpairable():
            return None
        return ["--target", self.name, *self.kind.pair_words(self.settings, self._given)]

    async def pair(self, session: str, own: SessionSettings, pairing: Pairing) -> str | None:
        return await self.kind.pair(self.settings, session, own, pairing)

    async def sessions(self) -> tuple[str, ...]:
        return await self.kind.sessions(self.settings)

    def start(self) -> Started | None:
        return self.kind.start(self.settings)

    def open(self, sessions: Mapping[str, SessionSettings]) -> AbstractAsyncContextManager[Looker]:
        return self.kind.open(self.settings, sessions)

    @property
    def _given(self) -> Collection[str]:
        named_in_file = self.name != self.kind.name
        return self.overridden if named_in_file else [option.name for option in self.kind.options]
