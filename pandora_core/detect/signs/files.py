"""Owns the signs in files, pipes, libraries and drivers: what was written or loaded, by whom and where.

Where Windows starts programs from is documented by Microsoft (startup folders, the print and task folders); names of
dumps and pipes are what the tools leave.
"""

from __future__ import annotations

from pandora_core.detect.signs.sign import Kind

_file = Kind("file")
_read = Kind("file-read")
_time = Kind("file-time")
_pipe = Kind("pipe")
_image = Kind("image")
_driver = Kind("driver")
_share = Kind("share")
_written = Kind("share-written")

_PROGRAMS = r"\.(exe|dll|scr|sys|com|bat|cmd|ps1|vbs|vbe|js|jse|hta|wsf|msi|cpl|lnk|pif|xll|sct|xml)$"
_OFFICE = "winword excel powerpnt outlook msaccess mspub visio eqnedt32"
_SCRIPTERS = "powershell pwsh cmd wscript cscript mshta rundll32 regsvr32 certutil bitsadmin wmic msbuild"
_OPEN_PLACES = r"\\(temp|tmp|programdata|public|perflogs|recycle\w*|downloads|desktop|appdata)\\"
_REMOTE_PIPES = (
    r"(svcctl|atsvc|winreg|samr|lsarpc|efsrpc|spoolss|eventlog|netdfs|lsass|protected_storage|drsuapi|ntsvcs|"
    r"fssagentrpc|netlogon)"
)

FILES = (
    # Starts again
    _file(
        "startup-folder", "a file was put where programs start at log-on", "persistence", "T1547.001", 35,
        text=r"\\start menu\\programs\\startup\\[^\\]+(?<!\.ini)(?<!\.tmp)$", words="startup",
        unless=r"\\(onenote|send to onenote)",
    ),
    _file(
        "startup-folder-by-shell", "a script, a document or another host put a file where programs start at log-on",
        "persistence", "T1547.001", 60, text=r"\\start menu\\programs\\startup\\", words="startup",
        program=f"{_SCRIPTERS} {_OFFICE} system mstsc wmiprvse wsmprovhost",
    ),
    _file(
        "startup-over-remote-desktop",
        "a file came over a remote desktop or share to where programs start at log-on",
        "lateral-movement persistence", "T1021.001 T1570 T1547.001", 60, words="startup",
        program="mstsc system rdpclip", text=r"\\startup\\",
    ),
    _file(
        "task-file-by-shell", "the file of a scheduled task was written by a program that is not the scheduler",
        "persistence execution", "T1053.005", 35, words="tasks", text=r"\\windows\\(system32\\)?tasks\\",
        program=f"{_SCRIPTERS} {_OFFICE} explorer system python wmiprvse spoolsv",
    ),
    _file(
        "service-program-by-shell",
        "a library or driver was put into the system's folder by a script or from another host",
        "defense-evasion persistence lateral-movement", "T1574.001 T1036.005", 45, words="system32 syswow64 wbem",
        text=r"\\windows\\(system32|syswow64)\\(wbem\\|spool\\drivers\\color\\)?[^\\]+\.(dll|exe|sys|ocx|cpl)$",
        program=f"{_SCRIPTERS} {_OFFICE} explorer system python spoolsv dllhost wsmprovhost wmiprvse wusa",
    ),
    _file(
        "written-from-other-host", "another host wrote a program to this one", "lateral-movement",
        "T1570 T1021.002", 40, program="system", text=_PROGRAMS,
        unless=(
            r"\\windows\\(softwaredistribution|winsxs|servicing|installer|assembly)\\|\\system volume information|"
            r"\\ccmcache\\|pagefile|\\sysvol\\|\\policies\\"
        ),
    ),
    _file(
        "driver-file-written", "a driver was put down by a program that is not an installer",
        "persistence privilege-escalation defense-evasion", "T1543.003 T1068", 35, words="sys", text=r"\.sys$",
        unless=(
            r"\\windows\\(softwaredistribution|winsxs|servicing|temp\\\{)|\\driverstore\\|\\program files|"
            r"\\windows defender|pagefile|hiberfil|swapfile"
        ),
        path=(
            r"^(?!.*\\(drvinst|msiexec|tiworker|trustedinstaller|svchost|setup\w*|dismhost|poqexec|"
            r"system)(\.exe)?$)"
        ),
    ),
    _file(
        "document-start-folder", "something was put where a document program loads it at its start", "persistence",
        "T1137", 45, words="startup xlstart addins stationery vbaproject",
        text=(
            r"\\microsoft\\(word\\startup|excel\\xlstart|addins|outlook\\vbaproject)|\\xlstart\\|"
            r"\\office\w*\\startup\\"
        ),
        unless=r"~\$|\.tmp$",
    ),
    _file(
        "shim-file-written", "a compatibility database was put into Windows' folder",
        "persistence privilege-escalation", "T1546.011", 50, words="sdb",
        text=r"\\apppatch\\(custom|customsdb)\\.*\.sdb$",
    ),
    _file(
        "wmi-file-written", "a file of WMI classes was compiled", "persistence", "T1546.003", 40, words="mof",
        text=r"\.mof$", program=f"{_SCRIPTERS} {_OFFICE} explorer python", unless=r"\\program files|\\ccm\\",
    ),
    _file(
        "profile-script", "a script was put where PowerShell runs it at its start", "persistence", "T1546.013", 45,
        words="profile", text=r"\\(windowspowershell|powershell)\\(v1\.0\\)?(\w+\.)?\w*profile\.ps1$",
    ),
    # Credentials
    _file(
        "lsass-dump-file", "a copy of the memory of LSASS, which holds passwords, was written", "credential-access",
        "T1003.001", 70, words="lsass mimilsa dmp dumpert",
        text=(
            r"lsass[^\\]*\.(dmp|mdmp|bin|out|zip)|mimilsa\.log|dumpert\.dmp|minidump_\d+\.dmp|andrew\.dmp|"
            r"\\lsass[^\\]*$"
        ),
        unless=r"\.pf$|\\windows\\system32\\lsass\.exe$|werfault.*\.tmp",
    ),
    _file(
        "account-database-file", "a copy of the database of accounts was written", "credential-access",
        "T1003.002 T1003.003", 65, words="ntds sam",
        text=(
            r"ntds\.dit$|\\(sam|security|system)(\.(save|bak|hive?|hiv|dmp|sav|reg|old))$|\\(sam|"
            r"ntds)[^\\]*\.(save|bak|hive?|zip)$"
        ),
        unless=r"\\windows\\(ntds|system32\\config|system32\\ntds)|\\winsxs\\",
    ),
    _file(
        "ticket-file", "a Kerberos ticket was written to a file", "credential-access", "T1558", 65,
        words="kirbi ccache", text=r"\.(kirbi|ccache)$",
    ),
    _read(
        "password-store-read", "a program that is not the browser read where the browser keeps passwords",
        "credential-access", "T1555.003", 50, words="login logins key3 key4 cookies signons wallet vault",
        text=r"\\(login data|logins\.json|key[34]\.db|signons\.sqlite|web data|wallet\.dat|\w+\.kdbx)$",
        path=(
            r"^(?!.*\\(chrome|firefox|opera|msedge|brave|iexplore|searchprotocolhost|msmpeng|keepass\w*|"
            r"explorer)\.exe$)"
        ),
    ),
    _read(
        "account-database-read", "a program opened the database of accounts", "credential-access",
        "T1003.002 T1003.003", 55, words="sam security ntds", text=r"\\config\\(sam|security)$|ntds\.dit$",
        path=r"^(?!.*\\(lsass|svchost|system|msmpeng|vssvc|services|wbengine|ntdsutil)(\.exe)?$)",
    ),
    # Droppers
    _file(
        "program-by-document", "a document or mail program wrote a program", "execution initial-access",
        "T1204.002", 50, program=_OFFICE, text=_PROGRAMS,
        unless=r"\\office\\recent\\|\\microsoft\\office\\|\.lnk$|\\templates\\|\.xml$",
    ),
    _file(
        "program-by-tool", "a tool of Windows that runs or fetches code wrote a program to a folder of everyone",
        "command-and-control execution", "T1105", 35,
        program=(
            "certutil bitsadmin mshta regsvr32 wscript cscript wmic rundll32 hh desktopimgdownldr esentutl finger"
        ),
        text=rf"{_OPEN_PLACES}.*{_PROGRAMS}", unless=r"\.lnk$|\.xml$|__psscriptpolicytest|\\inetcache\\.*\.js$",
    ),
    _file(
        "stream-written", "a program or script was put into a stream of another file", "defense-evasion",
        "T1564.004", 45,
        text=(
            r"\.\w+:(?!zone\.identifier|smartscreen|wofcompresseddata|encryptable|favicon|\$data|ms-properties|"
            r"com\.dropbox)[\w.]+"
        ),
        words="exe dll vbs js ps1 bat txt hta",
    ),
    _file(
        "web-shell-file", "a page that runs code was put on a web server", "persistence", "T1505.003", 45,
        words="aspx asp jsp php jspx ashx asmx cshtml",
        text=r"\\(inetpub|wwwroot|htdocs|webapps|frontend\\httpproxy)\\.*\.(aspx?|jspx?|php|ashx|asmx|cshtml)$",
        program=f"{_SCRIPTERS} w3wp system httpd tomcat php-cgi umworkerprocess",
    ),
    _file(
        "double-ending", "a program has the name of a document", "defense-evasion execution", "T1036.007", 40,
        text=(
            r"\.(docx?|xlsx?|pptx?|pdf|jpe?g|png|txt|rtf|csv|zip)\s*\.(exe|scr|com|pif|lnk|js|jse|vbs|vbe|hta|bat|"
            r"cmd|ps1|msi)$"
        ),
        unless=r"\\recent\\",
    ),
    _file(
        "false-place", "a program was put where its place looks like a part of Windows", "defense-evasion",
        "T1036.005", 30,
        text=(
            r"\\(recycler?s?\.bin|recycle|recycler)\\.*\.(exe|dll|scr)$|^c:\\(windows )\\|\\windows\s+\\system32|"
            r"^c:\\(svchost|bitsadmin|lsass|csrss|powershell|rundll32|explorer)\.exe$"
        ),
    ),
    _file(
        "program-replaced-oddly", "a program of Windows was written by a program that is no installer",
        "defense-evasion privilege-escalation", "T1036.005 T1574", 35, words="exe",
        text=(
            r"\\(svchost|lsass|csrss|services|winlogon|spoolsv|tieringengineservice|consent|taskhostw|dllhost|"
            r"wermgr|fodhelper|sdclt|osk|sethc|utilman)\.exe$"
        ),
        unless=r"\\winsxs\\|\\softwaredistribution\\|\\servicing\\",
        path=r"^(?!.*\\(tiworker|trustedinstaller|msiexec|svchost|dism\w*|poqexec|setup\w*|wusa)\.exe$)",
    ),
    _file(
        "many-files-locked", "a note of extortioners was written", "impact", "T1486", 60,
        text=(
            r"\\[^\\]*(decrypt|recover|restore|readme)[^\\]*(instruction|files|how|your|note)[^\\]*\.(txt|html?|"
            r"hta)$|\\(how|_?how)[-_ ](to[-_ ])?(decrypt|recover|restore)[^\\]*$"
        ),
    ),
    _file(
        "result-of-remote-tool", "a tool for remote execution left its file", "lateral-movement execution",
        "T1569.002 T1021.002", 55, words="psexesvc paexec remcomsvc psexec execute bat",
        text=(
            r"\\windows\\(psexesvc|paexec[^\\]*|remcomsvc|csexecsvc|winexesvc)\.exe$|\\psexec-[^\\]+\.key$|"
            r"\\windows\\(temp\\)?execute\.bat$|\\__output$"
        ),
    ),
    _time(
        "file-time-changed", "the time at which a file was made was set back", "defense-evasion", "T1070.006", 40,
        program=f"{_SCRIPTERS} python rundll32 svchost explorer", text=r"",
        unless=r"\\__psscriptpolicytest|\\inetcache\\|\\temp\\|\.tmp$",
    ),
    _time(
        "program-time-changed", "the time at which a program was made was set back", "defense-evasion", "T1070.006",
        40, text=_PROGRAMS,
        path=(
            r"^(?!.*\\(msiexec|tiworker|svchost|trustedinstaller|setup\w*|\w*update\w*|\w*install\w*|onedrive|"
            r"7z\w*|winrar|explorer|chrome|dropbox)\.exe$)"
        ),
        unless=r"\\program files|\\winsxs|\\softwaredistribution|\\temp\\",
    ),
    # Pipes
    _pipe(
        "pipe-of-remote-tool", "the pipe of a tool for remote execution",
        "lateral-movement execution defense-evasion", "T1569.002 T1021.002", 55,
        words=(
            "psexesvc paexec remcom remcom_communication csexec winexe svcctl stdin stdout stderr "
            "remcom_communicaton"
        ),
        text=r"^\\?(psexesvc|paexec|remcom|csexec|winexe|xcmd)|-(stdin|stdout|stderr)$",
    ),
    _pipe(
        "pipe-of-implant", "a pipe with the name that an intruder's program uses",
        "command-and-control lateral-movement", "T1071 T1570", 60,
        text=(
            r"^\\?(msagent_|mojo\.5688\.8052\.|postex_|postex_ssh_|status_[0-9a-f]{2}|msse-\d+-server|"
            r"interprocess_|mypipe-[fh]|(samr|lsarpc|spoolss|ntsvcs|scerpc|dserpc|srvsvc|wkssvc)_\w|gruntsvc|evil|"
            r"isapi_http|sdlrpc|ahexec|adschemerpc|windows\.update\.manager\d{3})"
        ),
    ),
    _pipe(
        "credential-pipe", "the pipe of a tool that steals credentials", "credential-access", "T1003.001 T1558", 65,
        words="kekeo lsadump cachedump wceservicepipe wce mimikatz keethief tsssp kerberos",
        text=r"kekeo|lsadump|cachedump|wceservicepipe|mimikatz|tsssp|pypykatz",
    ),
    _pipe(
        "pipe-for-impersonation", "a pipe that waits for the system to knock, so that its rights can be taken",
        "privilege-escalation", "T1134.001 T1068", 60,
        text=(
            r"\\(roguepotato|efspotato|lsarpc|petit|pipe\\|\w{3,12}\\pipe\\|[0-9a-f-]{36}\\pipe\\)|"
            r"\\pipe\\(srvsvc|epmapper|spoolss|lsarpc)$"
        ),
    ),
    _pipe(
        "pipe-of-script-host", "a script or a program of a user opened a pipe", "execution", "T1559", 12,
        other="created", program="powershell pwsh wscript cscript mshta",
        text=r"^(?!\\?(pshost|ps_host|pipe_eventroot|dotnet-diagnostic|crashpad|mojo|lsp))",
    ),
    _pipe(
        "pipe-from-other-host", "another host connected to a pipe that no part of Windows has", "lateral-movement",
        "T1021.002 T1570", 26, program="system", other="connected",
        text=(
            r"^(?!\\?(srvsvc|wkssvc|samr|lsarpc|lsass|netlogon|spoolss|svcctl|atsvc|winreg|eventlog|epmapper|"
            r"browser|ntsvcs|trkwks|w32time|wsm_?\w*|initshutdown|msftewds|tapsrv|ipc\$|protected_storage|efsrpc|"
            r"netdfs|sql\\query|mssql\$|winsock|mojo|crashpad|scerpc|keysvc|router|dhcp|dns\w*|cert|rpcss|"
            r"fssagentrpc|iisipm|ctx_winstation_api_service|termsrv_api_service|lsm_api_service|chrome|\\|$))"
        ),
    ),
    _pipe(
        "remote-control-pipe", "another host used the service manager, the scheduler or the registry of this one",
        "lateral-movement", "T1021.002", 16, program="system", other="connected",
        words="svcctl atsvc winreg eventlog", text=r"^\\?(svcctl|atsvc|winreg|eventlog)$",
    ),
    _pipe(
        "session-questions-pipe", "another host asked who is logged on here", "discovery", "T1033 T1049", 12,
        program="system", other="connected", words="srvsvc wkssvc samr", text=r"^\\?(srvsvc|samr|wkssvc)$",
    ),
    # Libraries
    _image(
        "library-beside-program", "an unsigned library was loaded where one of Windows is expected",
        "defense-evasion persistence privilege-escalation", "T1574.001 T1574.002", 40, other="unsigned",
        text=(
            r"\\(cryptsp|cryptbase|cryptdll|version|winmm|dbghelp|dbgcore|wlbsctrl|wbemcomn|ualapi|cdpsgshims|"
            r"tsmsisrv|tsvipsrv|wlanhlp|wlanapi|ntwdblib|actionqueue|uxtheme|dwmapi|userenv|profapi|propsys|msfte|"
            r"msdtcuiu|oci|edgegdi|sprintcsp|fxsst|windowscoredeviceinfo|shell32|netapi32|wininet|winhttp|mscoree|"
            r"secur32|sspicli|wtsapi32|wow64log|phoneinfo|srvcli|linkinfo|ntshrui|rasadhlp|mswsock|wwlib|jli|"
            r"msvcr\d+|goopdate|mfplat|iphlpapi|dpx|dismcore|mpclient|mpsvc|iertutil|hid|slc|netutils|apphelp|"
            r"bcrypt|cabinet|urlmon|credui|comctl32|elsext|faultrep|gpapi|logoncli|mpr|msi|ncrypt|oleacc|powrprof|"
            r"samcli|samlib|wer|xmllite|duser|dui70|devobj|atl|umpdc|ktmw32|cscapi|msimg32|riched20|wsock32)\.dll$"
        ),
        unless=r"\\winsxs\\|\\program files\\(microsoft|common files)|\\assembly\\",
    ),
    _image(
        "unsigned-library-in-system", "a part of Windows loaded an unsigned library",
        "defense-evasion persistence privilege-escalation", "T1574.001", 40, other="unsigned",
        program=(
            "svchost services lsass spoolsv dllhost fxssvc taskhostw usoclient wmiprvse winlogon searchindexer "
            "consent cliconfg mmc sysprep migwiz wusa taskhost msdtc ikeext dfssvc dns userinit explorer usosvc "
            "mousocoreworker"
        ),
        path=r"\\windows\\",
        unless=r"\\winsxs\\|\\assembly\\|\\microsoft\.net\\|\\program files|\\driverstore\\|\\gac_",
    ),
    _image(
        "library-from-user-folder", "an unsigned library from a folder of a user was loaded into another program",
        "defense-evasion", "T1574.002", 30, other="unsigned",
        text=r"\\(public|programdata|temp|perflogs|downloads|desktop)\\.*\.dll$",
        unless=r"\\(nsis|is-\w+|nst?\w+\.tmp|_mei\d+)|\\package cache\\|\\microsoft\\",
        path=r"\\(windows|program files[^\\]*|programdata|public|downloads|desktop)\\",
    ),
    _image(
        "script-engine-in-odd-program", "a program that runs no scripts loaded PowerShell or .NET",
        "defense-evasion execution", "T1059.001 T1055 T1620", 45,
        words="automation clr clrjit jscript jscript9 vbscript scrobj mscoree",
        text=(
            r"\\system\.management\.automation(\.ni)?\.dll$|\\(jscript9?|vbscript|scrobj)\.dll$|\\(clr|clrjit|"
            r"mscoree)\.dll$"
        ),
        program=(
            "lsass notepad calc spoolsv winlogon csrss smss services msiexec regsvr32 rundll32 wuauclt werfault "
            "cmstp msbuild installutil msxsl mspaint dllhost conhost"
        ),
        unless=r"\\program files",
    ),
    _image(
        "dump-library-in-odd-program", "a program loaded the library that writes out the memory of others",
        "credential-access", "T1003.001", 26, words="dbghelp dbgcore comsvcs",
        text=r"\\(dbghelp|dbgcore|comsvcs)\.dll$",
        program="rundll32 regsvr32 powershell pwsh cmd wscript cscript msbuild notepad mshta",
    ),
    _image(
        "dump-library-from-folder",
        "a program from a folder of a user loaded the library that writes out the memory of others",
        "credential-access", "T1003.001", 28, words="dbghelp dbgcore",
        text=r"\\windows\\\w+\\(dbghelp|dbgcore)\.dll$",
        path=r"\\(users|public|temp|programdata|perflogs)\\|\\werfaultsecure\.exe$", unless=r"\\teams|\\onedrive",
    ),
    _image(
        "credential-library-loaded", "a program loaded a library for saved passwords or password hashes",
        "credential-access", "T1003 T1555.004", 24, words="samlib vaultcli cryptdll hid winscard",
        text=r"\\(samlib|vaultcli|cryptdll)\.dll$", path=r"\\(users|temp|public|programdata|perflogs)\\",
        unless=r"\\onedrive|\\teams\\|\\programdata\\microsoft\\",
    ),
    _image(
        "remote-desktop-library-loaded", "a program that is not the remote desktop client loaded its library",
        "lateral-movement", "T1021.001", 50, words="mstscax", text=r"\\mstscax\.dll$",
        path=(
            r"^(?!.*\\(mstsc|rdcman|msrdc|mremoteng|rdpclip|wsreset|vmconnect|remotedesktop\w*|svchost|"
            r"royalts)\.exe$)"
        ),
    ),
    _image(
        "wmi-library-in-odd-program", "a document or script engine loaded the library for asking WMI", "execution",
        "T1047", 26, words="wbemdisp wmiutils wbemprox", text=r"\\(wbemdisp|wmiutils|wbemprox)\.dll$",
        program=f"{_OFFICE} mshta regsvr32 wscript cscript rundll32 msxsl",
    ),
    _image(
        "nfs-library-loaded", "a library on a share of another host, or one of file servers, was loaded",
        "lateral-movement execution", "T1570 T1574", 40,
        text=r"^\\\\[\w.-]+\\|^\\device\\(mup|lanmanredirector)\\|\\nfs\w*\.dll$",
        unless=r"\\program files|\\sysvol\\|\\netlogon\\|tsclient",
    ),
    # Drivers
    _driver(
        "unsigned-driver", "a driver without a valid signature was loaded", "privilege-escalation defense-evasion",
        "T1014 T1068 T1543.003", 50, other="unsigned", unless=r"\\windows defender|\\driverstore\\|mpksl",
    ),
    _driver(
        "weak-driver", "a driver was loaded that intruders bring along because it can be misused",
        "privilege-escalation defense-evasion", "T1068 T1543.003", 55,
        words=(
            "vboxdrv rwdrv rwe gdrv capcom rtcore64 rtcore32 dbutil_2_3 zam64 zamguard64 procexp152 procexp "
            "aswarpot winring0 winring0x64 winio cpuz141 asio atillk64 elby mhyprot2 kprocesshacker speedfan "
            "iqvw64e iqvw64 truesight gmer dummy amifldrv64 mimidrv echo_driver"
        ),
        text=(
            r"\\(vboxdrv|rwdrv|gdrv|capcom|rtcore(64|32)|dbutil_2_3|zam(64|guard64)|procexp152|aswarpot|"
            r"winring0(x64)?|winio\w*|cpuz\d+\w*|asio\d*|atillk64|elby\w+|mhyprot\d?|kprocesshacker|speedfan|"
            r"iqvw64e?|truesight|gmer\w*|amifldrv64|mimidrv|dummy\w*)\.sys"
        ),
    ),
    _driver(
        "driver-from-odd-place", "a driver was loaded from a folder of a user",
        "privilege-escalation persistence defense-evasion", "T1543.003 T1068", 45,
        text=r"\\(users|temp|programdata|public|perflogs|downloads|desktop)\\",
        unless=r"\\programdata\\microsoft\\|mpksl",
    ),
    # Shares
    _share(
        "admin-share-opened", "an administrative share was opened from another host", "lateral-movement",
        "T1021.002", 5, text=r"^(admin|[a-z])\$\\$",
    ),
    _share(
        "admin-share-searched", "files of an administrative share were looked at from another host",
        "lateral-movement collection", "T1021.002 T1039", 6, text=r"^(admin|[a-z])\$\\.", unless=r"\\desktop\.ini$",
    ),
    _share(
        "pipe-of-remote-tool-opened", "another host opened the pipe of a tool for remote execution",
        "lateral-movement execution", "T1569.002 T1021.002", 55,
        text=r"^ipc\$\\(psexe|paexec|remcom|csexec|winexe|xcmd)|-(stdin|stdout|stderr)$",
    ),
    _share(
        "service-manager-opened",
        "another host opened the service manager, the scheduler or the registry of this one", "lateral-movement",
        "T1021.002 T1569.002 T1053.005 T1112", 16,
        text=r"^ipc\$\\(svcctl|atsvc|winreg|eventlog|efsrpc|lsarpc|protected_storage|netdfs|spoolss|fssagentrpc)$",
    ),
    _share(
        "secrets-asked-remotely", "another host opened the interface that hands out secrets of users",
        "credential-access lateral-movement", "T1003.004 T1555 T1187", 45,
        text=r"^ipc\$\\(protected_storage|efsrpc)$",
    ),
    _share(
        "coerced-to-log-on", "another host opened the print service, which can be made to log on elsewhere",
        "credential-access lateral-movement", "T1187", 26, text=r"^ipc\$\\spoolss$",
    ),
    _share(
        "odd-pipe-opened", "another host opened a pipe that no part of Windows has", "lateral-movement",
        "T1021.002 T1570", 26,
        text=(
            r"^ipc\$\\(?!(srvsvc|wkssvc|samr|lsarpc|lsass|netlogon|spoolss|svcctl|atsvc|winreg|eventlog|epmapper|"
            r"browser|ntsvcs|trkwks|w32time|protected_storage|efsrpc|netdfs|msftewds|router|sql\\|mssql|dns\w*|"
            r"cert|scerpc|initshutdown|fssagentrpc|keysvc|lsm_api|termsrv_api|winsta|ctx_winstation)|$)"
        ),
    ),
    _share(
        "account-database-taken", "the database of accounts was opened over a share", "credential-access",
        "T1003.002 T1003.003", 65,
        text=r"\\(config\\(sam|security|system)|ntds\.dit|system32\\\w{8}\.tmp|windows\\temp\\\w{8}\.tmp)$",
    ),
    _written(
        "written-to-admin-share", "a program was written to an administrative share from another host",
        "lateral-movement", "T1570 T1021.002", 45, text=rf"^(admin|[a-z])\$\\.*{_PROGRAMS}",
    ),
    _written(
        "startup-over-share", "a file was put over a share to where programs start at log-on",
        "lateral-movement persistence", "T1021.002 T1547.001", 60, words="startup", text=r"\\startup\\",
    ),
)  # fmt: skip
