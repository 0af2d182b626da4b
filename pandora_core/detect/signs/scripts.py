"""Owns the signs in the text of PowerShell scripts (4104, 4103, 800) and in commands that were encoded.

Names are those of .NET, of PowerShell's own commands and of the Windows functions that scripts call by them.
"""

from __future__ import annotations

from pandora_core.detect.signs.sign import Kind

_script = Kind("script")

SCRIPTS = (
    _script(
        "script-downloads-and-runs", "a script fetches another one and runs it", "execution command-and-control",
        "T1059.001 T1105", 50,
        words=(
            "downloadstring downloaddata downloadfile webrequest iwr irm restmethod webclient openread xmlhttp "
            "bitstransfer"
        ),
        text=(
            r"(iex|invoke-expression|\.invoke\(|&\s*\().{0,400}(downloadstring|downloaddata|invoke-webrequest|"
            r"\biwr\b|\birm\b|invoke-restmethod|xmlhttp)|(downloadstring|downloaddata|invoke-webrequest|\biwr\b|"
            r"\birm\b|invoke-restmethod|openread).{0,400}(\biex\b|invoke-expression|invoke-item|start-process)|"
            r"downloadfile\(.{0,400}(invoke-item|start-process|\.exe)|\.download(data|string)\(\s*\$"
        ),
    ),
    _script(
        "script-downloads-program", "a script fetches a program", "command-and-control execution",
        "T1105 T1059.001", 35, words="downloadfile webclient bitstransfer webrequest iwr",
        text=(
            r"(downloadfile\(|start-bitstransfer|invoke-webrequest|\biwr\b).{0,300}\.(exe|dll|ps1|bat|vbs|hta|"
            r"scr)\b"
        ),
        unless=r"\\program files|aka\.ms|microsoft\.com|chocolatey|psgallery|powershellgallery",
    ),
    _script(
        "script-unpacks-itself", "a script unpacks code out of text and runs it", "defense-evasion execution",
        "T1027 T1140 T1059.001", 45, words="frombase64string gzipstream deflatestream memorystream tochararray",
        text=(
            r"frombase64string.{0,600}(iex|invoke-expression|gzipstream|deflatestream|assembly|getstring|"
            r"createthread|load\()|(iex|invoke-expression|gzipstream|deflatestream|"
            r"assembly\W+load).{0,600}frombase64string"
        ),
        unless=r"authenticode|certificate",
    ),
    _script(
        "script-disguised", "a script is written so that it cannot be read",
        "defense-evasion", "T1027.010", 40, words="char join bxor comspec pshome verbosepreference shellid",
        text=(
            r"(\[char\]\W{0,3}\d+\W{0,4}\+?){6}|-bxor\W{0,4}(\d|\$\w+\[)|\[string\]::join\([^\n]{0,80}\[char\]|"
            r"-join\s*\(?\s*\[char\[\]\]|\$env:comspec\[\d|\$pshome\[\d|\$verbosepreference\.tostring|\$shellid\[\d"
        ),
    ),
    _script(
        "script-in-pieces", "a script puts its words together from pieces",
        "defense-evasion", "T1027.010", 40,
        text=r"'[^'\n]{0,20}'\s*\+\s*(?:'[^'\n]{0,20}'\s*\+\s*){9}",
    ),
    _script(
        "script-out-of-order", "a script puts its words together from pieces in another order",
        "defense-evasion", "T1027.010", 40, text=r"\{\d+\}(?:\{\d+\}){7}[^\n]{0,40}-f",
    ),
    _script(
        "script-loads-library-from-memory", "a script runs a program out of memory, not of a file",
        "defense-evasion execution", "T1620 T1055", 55,
        words=(
            "reflection assembly virtualalloc getdelegateforfunctionpointer getprocaddress definedynamicassembly "
            "writeprocessmemory createremotethread createthread unsafenativemethods dllimport"
        ),
        text=(
            r"reflection\.assembly\W+load\(|assembly\W*::\W*load\(\W*[\[$(]|virtualalloc|"
            r"getdelegateforfunctionpointer|writeprocessmemory|createremotethread|unsafenativemethods|"
            r"definedynamicassembly|(dllimport|add-type).{0,400}(createthread|rtlmovememory|ntwritevirtualmemory|"
            r"queueuserapc)"
        ),
    ),
    _script(
        "script-blinds-scanner", "a script switches off what watches scripts", "defense-evasion", "T1562.001", 70,
        words=(
            "amsiutils amsiinitfailed amsiscanbuffer amsicontext cachedgrouppolicysettings scriptblocklogging "
            "etweventwrite etwprovider m_enabled"
        ),
        text=(
            r"amsiutils|amsi(initfailed|scanbuffer|context)|cachedgrouppolicysettings|"
            r"enablescriptblock(invocation)?logging.{0,40}(0|false)|etweventwrite|etwprovider.{0,80}m_enabled"
        ),
    ),
    _script(
        "script-scanner-words-split", "a script holds the name of the script scanner in pieces", "defense-evasion",
        "T1562.001 T1027", 65, words="reflection assembly gettype getfield nonpublic",
        text=(
            r"gettype\(.{0,200}(am['\"+ ]*si['\"+ ]*ut|\+['\"]?utils|\{\d\}\{\d\}).{0,200}(getfield|nonpublic)|"
            r"getfield\(.{0,100}nonpublic,static.{0,80}setvalue\(\$?null"
        ),
    ),
    _script(
        "script-changes-defender", "a script switches Microsoft Defender off or tells it to look away",
        "defense-evasion", "T1562.001", 60, words="mppreference",
        text=r"(set|add)-mppreference[^\n]{0,200}(disable\w+|exclusion\w+)[^\n]{0,60}",
        unless=r"function (global:)?(set|add)-mppreference",
    ),
    _script(
        "script-steals-credentials", "a script with the words of tools that steal credentials", "credential-access",
        "T1003 T1558 T1555", 70,
        words=(
            "mimikatz sekurlsa kerberoast dcsync minidumpwritedump minidump hashdump netcredential asreproast "
            "lsadump logonpasswords vaultenumeratevaults cryptunprotectdata gppp promptforcredential "
            "credentialmanager keepass keethief tgsrep kerberosrequestorsecuritytoken vault get"
        ),
        text=(
            r"mimikatz|sekurlsa|lsadump|invoke-kerberoast|asreproast|dcsync|minidumpwritedump|hashdump|"
            r"out-minidump|promptforcredential|kerberosrequestorsecuritytoken|vaultenumeratevaults|keepass\w*key|"
            r"get-gpppassword|get-(passhashes|lsasecret|vaultcredential|webconfig)|invoke-(ninjacopy|powerdump|"
            r"credentialphisher|inveigh)"
        ),
    ),
    _script(
        "script-asks-for-password", "a script shows a window that asks for a password", "credential-access",
        "T1056.002", 40, words="promptforcredential getnetworkcredential credui credential",
        text=(
            r"(promptforcredential|get-credential|credui).{0,600}(getnetworkcredential|validatecredentials|"
            r"\.password)|while.{0,200}validatecredentials"
        ),
    ),
    _script(
        "script-takes-file-of-passwords", "a script opens what holds passwords", "credential-access",
        "T1003.002 T1003.003 T1552", 50,
        words="ntds sam lsass shadowcopy win32_shadowcopy consolehost_history login unattend sysvol",
        text=(
            r"ntds\.dit|\\config\\sam\b|lsass.{0,200}(dump|memory|handle)|win32_shadowcopy.{0,80}create|"
            r"consolehost_history|\\login data|get-process\W+lsass"
        ),
    ),
    _script(
        "script-tool-words", "a script holds the names of well-known attack tools", "execution", "T1059.001", 65,
        words=(
            "powersploit empire nishang powerview powerup powercat meterpreter metasploit cobaltstrike beacon "
            "invoke bloodhound sharphound psinject posh covenant"
        ),
        text=(
            r"powersploit|powershell-?empire|nishang|powerview|invoke-allchecks|powercat|meterpreter|metasploit|"
            r"cobaltstrike|sharphound|invoke-(bloodhound|shellcode|psinject|dllinjection|reflectivepeinjection|"
            r"empire|tokenmanipulation|portscan|smbexec|wmiexec|thehash|userhunter|enumeratelocaladmin|"
            r"eventhunter|processhunter|bypassuac|eventvwrbypass|winenum|runas)\b"
        ),
    ),
    _script(
        "script-reaches-other-host", "a script runs a program on another host", "lateral-movement execution",
        "T1047 T1021.003 T1021.006", 45,
        words=(
            "gettypefromclsid gettypefromprogid wmimethod cimmethod win32_process pssession computername wmiclass "
            "activator shellexecute executeshellcommand ddeinitiate registerxll"
        ),
        text=(
            r"gettypefrom(clsid|progid)\([^)\n]{3,80},[^)\n]{2,}\)|invoke-(wmi|cim)method[^\n]{0,200}(-computer|"
            r"-cim)|wmiclass\]\W*\\\\[^\n]{0,60}win32_process|executeshellcommand|(new|"
            r"enter)-pssession\s[^\n]{0,100}-computer|win32_process[^\n]{0,200}-computer|"
            r"win32_process[^\n]{0,120}create[^\n]{0,120}-computer|psexec|ddeinitiate|"
            r"invoke-command\s[^\n]{0,60}-computer\w*\s[^\n]{0,200}(iex|invoke-expression|downloadstring|-enc|"
            r"frombase64)"
        ),
        unless=r"^function (new|enter)-pssession|\.synopsis",
    ),
    _script(
        "script-shell-over-network", "a script binds a shell to the network", "command-and-control execution",
        "T1095 T1059.001", 65, words="tcpclient tcplistener getstream udpclient sslstream",
        text=r"(tcpclient|tcplistener).{0,1200}(getstream|iex|invoke-expression|sendback|\.read\()",
    ),
    _script(
        "script-beacon", "a script keeps asking a web server for orders", "command-and-control execution",
        "T1071.001 T1059.001", 60,
        words="servicepointmanager defaultwebproxy systemwebproxy user downloaddata cookie",
        text=(
            r"(expect100continue|getsystemwebproxy|defaultnetworkcredentials|"
            r"defaultcredentials).{0,1500}(downloaddata|headers\.add\(.{0,20}cookie|uploaddata)|"
            r"user-agent.{0,200}trident.{0,1500}downloaddata"
        ),
    ),
    _script(
        "script-stays", "a script sets itself up to start again", "persistence", "T1547.001 T1053.005 T1546.003",
        45,
        words=(
            "run currentversion scheduledtask schtasks eventconsumer __eventfilter startup "
            "commandlineeventconsumer binding __filtertoconsumerbinding wmievent"
        ),
        text=(
            r"(set|new)-itemproperty[^\n]{0,200}currentversion\\run|register-scheduledtask|"
            r"schtasks[^\n]{0,40}/create|(commandline|activescript)eventconsumer|__eventfilter|"
            r"filtertoconsumerbinding|\\start menu\\programs\\startup"
        ),
        unless=r"\.synopsis|cmdletbinding\(definition|\\program files",
    ),
    _script(
        "script-reads-keys", "a script records keys, the screen or the clipboard", "collection", "T1056.001 T1113",
        50, words="getasynckeystate setwindowshookex copyfromscreen getkeyboardstate",
        text=r"getasynckeystate|setwindowshookex|copyfromscreen|getkeyboardstate",
    ),
    _script(
        "script-clears-traces", "a script clears logs or histories", "defense-evasion", "T1070.001 T1070.003", 50,
        words="eventlog wevtutil historysavepath history clear eventlogsession clearlog",
        text=(
            r"(clear|remove|limit)-eventlog|wevtutil\S* (cl|clear-log|sl)|historysavepath|historysavestyle|"
            r"clearlog\(|remove-item[^\n]{0,80}consolehost_history"
        ),
    ),
    _script(
        "script-changes-rights", "a script changes who may do what in the directory",
        "persistence privilege-escalation", "T1098 T1222", 50,
        words=(
            "domainobjectacl objectacl domainobject adobject activedirectoryaccessrule replication 1131f6ad "
            "genericall aduser"
        ),
        text=(
            r"add-(domain)?objectacl|1131f6ad-9c07|activedirectoryaccessrule[^\n]{0,300}(genericall|writedacl|"
            r"extendedright)|set-domainobject(owner)?\b"
        ),
    ),
    _script(
        "script-maps-domain", "a script lists the accounts, hosts and rights of the domain", "discovery",
        "T1087.002 T1069.002 T1018", 40,
        words=(
            "domaincomputer domainuser domaingroup netuser netcomputer netsession domaincontroller "
            "directorysearcher netlocalgroup netloggedon userhunter findall"
        ),
        text=(
            r"get-(domain(computer|user|group|controller|trust|policy)|net(user|computer|group|session|loggedon|"
            r"localgroup|domain\w*|gpo))|find-(domainuserlocation|localadminaccess|domainshare)|"
            r"directorysearcher.{0,300}(serviceprincipalname|admincount)"
        ),
    ),
    _script(
        "script-without-policy", "a script is run against the policy", "execution", "T1059.001", 8, words="bypass",
        text=r"executionpolicy\W+bypass",
    ),
)  # fmt: skip
