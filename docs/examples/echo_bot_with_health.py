"""The echo bot, and its health over HTTP: two lines more; docs/attach.md says what they bring.

Start it with a token in WADIAG_TOKEN, then: curl -H "Authorization: Bearer $WADIAG_TOKEN" \
http://127.0.0.1:3000/whatsapp/health/testing
"""

import sys

from neonize.client import NewClient
from neonize.events import ConnectedEv, MessageEv

from diagnostics.gateway import attach

client = NewClient(sys.argv[1])
address = attach(client, session="testing", port=int(sys.argv[2]) if len(sys.argv) > 2 else 3000)
print("health at", address, flush=True)


@client.event(ConnectedEv)
def connected(_: NewClient, __: ConnectedEv) -> None:
    print("ready", flush=True)


@client.event(MessageEv)
def answer(bot: NewClient, event: MessageEv) -> None:
    text = event.Message.conversation or event.Message.extendedTextMessage.text
    if text and not event.Info.MessageSource.IsFromMe:
        bot.send_message(event.Info.MessageSource.Chat, text.upper())


client.connect()
