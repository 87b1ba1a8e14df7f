"""Tokens of source hosts, package registries and build services."""

from __future__ import annotations

from axonflow.detect.detector import Detector
from axonflow.detect.packs.key_samples import UUID, base64, hexadecimal, lower, mixed
from axonflow.detect.packs.secret_shapes import named, spellings, token

__all__ = ["DEVELOPMENT"]

_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"

_GITLAB_KINDS = ("pat", "oas", "dt", "rt", "cbt", "ptt", "ft", "imt", "agent", "soat", "ffct", "wt")

_SOURCE_HOSTS: tuple[Detector, ...] = (
    token(
        "secret.github_token",
        "A token of GitHub: personal, OAuth, app or refresh.",
        r"(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59})",
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
        (
            "ghp_" + mixed(36),
            "gho_" + mixed(36),
            "ghs_" + mixed(36),
            "ghr_" + mixed(76),
            "github_pat_" + mixed(22) + "_" + mixed(59),
        ),
        not_these=("ghp_" + mixed(20), "ghp_" + "your_token_here" * 3),
    ),
    token(
        "secret.gitlab_token",
        "A token of GitLab: personal, deploy, runner, trigger, feed, agent, OAuth or application.",
        rf"(?:gl(?:{'|'.join(_GITLAB_KINDS)})-[A-Za-z0-9_.-]{{20,300}}|GR1348941[A-Za-z0-9_-]{{20}})",
        (*(f"gl{kind}-" for kind in _GITLAB_KINDS), "gr1348941"),
        ("glpat-" + mixed(20), "glrt-" + mixed(27) + ".01." + lower(9), "GR1348" + "941" + mixed(20)),
        max_span_chars=308,
    ),
    token(
        "secret.bitbucket_token",
        "An app password or an access token of Bitbucket.",
        r"(?:ATBB[A-Za-z0-9]{32}|ATCTT3xFfG[A-Za-z0-9+/=_-]{40,300}|BBDC-[A-Za-z0-9+/]{40,60})",
        ("atbb", "atctt3xffg", "bbdc-"),
        ("ATBB" + mixed(32), "ATCTT3" + "xFfG" + mixed(160) + "=7F3AC91E", "BBDC-" + base64(44)),
        max_span_chars=310,
    ),
    token(
        "secret.atlassian_token",
        "An API token of Atlassian.",
        r"(?:ATATT3xFfG[A-Za-z0-9+/=_-]{40,300}|ATSTT3xFfG[A-Za-z0-9+/=_-]{40,300})",
        ("atatt3xffg", "atstt3xffg"),
        ("ATATT3" + "xFfG" + "F0" + mixed(170) + "=7F3AC91E",),
        max_span_chars=310,
    ),
)

_REGISTRIES: tuple[Detector, ...] = (
    token(
        "secret.npm_token",
        "An access token of npm.",
        r"npm_[A-Za-z0-9]{36}",
        ("npm_",),
        ("npm_" + mixed(36),),
        not_these=("npm_config_registry=https://registry.example", "npm_lifecycle_event"),
    ),
    token(
        "secret.pypi_token",
        "An upload token of PyPI or TestPyPI.",
        r"pypi-(?:AgEIcHlwaS5vcmc|AgENdGVzdC5weXBpLm9yZw)[A-Za-z0-9_-]{50,600}",
        ("pypi-ageichlwas5vcmc", "pypi-agendgvzdc5wexbplm9yzw"),
        ("pypi-" + "AgEIcHlwaS5vcmc" + mixed(120),),
        max_span_chars=632,
    ),
    token(
        "secret.rubygems_key",
        "An API key of RubyGems.",
        r"rubygems_[a-f0-9]{48}",
        ("rubygems_",),
        ("rubygems_" + hexadecimal(48),),
    ),
    token(
        "secret.crates_token",
        "A token of crates.io.",
        r"cio[A-Za-z0-9]{32}",
        ("cio",),
        ("cio" + mixed(32),),
        not_these=("precios, negocios", "cio" + "abcdefghijklmnopqrstuvwxyzabcdef"),
    ),
    token(
        "secret.nuget_key",
        "An API key of NuGet.",
        r"oy2[a-z0-9]{43}",
        ("oy2",),
        ("oy2" + lower(43),),
    ),
    token(
        "secret.docker_hub_token",
        "An access token of Docker Hub: personal or of an organization.",
        r"dckr_(?:pat|oat)_[A-Za-z0-9_-]{27,36}",
        ("dckr_pat_", "dckr_oat_"),
        ("dckr_" + "pat_" + mixed(27), "dckr_" + "oat_" + mixed(32)),
    ),
    token(
        "secret.jfrog_key",
        "An API key or reference token of JFrog Artifactory.",
        r"(?:AKCp[A-Za-z0-9]{69}|cmVmdGtu[A-Za-z0-9]{56})",
        ("akcp", "cmvmdgtu"),
        ("AKCp" + mixed(69), "cmVm" + "dGtu" + mixed(56)),
    ),
    token(
        "secret.clojars_token",
        "A deploy token of Clojars.",
        r"CLOJARS_[a-z0-9]{60}",
        ("clojars_",),
        ("CLOJARS_" + lower(60),),
    ),
)

_BUILDING: tuple[Detector, ...] = (
    token(
        "secret.circleci_token",
        "A personal or project token of CircleCI.",
        r"CCIP(?:AT|RJ)_[A-Za-z0-9]{22}_[a-f0-9]{40}",
        ("ccipat_", "cciprj_"),
        ("CCIPAT_" + mixed(22) + "_" + hexadecimal(40),),
    ),
    token(
        "secret.buildkite_token",
        "An API or agent token of Buildkite.",
        r"bk[ua]a_[a-f0-9]{40}",
        ("bkua_", "bkaa_"),
        ("bkua_" + hexadecimal(40),),
    ),
    token(
        "secret.sonar_token",
        "A token of SonarQube or SonarCloud.",
        r"sq[aup]_[a-f0-9]{40}",
        ("sqa_", "squ_", "sqp_"),
        ("squ_" + hexadecimal(40),),
    ),
    token(
        "secret.sentry_token",
        "A user or organization token of Sentry.",
        r"(?:sntryu_[a-f0-9]{64}|sntrys_eyJ[A-Za-z0-9+/=_]{80,500})",
        ("sntryu_", "sntrys_eyj"),
        ("sntryu_" + hexadecimal(64), "sntrys_" + "eyJ" + base64(150) + "=_" + base64(43)),
        max_span_chars=510,
    ),
    token(
        "secret.postman_key",
        "An API key of Postman.",
        r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}",
        ("pmak-",),
        ("PMAK-" + hexadecimal(24) + "-" + hexadecimal(34),),
    ),
    token(
        "secret.launchdarkly_key",
        "An SDK or API key of LaunchDarkly.",
        rf"(?:sdk|api)-{_UUID}",
        ("sdk-", "api-"),
        ("sdk-" + UUID, "api-" + UUID),
        not_these=("api-gateway", "the api-v2-release"),
    ),
    token(
        "secret.readme_key",
        "An API key of ReadMe.",
        r"rdme_[a-z0-9]{70}",
        ("rdme_",),
        ("rdme_" + lower(70),),
    ),
    named(
        "secret.snyk_token",
        "An API token of Snyk.",
        ("snyk",),
        _UUID,
        UUID,
    ),
    named(
        "secret.npm_legacy_token",
        "A legacy token in an .npmrc file, which is a UUID.",
        ("_authtoken",),
        _UUID,
        UUID,
    ),
    named(
        "secret.codecov_token",
        "An upload token of Codecov.",
        ("codecov",),
        _UUID,
        UUID,
    ),
    named(
        "secret.travis_token",
        "An API token of Travis CI.",
        spellings("travis token", "travis api token", "travis ci token"),
        "[A-Za-z0-9_-]{20,22}",
        mixed(22),
    ),
)

DEVELOPMENT: tuple[Detector, ...] = (*_SOURCE_HOSTS, *_REGISTRIES, *_BUILDING)
