"""The pages of plain.py for servers that speak ASGI."""

import asyncio
import os
from urllib.parse import parse_qs

import plain


async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            kind = (await receive())["type"]
            await send({"type": kind + ".complete"})
            if kind == "lifespan.shutdown":
                return
    status, body = 200, b""
    if scope["path"] == "/work":
        await asyncio.sleep(int(parse_qs(scope["query_string"].decode())["ms"][0]) / 1000)
        body = b"done"
    elif scope["path"] == "/echo":
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
    else:
        text, body = plain.answer({"PATH_INFO": scope["path"]})
        status = int(text.split()[0])
    headers = [
        (b"content-length", str(len(body)).encode()),
        # The first process of the generation, whatever workers it has.
        (b"x-master", os.environ["LISTEN_PID"].encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
