"""Places to which heads of the audit trail go: a folder, an object store, another server. Chosen by an address."""

from __future__ import annotations

from urllib.parse import parse_qs, unquote, urlsplit

from axonflow.adapters.anchors.folder import FolderAnchor
from axonflow.errors import ConfigurationError
from axonflow.ports import AuditAnchor

__all__ = ["FolderAnchor", "open_anchor"]

_EXPECTED = "file:/a/folder, s3://bucket/prefix?region=...&endpoint=..., or https://host/path"


def open_anchor(url: str, *, token: str = "", authority: str | None = None, makes_folder: bool = False) -> AuditAnchor:
    """The anchor at `url`. `token` is the bearer token of an https server, and `authority` a PEM file of whom to trust
    for its TLS instead of the usual ones. A folder that is not there is made when it `makes_folder`.

    S3 needs the package ``boto3``, which finds credentials as it always does; https needs ``httpx``. Raises
    ConfigurationError for an address that is none, for a package that is not there, and for a folder that cannot be
    made.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError as error:
        raise _refused(str(error)) from None
    if parts.username is not None or parts.password is not None:
        raise _refused("an address with a password in it: name a token, or what the object store's client looks for")
    if parts.scheme == "file" and not host and parts.path:
        anchor = FolderAnchor(unquote(parts.path))
        if makes_folder:
            anchor.make()
        return anchor
    if parts.scheme == "s3" and parts.netloc:
        from axonflow.adapters.anchors.object_store import ObjectStoreAnchor

        wanted = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        if not wanted.keys() <= {"region", "endpoint"}:
            raise _refused(f"{', '.join(sorted(wanted))} behind the question mark")
        return ObjectStoreAnchor.open(
            parts.netloc, unquote(parts.path).strip("/"), wanted.get("region"), wanted.get("endpoint")
        )
    if parts.scheme == "https" and host:
        from axonflow.adapters.anchors.web_server import WebServerAnchor

        return WebServerAnchor.open(url, token, authority)
    raise _refused(f"{parts.scheme}:" if parts.scheme else "no scheme")


def _refused(found: str) -> ConfigurationError:
    return ConfigurationError("not the address of an anchor", expected=_EXPECTED, found=found[:200])
