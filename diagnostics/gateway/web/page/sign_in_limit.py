"""How often a token may be guessed at the sign-in form: a few times from each address, then one every six seconds.

Behind a reverse proxy everybody comes from its address, so all share one limit there. Requests with a token in a header
are not affected.
"""

from __future__ import annotations

import ipaddress
import logging
import math
import time
from collections import OrderedDict
from collections.abc import Callable

from starlette.requests import Request

from diagnostics.gateway.log_limits import CAUSED_BY_ANYONE
from diagnostics.gateway.rate_limit import RateLimit

BURST = 10  # wrong tokens at once
A_SECOND = 1 / 6
ADDRESSES = 1_000  # that are remembered; the one that failed longest ago goes first

_log = logging.getLogger("wadiag.gateway")


class SignInLimit:
    """Counts the failed sign-ins of each address."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """
        Args:
            clock: seconds; must not jump.
        """
        self._clock = clock
        self._failed: OrderedDict[str, RateLimit] = OrderedDict()

    def wait(self, request: Request) -> int:
        """Seconds until the request's address may try another token; 0 if it may now."""
        limit = self._failed.get(_origin(request))
        return 0 if limit is None else math.ceil(limit.wait(self._clock()))

    def failed(self, request: Request) -> None:
        """Count a sign-in that failed, and log it."""
        origin = _origin(request)
        self._failed.setdefault(origin, RateLimit(BURST, A_SECOND)).take(self._clock())
        self._failed.move_to_end(origin)
        while len(self._failed) > ADDRESSES:
            self._failed.popitem(last=False)
        _log.warning("sign-in refused: no valid token, from %s", origin, extra=CAUSED_BY_ANYONE)


def _origin(request: Request) -> str:
    """The caller's address; of IPv6 the network, since one caller has all the addresses in it."""
    host = request.client.host if request.client is not None else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "an unknown address"
    return str(ipaddress.ip_network((int(address), 64), strict=False)) if address.version == 6 else str(address)
