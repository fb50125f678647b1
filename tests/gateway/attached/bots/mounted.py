"""A bot on asyncio that serves HTTP itself, and its health beside. ARGUMENTS: STORE. It shows QR codes."""

import asyncio
import socket
import sys

import uvicorn
from fastapi import FastAPI
from neonize.aioze.client import NewAClient

from diagnostics.gateway import health_app

client = NewAClient(sys.argv[1])


@client.qr
async def show(_: NewAClient, __: bytes) -> None:
    print("a code is shown", flush=True)


async def main() -> None:
    app = FastAPI()
    app.mount("/wadiag", health_app(client, session="testing"))
    listening = socket.create_server(("127.0.0.1", 0))
    print("health at", f"http://127.0.0.1:{listening.getsockname()[1]}/wadiag", flush=True)
    await client.connect()
    await uvicorn.Server(uvicorn.Config(app, log_config=None)).serve([listening])


asyncio.run(main())
