"""A question of a logged-in client (`<iq>`), as the handlers in the modules `iq_*` get it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from diagnostics.simulator.core.group_changes import GroupChanges
from diagnostics.simulator.core.picture_changes import PictureChanges
from diagnostics.simulator.core.server_context import ServerContext
from diagnostics.simulator.core.settings_sync import SettingsSync
from diagnostics.simulator.protocol.stanza import Node
from diagnostics.simulator.world.account import Account
from diagnostics.simulator.world.account_devices import Companion
from diagnostics.simulator.world.profile_pictures import ProfilePictures


class QuestionContext(ServerContext, Protocol):
    """What answering questions needs of the server."""

    groups: GroupChanges
    pictures: ProfilePictures
    picture_changes: PictureChanges
    shared_settings: SettingsSync


@dataclass(frozen=True, slots=True)
class Question:
    """One `<iq>`, and who asks.

    Attributes:
        node: the stanza.
        account, companion: the device that asks.
        context: the server.
        now: unix seconds.
    """

    node: Node
    account: Account
    companion: Companion
    context: QuestionContext
    now: float
