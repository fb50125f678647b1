"""Which devices are told of an account's shared settings (see `protocol.app_state`), and when."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from diagnostics.simulator.core.server_context import Listener, ServerContext
from diagnostics.simulator.protocol.stanza import Node, element
from diagnostics.simulator.world.account import Account
from diagnostics.simulator.world.account_devices import Companion

if TYPE_CHECKING:
    from diagnostics.simulator.protocol.app_state import SharedSettings


class SettingsSync:
    """The shared settings of all accounts. `protocol.app_state` is imported when it is first needed."""

    def __init__(self, context: ServerContext) -> None:
        self._context = context

    def of(self, account: Account, now: float) -> SharedSettings:
        """The shared settings of the account; created when they are first needed."""
        if account.settings is None:
            from diagnostics.simulator.protocol.app_state import SharedSettings  # noqa: PLC0415 - often not needed

            account.settings = SharedSettings.create(account.name, now, self._context.random)
        return account.settings

    def changed(self, account: Account, by: Companion, collection: str, now: float) -> None:
        """A device has changed a collection: tell the account's other devices."""
        for number in account.companions:
            stream = self._context.stream_of(account, number)
            if stream is not None and number != by.id:
                self.tell_changed(stream, account, (collection,), now)

    def tell_changed(self, stream: Listener, account: Account, collections: Iterable[str], now: float) -> None:
        """Tell one device that these collections have changed. It then asks for the new patches."""
        patches = self.of(account, now).patches
        number = self._context.random(6).hex()
        attrs = {"from": account.jid, "type": "server_sync", "id": number, "t": str(int(now))}
        changed = (element("collection", name=name, version=str(len(patches[name]))) for name in collections)
        stream.tell(Node("notification", attrs, tuple(changed)), now)

    @staticmethod
    def missing(companion: Companion) -> tuple[str, ...]:
        """The collections for which the device has not asked yet."""
        from diagnostics.simulator.protocol.app_state import COLLECTIONS  # noqa: PLC0415 - often not needed

        return tuple(name for name in COLLECTIONS if name not in companion.settings_asked)
