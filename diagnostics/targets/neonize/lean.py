"""Import neonize quickly, and never let it download anything. Runs in the worker only.

neonize imports link previews, an HTML parser, two HTTP clients, vCards and terminal QR codes before it can connect:
half of its 0.45 s. The worker uses none of that, so these modules are stood in for while neonize is imported. With
`requests` goes neonize's only way to fetch a library that it does not find.
"""

from __future__ import annotations

import importlib
import platform
import sys
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

_STOOD_IN_FOR = (
    "bs4",
    "concurrent.futures.process",  # sticker packs of the synchronous client
    "httpx",
    "linkpreview",
    "phonenumbers",
    "requests",
    "segno",
    "tqdm",
    "urllib3",
)


class Unavailable(Exception):
    """neonize cannot be loaded here; the message says what to install."""

    kind = "unavailable"  # as in `protocol.Failure`


class _StandIn:
    """Finder and loader of empty modules whose every attribute is an exception class of that name."""

    @staticmethod
    def find_spec(name: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        if any(name == module or name.startswith(f"{module}.") for module in _STOOD_IN_FOR):
            return ModuleSpec(name, _StandIn, is_package=True)  # type: ignore[arg-type]
        return None

    @staticmethod
    def create_module(_spec: ModuleSpec) -> None:
        return None

    @staticmethod
    def exec_module(module: ModuleType) -> None:
        def attribute(name: str) -> type[Exception]:
            if name.startswith("__"):
                raise AttributeError(name)
            return type(name, (Exception,), {})

        module.__getattr__ = attribute  # type: ignore[method-assign]


def library() -> Path:
    """Where neonize's shared library lies.

    Raises:
        Unavailable: neonize or its library is not installed.
    """
    spec = PathFinder.find_spec("neonize")
    if spec is None or spec.origin is None:
        msg = "neonize is not installed here: pip install neonize"
        raise Unavailable(msg)
    machine = platform.machine().lower()
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)
    system = platform.system().lower()
    suffix = {"windows": "dll", "darwin": "dylib"}.get(system, "so")
    path = Path(spec.origin).parent / f"neonize-{system}-{machine}.{suffix}"
    if not path.is_file():
        msg = (
            f"neonize came without its library {path.name} (it is not downloaded behind your back): "
            "pip install --force-reinstall --only-binary neonize neonize"
        )
        raise Unavailable(msg)
    return path


def load() -> ModuleType:
    """The module `neonize.aioze.client`, imported.

    Raises:
        Unavailable: it cannot be.
    """
    library()
    sys.meta_path.insert(0, _StandIn)
    try:
        return importlib.import_module("neonize.aioze.client")
    except Exception as error:
        if "libmagic" in str(error):
            msg = "neonize needs libmagic, which is not installed here. Debian, Ubuntu: apt-get install libmagic1"
            raise Unavailable(msg) from error
        msg = f"neonize could not be loaded ({type(error).__name__}: {error})"
        raise Unavailable(msg) from error
    finally:
        sys.meta_path.remove(_StandIn)
