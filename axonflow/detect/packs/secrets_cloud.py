"""Keys of clouds and of what runs on them."""

from __future__ import annotations

from axonflow.detect.detector import Detector, Shape
from axonflow.detect.packs.key_checks import (
    ends_its_base64,
    is_aws_id,
    is_aws_secret,
    is_random,
    is_uuid,
    looks_generated,
)
from axonflow.detect.packs.key_samples import UUID, base32, base64, hexadecimal, mixed
from axonflow.detect.packs.secret_shapes import NEAR, named, named_shapes, spellings, token

__all__ = ["CLOUD"]

_AWS_SECRET = base64(40)
_AZURE_KEY = base64(86) + "=="
_AZURE_NAMES = ("accountkey", "account_key", "account key", "storage_key", "storage key", "azure", "sharedaccesskey")
_TEMPORARY = "FwoGZXIv" + "YXdz"

_AWS: tuple[Detector, ...] = (
    token(
        "secret.aws_access_key",
        "An access key id of AWS, long-term (AKIA) or temporary (ASIA).",
        r"(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z2-7]{16}",
        ("akia", "asia", "abia", "acca", "a3t"),
        ("AKIA" + base32(16), "ASIA" + base32(20)[4:]),
        not_these=("AKIA" + base32(17), "AKIA" + "A" * 16, "made in ASIA", "AKIAIOSFODNN7" + "EXAMPLE"),
        validate=is_aws_id,
    ),
    Detector(
        id="secret.aws_secret_key",
        category="secret",
        severity="critical",
        description="A secret access key of AWS, next to words that name one.",
        shapes=named_shapes(
            ("secret", "aws"), "[A-Za-z0-9/+]{40}", validate=is_aws_secret, gap=NEAR, in_context=ends_its_base64
        ),
        max_span_chars=40,
        examples=(
            f"aws_secret_access_key={_AWS_SECRET}",
            f"Access key ID,Secret access key\nAKIA...,{_AWS_SECRET}",
            f"SecretAccessKey: '{_AWS_SECRET}',",
            f"my AWS key is {_AWS_SECRET}, don't tell",
        ),
        counter_examples=(
            "secret commit da39a3ee5e6b4b0d3255bfef95601890afd80709",
            f"checksum {_AWS_SECRET}",
            f"aws secret {base64(64)}",
            f"aws integrity {_AWS_SECRET}==",
            "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCY" + "EXAMPLEKEY",
        ),
    ),
    token(
        "secret.aws_session_token",
        "A session token of AWS's Security Token Service.",
        r"(?:FwoGZXIvYXdz|FQoGZXIvYXdz|FQoDYXdz|IQoJb3JpZ2lu)(?:[A-Za-z0-9+/=%]{1000})?[A-Za-z0-9+/=%]{80,1000}",
        ("fwogzxivyxdz", "fqogzxivyxdz", "fqodyxdz", "iqojb3jpz2lu"),
        (_TEMPORARY + base64(300), "IQoJb3Jp" + "Z2lu" + base64(180) + "=="),
        max_span_chars=2012,
    ),
    token(
        "secret.aws_bedrock_key",
        "A long-term API key of Amazon Bedrock.",
        r"ABSK[A-Za-z0-9+/]{100,280}={0,2}",
        ("absk",),
        ("ABSK" + base64(124) + "==",),
    ),
)

_AZURE: tuple[Detector, ...] = (
    Detector(
        id="secret.azure_storage_key",
        category="secret",
        severity="critical",
        description="The 512-bit key of an Azure storage or Cosmos DB account.",
        shapes=named_shapes(
            _AZURE_NAMES,
            "[A-Za-z0-9+/]{86}==",
            validate=lambda span: is_random(span[:-2]),
            gap=NEAR,
            in_context=ends_its_base64,
            confidence=0.95,
        ),
        max_span_chars=88,
        examples=(
            f"AccountName=acme;AccountKey={_AZURE_KEY};EndpointSuffix=core.windows.net",
            f'"account_key": "{_AZURE_KEY}"',
            f"the key of our Azure account, {_AZURE_KEY}, is old",
        ),
        counter_examples=(
            "AccountKey=" + "A" * 86 + "==",
            f"the digest is {_AZURE_KEY}",
            f"AccountKey=Z{_AZURE_KEY}",
        ),
    ),
    Detector(
        id="secret.azure_sas",
        category="secret",
        severity="critical",
        description="The signature of a shared access URL or token of Azure.",
        shapes=(
            Shape(
                pattern=r"(?:[?&;]|\bsr=[^\s&]{1,200}&)sig=([A-Za-z0-9+/]{43}=|[A-Za-z0-9%]{43,90}%3[Dd])",
                triggers=("sig=",),
                group=1,
                validate=looks_generated,
                in_context=ends_its_base64,
                window_chars=1,
            ),
        ),
        max_span_chars=96,
        examples=(
            f"https://acme.blob.core.windows.net/c/b?sv=2024-11-04&se=2027-01-01&sr=b&sp=r&sig={mixed(43)}%3D",
            f"SharedAccessSignature sr=acme.servicebus.windows.net&sig={mixed(38)}%2F%2B{mixed(3)}%3D&se=1",
            f"?sp=rl&sig={base64(43)}=&st=1",
        ),
        counter_examples=(
            "https://x.example/?sig=abc&v=1",
            "&sig=" + "x" * 43 + "%3D",
            f"sig {mixed(43)}=",
        ),
    ),
    token(
        "secret.azure_client_secret",
        "A client secret of an application in Microsoft Entra ID.",
        r"[A-Za-z0-9_.~-]{3}[0-9]Q~[A-Za-z0-9_.~-]{31,34}",
        ("q~",),
        ("Zx98Q~" + mixed(33), "t4.8Q~" + mixed(14) + "_-" + mixed(17)),
    ),
    token(
        "secret.azure_api_key",
        "A key of an Azure service that carries Microsoft's mark (JQQJ9 in the middle).",
        r"[A-Za-z0-9]{52}JQQJ9[9D][A-Za-z0-9]{24,28}",
        ("jqqj9",),
        (mixed(52) + "JQQJ" + "99" + mixed(26),),
    ),
    Detector(
        id="secret.azure_connection_string",
        category="secret",
        severity="critical",
        description="The shared access key in a connection string of Service Bus, Event Hubs or IoT Hub.",
        shapes=(
            Shape(
                pattern=r"(?i:SharedAccessKey|AccessKey)=([A-Za-z0-9+/]{43}=)",
                triggers=("accesskey=",),
                group=1,
                validate=looks_generated,
                in_context=ends_its_base64,
                window_chars=1,
            ),
        ),
        max_span_chars=44,
        examples=(
            "Endpoint=sb://acme.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey=" + base64(43) + "=",
            "HostName=acme.azure-devices.net;DeviceId=d1;SharedAccessKey=" + mixed(43) + "=",
            f"endpoint=https://acme.communication.azure.com/;accesskey={base64(43)}=",
        ),
        counter_examples=(
            "SharedAccessKey=" + "x" * 43 + "=",
            "SharedAccessKey=<your key>",
            f"SharedAccessKeyName={base64(43)}=",
        ),
    ),
)

_GOOGLE: tuple[Detector, ...] = (
    token(
        "secret.gcp_api_key",
        "An API key of Google Cloud, Firebase or Gemini.",
        r"AIza[0-9A-Za-z_-]{35}",
        ("aiza",),
        ("AIza" + "Sy" + mixed(33),),
        not_these=("AIza" + "Sy" + mixed(36), "AIza" + mixed(30)),
    ),
    token(
        "secret.gcp_oauth",
        "An OAuth client secret, access token or refresh token of Google.",
        r"(?:GOCSPX-[A-Za-z0-9_-]{28}|ya29\.[A-Za-z0-9_-]{30,600}|1//0[A-Za-z0-9_-]{40,200})",
        ("gocspx-", "ya29.", "1//0"),
        ("GOCSPX" + "-" + mixed(28), "ya29" + ".a0" + mixed(120), "1//" + "0" + mixed(60)),
        max_span_chars=608,
    ),
)

_HOSTS: tuple[Detector, ...] = (
    token(
        "secret.digitalocean_token",
        "A token of DigitalOcean: personal, OAuth or refresh.",
        r"do[opr]_v1_[a-f0-9]{64}",
        ("doo_v1_", "dop_v1_", "dor_v1_"),
        ("dop_" + "v1_" + hexadecimal(64),),
    ),
    token(
        "secret.heroku_key",
        "An API key of Heroku (HRKU-).",
        r"HRKU-[A-Za-z0-9_-]{60}",
        ("hrku-",),
        ("HRKU" + "-AA" + mixed(58),),
    ),
    named(
        "secret.heroku_api_key",
        "An API key of Heroku, which is a UUID.",
        ("heroku",),
        "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        UUID,
        validate=is_uuid,
    ),
    token(
        "secret.cloudflare_ca_key",
        "An origin CA key of Cloudflare.",
        r"v1\.0-[a-f0-9]{24}-[a-f0-9]{146}",
        ("v1.0-",),
        ("v1.0" + "-" + hexadecimal(24) + "-" + hexadecimal(146),),
    ),
    named(
        "secret.cloudflare_key",
        "An API token or global key of Cloudflare.",
        ("cloudflare", "cf_api", "x-auth-key"),
        "[A-Za-z0-9_-]{40}|[a-f0-9]{37}",
        mixed(40),
        not_these=("cloudflare: a-long-name-of-a-worker-that-has-40-chars",),
    ),
    token(
        "secret.vault_token",
        "A token of HashiCorp Vault or OpenBao: service, batch or recovery.",
        r"hv[sbr]\.[A-Za-z0-9_-]{24,300}",
        ("hvs.", "hvb.", "hvr."),
        ("hvs." + "CAES" + mixed(90), "hvb." + "AAAA" + mixed(60)),
        max_span_chars=304,
    ),
    token(
        "secret.terraform_token",
        "A token of HCP Terraform or Terraform Enterprise.",
        r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,70}",
        (".atlasv1.",),
        (mixed(14) + ".atlas" + "v1." + mixed(64),),
    ),
    token(
        "secret.databricks_token",
        "A personal access token or an OAuth secret of Databricks.",
        r"(?:dapi|dose)[a-f0-9]{32}(?:-[0-9]{1,2})?",
        ("dapi", "dose"),
        ("dapi" + hexadecimal(32), "dose" + hexadecimal(32), "dapi" + hexadecimal(32) + "-2"),
        not_these=("a dose of 250 mg",),
    ),
    token(
        "secret.alibaba_key",
        "An access key id of Alibaba Cloud.",
        r"LTAI[A-Za-z0-9]{12,24}",
        ("ltai",),
        ("LTAI" + "5t" + mixed(18),),
    ),
    token(
        "secret.tencent_key",
        "A secret id of Tencent Cloud.",
        r"AKID[A-Za-z0-9]{32}",
        ("akid",),
        ("AKID" + mixed(32),),
    ),
    named(
        "secret.ibm_cloud_key",
        "An API key of IBM Cloud.",
        spellings("ibm cloud", "ibmcloud api key", "ibm api key", "bluemix"),
        "[A-Za-z0-9_-]{44}",
        mixed(44),
    ),
    token(
        "secret.yandex_key",
        "An API key or token of Yandex Cloud.",
        r"(?:AQVN[A-Za-z0-9_-]{35,38}|t1\.9eu[A-Za-z0-9_=-]{100,400})",
        ("aqvn", "t1.9eu"),
        ("AQVN" + mixed(36), "t1.9" + "eu" + mixed(150)),
        max_span_chars=406,
    ),
    token(
        "secret.scaleway_key",
        "An access key of Scaleway.",
        r"SCW[A-Z0-9]{17}",
        ("scw",),
        ("SCW" + base32(17),),
        validate=is_aws_id,
    ),
    token(
        "secret.doppler_token",
        "A token of Doppler: personal, service, configuration or audit.",
        r"dp\.(?:pt|st|ct|sa|scim|audit)\.(?:[a-z0-9_-]{2,35}\.)?[A-Za-z0-9]{40,44}",
        ("dp.pt.", "dp.st.", "dp.ct.", "dp.sa.", "dp.scim.", "dp.audit."),
        ("dp.pt." + mixed(43), "dp.st." + "prd." + mixed(43)),
    ),
    token(
        "secret.pulumi_token",
        "An access token of Pulumi.",
        r"pul-[a-f0-9]{40}",
        ("pul-",),
        ("pul-" + hexadecimal(40),),
    ),
    token(
        "secret.flyio_token",
        "An access token of Fly.io.",
        r"(?:fo1_[A-Za-z0-9_-]{43}|fm[12][ar]?_[A-Za-z0-9+/]{100,600}={0,3})",
        ("fo1_", "fm1_", "fm2_", "fm1a_", "fm1r_", "fm2a_", "fm2r_"),
        ("fo1_" + mixed(43), "fm2_" + base64(200) + "=="),
        max_span_chars=608,
    ),
    token(
        "secret.planetscale_token",
        "A password, token or OAuth token of PlanetScale.",
        r"pscale_(?:tkn|pw|oauth|app_secret)_[A-Za-z0-9_.=-]{32,64}",
        ("pscale_",),
        ("pscale_" + "tkn_" + mixed(43), "pscale_" + "pw_" + mixed(43)),
    ),
    token(
        "secret.netlify_token",
        "A personal access token of Netlify.",
        r"nf[pcob]_[A-Za-z0-9]{36}",
        ("nfp_", "nfc_", "nfo_", "nfb_"),
        ("nfp_" + mixed(36),),
    ),
    token(
        "secret.supabase_key",
        "An access token or secret key of Supabase.",
        r"(?:sbp_(?:v0_)?[a-f0-9]{40}|sb_secret_[A-Za-z0-9_-]{22,48})",
        ("sbp_", "sb_secret_"),
        ("sbp_" + hexadecimal(40), "sb_" + "secret_" + mixed(31)),
    ),
    token(
        "secret.render_key",
        "An API key of Render.",
        r"rnd_[A-Za-z0-9]{28,32}",
        ("rnd_",),
        ("rnd_" + mixed(28),),
    ),
    token(
        "secret.onepassword_token",
        "A service account token of 1Password.",
        r"ops_eyJ[A-Za-z0-9_=-]{200,1000}",
        ("ops_eyj",),
        ("ops_" + "eyJ" + mixed(400),),
        max_span_chars=1007,
    ),
    token(
        "secret.dynatrace_token",
        "An API token of Dynatrace.",
        r"dt0[a-z][0-9]{2}\.[A-Z2-7]{24}\.[A-Z2-7]{64}",
        ("dt0",),
        ("dt0c" + "01." + base32(24) + "." + base32(64),),
    ),
)

CLOUD: tuple[Detector, ...] = (*_AWS, *_AZURE, *_GOOGLE, *_HOSTS)
