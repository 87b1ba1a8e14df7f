"""Innocent text by the seed: what looks like a secret to those who only count letters. Never the same for two seeds."""

import hashlib
import random
import string
import uuid
from base64 import b64encode, urlsafe_b64encode

WORDS = (
    "account after agent array build cache client config cursor data default deploy error event field file filter "
    "handler header index item key layer list loader message model module node option order page parser password path "
    "plan policy query queue record request result route schema secret server session state status stream table task "
    "test thread token trace update user value version worker"
).split()


def of_words(rng, count, separator=" "):
    return separator.join(rng.choices(WORDS, k=count))


def chars(rng, alphabet, count):
    return "".join(rng.choices(alphabet, k=count))


def digest(rng, name="sha256"):
    return hashlib.new(name, rng.randbytes(16)).hexdigest()


def python_code(rng):
    a, b, c = rng.sample(WORDS, 3)
    return rng.choice(
        (
            f"def get_{a}_{b}({c}: str, token: Token | None = None) -> dict[str, int]:\n    return self.{a}[{c}]",
            f"password = get_password({a}, {c}=2)\ntoken = tokens[7]\nsecret = settings.{a}.secret",
            f"{a}_token = request.headers.get('X-{b.title()}-Token')\nassert {a}.token == {b}.token",
            f"class {a.title()}(Base):\n    password: Mapped[str] = mapped_column(String({rng.randrange(99)}))",
            f"api_key = os.environ['{a.upper()}_API_KEY']\nclient = Client(api_key=api_key, timeout=7)",
            f"max_tokens=4096, stop_token='<|{a}|>', key='{a}_{b}_{c}', primary_key='{b}_id'",
            f"value = ast.literal_eval(text); model.eval(); {a}.{b}(x)['{c}']",
            f"subprocess.run(['git', 'log', '--{a}'], check=True)  # no shell",
        )
    )


def script_code(rng):
    a, b, c = rng.sample(WORDS, 3)
    return rng.choice(
        (
            f"const {{ {a}, {b} }} = await import('../../{b}/{c}.js');",
            f"export function {a}(password: string, {{ token }}: {c.title()}) {{ return {a}?.token ?? null; }}",
            f"el.textContent = `${{{a}.{b}}} of ${{{c}}}`; el.classList.add('{a}-{b}');",
            f"cd {a} && npm ci && npm run {b}; ls -la | grep {c}",
            f"docker run --rm -v $(pwd):/{a} -e TOKEN={c}:latest npm test",
            f'curl -fsS https://{a}.example/{b} -H "Authorization: Bearer ${c.upper()}_TOKEN" | jq .{c}',
            f"rm -rf ./{a}/{b} build/*.o && mkdir -p /tmp/{c}",
            f"{{{{ {a}.{b} }}}} ${{{c}}} <%= {a} %> #{{{b}}} {{% if {c} %}}",
            f"env:\n  {a.upper()}_TOKEN: ${{{{ secrets.{b.upper()}_TOKEN }}}}\n  PASSWORD: ${{{c.upper()}}}",
        )
    )


def lock_file(rng):
    a, b = rng.sample(WORDS, 2)
    version = f"{rng.randrange(9)}.{rng.randrange(30)}.{rng.randrange(30)}"
    integrity = b64encode(rng.randbytes(64)).decode()
    return rng.choice(
        (
            f'    "node_modules/{a}-token": {{"version": "{version}", "integrity": "sha512-{integrity}"}},',
            f'{a}-secret@^{version}:\n  resolved "https://r.example/{a}.tgz#{digest(rng, "sha1")}"',
            f"  integrity sha512-{integrity}",
            f"{a}=={version} \\\n    --hash=sha256:{digest(rng)} \\\n    --hash=sha256:{digest(rng)}",
            f'[[package]]\nname = "{a}-key"\nversion = "{version}"\nchecksum = "{digest(rng)}"',
            f"github.com/{a}/{b} v{version} h1:{b64encode(rng.randbytes(32)).decode()}",
            f'{{"_from": "{a}", "_shasum": "{digest(rng, "sha1")}", "gitHead": "{digest(rng, "sha1")}"}}',
        )
    )


def log_line(rng):
    a, b = rng.sample(WORDS, 2)
    when = f"2026-0{rng.randrange(1, 9)}-1{rng.randrange(9)}T0{rng.randrange(9)}:12:31.{rng.randrange(999):03}Z"
    return rng.choice(
        (
            f"{when} INFO {a}.{b} request_id={uuid.UUID(bytes=rng.randbytes(16))} took 17 ms",
            f"{when} WARN token refreshed for user 4711; session {uuid.UUID(bytes=rng.randbytes(16))}",
            f"commit {digest(rng, 'sha1')}\nAuthor: Ann <ann@example.com>\n\n    Rotate the {a} secret",
            f"index {digest(rng, 'sha1')[:7]}..{digest(rng, 'sha1')[:7]} 100644",
            f'etag: "{digest(rng, "md5")}" x-amz-request-id: {chars(rng, string.ascii_uppercase + string.digits, 16)}',
            f"traceparent: 00-{digest(rng, 'md5')}-{digest(rng, 'md5')[:16]}-01",
            f"password for user {a} was changed; password policy: {b}; password is required",
            f"sha256:{digest(rng)} image {a}:{b} pulled from r.example/{a}@sha256:{digest(rng)}",
        )
    )


def encoded_data(rng):
    raw = rng.randbytes(rng.randrange(60, 900))
    base = b64encode(raw).decode()
    return rng.choice(
        (
            f'<img src="data:image/png;base64,iVBORw0KGgo{base}">',
            "\n".join(base[at : at + 76] for at in range(0, len(base), 76)),
            f'{{"blob": "{urlsafe_b64encode(raw).decode()}"}}',
            f"-----BEGIN CERTIFICATE-----\n{base}\n-----END CERTIFICATE-----",
            f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{base[:43]} ann@desk",
            raw.hex(),
            f"sourceMappingURL=data:application/json;base64,{base}",
            f"next_page_token={base[:40]}&page=2",
        )
    )


def prose(rng):
    a, b, c = rng.sample(WORDS, 3)
    return rng.choice(
        (
            f"The {a} of a {b} is its {c}; keep your password secret and never share a token.",
            f"To reset your password, open the {a} page. Passwords must have 12 characters.",
            f"We moved the {a} to /etc/{b} and the {c} to ~/.{b}rc, see ../docs/{c}.md.",
            f"Avoid eval(), innerHTML and shell scripts; the {a} key opens the {b} at http://localhost:8080/{c}.",
            f"API key rotation, token limits ({rng.randrange(200)}k tokens) and secret management are {a} topics.",
            f"The rm command removes a {a}; curl fetches a {b}; bash runs a {c}.",
        )
    )


KINDS = (python_code, script_code, lock_file, log_line, encoded_data, prose)


def innocent_text(seed, pieces=20):
    """A text of so many innocent pieces; the seed's kinds come in turn."""
    rng = random.Random(seed)
    return "\n".join(KINDS[(seed + at) % len(KINDS)](rng) for at in range(pieces))
