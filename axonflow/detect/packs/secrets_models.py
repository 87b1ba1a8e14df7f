"""Keys of model providers and of the services around models."""

from __future__ import annotations

from axonflow.detect.detector import Detector
from axonflow.detect.packs.key_samples import UUID, hexadecimal, lower, mixed
from axonflow.detect.packs.secret_shapes import named, spellings, token

__all__ = ["MODELS"]

_MARK = "T3Blbk" + "FJ"

MODELS: tuple[Detector, ...] = (
    token(
        "secret.openai_key",
        "An API key of OpenAI, or of who took over its form: of a project, a service account, an admin or a user.",
        r"sk-(?:(?:proj|svcacct|service|admin|None)-[A-Za-z0-9_-]{20,250}"
        r"|[a-z0-9-]{1,24}-[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}|[A-Za-z0-9]{20,80})",
        ("sk-",),
        (
            "sk-" + mixed(20) + _MARK + mixed(20),
            "sk-" + "proj-" + mixed(64) + "_" + _MARK + mixed(20) + "-" + mixed(36),
            "sk-" + "svcacct-" + mixed(74) + _MARK + mixed(74),
            "sk-" + "admin-" + mixed(58) + _MARK + mixed(58),
            "sk-" + hexadecimal(32),
        ),
        not_these=(
            "sk-your-key-here",
            "sk-proj-your-openai-project-api-key-here",
            "desk-" + mixed(36),
            "a task-oriented risk-averse sk-learn-contributor-guide-for-all",
        ),
    ),
    token(
        "secret.anthropic_key",
        "An API, administration or OAuth key of Anthropic.",
        r"sk-ant-[a-z]{2,10}[0-9]{2}-[A-Za-z0-9_-]{24,250}",
        ("sk-ant-",),
        ("sk-" + "ant-api03-" + mixed(86) + "-" + mixed(6) + "AA", "sk-" + "ant-admin01-" + mixed(90)),
        not_these=("sk-ant-api03-your-anthropic-api-key-goes-here", "sk-ant-api03-" + "x" * 40),
    ),
    token(
        "secret.huggingface_token",
        "A user or organization token of Hugging Face.",
        r"(?:hf_[A-Za-z0-9]{30,40}|api_org_[A-Za-z0-9]{34})",
        ("hf_", "api_org_"),
        ("hf_" + "qZrKdXwTnVbLmHsPfGjYcRuBeNkTaDqWxS", "api_" + "org_" + mixed(34)),
        not_these=("hf_hub_download", "hf_" + "transformersmodelsdatasetsspacesab"),
    ),
    token(
        "secret.replicate_token",
        "An API token of Replicate.",
        r"r8_[A-Za-z0-9]{37}",
        ("r8_",),
        ("r8_" + mixed(37),),
    ),
    token("secret.groq_key", "An API key of Groq.", r"gsk_[A-Za-z0-9]{52}", ("gsk_",), ("gsk_" + mixed(52),)),
    token(
        "secret.perplexity_key",
        "An API key of Perplexity.",
        r"pplx-[A-Za-z0-9]{48,56}",
        ("pplx-",),
        ("pplx-" + mixed(48),),
    ),
    token("secret.xai_key", "An API key of xAI.", r"xai-[A-Za-z0-9]{70,90}", ("xai-",), ("xai-" + mixed(80),)),
    token(
        "secret.openrouter_key",
        "An API key of OpenRouter.",
        r"sk-or-(?:v1-)?[a-f0-9]{64}",
        ("sk-or-",),
        ("sk-" + "or-v1-" + hexadecimal(64),),
    ),
    token(
        "secret.langsmith_key",
        "An API key of LangSmith.",
        r"lsv2_(?:pt|sk)_[a-f0-9]{32}_[a-f0-9]{10}",
        ("lsv2_",),
        ("lsv2_" + "pt_" + hexadecimal(32) + "_" + hexadecimal(10),),
    ),
    token(
        "secret.langfuse_key",
        "A secret key of Langfuse.",
        r"sk-lf-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        ("sk-lf-",),
        ("sk-" + "lf-" + UUID,),
    ),
    token(
        "secret.pinecone_key",
        "An API key of Pinecone.",
        r"pcsk_[A-Za-z0-9]{4,8}_[A-Za-z0-9]{50,70}",
        ("pcsk_",),
        ("pcsk_" + mixed(6) + "_" + mixed(63),),
    ),
    token(
        "secret.nvidia_key",
        "An API key of NVIDIA.",
        r"nvapi-[A-Za-z0-9_-]{60,70}",
        ("nvapi-",),
        ("nvapi-" + mixed(64),),
    ),
    token(
        "secret.tavily_key",
        "An API key of Tavily.",
        r"tvly-(?:dev-|prod-)?[A-Za-z0-9]{32}",
        ("tvly-",),
        ("tvly-" + mixed(32), "tvly-" + "dev-" + mixed(32)),
    ),
    token(
        "secret.fireworks_key",
        "An API key of Fireworks AI.",
        r"fw_[A-Za-z0-9]{22,24}",
        ("fw_",),
        ("fw_" + mixed(24),),
    ),
    token(
        "secret.together_key",
        "An API key of Together AI.",
        r"tgp_v1_[A-Za-z0-9_-]{43}",
        ("tgp_v1_",),
        ("tgp_" + "v1_" + mixed(43),),
    ),
    token("secret.cerebras_key", "An API key of Cerebras.", r"csk-[a-z0-9]{48}", ("csk-",), ("csk-" + lower(48),)),
    token(
        "secret.jina_key",
        "An API key of Jina AI.",
        r"jina_[a-f0-9]{32}[A-Za-z0-9_-]{28}",
        ("jina_",),
        ("jina_" + hexadecimal(32) + mixed(28),),
    ),
    token(
        "secret.voyage_key",
        "An API key of Voyage AI.",
        r"pa-[A-Za-z0-9_-]{43}",
        ("pa-",),
        ("pa-" + mixed(43),),
        not_these=("real-time-and-critical-infrastructure-for-everybody-in-town",),
    ),
    token(
        "secret.elevenlabs_key",
        "An API key of ElevenLabs.",
        r"sk_[a-f0-9]{48}",
        ("sk_",),
        ("sk_" + hexadecimal(48),),
    ),
    named(
        "secret.cohere_key",
        "An API key of Cohere.",
        ("cohere", "co_api_key"),
        "[A-Za-z0-9]{40}",
        mixed(40),
    ),
    named("secret.mistral_key", "An API key of Mistral AI.", ("mistral",), "[A-Za-z0-9]{32}", mixed(32)),
    named(
        "secret.wandb_key",
        "An API key of Weights & Biases.",
        ("wandb", "weights & biases"),
        "[a-f0-9]{40}",
        hexadecimal(40),
        not_these=("wandb commit " + hexadecimal(40),),
    ),
    named(
        "secret.azure_openai_key",
        "A key of Azure OpenAI or another service of Azure AI, without Microsoft's mark.",
        spellings("azure openai", "azure api key", "cognitive services", "ocp apim subscription key"),
        "[a-f0-9]{32}",
        hexadecimal(32),
    ),
)
