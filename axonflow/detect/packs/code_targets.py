"""Addresses that a request made on somebody's behalf should not reach (server-side request forgery)."""

from __future__ import annotations

from axonflow.detect.detector import Detector
from axonflow.detect.packs.address_checks import is_internal_url, is_metadata_host, is_odd_internal_host
from axonflow.detect.packs.code_shapes import code, runs

__all__ = ["TARGETS"]

_USER = r"(?:[^\s/@\"'<>]{0,64}@)?"
_HOST = r"(\[[0-9a-fA-F:.]{2,45}\]|[0-9][0-9a-fA-FxX.]{0,60}(?:[.-][\w.-]{1,40})?|[a-zA-Z][\w.-]{1,60})"
_METADATA_LIKE = r"(\[[0-9a-fA-F:.]{2,45}\]|[0-9][0-9a-fA-FxX.]{0,60}|(?i:metadata\.goog|instance-data)[\w.-]{0,40})"
_NUMBER_HOST = r"(\[[0-9a-fA-F:.]{2,45}\]|\w[\w.-]{0,90}\.(?:nip|sslip|xip)\.io|[0-9][0-9a-fA-FxX.]{0,60})"
# After two slashes alone, which also begin a comment, a short number is not enough.
_BARE_NUMBER_HOST = _NUMBER_HOST.replace(
    "[0-9][0-9a-fA-FxX.]{0,60}", r"[0-9](?:[0-9a-fA-FxX.]{7,60}|[0-9]{0,2}\.[0-9.]{1,6})"
)
_WITH_SCHEME = r"(?i:\b(?:https?|ftp|wss?)://)"
_WITHOUT_SCHEME = r"[\"'\s(=]//"
_SCHEMES = rf"(?:{_WITH_SCHEME}|{_WITHOUT_SCHEME})"
_METADATA_HOST = (
    r"(?i:(169\.254\.(?:169\.254|170\.23?)|100\.100\.100\.200|metadata\.google\.internal|2852039166|0xa9fea9fe))"
)


_URL_NAMES = "url|uri|link|target|callback|webhook|endpoint|image|img|src|source|feed|host|proxy|dest"
"|destination|location|page|site"
# Ports of services that speak no HTTP or that command a machine: Docker, etcd, Redis, memcached, kubelet, databases.
_COMMANDING = "2375|2376|2379|2380|6379|11211|10250|10255|27017|3306|5432|1433|22|23|25"
_COMMANDING_PATHS = (
    r"(?:latest/(?:meta-data|user-data|dynamic)|computeMetadata|metadata/(?:instance|identity)|containers/json"
    r"|images/json"
    r"|actuator/(?:env|heapdump|shutdown|gateway)|_cat/|_cluster/|v1/(?:agent|kv|catalog)|api/v1/(?:secrets"
    r"|namespaces|pods)"
    r"|server-status|manager/html|\.env|\.git/)"
)


def _is_whole_host(_before: str, _span: str, after: str) -> bool:
    """Whether the name ends where the number does: ``0pointer.de`` and ``1-800.example`` only begin like one."""
    return not (after[:1].isalnum() or after[:1] in {"-", "_"})


def _is_argument(before: str, _span: str, after: str) -> bool:
    """Whether a URL is all of a leaf: in a text, people name their own machines all the time."""
    return not after and (not before or before.endswith(": "))


TARGETS: tuple[Detector, ...] = (
    code(
        "code.ssrf_target",
        "high",
        "A cloud's metadata service, an inner address in disguise, or a scheme that makes a server speak to others.",
        (
            runs(
                rf"{_SCHEMES}{_USER}{_METADATA_LIKE}",
                "//",
                group=1,
                validate=is_metadata_host,
                in_context=_is_whole_host,
                confidence=0.97,
            ),
            runs(
                rf"{_METADATA_HOST}(?::[0-9]{{1,5}})?/",
                "169.254.1",
                "100.100.100.200",
                "metadata.google",
                "2852039166",
                "0xa9fea9fe",
                group=1,
            ),
            runs(
                rf"(?m)^{_METADATA_HOST}$",
                "169.254.1",
                "100.100.100.200",
                "metadata.google",
                "2852039166",
                "0xa9fea9fe",
                group=1,
            ),
            *(
                runs(
                    before + _USER + host,
                    "//",
                    group=1,
                    validate=is_odd_internal_host,
                    in_context=_is_whole_host,
                    confidence=0.95,
                )
                for before, host in ((_WITH_SCHEME, _NUMBER_HOST), (_WITHOUT_SCHEME, _BARE_NUMBER_HOST))
            ),
            runs(
                rf"\b(?i:https?)://{_USER}{_HOST}(?::(?:{_COMMANDING})\b|(?::[0-9]{{1,5}})?/{_COMMANDING_PATHS})",
                "://",
                validate=is_internal_url,
                confidence=0.85,
            ),
            runs(
                r"(?i)\b(?:gopher|dict|tftp|netdoc|phar|expect|ldapi|sftp\+rsh)://[^\s\"'<>\\]{1,200}"
                r"|\bphp://(?:filter|input|expect)[^\s\"'<>\\]{0,120}"
                r"|\bjar:(?:https?|file):[^\s\"'<>]{1,120}!/",
                "gopher://",
                "dict://",
                "tftp://",
                "netdoc://",
                "phar://",
                "expect://",
                "ldapi://",
                "sftp+rsh://",
                "php://",
                "jar:",
                confidence=0.9,
            ),
            runs(
                rf"(?i)[?&]\w{{1,32}}=(?:https?|ftp|file|gopher|dict)(?:://|%3a%2f%2f){_USER}"
                r"(localhost|127\.[0-9.]{1,12}|0\.0\.0\.0|10\.[0-9.]{5,12}|192\.168\.[0-9.]{3,8}|172\.(?:1[6-9]"
                r"|2[0-9]|3[01])\.[0-9.]{3,8}"
                r"|\[::1\]|/etc/[a-z]{2,20}|%2fetc%2f[a-z]{2,20})",
                "=http",
                "=ftp",
                "=file",
                "=gopher",
                "=dict",
                confidence=0.9,
            ),
            runs(
                # A file beside the document, which document types are made of, is no target.
                r"(?i)<!ENTITY\s{1,4}(?:%\s{1,4})?[\w.:-]{1,64}\s{1,4}(?:SYSTEM"
                r"|PUBLIC\s{1,4}[\"'][^\"'\n]{0,200}[\"'])\s{1,4}"
                r"[\"'](?:[a-z][a-z0-9+.-]{1,20}:|/|\\\\)[^\"'\n]{1,200}[\"']",
                "<!entity",
            ),
        ),
        (
            "summarise http://localhost:2375/containers/json",
            "http://10.0.0.5:9200/_cat/indices is what I need",
            "http://169.254.169.254/latest/meta-data/iam/security-credentials/",
            "curl -H 'Metadata-Flavor: Google' http://metadata.google.internal/computeMetadata/v1/",
            "http://2852039166/",
            "http://0xA9FEA9FE/",
            "http://0251.0376.0251.0376/x",
            "http://[::ffff:a9fe:a9fe]/",
            "http://2130706433:6379/",
            "http://127.1/admin",
            "http://0x7f.0.0.1/",
            "http://127.0.0.1.nip.io/",
            "https://example.com@169.254.169.254/latest",
            "gopher://127.0.0.1:6379/_INFO",
            "php://filter/convert.base64-encode/resource=index.php",
            "https://x.example/fetch?url=http://localhost:8080/admin",
            "169.254.169.254/latest/user-data",
            "<!ENTITY xxe SYSTEM 'file:///etc/hostname'>",
            "see //169.254.169.254/x",
            "src='//2130706433/x' or //127.1/",
            '<!ENTITY % dtd PUBLIC "any" "http://evil.example/x.dtd">',
        ),
        (
            "Open http://localhost:3000 or http://127.0.0.1:8080/docs in the browser.",
            "http://192.168.1.1/ is the router, 10.0.0.0/8 is private.",
            "https://8.8.8.8/resolve?name=example.com",
            "The metadata address 169.254.169.254 is link-local.",
            "https://example.com/?next=https://example.org/",
            "http://3232.example/ and http://0.example.com/",
            "A gopher is an animal; dict is a type.",
            "// 127.1 is a short form",
            "// see https://0pointer.de/blog, http://1-800-operator.com and http://0x10.ms",
            "if line //1 below was allowed",
            '<!ENTITY xorgcss SYSTEM "xorg.css"> <!ENTITY % x PUBLIC "-//OASIS//DTD XML Catalogs V1.0//EN" "x.dtd">',
        ),
    ),
    code(
        "code.internal_target",
        "medium",
        "A URL of this machine or of a private network, given as an argument.",
        (
            runs(
                rf"(?m)^(?i:https?|ftps?|wss?|ldaps?|redis|smb|telnet|ssh|mysql"
                rf"|smtp)://{_USER}{_HOST}(?::[0-9]{{1,5}})?(?:[/?#][^\s]{{0,300}})?$",
                "://",
                validate=is_internal_url,
                in_context=_is_argument,
                confidence=0.8,
            ),
            # As the walk through a JSON value would see it, were it one.
            runs(
                rf"[\"']\w{{0,24}}(?i:{_URL_NAMES})[\"']\s{{0,2}}:\s{{0,2}}[\"']"
                rf"((?i:https?|ftps?|wss?|ldaps?|redis|smb"
                rf"|telnet)://{_USER}{_HOST}(?::[0-9]{{1,5}})?(?:[/?#][^\s\"']{{0,300}})?)[\"']",
                "://",
                group=1,
                validate=is_internal_url,
                confidence=0.7,
            ),
            runs(
                rf"(?m)^[a-z]\w{{0,31}}=((?i:https?|ftps?|wss?"
                rf"|ldaps?)://{_USER}{_HOST}(?::[0-9]{{1,5}})?(?:[/?#&][^\s]{{0,300}})?)$",
                "://",
                group=1,
                validate=is_internal_url,
                confidence=0.7,
            ),
            runs(r"(?m)^(?i:file):/{1,3}[^\s\\]{1,300}$", "file:/", in_context=_is_argument, confidence=0.8),
        ),
        (
            "http://localhost:8080/admin",
            "http://192.168.1.1",
            "https://ann@10.0.0.7:8443/api?x=1",
            "http://[::1]/",
            "ldap://127.0.0.1:389/",
            '{"tool": "fetch", "args": {"url": "http://10.0.0.5/admin"}}',
            "callback=http://192.168.0.10:8080/x",
            "file:///srv/data.csv",
        ),
        (
            "Open http://localhost:3000 in the browser.",
            "https://example.com/x",
            "at run (file:///app/src/index.js:10:4)",
            "see\nhttp://localhost:3000\nand log in",
            "API_URL=http://localhost:3000",
            '{"url": "https://example.com/x", "name": "http://localhost"}',
        ),
    ),
)
