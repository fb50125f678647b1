"""A small bot, as anybody would write one with neonize: it answers every text with the same text in capitals."""

import sys

from neonize.client import NewClient
from neonize.events import ConnectedEv, MessageEv

client = NewClient(sys.argv[1])


@client.event(ConnectedEv)
def connected(_: NewClient, __: ConnectedEv) -> None:
    print("ready", flush=True)


@client.event(MessageEv)
def answer(bot: NewClient, event: MessageEv) -> None:
    text = event.Message.conversation or event.Message.extendedTextMessage.text
    if text and not event.Info.MessageSource.IsFromMe:
        bot.send_message(event.Info.MessageSource.Chat, text.upper())


client.connect()
