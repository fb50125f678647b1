"""A bot whose client tells nobody the state of its socket, as after an upgrade that renamed it. ARGUMENTS: STORE."""

import sys

from neonize.client import NewClient
from neonize.events import ConnectedEv

from diagnostics.gateway import attach


class Client(NewClient):
    @property
    def is_connected(self) -> bool:
        raise AttributeError("'Client' object has no attribute 'readyState'")


client = Client(sys.argv[1])
print("health at", attach(client, session="unknown-state", port=0), flush=True)


@client.event(ConnectedEv)
def connected(_: NewClient, __: ConnectedEv) -> None:
    print("ready", flush=True)


client.connect()
