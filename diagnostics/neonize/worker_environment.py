"""The environment of a worker process: what it needs, and no secret.

Other users of a machine may read the environment of a process with its tools, and it is in core dumps. So a worker gets
what Python, Go and the library read of the environment, and proxies without their passwords.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import diagnostics

# What the worker, Python and Go read of the environment: names, and beginnings of names.
_PASSED_ON = frozenset({
    "PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "TEMP", "TMP", "TZ", "LANG", "LANGUAGE", "VIRTUAL_ENV", "CONDA_PREFIX",
    "LD_LIBRARY_PATH", "LD_PRELOAD", "MAGIC", "ZONEINFO", "GODEBUG", "GOGC", "GOMAXPROCS", "GOMEMLIMIT", "GOTRACEBACK",
    "GORACE", "NO_PROXY", "NODE_EXTRA_CA_CERTS", "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "APPDATA",
    "LOCALAPPDATA", "USERPROFILE", "PROGRAMDATA", "NUMBER_OF_PROCESSORS", "PROCESSOR_ARCHITECTURE",
})  # fmt: skip
_PASSED_ON_BEGINNINGS = ("LC_", "PYTHON", "SSL_CERT_", "XDG_", "DYLD_", "NEONIZE_", "COVERAGE_", "COV_CORE_")
_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")
_NAMED_LIKE_A_SECRET = re.compile(r"TOKEN|SECRET|PASS|PWD|CREDENTIAL|KEY|AUTH", re.IGNORECASE)
_WHATSAPP = "web.whatsapp.com"


def environment(more: Mapping[str, str] | None = None, *, proxy: str | None = None) -> dict[str, str]:
    """The environment for a worker: what it needs of that of this process, with this package on PYTHONPATH.

    There are no tokens in it, and proxies are without their passwords: the client is told those by `protocol.Connect`
    (`proxy_with_password`).

    Args:
        more: variables that override those of this process. Go reads the environment that a process was *started*
            with, so what the library must see (`SSL_CERT_FILE`) belongs here.
        proxy: URL for the proxy variables (`HTTPS_PROXY` and so on). Connections without a proxy of their own use it;
            `NO_PROXY` is removed.

    Returns:
        A new dictionary.
    """
    env = {name: value for name, value in os.environ.items() if _is_passed_on(name)} | dict(more or {})
    package_root = str(Path(diagnostics.__file__).parents[1])
    env["PYTHONPATH"] = os.pathsep.join([package_root, *filter(None, [env.get("PYTHONPATH")])])
    if proxy is not None:
        for name in _PROXIES:
            env[name] = env[name.lower()] = proxy
        for name in ("NO_PROXY", "no_proxy"):
            env.pop(name, None)
    for name in {each for proxy_name in _PROXIES for each in (proxy_name, proxy_name.lower())} & env.keys():
        env[name] = _without_credentials(env[name])
    return env


def proxy_of(environ: Mapping[str, str]) -> str:
    """The proxy that a client takes from this environment for WhatsApp, as Go does; "" for none.

    Go does not read ALL_PROXY.

    >>> proxy_of({"https_proxy": "http://proxy:3128", "NO_PROXY": "localhost"})
    'http://proxy:3128'
    """
    exempt = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
    hosts = [host.strip().lstrip(".") for host in exempt.split(",")]
    if any(host == "*" or (host and f".{_WHATSAPP}".endswith(f".{host}")) for host in hosts):
        return ""
    return environ.get("HTTPS_PROXY") or environ.get("https_proxy") or ""


def proxy_with_password(environ: Mapping[str, str]) -> str | None:
    """The proxy that this environment names for WhatsApp with a password, which a worker's environment does not have.

    The client must be told it. None if there is no such proxy, or the worker's environment says all about it.
    """
    proxy = proxy_of(environ)
    return proxy if _without_credentials(proxy) != proxy else None


def _is_passed_on(name: str) -> bool:
    upper = name.upper()
    if upper in _PASSED_ON or upper in _PROXIES:
        return True
    return upper.startswith(_PASSED_ON_BEGINNINGS) and not _NAMED_LIKE_A_SECRET.search(name)


def _without_credentials(url: str) -> str:
    """
    >>> _without_credentials("http://me:p@ss@proxy:3128")
    'http://proxy:3128'
    """
    scheme, separator, rest = url.rpartition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"
