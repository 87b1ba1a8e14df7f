"""Keys and passwords, by the formats that their issuers document."""

from __future__ import annotations

from axonflow.detect.context_words import mentions
from axonflow.detect.detector import Detector, Shape
from axonflow.detect.packs.key_checks import (
    has_password,
    in_service_account,
    is_aws_secret,
    is_random,
    looks_generated,
    not_longer,
    pem_keys_in,
)
from axonflow.detect.validators import jwt

__all__ = ["SECRETS"]

# Stand-ins for the examples: long enough and mixed, and the joins keep secret scanners quiet about this file.
_36 = "q7Zr2Kd9Xw4Tn6Vb1Lm8Hs3Pf5Gj0Yc2Ru7B"
_64 = _36 + "e4Nk9Ta1Dq6Wx3Sv8Jh5Mz2Ly7Pf"
_PEM_BODY = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC" + _64

_SCANNED_PEM = (
    r"-----BEGIN (?:[A-Z0-9]{1,16} ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:[^-]|-[^-])*"
    r"(?:-----END (?:[A-Z0-9]{1,16} ){0,3}PRIVATE KEY(?: BLOCK)?-----)?"
)


def _near_aws(before: str, span: str, after: str) -> bool:
    return not_longer(before, span, after) and mentions(before, "secret", "aws")


def _near_azure(before: str, span: str, after: str) -> bool:
    return not_longer(before, span, after) and mentions(before, "account", "azure", "storage", "key")


def _token(  # one vendor's tokens: a prefix that nothing else has, then random characters
    detector_id: str,
    description: str,
    pattern: str,
    triggers: tuple[str, ...],
    examples: tuple[str, ...],
    counter_examples: tuple[str, ...],
) -> Detector:
    return Detector(
        id=detector_id,
        category="secret",
        severity="critical",
        description=description,
        shapes=(
            Shape(
                pattern=pattern,
                triggers=triggers,
                validate=looks_generated,
                in_context=not_longer,
                confidence=0.95,
            ),
        ),
        max_span_chars=512,
        examples=examples,
        counter_examples=counter_examples,
    )


SECRETS: tuple[Detector, ...] = (
    _token(
        "secret.aws_access_key",
        "An access key id of AWS, long-term (AKIA) or temporary (ASIA).",
        r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b",
        ("akia", "asia", "abia", "acca"),
        ("aws_access_key_id = " + "AKIA" + "Q3ZR2KD7XW4TN6VB",),
        ("AKIA" + "Q3ZR2KD7XW4TN6VBX", "AKIA" + "A" * 16, "made in ASIA"),
    ),
    Detector(
        id="secret.aws_secret_key",
        category="secret",
        severity="critical",
        description="A secret access key of AWS, next to words that name one.",
        shapes=(
            Shape(
                pattern=r"[A-Za-z0-9/+]{40,}",
                triggers=("secret", "aws"),
                validate=is_aws_secret,
                in_context=_near_aws,
                window_chars=80,
                confidence=0.85,
            ),
        ),
        max_span_chars=40,
        examples=("aws_secret_access_key=" + "wJ7rXU/nFEM1K7+DENGbPx" + "RfiCYzq81KDaLm2Tn6",),
        counter_examples=(
            "secret commit da39a3ee5e6b4b0d3255bfef95601890afd80709",
            "checksum " + "wJ7rXU/nFEM1K7+DENGbPx" + "RfiCYzq81KDaLm2Tn6",
            "aws secret " + _64,
        ),
    ),
    _token(
        "secret.gcp_api_key",
        "An API key of Google Cloud.",
        r"\bAIza[0-9A-Za-z_-]{35}",
        ("aiza",),
        ("key=" + "AIza" + "Sy" + _36[:33],),
        ("AIza" + "Sy" + _36, "AIza" + "x" * 35, "AIza" + _36[:30]),
    ),
    Detector(
        id="secret.gcp_service_account",
        category="secret",
        severity="critical",
        description="The private key of a Google Cloud service account, in its JSON key file.",
        shapes=(
            Shape(
                pattern=_SCANNED_PEM,
                triggers=("private_key",),
                carve=pem_keys_in,
                in_context=in_service_account,
                confidence=0.99,
            ),
        ),
        max_span_chars=32_768,
        examples=(
            '{"type": "service_account", "private_key": "-----BEGIN PRIVATE' + f" KEY-----\\n{_PEM_BODY}\\n-----END"
            ' PRIVATE KEY-----\\n"}',
        ),
        counter_examples=(
            '{"type": "service_account", "private_key": "-----BEGIN PRIVATE KEY-----...-----END PRIVATE KEY-----"}',
            "-----BEGIN PRIVATE" + f" KEY-----\n{_PEM_BODY}\n-----END PRIVATE KEY-----",
        ),
    ),
    Detector(
        id="secret.azure_storage_key",
        category="secret",
        severity="critical",
        description="The 512-bit key of an Azure storage account.",
        shapes=(
            Shape(
                pattern=r"[A-Za-z0-9+/]{86,}==",
                triggers=("==",),
                validate=lambda span: len(span) == 88 and is_random(span[:-2]),
                in_context=_near_azure,
                confidence=0.95,
            ),
        ),
        max_span_chars=88,
        examples=("AccountName=acme;AccountKey=" + _64 + "Qb9w" * 5 + "xY==" + ";EndpointSuffix=core.windows.net",),
        counter_examples=(
            "AccountKey=" + "A" * 86 + "==",
            "the digest is " + _64 + "Qb9w" * 5 + "xY==",
            "AccountKey=" + "Z" + _64 + "Qb9w" * 5 + "xY==",
        ),
    ),
    _token(
        "secret.github_token",
        "A token of GitHub: personal, OAuth, app or refresh.",
        r"\b(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59})\b",
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
        ("ghp_" + _36, "token github_pat_" + _36[:22] + "_" + _64[:59]),
        ("ghp_" + "x" * 36, "ghp_" + _36[:20], "ghp_" + "your_token_here" * 3),
    ),
    _token(
        "secret.slack_token",
        "A token or incoming webhook of Slack.",
        r"\b(?:xox[abeoprs]-(?:[0-9]+-)?[0-9A-Za-z.-]{16,250}|xapp-[0-9]-[A-Z0-9]+-[0-9]+-[a-z0-9]{16,}"
        r"|hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9/_-]{30,120})",
        ("xox", "xapp-", "hooks.slack.com"),
        ("xoxb-" + "2481632641-" + _36[:24], "https://hooks.slack.com/services/" + "T0A1B2C3D/B4E5F6G7H/" + _36[:24]),
        ("xoxb-your-token-here-please", "xox-" + _36),
    ),
    _token(
        "secret.stripe_key",
        "A secret or restricted key, or a webhook secret, of Stripe.",
        r"\b(?:(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,250}|whsec_[A-Za-z0-9+/]{32,64})\b",
        ("sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_"),
        ("sk_" + "live_" + _36[:24], "whsec_" + _36[:32]),
        ("sk_" + "live_xxxxxxxxxxxxxxxxxxxxxxxx", "pk_" + "live_" + _36[:24]),
    ),
    _token(
        "secret.openai_key",
        "An API key of OpenAI: of a project, a service account, an administrator or a user.",
        r"\bsk-(?:(?:proj|svcacct|admin|None)-[A-Za-z0-9_-]{20,250}|[A-Za-z0-9]{20,80})\b",
        ("sk-",),
        (
            "OPENAI_API_KEY=" + "sk-" + _36[:20] + "T3Blbk" + "FJ" + _36[:20],
            "sk-" + "proj-" + _64 + "_T3Blbk" + "FJ" + _36[:20] + "-" + _36,
        ),
        ("sk-your-key-here", "sk-" + "x" * 48, "sk-proj-your-openai-project-api-key-here", "desk-" + _36),
    ),
    _token(
        "secret.anthropic_key",
        "An API, administration or OAuth key of Anthropic.",
        r"\bsk-ant-[a-z]{2,10}[0-9]{2}-[A-Za-z0-9_-]{24,250}",
        ("sk-ant-",),
        ("sk-" + "ant-api03-" + _64 + "-" + _36[:26] + "AA",),
        ("sk-ant-api03-your-anthropic-api-key-goes-here", "sk-ant-api03-" + "x" * 40),
    ),
    _token(
        "secret.huggingface_token",
        "A user or organization token of Hugging Face.",
        r"\b(?:hf_[A-Za-z0-9]{30,40}|api_org_[A-Za-z0-9]{34})\b",
        ("hf_", "api_org_"),
        ("hf_" + "qZrKdXwTnVbLmHsPfGjYcRuBeNkTaDqWxS",),
        ("hf_" + "x" * 34, "hf_hub_download", "hf_" + "transformersmodelsdatasetsspacesab"),
    ),
    Detector(
        id="secret.private_key",
        category="secret",
        severity="critical",
        description="A private key in PEM or OpenSSH armour.",
        shapes=(
            Shape(
                pattern=_SCANNED_PEM,
                triggers=("private key",),
                carve=pem_keys_in,
                confidence=0.99,
            ),
        ),
        max_span_chars=32_768,
        examples=(
            "-----BEGIN RSA PRIVATE" + f" KEY-----\n{_PEM_BODY}\n-----END RSA PRIVATE KEY-----",
            "cut off: -----BEGIN OPENSSH PRIVATE" + f" KEY-----\n{_PEM_BODY}\n",
        ),
        counter_examples=(
            "A file that starts with -----BEGIN PRIVATE" + " KEY----- holds a key.",
            "-----BEGIN PUBLIC" + f" KEY-----\n{_PEM_BODY}\n-----END PUBLIC KEY-----",
        ),
    ),
    Detector(
        id="secret.jwt",
        category="secret",
        severity="high",
        description="A signed JSON Web Token.",
        shapes=(
            Shape(
                pattern=r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]{8,}",
                triggers=("eyj",),
                validate=jwt,
                confidence=0.99,
            ),
        ),
        max_span_chars=16_384,
        examples=("Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9." + "eyJzdWIiOiJhbm4ifQ." + _36,),
        counter_examples=("eyJhbGciOiJIUzI1NiJ9", "eyJub3RoaW5nIjoxfQAA.eyJzdWIiOiJhbm4ifQ." + _36),
    ),
    Detector(
        id="secret.database_url",
        category="secret",
        severity="critical",
        description="A connection URL with a user's password.",
        shapes=(
            Shape(
                pattern=(
                    r"(?i)\b(?:postgres(?:ql)?|mysql|mariadb|mongodb|rediss?|valkeys?|amqps?|mssql|sqlserver|oracle|cockroachdb"
                    r"|clickhouse|snowflake|redshift|neo4j|bolt|nats|cassandra|couchdb|db2|ldaps?|s?ftp)(?:\+[a-z0-9]+)?"
                    r"://[^\s:@/'\"<>]*:[^\s/'\"<>]{1,200}@[^\s'\"<>,;)\]}\\]+"
                ),
                triggers=("://",),
                validate=has_password,
                confidence=0.9,
            ),
        ),
        max_span_chars=2048,
        examples=(
            "DATABASE_URL=postgresql://app:" + "t0p-S3cret@db.example.com:5432/app?sslmode=require",
            "redis://:" + "hunter2@cache:6379/0",
            "mongodb+srv://ann:" + "p@ssw0rd@cluster0.example.net/x",
        ),
        counter_examples=(
            "postgresql://localhost:5432/app",
            "postgres://user:<password>@host/db",
            "postgres://user:${DB_PASSWORD}@host/db",
            "mysql://user:****@host/db and redis://user:your-password@host",
            "https://ann@example.com",
        ),
    ),
)
