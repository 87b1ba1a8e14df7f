"""Passwords and keys that only the words before them tell: settings, code, headers, URLs, command lines."""

from __future__ import annotations

from axonflow.detect.detector import Detector, Shape
from axonflow.detect.packs.key_checks import has_password, is_basic_credentials, is_key, not_longer
from axonflow.detect.packs.key_samples import hexadecimal, mixed
from axonflow.detect.packs.secret_shapes import spellings
from axonflow.detect.packs.value_checks import (
    is_called_key,
    is_command_password,
    is_password,
    is_plain_value,
    is_unmarked_key,
    member_key,
    member_password,
    trimmed,
)

__all__ = ["NAMED"]

_PASSWORD_NAMES = (
    "password", "passwd", "passphrase", "passcode", "pwd", "passwort", "kennwort", "contrasena", "senha", "wachtwoord",
    "mot de passe", "haslo",
)  # fmt: skip
_GIVEN = (
    r"""[0-9]?[\\"'\])]{0,12}(?:\s{0,4}(?:=>|:=|={1,3}|:|>)\s{0,4}|"""
    r"""(?:\s(?:for|of|to|in|on|from)\s[\w@. -]{1,32})?\s{1,2}(?:is|was|ist|es|est|to)\s{1,2}:?\s{0,2})"""
)
_KEY_NAMES = (
    *spellings("api key", "access key", "private key", "encryption key", "signing key"),
    "secret",
    "token",
    "credential",
)
_KEY_WORDS = r"(?i:(?:api|access|private|encryption|signing)[ _-]?key|secret(?:[ _.-]?key)?|token|credential)"
# What stands between belongs to the name (``token_prod2``) or says what the key is for; else it is another name.
_KEY_GIVEN = (
    r"""s?[_-]?\w{0,12}(?:[\\"'\])]{0,12}\s{0,4}(?:=>|:=|={1,3}|:)\s{0,4}"""
    r"""|(?:\s(?:for|of|to|in|on|from)\s[\w .-]{1,24})?(?:\s(?:is|was)\s{1,2}|:\s{1,2}))"""
)
_OPENING = r"""[\\"'`(]{0,12}"""
_KEY_VALUE = r"[A-Za-z0-9_./+~-]{16,256}={0,2}"
_BASIC = "YW5uOnQwcC1TM2NyZXQ="

_PASSWORD = Detector(
    id="secret.password",
    category="secret",
    severity="high",
    description="A password that is given to something called so: in settings, code, prose or on a command line.",
    shapes=(
        Shape(
            pattern=rf"(?i:{'|'.join(_PASSWORD_NAMES)}){_GIVEN}\\{{0,8}}[\"'`]([^\s\"'`<>\\]{{6,128}})\\{{0,8}}[\"'`]",
            triggers=_PASSWORD_NAMES,
            group=1,
            validate=is_password,
            window_chars=1,
            confidence=0.9,
        ),
        Shape(
            pattern=(
                rf"(?i:{'|'.join(_PASSWORD_NAMES)}){_GIVEN}"
                r"([^\s\"'`<>\\,;&|(){}\[\]\x1a=][^\s\"'`<>\\,;&|(){}\[\]]{5,127})"
            ),
            triggers=_PASSWORD_NAMES,
            group=1,
            carve=trimmed,
            validate=is_password,
            in_context=is_plain_value,
            window_chars=1,
            confidence=0.8,
        ),
        Shape(
            pattern=(
                r"(?i:\B--?(?:[a-z]{1,16}-){0,2}(?:password|passwd|passphrase|pass)"
                r"|login [^\s]{1,64} password)\s{1,2}[\"']?([^\s\"'`<>\\]{6,128})"
            ),
            triggers=("-password", "-passwd", "-pass", "login "),
            group=1,
            validate=is_password,
            window_chars=1,
            confidence=0.85,
        ),
        Shape(
            pattern=(
                r"(?i:(?:\b|_)(?:pass|pw)[\\\"']{0,12}\s{0,2}=|(?:\b|_)(?:pass|pw)[\\\"']{1,12}\s{0,2}:)"
                r"\s{0,2}[\\\"'`]{0,12}([^\s\"'`<>\\,;&|(){}\[\]\x1a=][^\s\"'`<>\\,;&|(){}\[\]]{5,127})"
            ),
            triggers=("pass", "pw"),
            group=1,
            carve=trimmed,
            validate=is_password,
            in_context=is_plain_value,
            window_chars=1,
            confidence=0.8,
        ),
        Shape(
            pattern=(
                r"\b(?:mysql\w{0,8}\s(?:[^\n|;&]{0,100}\s)?-p|sshpass\s{1,2}-p\s{0,2}|redis-cli\s(?:[^\n|;&]{0,60}\s)?-a\s{1,2})"
                r"[\"']?([^\s\"'`<>\\]{6,128})"
            ),
            triggers=("mysql", "sshpass", "redis-cli"),
            group=1,
            validate=is_password,
            window_chars=1,
            confidence=0.85,
        ),
        Shape(
            pattern=r"(?m)^[^\s\"'<>\\]{6,128}$",
            triggers=(*_PASSWORD_NAMES, "motdepasse", "mot_de_passe", "pass", "pw"),
            validate=is_password,
            in_context=member_password,
            window_chars=1,
            confidence=0.9,
        ),
    ),
    max_span_chars=128,
    examples=(
        "password = " + "Tr0ub4dor&3",
        'DB_PASSWORD="' + 'c0rrect-horse!"',
        "spring.datasource.password: " + "hunter2.",
        "my password is " + "hunter2, please log in",
        "mysql --user ann --password " + "s3cr3t-77 shop",
        "Server=db;User Id=sa;Password=" + "P@ssw0rd!;Encrypt=yes",
        "<password>" + "Sommer2026!</password>",
        "machine api.example login ann password " + "xK9vbn22",
        '{\\"password\\": \\"' + 'q7Zr-2Kd9\\"}',
        "if pwd == '" + "letmein99':",
        "export DB_PASS=" + "xk92mdk2",
        '{"user": "ann", "pass": "' + 't0ps3cret"}',
        "the password for the shop is " + "Admin@123",
        "mysqldump -u root -p" + "S3cr3tPass shop > dump.sql",
        "sshpass -p '" + "Hunter22!' ssh host",
        "jdbc:mysql://db/shop?user=ann&password=" + "kd92-x77&ssl=1",
    ),
    counter_examples=(
        "password = get_password()",
        'password = os.environ["DB_PASSWORD_2"]',
        "password: str = Field(min_length=12)",
        "DB_PASSWORD=${DB_PASSWORD} and PGPASSWORD=$PG_PASS2",
        "password=changeme and password=********",
        "password_hash: $2b$12$" + "KIXQ4mU1vZ8rT0yH3nB6eO",
        "PWD=/home/ann/v2 OLDPWD=/srv/app1",
        "The password is required and case-sensitive.",
        "password: sha256, password: varchar(255), password = config.password2",
        '<input type="password" name="password" placeholder="Your password">',
        "PASS: test_login2, pass: 42, bypass=x1y2z3w4, mysql -u root -p",
        "Forgot your password? Passwords: 3 tries.",
        '"password": "string", "password": "Passwort"',
        "/etc/pam.d/common-password\n" + "e5ae8ba8d00083c922d9d82a0432ef78  x",
    ),
)

_GENERIC = Detector(
    id="secret.generic_key",
    category="secret",
    severity="high",
    description="A value without order that is called a key, a token or a secret.",
    shapes=(
        Shape(
            pattern=rf"{_KEY_WORDS}{_KEY_GIVEN}{_OPENING}({_KEY_VALUE})",
            triggers=_KEY_NAMES,
            group=1,
            validate=is_unmarked_key,
            in_context=is_called_key,
            window_chars=48,
            confidence=0.75,
        ),
        Shape(
            pattern=rf"{_KEY_WORDS}{_KEY_GIVEN}\\{{0,8}}[\"'`]([!#-&(-;=?-\[\]-_a-~]{{16,128}})\\{{0,8}}[\"'`]",
            triggers=_KEY_NAMES,
            group=1,
            validate=is_unmarked_key,
            in_context=is_called_key,
            window_chars=48,
            confidence=0.75,
        ),
        Shape(
            pattern=rf"--(?:[a-z]{{1,16}}-){{0,2}}(?:key|token|secret)\s{{1,2}}[\"']?({_KEY_VALUE})",
            triggers=("-key", "-token", "-secret", "--key", "--token", "--secret"),
            group=1,
            validate=is_unmarked_key,
            in_context=is_called_key,
            window_chars=48,
            confidence=0.75,
        ),
        Shape(
            pattern=rf"(?m)^{_KEY_VALUE}$",
            triggers=_KEY_NAMES,
            validate=is_unmarked_key,
            in_context=member_key,
            window_chars=1,
            confidence=0.75,
        ),
    ),
    max_span_chars=258,
    examples=(
        "api_key = '" + mixed(32) + "'",
        "X-Api-Key: " + hexadecimal(32),
        '"clientSecret": "' + mixed(24) + "~" + mixed(9) + '"',
        "const TOKEN = `" + mixed(40) + "`",
        "acme login --token " + mixed(28),
        "The API key for staging is " + hexadecimal(40) + ".",
        "SESSION_SECRET=" + mixed(43) + "=",
        "webhook_secret: " + mixed(20),
        "SECRET_KEY = 'django-insecure-" + "8#k2m!x9@v4$w7&z1^b5*n3'",
        "api_key=1234567890" + "abcdef1234567890abcdef",
    ),
    counter_examples=(
        "next_page_token = '" + mixed(32) + "'",
        "token = request.headers.get('Authorization')",
        "secret = base64.b64decode(encoded_secret_of_user)",
        "api_key = your-api-key-goes-here-1234",
        "csrf_token: " + mixed(40),
        'public_key = "' + mixed(43) + '"',
        "max_tokens=16384, tokenizer: cl100k_base_with_extras_2024",
        "secret_name: prod/payments/database-credentials-2024",
        "token: ${{ secrets.NPM_TOKEN_2 }}",
        "secret = projects/acme-prod-1/secrets/payment-key/versions/3",
    ),
)

_BEARER = Detector(
    id="secret.bearer_token",
    category="secret",
    severity="high",
    description="A token in an HTTP Authorization header.",
    shapes=(
        Shape(
            pattern=r"(?i:bearer|authorization[\\\"']{0,12}\s{0,2}[:=]\s{0,2}[\\\"']{0,12}token)\s{1,2}([A-Za-z0-9._~+/-]{16,1000}={0,2})",
            triggers=("bearer", "authorization"),
            group=1,
            validate=is_key,
            in_context=not_longer,
            window_chars=1,
            confidence=0.85,
        ),
    ),
    max_span_chars=1002,
    examples=(
        "Authorization: Bearer " + mixed(32),
        "curl -H 'authorization: bearer " + hexadecimal(40) + "'",
        'headers = {"Authorization": "token ' + mixed(40) + '"}',
    ),
    counter_examples=(
        "Authorization: Bearer <token>",
        "Authorization: Bearer YOUR_ACCESS_TOKEN_1",
        "the bearer of this letter is a friend; bearer authentication2026",
        'f"Bearer {settings.token_2}"',
    ),
)

_BASIC_AUTH = Detector(
    id="secret.basic_auth",
    category="secret",
    severity="high",
    description="A user's name and password in an HTTP header, a registry's settings or on a command line.",
    shapes=(
        Shape(
            pattern=r"(?i:basic)\s{1,2}([A-Za-z0-9+/]{8,400}={0,2})",
            triggers=("basic",),
            group=1,
            validate=is_basic_credentials,
            in_context=not_longer,
            window_chars=1,
        ),
        Shape(
            pattern=r"(?i:\b_?auth)[\\\"']{0,12}\s{0,2}[:=]\s{0,2}[\\\"']{0,12}([A-Za-z0-9+/]{8,400}={0,2})",
            triggers=("auth",),
            group=1,
            validate=is_basic_credentials,
            in_context=not_longer,
            window_chars=1,
        ),
        Shape(
            pattern=r"(?:\s-u|--user|--proxy-user)[\s=]{0,2}[\"']?[^\s\"':<>$]{1,64}:([^\s\"'<>]{4,128})",
            triggers=("-u", "--user", "--proxy-user"),
            group=1,
            validate=is_password,
            in_context=is_command_password,
            window_chars=200,
        ),
    ),
    max_span_chars=402,
    examples=(
        f"Authorization: Basic {_BASIC}",
        f'{{"auths": {{"ghcr.io": {{"auth": "{_BASIC}"}}}}}}',
        "curl -sS -u ann:" + "s3cr3t-77 https://api.example",
        "curl --user 'ann:" + "s3cr3t-77' https://api.example",
        f"//registry.example/:_auth={_BASIC}",
    ),
    counter_examples=(
        "Authorization: Basic <credentials>",
        "basic understanding, Basic training2026",
        "curl -u ann:$PASSWORD https://api.example",
        "docker run -u 1000:100000 image",
        "Authorization: Basic bm9jb2xvbmhlcmU=",
    ),
)

_DATABASE_URL = Detector(
    id="secret.database_url",
    category="secret",
    severity="critical",
    description="The connection URL of a database, broker, directory or file server with a user's password.",
    shapes=(
        Shape(
            pattern=(
                r"(?i)(?:postgres(?:ql)?|mysql2?|mariadb|mongodb|rediss?|valkeys?|amqps?|mqtts?|wss?|kafka|nats|stomp|mssql"
                r"|sqlserver|oracle|cockroachdb|clickhouse|snowflake|redshift|trino|presto|hive|databricks|vertica|neo4j|bolt"
                r"|cassandra|couchdb|couchbases?|influxdb|elasticsearch|opensearch|db2|ldaps?|s?ftps?|ssh|smb|smtps?|imaps?"
                r"|jdbc:[a-z]{2,12}|svn|rtsp)(?:\+[a-z0-9]{1,16}){0,2}"
                r":(?://|\\{1,16}/\\{1,16}/)[^\s:@/'\"<>]{0,128}:[^\s/'\"<>]{1,200}@[^\s'\"<>,;)\]}\\]{1,300}"
            ),
            triggers=("://", ":\\"),
            validate=has_password,
            confidence=0.9,
        ),
    ),
    max_span_chars=740,
    examples=(
        "DATABASE_URL=postgresql://app:" + "t0p-S3cret@db.example.com:5432/app?sslmode=require",
        "redis://:" + "hunter2@cache:6379/0",
        '{"url": "redis:\\/\\/:' + 'hunter2@cache:6379\\/0"}',
        "mongodb+srv://ann:" + "p@ssw0rd@cluster0.example.net/x",
        "amqps://shop:" + "q7Zr2Kd9@mq.example:5671/%2F",
        "postgresql+asyncpg://app:" + "t0p-S3cret@[::1]/app",
    ),
    counter_examples=(
        "postgresql://localhost:5432/app",
        "postgres://user:<password>@host/db",
        "postgres://user:${DB_PASSWORD}@host/db",
        "mysql://user:****@host/db and redis://user:your-password@host",
        "https://ann@example.com",
        "mongodb://host1:27017,host2:27017/db",
        "postgresql://USER:PASS@HOST/DB, mysql://user:password@localhost/test",
    ),
)

NAMED: tuple[Detector, ...] = (_PASSWORD, _GENERIC, _BEARER, _BASIC_AUTH, _DATABASE_URL)
