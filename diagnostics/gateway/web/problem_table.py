"""Every error that the gateway answers, by its code (docs/gateway.md lists them)."""

from __future__ import annotations

from collections.abc import Mapping

from diagnostics.gateway.web.problem_kind import ProblemKind
from diagnostics.gateway.web.request_problems import REQUEST_PROBLEMS
from diagnostics.gateway.web.session_problems import SESSION_PROBLEMS

PROBLEMS: Mapping[str, ProblemKind] = {kind.code: kind for kind in (*REQUEST_PROBLEMS, *SESSION_PROBLEMS)}
