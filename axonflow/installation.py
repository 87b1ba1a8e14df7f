"""Where an installation (`axonflow up`) keeps what others need to reach it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from axonflow.errors import ConfigurationError

__all__ = ["Installation", "default_folder"]


class Installation:
    """The data folder at `path`, as the sidecar lays it out."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()

    @property
    def key_file(self) -> Path:
        """The operator's API key, one line."""
        return self.path / "api-key"

    @property
    def policy_key_file(self) -> Path:
        """The private key that policies published on this machine are signed with, unless another is named."""
        return self.path / "policy.key"

    @property
    def policy_public_file(self) -> Path:
        """Its public half, which the agents of this installation trust."""
        return self.path / "policy.pub"

    @property
    def pepper_file(self) -> Path:
        """What the keys of tenants are hashed with, the one of new keys first."""
        return self.path / "pepper"

    @property
    def persons_key_file(self) -> Path:
        """What the keys of persons in the audit trail are wrapped under."""
        return self.path / "audit-persons.key"

    @property
    def commands_folder(self) -> Path:
        """Where the keys are that commands sign with which are run on this machine, a folder for each database."""
        return self.path / "commands"

    @property
    def tls(self) -> Path:
        """The folder of certificates."""
        return self.path / "tls"

    @property
    def authority_file(self) -> Path:
        """The certificate authority that clients have to trust (PEM)."""
        return self.tls / "ca.pem"

    @property
    def endpoints_file(self) -> Path:
        """Where everything listens, while it does (JSON)."""
        return self.path / "endpoints.json"

    @property
    def database_url_file(self) -> Path:
        """The address of the database in use, with its password, while it is in use."""
        return self.path / "database-url"


def default_folder(environment: Mapping[str, str], *, root: bool) -> Path:
    """AXONFLOW_DATA; or /var/lib/axonflow for `root`, whose home PostgreSQL's account could not enter; or the user's
    own folder for data (XDG Base Directory Specification). Raises ConfigurationError for a user without a home."""
    named = environment.get("AXONFLOW_DATA")
    if named:
        return Path(named)
    if root:
        return Path("/var/lib/axonflow")
    given = environment.get("XDG_DATA_HOME")
    try:
        return (Path(given) if given else Path.home() / ".local" / "share") / "axonflow"
    except RuntimeError:  # as in a container whose user is a number alone
        raise ConfigurationError(
            "there is no usual folder for data", expected="a login with a home", found="neither HOME nor an account",
            hint="Name one: AXONFLOW_DATA=FOLDER",
        ) from None  # fmt: skip
