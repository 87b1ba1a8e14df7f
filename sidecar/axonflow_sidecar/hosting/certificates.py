"""A certificate for this machine, by a certificate authority of its own whose key is forgotten at once.

So nobody, we included, can ever issue a second certificate that our clients would take. Valid for 397 days, the most
that public clients accept; made anew when less than 30 are left.
"""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from msgspec import Struct

from axonflow.errors import ConfigurationError
from axonflow_sidecar.hosting.atomic_files import write_atomically

__all__ = ["Certificate", "certificate_for"]

LIFE_DAYS: Final = 397
RENEW_DAYS: Final = 30


class Certificate(Struct, frozen=True):
    """PEM files: what the server shows, its key (PKCS #8, 0600), and the authority that clients have to trust."""

    chain: Path
    private_key: Path
    authority: Path


def certificate_for(folder: Path, hosts: tuple[str, ...]) -> Certificate:
    """The certificate in `folder` for `hosts` (names and addresses), made if there is none or it soon runs out.

    Raises ConfigurationError when the files there cannot be read.
    """
    found = Certificate(folder / "server.pem", folder / "server.key", folder / "ca.pem")
    if all(path.exists() for path in (found.chain, found.private_key, found.authority)) and _is_good(
        found.chain, hosts
    ):
        return found
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    authority_key = ec.generate_private_key(ec.SECP256R1())
    server_key = ec.generate_private_key(ec.SECP256R1())
    authority = _authority(authority_key)
    server = _server(server_key, authority_key, hosts)
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    write_atomically(found.private_key, server_key.private_bytes(pem, pkcs8, serialization.NoEncryption()), 0o600)
    write_atomically(found.authority, authority.public_bytes(pem), 0o644)
    write_atomically(found.chain, server.public_bytes(pem), 0o644)
    return found


def _is_good(chain: Path, hosts: tuple[str, ...]) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(chain.read_bytes())
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, x509.ExtensionNotFound) as error:
        raise ConfigurationError(
            "the certificate cannot be read", found=type(error).__name__, at=str(chain),
            hint="Remove the folder it is in; a new one is made at the next start.",
        ) from None  # fmt: skip
    left = certificate.not_valid_after_utc - datetime.now(UTC)
    return left > timedelta(days=RENEW_DAYS) and all(_name(host) in names for host in hosts)


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _builder(subject: str, issuer: str, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))  # clocks differ
        .not_valid_after(now + timedelta(days=LIFE_DAYS))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


_AUTHORITY: Final = "AxonFlow, this installation"


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates, key_cert_sign=signs_certificates, crl_sign=signs_certificates,
        content_commitment=False, key_encipherment=False, data_encipherment=False, key_agreement=False,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _authority(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    builder = _builder(_AUTHORITY, _AUTHORITY, key.public_key())
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    return builder.add_extension(_usage(signs_certificates=True), critical=True).sign(key, hashes.SHA256())


def _server(
    key: ec.EllipticCurvePrivateKey,
    authority_key: ec.EllipticCurvePrivateKey,
    hosts: tuple[str, ...],
) -> x509.Certificate:
    issued_by = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    return (
        _builder("axonflow", _AUTHORITY, key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([_name(host) for host in hosts]), critical=False)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(issued_by, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
