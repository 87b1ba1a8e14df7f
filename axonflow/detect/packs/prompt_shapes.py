"""Shapes of prompt injection: text addressed to the model that takes the place of its instructions.

Patterns see known phrasings in English and, for the override, in some other European languages. They do not see an
attack that reads like ordinary text, as indirect ones do: a deployment that depends on it adds a classifier.
"""

from __future__ import annotations

from axonflow.detect.context_words import has_any, is_question_about, words_of
from axonflow.detect.detector import InContext, Shape

__all__ = ["PROMPT_SHAPES"]

_S = r"[^\w\n.?!]{1,4}"  # between two words of a sentence
_C = r"[^\w\n.?!,;:]{1,4}"  # between two words of a clause
_DROP = (
    r"(?:ignor(?:e|ing)|disregard(?:ing)?|forget(?:ting)?|overrid(?:e|ing)|bypass(?:ing)?|overlook|discard|neglect|erase"
    r"|void|cancel|unlearn|stop following|(?:do not|don't|never) (?:follow|obey|listen to)|pay no attention to"
    r"|no longer follow)"
)
_FILLER = rf"(?:(?:all|any|every|each|of|the|these|those|and|please|both|about|everything in|to){_S}){{0,5}}"
_EARLIER = (
    r"(?:previous(?:ly)?|prior|preceding|above|earlier|foregoing|past|former|original|initial|existing|current|system"
    r"|developer|your|openai's?|given)"
)
_OBJECT = (
    r"(?:instructions?|prompts?|directions?|directives?|guidelines?|commands?|rules?|constraints?|restrictions?"
    r"|polic(?:y|ies)|programming|training|contexts?|conversations?|messages?|filters?|safeguards?|orders|tasks?|text"
    r"|inputs?|content)"
)
_TOLD = r"(?:instructions?|prompts?|directions?|directives?|commands?|guidelines?|programming)"
_RULES = r"(?:polic(?:y|ies)|guidelines?|rules|restrictions|filters?|programming)"
_LOOSE = (
    r"(?:restrictions?|rules?|limit(?:ation)?s?|filters?|filtering|ethic(?:s|al)?|moral(?:s|ity|ly)?|guidelines?"
    r"|polic(?:y|ies)|censor(?:ship|ing|ed)?|boundar(?:y|ies)|confines|constraints?|principles|restraints?|inhibitions"
    r"|safeguards)"
)
_FREE = (
    r"(?:no|without(?: any)?|zero|free (?:of|from)|freed (?:of|from)|broken (?:free )?(?:of|from)|devoid of|removed"
    r"|(?:not|never|nor|isn't|aren't|no longer) (?:be )?(?:bound|restrained|constrained|restricted|limited|bounded"
    r"|governed|subject|programmed) ?(?:by|to|with)?|unbound(?:ed)? by"
    r"|(?:does not|doesn't|do not|don't|not|never|need not) (?:have|need|care|follow|obey|abide|adhere|comply|respect"
    r"|possess)(?: (?:about|by|with|any|to abide by|to follow|to))*|ignores?|bypass(?:es)?|disabled?|disables)"
)
_KEEP = r"(?:do not|don't|dont|never|must not|mustn't|should not|shouldn't|without|avoid)"
_MACHINE = (
    r"(?:ai|llms?|language models?|(?:ai )?assistants?|(?:ai )?agents?|chat ?bots?|chatgpt|claude|gpt-?\d?\w*|gemini"
    r"|copilot)"
)
_VALUABLE = (
    r"(?:api[ _-]?keys?|passwords?|credentials?|secrets?|(?:access|session|api|auth\w*|bearer) tokens?"
    r"|chat history|conversation(?: history)?|system prompt"
    r"|environment variables|env vars|(?:user|customer|personal|private|confidential|sensitive)(?:'s)? "
    r"(?:data|information|details|files|emails)|inbox|contents? of|session cookies?)"
)
_BOTS = frozenset(
    "you u your yourself chatgpt gpt ai al bot bots chatbot chatbots model models assistant llm character "
    "persona he she they it dan".split()
)
# Ways to say that rules do not hold. Words of ordinary system prompts (policy, refuse, offensive) are none of them.
_CUES = (
    "no restriction", "without restriction", "any restriction", "restrictions", "unethical", "immoral",
    "amoral", "moral", "ethic",
    "illegal", "uncensor", "unfilter", "unrestrict", "unhinged", "censor", "filters", "openai",
    "content polic", "policies", "break character",
    "breaking character", "stay in character", "out of character", "as an ai", "ai language model",
    "any prompt", "no matter", "without asking",
    "jailbreak", "anything now", "any question", "any request", "never refuse", "cannot refuse", "not refuse",
    "can't refuse", "won't refuse",
    "swear", "curs", "profan", "nsfw", "sexual", "racist", "evil", "opposite", "never say", "confines",
    "freed", "broken free", "obey",
    "hypothetical", "vulgar", "toxic", "rude", "disclaimer", "hate", "controversial", "warnings", "chatgpt",
    "normal response", "two responses",
)  # fmt: skip
_MIN_CUES = 4
_ABOUT_A_MACHINE = _BOTS - {"he", "she", "they", "it", "u", "dan", "al"}
_TOPICS = ("for ", "on ", "about ", "to ", "the ", "this ", "that ", "in ")


def _is_told(before: str, _span: str, _after: str) -> bool:
    return not is_question_about(before)


def _is_about_a_bot(before: str, _span: str, after: str) -> bool:
    """Whether the sentence that the span ends speaks of the model or of a role that it shall play."""
    start = max(before.rfind(mark) for mark in (". ", "? ", "! ", "\n"))
    if after.lstrip().startswith("on ") or is_question_about(before):
        return False
    return has_any(words_of(before[start + 1 :]), _BOTS, ("gpt",))


def _is_near_a_bot(before: str, _span: str, after: str) -> bool:
    """Whether a mode that games and devices have too is one of the model here."""
    return has_any(words_of(before + " " + after), _ABOUT_A_MACHINE, ("gpt",)) and not is_question_about(before)


def _is_disclosure(before: str, _span: str, after: str) -> bool:
    """Whether what shall be shown is the model's own, not "your instructions for the shelf"."""
    return not (after.lstrip().lower().startswith(_TOPICS) or is_question_about(before))


def _is_let_loose(before: str, _span: str, after: str) -> bool:
    """Whether the text around a role says, in several ways, that rules do not hold for it."""
    lower = (before + after).lower()
    return sum(cue in lower for cue in _CUES) >= _MIN_CUES and not is_question_about(before)


def _says(
    *alternatives: str, confidence: float, in_context: InContext | None = _is_told, window_chars: int = 64
) -> Shape:
    return Shape(
        pattern=f"(?im:{'|'.join(alternatives)})",
        in_context=in_context,
        window_chars=window_chars,
        confidence=confidence,
    )


PROMPT_SHAPES: tuple[Shape, ...] = (
    # ignore all previous instructions
    _says(
        rf"\b{_DROP}{_S}{_FILLER}(?:{_EARLIER}{_S}){{1,3}}(?:\w+{_S}){{0,2}}{_OBJECT}\b",
        rf"\b{_DROP}{_S}(?:all|any)(?:{_S}of)?(?:{_S}(?:the|your|other|these))?{_S}(?:\w+{_S})?{_TOLD}\b",
        rf"\b{_DROP}{_S}(?:absolutely )?(?:all|everything|anything|any|the)(?:{_C}\w+){{0,4}}{_C}"
        r"(?:(?:you|i|we|they|that|was|were|been|have|had)\W{1,3}){0,4}"
        r"(?:told|given|said|got|received|learned|taught|instructed|wrote|written)\b",
        rf"\b{_DROP}{_S}(?:all|everything|anything){_S}(?:\w+{_S}){{0,3}}"
        r"(?:before|above|previous|prior|earlier|so far|up to now|until now)\b",
        rf"\b{_DROP}{_S}(?:\w+{_S}){{0,4}}(?:openai|safety|content|ethical|moral){_S}(?:\w+{_S}){{0,2}}{_RULES}\b",
        confidence=0.9,
    ),
    # the same in German, French, Spanish, Portuguese, Italian and Dutch (folded: without marks)
    _says(
        r"\b(?:ignorier\w*|vergiss|missachte|ignore[rz]?|oublie[rz]?|ignora\w*|olvid\w*|esque\w*|dimentica\w*"
        rf"|desconsider\w*|negeer|vergeet)\b{_S}(?:\w+{_S}){{0,4}}"
        r"(?:anweisungen|instruktionen|vorgaben|befehle|consignes|instrucciones|ordenes|indicaciones|instrucoes"
        r"|orientacoes|istruzioni|instructies|aanwijzingen|(?:instructions|directives) (?:precedentes|anterieures))\b",
        confidence=0.85,
    ),
    # personas that are known for one thing, and modes that do not exist
    _says(
        r"\bdo anything now\b",
        r"\b(?:stands?|short) for[\s\"']{1,3}\w{2,12}[\s,]+anything\b",
        r"\b(?:act|acting|answer\w*|respond\w*|behave|pretend\w*|be|as|are|become|called|named)"
        r"(?: (?:as|like|to be|now|an?|the|in|is))*[\s\"'(]{1,3}"
        r"(?-i:DAN|STAN|DUDE|AIM|UCAR|BetterDAN|AntiGPT|DevMode|EvilBOT|BasedGPT|JailBreak|FreedomGPT)\b",
        r"\bwith (?:\w+[ -]){1,3}mode (?:enabled|activated|on)\b",
        r"\bjailbr(?:eak|oken) (?:chat ?gpt|gpt|ai|assistant|llm|prompt enabled)\b",
        confidence=0.85,
    ),
    _says(
        r"\b(?:developer|dev|god|debug(?:ging)?|sudo|dan|unrestricted|unfiltered|uncensored|evil|jailbreak|jailbroken"
        rf"|opposite|no[ -]?filter|chaos) ?mode{_S}(?:is{_S})?(?:now{_S})?"
        r"(?:enabled|activated|on|engaged|unlocked|active|output)\b"
        rf"|\b(?:enable|activate|enter|unlock|switch to|turn on){_S}(?:the{_S})?"
        r"(?:developer|god|dan|jailbreak|unrestricted|unfiltered|uncensored|evil) ?mode\b",
        in_context=_is_near_a_bot,
        window_chars=160,
        confidence=0.75,
    ),
    # an assistant for which no rules hold
    Shape(
        pattern=rf"(?i:\b{_FREE}{_S}(?:\w+{_S}){{0,4}}{_LOOSE}\b)",
        in_context=_is_about_a_bot,
        window_chars=100,
        confidence=0.7,
    ),
    _says(
        r"\b(?:unfiltered|uncensored|unrestricted|amoral|immoral|unethical|non-?moral|jailbroken)(?:(?: |, )\w+){0,4} "
        r"(?:ai|chatbot|bot|assistant|(?:language )?model|gpt\w*|chatgpt|responses?|version of (?:yourself|chatgpt))\b",
        confidence=0.75,
    ),
    # A role, and around it several ways to say that rules do not hold. The span is the role; the match takes in the
    # text after it, so that the number of looks around is bounded by the length of the text.
    Shape(
        pattern=(
            r"(?is:(\bfrom now o[nw]n?\b|\bact(?:ing)? (?:as|like)\b|\bpretend(?:ing)?\b"
            r"|\b(?:role|part|persona|style) of\b"
            r"|\brole-?play\w*|\bsimulat(?:e|ing|or|ion)\b|\bpersonify\b|\b(?:in|break|out of) char(?:acter)?\b"
            r"|\byou (?:are|will|must|shall|have)(?: now| also| both)? (?:be|become|act|play|respond|answer|reply|speak"
            r"|going to|about to|no longer|now|take|talk|write|behave)\b"
            r"|\byou are (?:called|named|known|(?-i:[A-Z])\w+)\b|\bimagine\b|\balter ego\b|\bimmerse\b"
            r"|\b(?:hi|hello|hey),? chat ?gpt|\btake (?:on|up) the\b|\bpersona\b|\b(?:respond|answer) as\b"
            r"|\bin the voice of\b|\b(?:character|role|name)\W{0,2}[=:])"
            r".{0,300})"
        ),
        group=1,
        triggers=_CUES,
        in_context=_is_let_loose,
        window_chars=700,
        confidence=0.6,
    ),
    # what is your system prompt
    _says(
        r"\b(?:reveal|show|print|repeat|output|display|tell|give|disclose|leak|share|dump|expose|write|recite|return"
        rf"|provide|copy|paste|summari[sz]e|list|translate|encode){_S}(?:\w+{_S}){{0,4}}"
        rf"(?:your{_S}(?:\w+{_S}){{0,2}}|(?:the{_S})?(?:entire|full|exact|hidden|secret|initial|original|internal"
        rf"|system|developer|above|previous|whole|complete){_S}(?:\w+{_S})?)"
        r"(?:system ?prompts?|prompts?|instructions?|system ?messages?|directives|rules you)\b",
        rf"\bwhat{_S}(?:is|are|was|were|does|do){_S}(?:\w+{_S}){{0,2}}your{_S}(?:\w+{_S}){{0,2}}"
        r"(?:system ?prompts?"
        r"|(?:initial|original|hidden|secret|system|exact|previous|first) "
        r"(?:prompts?|instructions?|messages?))\b",
        r"\b(?:repeat|print|output|copy|write|show|say|echo)(?: me| back| down| out)?"
        rf"{_S}(?:everything|all|the|every)(?:{_S}\w+){{0,3}}{_S}(?:above|before|preceding|so far)"
        rf"(?:{_S}this(?:{_S}(?:line|point|message|sentence|text|prompt|word|one))?)?\b",
        rf"\b(?:your|hidden|secret|initial|original){_S}(?:system|initial|hidden|secret|original){_S}"
        rf"(?:prompt|instructions?){_S}(?:verbatim|word for word|in full|exactly)\b",
        in_context=_is_disclosure,
        confidence=0.8,
    ),
    # turns of a conversation that are not one
    _says(
        r"<\|(?:im_start|im_end|system|user|assistant|endoftext|start_header_id|end_header_id|eot_id|begin_of_text)\|>",
        r"\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>",
        r"</?system(?:[_ -](?:prompt|message|override|instructions?|note))?>",
        r"\[/?system(?:[ _](?:message|prompt|override|note|instructions?))?\](?:\(#\w+\))?",
        r"^[\s>*#\[(-]*system[ _](?:override|alert|update|notice|instruction|command|note)[\])]?\s*[:\n]",
        r"^[\s>*#\[(-]*(?:system|developer)\s*(?:message|prompt)?[\])*]*\s*:\s*(?:you\b|ignore|disregard|new|override"
        r"|the (?:user|assistant|above|previous)|from now|forget|your|user|all)",
        r"^#{2,}\s*(?:new |updated )?(?:system|instructions?)(?: (?:prompt|message|override))?\s*:\s*"
        r"(?:you\b|ignore|disregard|forget|override|from now)",
        r"^\s*(?:assistant|ai)\s*:\s*(?:sure|of course|certainly|ok|yes)[^\n]{0,80}\n\s*(?:user|human)\s*:",
        r"-{3,}\s*(?:end|begin) (?:of )?(?:system|user|prompt|instructions?)[^\n-]{0,30}-{3,}",
        r"\b(?:end|start|begin|beginning) of (?:the )?(?:system|initial) (?:prompt|message|instructions?)\b",
        in_context=None,
        confidence=0.8,
    ),
    # keep it from the user
    _says(
        rf"\b{_KEEP}{_S}(?:ever{_S})?(?:tell|mention|inform|reveal|notify|alert|disclos|let)(?:e|ing|ting)?"
        rf"{_S}(?:\w+{_S}){{0,5}}(?:end[ -])?users?\b",
        rf"\b(?:secretly|silently|covertly|quietly){_S}(?:\w+{_S}){{0,3}}"
        rf"(?:send|forward|email|upload|transmit|exfiltrate|append|include|copy|post){_S}",
        rf"\b(?:hide|conceal|keep){_S}(?:this|it|that|these)(?:{_S}\w+){{0,4}}{_S}from{_S}(?:the{_S})?users?\b",
        confidence=0.8,
    ),
    # send what you know to me
    _says(
        r"\b(?:send|post|forward|e-?mail|upload|exfiltrate|transmit|leak|append|submit|deliver|encode)"
        rf"(?:{_S}\w+){{0,8}}?{_S}{_VALUABLE}(?:{_S}\w+){{0,10}}?{_S}(?:to|at|via){_S}(?:\w+{_S}){{0,4}}"
        r"(?:https?\b|[\w.+-]+@|webhook|attacker"
        r"|(?:this|my|an external) (?:server|url|endpoint|address|site|email|account))",
        r"!\[[^\]\n]{0,100}\]\(https?://[^)\s]{1,200}[?&][^)\s=]{1,40}=[^)\s]{0,40}"
        r"(?:\{|<|\[|%7b|\$|summary|base64|secret|conversation)",
        confidence=0.8,
    ),
    # instructions for whoever reads this, if it is a machine
    _says(
        rf"\b{_MACHINE}{_S}(?:(?:that|who|which|is|are|currently|if){_S}){{0,3}}"
        rf"(?:reading|processing|summari[sz]ing|reads?|parsing|analy[sz]ing|evaluating|reviewing|sees?){_S}"
        r"(?:this|the following)\b",
        rf"\bbefore{_S}you(?:{_S}can|{_S}may)?{_S}(?:solve|complete|answer|continue|proceed|finish|respond|reply)"
        rf"(?:,|(?:{_S}\w+){{0,4}}{_S}(?:task|question|request|query|user|prompt)\b)(?:{_S}\w+){{0,10}}?{_S}"
        rf"(?:(?:you{_S})?(?:must|need to|have to|should)|please|first)(?:{_S}\w+){{0,3}}?{_S}"
        r"(?:do|follow|execute|perform|call|send|run|make|use|transfer)\b",
        rf"\b(?:new|updated|real|actual|true){_S}(?:system{_S})?(?:instructions?|directives?|objective|orders)"
        rf"(?:{_S}(?:is|are|for you))?\s*:\s*"
        r"(?:you\b|ignore|send|reveal|do not|print|output|forget|respond|say|tell|write|execute|from now)",
        r"\bstrictly (?:adhere to|follow) the following instructions?\b",
        confidence=0.75,
    ),
)
