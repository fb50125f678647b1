"""The same for a bot on asyncio."""

import asyncio
import sys

from neonize.aioze.client import NewAClient
from neonize.aioze.events import ConnectedEv, MessageEv

from diagnostics.gateway import attach

client = NewAClient(sys.argv[1])


@client.event(ConnectedEv)
async def connected(_: NewAClient, __: ConnectedEv) -> None:
    print("ready", flush=True)


@client.event(MessageEv)
async def answer(bot: NewAClient, event: MessageEv) -> None:
    text = event.Message.conversation or event.Message.extendedTextMessage.text
    if text and not event.Info.MessageSource.IsFromMe:
        await bot.send_message(event.Info.MessageSource.Chat, text.upper())


async def main() -> None:
    address = attach(client, session="testing", port=int(sys.argv[2]) if len(sys.argv) > 2 else 3000)
    print("health at", address, flush=True)
    await client.connect()
    await client.idle()


asyncio.run(main())
