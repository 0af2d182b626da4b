"""Owns the signs in what programs do to other programs: reading LSASS, writing code, starting threads.

They are told by Sysmon (8, 10, 25). The text of an opened process is the rights asked for and the trace of calls;
``unknown`` in it is code that lies in no file. Rights are those of winnt.h.
"""

from __future__ import annotations

from pandora_core.detect.signs.sign import Kind

_lsass = Kind("lsass-opened")
_opened = Kind("process-opened")
_thread = Kind("thread")
_tampered = Kind("tampered")

_WATCHERS = (
    r"\\program files( \(x86\))?\\|\\windows defender\\|\\windowsazure\\|\\sysmon(64)?\.exe$|\\ccm\\|"
    r"\\microsoft monitoring agent\\"
)
_OF_WINDOWS = (
    r"\\windows\\(system32|syswow64)\\(svchost|csrss|wininit|services|lsm|lsass|wbem\\wmiprvse|vssvc|msiexec|mrt|taskhostw|"
    r"logonui|winlogon|smss|sppsvc|wermgr|dwm|sihost|compattelrunner|consent)\.exe$|^system$"
)

MEMORY = (
    _lsass(
        "lsass-read", "a program that has no business there can read the memory of LSASS, which holds passwords",
        "credential-access", "T1003.001", 55,
        path=rf"^(?!.*({_WATCHERS}|{_OF_WINDOWS}|\\(taskmgr|procexp\w*|perfmon|werfault)\.exe$)).",
    ),
    _lsass(
        "lsass-read-by-script", "a tool that runs commands or code can read the memory of LSASS",
        "credential-access", "T1003.001", 65,
        program=(
            "powershell pwsh cmd rundll32 regsvr32 mshta wscript cscript msbuild installutil python notepad "
            "rdrleakdiag"
        ),
    ),
    _lsass(
        "lsass-read-from-nowhere", "code that lies in no file can read the memory of LSASS", "credential-access",
        "T1003.001", 60, text=r"unknown\(", unless=r"\\(msmpeng|mpengine|mpclient)\b",
        path=rf"^(?!.*({_WATCHERS})).",
    ),
    _lsass(
        "lsass-dumped", "a program opened LSASS in the way that writes out its memory", "credential-access",
        "T1003.001", 60, text=r"(dbghelp|dbgcore|comsvcs)\.dll\+", path=rf"^(?!.*({_WATCHERS}|\\werfault\.exe$)).",
    ),
    _lsass(
        "lsass-taken-whole", "a program asked for every right to LSASS", "credential-access", "T1003.001", 45,
        text=r"^0x1f[0f]fff", path=rf"^(?!.*({_WATCHERS}|{_OF_WINDOWS})).",
    ),
    _lsass(
        "lsass-copied", "LSASS was copied or reflected, so that its memory can be read from the copy",
        "credential-access", "T1003.001", 65,
        text=r"rtlcreateprocessreflection|pssntcapturesnapshot|pssncapturesnapshot",
        path=rf"^(?!.*({_WATCHERS}|\\werfault\.exe$)).",
    ),
    _lsass(
        "lsass-copied-by-itself", "LSASS opened itself, as when its memory is copied from within",
        "credential-access", "T1003.001", 40, program="lsass", text=r"^0x1f\w{4}|unknown\(",
    ),
    _opened(
        "process-changed-from-nowhere", "code that lies in no file took control of another program",
        "defense-evasion privilege-escalation", "T1055", 45, text=r"unknown\(",
        path=rf"^(?!.*({_WATCHERS}|\\microsoft\.net\\|\\mscorsvw\.exe$|\\ngen)).",
        unless=r"\\(clr|mscorwks|mono\w*|jvm|v8)\.dll|\.ni\.dll|\\assembly\\",
    ),
    _opened(
        "process-changed-from-folder", "a program from a folder of a user took control of another one",
        "defense-evasion privilege-escalation", "T1055", 30,
        path=(
            r"\\(users\\[^\\]+\\(desktop|downloads|documents)|public|temp|programdata|perflogs)\\(?!microsoft\\|"
            r"package cache\\)"
        ),
        other=(
            "svchost services winlogon explorer spoolsv notepad conhost dllhost csrss wininit smss taskhostw "
            "rundll32 werfault iexplore chrome firefox outlook teamviewer keepass msmpeng eventvwr"
        ),
    ),
    _opened(
        "process-changed-by-host", "a part of Windows that changes no other program took control of one",
        "defense-evasion privilege-escalation", "T1055 T1134.004", 40,
        program=(
            "spoolsv notepad calc fxssvc powershell pwsh cmd rundll32 regsvr32 mshta wscript cscript cmstp dllhost"
        ),
        other=(
            "svchost services winlogon explorer spoolsv lsass dllhost wininit csrss smss taskhostw winword excel "
            "outlook iexplore chrome firefox msmpeng sihost notepad werfault"
        ),
        unless=r"\\(shell32|windows\.storage|setupapi|appinfo)\.dll\+|wow64cpu.*createprocess",
    ),
    _thread(
        "thread-in-lsass", "a program started a thread in LSASS, which holds passwords",
        "credential-access defense-evasion", "T1003.001 T1055", 65, other="lsass",
        path=r"^(?!.*\\windows\\system32\\(csrss|wininit|svchost)\.exe$).",
    ),
    _thread(
        "thread-in-password-store", "a program started a thread in a store of passwords", "credential-access",
        "T1555.005 T1055", 65, other="keepass 1password bitwarden lastpass dashlane",
    ),
    _thread(
        "thread-by-loadlibrary", "a program made another one load a library",
        "defense-evasion privilege-escalation", "T1055.001", 45, text=r"loadlibrary|ldrloaddll",
        path=rf"^(?!.*({_WATCHERS}|\\windows\\system32\\(csrss|svchost|werfault)\.exe$)).",
    ),
    _thread(
        "thread-from-nowhere", "a thread was started in another program, in code that lies in no file",
        "defense-evasion privilege-escalation", "T1055.002 T1055.003", 40, text=r"^nowhere",
        path=(
            rf"^(?!.*({_WATCHERS}|\\windows\\(system32|syswow64)\\(csrss|svchost|werfault|wininit|winlogon|"
            r"services|dwm|audiodg|wbem\\wmiprvse|taskmgr|conhost)\.exe$))."
        ),
    ),
    _thread(
        "thread-by-shell", "a tool that runs commands or scripts started a thread in another program",
        "defense-evasion privilege-escalation", "T1055", 55,
        program=(
            "powershell pwsh cmd rundll32 regsvr32 mshta wscript cscript msbuild installutil winword excel "
            "powerpnt python notepad spoolsv"
        ),
    ),
    _thread(
        "thread-from-folder", "a program from a folder of a user started a thread in another one",
        "defense-evasion privilege-escalation", "T1055", 45,
        path=r"\\(users|public|temp|programdata|perflogs)\\(?!microsoft\\)|^\\\\",
    ),
    _tampered(
        "process-replaced", "the program in memory is another one than the file that was started",
        "defense-evasion", "T1055.012", 55, path=rf"^(?!.*({_WATCHERS})).",
    ),
)  # fmt: skip
