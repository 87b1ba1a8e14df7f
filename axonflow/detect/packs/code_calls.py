"""Calls in source code that run, load or show what somebody else wrote, or that switch a protection off."""

from __future__ import annotations

from axonflow.detect.detector import Detector
from axonflow.detect.packs.code_shapes import code, runs

__all__ = ["CALLS"]

_ARGUMENT = r"\(\s{0,4}\\{0,8}[^\s)\\][^\n\\\")]{0,80}\)?"


def _is_own_call(before: str, _span: str, _after: str) -> bool:
    """Whether a function is called, not a method of its name (``regex.exec(``) nor one that only ends in it."""
    return not (before[-1:].isalnum() or before[-1:] in {".", "_", "$", ">", ":"})


CALLS: tuple[Detector, ...] = (
    code(
        "code.dangerous_call",
        "high",
        "Source code that runs a text as code or as a command.",
        (
            runs(
                rf"(?:eval|exec|execfile|execScript){_ARGUMENT}",
                "eval(",
                "exec(",
                "execfile(",
                "execscript(",
                in_context=_is_own_call,
            ),
            runs(r"\b(?:window|globalThis|self|global|builtins|__builtins__)\.(?:eval|exec)\(", ".eval(", ".exec("),
            runs(rf"\bos\.(?:system|popen|exec[lv]p?e?|spawn[lv]p?e?){_ARGUMENT}", "os."),
            runs(
                r"\b(?:subprocess\.(?:run|call|Popen|check_call|check_output|getoutput)"
                r"|create_subprocess_shell)\([^\n]{0,300}?shell\s?=\s?True",
                "subprocess.",
                "create_subprocess_shell(",
            ),
            runs(
                rf"\b(?:subprocess\.get(?:status)?output|commands\.getoutput|create_subprocess_shell){_ARGUMENT}",
                "output(",
                "create_subprocess_shell(",
            ),
            runs(r"\bshutil\.rmtree\(\s?['\"](?:/|~|[A-Za-z]:)[\\/]{0,8}['\"]", "shutil.rmtree("),
            runs(r"\bgetattr\(\s?(?:__builtins__|builtins|os)\s?,", "getattr("),
            runs(r"\bcompile\([^\n]{1,80},\s?['\"]exec['\"]\s?\)", "compile("),
            runs(r"\b__import__\(\s?['\"](?:os|subprocess|pty|socket|sys|ctypes|shutil)['\"]", "__import__("),
            runs(
                r"\bimport\s{1,2}pty\b[;\s]{0,4}pty\.spawn|\bctypes\.(?:CDLL|windll)\b[^\n]{0,60}(?:system"
                r"|WinExec|VirtualAlloc)",
                "pty.spawn",
                "ctypes.",
            ),
            runs(
                r"\bchild_process\b['\"]?\)?\s{0,2}\.\s?(?:exec|execSync|spawn|spawnSync|execFile|fork)\("
                r"|\b(?:execSync|spawnSync)\(\s?(?:`[^`\n]{0,120}\$\{|['\"][^'\"\n]{0,120}['\"]\s?\+|req\."
                r"|[a-z]\w{0,30}\s?[,)])",
                "child_process",
                "execsync(",
                "spawnsync(",
            ),
            runs(
                r"\bnew {1,2}Function\(\s?[^\s)]|\bvm\.run(?:InNewContext|InThisContext|InContext)\(",
                "new function(",
                "new  function(",
                "vm.run",
            ),
            runs(r"\bset(?:Timeout|Interval)\(\s?['\"`][^'\"`\n]{1,120}['\"`]", "settimeout(", "setinterval("),
            runs(r"\bprocess\.binding\(|\bprocess\.mainModule\b|\bmainModule\.require\(", "process.", "mainmodule."),
            runs(
                r"\bRuntime\.getRuntime\(\)\s{0,4}\.\s{0,2}exec\(|\bnew\s{1,2}ProcessBuilder\(\s?[^\s)]"
                r"|\bScriptEngineManager\(\)",
                "getruntime()",
                "processbuilder(",
                "scriptenginemanager",
            ),
            runs(
                r"(?:\b(?:shell_exec|passthru|proc_open|pcntl_exec|create_function)\(\s?[^\s)]|\b(?:system|exec"
                r"|popen|assert|eval|include|require)"
                r"\(\s?\$_(?:GET|POST|REQUEST|COOKIE|SERVER)|\b(?:include|require)(?:_once)?\s{1,2}\$_(?:GET"
                r"|POST|REQUEST)|preg_replace\(\s?['\"][^'\"\n]{1,60}/[a-z]{0,4}e['\"])",
                "shell_exec(",
                "passthru(",
                "proc_open(",
                "pcntl_exec(",
                "create_function(",
                "$_",
                "preg_replace(",
            ),
            runs(r"<\?(?:php|=)[^\n]{0,80}\b(?:eval|system|exec|passthru|shell_exec|assert|base64_decode)\s?\(", "<?"),
            runs(
                r"\b(?:Kernel|IO|Open3)\.(?:system|exec|popen|popen3|capture2e?|capture3|spawn)\(?\s?[^\s)]"
                r"|\binstance_eval\(|\bclass_eval\(",
                "kernel.",
                "io.",
                "open3.",
                "instance_eval(",
                "class_eval(",
            ),
            runs(r"\bexec\.Command\(\s?\\{0,8}['\"](?:/bin/)?(?:sh|bash|cmd|powershell)['\"]", "exec.command("),
            runs(
                r"\bProcess\.Start\(\s?\"(?:cmd|powershell|/bin/(?:ba)?sh)|\bCommand::new\(\s?\"(?:/bin/)?(?:sh"
                r"|bash|cmd)\"",
                "process.start(",
                "command::new(",
            ),
            runs(
                r"(?i)\b(?:WScript\.Shell|Shell\.Application)\b|\bShell ?\( ?\"(?:cmd|powershell)",
                "wscript.shell",
                "shell.application",
                'shell("',
                'shell ("',
                'shell( "',
                'shell ( "',
            ),
        ),
        (
            "result = eval(user_input)",
            "exec(compile(source, 'x', 'exec'))",
            "os.system('rm ' + name)",
            "shutil.rmtree('/')",
            "getattr(__builtins__, 'ev' + 'al')(x)",
            "subprocess.run(f'ls {path}', shell=True)",
            "__import__('os').listdir('.')",
            "require('child_process').exec(cmd)",
            "const { stdout } = execSync(`git log ${branch}`)",
            "new Function('return ' + code)()",
            "setTimeout('alert(1)', 100)",
            "Runtime.getRuntime().exec(cmd)",
            "<?php system($_GET['c']); ?>",
            'exec.Command("sh", "-c", cmd)',
            "vm.runInNewContext(code)",
            'CreateObject("WScript.Shell").Run "calc"',
        ),
        (
            "model.eval()",
            "const m = /a(b)/.exec(text); regex.exec(line)",
            "value = ast.literal_eval(text)",
            "subprocess.run(['git', 'log'], check=True)",
            "df.eval('a + b')",
            "Avoid eval() and exec(); they run code.",
            "cursor.execute('SELECT 1'); db.exec('PRAGMA x')",
            "setTimeout(() => done(), 100)",
            "const child_process = require('child_process');",
            "medieval(x) and retrieval(y)",
            "os.path.join(a, b); os.environ",
        ),
    ),
    code(
        "code.unsafe_deserialization",
        "high",
        "Source code that builds objects from bytes that may be anyone's.",
        (
            runs(
                rf"\b(?:c?[pP]ickle|_pickle|dill|cloudpickle|joblib|marshal|shelve|jsonpickle)\.(?:loads?"
                rf"|Unpickler|open|decode){_ARGUMENT}",
                "pickle.",
                "dill.",
                "joblib.",
                "marshal.",
                "shelve.",
            ),
            runs(
                r"\byaml\.(?:unsafe_load|unsafe_load_all|full_load)\(|\bLoader\s?=\s?(?:yaml\.)?(?:Unsafe"
                r"|Full)?Loader\b",
                "yaml.",
                "loader",
            ),
            runs(r"\byaml\.load(?:_all)?\(\s?[^\n,()]{1,80}(?:\([^\n()]{0,60}\))?\s?\)", "yaml.load"),
            runs(
                r"\bunserialize\(\s?\$|\bnew\s{1,2}ObjectInputStream\(|\.readObject\(\)|\bXMLDecoder\(",
                "unserialize(",
                "objectinputstream",
                ".readobject()",
                "xmldecoder(",
            ),
            runs(
                r"\b(?:BinaryFormatter|NetDataContractSerializer|LosFormatter|SoapFormatter"
                r"|ObjectStateFormatter)\s?\(|\bTypeNameHandling\.(?:All|Auto|Objects)\b",
                "formatter",
                "netdatacontractserializer",
                "typenamehandling.",
            ),
            runs(
                r"\bMarshal\.(?:load|restore)\(?\s?[^\s)]|\bnode-serialize['\"]|\bYAML\.(?:unsafe_load"
                r"|load)\(\s?params",
                "marshal.",
                "node-serialize",
                "yaml.",
            ),
            runs(
                r"\b(?:torch\.load|np\.load|numpy\.load)\([^\n]{1,160}(?:weights_only\s?=\s?False"
                r"|allow_pickle\s?=\s?True)",
                "weights_only",
                "allow_pickle",
            ),
            runs(
                r"\b(?:rO0ABX[A-Za-z0-9+/]{12,200}|AAEAAAD/////[A-Za-z0-9+/]{12,200})|\bcos\nsystem\n"
                r"|\bO:[1-9][0-9]{0,2}:\\{0,8}\"[A-Za-z_\\]{1,60}\":[0-9]{1,3}:\{",
                "ro0abx",
                "aaeaaad/////",
                "cos\nsystem",
                *(f"o:{digit}" for digit in "123456789"),
            ),
        ),
        (
            "obj = pickle.loads(request.data)",
            "yaml.load(stream)",
            "yaml.load(f, Loader=yaml.UnsafeLoader)",
            "$o = unserialize($_COOKIE['o']);",
            "Object o = new ObjectInputStream(in).readObject();",
            "new BinaryFormatter().Deserialize(stream)",
            "np.load(path, allow_pickle=True)",
            "data=" + "rO0AB" + "XNyABFqYXZhLnV0aWwuSGFzaE1hcA",
            'O:8:"Attacker":1:{s:1:"a";}',
        ),
        (
            "yaml.safe_load(stream)",
            "yaml.load(stream, Loader=yaml.SafeLoader)",
            "json.loads(request.data)",
            "Do not unpickle what you do not trust; pickle is a format.",
            "import pickle; pickle.dumps(obj)",
            "np.load(path)",
        ),
    ),
    code(
        "code.html_sink",
        "medium",
        "Source code that puts a text into a page as markup.",
        (
            runs(
                r"\.(?:innerHTML|outerHTML)\s{0,2}\+?=\s{0,2}(?:[A-Za-z_$][\w$.]{0,60}\s{0,2}(?:[;+(\n]|(?m:$))"
                r"|`[^`\n]{0,200}\$\{|['\"][^'\"\n]{0,200}['\"]\s{0,2}\+)",
                ".innerhtml",
                ".outerhtml",
            ),
            runs(r"\bdangerouslySetInnerHTML\s{0,2}[=:]\s{0,2}\{", "dangerouslysetinnerhtml"),
            runs(r"\bdocument\.write(?:ln)?\(\s?[^\s)]", "document.write"),
            runs(r"\.insertAdjacentHTML\(\s?['\"][a-z]{6,12}['\"]\s?,\s?[^'\"\s)]", ".insertadjacenthtml("),
            runs(
                r"\bbypassSecurityTrust(?:Html|Script|Url|ResourceUrl|Style)\(|\$sce\.trustAsHtml\(",
                "bypasssecuritytrust",
                "trustashtml(",
            ),
            runs(r"\bv-html\s?=\s?[\"']|\{@html\s|\bset:html=\{", "v-html", "{@html", "set:html"),
            runs(
                r"(?i)[\"'(=\s]javascript:[^\s\"'<>]{0,40}(?:alert|eval|document\.|fetch|location|prompt"
                r"|confirm)\b[^\s\"'<>]{0,80}",
                "javascript:",
            ),
            runs(
                r"(?i)<(?:img|svg|body|iframe|input|video|audio|details|object|embed|a|div"
                r"|math)\b[^>\n]{0,160}[\s/\"']on[a-z]{3,16}\s?=\s?[\"']?[^>\n]{0,40}(?:alert|eval|document"
                r"|fetch|location|prompt|confirm|atob|import)\b[^>\n]{0,80}",
                *(f"<{tag}" for tag in "img svg body iframe input video audio details object embed a math div".split()),
            ),
            runs(
                r"(?i)<script\b[^>\n]{0,120}>[^<\n]{0,80}(?:alert|eval|document\.|fetch|location|prompt|confirm"
                r"|atob|import)\b[^<\n]{0,160}",
                "<script",
            ),
        ),
        (
            "el.innerHTML = userInput;",
            "box.innerHTML += `<b>${name}</b>`",
            "<div dangerouslySetInnerHTML={{__html: text}} />",
            "document.write(location.hash)",
            "<p v-html='text'></p>",
            "<img src=x onerror=alert(1)>",
            "<script>alert(document.cookie)</script>",
            '<a href="javascript:alert(1)">x</a>',
        ),
        (
            "el.textContent = userInput;",
            "el.innerHTML = '';",
            "if (el.innerHTML === other) return;",
            "The innerHTML property is dangerous.",
            '<script src="/app.js"></script>',
            "<button onclick='save()'>Save</button>",
            "ondocument and javascript: the good parts",
        ),
    ),
    code(
        "code.disabled_tls",
        "high",
        "Source code or settings that switch off the check of certificates.",
        (
            runs(
                r"\bverify\s?=\s?False\b|\bverify_ssl\s?=\s?False\b|\bssl_verify\s?[=:]\s?(?i:false)\b"
                r"|\bssl\s?=\s?False\b|\bcheck_hostname\s?=\s?False\b",
                "verify",
                "ssl",
                "check_hostname",
            ),
            runs(
                r"\bssl\._create_(?:unverified|default_https)_context\b|\bssl\.CERT_NONE\b|\bCERT_NONE\b"
                r"|\bdisable_warnings\(\s?(?:urllib3\.exceptions\.)?InsecureRequestWarning",
                "ssl._create",
                "cert_none",
                "insecurerequestwarning",
            ),
            runs(
                r"\brejectUnauthorized['\"]?\s?[:=]\s?(?:false|0|!1)\b|\bstrictSSL['\"]?\s?[:=]\s?false\b",
                "rejectunauthorized",
                "strictssl",
            ),
            runs(
                r"\bNODE_TLS_REJECT_UNAUTHORIZED['\"\]]{0,2}\s?[:=]\s?['\"]?0|\bPYTHONHTTPSVERIFY\s?=\s?['\"]?0"
                r"|\bGIT_SSL_NO_VERIFY\s?=\s?['\"]?(?:1|true)",
                "node_tls_reject_unauthorized",
                "pythonhttpsverify",
                "git_ssl_no_verify",
            ),
            runs(
                r"\bInsecureSkipVerify\s?:\s?true\b|\binsecure_skip_verify['\"]?\s?[:=]\s?true\b"
                r"|\bdanger_accept_invalid_(?:certs|hostnames)\(\s?true",
                "insecureskipverify",
                "insecure_skip_verify",
                "danger_accept_invalid",
            ),
            runs(
                r"\bCURLOPT_SSL_VERIFY(?:PEER|HOST)\s?(?:,|=>)\s?(?:false|0)\b|\bVERIFY_NONE\b|\bSSL_VERIFY_NONE\b",
                "curlopt_ssl_verify",
                "verify_none",
            ),
            runs(
                r"\bServerCertificate(?:Custom)?ValidationCallback\s?\+?=[^\n]{0,80}true\b"
                r"|\bDangerousAcceptAnyServerCertificateValidator\b|\bAllowAllHostnameVerifier\b"
                r"|\bNoopHostnameVerifier\b|\bTrustAllCerts?\b|\bbadCertificateCallback\s?=[^\n]{0,80}true\b",
                "certificate",
                "hostnameverifier",
                "trustallcert",
            ),
            runs(
                r"\bcurl (?:[^\n;|&]{0,120}\s)?(?:-[a-zA-Z]{0,6}k[a-zA-Z]{0,6}|--insecure)\s|\bwget\s[^\n;"
                r"|&]{0,120}--no-check-certificate|\bhttp\.sslVerify[\s=]{1,2}(?:false|0)\b"
                r"|\bstrict-ssl[\s=]{1,3}false\b",
                "curl ",
                "--no-check-certificate",
                "http.sslverify",
                "strict-ssl",
            ),
            runs(
                r"\bStrictHostKeyChecking[\s=]{1,3}(?:no|off)\b|\bAutoAddPolicy\(\)",
                "stricthostkeychecking",
                "autoaddpolicy",
            ),
        ),
        (
            "requests.get(url, verify=False)",
            "ssl._create_default_https_context = ssl._create_unverified_context",
            "https.request({ rejectUnauthorized: false })",
            "process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'",
            "&tls.Config{InsecureSkipVerify: true}",
            "curl_setopt($c, CURLOPT_SSL_VERIFYPEER, false);",
            "curl -sk https://x.example/",
            "ssh -o StrictHostKeyChecking=no host",
            "handler.ServerCertificateCustomValidationCallback = (m, c, h, e) => true;",
        ),
        (
            "requests.get(url, verify=True)",
            "requests.get(url, verify='/etc/ssl/ca.pem')",
            "rejectUnauthorized: true",
            "curl -o out.tgz https://x.example/k",
            "Never set verify to False in production.",
            "InsecureSkipVerify: false",
        ),
    ),
)
