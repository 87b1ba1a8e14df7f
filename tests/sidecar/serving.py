"""A real server, over loopback, in a thread of this process."""

import asyncio
import contextlib
import threading

from axonflow_sidecar.hosting.certificates import certificate_for
from axonflow_sidecar.hosting.ports import ReservedPort
from axonflow_sidecar.http.server import Listener, serve

LONG_S = 60


class Served:
    """Where it listens: `plain` and `tls` are Listeners, `authority` the file of whom to trust."""

    def __init__(self, app, folder):
        certificate = certificate_for(folder, ("localhost", "127.0.0.1"))
        self._reserved = [ReservedPort("127.0.0.1", 0, "--port") for _ in range(2)]
        self.plain = Listener("127.0.0.1", self._reserved[0].port)
        self.tls = Listener("127.0.0.1", self._reserved[1].port, str(certificate.chain), str(certificate.private_key))
        self.authority = str(certificate.authority)
        self._app = app
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self.error = None

    def _run(self, timeouts):
        try:
            self._loop.run_until_complete(
                serve(self._app, [self.plain, self.tls], self._stop, ready=self._ready.set, **timeouts)
            )
        except BaseException as error:  # noqa: BLE001  raised again in the test's thread
            self.error = error
        finally:
            self._ready.set()
            self._loop.close()

    def start(self, **timeouts):
        timeouts = {"drain_timeout_s": 10, "header_timeout_s": LONG_S, "idle_timeout_s": LONG_S} | timeouts
        self._thread = threading.Thread(target=self._run, args=(timeouts,))
        self._thread.start()
        assert self._ready.wait(LONG_S)
        if self.error:
            raise self.error

    def ask_to_stop(self):
        self._loop.call_soon_threadsafe(self._stop.set)

    def join(self):
        self._thread.join(2 * LONG_S)
        assert not self._thread.is_alive()
        for port in self._reserved:
            port.close()


@contextlib.contextmanager
def served(app, folder, **timeouts):
    server = Served(app, folder)
    server.start(**timeouts)
    try:
        yield server
    finally:
        if server._thread.is_alive():
            server.ask_to_stop()
        server.join()
