"""Load neonize without letting it download anything. Runs in the worker only.

neonize downloads its Go library when the file is missing or has another version. So both are checked before neonize is
imported, and the error says what to install.
"""

from __future__ import annotations

import ctypes
import importlib
import platform
from importlib.machinery import PathFinder
from importlib.metadata import version
from pathlib import Path


class Unavailable(Exception):
    """neonize cannot be loaded here; the message says what to install."""

    kind = "unavailable"  # as in `protocol.Failure`


def find() -> Path:
    """The path of neonize's shared library.

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
            f"neonize came without its library {path.name} (it is not downloaded without being asked): "
            "pip install --force-reinstall --only-binary neonize neonize"
        )
        raise Unavailable(msg)
    return path


def load() -> Path:
    """Import `neonize.aioze.client`.

    Returns:
        The path of its shared library.

    Raises:
        Unavailable: it cannot be imported.
    """
    path = find()
    try:
        _refuse_other_versions(path)
        _provide_libmagic()
        importlib.import_module("neonize.aioze.client")
    except Unavailable:
        raise
    except Exception as error:
        msg = f"neonize could not be loaded ({type(error).__name__}: {error})"
        raise Unavailable(msg) from error
    return path


def _refuse_other_versions(path: Path) -> None:
    """neonize would download its library again if it found another version; the user decides that."""
    library = ctypes.CDLL(str(path))
    library.GetVersion.restype = ctypes.c_char_p
    found, wanted = library.GetVersion().decode(), version("neonize")
    if found != wanted:
        msg = (
            f"neonize {wanted} found a library of version {found} (no other is downloaded without being asked): "
            "pip install --force-reinstall --only-binary neonize neonize"
        )
        raise Unavailable(msg)


def _provide_libmagic() -> None:
    """neonize needs the system's libmagic; pylibmagic brings one if the system has none."""
    try:
        importlib.import_module("magic")
    except ImportError:
        try:
            importlib.import_module("pylibmagic")
            importlib.import_module("magic")
        except ImportError as error:
            msg = "neonize needs libmagic, which is not installed here. Debian, Ubuntu: apt-get install libmagic1"
            raise Unavailable(msg) from error
