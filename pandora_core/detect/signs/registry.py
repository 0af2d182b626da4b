"""Owns the signs in the registry: values that make programs start, open doors or close eyes.

A trace's text is the path, `` = ``, and the new value. Paths are those of Microsoft's documentation of each setting.
"""

from __future__ import annotations

from pandora_core.detect.signs.sign import Kind

_set = Kind("registry")
_deleted = Kind("registry-deleted")

_PLACES = (
    r"(\\(temp|tmp|public|programdata|perflogs|recycle\w*|users\\[^\\]+\\(downloads|desktop|documents|"
    r"appdata\\(roaming|local)\\[^\\]+\.))|\\\\[\w.-]+\\)"
)
_CODE = (
    r"(powershell|pwsh|cmd(\.exe)?\"? /|mshta|rundll32|regsvr32|wscript|cscript|javascript:|vbscript:|https?:|"
    r"\.(vbs|js|hta|ps1|bat|sct|wsf)\b|bitsadmin|certutil)"
)

REGISTRY = (
    # Starts again
    _set(
        "run-key-odd", "a program from an odd place, or a script, is to start at every log-on", "persistence",
        "T1547.001", 55, words="run runonce runonceex runservices",
        text=rf"\\(run|runonce|runonceex|runservices)(\\[^=]*)? = .*({_CODE}|{_PLACES}\S*)",
        unless=r"runoncesetup|onedrivesetup|\\microsoft\\(teams|edge|onedrive)|\\discord|\\slack|\\zoom",
    ),
    _set(
        "run-key", "a program is to start at every log-on", "persistence", "T1547.001", 14,
        words="run runonce runonceex", text=r"\\currentversion\\(policies\\explorer\\)?(run|runonce|runonceex)\\",
        unless=r"onedrive|\\microsoft\\edge|securityhealth|\\teams",
    ),
    _set(
        "run-key-by-shell", "a script or command line made a program start at every log-on", "persistence",
        "T1547.001", 40, words="run runonce runonceex",
        text=r"\\currentversion\\(policies\\explorer\\)?(run|runonce|runonceex)\\",
        program="reg powershell pwsh cmd wscript cscript mshta rundll32 regsvr32 python winword excel wmiprvse",
    ),
    _set(
        "hidden-value", "a value of the registry has a name that cannot be shown", "persistence defense-evasion",
        "T1547.001 T1112", 45, words="run", text=r"\\run\\(\s|\x00|\\|[^\x20-\x7e])* =",
    ),
    _set(
        "start-folder-moved", "the folder of programs that start at log-on was moved", "persistence", "T1547.001",
        55, words="startup", text=r"\\(user )?shell folders\\(common )?startup = ",
        unless=r"\\start menu\\programs\\startup",
    ),
    _set(
        "winlogon-changed", "what runs at log-on was changed", "persistence", "T1547.004", 60, words="winlogon",
        text=(
            r"\\winlogon\\(shell|userinit|taskman|notify\S*|vmapplet|gpextensions\S*\\dllname|appsetup|system|"
            r"mpnotify) = (?!(explorer\.exe|c:\\windows\\system32\\userinit\.exe,?|sihost\.exe)$)\S"
        ),
    ),
    _set(
        "user-init-script", "a script is to run when somebody logs on", "persistence", "T1037.001", 50,
        words="userinitmprlogonscript load autorun",
        text=(
            r"userinitmprlogonscript|\\windows nt\\currentversion\\windows\\(load|run) = \S|"
            r"\\command processor\\autorun = \S"
        ),
    ),
    _set(
        "boot-program", "a program is to run before Windows has started", "persistence", "T1547.001 T1542", 60,
        words="bootexecute setupexecute execute s0initialcommand",
        text=(
            r"\\session manager\\(bootexecute|setupexecute|execute|s0initialcommand) = (?!autocheck autochk \*$|"
            r"autocheck autochk \* *$|\(empty\))\S"
        ),
    ),
    _set(
        "image-hijack", "another program will start in the place of one, or at its end",
        "persistence privilege-escalation", "T1546.012", 60,
        words="silentprocessexit execution globalflag debugger monitorprocess",
        text=(
            r"image file execution options\\[^\\]+\\(debugger|verifierdlls) = \S|"
            r"silentprocessexit\\[^\\]+\\(monitorprocess|reportingmode|localdumpfolder)|"
            r"image file execution options\\[^\\]+\\globalflag = dword \(0x0000020"
        ),
    ),
    _set(
        "library-for-everything", "a library is to be loaded into other programs",
        "persistence privilege-escalation", "T1546.009 T1546.010", 60,
        words="appinit_dlls appcertdlls loadappinit_dlls",
        text=r"\\appinit_dlls = \S|\\appcertdlls\\|loadappinit_dlls = dword \(0x00000001", unless=r"= \(empty\)",
    ),
    _set(
        "library-for-security", "a library is to be loaded by LSASS, which sees every password",
        "persistence credential-access", "T1547.002 T1547.005 T1547.008 T1556.002", 60,
        words="lsa ntds networkprovider lsasrv",
        text=(
            r"\\control\\lsa(\\osconfig)?\\(security packages|authentication packages|notification packages) = |"
            r"directoryserviceextpt|lsadbextpt|\\networkprovider\\(order|hworder)\\\S* = .*,|"
            r"\\services\\[^\\]+\\networkprovider\\providerpath"
        ),
    ),
    _set(
        "library-for-system", "a library is to be loaded by a part of Windows", "persistence",
        "T1547.010 T1547.012 T1547.003 T1546.007 T1546.008", 50,
        words=(
            "monitors print timeproviders netsh helperdll winsock2 autodialdll servicedll extensions "
            "protocol_catalog9 ats"
        ),
        text=(
            r"\\print\\(monitors|environments\\.*print processors)\\[^\\]+\\driver = |"
            r"\\timeproviders\\[^\\]+\\dllname|\\software\\microsoft\\netsh\\|autodialdll|"
            r"\\services\\[^\\]+\\parameters\\servicedll(unloadonstop)? = (?!%systemroot%\\system32\\|"
            r"c:\\windows\\system32\\)\S|\\accessibility\\ats\\"
        ),
    ),
    _set(
        "class-hijacked", "a class of COM of one user points to a library or program of its own",
        "persistence privilege-escalation", "T1546.015", 40,
        words="inprocserver32 localserver32 treatas scriptleturl progid inprocserver",
        text=(
            r"(hku|hkcu|_classes)\\.*clsid\\\{[^\\]+\\(inprocserver32|localserver32|treatas|scriptleturl|"
            rf"inprocserver)(\\\(default\))? = .*|clsid\\.*(inprocserver32|localserver32).* = .*({_CODE}|"
            rf"{_PLACES})"
        ),
        unless=r"onedrive|\\microsoft\\(teams|edge)|threadingmodel|\\program files|\\dropbox|\\google\\",
    ),
    _set(
        "shim-registered", "a compatibility database that can change programs was installed",
        "persistence privilege-escalation", "T1546.011", 45, words="appcompatflags",
        text=r"appcompatflags\\(custom|installedsdb)\\",
    ),
    _set(
        "office-start", "a document program is to load something at its start", "persistence", "T1137", 45,
        words="office",
        text=(
            r"office test\\special\\perf|\\office\\[\d.]+\\\w+\\(addins|options\\open|webview\\|"
            r"security\\accessvbom|outlook\\(today|webview|security))|\\(word|excel|"
            r"outlook)\\options\\(startup-path|open)"
        ),
        unless=r"loadbehavior = dword \(0x00000002|\\common files",
    ),
    _set(
        "screen-saver-set", "a screen saver was set, which runs when nobody is there", "persistence", "T1546.002",
        40, words="scrnsave", text=r"control panel\\desktop\\scrnsave\.exe = ",
        unless=r"\\windows\\system32\\\w+\.scr$|\\syswow64\\\w+\.scr$|\(empty\)|\(none\)",
    ),
    _set(
        "policy-script", "a script of group policy was set on the host itself, or a policy was held ready",
        "persistence", "T1484.001 T1037", 40, words="pendinggpos scripts",
        text=r"\\pendinggpos\\|\\group policy\\scripts\\(logon|startup|shutdown|logoff)\\.*script = .*",
    ),
    _set(
        "service-from-odd-place",
        "a service or driver from an odd place, or one that runs a script, was registered",
        "persistence privilege-escalation", "T1543.003", 55, words="services",
        text=(
            rf"\\services\\[^\\]+\\imagepath = .*({_CODE}|{_PLACES}|%comspec%|\\windows\\[^\\]+\.exe|\\\\\.\\pipe|"
            r"admin\$|\\users\\)"
        ),
        unless=(
            r"\\windows\\(servicing|softwaredistribution|sysmon\w*\.exe)|windows defender\\|psexesvc\.exe$|"
            r"\\microsoft\\edge"
        ),
    ),
    _set(
        "service-of-remote-tool-set", "the service of a tool for remote execution was registered",
        "lateral-movement execution", "T1569.002 T1021.002", 55,
        words="psexesvc paexec remcomsvc csexecsvc winexesvc btobto xcmdsvc", text=r"\\services\\",
    ),
    _set(
        "task-key-hidden", "a scheduled task was hidden or its rights taken away", "persistence defense-evasion",
        "T1053.005", 45, words="taskcache", text=r"\\taskcache\\tree\\[^=]+\\(sd|index) = ",
        program="reg powershell pwsh cmd regedit wmiprvse system",
    ),
    # Accounts in the registry
    _set(
        "account-hidden",
        "an account with the name of a machine was made on the host, or one is hidden from the log-on screen",
        "persistence defense-evasion", "T1136.001 T1564.002", 60, words="names userlist",
        text=(
            r"\\sam\\sam\\domains\\account\\users\\names\\[^\\]*\$(\\|$| )|"
            r"\\specialaccounts\\userlist\\[^\\]+ = dword \(0x00000000"
        ),
    ),
    _set(
        "account-made-in-registry", "a local account was made", "persistence", "T1136.001", 32, words="names",
        text=r"\\sam\\sam\\domains\\account\\users\\names\\[^\\$]+(\\| = )",
    ),
    _set(
        "administrators-changed-in-registry", "the members of the local administrators were changed", "persistence",
        "T1098", 30, words="00000220", text=r"\\sam\\sam\\domains\\builtin\\aliases\\00000220\\c",
    ),
    _set(
        "account-changed-in-registry", "the record of the administrator or guest account was written",
        "credential-access persistence", "T1098 T1003.002", 45, words="000001f4 000001f5",
        text=r"\\sam\\sam\\domains\\account\\users\\000001f[45]\\[fv] = ",
    ),
    _set(
        "machine-secret-written", "the password of the machine or a secret of LSASS was written",
        "credential-access", "T1098 T1003.004", 35, words="secrets",
        text=r"\\security\\policy\\secrets\\(\$machine\.acc|_sc_|defaultpassword|dpapi_system)\S*\\currval",
    ),
    _set(
        "password-kept-in-clear", "Windows is told to keep passwords in memory, or to log on by itself",
        "credential-access defense-evasion", "T1112 T1003.001", 60,
        words=(
            "uselogoncredential disablerestrictedadmin runasppl defaultpassword lmcompatibilitylevel "
            "runasppplboot disabledomaincreds lsacfgflags"
        ),
        text=(
            r"\\uselogoncredential = dword \(0x00000001|\\disablerestrictedadmin = dword \(0x0000000|"
            r"\\runasppl\w* = dword \(0x00000000|\\winlogon\\defaultpassword = |"
            r"\\lmcompatibilitylevel = dword \(0x0000000[0-2]"
        ),
    ),
    _set(
        "keys-recorded", "a program took the keyboard through DirectInput", "credential-access collection",
        "T1056.001", 26, words="directinput", text=r"\\directinput\\mostrecentapplication\\(name|id|version)",
        unless=r"\\program files|steam|\bgame",
    ),
    # Eyes closed
    _set(
        "script-logging-changed", "what PowerShell logs, or what it may do, was changed", "defense-evasion",
        "T1562.002 T1112", 50,
        words="scriptblocklogging modulelogging transcription enablescriptblocklogging __pslockdownpolicy",
        text=(
            r"\\(scriptblocklogging|modulelogging|transcription)\\\S* = dword \(0x00000000|"
            r"__pslockdownpolicy = (?!4)"
        ),
    ),
    _set(
        "script-policy-changed", "PowerShell was allowed to run any script", "defense-evasion", "T1059.001 T1112",
        30, words="executionpolicy", text=r"\\executionpolicy = (unrestricted|bypass)",
    ),
    _set(
        "uac-off", "the prompt for administrator rights was switched off or weakened",
        "defense-evasion privilege-escalation", "T1548.002 T1112", 55,
        words=(
            "enablelua consentpromptbehavioradmin promptonsecuredesktop localaccounttokenfilterpolicy "
            "filteradministratortoken"
        ),
        text=(
            r"\\(enablelua|consentpromptbehavioradmin|promptonsecuredesktop) = dword \(0x00000000|"
            r"\\localaccounttokenfilterpolicy = dword \(0x00000001"
        ),
    ),
    _set(
        "uac-hijack", "a key was written that programs read which Windows elevates without asking",
        "privilege-escalation defense-evasion", "T1548.002", 60,
        words="command environment control paths appx82a6gwre4fdg3bt635tn5ctqjf8msdd2 delegateexecute",
        text=(
            r"(hku\\|hkcu\\|_classes\\).*\\(ms-settings|mscfile|exefile|folder|launcher\.systemsettings|"
            r"appx82a6\w+|ms-windows-store|taskmgr\w*)\\shell\\\w+\\command|delegateexecute = (?!\{)|"
            r"\\app paths\\(control|pkgmgr|cmd|powershell)\.exe|(hku|hkcu)\\[^\\]+\\environment\\(windir|"
            r"systemroot|cor_profiler\w*|cor_enable_profiling) = "
        ),
    ),
    _set(
        "defender-changed", "Microsoft Defender was switched off or told to look away", "defense-evasion",
        "T1562.001", 60, words="defender windefend wdfilter wdnissvc sense mssense securityhealthservice",
        text=(
            r"windows defender\\(.*\\)?(disable\w+|exclusions\\\w+\\[^=]+|tamperprotection|submitsamplesconsent|"
            r"spynetreporting|pua\w*) = |\\services\\(windefend|wdfilter|wdnissvc|sense|"
            r"securityhealthservice)\\start = dword \(0x00000004"
        ),
        unless=r"disable\w+ = dword \(0x00000000",
    ),
    _set(
        "defence-service-disabled", "a service that protects or logs was switched off", "defense-evasion",
        "T1562.001 T1562.002 T1562.004", 50, words="services autologger enablefirewall channels minint",
        text=(
            r"\\services\\(eventlog|mpssvc|sysmon\w*|wscsvc|wuauserv|vss|csagent|csfalconservice|sentinelagent|"
            r"cyserver)\\start = dword \(0x00000004|\\autologger\\\S+\\(start|enabled\w*) = dword \(0x00000000|"
            r"\\enablefirewall = dword \(0x00000000|\\winevt\\channels\\[^=]*(security|sysmon|powershell|"
            r"taskscheduler|defender|terminalservices)[^=]*\\enabled = dword \(0x00000000|\\control\\minint"
        ),
    ),
    _set(
        "log-moved", "the file or size of an event log was changed", "defense-evasion", "T1562.002", 45,
        words="eventlog channels",
        text=(
            r"\\(services\\eventlog|winevt\\channels)\\\S*(security|system|sysmon|powershell)\S*\\(file|maxsize|"
            r"channelaccess|customsd|retention) = "
        ),
        program="reg powershell pwsh cmd regedit wmiprvse",
    ),
    _set(
        "macro-security-lowered", "documents were allowed to run macros or to change them", "defense-evasion",
        "T1112 T1562.001", 50,
        words=(
            "accessvbom vbawarnings disableinternetfilesinpv trusted enabledynamicdatalinking packageractivation "
            "trustrecords"
        ),
        text=(
            r"\\(accessvbom|disable(internetfiles|unsafelocations|attachments)inpv|"
            r"enableblocksigning) = dword \(0x00000001|\\vbawarnings = dword \(0x00000001|"
            r"\\trusted locations\\[^=]+\\path = .*(\\\\|temp|downloads|^c:\\$)|"
            r"\\packageractivation = dword \(0x00000000"
        ),
    ),
    _set(
        "signature-check-changed", "how Windows checks signatures or drivers was changed", "defense-evasion",
        "T1553.003 T1553.006", 50,
        words=(
            "cryptsipdllverifyindirectdata finalpolicy behavioronfailedverify upgradedsystem "
            "vulnerabledriverblocklistenable hypervisorenforcedcodeintegrity certificates"
        ),
        text=(
            r"cryptsipdll(verifyindirectdata|getsigneddatamsg)\\.*\\(dll|funcname) = |"
            r"\\finalpolicy\\.*\$function = |behavioronfailedverify|\\ci\\(config\\)?\S+ = dword \(0x00000000|"
            r"vulnerabledriverblocklistenable = dword \(0x00000000"
        ),
    ),
    _set(
        "protection-of-core-off", "a protection of Windows' core or of its passwords was switched off",
        "defense-evasion", "T1562.001 T1112", 45,
        words=(
            "deviceguard hypervisorenforcedcodeintegrity enablevirtualizationbasedsecurity lsacfgflags "
            "systemrestore useactioncenterexperience disableconfig disablesr safeboot fallowtogethelp"
        ),
        text=(
            r"\\(enablevirtualizationbasedsecurity|lsacfgflags|hypervisorenforcedcodeintegrity\\enabled|"
            r"useactioncenterexperience) = dword \(0x00000000|\\systemrestore\\disable\w+ = dword \(0x00000001|"
            r"\\safeboot\\(minimal|network)\\|\\fallowtogethelp = dword \(0x00000001"
        ),
        program="reg powershell pwsh cmd regedit wmiprvse rundll32 mshta wscript cscript",
    ),
    _set(
        "zone-lowered", "a site of the web is treated like one of the company", "defense-evasion",
        "T1112 T1553.005", 35, words="zonemap hidezoneinfoonproperties savezoneinformation",
        text=(
            r"\\zonemap\\(domains|ranges|protocoldefaults)\\.* = dword \(0x0000000[012]|"
            r"savezoneinformation = dword \(0x00000001"
        ),
        program="reg powershell pwsh cmd wscript cscript rundll32 mshta",
    ),
    # Doors
    _set(
        "remote-desktop-opened", "remote desktop was switched on, moved or changed",
        "lateral-movement defense-evasion", "T1021.001 T1112", 45,
        words="fdenytsconnections termservice shadow portnumber fsingleSessionperuser userauthentication tcp",
        text=(
            r"\\fdenytsconnections = dword \(0x00000000|"
            r"\\termservice\\parameters\\servicedll = (?!%systemroot%\\system32\\termsrv\.dll)|"
            r"\\terminal services\\shadow = |rdp-tcp\\(portnumber|userauthentication|securitylayer) = |"
            r"\\fsinglesessionperuser = dword \(0x00000000|"
            r"terminal server\\licensing core\\enableconcurrentsessions"
        ),
        unless=(
            r"portnumber = dword \(0x00000d3d|userauthentication = dword \(0x00000001|"
            r"securitylayer = dword \(0x0000000[12]"
        ),
    ),
    _set(
        "port-proxy-set", "a port of this host is forwarded to another one",
        "command-and-control defense-evasion lateral-movement", "T1090.001 T1572", 55, words="portproxy",
        text=r"\\portproxy\\v4tov4\\",
    ),
    _set(
        "remote-desktop-client-used", "a remote desktop client was used with a server it had not seen",
        "lateral-movement", "T1021.001", 12, words="terminal",
        text=r"\\terminal server client\\(servers\\[^\\]+\\|default\\mru\d)", program="mstsc",
    ),
    _set(
        "run-box-used", "a command interpreter was started from the Run box", "execution", "T1059 T1204", 18,
        words="runmru", text=rf"\\runmru\\\w = .*({_CODE}|\bcmd\b)",
    ),
    _set(
        "share-made", "a folder was shared with the network", "lateral-movement", "T1021.002 T1570", 30,
        words="lanmanserver", text=r"\\lanmanserver\\shares\\(security\\)?(?!security\b)[^\\= ]+",
        unless=r"\\shares\\(security\\)?(sysvol|netlogon|print\$|admin\$|c\$|ipc\$)",
    ),
    _set(
        "anonymous-door-opened", "a pipe or share was opened to log-ons without a name",
        "lateral-movement defense-evasion", "T1021.002 T1112", 60,
        words=(
            "nullsessionpipes nullsessionshares restrictanonymous restrictanonymoussam everyoneincludesanonymous "
            "restrictnullsessaccess"
        ),
        text=(
            r"nullsession(pipes|shares) = \S|restrictanonymous\w* = dword \(0x00000000|"
            r"everyoneincludesanonymous = dword \(0x00000001|restrictnullsessaccess = dword \(0x00000000"
        ),
        unless=r"nullsession\w+ = \(empty\)",
    ),
    _set(
        "remote-management-opened", "remote management was opened", "lateral-movement", "T1021.006", 35,
        words="wsman winrm allow_remote_requests",
        text=(
            r"\\(wsman|winrm)\\.*(allowbasic|allowunencrypted|allowautoconfig|trustedhosts|"
            r"allow_remote_requests)\S* = "
        ),
        program="reg powershell pwsh cmd wmiprvse",
    ),
    _set(
        "registry-by-wmi", "WMI, which other hosts can ask, wrote to the registry",
        "lateral-movement defense-evasion", "T1047 T1112", 35, program="wmiprvse",
        text=(
            r"(\\currentversion\\run|\\shell\\open\\command|\\services\\|\\lsa\\|\\policies\\|"
            r"\\image file execution|\\terminal server|\\winlogon|\\environment\\)"
        ),
        unless=r"\\currentcontrolset\\services\\(tcpip|eventlog|bits|w32time)|\\ccm\\|perflib|\\performance",
    ),
    _set(
        "registry-by-remote-service", "the registry was written through the service for other hosts",
        "lateral-movement", "T1112 T1021", 45, program="svchost",
        text=(
            r"(\\currentversion\\run\\|\\image file execution|\\control\\lsa\\|\\winlogon\\(shell|userinit)|"
            r"\\shell\\open\\command|\\services\\[^\\]+\\imagepath = .*(cmd|powershell))"
        ),
    ),
    _set(
        "update-service-command", "the update service was given a command to run", "privilege-escalation",
        "T1574.011", 60, words="uscheduler", text=r"\\uscheduler\\.*cmdline",
    ),
    _set(
        "driver-registered-oddly", "a driver was registered by a program that is not an installer",
        "persistence privilege-escalation defense-evasion", "T1543.003 T1068", 30, words="sys",
        text=r"\\services\\[^\\]+\\imagepath = (\\\?\?\\|system32\\|\\systemroot\\|[a-z]:\\).*\.sys",
        unless=r"\\(system32|driverstore)\\|\\program files|\\windows defender|mpksl|\\programdata\\microsoft",
    ),
    _deleted(
        "script-logging-removed", "a setting that logs or limits PowerShell was removed", "defense-evasion",
        "T1562.002 T1112", 55, words="scriptblocklogging modulelogging transcription __pslockdownpolicy amsi",
        text=r"\\(scriptblocklogging|modulelogging|transcription)\b|__pslockdownpolicy|\\amsi\\providers",
    ),
    _deleted(
        "history-removed", "the list of what somebody opened or ran was deleted", "defense-evasion",
        "T1070.003 T1070", 35,
        words=(
            "runmru recentdocs typedurls typedpaths userassist opensavepidlmru lastvisitedpidlmru terminal mru "
            "shellbags bags wordwheelquery"
        ),
        text=(
            r"\\(runmru|recentdocs|typedurls|typedpaths|userassist|comdlg32|wordwheelquery|"
            r"terminal server client\\(default|servers)|file mru|place mru|user mru)(\\|$| )"
        ),
        unless=r"\\count\\|sessioninfo",
    ),
    _deleted(
        "defence-setting-removed", "a setting of a defence was removed", "defense-evasion", "T1562.001", 45,
        words="defender safeboot eventlog minimal",
        text=(
            r"\\safeboot\\(minimal|network)\\|windows defender\\(?!.*(signature|scan\\|quarantine))|"
            r"\\services\\(windefend|sysmon\w*|eventlog)\b"
        ),
        program="reg powershell pwsh cmd regedit",
    ),
    _deleted(
        "task-hidden", "the rights of a scheduled task were removed, so that it is no longer shown",
        "defense-evasion persistence", "T1053.005 T1564", 65, words="sd index",
        text=r"\\taskcache\\tree\\.*\\(sd|index)\b",
    ),
)  # fmt: skip
