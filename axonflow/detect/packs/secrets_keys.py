"""Private keys and signed tokens, which no issuer marks but which their own format tells."""

from __future__ import annotations

from axonflow.detect.detector import Detector, Shape
from axonflow.detect.packs.key_armour import in_service_account, is_encoded_pem, pem_keys_in
from axonflow.detect.packs.key_checks import not_longer
from axonflow.detect.packs.key_samples import base64, mixed
from axonflow.detect.validators import jwt

__all__ = ["KEYS"]


def _run(char_class: str, thousands: int) -> str:
    """Up to so many thousands of a class. RE2 repeats at most 1,000 times, hence thousands within each other."""
    rest = ""
    for _ in range(thousands - 1):
        rest = f"(?:{char_class}{{1000}}{rest})?"
    return f"{rest}{char_class}{{0,1000}}"


# RSA of 4096 bits takes 3.3 thousand characters, an OpenPGP block of it with a sub-key 7. Of a longer one the first
# eight thousand are found. Dashes occur in the armour's headers (RFC 1421 section 4.6, RFC 9580 section 6.2) only.
_PEM = (
    r"-----BEGIN (?:[A-Z0-9]{1,16} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:(?s:.){0,8}?(?:Proc-Type|DEK-Info|Comment|Version|Hash|Charset): [^\n\\]{0,100}){0,5}"
    + _run("[^-]", 8)
    + r"(?:-----END (?:[A-Z0-9]{1,16} ){0,3}PRIVATE KEY(?: BLOCK)?-----)?"
)
_MAX_PEM_CHARS = 8_800
_BODY = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC" + base64(64)
_BEGIN = "-----BEGIN "
_END = "-----END "
_LINES = r"[A-Za-z0-9+/=\s\\]"
_URL_SAFE = "[A-Za-z0-9_-]"

_PRIVATE_KEY = Detector(
    id="secret.private_key",
    category="secret",
    severity="critical",
    description="A private key: PEM, OpenSSH, OpenPGP, PuTTY or age, also PEM in base 64 as Kubernetes keeps it.",
    shapes=(
        Shape(pattern=_PEM, triggers=("private key",), carve=pem_keys_in, confidence=0.99),
        Shape(
            pattern=r"AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}",
            triggers=("age-secret-key-1",),
            in_context=not_longer,
            window_chars=1,
            confidence=0.99,
        ),
        Shape(
            pattern=rf"Private-Lines: [0-9]{{1,3}}({_run(_LINES, 3)})Private-MAC",
            triggers=("private-lines:",),
            group=1,
            confidence=0.99,
        ),
        Shape(
            pattern="LS0tLS1CRUdJTi" + _run("[A-Za-z0-9+/=]", 5),
            triggers=("ls0tls1crudjti",),
            validate=is_encoded_pem,
            confidence=0.99,
        ),
    ),
    max_span_chars=_MAX_PEM_CHARS,
    examples=(
        f"{_BEGIN}RSA PRIVATE KEY-----\n{_BODY}\n{_END}RSA PRIVATE KEY-----",
        (
            f"{_BEGIN}EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,7F3A\n\n"
            f"{_BODY}\n{_END}EC PRIVATE KEY-----"
        ),
        f"cut off: {_BEGIN}OPENSSH PRIVATE KEY-----\n{_BODY}\n",
        (
            f"{_BEGIN}PGP PRIVATE KEY BLOCK-----\nVersion: GnuPG v2\nComment: ann@desk - 2\n\n"
            f"lQdGBF{_BODY}\n=aB3d\n{_END}PGP PRIVATE KEY BLOCK-----"
        ),
        "AGE-SECRET-" + "KEY-1" + "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L" + "S3JN54KHCE6MUA7LQPZRY9X8GF",
        f"PuTTY-User-Key-File-3: ssh-ed25519\nPrivate-Lines: 1\n{base64(44)}\nPrivate-MAC: 00",
        "tls.key: LS0tLS1CRUdJTi" + "BQUklWQVRFIEtFWS0tLS0tCk1JSUV2UUlCQURBTkJna3Foa2lHOXcwQkFRRUZBQVND",
    ),
    counter_examples=(
        f"A file that starts with {_BEGIN}PRIVATE KEY----- holds a key.",
        f"{_BEGIN}PUBLIC KEY-----\n{_BODY}\n{_END}PUBLIC KEY-----",
        f"{_BEGIN}PRIVATE KEY-----\n<your key>\n{_END}PRIVATE KEY-----",
        "AGE-SECRET-KEY-1" + "QPZRY9X8",
        "tls.crt: LS0tLS1CRUdJTi" + "BDRVJUSUZJQ0FURS0tLS0tCk1JSUV2UUlCQURBTkJna3Foa2lHOXcwQkFRRUZBQVND",
        "Private-Lines: 14",
    ),
)

_SERVICE_ACCOUNT = Detector(
    id="secret.gcp_service_account",
    category="secret",
    severity="critical",
    description="The private key of a Google Cloud service account, in its JSON key file.",
    shapes=(
        Shape(
            pattern=_PEM,
            triggers=("private key",),
            carve=pem_keys_in,
            in_context=in_service_account,
            window_chars=24,
            confidence=0.99,
        ),
    ),
    max_span_chars=_MAX_PEM_CHARS,
    examples=(
        (
            f'{{"type": "service_account", "private_key": "{_BEGIN}PRIVATE KEY-----\\n{_BODY}\\n'
            f'{_END}PRIVATE KEY-----\\n"}}'
        ),
        f"private_key: '{_BEGIN}PRIVATE KEY-----\n{_BODY}\n{_END}PRIVATE KEY-----'",
        f"private_key={_BEGIN}PRIVATE KEY-----\\n{_BODY}",
    ),
    counter_examples=(
        f'{{"type": "service_account", "private_key": "{_BEGIN}PRIVATE KEY-----...{_END}PRIVATE KEY-----"}}',
        f"{_BEGIN}PRIVATE KEY-----\n{_BODY}\n{_END}PRIVATE KEY-----",
        '{"type": "service_account", "private_key": ""}',
    ),
)

_JWT = Detector(
    id="secret.jwt",
    category="secret",
    severity="high",
    description="A signed JSON Web Token.",
    shapes=(
        Shape(
            # RSA of 4096 bits signs in 683 characters; three thousand of claims are more than proxies let through.
            pattern=rf"eyJ{_URL_SAFE}{{8,1000}}\.eyJ{_run(_URL_SAFE, 3)}\.{_URL_SAFE}{{8,1000}}",
            triggers=("eyj",),
            validate=jwt,
            in_context=not_longer,
            window_chars=1,
            confidence=0.99,
        ),
    ),
    max_span_chars=5_100,
    examples=(
        "Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9." + "eyJzdWIiOiJhbm4ifQ." + mixed(36),
        'id_token: "eyJhbGciOiJSUzI1NiIsImtpZCI6ImExIn0.' + "eyJpc3MiOiJhY21lIn0." + mixed(342) + '"',
        "?access_token=eyJhbGciOiJFUzI1NiJ9." + "eyJzdWIiOiJhbm4ifQ." + mixed(86) + "&x=1",
    ),
    counter_examples=(
        "eyJhbGciOiJIUzI1NiJ9",
        "eyJub3RoaW5nIjoxfQAA.eyJzdWIiOiJhbm4ifQ." + mixed(36),
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.",
    ),
)

KEYS: tuple[Detector, ...] = (_PRIVATE_KEY, _SERVICE_ACCOUNT, _JWT)
