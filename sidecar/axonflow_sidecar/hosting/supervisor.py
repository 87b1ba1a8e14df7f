"""`axonflow up`: PostgreSQL, the agent and the orchestrator, started in order, kept running, and drained in order."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from axonflow.app.durable import DatabaseSettings, SpoolSettings, migrate, service_login
from axonflow.app.operations import maintain
from axonflow.app.peppers import read_peppers
from axonflow.app.persons import read_persons_key
from axonflow.app.redaction_key import read_redaction_key
from axonflow.errors import ConfigurationError
from axonflow_sidecar.hosting.certificates import Certificate, certificate_for
from axonflow_sidecar.hosting.children import ServiceProcess
from axonflow_sidecar.hosting.data_folder import DataFolder
from axonflow_sidecar.hosting.embedded import EmbeddedPostgres
from axonflow_sidecar.hosting.planning import plan_limits_of, planning_of
from axonflow_sidecar.hosting.ports import ReservedPort
from axonflow_sidecar.hosting.settings import ServiceSettings, UpSettings
from axonflow_sidecar.http.keys import ApiKey
from axonflow_sidecar.http.server import Listener

__all__ = ["Endpoints", "Supervisor"]

LOOPBACK: Final = "127.0.0.1"
DRAIN_TIMEOUT_S: Final = 20
STOP_TIMEOUT_S: Final = 30
WATCH_S: Final = 1.0
MIGRATE_AGAIN_S: Final = 5.0
UPKEEP_S: Final = 24 * 60 * 60
_log = logging.getLogger("axonflow.supervisor")


class Endpoints(Struct, frozen=True, kw_only=True):
    """Where everything is, as printed, and as kept in ``endpoints.json`` while it runs."""

    agent: str
    agent_tls: str
    orchestrator: str
    policies: str
    database: str
    data: str
    key_file: str
    authority_file: str
    pid: int
    agent_pid: int
    orchestrator_pid: int


class Supervisor:
    """Runs everything for `settings` until it is told to stop."""

    def __init__(self, settings: UpSettings) -> None:
        self._settings = settings
        self._stop = asyncio.Event()
        self._ports: list[ReservedPort] = []
        self._services: list[ServiceProcess] = []
        self._postgres: EmbeddedPostgres | None = None
        self._unmigrated_url = ""

    async def run(self, announce: Callable[[Endpoints], None]) -> None:
        """Start, call `announce` once everything takes connections, and return after SIGINT or SIGTERM and the drain.

        Raises ConfigurationError, with what to do, when something stands in the way; whatever was started is then
        stopped again.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._stop.set)
        folder = DataFolder(self._settings.data)
        lock = folder.lock()
        try:
            await self._start_and_watch(folder, lock, announce)
        finally:
            await self._shut_down()
            folder.close()

    async def _start_and_watch(self, folder: DataFolder, lock: int, announce: Callable[[Endpoints], None]) -> None:
        settings = self._settings
        agent_listeners, orchestrator_listener, certificate = self._listeners(folder)
        database_url = settings.database_url or self._embedded(folder)
        await self._migrate(database_url, folder)
        services_url = await service_login(database_url) if self._postgres else database_url
        if self._stop.is_set():
            return
        common = ServiceSettings(
            role="orchestrator", listeners=[orchestrator_listener], policies=settings.policies,
            spool=str(folder.spool("orchestrator")), database_url=services_url, keys=self._keys(folder),
            database_settings=_database_settings(settings),
            spool_settings=_spool_settings(settings),
            secret=folder.secret(), credential=secrets.token_urlsafe(32), plans=settings.plans,
            planning=planning_of(settings), plan_limits=plan_limits_of(settings.plan_limits_file),
            trusted_keys=[*settings.trusted_keys, str(folder.policy_key())], stand_in=settings.stand_in,
            snapshots=self._snapshots(folder, "orchestrator"), peppers=self._peppers(folder),
            redaction_key=_redaction_key(settings.redaction_key_file), audit_content=settings.audit_content,
            inactive_file=str(folder.path / "inactive.json"),
            anchor=settings.anchor, anchor_token=settings.anchor_token,
            persons_key=self._persons_key(folder), seals_persons=settings.audit_persons == "sealed",
            log_level=settings.log_level, access_log=settings.access_log, drain_timeout_s=DRAIN_TIMEOUT_S,
        )  # fmt: skip
        agent = msgspec.structs.replace(
            common, role="agent", listeners=agent_listeners, spool=str(folder.spool("agent")),
            snapshots=self._snapshots(folder, "agent"), policy_key=str(folder.policy_key_file),
            orchestrator_url=orchestrator_listener.url,
        )  # fmt: skip
        self._services = [ServiceProcess(agent, lock), ServiceProcess(common, lock)]
        await self._unless_stopped(asyncio.gather(*(service.start() for service in self._services)))
        if self._stop.is_set():
            return
        folder.write(folder.database_url_file, database_url + "\n")

        def endpoints() -> Endpoints:
            return Endpoints(
                agent=agent_listeners[0].url, agent_tls=agent_listeners[-1].url,
                orchestrator=orchestrator_listener.url, policies=settings.policies or "database",
                database="embedded" if self._postgres else "given", data=str(folder.path),
                key_file=str(folder.key_file), authority_file=str(certificate.authority),
                pid=os.getpid(), agent_pid=self._services[0].pid, orchestrator_pid=self._services[1].pid,
            )  # fmt: skip

        def write_endpoints() -> None:
            folder.write(folder.endpoints_file, msgspec.json.encode(endpoints()).decode() + "\n", 0o644)

        write_endpoints()
        announce(endpoints())
        await self._watch(write_endpoints, database_url)

    async def _migrate(self, database_url: str, folder: DataFolder) -> None:
        """Give the database its schema. One that is away is waited for by the services, which know what was in force
        when it last was there; a first start has nothing to go on with."""
        try:
            await migrate(database_url)
        except ConfigurationError as error:
            if self._postgres or not folder.snapshots("agent").exists():
                raise
            _log.error("starting without the database", extra={"facts": {"reason": str(error)}})
            self._unmigrated_url = database_url

    async def _migrate_later(self, database_url: str) -> None:
        while True:
            await asyncio.sleep(MIGRATE_AGAIN_S)
            with suppress(ConfigurationError):
                await migrate(database_url)
                _log.info("the database is there again")
                return

    def _snapshots(self, folder: DataFolder, role: str) -> str:
        return "" if self._settings.policy_source == "files" else str(folder.snapshots(role))

    def _listeners(self, folder: DataFolder) -> tuple[list[Listener], Listener, Certificate]:
        settings = self._settings
        plain_host = settings.host if settings.insecure else LOOPBACK
        plain = self._reserved(plain_host, settings.port, "--port")
        tls = self._reserved(settings.host, settings.tls_port, "--tls-port")
        orchestrator = self._reserved(LOOPBACK, settings.orchestrator_port, "--orchestrator-port")
        certificate = self._certificate(folder)
        secured = Listener(settings.host, tls, str(certificate.chain), str(certificate.private_key))
        return [Listener(plain_host, plain), secured], Listener(LOOPBACK, orchestrator), certificate

    def _reserved(self, host: str, port: int, option: str) -> int:
        self._ports.append(ReservedPort(host, port, option))
        return self._ports[-1].port

    def _certificate(self, folder: DataFolder) -> Certificate:
        given, key = self._settings.certificate, self._settings.private_key
        if given and key:
            return Certificate(given, key, given)
        hosts = ("localhost", LOOPBACK, "::1")
        named = self._settings.host
        return certificate_for(folder.tls, hosts if named in (*hosts, "0.0.0.0", "::") else (*hosts, named))  # noqa: S104

    def _embedded(self, folder: DataFolder) -> str:
        self._postgres = EmbeddedPostgres(folder.postgres)
        return self._postgres.start()

    def _keys(self, folder: DataFolder) -> list[ApiKey]:
        keys = [ApiKey(folder.api_key(), "operator")]
        return [*keys, *_keys_in(self._settings.keys_file)] if self._settings.keys_file else keys

    def _peppers(self, folder: DataFolder) -> str:
        file = self._settings.pepper_file
        return folder.peppers() if file is None else read_peppers(file)

    def _persons_key(self, folder: DataFolder) -> str:
        """In hex; empty where persons were never sealed."""
        settings = self._settings
        if settings.persons_key_file is not None:
            return read_persons_key(settings.persons_key_file).hex()
        key = folder.persons_key(made=settings.audit_persons == "sealed")
        return "" if key is None else key.hex()

    async def _unless_stopped(self, starting: Awaitable[object]) -> None:
        """Wait for `starting`, but no longer than until somebody asks to stop."""
        start = asyncio.ensure_future(starting)
        stop = asyncio.create_task(self._stop.wait())
        await asyncio.wait([start, stop], return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if start.done():
            start.result()
        else:
            start.cancel()
            await asyncio.gather(start, return_exceptions=True)

    async def _watch(self, changed: Callable[[], None], database_url: str) -> None:
        """Keep everything running until somebody asks to stop."""
        keeping = [asyncio.create_task(service.keep_running(changed)) for service in self._services]
        keeping.append(asyncio.create_task(_keep_in_order(database_url, self._settings)))
        keeping.append(asyncio.create_task(self._keep_postgres()))
        if self._unmigrated_url:
            keeping.append(asyncio.create_task(self._migrate_later(self._unmigrated_url)))
        await self._unless_stopped(asyncio.gather(*keeping))

    async def _keep_postgres(self) -> None:
        while True:
            await asyncio.sleep(WATCH_S)
            if self._postgres is not None and not self._postgres.running():
                _log.error("PostgreSQL ended by itself and is started again")
                try:
                    self._postgres.start()  # in this thread: it is to end with it
                except ConfigurationError as error:
                    _log.error("PostgreSQL cannot be started", extra={"facts": {"reason": str(error)}})

    async def _shut_down(self) -> None:
        """The agent first, which hands its plans to the orchestrator; the database last, for both write to it."""
        for service in self._services:
            if not await service.stop(STOP_TIMEOUT_S + DRAIN_TIMEOUT_S):
                _log.error("a service had to be killed; its records are safe in its spool")
        if self._postgres is not None:
            self._postgres.stop()
        for port in self._ports:
            port.close()


async def _keep_in_order(database_url: str, settings: UpSettings) -> None:
    """Once a day: partitions for the coming days, and an end to what is past its time, of which the anchor is told."""
    while True:
        try:
            done = await maintain(database_url, anchor=settings.anchor, anchor_token=settings.anchor_token)
        except ConfigurationError as error:  # of many installations on one database, one is at it
            _log.warning("no upkeep of the database today", extra={"facts": {"reason": str(error)}})
        else:
            _log.info("upkeep of the database", extra={"facts": msgspec.to_builtins(done)})
        await asyncio.sleep(UPKEEP_S)


def _spool_settings(settings: UpSettings) -> SpoolSettings:
    sheds = settings.audit_when_full == "shed"
    return SpoolSettings(settings.audit_mode, sheds, settings.audit_spool_mib << 20)


def _database_settings(settings: UpSettings) -> DatabaseSettings:
    return DatabaseSettings(
        max_connections=settings.database_connections, statement_timeout_s=settings.statement_timeout_s,
        replica_url=settings.replica_url,
    )  # fmt: skip


def _redaction_key(file: Path | None) -> str:
    return "" if file is None else read_redaction_key(file).hex()


def _keys_in(path: Path) -> list[ApiKey]:
    """The keys in a JSON file: a list of objects with key, client_id and tenant_id."""
    try:
        data = path.read_bytes()
        return msgspec.json.decode(data, type=list[ApiKey])
    except OSError as error:
        found = str(error.strerror)
    except msgspec.MsgspecError as error:  # it names types and places, never a value
        found = str(error)
    raise ConfigurationError(
        "the keys cannot be read", expected='[{"key": "...", "client_id": "...", "tenant_id": "..."}]', found=found,
        at=str(path),
    )  # fmt: skip
