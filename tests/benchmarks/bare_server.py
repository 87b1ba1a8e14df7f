"""The floor of what is asked over HTTP: the same server, TLS and body sizes, and an application that does nothing."""

import asyncio
import signal
import sys

import uvloop

from axonflow_sidecar.http.server import Listener, serve


def constant(size_bytes):
    body = b"x" * size_bytes
    headers = [(b"content-type", b"application/json"), (b"content-length", str(size_bytes).encode())]

    async def application(scope, receive, send):
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return application


async def main(port, certificate, private_key, size_bytes):
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    listener = Listener("127.0.0.1", port, certificate or None, private_key or None)
    ready = lambda: print("ready", flush=True)  # noqa: E731  one word on standard output
    await serve(constant(size_bytes), [listener], stop, drain_timeout_s=1, ready=ready)


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])))
