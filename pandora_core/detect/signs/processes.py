"""Owns the signs in how programs are started: by whom, from where, and under which name.

Which programs of Windows run other people's code is documented by Microsoft (recommended block rules of Application
Control) and under T1218 and T1127 of ATT&CK; which process starts which is in Windows Internals, 7th edition, part 1.
"""

from __future__ import annotations

from pandora_core.detect.signs.sign import Kind

_OFFICE = (
    "winword excel powerpnt outlook msaccess mspub visio onenote eqnedt32 hwp wordpad acrord32 acrobat foxitreader"
)
_BROWSERS = "iexplore chrome firefox msedge opera"
_SHELLS = "cmd powershell pwsh wscript cscript mshta rundll32 regsvr32 bash"
_CARRIERS = f"{_SHELLS} certutil bitsadmin msbuild installutil regasm regsvcs wmic cmstp schtasks msiexec hh forfiles"
_WEB_SERVERS = "w3wp httpd nginx php-cgi tomcat tomcat7 tomcat8 tomcat9 umworkerprocess ws_tomcatservice"
_ASKING = (
    "whoami net net1 ipconfig systeminfo tasklist hostname quser query nltest netstat arp route nslookup ping "
    "tracert dsquery klist gpresult qprocess qwinsta"
)
_WRITABLE = (
    r"\\(temp|tmp|perflogs|public|recycle[^\\]*|\$recycle\.bin)\\|\\windows\\(tasks|debug|tracing|fonts|media)\\"
)
_SYSTEM_NAMES = (
    "svchost lsass services csrss smss wininit winlogon lsm taskhostw taskhost spoolsv dllhost conhost explorer "
    "runtimebroker ctfmon dwm sihost userinit logonui wermgr werfault"
)

_RUN_BY_WMI = "|".join(f"{_CARRIERS} {_ASKING} reg sc vssadmin ntdsutil".split())

_process = Kind("process")

PROCESSES = (
    # Documents, mail and web pages that start something
    _process(
        "shell-from-document", "a document or mail program started a tool that runs commands",
        "execution initial-access", "T1204.002 T1566.001 T1059", 60, program=_CARRIERS, other=_OFFICE,
    ),
    _process(
        "shell-from-browser", "a web browser started a tool that runs commands", "execution initial-access",
        "T1203 T1189", 30, program=_CARRIERS, other=_BROWSERS,
        unless=r"native.?messag|chrome-extension|shell32\.dll,openas|fileprotocolhandler|\\drivestore",
    ),
    _process(
        "shell-from-web-server", "a web server started a command interpreter, as through a web shell",
        "persistence execution lateral-movement", "T1505.003 T1059", 65, program=f"{_CARRIERS} {_ASKING}",
        other=_WEB_SERVERS, unless=r"\\csc\.exe|cvtres|appcmd\S* (list|set) (app|config)\w* /xml",
    ),
    _process(
        "shell-from-database", "a database server started a command interpreter", "execution lateral-movement",
        "T1505.001 T1059.003", 60, program=f"{_CARRIERS} {_ASKING}",
        other="sqlservr sqlagent oracle mysqld postgres", unless=r"databasemail|dtexec",
    ),
    # From another host
    _process(
        "wmi-started-tool", "WMI started a tool that runs commands", "lateral-movement execution", "T1047", 15,
        program=f"{_CARRIERS} {_ASKING} reg sc vssadmin ntdsutil", other="wmiprvse",
        unless=r"\\sccm|\\ccm\\|configmgr|\\microsoft monitoring agent\\",
    ),
    _process(
        "wmi-started-program", "WMI started a program", "lateral-movement execution", "T1047", 12, other="wmiprvse",
        path=rf"^(?!.*\\({_RUN_BY_WMI})\.exe)",
        unless=r"\b(wmiprvse|werfault|wmiadap|unsecapp|mofcomp|conhost|msiexec|wmiapsrv)\b|\\program files",
    ),
    _process(
        "powershell-remoting", "a program was started in a PowerShell session from another host",
        "lateral-movement execution", "T1021.006 T1059.001", 22, other="wsmprovhost",
        unless=r"\\werfault|\\conhost",
    ),
    _process(
        "powershell-host-opened", "a host for PowerShell sessions from elsewhere was started", "lateral-movement",
        "T1021.006", 12, program="wsmprovhost", other="svchost",
    ),
    _process(
        "winrs", "a command was started from another host by WinRM (winrs)", "lateral-movement execution",
        "T1021.006", 28, other="winrshost", unless=r"\\(werfault|conhost)\.exe",
    ),
    _process(
        "dcom-host", "a console snap-in was started as a server for another program, and not for a person",
        "lateral-movement execution", "T1021.003", 22, program="mmc excel winword outlook visio powerpnt",
        text=r"-embedding|/automation", other="svchost",
    ),
    _process(
        "dcom-started-tool", "a program that serves another host (DCOM) started a tool that runs commands",
        "lateral-movement execution", "T1021.003", 55, program=f"{_CARRIERS} {_ASKING} calc notepad",
        other="mmc excel", origin=r"-embedding|/automation",
    ),
    _process(
        "hta-server", "mshta was started as a server for another program (DCOM)",
        "lateral-movement execution defense-evasion", "T1021.003 T1218.005", 60, program="mshta",
        text=r"-embedding",
    ),
    _process(
        "output-to-share", "a command wrote its output to an administrative share of the host itself",
        "lateral-movement execution", "T1021.002 T1047 T1569.002", 75, words="127 localhost admin$ c$",
        text=r"\d?>\s*\\\\(127\.0\.0\.1|localhost|[\w.-]+)\\(admin|c|ipc|temp)\$?\\",
    ),
    _process(
        "service-started-shell", "the service manager started a command interpreter",
        "execution lateral-movement privilege-escalation", "T1569.002", 50,
        program="cmd powershell pwsh rundll32 regsvr32 mshta", other="services",
        unless=r"\\program files|tiledatamodel|wusa",
    ),
    _process(
        "service-of-remote-tool", "the service of a tool for remote execution started a program",
        "lateral-movement execution", "T1569.002 T1021.002", 45,
        other="psexesvc paexec remcomsvc csexecsvc winexesvc xcmdsvc",
    ),
    _process(
        "rdp-run-tool", "a program was started from a drive that a remote desktop client shares",
        "lateral-movement execution", "T1021.001 T1570", 55, words="tsclient", text=r"\\\\tsclient\\",
    ),
    _process(
        "run-box-shell", "a command interpreter was started with a script by a task server of remote desktops",
        "lateral-movement execution", "T1021.001", 35, program="cmd powershell", other="taskeng rdpclip rdpinit",
        unless=r"\\program files",
    ),
    # Names and places
    _process(
        "false-system-name", "a program with the name of a part of Windows lies in another folder",
        "defense-evasion", "T1036.005", 55, program=_SYSTEM_NAMES,
        path=(
            r"^(?!.*\\windows\\(system32|syswow64|explorer\.exe|winsxs|softwaredistribution|servicing|"
            r"immersivecontrol)|\\systemroot|.{0,3} ?$)(?=.*\\)"
        ),
        unless=r"\\docker\\|\\program files",
    ),
    _process(
        "renamed-tool", "a tool of Windows runs under another name", "defense-evasion", "T1036.003", 50,
        path=(
            r"^(?!.*\\(powershell|powershell_ise|pwsh|cmd|rundll32|regsvr32|mshta|wscript|cscript|certutil|"
            r"bitsadmin|wmic|msbuild|psexec|psexec64|psexesvc|procdump|procdump64|net|net1|netsh|ftp|msdt|"
            r"schtasks|cmstp|installutil|wevtutil|vssadmin|reg|sc|nltest|whoami)\.exe).*\.exe (powershell|cmd|"
            r"rundll32|regsvr32|mshta|wscript|cscript|certutil|bitsadmin|wmic|msbuild|psexec\.c|psexesvc|procdump|"
            r"cmstp|installutil|netsh|ftp|msdt|schtasks|wevtutil|vssadmin|reg|sc|nltest|whoami)(\.exe|\.mui)*$"
        ),
    ),
    _process(
        "program-in-writable-folder", "a program was started from a folder for files of everyone",
        "execution defense-evasion", "T1204.002 T1036.005", 22, path=_WRITABLE,
        unless=r"\\appdata\\local\\temp\\|\\windows\\temp\\|setup|install|update",
    ),
    _process(
        "program-in-recycle-bin",
        "a program was started from the recycle bin, a share of VSS or a stream of a file",
        "defense-evasion execution", "T1564 T1006", 55,
        path=r"\\\$recycle\.bin\\|\\globalroot\\|harddiskvolumeshadowcopy|\.(txt|log|docx?|pdf|jpg|dat):[\w.]+",
    ),
    # Parents that are none
    _process(
        "odd-parent-of-system-process", "a part of Windows was started by a program that does not start it",
        "defense-evasion privilege-escalation", "T1055.012 T1036", 55,
        program="svchost lsass services wininit smss csrss", unless=r"^$", path=r"\\windows\\(system32|syswow64)\\",
        other=(
            "cmd powershell pwsh explorer rundll32 regsvr32 wscript cscript mshta winword excel python java w3wp "
            "wmiprvse notepad iexplore chrome firefox conhost taskmgr msbuild"
        ),
    ),
    _process(
        "child-of-quiet-program", "a part of Windows that starts nothing started a program", "defense-evasion",
        "T1055", 45,
        other=(
            "lsass csrss smss notepad calc spoolsv conhost dwm fontdrvhost lsaiso ctfmon wermgr taskhostw "
            "backgroundtaskhost searchprotocolhost searchfilterhost sihost dllhost colorcpl fxssvc"
        ),
        program=f"{_CARRIERS} {_ASKING} notepad calc mspaint",
        unless=r"conhost|werfault|"
        r"^\S{0,200}rundll32(\.exe)?\"? (shell32\.dll|c:\\windows|printui|\S{0,200}\\spool\\)|/c echo",
    ),
    _process(
        "system-host-without-arguments", "a host for libraries or services runs without saying for which",
        "defense-evasion", "T1055.012 T1218.011", 45,
        program=(
            "rundll32 regsvr32 dllhost svchost searchprotocolhost gpupdate werfault regasm regsvcs installutil "
            "msbuild"
        ),
        text=(
            r"^\"?[^ \"]*(rundll32|regsvr32|dllhost|svchost|searchprotocolhost|werfault|regasm|regsvcs|"
            r"installutil)(\.exe)?\"?\s*$"
        ),
        unless=r"^\"?\S*gpupdate",
    ),
    _process(
        "accessibility-shell", "an accessibility tool of the log-on screen started a program or is none",
        "persistence privilege-escalation", "T1546.008", 65,
        other="osk sethc utilman magnify narrator displayswitch atbroker",
        unless=(
            r"\\(osk|sethc|utilman|magnify|narrator|displayswitch|atbroker|easeofaccessdialog|werfault|conhost)\b|"
            r"/debug"
        ),
    ),
    _process(
        "accessibility-system", "an accessibility tool runs with the rights of the system",
        "persistence privilege-escalation", "T1546.008", 30, program="osk sethc magnify narrator displayswitch",
        other="utilman winlogon cmd", text=r"\\(osk|sethc|magnify|narrator|displayswitch)\.exe\"?\s*\S",
        unless=r"sethc\S* 2\d\d",
    ),
    _process(
        "image-hijack-debugger", "a program was started in the place of another one, as its debugger or at its end",
        "persistence privilege-escalation", "T1546.012", 55, other="werfault",
        unless=r"\\(werfault|wermgr|conhost|dw20|drwtsn32)",
    ),
    _process(
        "bits-notify", "the transfer service (BITS) started a program when it was done",
        "persistence defense-evasion", "T1197", 45, program=f"{_SHELLS} notepad calc", other="svchost",
        origin=r"-s bits|-k netsvcs$|-k netsvcs -p -s bits",
        text=r"^(?!\"?[a-z]:\\|\\systemroot|%|rundll32|\"?rundll32)|https?:|/c |scrobj",
    ),
    _process(
        "early-boot-program", "the session manager started a program that is not part of Windows", "persistence",
        "T1547.001 T1542", 45, other="smss",
        unless=(
            r"\\(smss|csrss|wininit|winlogon|autochk|setupcl|chkdsk|ntvdm|werfault)(\.exe)?\b|^(autochk|winlogon|"
            r"wininit|\S*csrss)|^%systemroot%"
        ),
    ),
    _process(
        "winlogon-shell", "the log-on process started another shell than Windows' own", "persistence", "T1547.004",
        40, other="winlogon userinit", program=f"{_SHELLS} notepad calc",
        unless=r"\\(gpscript|proquota|userinit|explorer|conhost)\b|logon script|netlogon|sysvol",
    ),
    _process(
        "wmi-consumer-script", "the host for scripts of WMI subscriptions is at work", "persistence execution",
        "T1546.003", 35, program="scrcons",
    ),
    _process(
        "wmi-consumer-child", "a script of a WMI subscription started a program", "persistence execution",
        "T1546.003", 55, other="scrcons",
    ),
    _process(
        "elevated-by-trusted-program", "a program that Windows elevates without asking started another one",
        "privilege-escalation defense-evasion", "T1548.002", 55,
        other=(
            "eventvwr fodhelper computerdefaults sdclt slui wsreset compmgmtlauncher cliconfg sysprep mcx2prov "
            "migwiz changepk inetmgr cmstp perfmon dccw pkgmgr winsat osk consent tpminit silentcleanup dismhost "
            "oobe"
        ),
        program=f"{_CARRIERS} notepad calc {_ASKING}", unless=r"\\werfault|\\conhost|control\.exe\"? /name|clipsvc",
    ),
    _process(
        "compiler-from-script", "a script engine or document compiled a program", "defense-evasion execution",
        "T1027.004 T1127", 30, program="csc vbc jsc",
        other="wscript cscript mshta rundll32 regsvr32 winword excel powerpnt msbuild installutil w3wp",
        unless=r"\\asp\.net|temporary asp",
    ),
    _process(
        "developer-tool-started-shell", "a build tool of .NET started a command interpreter",
        "defense-evasion execution", "T1127.001 T1218.004", 45,
        program="powershell pwsh cmd rundll32 regsvr32 mshta",
        other="msbuild installutil regasm regsvcs aspnet_compiler",
        unless=r"\\program files|vcvars|\.vcxproj|nuget|npm ",
    ),
    _process(
        "proxy-started-shell", "a tool of Windows that can run other people's code started a command interpreter",
        "defense-evasion execution", "T1218", 40,
        program="cmd powershell pwsh wscript cscript mshta rundll32 regsvr32",
        other=(
            "mshta regsvr32 wscript cscript hh cmstp odbcconf msxsl infdefaultinstall pcalua forfiles control "
            "presentationhost"
        ),
        unless=r"\\program files|\\windows\\system32\\printing_admin|\\netlogon\\|\\sysvol\\|slmgr|setup|install",
    ),
    _process(
        "scheduled-from-script", "a script engine or document set up a scheduled task", "persistence execution",
        "T1053.005", 45, program="schtasks at",
        other="rundll32 mshta wscript cscript regsvr32 winword excel powerpnt outlook w3wp",
    ),
    _process(
        "questions-from-odd-parent", "a program asked who and where it is from a place where nobody asks",
        "discovery", "T1033 T1016 T1082", 45, program="whoami systeminfo nltest quser net net1 ipconfig",
        other=(
            "rundll32 regsvr32 mshta wscript cscript spoolsv svchost lsass w3wp sqlservr services msbuild notepad "
            "wmiprvse wsmprovhost winrshost osk"
        ),
    ),
)  # fmt: skip
