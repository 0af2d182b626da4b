"""Owns the signs in command lines: what a program was told to do. It is long because it is one table.

Options are those of the programs' own documentation; what intruders use them for is described under the techniques of
ATT&CK that each line names.
"""

from __future__ import annotations

from pandora_core.detect.signs.sign import Kind

_process = Kind("process")
_LSASS_TOOLS = (
    "procdump procdump64 rdrleakdiag sqldumper createdump dumpminitool adplus tttracer avdump dump64 nanodump"
)
_PS = "powershell pwsh powershell_ise"
_URL = r"(https?|ftp)://|\\\\[\w.-]+@(ssl|\d+)\\|davwwwroot"

COMMANDS = (
    # Credentials
    _process(
        "lsass-dump-by-library", "the memory of a process is written out through comsvcs.dll", "credential-access",
        "T1003.001", 75, words="comsvcs minidump", text=r"comsvcs(\.dll)?\W+(minidump|#\W*\d+|\d+\s)|,\s*minidump",
    ),
    _process(
        "lsass-dump-by-tool", "a tool writes out the memory of LSASS, which holds passwords", "credential-access",
        "T1003.001", 70, words="lsass",
        text=r"(-ma|-mm|/ma|-accepteula|dump|minidump|fullmemdmp|-p)\b.*lsass|lsass\S* .*\.(dmp|bin|out)",
    ),
    _process(
        "memory-dump-tool", "a tool that writes out the memory of processes was started", "credential-access",
        "T1003.001", 35, program=_LSASS_TOOLS, unless=r"-\?$|/\?$",
    ),
    _process(
        "directory-database-copied", "the database of the directory is copied, with every password in it",
        "credential-access", "T1003.003", 75, words="ntds ntdsutil ntds.dit",
        text=r"ntdsutil.*(ifm|create full|ac\w* i\w* ntds)|ntds\.dit", unless=r"integrity|compact|files info",
    ),
    _process(
        "account-database-copied", "the registry hives with password hashes are saved or copied",
        "credential-access", "T1003.002 T1003.004", 70, words="hklm sam security config",
        text=(
            r"\breg(\.exe)?\"?\s+(save|export)\s+\S*hk(lm|ey_local_machine)\\+(sam|security|system)\b|"
            r"\\config\\(sam|security|system)\b"
        ),
    ),
    _process(
        "shadow-copy-made", "a shadow copy of a disk was made, from which locked files can be read",
        "credential-access", "T1003.003 T1006", 30, words="vssadmin shadowcopy diskshadow vshadow shadow",
        text=(
            r"vssadmin\S* create|shadowcopy\S* call create|create\s+shadow|diskshadow.*(/s|add volume)|"
            r"vshadow.* -(p|nw|script|exec)"
        ),
    ),
    _process(
        "shadow-copy-read", "a file was taken from a shadow copy", "credential-access defense-evasion",
        "T1003.003 T1006", 55, words="harddiskvolumeshadowcopy globalroot mklink",
        text=r"globalroot\\device\\harddiskvolumeshadowcopy",
    ),
    _process(
        "credential-tool-words", "the words of a tool that steals credentials", "credential-access", "T1003 T1558",
        80,
        words=(
            "mimikatz sekurlsa kerberos lsadump rubeus asktgt kerberoast asreproast dcsync secretsdump lazagne "
            "pwdump fgdump gsecdump wce nanodump safetykatz sharpkatz pypykatz kekeo keefarce keethief hashdump "
            "golden ptt"
        ),
        text=(
            r"mimikatz|sekurlsa|lsadump|kerberos::|rubeus|asktgt|kerberoast|asreproast|dcsync|secretsdump|lazagne|"
            r"pwdump|fgdump|gsecdump|\bwce(32|64)?\b.* -[wl]|nanodump|safetykatz|sharpkatz|pypykatz|\bkekeo|"
            r"keefarce|keethief|hashdump|\bptt\b.*(ticket|\.kirbi)"
        ),
    ),
    _process(
        "saved-passwords-asked", "passwords that Windows or a program keeps were asked for", "credential-access",
        "T1555 T1552.001 T1552.002", 40,
        words="cmdkey vaultcmd credwiz password passwords appcmd findstr keymgr cpassword wlan defaultpassword",
        text=(
            r"cmdkey\S* /list|vaultcmd\S* /list|findstr\S* .*(password|passwd|cpassword)|"
            r"appcmd\S* list .*(password|/config|/text)|wlan show profiles? .*key=clear|keymgr.*krshowkeymgr|"
            r"reg\S* query .*(password|winlogon.*defaultpassword)|list apppool"
        ),
    ),
    _process(
        "exit-monitor-on-lsass", "Windows was told to write out LSASS when it ends", "credential-access",
        "T1003.001", 65, words="silentprocessexit", text=r"silentprocessexit.*lsass",
    ),
    # Defences and traces
    _process(
        "shadow-copies-deleted", "shadow copies or backups were deleted, so that nothing can be restored",
        "impact defense-evasion", "T1490", 75,
        words="shadows shadowcopy shadowstorage catalog recoveryenabled systemstatebackup resize bootstatuspolicy",
        text=(
            r"delete\s+shadows|shadowcopy\S*\s+(delete|/delete)|delete\s+(catalog|systemstatebackup)|"
            r"resize\s+shadowstorage|recoveryenabled\s+no|bootstatuspolicy\s+ignoreallfailures"
        ),
    ),
    _process(
        "log-cleared-by-command", "an event log is cleared or switched off", "defense-evasion",
        "T1070.001 T1562.002", 60, words="wevtutil clear limit remove eventlog cl sl autologger logman",
        text=(
            r"wevtutil\S*\s+(cl|clear-log|sl\s.*(/e:false|/ms:))|(clear|limit|remove)-eventlog|logman\S* (stop|"
            r"delete|update) .*(eventlog|sysmon|defender)"
        ),
    ),
    _process(
        "defender-switched-off", "Microsoft Defender is switched off or told to look away", "defense-evasion",
        "T1562.001", 65,
        words=(
            "mppreference mpcmdrun windefend wdfilter sense disableantispyware disablerealtimemonitoring "
            "addexclusion exclusionpath removedefinitions"
        ),
        text=(
            r"(set|add)-mppreference.*(disable\w+|exclusion\w+|submitsamplesconsent|mapsreporting|lowthreat)|"
            r"mpcmdrun\S* .*(-removedefinitions|-restore)|disable(antispyware|realtimemonitoring)|(stop|delete|"
            r"disabled).*(windefend|wdfilter|\bsense\b)|(windefend|wdfilter|\bsense\b).*(stop|delete|disabled)"
        ),
    ),
    _process(
        "defence-service-stopped", "a service that protects, logs or backs up is stopped or removed",
        "defense-evasion impact", "T1562.001 T1489", 45,
        words="stop config delete stop-service taskkill start=disabled disabled unload",
        text=(
            r"\b(net1?|sc|stop-service|set-service|taskkill|fltmc|sysmon\w*)(\.exe)?\"?\s.{0,200}"
            r"(eventlog|sysmon|mpssvc|wscsvc|sophos|mcafee|symantec|kaspersky|crowdstrike|"
            r"csfalcon|carbonblack|cbdefense|sentinel|cylance|wazuh|ossec|splunk|winlogbeat|nxlog|osquery|veeam|"
            r"vss\b|sql(writer|serveragent|browser)|swprv|wbengine)"
        ),
    ),
    _process(
        "firewall-changed-by-command", "the host's firewall is opened or switched off", "defense-evasion",
        "T1562.004", 40, words="advfirewall netfirewallprofile netfirewallrule firewall opmode",
        text=(
            r"firewall\s+(set\s+(\w+profiles?|opmode)\s.*(off|disable)|(set|delete)\s+rule|add\s+(rule|"
            r"portopening|allowedprogram)|set\s+service)|set-netfirewallprofile.*false|(new|disable|"
            r"remove)-netfirewallrule"
        ),
        unless=r"\\program files|\\windows\\installer",
    ),
    _process(
        "port-forwarded", "a port of this host is forwarded to another one", "command-and-control defense-evasion",
        "T1090.001 T1572", 50, words="portproxy v4tov4", text=r"portproxy\s+(add|set)",
    ),
    _process(
        "audit-policy-changed-by-command", "what is audited is changed", "defense-evasion", "T1562.002", 45,
        words="auditpol", text=r"auditpol\S*\s.*(/clear|/remove|/restore|/set.*:disable)",
    ),
    _process(
        "boot-options-weakened", "checks of the boot loader are switched off", "defense-evasion",
        "T1553.006 T1562.009", 50, words="bcdedit",
        text=(
            r"bcdedit\S*.*(testsigning|nointegritychecks|safeboot|debug|loadoptions)\W+(on|yes|minimal|network|"
            r"ddisable)"
        ),
    ),
    _process(
        "trace-removed", "journals, free space or histories are wiped", "defense-evasion", "T1070.004", 45,
        words="usn fsutil cipher sdelete sdelete64 consolehost_history",
        text=r"usn\s+deletejournal|cipher\S*\s+/w|sdelete\w*\S*\s+-|consolehost_history",
    ),
    _process(
        "file-hidden", "a file was hidden with the attributes of the system", "defense-evasion", "T1564.001", 26,
        program="attrib", text=r"\+h|\+s", unless=r"desktop\.ini|thumbs\.db|\\program files|[-+]h .*\\recycler",
    ),
    _process(
        "permissions-opened", "the permissions of files were taken or opened to everyone", "defense-evasion",
        "T1222.001", 28, program="icacls cacls takeown",
        text=r"(/grant|/e /p|/g)\s.*(everyone|\*s-1-1-0|users|authenticated)\S*:\S*(f|m)|takeown.*/r",
    ),
    _process(
        "uac-off-by-command", "the prompt for administrator rights is switched off",
        "defense-evasion privilege-escalation", "T1548.002 T1112", 50,
        words="enablelua consentpromptbehavioradmin localaccounttokenfilterpolicy",
        text=r"(enablelua|consentpromptbehavioradmin).*\b0\b|localaccounttokenfilterpolicy.*\b1\b",
    ),
    _process(
        "credential-setting-weakened", "Windows is told to keep passwords in clear text or to log on by itself",
        "credential-access defense-evasion", "T1112 T1003.001", 55,
        words="uselogoncredential disablerestrictedadmin runasppl lmcompatibilitylevel",
        text=(
            r"uselogoncredential.*\b1\b|disablerestrictedadmin.*\b0\b|runasppl.*\b0\b|"
            r"lmcompatibilitylevel.*\b[0-2]\b"
        ),
    ),
    # PowerShell
    _process(
        "encoded-powershell", "PowerShell runs an encoded command", "execution defense-evasion",
        "T1059.001 T1027.010", 45, words=_PS, text=r"\s[-/]e(nc?|nco\w*|c)?\s+['\"]?[a-z0-9+/=]{24,}",
        unless=r"\\program files|\\amazon\\|\\chocolatey|\\ansible|\\windowsazure\\",
    ),
    _process(
        "hidden-powershell", "PowerShell runs without window, profile and policy", "execution defense-evasion",
        "T1059.001 T1564.003", 28, words=_PS,
        text=r"^(?=.*\s-w(i\w*)?\s+(h\w*|1)\b)(?=.*\s-(no?p\w*|ep|ex\w*|noni\w*|sta|e\w*)\b)",
        unless=r"\\program files|\\windowsazure\\|\\microsoft\\|\\ccm\\",
    ),
    _process(
        "powershell-without-policy", "PowerShell runs a script against the policy", "execution", "T1059.001", 10,
        words=_PS, text=r"\s-(ep|ex\w*)\s+['\"]?(bypass|unrestricted)",
    ),
    _process(
        "downloaded-script", "PowerShell runs what it fetches", "execution command-and-control", "T1059.001 T1105",
        60, words="downloadstring downloadfile downloaddata iwr irm invoke webclient webrequest restmethod start",
        text=(
            r"(iex|invoke-expression|\|\s*iex).*(downloadstring|downloaddata|iwr|irm|webrequest|restmethod|"
            r"webclient)|(downloadstring|downloaddata|iwr|irm|webrequest|restmethod|webclient).*(iex|"
            r"invoke-expression)|downloadstring\(|download(file|data)\("
        ),
    ),
    _process(
        "script-words-in-command", "a command line holds words of attack scripts", "execution", "T1059.001", 55,
        words="frombase64string reflection virtualalloc amsiutils gzipstream memorystream deflatestream",
        text=r"frombase64string|reflection\.assembly|virtualalloc|amsiutils|gzipstream|deflatestream",
    ),
    # Other people's code through tools of Windows
    _process(
        "script-from-web", "a tool of Windows runs a script from the web", "defense-evasion execution",
        "T1218.005 T1218.010 T1218.011", 65,
        words="http https javascript vbscript scrobj sct mshtml runhtmlapplication ftp ssl",
        text=(
            r"\b(mshta|regsvr32|rundll32|msxsl|cscript|wscript|cmstp|hh|wmic|odbcconf|msiexec|presentationhost|"
            rf"installutil)\b.*({_URL}|javascript:|vbscript:|scrobj|runhtmlapplication|\.sct\b)|(^|\s)/u.*/i:|"
            r"scrobj\.dll"
        ),
        unless=r"javascript:void|\\program files|wmic.*\bget\b",
    ),
    _process(
        "page-script", "a page of HTML runs as a program", "execution defense-evasion", "T1218.005", 45,
        program="mshta", text=r"\.(hta|sct|jpg|png|txt|html?)\b|about:|\(", unless=r"\\program files|-embedding",
    ),
    _process(
        "help-file-from-folder", "a help file runs code", "execution defense-evasion", "T1218.001", 26,
        program="hh", text=r"\\(temp|downloads|users|public|desktop)\\.*\.chm|https?:",
    ),
    _process(
        "library-run-oddly", "a library was run in a way that starts other programs", "defense-evasion execution",
        "T1218.011", 55,
        words=(
            "zipfldr url advpack ieadvpack pcwutl shdocvw ieframe setupapi syssetup dfshim shell32 mshtml desk "
            "pcwrun comsvcs photoviewer davclnt cl_invocation"
        ),
        text=(
            r"zipfldr(\.dll)?,\s*routethecall|\burl(\.dll)?,\s*(openurl|fileprotocolhandler|telnet\w*)|"
            r"advpack(\.dll)?,\s*(registerocx|launchinfsection)|pcwutl(\.dll)?,\s*launchapplication|(shdocvw|"
            r"ieframe)(\.dll)?,\s*openurl|(setupapi|syssetup)(\.dll)?,\s*(installhinfsection|"
            r"setupinfobjectinstallaction)|dfshim(\.dll)?,\s*shopenverbapplication|"
            r"shell32(\.dll)?,\s*(shellexec_rundll|control_rundll\s.*\\(temp|users|programdata|public)\\)|"
            r"mshtml(\.dll)?,\s*printhtml|desk\.cpl,\s*installscreensaver|davclnt(\.dll)?,\s*davsetcookie"
        ),
        unless=r"\\windows\\inf\\",
    ),
    _process(
        "library-from-writable-folder", "a library from a folder of a user or of everyone was run",
        "defense-evasion execution", "T1218.011 T1218.010", 45, program="rundll32 regsvr32 control",
        text=(
            r"(\\(temp|tmp|programdata|public|downloads|desktop|perflogs|recycle\w*|appdata\\roaming)\\|"
            r"\\\\[\w.-]+\\[\w$]+\\)[^,\"]*\.\w{2,4}\b"
        ),
        unless=(
            r"\\program files|\\installshield|\\microsoft\\|\\spool\\drivers|printui|\\appdata\\local\\temp\\\{|"
            r"\\citrix|\\teams|\\onedrive"
        ),
    ),
    _process(
        "library-by-number", "a library was run by a number or without a known name", "defense-evasion execution",
        "T1218.011", 40, program="rundll32", text=r"\.(?!dll|cpl|ocx|drv|inf)\w{3,4}\"?,\s*\S+|,\s*#\d+\s*$",
        unless=r"\\windows\\|davclnt|shell32|printui|inetcpl",
    ),
    _process(
        "installer-profile", "an installer of profiles or settings runs a file of its own",
        "defense-evasion privilege-escalation", "T1218.003 T1548.002", 55,
        program="cmstp infdefaultinstall odbcconf", text=r"\.(inf|rsp|dll)\b|regsvr", unless=r"\\program files",
    ),
    _process(
        "build-file-run", "a build tool of .NET ran a file that is no project", "defense-evasion execution",
        "T1127.001", 45, program="msbuild", text=r"\.(xml|txt|csproj|proj|targets)\b.*$",
        path=r"microsoft\.net\\framework|msbuild",
        unless=r"\\program files|\.sln\b|\\source\\|\\repos\\|\\agent\\_work",
    ),
    _process(
        "install-utility", "an install tool of .NET ran somebody's library", "defense-evasion execution",
        "T1218.004 T1218.009", 45, program="installutil regasm regsvcs",
        text=r"/u\b|/logfile=|\\(temp|users|public|programdata)\\", unless=r"\\program files",
    ),
    _process(
        "indirect-command", "a command was started in a roundabout way", "defense-evasion execution", "T1202 T1218",
        45,
        program=(
            "pcalua forfiles bash wsl ftp vshadow explorer scriptrunner conhost wuauclt desktopimgdownldr xwizard "
            "te dnx runscripthelper"
        ),
        text=(
            r"pcalua\S*\"? .*-a\s|forfiles.*/c\s.*(cmd|powershell|\.exe)|ftp\S*\"?\s+.*-s:|vshadow.*-exec|"
            r"explorer\S*\"? /root,|-appvscript|conhost\S* .*\.exe|updatedeploymentprovider|/lockscreenurl:https?|"
            r"runwizard"
        ),
        unless=r"-forcev1|0xffffffff",
    ),
    _process(
        "style-sheet-script", "a style sheet that runs a script was used", "defense-evasion execution", "T1220", 60,
        words="xsl msxsl format", text=r"/?format:\S*(https?|\\\\|[a-z]:\\|\.xsl)|msxsl\S* ",
    ),
    _process(
        "transfer-by-tool", "a tool of Windows fetched a file from the web", "command-and-control", "T1105 T1197",
        45, words="urlcache verifyctl transfer addfile bitstransfer http https",
        text=(
            r"certutil\S*\s.*(urlcache|verifyctl|-f\s|/f\s).*|bitsadmin\S*\s.*(/transfer|/addfile)|"
            r"start-bitstransfer|\b(curl|wget|certreq|esentutl|finger|desktopimgdownldr|mpcmdrun|hh|ieexec|"
            rf"makecab|replace)\b.*({_URL}).*\.(exe|dll|ps1|bat|cmd|vbs|js|hta|zip|scr|msi|png|txt)\b"
        ),
        unless=r"\\program files|ctldl\.windowsupdate|certutil\S*\s.*(-hashfile|-dump|-store|-ping)",
    ),
    _process(
        "bits-job", "a job of the transfer service (BITS) was set up by hand", "persistence defense-evasion",
        "T1197", 40, words="bitsadmin setnotifycmdline",
        text=r"bitsadmin\S*\"?\s.*/(create|addfile|setnotifycmdline|setminretrydelay|resume|transfer)",
    ),
    _process(
        "decoded-by-tool", "a tool of Windows decoded a file", "defense-evasion", "T1140", 45,
        words="decode decodehex", text=r"certutil\S*\"?\s.*[-/]decode",
    ),
    # Staying
    _process(
        "task-by-command", "a scheduled task was made on the command line", "persistence execution", "T1053.005",
        14, words="schtasks create",
        text=r"schtasks\S*\"?\s.*/create|register-scheduledtask|\bat(\.exe)?\"? \d\d?:\d\d",
        unless=r"\\program files|\\microsoft\\office|onedrive",
    ),
    _process(
        "task-runs-script", "a scheduled task was made that runs a script or an odd program",
        "persistence execution", "T1053.005", 50, words="schtasks",
        text=(
            r"schtasks\S*\"?\s.*/create.*(powershell|cmd(\.exe)? /c|mshta|rundll32|regsvr32|wscript|cscript|"
            r"\\temp\\|\\appdata\\|\\public\\|\\programdata\\|https?:|/ru\s+\"?(nt authority\\)?system)"
        ),
        unless=r"\\program files",
    ),
    _process(
        "task-on-other-host", "a scheduled task was made on another host", "lateral-movement execution",
        "T1053.005 T1021", 50, words="schtasks at",
        text=(
            r"schtasks\S*\"?\s.*/s\s+\S+.*/(create|run|change)|schtasks\S*\"?\s.*/(create|run|change).*\s/s\s+\S+|"
            r"\bat(\.exe)?\"? \\\\"
        ),
    ),
    _process(
        "service-by-command", "a service was made or changed on the command line",
        "persistence privilege-escalation", "T1543.003", 28, words="sc new binpath new-service failurecommand",
        text=r"\bsc(\.exe)?\"?\s.*(create|config).*binpath|new-service\b|failure.*command=",
        unless=r"\\program files|\\drivers\\",
    ),
    _process(
        "service-on-other-host", "a service of another host was made, changed or started",
        "lateral-movement execution", "T1569.002 T1021.002", 40, words="sc",
        text=r"\bsc(\.exe)?\"?\s+\\\\[\w.-]+\s+(create|config|start|stop|sdset)",
    ),
    _process(
        "run-key-by-command", "a program is to start at every log-on", "persistence", "T1547.001", 40,
        words="run runonce userinit shell startup policies",
        text=(
            r"(\breg(\.exe)?\"?\s+add|(new|set)-itemproperty).*\\(run|runonce|winlogon|policies\\explorer\\run|"
            r"user shell folders)\b"
        ),
        unless=r"\\program files",
    ),
    _process(
        "image-hijack-by-command", "a debugger is set on a program, which starts in its place",
        "persistence privilege-escalation", "T1546.012", 55, words="image silentprocessexit",
        text=(
            r"image file execution options\\[^\"]*.*(debugger|globalflag|verifierdlls)|"
            r"silentprocessexit\\[^\"]*.*monitorprocess"
        ),
    ),
    _process(
        "wmi-subscription-by-command", "a subscription of WMI was made, which runs programs at events",
        "persistence execution", "T1546.003", 60,
        words="commandlineeventconsumer activescripteventconsumer filtertoconsumerbinding __eventfilter",
        text=r"(commandline|activescript)eventconsumer|filtertoconsumerbinding|__eventfilter",
    ),
    _process(
        "shim-installed", "a compatibility database was installed, which can change any program", "persistence",
        "T1546.011", 50, program="sdbinst", text=r"\.sdb|\.tmp", unless=r"-m -bg|\\program files",
    ),
    _process(
        "account-by-command", "an account or an administrator was made on the command line", "persistence",
        "T1136.001 T1098", 40, words="user localgroup group newlocaluser localuser localgroupmember useraccount",
        text=(
            r"\bnet1?(\.exe)?\"?\s+(user\s+.*/add|user\s+/add|(localgroup|group)\s+.*/add)|new-localuser|"
            r"add-localgroupmember|new-aduser|add-adgroupmember"
        ),
    ),
    _process(
        "guest-enabled", "the guest or administrator account is switched on", "persistence", "T1098 T1078.001", 45,
        words="guest administrator",
        text=r"\bnet1?(\.exe)?\"?\s+user\s+\"?(guest|administrator)\"?\s+.*(/active:yes|\S+ /)",
    ),
    _process(
        "share-by-command", "a folder is shared with the network", "lateral-movement", "T1021.002 T1570", 30,
        words="share newsmbshare smbshare", text=r"\bnet1?(\.exe)?\"?\s+share\s+\S+=|new-smbshare",
    ),
    # Other hosts
    _process(
        "remote-execution-command", "a program was started on another host", "lateral-movement execution",
        "T1047 T1021.006 T1021.003", 45, words="node winrs wmic cim wmimethod pssession computername invoke",
        text=(
            r"wmic\S*\"?\s.*/node:.*(process|service).*call|winrs\S*\"?\s+.*[-/]r(emote)?:|invoke-(wmi|"
            r"cim)method.*-computer\w*|(new|enter)-pssession|invoke-command.*-computername"
        ),
        unless=r"wmic.*\bget\b",
    ),
    _process(
        "psexec-command", "a tool that runs programs on other hosts was used", "lateral-movement execution",
        "T1569.002 T1021.002", 45,
        program=(
            "psexec psexec64 paexec csexec remcom wmiexec smbexec atexec dcomexec winexe crackmapexec netexec "
            "sharpexec"
        ),
        unless=r"\\program files",
    ),
    _process(
        "share-mounted-with-password", "a share of another host was opened with another account",
        "lateral-movement", "T1021.002", 28, words="use",
        text=r"\bnet1?(\.exe)?\"?\s+use\s+.*\\\\\S+\\(\w+\$|\w+).*(/u(ser)?:|\S+\s+/)",
    ),
    _process(
        "copy-to-admin-share", "a file is copied to an administrative share of another host", "lateral-movement",
        "T1570 T1021.002", 35, words="admin$ c$ d$",
        text=r"(copy|xcopy|robocopy|move|copy-item)\S*\"?\s.*\\\\[\w.-]+\\(admin|[a-z])\$",
        unless=r"\\\\(127\.0\.0\.1|localhost)\\",
    ),
    _process(
        "remote-registry-command", "the registry of another host is read or changed", "lateral-movement discovery",
        "T1112 T1021", 35, words="reg remoteregistry",
        text=r"\breg(\.exe)?\"?\s+\w+\s+\"?\\\\[\w.-]+\\|(start|config|start-service|set-service).*remoteregistry",
    ),
    _process(
        "terminal-session-taken", "the desktop session of somebody else is taken over or watched",
        "lateral-movement", "T1563.002", 65, words="tscon shadow mstsc",
        text=r"\btscon(\.exe)?\"?\s+\d+.*/dest|mstsc\S*\"?\s.*/shadow:",
    ),
    _process(
        "remote-desktop-enabled", "remote desktop is switched on", "lateral-movement defense-evasion",
        "T1021.001 T1112", 40, words="fdenytsconnections allowtsconnections",
        text=r"fdenytsconnections.*\b0\b|allowtsconnections.*\b1\b",
    ),
    _process(
        "shell-over-network", "a shell is bound to the network", "command-and-control lateral-movement execution",
        "T1095 T1059", 60, words="nc ncat powercat tcpclient socat plink chisel ngrok ligolo",
        text=(
            r"\b(nc|nc64|ncat|netcat)(\.exe)?\"?\s.*-\w*[le]\w*\b|powercat|net\.sockets\.tcpclient|"
            r"plink\S*\s.*-r\s|chisel\S*\s.*(client|server)\s|ngrok\S*\s.*tcp|ligolo"
        ),
    ),
    # Tools
    _process(
        "tool-of-intruders", "a tool was started that intruders bring along",
        "discovery defense-evasion credential-access", "T1046 T1562.001 T1588.002", 35,
        program=(
            "advanced_port_scanner advanced_ip_scanner netscan netscan64 nmap masscan nbtscan sharpscan fscan "
            "ladon kdu memprocfs advancedrun processhacker pchunter pchunter64 powertool powertool64 gmer "
            "iobitunlocker defendercontrol dcontrol edrsilencer edrfreeze sharpchrome webbrowserpassview mailpv "
            "netpass mimikatz rubeus seatbelt sharphound adfind nircmd xordump handlekatz krbrelayup printspoofer "
            "juicypotato godpotato roguepotato sweetpotato efspotato grb_net"
        ),
    ),
    _process(
        "certificate-by-tool", "a certificate or key was taken out or made trusted on the command line",
        "credential-access defense-evasion", "T1552.004 T1553.004", 35, words="exportpfx addstore encode",
        text=r"certutil\S*\"? .*-(exportpfx|addstore .*root|encode)\b",
    ),
    _process(
        "process-by-wmic", "a program was started, changed or ended through WMI on the command line",
        "execution defense-evasion", "T1047", 26, words="wmic",
        text=(
            r"wmic\S*\"? .*(call (create|terminate|add|createkey|setstringvalue|setdwordvalue|delete|uninstall)|"
            r"/interactive:off)"
        ),
    ),
    _process(
        "hidden-console", "a console was started that nobody sees", "defense-evasion execution", "T1564.003", 40,
        words="headless min",
        text=r"conhost\S*\"? .*--headless|/c \"?start (/b|/min)( /min| /b)? .*\.(vbs|js|ps1|bat|hta)",
        unless=r"\\program files|vscode",
    ),
    _process(
        "command-through-client", "a network client was made to start a command", "defense-evasion execution",
        "T1202 T1218", 50, words="proxycommand localcommand permitlocalcommand",
        text=r"(proxycommand|localcommand)\s*=?\s*\"?(cmd|powershell|\S*\.exe)",
    ),
    _process(
        "encoded-python", "a script interpreter runs code that is encoded", "execution defense-evasion",
        "T1059.006 T1027", 45, words="b64decode base64 fromhex",
        text=r"(python|perl|ruby|node|php)\S*\"? .*(exec|eval).*(b64decode|base64|fromhex)",
    ),
    _process(
        "misleading-name", "a program's name is written backwards or has a second ending, to look like a document",
        "defense-evasion execution", "T1036.002 T1036.007", 55,
        path=r"\u202e|\.(docx?|xlsx?|pptx?|pdf|jpe?g|png|txt|rtf|csv)\s*\.(exe|scr|com|pif)\b",
    ),
    _process(
        "credential-added", "a password was given to Windows to keep, on the command line",
        "credential-access lateral-movement", "T1555.004 T1078", 26, words="cmdkey",
        text=r"cmdkey\S*\"? .*/(generic|add):.*/pass",
    ),
    _process(
        "task-removed", "a scheduled task of Windows was removed or switched off", "defense-evasion impact",
        "T1562.001 T1489 T1490", 35, words="schtasks",
        text=(
            r"schtasks\S*\"? .*(/delete|/change .*/disable).*(\\microsoft\\windows\\|systemrestore|defender|"
            r"windowsbackup|exploitguard)"
        ),
    ),
    _process(
        "crash-handler-misused", "the handler for crashes of protected programs was pointed at a program",
        "defense-evasion credential-access", "T1562.001 T1003.001", 55, program="werfaultsecure",
        text=r"/pid \d+.*(/encfile|/type)",
        other="cmd powershell pwsh explorer rundll32 python edr-freeze edrfreeze edrfreeze-gnu",
    ),
    # Looking around
    _process(
        "host-questions", "somebody asked what this host is, runs and has", "discovery", "T1082 T1007 T1057 T1518",
        5,
        program=(
            "driverquery gpresult systeminfo tasklist quser qwinsta wmic chcp finger nbtstat fltmc netstat arp "
            "route whoami hostname"
        ),
        text=r"^(?!.*wmic)|wmic\S*\"? .*\b(get|list)\b",
    ),
    _process(
        "questions-by-shell", "a command interpreter was used to look around", "discovery",
        "T1082 T1083 T1518.001 T1012", 5, words="assoc dir findstr query nls get winevent icacls",
        program="cmd reg powershell icacls findstr",
        text=(
            r"/c \"?(assoc|dir|set|ver)\b|tasklist.*findstr|findstr.*(virus|defend|everyone)|"
            r"\breg\S*\"? query .*(\\nls\\|currentversion|\\uninstall|\\lsa|securityproviders|terminal server|"
            r"putty|vnc|snmp)|get-winevent.*(terminalservices|security)|icacls \"?\S:\\program files"
        ),
    ),
    _process(
        "trust-questions", "the trusts and controllers of the domain were asked for", "discovery", "T1482 T1018",
        35, words="nltest dsquery domain_trusts adfind trustedDomain",
        text=(
            r"nltest\S*\"?\s.*/(domain_trusts|dclist|trusted_domains|all_trusts)|adfind|"
            r"dsquery\S*\"?\s.*(trusteddomain|-filter)"
        ),
    ),
    _process(
        "domain-questions", "administrators or accounts of the domain were listed", "discovery",
        "T1069.002 T1087.002", 25, words="group user domain localgroup accounts",
        text=r"\bnet1?(\.exe)?\"?\s+((group|user|accounts)\s.*/dom|localgroup\s+\"?administrators)",
    ),
    _process(
        "collector-words", "the words of a tool that maps a domain", "discovery", "T1087.002 T1069.002 T1482", 65,
        words=(
            "sharphound bloodhound collectionmethod adexplorer pingcastle snaffler seatbelt winpeas sharpup "
            "powerup"
        ),
        text=r"sharphound|bloodhound|collectionmethods?|adexplorer.*snapshot|snaffler|seatbelt|winpeas|sharpup",
    ),
    _process(
        "own-rights-asked", "somebody asked for all rights of the account they use", "discovery", "T1033", 20,
        program="whoami", text=r"/(all|priv|groups)",
    ),
)  # fmt: skip
