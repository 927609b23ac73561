"""A server on the Python package `aiohttp`; behaviours.md says what it does."""

import asyncio
import json
import ssl
import sys

from aiohttp import WSMsgType, web

SUBPROTOCOLS = ("second.example", "third.example")
noted = {}


def note(name):
    """The future that carries what was noted for a name, whoever asks first."""
    return noted.setdefault(name, asyncio.get_running_loop().create_future())


async def open_socket(request, **options):
    ws = web.WebSocketResponse(max_msg_size=0, compress=True, protocols=SUBPROTOCOLS, **options)
    await ws.prepare(request)
    return ws


async def until_closed(ws):
    while (message := await ws.receive()).type not in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.ERROR):
        pass
    return message


async def echo(request):
    ws = await open_socket(request)
    async for message in ws:
        if message.type == WSMsgType.TEXT:
            await ws.send_str(message.data)
        else:
            await ws.send_bytes(message.data)
    return ws


async def ping(request):
    ws = await open_socket(request, autoping=False)
    for payload in (b"", "ping – пинг".encode(), bytes(range(125))):
        await ws.ping(payload)
        pong = await ws.receive()
        if pong.type != WSMsgType.PONG or pong.data != payload:
            await ws.send_str(f"wanted the Pong {payload!r}, got {pong!r}")
            break
    else:
        await ws.send_str("3 pongs")
    await until_closed(ws)
    return ws


async def server_close(request):
    ws = await open_socket(request)
    await ws.send_str("last words")
    await ws.close(code=3001, message="enough – genug".encode())
    note(request.match_info["name"]).set_result(str(ws.close_code))
    return ws


async def client_close(request):
    # By itself it would answer any code with 1000.
    ws = await open_socket(request, autoclose=False)
    close = await until_closed(ws)
    await ws.close(code=close.data)
    note(request.match_info["name"]).set_result(f"{close.data} {close.extra}")
    return ws


async def say_noted(request):
    ws = await open_socket(request)
    await ws.send_str(await note(request.match_info["name"]))
    await until_closed(ws)
    return ws


async def say_request(request):
    ws = await open_socket(request)
    probe = request.headers.get("x-probe")
    await ws.send_str(json.dumps({"x-probe": probe, "subprotocol": ws.ws_protocol}))
    await until_closed(ws)
    return ws


async def refuse(_request):
    return web.Response(status=403, text="no entry")


def main(port, certificate=None, key=None):
    tls = None
    if certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate, key)
    app = web.Application()
    app.add_routes(
        [
            web.get("/echo", echo),
            web.get("/ping", ping),
            web.get("/server-close/{name}", server_close),
            web.get("/client-close/{name}", client_close),
            web.get("/noted/{name}", say_noted),
            web.get("/request", say_request),
            web.get("/refuse", refuse),
        ]
    )
    web.run_app(app, host="127.0.0.1", port=int(port), ssl_context=tls, print=None, access_log=None)


main(*sys.argv[1:])
