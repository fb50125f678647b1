"""What a kind of problem is: a stable code, an HTTP status, and words in English and Indonesian. Pure data.

The kinds themselves are in `request_problems` (what callers do wrong) and `session_problems` (what sessions, WhatsApp
and the gateway cannot do); `problem_table` puts both together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from diagnostics.model import Language


@dataclass(frozen=True, slots=True)
class ProblemWords:
    """What is wrong in a few words, in a sentence, and the steps that help."""

    title: str
    detail: str
    remedy: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """A kind of problem.

    Attributes:
        code: part of the public interface, as in `urn:wadiag:problem:CODE`.
        status: of the HTTP answer.
        words: by language; `{names}` in them are filled by whoever raises a `problem_responses.Problem`.
        retry_after: seconds until it makes sense to ask again; None where waiting does not help.
    """

    code: str
    status: int
    words: Mapping[Language, ProblemWords]
    retry_after: int | None = None

    @property
    def type(self) -> str:
        return f"urn:wadiag:problem:{self.code}"


def problem_kind(
    code: str, status: int, english: ProblemWords, indonesian: ProblemWords, retry_after: int | None = None
) -> ProblemKind:
    return ProblemKind(code, status, {Language.ENGLISH: english, Language.INDONESIAN: indonesian}, retry_after)
