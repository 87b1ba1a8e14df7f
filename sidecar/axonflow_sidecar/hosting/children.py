"""A service as a child process: started, watched, started again when it dies, and drained at the end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import Callable
from typing import Final

import msgspec

from axonflow import AxonFlowError
from axonflow.errors import ConfigurationError
from axonflow_sidecar.hosting.settings import ServiceSettings

__all__ = ["ServiceProcess"]

START_TIMEOUT_S: Final = 60
FIRST_PAUSE_S: Final = 0.1
MAX_PAUSE_S: Final = 5.0
_log = logging.getLogger("axonflow.supervisor")


class _Said(msgspec.Struct):
    ready: bool = False
    error: str = ""


class ServiceProcess:
    """`settings` travel over the child's standard input, which stays open as long as this process lives. The child also
    gets `lock`, a descriptor that keeps the data folder until the last of us has ended."""

    def __init__(self, settings: ServiceSettings, lock: int) -> None:
        self._settings = settings
        self._lock = lock
        self._process: asyncio.subprocess.Process | None = None
        self._ending = False

    @property
    def pid(self) -> int:
        """The child's process id; 0 when there is none."""
        return self._process.pid if self._process else 0

    async def start(self) -> None:
        """Start it and wait until it takes connections. Raises AxonFlowError with what it said when it cannot."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "axonflow_sidecar.hosting",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            pass_fds=(self._lock,),
            start_new_session=True,  # Ctrl-C is for the supervisor, which then drains its services in order
        )  # fmt: skip
        self._process = process
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(ConnectionError):  # it died at once: what it said is below
            process.stdin.write(msgspec.json.encode(self._settings) + b"\n")
            await process.stdin.drain()
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                line = await process.stdout.readline()
        except TimeoutError:
            line = b""
        said = msgspec.json.decode(line, type=_Said) if line else _Said()
        if not said.ready:
            await self._kill()
            role = self._settings.role
            raise ConfigurationError(said.error) if said.error else AxonFlowError(
                f"the {role} did not start", expected=f"to be ready within {START_TIMEOUT_S} s",
                found=f"exit code {process.returncode}", hint="Its log above says more.",
            )  # fmt: skip

    async def keep_running(self, changed: Callable[[], None] = lambda: None) -> None:
        """Start it again whenever it ends, for as long as this task lives. `changed` is called after each start."""
        pause_s = FIRST_PAUSE_S
        while True:
            assert self._process is not None
            code = await self._process.wait()
            if self._ending:
                return
            facts = {"role": self._settings.role, "exit_code": code, "pause_s": pause_s}
            _log.error("a service ended by itself and is started again", extra={"facts": facts})
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, MAX_PAUSE_S)
            try:
                await self.start()
            except AxonFlowError as error:
                _log.error("a service cannot be started", extra={"facts": {"reason": str(error)}})
            else:
                pause_s = FIRST_PAUSE_S
                changed()

    async def stop(self, timeout_s: float) -> bool:
        """Ask it to drain and end; killed when it has not after `timeout_s`, and then False."""
        self._ending = True
        process = self._process
        if process is None or process.returncode is not None:
            return True
        process.terminate()
        try:
            async with asyncio.timeout(timeout_s):
                await process.wait()
        except TimeoutError:
            await self._kill()
            return False
        return True

    async def _kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
