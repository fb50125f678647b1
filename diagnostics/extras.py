"""What only an extra of the package installs, and the sentence for who needs it and has not installed it.

`pip install whatsapp-diagnostics` brings what the checks need. The web framework and the database of the gateway come
with `whatsapp-diagnostics[gateway]`. Code that needs an extra is imported and called inside `explain_missing_extra()`:

    with explain_missing_extra():
        importlib.import_module("diagnostics.commands.serve")
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from diagnostics.errors import UsageProblem

# Top-level modules, by extra.
MODULES = {
    "gateway": frozenset(
        {
            "fastapi",
            "jinja2",
            "markupsafe",
            "phonenumbers",
            "PIL",
            "prometheus_client",
            "pydantic",
            "python_multipart",
            "sqlalchemy",
            "starlette",
            "uvicorn",
        }
    ),
    "postgres": frozenset({"psycopg"}),
}


@contextmanager
def explain_missing_extra() -> Iterator[None]:
    """Turn a failed import of what an extra installs into a sentence; also usable as a decorator.

    Raises:
        UsageProblem: a module of `MODULES` is not installed. Any other failed import is raised as it is.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        extra = next((extra for extra, modules in MODULES.items() if missing in modules), None)
        if extra is None:
            raise
        raise UsageProblem(
            f"{missing} is not installed, and this needs it: pip install 'whatsapp-diagnostics[{extra}]'"
        ) from None
