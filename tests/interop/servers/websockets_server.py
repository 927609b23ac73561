"""A server on the Python package `websockets`; behaviours.md says what it does."""

import asyncio
import json
import ssl
import sys

from websockets.asyncio.server import serve

SUBPROTOCOLS = ("second.example", "third.example")
noted = {}


def note(name):
    """The future that carries what was noted for a name, whoever asks first."""
    return noted.setdefault(name, asyncio.get_running_loop().create_future())


async def matched_ping(ws, payload):
    # `websockets` resolves the waiter by the Pong's payload, and on any later one: so one at a time.
    await (await ws.ping(payload))


async def pieces(ws, message):
    payload = message.encode() if isinstance(message, str) else message
    step = -(-len(payload) // 6)
    cuts = [b""] + [payload[i : i + step] for i in range(0, len(payload), step)]
    for number, piece in enumerate(cuts):
        await matched_ping(ws, b"piece %d" % number)
        yield piece


async def handle(ws):
    path, _, name = ws.request.path.lstrip("/").partition("/")
    if path == "echo":
        async for message in ws:
            await ws.send(message)
    elif path == "pieces":
        async for message in ws:
            await ws.send(pieces(ws, message), text=isinstance(message, str))
            await ws.send("7 pongs")
    elif path == "ping":
        for payload in (b"", "ping – пинг".encode(), bytes(range(125))):
            await matched_ping(ws, payload)
        await ws.send("3 pongs")
        await ws.wait_closed()
    elif path == "server-close":
        await ws.send("last words")
        await ws.close(3001, "enough – genug")
        note(name).set_result(str(ws.protocol.close_rcvd.code))
    elif path == "client-close":
        await ws.wait_closed()
        received = ws.protocol.close_rcvd
        note(name).set_result(f"{received.code} {received.reason}")
    elif path == "noted":
        await ws.send(await note(name))
        await ws.wait_closed()
    elif path == "request":
        probe = ws.request.headers.get("x-probe")
        await ws.send(json.dumps({"x-probe": probe, "subprotocol": ws.subprotocol}))
        await ws.wait_closed()


def refuse(connection, request):
    if request.path == "/refuse":
        return connection.respond(403, "no entry")


def choose(_connection, offered):
    return next((name for name in offered if name in SUBPROTOCOLS), None)


async def main(port, certificate=None, key=None, clients=None):
    tls = None
    if certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate, key)
    if clients:
        tls.load_verify_locations(clients)
        tls.verify_mode = ssl.CERT_REQUIRED
    async with serve(
        handle, "127.0.0.1", int(port), ssl=tls, max_size=None, process_request=refuse, select_subprotocol=choose
    ) as server:
        await server.serve_forever()


asyncio.run(main(*sys.argv[1:]))
