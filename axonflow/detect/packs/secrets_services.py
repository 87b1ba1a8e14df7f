"""Keys of the services that a business uses: payment, messages, mail, shops, work."""

from __future__ import annotations

from axonflow.detect.detector import Detector
from axonflow.detect.packs.key_checks import discord_token, is_aws_id
from axonflow.detect.packs.key_samples import UUID, base32, base64, digits, hexadecimal, lower, mixed
from axonflow.detect.packs.secret_shapes import BESIDE, NEAR, named, spellings, token

__all__ = ["SERVICES"]

_HEX_DIGITS = "0123456789abcdef"
_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"

_PAYMENT: tuple[Detector, ...] = (
    token(
        "secret.stripe_key",
        "A secret or restricted key, or a webhook secret, of Stripe.",
        r"(?:(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,250}|whsec_[A-Za-z0-9+/]{32,64})",
        ("sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_"),
        ("sk_" + "live_" + mixed(24), "rk_" + "test_" + mixed(99), "whsec_" + mixed(32)),
        not_these=("sk_" + "live_" + "x" * 24, "pk_" + "live_" + mixed(24)),
    ),
    token(
        "secret.square_key",
        "An access token or an application secret of Square.",
        r"(?:sq0(?:atp|csp|idp)-[A-Za-z0-9_-]{22,43}|EAAA[a-zA-Z0-9_-]{60})",
        ("sq0atp-", "sq0csp-", "sq0idp-", "eaaa"),
        ("sq0atp-" + mixed(22), "sq0csp-" + mixed(43), "EAAA" + "E" + mixed(59)),
    ),
    token(
        "secret.braintree_token",
        "An access token of Braintree, PayPal's gateway.",
        r"access_token\$(?:production|sandbox)\$[a-z0-9]{16}\$[a-f0-9]{32}",
        ("access_token$",),
        ("access_token$" + "production$" + lower(16) + "$" + hexadecimal(32),),
    ),
    named(
        "secret.paypal_secret",
        "The client secret of an application of PayPal.",
        ("paypal",),
        "E[A-Za-z0-9_-]{79}",
        "E" + mixed(79),
        gap=NEAR,
    ),
    token(
        "secret.plaid_token",
        "An access token of Plaid.",
        rf"access-(?:sandbox|development|production)-{_UUID}",
        ("access-sandbox-", "access-development-", "access-production-"),
        ("access-" + "production-" + UUID,),
    ),
    token(
        "secret.razorpay_key",
        "A key id of Razorpay.",
        r"rzp_(?:live|test)_[A-Za-z0-9]{14}",
        ("rzp_live_", "rzp_test_"),
        ("rzp_" + "live_" + mixed(14),),
    ),
    token(
        "secret.flutterwave_key",
        "A secret key of Flutterwave.",
        r"FLWSECK(?:_TEST)?-[a-f0-9]{32}-X",
        ("flwseck",),
        ("FLWSECK-" + hexadecimal(32) + "-X",),
    ),
    token(
        "secret.shopify_token",
        "An access token or shared secret of Shopify.",
        r"shp(?:at|ca|pa|ss|ua|tka)_[a-fA-F0-9]{32}",
        ("shpat_", "shpca_", "shppa_", "shpss_", "shpua_", "shptka_"),
        ("shpat_" + hexadecimal(32), "shpss_" + hexadecimal(32)),
    ),
)

_MESSAGES: tuple[Detector, ...] = (
    token(
        "secret.slack_token",
        "A token or incoming webhook of Slack.",
        r"(?:xox[abceoprsd]-(?:[0-9]{1,14}-)?[0-9A-Za-z.%-]{16,250}|xoxe\.xox[bp]-[0-9]-[A-Za-z0-9]{100,250}"
        r"|xapp-[0-9]-[A-Z0-9]{5,16}-[0-9]{5,20}-[a-z0-9]{16,80}"
        r"|hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/[A-Za-z0-9/_-]{30,120})",
        ("xox", "xapp-", "hooks.slack"),
        (
            "xoxb-" + "2481632641-" + mixed(24),
            "xoxp-" + "2481632641-" + digits(12) + "-" + hexadecimal(32),
            "xapp-" + "1-A04B7C2D9-" + digits(13) + "-" + hexadecimal(64),
            "hooks.slack.com/services/" + "T0A1B2C3D/B4E5F6G7H/" + mixed(24),
        ),
        not_these=("xoxb-your-token-here-please", "xox-" + mixed(36), "https://slack.com/services/help-and-contact"),
    ),
    token(
        "secret.teams_webhook",
        "An incoming webhook of Microsoft Teams.",
        rf"webhook\.office\.com/webhookb2/{_UUID}@{_UUID}/IncomingWebhook/[a-f0-9]{{32}}/{_UUID}",
        ("webhook.office.com",),
        (f"webhook.office.com/webhookb2/{UUID}@{UUID}/IncomingWebhook/" + hexadecimal(32) + "/" + UUID,),
    ),
    token(
        "secret.telegram_token",
        "A bot token of Telegram.",
        r"[0-9]{8,10}:AA[A-Za-z0-9_-]{33}",
        (":aa",),
        (digits(10) + ":" + "AA" + mixed(33),),
    ),
    token(
        "secret.discord_webhook",
        "A webhook of Discord.",
        r"discord(?:app)?\.com/api/webhooks/[0-9]{17,20}/[A-Za-z0-9_-]{60,80}",
        ("discord.com/api/webhooks/", "discordapp.com/api/webhooks/"),
        ("discord.com/api/webhooks/" + digits(18) + "/" + mixed(68),),
    ),
    named(
        "secret.discord_token",
        "A bot token of Discord.",
        ("discord", "token", "bot"),
        r"[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,40}",
        "MTk4NjIyNDgzNDcxOTI1MjQ4." + mixed(6) + "." + mixed(38),
        gap=BESIDE,
        validate=discord_token,
        not_these=("bot token " + "Mixed" + mixed(20) + "." + mixed(6) + "." + mixed(38),),
    ),
    token(
        "secret.twilio_key",
        "An API key of Twilio.",
        r"SK[a-f0-9]{32}",
        tuple("sk" + digit for digit in _HEX_DIGITS),
        ("SK" + hexadecimal(32),),
    ),
    named(
        "secret.twilio_auth_token",
        "The authentication token of an account of Twilio.",
        ("twilio", *spellings("twilio auth token", "account sid")),
        "[a-f0-9]{32}",
        hexadecimal(32),
    ),
    token(
        "secret.sendgrid_key",
        "An API key of SendGrid.",
        r"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}",
        ("sg.",),
        ("SG." + mixed(22) + "." + mixed(43),),
    ),
    token(
        "secret.mailgun_key",
        "A private API key of Mailgun.",
        r"(?:key|pubkey)-[a-f0-9]{32}",
        ("key-",),
        ("key-" + hexadecimal(32),),
    ),
    named(
        "secret.mailgun_api_key",
        "An API or signing key of Mailgun in its newer form.",
        ("mailgun",),
        "[a-f0-9]{32}-[a-f0-9]{8}-[a-f0-9]{8}",
        hexadecimal(32) + "-7f3ac91e-5b8d2064",
    ),
    token(
        "secret.mailchimp_key",
        "An API key of Mailchimp.",
        r"[a-f0-9]{32}-us[0-9]{1,2}",
        ("-us",),
        (hexadecimal(32) + "-us" + "14",),
        not_these=("eu-us14", "the plan-us1"),
    ),
    token(
        "secret.brevo_key",
        "An API or SMTP key of Brevo (Sendinblue).",
        r"x(?:key|smtp)sib-[a-f0-9]{64}-[A-Za-z0-9]{16}",
        ("xkeysib-", "xsmtpsib-"),
        ("xkeysib-" + hexadecimal(64) + "-" + mixed(16),),
    ),
    named(
        "secret.postmark_token",
        "A server or account token of Postmark.",
        ("postmark",),
        _UUID,
        UUID,
    ),
    token(
        "secret.facebook_token",
        "An access token of Facebook or Instagram.",
        r"EAA[A-Za-z0-9]{90,400}",
        ("eaa",),
        ("EAA" + "CEdEose0cBA" + mixed(160),),
        max_span_chars=403,
    ),
    token(
        "secret.twitter_token",
        "A bearer token of X (Twitter).",
        r"A{20,22}[A-Za-z0-9%]{60,110}",
        ("aaaaaaaaaaaaaaaaaaaa",),
        ("A" * 21 + mixed(30) + "%3D" + mixed(50),),
    ),
)

_WORK: tuple[Detector, ...] = (
    token(
        "secret.linear_key",
        "An API or OAuth key of Linear.",
        r"lin_(?:api|oauth)_[A-Za-z0-9]{40,64}",
        ("lin_api_", "lin_oauth_"),
        ("lin_" + "api_" + mixed(40),),
    ),
    token(
        "secret.notion_token",
        "A token of an integration of Notion.",
        r"(?:ntn_[0-9]{11}[A-Za-z0-9]{35}|secret_[A-Za-z0-9]{43})",
        ("ntn_", "secret_"),
        ("ntn_" + digits(11) + mixed(35), "secret_" + mixed(43)),
    ),
    named(
        "secret.okta_token",
        "An API token of Okta.",
        ("okta", "ssws"),
        "00[A-Za-z0-9_-]{40}",
        "00" + mixed(40),
        gap=NEAR,
        not_these=("okta id " + "00" + digits(18),),
    ),
    token(
        "secret.airtable_token",
        "A personal access token of Airtable.",
        r"pat[A-Za-z0-9]{14}\.[a-f0-9]{64}",
        ("pat",),
        ("pat" + mixed(14) + "." + hexadecimal(64),),
    ),
    token(
        "secret.figma_token",
        "A personal access token of Figma.",
        r"fig[duo]r?_[A-Za-z0-9_-]{40,60}",
        ("figd_", "figu_", "figo_", "figdr_", "figur_", "figor_"),
        ("figd_" + mixed(40),),
    ),
    token(
        "secret.asana_token",
        "A personal access token of Asana.",
        r"[012]/1[0-9]{14,16}(?:/1[0-9]{14,16})?:[a-f0-9]{32}",
        ("0/1", "1/1", "2/1"),
        ("1/1" + digits(15) + ":" + hexadecimal(32), "2/1" + digits(15) + "/1" + digits(15) + ":" + hexadecimal(32)),
    ),
    token(
        "secret.hubspot_token",
        "A private app token of HubSpot.",
        rf"pat-(?:na|eu|ap)[0-9]-{_UUID}",
        ("pat-na", "pat-eu", "pat-ap"),
        ("pat-" + "na1-" + UUID,),
    ),
    token(
        "secret.typeform_token",
        "A personal access token of Typeform.",
        r"tfp_[A-Za-z0-9_.=-]{40,64}",
        ("tfp_",),
        ("tfp_" + mixed(59),),
    ),
    token(
        "secret.contentful_token",
        "A personal access token of Contentful.",
        r"CFPAT-[A-Za-z0-9_-]{43}",
        ("cfpat-",),
        ("CFPAT-" + mixed(43),),
    ),
    token(
        "secret.dropbox_token",
        "A short-lived access token of Dropbox.",
        r"sl\.(?:u\.|B)?[A-Za-z0-9_-]{120,600}",
        ("sl.",),
        ("sl." + "B" + mixed(140),),
        max_span_chars=606,
    ),
    token(
        "secret.mapbox_token",
        "A secret access token of Mapbox.",
        r"sk\.eyJ1[A-Za-z0-9_-]{40,160}\.[A-Za-z0-9_-]{22}",
        ("sk.eyj1",),
        ("sk." + "eyJ1" + mixed(80) + "." + mixed(22),),
    ),
)

_WATCHING: tuple[Detector, ...] = (
    named(
        "secret.datadog_key",
        "An API or application key of Datadog.",
        ("datadog", "dd_api", "dd-api", "dd_app", "dd-app", "ddapi"),
        "[a-f0-9]{40}|[a-f0-9]{32}",
        hexadecimal(32),
    ),
    token(
        "secret.new_relic_key",
        "A user, ingest, browser or license key of New Relic.",
        r"(?:NRAK-[A-Z0-9]{27}|NRII-[A-Za-z0-9_-]{32}|NRJS-[a-f0-9]{19}|NRRA-[a-f0-9]{42}|[a-f0-9]{36}(?:FFFF)?NRAL)",
        ("nrak-", "nrii-", "nrjs-", "nrra-", "nral"),
        ("NRAK-" + base32(27), "NRII-" + mixed(32), hexadecimal(36) + "NR" + "AL"),
    ),
    token(
        "secret.grafana_token",
        "A service account token or a cloud key of Grafana.",
        r"(?:glsa_[A-Za-z0-9]{32}_[a-f0-9]{8}|glc_eyJ[A-Za-z0-9+/]{60,400}={0,2})",
        ("glsa_", "glc_eyj"),
        ("glsa_" + mixed(32) + "_" + hexadecimal(8), "glc_" + "eyJ" + base64(120) + "=="),
        max_span_chars=409,
    ),
    named(
        "secret.pagerduty_key",
        "An API key of PagerDuty.",
        ("pagerduty", "pager_duty", "pd_api"),
        r"u\+[A-Za-z0-9_-]{18}|[A-Za-z0-9_+-]{20}|[a-f0-9]{32}",
        "u+" + mixed(18),
    ),
    named("secret.algolia_key", "An API key of Algolia.", ("algolia",), "[a-f0-9]{32}", hexadecimal(32)),
    named(
        "secret.new_relic_license",
        "A license key of New Relic in its older form.",
        spellings("new relic", "newrelic license key"),
        "[a-f0-9]{40}",
        hexadecimal(40),
    ),
    token(
        "secret.adafruit_key",
        "A key of Adafruit IO.",
        r"aio_[A-Za-z0-9]{28}",
        ("aio_",),
        ("aio_" + mixed(28),),
    ),
    token(
        "secret.easypost_key",
        "An API key of EasyPost.",
        r"EZ[AT]K[A-Za-z0-9]{54}",
        ("ezak", "eztk"),
        ("EZAK" + mixed(54),),
        validate=is_aws_id,
    ),
)

SERVICES: tuple[Detector, ...] = (*_PAYMENT, *_MESSAGES, *_WORK, *_WATCHING)
