"""Shapes of prompt injection: text addressed to the model that takes the place of its instructions.

Most shapes are known phrasings in English and, for the override, in other European languages. One looks at words that
attacks can hardly do without and lets the model of `axonflow.detect.prompt_model` judge the text around them.
"""

from __future__ import annotations

from axonflow.detect.context_words import has_any, is_question_about, words_of
from axonflow.detect.detector import InContext, Shape
from axonflow.detect.packs.prompt_windows import SURE, around
from axonflow.detect.prompt_model import probability, words_of_senses

__all__ = ["PROMPT_SHAPES"]

_WINDOW_CHARS = 240
_NEAR_CHARS = 160
_TELLING_CHARS = 70
_DOUBT = 0.3
"""A known phrasing with at least so many characters around it is no attack where the model thinks it less likely than
that."""
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
_W = rf"\w{{1,16}}{_S}"
_DROPPING = (
    "ignor", "disregard", "forget", "overrid", "bypass", "overlook", "discard", "neglect", "erase", "void",
    "cancel", "unlearn", "stop following", "do not ", "don't ", "never ", "pay no attention", "no longer follow",
)  # fmt: skip
_KEEP = r"(?:do not|don't|dont|never|must not|mustn't|should not|shouldn't|without|avoid)"
_MACHINE = (
    r"(?:ai|llms?|language models?|(?:ai )?assistants?|(?:ai )?agents?|chat ?bots?|chatgpt|claude|gpt-?\d?\w{0,6}"
    r"|gemini|copilot)"
)
_VALUABLE = (
    r"(?:api[ _-]?keys?|passwords?|credentials?|secrets?|(?:access|session|api|auth\w{0,16}|bearer) tokens?"
    r"|chat history|conversation(?: history)?|system prompt"
    r"|environment variables|env vars|(?:user|customer|personal|private|confidential|sensitive)(?:'s)? "
    r"(?:data|information|details|files|emails)|inbox|contents? of|session cookies?)"
)
# Of these at least one is in whatever the model shall judge: in 99 of 100 attacks that it knows from all of their text.
_SENSES = (
    "drop", "instr", "limits", "machine", "maker", "secret", "refuse", "free", "role", "mode", "harm", "lewd", "evil",
    "ethics", "comply", "conceal", "approve", "dest", "send", "show", "user", "tool", "reading", "off", "reward",
    "claim", "how", "fiction", "data", "keys", "owner", "mention", "whole",
)  # fmt: skip
_MIN_ANCHOR_CHARS = 4
_SHORT_ANCHORS = (
    "gpt", "llm", ".env", " ai ", " ai:", " ai,", " ai.", "/ai", " ki ", " ki:", " ki,", " ia ", " ia:", " ia,", "l'ia",
    " bot", "rules", "an ai", "you are", "you must", "do not", "don't", "never", "tell me", "everything", "anything",
    "the model", "from now", "from here", "no longer", "no matter", "warning", "you have",
)  # fmt: skip


def _anchors() -> tuple[str, ...]:
    """The shortest that do: one within another is found with it."""
    words = {word for word in words_of_senses(*_SENSES) if len(word) >= _MIN_ANCHOR_CHARS}.union(_SHORT_ANCHORS)
    shortest = min(map(len, words))

    def holds_another(word: str) -> bool:  # by its parts, of which there are fewer than words: this runs at each start
        chars = len(word)
        ends = ((at, end) for at in range(chars) for end in range(at + shortest, chars + 1))
        return any(end - at < chars and word[at:end] in words for at, end in ends)

    return tuple(sorted(word for word in words if not holds_another(word)))


_ABOUT_A_MACHINE = frozenset(
    "you your yourself chatgpt gpt ai bot bots chatbot chatbots model models assistant llm character persona".split()
)
_INSIDE = frozenset("in inside within from found that which contained embedded hidden".split())
_DATA = frozenset(
    "document documents content contents tool tools page pages website websites email emails file files data".split()
)
_TOPICS = ("for ", "on ", "about ", "to ", "the ", "this ", "that ", "in ")


def _is_told(before: str, _span: str, after: str) -> bool:
    """Whether it is an order to take another's place: no question how to, and no "that appear in the documents"."""
    words = words_of(after)[:8]
    is_defence = words[:1] and words[0] in _INSIDE and has_any(words, _DATA)
    return not (is_defence or is_question_about(before))


def _is_near_a_bot(before: str, _span: str, after: str) -> bool:
    """Whether a mode that games and devices have too is one of the model here."""
    return has_any(words_of(before + " " + after), _ABOUT_A_MACHINE, ("gpt",)) and not is_question_about(before)


def _is_disclosure(before: str, _span: str, after: str) -> bool:
    """Whether what shall be shown is the model's own, not "your instructions for the shelf"."""
    return not (after.lstrip().lower().startswith(_TOPICS) or is_question_about(before))


def _is_anything(_before: str, _span: str, _after: str) -> bool:
    return True


def _meant(check: InContext) -> InContext:
    """`check`, of what is near, and no mention: what the model takes for plainly innocent quotes or describes it."""

    def is_meant(before: str, span: str, after: str) -> bool:
        if not check(before[-_NEAR_CHARS:], span, after[:_NEAR_CHARS]):
            return False
        return len(before) + len(after) < _TELLING_CHARS or probability(before + span + after) >= _DOUBT

    return is_meant


def _reads_like_an_attack(before: str, span: str, after: str) -> bool | float:
    sure = probability(before + span + after)
    return round(sure, 2) if sure >= SURE else False


def _says(
    *alternatives: str,
    triggers: tuple[str, ...],
    confidence: float,
    in_context: InContext = _is_told,
) -> Shape:
    return Shape(
        pattern=f"(?im:{'|'.join(alternatives)})",
        triggers=triggers,
        in_context=_meant(in_context),
        window_chars=_WINDOW_CHARS,
        confidence=confidence,
    )


PROMPT_SHAPES: tuple[Shape, ...] = (
    # ignore all previous instructions
    _says(
        rf"\b{_DROP}{_S}{_FILLER}(?:{_EARLIER}{_S}){{1,3}}(?:{_W}){{0,2}}{_OBJECT}\b",
        rf"\b{_DROP}{_S}(?:all|any)(?:{_S}of)?(?:{_S}(?:the|your|other|these))?{_S}(?:{_W})?{_TOLD}\b",
        rf"\b{_DROP}{_S}(?:absolutely )?(?:all|everything|anything|any|the)(?:{_C}\w{{1,16}}){{0,4}}{_C}"
        r"(?:(?:you|i|we|they|that|was|were|been|have|had)\W{1,3}){0,4}"
        r"(?:told|given|said|got|received|learned|taught|instructed|wrote|written)\b",
        rf"\b{_DROP}{_S}(?:all|everything|anything){_S}(?:{_W}){{0,3}}"
        r"(?:before|above|previous|prior|earlier|so far|up to now|until now)\b",
        rf"\b{_DROP}{_S}(?:{_W}){{0,4}}(?:openai|safety|content|ethical|moral){_S}(?:{_W}){{0,2}}{_RULES}\b",
        triggers=_DROPPING,
        confidence=0.9,
    ),
    # the same in German, French, Spanish, Portuguese, Italian and Dutch (folded: without marks)
    _says(
        r"\b(?:ignorier\w{0,4}|vergiss|missachte|ignore[rz]?|oublie[rz]?|ignora\w{0,4}|olvid\w{1,4}|esque\w{1,6}"
        rf"|dimentica\w{{0,3}}|desconsider\w{{1,4}}|negeer|vergeet)\b{_S}(?:{_W}){{0,4}}"
        r"(?:anweisungen|instruktionen|vorgaben|befehle|consignes|instrucciones|ordenes|indicaciones|instrucoes"
        r"|orientacoes|istruzioni|instructies|aanwijzingen|(?:instructions|directives) (?:precedentes|anterieures))\b",
        triggers=(
            "ignor",
            "vergi",
            "missacht",
            "oubli",
            "olvid",
            "esque",
            "dimentic",
            "desconsider",
            "negeer",
            "vergeet",
        ),
        confidence=0.85,
    ),
    # personas that are known for one thing, and modes that do not exist
    _says(
        r"\bdo anything now\b",
        r"\b(?:stands?|short) for[\s\"']{1,3}\w{2,12}[\s,]{1,3}anything\b",
        r"\bjailbr(?:eak|oken) (?:chat ?gpt|gpt|ai|assistant|llm|prompt enabled)\b",
        triggers=("anything", "jailbr"),
        confidence=0.85,
    ),
    _says(
        r"\bwith (?:\w{1,16}[ -]){1,3}mode (?:enabled|activated|on)\b",
        r"\b(?:developer|dev|god|debug(?:ging)?|sudo|dan|unrestricted|unfiltered|uncensored|evil|jailbreak|jailbroken"
        rf"|opposite|no[ -]?filter|chaos) ?mode{_S}(?:is{_S})?(?:now{_S})?"
        r"(?:enabled|activated|on|engaged|unlocked|active|output)\b"
        rf"|\b(?:enable|activate|enter|unlock|switch to|turn on){_S}(?:the{_S})?"
        r"(?:developer|god|dan|jailbreak|unrestricted|unfiltered|uncensored|evil) ?mode\b",
        triggers=("mode",),
        in_context=_is_near_a_bot,
        confidence=0.75,
    ),
    _says(
        r"\b(?:unfiltered|uncensored|unrestricted|amoral|immoral|unethical|non-?moral|jailbroken)"
        r"(?:(?: |, )\w{1,16}){0,4} "
        r"(?:ai|chatbot|bot|assistant|(?:language )?model|gpt\w{0,6}|chatgpt|version of (?:yourself|chatgpt))\b",
        triggers=("unfiltered", "uncensored", "unrestricted", "moral", "unethical", "jailbroken"),
        confidence=0.75,
    ),
    # whatever the model takes for an attack
    around(_anchors(), _reads_like_an_attack, confidence=0.7),
    # what is your system prompt
    _says(
        r"\b(?:reveal|show|print|repeat|output|display|tell|give|disclose|leak|share|dump|expose|write|recite|return"
        rf"|provide|copy|paste|summari[sz]e|list|translate|encode){_S}(?:{_W}){{0,4}}"
        rf"(?:your{_S}(?:{_W}){{0,2}}|(?:the{_S})?(?:entire|full|exact|hidden|secret|initial|original|internal"
        rf"|system|developer|above|previous|whole|complete){_S}(?:{_W})?)"
        r"(?:system ?prompts?|prompts?|instructions?|system ?messages?|directives|rules you)\b",
        rf"\bwhat{_S}(?:is|are|was|were|does|do){_S}(?:{_W}){{0,2}}your{_S}(?:{_W}){{0,2}}"
        r"(?:system ?prompts?"
        r"|(?:initial|original|hidden|secret|system|exact|previous|first) "
        r"(?:prompts?|instructions?|messages?))\b",
        rf"\b(?:your|hidden|secret|initial|original){_S}(?:system|initial|hidden|secret|original){_S}"
        rf"(?:prompt|instructions?){_S}(?:verbatim|word for word|in full|exactly)\b",
        triggers=("prompt", "instruction", "message", "directives", "rules you"),
        in_context=_is_disclosure,
        confidence=0.8,
    ),
    _says(
        r"\b(?:repeat|print|output|copy|write|show|say|echo)(?: me| back| down| out)?"
        rf"{_S}(?:everything|all|the|every)(?:{_S}\w{{1,16}}){{0,3}}{_S}(?:above|before|preceding|so far)"
        rf"(?:{_S}this(?:{_S}(?:line|point|message|sentence|text|prompt|word|one))?)?\b",
        triggers=("above", "before", "preceding", "so far"),
        in_context=_is_disclosure,
        confidence=0.8,
    ),
    # turns of a conversation that are not one
    _says(
        r"<\|(?:im_start|im_end|system|user|assistant|endoftext|start_header_id|end_header_id|eot_id|begin_of_text)\|>",
        r"\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>",
        triggers=("<|", "inst]", "sys>>", "_of_turn>"),
        in_context=_is_anything,
        confidence=0.8,
    ),
    _says(
        r"</?system(?:[_ -](?:prompt|message|override|instructions?|note))?>",
        r"\[/?system(?:[ _](?:message|prompt|override|note|instructions?))?\](?:\(#\w{1,40}\))?",
        r"^[\s>*#\[(-]{0,8}system[ _](?:override|alert|update|notice|instruction|command|note)[\])]?\s{0,4}[:\n]",
        r"^[\s>*#\[(-]{0,8}(?:system|developer)\s{0,4}(?:message|prompt)?[\])*]{0,4}\s{0,4}:\s{0,4}(?:ignore|disregard"
        r"|override|the (?:user|assistant|above|previous)|from now|forget|all)",
        r"^#{2,6}\s{0,4}(?:new |updated )?(?:system|instructions?)(?: (?:prompt|message|override))?\s{0,4}:\s{0,4}"
        r"(?:ignore|disregard|forget|override|from now)",
        r"-{3,20}\s{0,4}(?:end|begin) (?:of )?(?:system|prompt|instructions?)[^\n-]{0,30}-{3,20}",
        r"\b(?:end|start|begin|beginning) of (?:the )?(?:system|initial) (?:prompt|message|instructions?)\b",
        triggers=("system", "developer", "instruction", " prompt", "initial message"),
        in_context=_is_anything,
        confidence=0.8,
    ),
    # keep it from the user
    _says(
        rf"\b{_KEEP}{_S}(?:ever{_S})?(?:tell|mention|inform|reveal|notify|alert|disclos|let)(?:e|ing|ting)?"
        rf"{_S}(?:{_W}){{0,5}}(?:end[ -])?users?\b",
        rf"\b(?:hide|conceal|keep){_S}(?:this|it|that|these)(?:{_S}\w{{1,16}}){{0,4}}{_S}from{_S}(?:the{_S})?users?\b",
        triggers=("user",),
        confidence=0.8,
    ),
    _says(
        rf"\b(?:secretly|silently|covertly|quietly){_S}(?:{_W}){{0,3}}"
        rf"(?:send|forward|email|upload|transmit|exfiltrate|append|include|copy|post){_S}",
        triggers=("secretly", "silently", "covertly", "quietly"),
        confidence=0.8,
    ),
    # send what you know to me
    _says(
        r"\b(?:send|post|forward|e-?mail|upload|exfiltrate|transmit|leak|append|submit|deliver|encode)"
        rf"(?:{_S}\w{{1,16}}){{0,8}}?{_S}{_VALUABLE}(?:{_S}\w{{1,16}}){{0,10}}?{_S}(?:to|at|via){_S}(?:{_W}){{0,4}}"
        r"(?:https?\b|[\w.+-]{1,40}@|webhook|attacker"
        r"|(?:this|my|an external) (?:server|url|endpoint|address|site|email|account))",
        triggers=(
            "key",
            "password",
            "credential",
            "secret",
            "token",
            "history",
            "conversation",
            "prompt",
            "environment",
            "env vars",
            "data",
            "information",
            "details",
            "files",
            "emails",
            "inbox",
            "content",
            "cookie",
        ),
        confidence=0.8,
    ),
    _says(
        r"!\[[^\]\n]{0,100}\]\(https?://[^)\s]{1,200}[?&][^)\s=]{1,40}=[^)\s]{0,40}"
        r"(?:\{|<|\[|%7b|\$|summary|base64|secret|conversation)",
        triggers=("](http",),
        in_context=_is_anything,
        confidence=0.8,
    ),
    # instructions for whoever reads this, if it is a machine
    _says(
        rf"\b{_MACHINE}{_S}(?:(?:that|who|which|is|are|currently|if){_S}){{0,3}}"
        rf"(?:reading|processing|summari[sz]ing|reads?|parsing|analy[sz]ing|evaluating|reviewing|sees?){_S}"
        r"(?:this|the following)\b",
        rf"\bbefore{_S}you(?:{_S}can|{_S}may)?{_S}(?:solve|complete|answer|continue|proceed|finish|respond|reply)"
        rf"(?:,|(?:{_S}\w{{1,16}}){{0,4}}{_S}(?:task|question|request|query|user|prompt)\b)(?:{_S}\w{{1,16}}){{0,10}}?{_S}"
        rf"(?:(?:you{_S})?(?:must|need to|have to|should)|please|first)(?:{_S}\w{{1,16}}){{0,3}}?{_S}"
        r"(?:do|follow|execute|perform|call|send|run|make|use|transfer)\b",
        rf"\b(?:new|updated|real|actual|true){_S}(?:system{_S})?(?:instructions?|directives?|objective|orders)"
        rf"(?:{_S}(?:is|are|for you))?\s{{0,4}}:\s{{0,4}}"
        r"(?:you\b|ignore|send|reveal|do not|print|output|forget|respond|say|tell|write|execute|from now)",
        triggers=(" this", " the following", "before", "instruction", "directive", "objective", "orders"),
        confidence=0.75,
    ),
)
