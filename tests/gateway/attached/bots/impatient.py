"""A bot whose health does not wait long for a login. ARGUMENT: STORE."""

import sys

from neonize.client import NewClient

from diagnostics.gateway import attach
from diagnostics.gateway.attached import attached_bot

attached_bot.LOGIN = 0.3
client = NewClient(sys.argv[1])
print("health at", attach(client, session="testing", port=0), flush=True)
client.connect()
