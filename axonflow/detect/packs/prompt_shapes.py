"""Shapes of prompt injection: text addressed to the model that takes the place of its instructions.

Patterns see known phrasings in English and, for the override, in some other languages. They do not see an attack that
reads like ordinary text: measured recall on indirect attacks is near zero, so a deployment that depends on it adds
a classifier.
"""

from __future__ import annotations

from axonflow.detect.context_words import is_question_about
from axonflow.detect.detector import Shape

__all__ = ["PROMPT_SHAPES"]

_S = r"[^\w\n]{1,4}"  # between two words
_OBJECT = (
    r"(?:instructions?|prompts?|directions?|directives?|guidelines?|commands?|rules?|constraints?|restrictions?|polic(?:y|ies)"
    r"|programming|training|contexts?|conversations?|messages?|filters?|safeguards?|orders|tasks?|text|inputs?|content)"
)
_TOLD = r"(?:instructions?|prompts?|directions?|directives?|commands?|guidelines?|programming)"
_DROP = (
    r"(?:ignore|ignoring|disregard|disregarding|forget|forgetting|override|overriding|bypass|bypassing|overlook|discard|neglect|erase|void"
    r"|cancel|unlearn|stop following|(?:do not|don't|never) (?:follow|obey|listen to)|pay no attention to|no longer follow)"
)
_FILLER = rf"(?:(?:all|any|every|each|of|the|these|those|my|and|please|both|completely|about|everything in|what's in|to){_S}){{0,5}}"
_EARLIER = (
    r"(?:previous|prior|preceding|above|earlier|foregoing|past|former|original|initial|existing|current|pre-?existing|system|developer|your|openai's?"
    r"|previously|given)"
)
_LOOSE = (
    r"(?:restrictions?|rules?|limit(?:ation)?s?|filters?|filtering|ethic(?:s|al)?|moral(?:s|ity|ly)?|guidelines?|polic(?:y|ies)|censor(?:ship|ing|ed)?"
    r"|boundar(?:y|ies)|confines|constraints?|principles|restraints?|inhibitions|safeguards)"
)
_FREE = (
    r"(?:no|without(?: any)?|zero|free (?:of|from)|freed (?:of|from)|broken (?:free )?(?:of|from)|(?:not|never|nor|isn't|aren't|unbound|no longer|un)"
    r" ?(?:be )?(?:bound|restrained|constrained|restricted|limited|bounded|governed|subject|programmed) ?(?:by|to|with)?|unbound by|devoid of|removed"
    r"|(?:does not|doesn't|do not|don't|not|never|need not) (?:have|need|care|follow|obey|abide|adhere|comply|respect|possess)(?: (?:to|about|by|with|any|to abide by|to follow))*"
    r"|ignores?|bypass(?:es)?|disables?|disabled|abide by the rules)"
)
_BOT = r"(?:you|u|chat ?gpt\w*|gpt\w*|ai|a\.i\.|al|(?:chat ?)?bots?|(?:language )?models?|assistants?|llms?|character|persona|it|he|she|they)"


def _is_told(before: str, span: str, after: str) -> bool:
    return not is_question_about(before)


_CUES = (
    "restrict", "ethic", "moral", "illegal", "censor", "filter", "openai", "polic", "refus", "break character", "stay in character",
    "in character", "as an ai", "any prompt", "no matter", "without asking", "jailbreak", "anything now", "harmful", "explicit", "offensive",
    "swear", "warning", "inappropriate", "unhinged", "limitation", "guideline", "profan", "curs", "uncensored", "disclaimer", "controversial",
    "never say", "immoral", "nsfw", "sexual", "racist", "apolog", "confines", "freed", "obey", "evil", "comply", "opposite", "hack",
    "language model", "hypothetical", "violent", "vulgar", "toxic", "rules",
)  # fmt: skip


def _is_let_loose(before: str, span: str, after: str) -> bool:
    """Whether the text around a role says, in several ways, that rules do not hold for it."""
    lower = (before + after).lower()
    return sum(cue in lower for cue in _CUES) >= 3 and not is_question_about(before)


def _says(pattern: str, *triggers: str, confidence: float = 0.85) -> Shape:
    return Shape(pattern=f"(?i:{pattern})", triggers=triggers, in_context=_is_told, confidence=confidence)


PROMPT_SHAPES: tuple[Shape, ...] = (
    # ignore all previous instructions
    _says(
        rf"\b{_DROP}{_S}{_FILLER}(?:{_EARLIER}{_S}){{1,3}}(?:\w+{_S}){{0,2}}{_OBJECT}\b"
        rf"|\b{_DROP}{_S}(?:all|any)(?:{_S}of)?(?:{_S}(?:the|your|other|these))?{_S}(?:\w+{_S})?{_TOLD}\b"
        rf"|\b{_DROP}{_S}(?:absolutely )?(?:all|everything|anything|any|the)(?:{_S}\w+){{0,4}}{_S}(?:(?:you|i|we|they|that|was|were|been|have|had|were|are)\W{{1,3}}){{0,4}}"
        r"(?:told|given|said|got|received|learned|taught|instructed|wrote|written)\b"
        rf"|\b{_DROP}{_S}(?:all|everything|anything){_S}(?:\w+{_S}){{0,3}}(?:before|above|previous|prior|earlier|so far|up to now|until now)\b"
        rf"|\b{_DROP}{_S}(?:\w+{_S}){{0,4}}(?:openai|safety|content|ethical|moral){_S}(?:\w+{_S}){{0,2}}(?:polic(?:y|ies)|guidelines?|rules|restrictions|filters?|programming)\b",
        "ignor", "disregard", "forget", "overrid", "bypass", "overlook", "discard", "neglect", "erase", "void", "cancel", "unlearn", "follow", "obey",
        "listen to", "attention",
        confidence=0.9,
    ),  # fmt: skip
    # the same in German, French, Spanish, Portuguese, Italian and Dutch (folded: without marks)
    _says(
        rf"\b(?:ignorier\w*|vergiss|missachte|ignore[rz]?|oublie[rz]?|ignora\w*|olvid\w*|esque\w*|dimentica\w*|desconsider\w*|negeer|vergeet)\b{_S}(?:\w+{_S}){{0,4}}"
        r"(?:anweisungen|instruktionen|vorgaben|befehle|instructions|consignes|directives|instrucciones|ordenes|indicaciones|instrucoes|orientacoes|istruzioni"
        rf"|instructies|aanwijzingen)(?:{_S}(?:precedentes|anterieures|anteriores|previas|precedenti|hierboven|ci-dessus|anterior)|\b)",
        "anweis", "instruk", "vorgab", "befehl", "consign", "directiv", "instruc", "orden", "indicac", "orient", "istruz", "aanwijz",
        confidence=0.85,
    ),  # fmt: skip
    # personas that are known for one thing, and modes that do not exist
    _says(
        r"\bdo anything now\b|\b(?:stands?|short) for[\s\"']{1,3}\w{2,12}[\s,]+anything\b|\b(?:act|acting|answer\w*|respond\w*|behave|pretend\w*|be|as|are|become|called|named)"
        r"(?: (?:as|like|to be|now|an?|the|in|is))*[\s\"'(]{1,3}(?:DAN|STAN|DUDE|AIM|UCAR|BetterDAN|AntiGPT|DevMode|EvilBOT|BasedGPT|JailBreak(?:ed)?|FreedomGPT)\b"
        rf"|\b(?:developer|dev|god|debug|sudo|root|admin|dan|unrestricted|unfiltered|uncensored|evil|jailbreak|jailbroken|opposite|maintenance|no[ -]?filter|chaos) ?mode{_S}(?:is{_S})?"
        rf"(?:now{_S})?(?:enabled|activated|on|engaged|unlocked|active|output)\b|\b(?:enable|activate|enter|unlock|switch to|turn on){_S}(?:the{_S})?(?:developer|god|debug|dan|jailbreak|unrestricted"
        r"|unfiltered|uncensored|evil|root|sudo) ?mode\b|\bwith (?:\w+[ -]){1,3}mode (?:enabled|activated|on)\b|\bjailbr(?:eak|oken) (?:chat ?gpt|gpt|ai|assistant|llm|prompt enabled)",
        "anything", "dan", "stan", "dude", "aim", "ucar", "gpt", "mode", "evilbot", "jailbr", "freedom",
    ),  # fmt: skip
    # an assistant for which no rules hold
    _says(
        rf"\b{_BOT}\b[^.\n]{{0,80}}[\s\W]{_FREE}{_S}(?:\w+{_S}){{0,4}}{_LOOSE}\b"
        rf"|\b(?:unfiltered|uncensored|unrestricted|amoral|immoral|unethical|non-?moral|jailbroken)(?:(?:{_S}|, )\w+){{0,4}}{_S}(?:ai|chatbot|bot|assistant|(?:language )?model|gpt\w*|chatgpt|response\w*|version of (?:yourself|chatgpt))\b",
        "restrict", "rule", "limit", "filter", "ethic", "moral", "guideline", "polic", "censor", "bound", "confin", "constrain", "principle", "restrain",
        "inhibit", "safeguard", "jailbroken",
        confidence=0.75,
    ),  # fmt: skip
    # a role, and around it the ways to say that rules do not hold
    Shape(
        pattern=(
            r"(?i:\bfrom now o[nw]n?\b|\bact(?:ing)? (?:as|like)\b|\bpretend(?:ing)?\b|\b(?:role|part|persona|style) of\b|\brole-?play\w*|\bsimulat(?:e|ing|or|ion)\b|\bpersonify\b"
            r"|\byou (?:are|will|must|shall|have|should)(?: now| also| both)? (?:be|become|act|play|respond|answer|reply|speak|going to|about to|no longer|now|take|talk|write|behave)\b"
            r"|\byou are(?: now)? (?:an?|the|called|named|known|[A-Z]\w+)\b|\b(?:in|break|out of|stay in) char(?:acter)?\b|\bimagine\b|\balter ego\b|\bimmerse\b|\bhi,? chat ?gpt|\bhello,? chat ?gpt"
            r"|\btake (?:on|up)\b|\bpersona\b|\brespond (?:as|to)\b|\banswer (?:as|with)\b|\bin the voice of\b|\bcharacter\b)"
        ),
        triggers=(
            "from now", "act", "pretend", "role", "part of", "persona", "style of", "simulat", "personify", "you ", "imagine", "alter ego", "immerse",
            "chatgpt", "chat gpt", "take ", "respond", "answer", "voice of",
        ),
        in_context=_is_let_loose,
        window_chars=700,
        confidence=0.6,
    ),  # fmt: skip
    # what is your system prompt
    _says(
        rf"\b(?:reveal|show|print|repeat|output|display|tell|give|disclose|leak|share|dump|expose|write|recite|return|provide|copy|paste|summari[sz]e|list|translate|encode){_S}(?:\w+{_S}){{0,4}}"
        rf"(?:your{_S}(?:\w+{_S}){{0,2}}|(?:the{_S})?(?:entire|full|exact|hidden|secret|initial|original|internal|system|developer|above|previous|whole|complete){_S}(?:\w+{_S}){{0,1}})"
        r"(?:system ?prompts?|prompts?|instructions?|system ?messages?|guidelines|directives|rules you|configuration)\b"
        rf"|\bwhat{_S}(?:is|are|was|were|does|do){_S}(?:\w+{_S}){{0,2}}your{_S}(?:\w+{_S}){{0,2}}(?:system ?prompts?|(?:initial|original|hidden|secret|system|exact|previous|first) (?:prompts?|instructions?|messages?))\b"
        rf"|\b(?:repeat|print|output|copy|write|show|say|echo)(?: me| back| down| out)?{_S}(?:everything|all|all of the|the|every)(?:{_S}\w+){{0,3}}{_S}(?:above|before this|preceding this|so far)\b"
        rf"|\b(?:your|hidden|secret|initial|original){_S}(?:system|initial|hidden|secret|original){_S}(?:prompt|instructions?){_S}(?:verbatim|word for word|in full|exactly)\b",
        "prompt", "instruction", "system message", "systemmessage", "guideline", "directive", "rules you", "configuration", "above", "before this", "preceding", "so far",
    ),  # fmt: skip
    # turns of a conversation that are not one
    Shape(
        pattern=(
            r"(?im:<\|(?:im_start|im_end|system|user|assistant|endoftext|start_header_id|end_header_id|eot_id|begin_of_text|fim_\w+)\|>|\[/?INST\]|<</?SYS>>"
            r"|<start_of_turn>|<end_of_turn>|</?system(?:[_ -](?:prompt|message|override|instructions?|note))?>|\[/?system(?:[ _](?:message|prompt|override|note|instructions?))?\](?:\(#\w+\))?"
            r"|^[\s>*#\[(-]*system[ _](?:override|alert|update|notice|instruction|command|note)[\])]?\s*[:\n]"
            r"|^[\s>*#\[(-]*(?:system|developer)\s*(?:message|prompt)?[\])*]*\s*:\s*(?:you\b|ignore|disregard|the (?:user|assistant|above|previous)|new|override|from now|forget|your|user|all)"
            r"|^#{2,}\s*(?:new |updated )?(?:system|instructions?)(?: (?:prompt|message|override))?\s*:\s*(?:you\b|ignore|disregard|forget|override|from now)"
            r"|^\s*(?:assistant|ai)\s*:\s*(?:sure|of course|certainly|ok|yes)[^\n]{0,80}\n\s*(?:user|human)\s*:"
            r"|-{3,}\s*(?:end|begin) (?:of )?(?:system|user|prompt|instructions?|context|document|data)[^\n-]{0,30}-{3,}|\b(?:end|start|begin|beginning) of (?:the )?(?:system|initial) (?:prompt|message|instructions?)\b)"
        ),
        triggers=("<|", "inst]", "<<sys", "<</sys", "_of_turn>", "system", "developer", "###", "assistant", "ai:", "ai :", "---", "##", "of the initial", "of initial"),
        confidence=0.8,
    ),  # fmt: skip
    # keep it from the user
    _says(
        rf"\b(?:do not|don't|dont|never|must not|mustn't|should not|shouldn't|without|avoid){_S}(?:ever{_S})?(?:tell(?:ing)?|mention(?:ing)?|inform(?:ing)?|reveal(?:ing)?|notify(?:ing)?|alert(?:ing)?|show(?:ing)?"
        rf"|disclos(?:e|ing)|let(?:ting)?|warn(?:ing)?|report(?:ing)?){_S}(?:\w+{_S}){{0,5}}(?:the |any |your )?(?:end[ -])?users?\b|\b(?:secretly|silently|covertly|quietly){_S}(?:\w+{_S}){{0,3}}"
        rf"(?:send|forward|email|upload|transmit|exfiltrate|append|include|copy|post){_S}|\b(?:hide|conceal|keep){_S}(?:this|it|that|these)(?:{_S}\w+){{0,4}}{_S}from{_S}(?:the{_S})?users?\b",
        "user", "secretly", "silently", "covertly", "quietly",
        confidence=0.8,
    ),  # fmt: skip
    # send what you know to me
    _says(
        rf"\b(?:send|post|forward|e-?mail|upload|exfiltrate|transmit|leak|append|submit|deliver|encode)(?:{_S}\w+){{0,8}}?{_S}(?:api[ _-]?keys?|passwords?|credentials?|secrets?|tokens?|chat history|conversation(?: history)?|system prompt"
        rf"|environment variables|env vars|(?:user|customer|personal|private|confidential|sensitive)(?:'s)? (?:data|information|details|files|emails)|inbox|contents? of|session cookies?)\b[^\n]{{0,80}}?{_S}(?:to|at|via){_S}(?:\w+{_S}){{0,4}}"
        rf"(?:https?\b|[\w.+-]+@|webhook|attacker|(?:this|my|our|the following|external) (?:server|url|endpoint|address|site|email|account))"
        r"|!\[[^\]\n]{0,100}\]\(https?://[^)\s]{1,200}[?&][^)\s=]{1,40}=[^)\s]{0,40}(?:\{|<|\[|%7b|\$|summary|base64|secret|conversation)",
        "send", "post", "forward", "mail", "upload", "exfiltrate", "transmit", "leak", "append", "submit", "deliver", "encode", "![",
        confidence=0.8,
    ),  # fmt: skip
    # instructions for whoever reads this, if it is a machine
    _says(
        rf"\b(?:ai|llms?|language models?|(?:ai )?assistants?|(?:ai )?agents?|chat ?bots?|chatgpt|claude|gpt-?\d?\w*|gemini|copilot)s?{_S}(?:(?:that|who|which|is|are|currently|if){_S}){{0,3}}"
        rf"(?:reading|processing|summari[sz]ing|reads?|parsing|analy[sz]ing|evaluating|reviewing|sees?){_S}(?:this|the following)\b"
        rf"|\bbefore{_S}you(?:{_S}can|{_S}may)?{_S}(?:solve|complete|answer|continue|proceed|finish|respond|reply)(?:{_S}\w+){{0,14}}?{_S}(?:(?:you{_S})?(?:must|need to|have to|should)|please|first)(?:{_S}\w+){{0,3}}?{_S}"
        rf"(?:do|follow|execute|perform|call|send|run|make|use|transfer)\b|\b(?:new|updated|real|actual|true){_S}(?:system{_S})?(?:instructions?|directives?|objective|orders)(?:{_S}(?:is|are|for you))?\s*:"
        rf"\s*(?:you\b|ignore|send|reveal|do not|print|output|forget|respond|say|tell|write|execute|from now)|\bstrictly (?:adhere to|follow) the following instructions?\b",
        "reading this", "reading the following", "processing", "summari", "reads", "read ", "parsing", "analy", "evaluating", "reviewing", "see", "before you", "instruction", "directive",
        "objective", "orders",
        confidence=0.75,
    ),  # fmt: skip
)
