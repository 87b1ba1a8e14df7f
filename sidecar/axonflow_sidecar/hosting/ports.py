"""Network ports: found busy before anything starts, and kept for the services across their restarts."""

from __future__ import annotations

import errno
import socket

from axonflow.errors import ConfigurationError

__all__ = ["ReservedPort"]


class ReservedPort:
    """A port on `host` that nobody else had when this was made; `port` 0 takes any free one.

    It stays bound, with SO_REUSEPORT and without listening: the kernel sends no connection here, no other user's
    process can take it, and a service of ours can listen on it, again and again.

    Raises ConfigurationError that names the option to choose another one.
    """

    def __init__(self, host: str, port: int, option: str) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:  # without SO_REUSEPORT: fails if anybody listens
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((host, port))
                probe.listen(1)
                found = probe.getsockname()[1]
            self._socket = socket.socket(family, socket.SOCK_STREAM)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            self._socket.bind((host, found))
        except OSError as error:
            busy = error.errno == errno.EADDRINUSE
            raise ConfigurationError(
                "the port is busy" if busy else "cannot listen",
                expected="a free port" if busy else "an address of this machine, and a port that this user may open",
                found=error.strerror,
                at=f"{host}:{port}",
                hint=f"Choose another with {option} (0: any free one), or stop what listens there.",
            ) from None
        self.port: int = found

    def close(self) -> None:
        """Give it back."""
        self._socket.close()
