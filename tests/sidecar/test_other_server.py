"""The application is ASGI: it runs on a server that is built on h2 (Hypercorn) as well."""

import asyncio
import socket
import ssl
import threading

import httpx
from hypercorn.asyncio import serve
from hypercorn.config import Config

from axonflow_sidecar.hosting.certificates import certificate_for
from tests.sidecar.doors import ALLOW_ALL, HEADERS, REQUEST, Doors


def test_agent_on_hypercorn_answers_over_http_2(tmp_path):
    certificate = certificate_for(tmp_path, ("localhost", "127.0.0.1"))
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.certfile, config.keyfile = str(certificate.chain), str(certificate.private_key)
    config.loglevel = "CRITICAL"
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    agent = Doors(ALLOW_ALL).agent

    async def application(scope, receive, send):
        if scope["type"] == "lifespan":  # which Hypercorn wants answered; Granian is told to leave it out
            while (message := await receive())["type"] != "lifespan.shutdown":
                await send({"type": f"{message['type']}.complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        await agent(scope, receive, send)

    async def main():
        await serve(application, config, shutdown_trigger=stop.wait)

    serving = threading.Thread(target=loop.run_until_complete, args=(main(),))
    serving.start()
    try:
        trust = ssl.create_default_context(cafile=certificate.authority)
        transport = httpx.HTTPTransport(verify=trust, http1=False, http2=True)
        with httpx.Client(transport=transport, headers=HEADERS, timeout=60) as client:
            response = client.post(f"https://localhost:{port}/v1/decisions", json=REQUEST)
    finally:
        loop.call_soon_threadsafe(stop.set)
        serving.join(60)
        loop.close()
    assert (response.status_code, response.http_version) == (200, "HTTP/2")
    assert response.json()["effect"] == "allow"
