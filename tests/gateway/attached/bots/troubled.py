"""A bot with a hard life: it cannot connect at first, then can, then what is attached to it breaks.

ARGUMENTS: STORE FIFO.

Every step waits until something is written to the FIFO.
"""

import sys
from pathlib import Path

from neonize._binder import ProxySettings
from neonize.client import NewClient
from neonize.events import ConnectedEv, DisconnectedEv
from neonize.exc import NeonizeError

from diagnostics.errors import UsageProblem
from diagnostics.gateway import attach
from diagnostics.gateway.attached import attached_bot

client = NewClient(sys.argv[1])
told = Path(sys.argv[2])


@client.event(DisconnectedEv)
def disconnected(_: NewClient, __: DisconnectedEv) -> None:
    print("disconnected", flush=True)


address = attach(client, session="testing", port=0)
print("health at", address, flush=True)


def refused(problem: str, **more: object) -> None:
    try:
        attach(client, **{"session": "testing", "port": 0, **more})  # type: ignore[arg-type]
    except UsageProblem as error:
        print(problem, "refused:", error, flush=True)


refused("twice")
refused("port", port=int(address.rpartition(":")[2]))
refused("name", session="über uns")
refused("token", token="short")


@client.event(ConnectedEv)
def connected(_: NewClient, __: ConnectedEv) -> None:
    print("ready", flush=True)
    raise RuntimeError("a handler of the bot's own that fails")


told.read_text()
try:
    client.connect(ProxySettings("http://127.0.0.1:9"))
except NeonizeError:
    print("failed", flush=True)
told.read_text()
client.connect()
print("connect returned", flush=True)


def broken(*_: object) -> None:
    raise RuntimeError("a fault of what is attached")


told.read_text()
attached_bot.apply_event = broken  # type: ignore[assignment]
client.connect()
