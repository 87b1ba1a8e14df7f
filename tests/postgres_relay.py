"""A relay between clients and a PostgreSQL that knows what a statement is, so that each can be made slow, and the
server can be struck at exactly one of them. Messages as in "Message Formats" of PostgreSQL's manual."""

import asyncio
import contextlib
import shutil
import struct
import tempfile
import threading
from urllib.parse import parse_qs, urlsplit, urlunsplit

__all__ = ["Relay"]

STATEMENTS = b"QE"
"""Query, and Execute of the extended protocol."""


class Relay:
    """`url` leads to the database of `dsn`, which is at a Unix socket. Each statement waits `delay_s` seconds;
    while it `is_away`, whoever connects is sent away."""

    def __init__(self, dsn):
        parts = urlsplit(dsn)
        where = parse_qs(parts.query)
        self._target = f"{where['host'][0]}/.s.PGSQL.{where['port'][0]}"
        self._folder = tempfile.mkdtemp(prefix="relay")
        self.url = urlunsplit(parts._replace(query=f"host={self._folder}&port=5432"))
        self.delay_s = 0.0
        self.is_away = False
        self.statements = 0
        self._strike = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._server = self._call(asyncio.start_unix_server(self._serve, f"{self._folder}/.s.PGSQL.5432"))
        self._running = set()

    def _call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(60)

    def strike(self, number, moment, action):
        """Call `action` once at the statement of this number from now on: ``before`` the server has it, or when it has
        ``answered``, which nobody hears any more."""
        self.statements = 0
        self._strike = (number, moment, action)

    @property
    def has_struck(self):
        return self._strike is None

    async def _serve(self, reader, writer):
        self._running.add(asyncio.current_task())
        try:
            with contextlib.suppress(OSError, EOFError):
                if self.is_away:
                    return
                up_reader, up_writer = await asyncio.open_unix_connection(self._target)
                both = [self._statements(reader, up_writer), self._answers(up_reader, writer)]
                tasks = [asyncio.create_task(one) for one in both]
                try:
                    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for task in tasks:
                        task.cancel()
                    await asyncio.gather(*tasks, return_exceptions=True)
                    up_writer.close()
        finally:
            writer.close()
            self._running.discard(asyncio.current_task())

    async def _statements(self, reader, writer):
        """What the client says, message by message."""
        writer.write(await self._message(reader))  # the startup message has no type
        while True:
            kind = await reader.readexactly(1)
            message = kind + await self._message(reader)
            if kind in STATEMENTS:
                await self._delay()
                self.statements += 1
                self._hit("before")
            writer.write(message)
            await writer.drain()

    async def _delay(self):
        """For the time that makes the server a slow one."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.delay_s):
                await asyncio.Event().wait()

    async def _message(self, reader):
        length = await reader.readexactly(4)
        return length + await reader.readexactly(struct.unpack("!I", length)[0] - 4)

    async def _answers(self, reader, writer):
        while answer := await reader.read(1 << 16):
            self._hit("answered")
            writer.write(answer)
            await writer.drain()

    def _hit(self, now):
        if self._strike is not None:
            number, moment, action = self._strike
            if moment == now and self.statements >= number:  # one answer may tell of several statements
                action()
                self._strike = None  # whoever waits for it may go on when all is done
                raise ConnectionAbortedError

    def close(self):
        async def ended():
            self._server.close()
            for task in list(self._running):
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)

        self._call(ended())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)
        self._loop.close()
        shutil.rmtree(self._folder)
