"""The connection of a linked device that has logged in: its questions, messages, receipts and presence.

Every handler first asks the account's faults what happens instead of the usual.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from diagnostics.simulator.core import message_acks
from diagnostics.simulator.core.connection import Connection
from diagnostics.simulator.core.device_delivery import DeviceDelivery
from diagnostics.simulator.core.iq_answers import answer, emptied, is_logout, is_ready
from diagnostics.simulator.core.iq_question import Question, QuestionContext
from diagnostics.simulator.core.presence import Presence
from diagnostics.simulator.faults.actions import (
    Drop,
    Duplicate,
    Empty,
    Event,
    HalfOpen,
    Refusal,
    Reorder,
    Silence,
    StreamError,
)
from diagnostics.simulator.protocol.iq_stanzas import error
from diagnostics.simulator.protocol.stanza import Node
from diagnostics.simulator.world.account import Account
from diagnostics.simulator.world.account_devices import Companion

if TYPE_CHECKING:
    from diagnostics.simulator.core.routing import Routing

_HELD_BACK = 1.0  # seconds, the longest time for which an acknowledgement waits for others to be reordered with


class LoggedInContext(QuestionContext, Protocol):
    """What a logged-in device needs of the server."""

    devices: DeviceDelivery
    presence: Presence

    @property
    def routing(self) -> Routing:
        """Delivers messages and receipts."""

    def unlink(self, account: Account, device: int, now: float) -> None:
        """Unlink a device of the account."""

    def ready(self, account: Account, companion: Companion, now: float) -> None:
        """The login of a device is complete."""


class LoggedInDevice:
    """One device, from its login to the end of the connection.

    Attributes:
        account, companion: the device.
        ready: the login is complete.
    """

    def __init__(
        self, connection: Connection, context: LoggedInContext, account: Account, companion: Companion
    ) -> None:
        self.account = account
        self.companion = companion
        self.ready = False
        self._connection = connection
        self._context = context
        self._held_acks: list[Node] = []

    @property
    def jid(self) -> str:
        """The JID of the device."""
        return self.account.device_jid(self.companion.id)

    def on_question(self, node: Node, now: float) -> None:
        """An `<iq>`."""
        connection, account, companion = self._connection, self.account, self.companion
        if node.get("type") in ("result", "error"):
            return
        action = account.plan.meet(Event.QUESTION, now, node.get("xmlns"))
        if isinstance(action, Refusal):
            connection.out.say(error(node, action.error), now)
            return
        if action is not None and not isinstance(action, Empty):
            if not isinstance(action, Silence):
                connection.end(action, now)
            return
        reply = answer(Question(node, account, companion, self._context, now))
        if isinstance(action, Empty):
            reply = emptied(reply)
        connection.out.say(reply, now)
        if reply.get("type") == "error":
            return
        if is_ready(node) and not self.ready:
            self.ready = True
            action = account.plan.meet(Event.READY, now)
            if action is not None:
                connection.end(action, now, after_answer=True)
            else:
                self._context.ready(account, companion, now)
        elif is_logout(node):
            self._context.unlink(account, companion.id, now)

    def on_message(self, node: Node, now: float) -> None:
        """A `<message>` to somebody, or to the own phone."""
        connection, account, companion = self._connection, self.account, self.companion
        out, directory = connection.out, self._context.directory
        if message_acks.is_private(node):
            out.say(message_acks.acknowledge(node, out.clock(now)), now)
            self._context.routing.to_phone(node, account, companion, now)
            return
        action = account.plan.meet(Event.MESSAGE, now) or message_acks.refusal(node, account, directory)
        exists = message_acks.recipient_exists(node, directory)
        acknowledgement = message_acks.record_message(node, account, action, now, out.clock(now), exists=exists)
        if isinstance(action, Drop | HalfOpen | StreamError):
            connection.end(action, now)
            return
        if acknowledgement is None:
            pass
        elif isinstance(action, Reorder):
            self._hold_back(acknowledgement, action.among, now)
        else:
            for _ in range(action.copies if isinstance(action, Duplicate) else 1):
                out.say(acknowledgement, now)
        if not isinstance(action, Refusal):
            self._context.routing.message(node, account, companion, now)
        if acknowledgement is not None and (action := account.plan.meet(Event.ACKED, now)) is not None:
            connection.end(action, now, after_answer=True)

    def on_receipt(self, node: Node, now: float) -> None:
        """A `<receipt>` for a message."""
        names = ("id", "type", "participant")
        attrs = {"class": "receipt", "from": node.get("to"), **{name: node.get(name) for name in names}}
        self._connection.out.say(Node("ack", {name: value for name, value in attrs.items() if value}), now)
        self._context.routing.receipt(node, self.account, self.companion, now)

    def on_ack(self, node: Node, now: float) -> None:
        """An `<ack>` for a stanza that the device was sent."""
        del now
        self._context.devices.acknowledged(self.companion, node.get("class"), node.get("id"), node.get("to"))

    def on_presence(self, node: Node, now: float) -> None:
        """A `<presence>`."""
        self._context.presence.heard(node, self.account, self.jid, now)

    def on_chat_state(self, node: Node, now: float) -> None:
        """A `<chatstate>`."""
        self._context.routing.chat_state(node, self.account, self.companion, now)

    def _hold_back(self, acknowledgement: Node, among: int, now: float) -> None:
        self._held_acks.append(acknowledgement)
        if len(self._held_acks) >= among:
            self._release(now)
        elif len(self._held_acks) == 1:
            self._context.at(now + _HELD_BACK, self._release)

    def _release(self, now: float) -> None:
        """Send the acknowledgements that were held back, the last one first."""
        held, self._held_acks = self._held_acks, []
        if self._connection.open:
            for acknowledgement in reversed(held):
                self._connection.out.say(acknowledgement, now)
