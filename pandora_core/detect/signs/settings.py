"""Owns the signs in what Windows is set to do: logs, audits, defences, services, tasks, subscriptions, transfers.

A setting's text is the log, the event id and every value of the event as ``name=value``.
"""

from __future__ import annotations

from pandora_core.detect.signs.sign import Kind

_setting = Kind("setting")
_service = Kind("service")
_task = Kind("task")
_subscription = Kind("subscription")

_CODE = (
    r"(powershell|pwsh|cmd(\.exe)?\b|mshta|rundll32|regsvr32|wscript|cscript|javascript:|vbscript:|https?:|\.(vbs|"
    r"js|hta|ps1|bat|sct|wsf)\b|bitsadmin|certutil|msbuild|installutil)"
)
_PLACES = r"\\(temp|tmp|public|programdata|perflogs|recycle\w*|downloads|desktop|appdata|tasks)\\"
_DEFENCES = (
    r"(windows event log|eventlog|sysmon|windefend|defender|firewall|mpssvc|security center|wscsvc|sense|"
    r"crowdstrike|csfalcon|sentinel|carbon black|cylance|wazuh|ossec|splunk|winlogbeat|nxlog|osquery|symantec|"
    r"sophos|mcafee|kaspersky|eset)"
)

SETTINGS = (
    _setting(
        "log-cleared", "an event log was cleared", "defense-evasion", "T1070.001", 45, other="log-cleared",
        text=(
            r"windows\.security|channel=(security|system|.*(sysmon|powershell|defender|taskscheduler|"
            r"terminalservices))"
        ),
    ),
    _setting(
        "small-log-cleared", "an event log that says little of intruders was cleared", "defense-evasion",
        "T1070.001", 26, other="log-cleared", text=r"windows\.system",
        unless=r"channel=(security|system|.*(sysmon|powershell|defender|taskscheduler|terminalservices))",
    ),
    _setting(
        "audit-weakened", "what is audited was reduced by a person", "defense-evasion", "T1562.002", 40,
        other="audit-changed", text=r"4719 .*auditpolicychanges=.*%%844[89]\b|4719 .*auditpolicychanges=.*%%845[0]",
        unless=r"subjectusersid=s-1-5-18",
    ),
    _setting(
        "audit-changed", "what is audited was changed", "defense-evasion", "T1562.002", 16, other="audit-changed",
        text=r" 4719 ",
    ),
    _setting(
        "defender-off", "Microsoft Defender was switched off", "defense-evasion", "T1562.001", 45,
        other="defence-disabled",
    ),
    _setting(
        "defender-blinded", "Microsoft Defender was told to look away, or switched off in part", "defense-evasion",
        "T1562.001", 45, other="defence-changed",
        text=(
            r"new value=.*(\\exclusions\\|disable\w+ = 0x1|tamperprotection = 0x[04]\b|disableantispyware|"
            r"spynetreporting = 0x0)|\\exclusions\\(paths|processes|extensions)"
        ),
    ),
    _setting(
        "defence-history-deleted", "the history of Microsoft Defender was deleted", "defense-evasion", "T1070", 30,
        other="defence-history-deleted",
    ),
    _setting(
        "malware-found", "Microsoft Defender found malicious software", "execution", "T1204", 40,
        other="malware-detected",
    ),
    _setting(
        "malware-credential-tool",
        "Microsoft Defender found a tool that steals credentials or controls other hosts",
        "credential-access lateral-movement", "T1003 T1588.002", 50, other="malware-detected",
        text=(
            r"mimikatz|hacktool|lsass|dumpert|cobalt|meterpreter|impacket|rubeus|kekeo|psexec|bloodhound|"
            r"powersploit|empire"
        ),
    ),
    _setting(
        "sysmon-changed", "Sysmon was stopped or told to record something else", "defense-evasion", "T1562.001", 24,
        other="sysmon-state-changed sysmon-config-changed", text=r"state=stopped|16 .*configuration",
    ),
    _setting(
        "firewall-opened", "the host's firewall was opened or switched off", "defense-evasion", "T1562.004", 26,
        other="firewall-changed",
        text=(
            r"settingvaluestring=no|settingvalue=0\b| 2033 |(modifyingapplication|modifyinguser)=.*(netsh|"
            r"powershell|cmd|rundll32|wmiprvse)\.exe|applicationpath=.*\\(temp|users|public|programdata)\\|"
            r"active=1.*action=3.*(temp|users|public)"
        ),
    ),
    _setting(
        "boot-weakened", "Windows was started with checks of drivers switched off, or open to a debugger",
        "defense-evasion", "T1553.006 T1542", 45, other="boot-changed",
        text=r"(testsigning|disableintegritychecks|kerneldebug|hypervisordebug|flightsigning)=%%1842",
    ),
    _setting(
        "folder-shared", "a folder was shared with the network", "lateral-movement", "T1021.002 T1570", 26,
        other="share-created", unless=r"sharename=\\\\\*\\(sysvol|netlogon|print\$)\b",
    ),
    _setting(
        "disk-shared", "a whole disk was shared with the network", "lateral-movement", "T1021.002 T1570", 45,
        other="share-created share-changed", text=r"sharelocalpath=(\\\?\?\\)?[a-z]:\\?( |$)",
    ),
    _setting(
        "shell-in-database-opened", "the database server was set to run commands of the system",
        "defense-evasion lateral-movement execution", "T1505.001 T1059", 50, other="sql-option-changed",
        text=r"xp_cmdshell.*param3=1|ole automation.*param3=1|clr enabled.*param3=1",
    ),
    _setting(
        "database-options-opened", "the hidden options of the database server were opened",
        "defense-evasion lateral-movement", "T1505.001 T1562", 30, other="sql-option-changed",
        text=r"show advanced options.*param3=1",
    ),
    _setting(
        "shell-in-database-tried", "somebody tried to run commands of the system in the database server",
        "lateral-movement execution", "T1505.001 T1059", 45, other="command-shell-used",
        text=r"xp_cmdshell|oacreate",
    ),
    _setting(
        "directory-database-attached",
        "a copy of the database of the directory, with every password in it, was opened", "credential-access",
        "T1003.003", 65, other="database-attached", text=r"ntds\.dit",
        unless=r"param5=\S:\\windows\\ntds\\ntds\.dit",
    ),
    _setting(
        "directory-database-snapshot", "the database of the directory was opened in a shadow copy",
        "credential-access", "T1003.003", 45, other="database-attached",
        text=r"\$snap_\w+\$?\\.*ntds\.dit|harddiskvolumeshadowcopy\d+\\.*ntds\.dit",
    ),
    _setting(
        "lsass-ended-by-program", "a program ended LSASS or made Windows write out its memory", "credential-access",
        "T1003.001", 65, other="process-exited-silently", text=r"lsass",
    ),
    _setting(
        "program-ended-by-another", "a program was ended by another one, and what is set for that case was done",
        "persistence", "T1546.012", 28, other="process-exited-silently", text=r".", unless=r"lsass",
    ),
    _setting(
        "netlogon-refused", "a machine could not prove itself to the domain controller, as when Zerologon is tried",
        "credential-access lateral-movement", "T1210", 26, other="netlogon-refused", text=r"%%5\b",
    ),
    _setting(
        "transfer-of-program", "the transfer service (BITS) fetches a program or asks an odd server",
        "command-and-control persistence", "T1197 T1105", 40, other="transfer-started",
        text=(
            r"url=\S*(https?://(\d+\.){3}\d+|\.(exe|dll|ps1|bat|vbs|hta|scr|zip|js)(\s|$|\?)|pastebin|"
            r"githubusercontent|transfer\.sh|discordapp|ngrok|anonfiles)"
        ),
        unless=r"\.(microsoft|windowsupdate|google|gvt1|mozilla|adobe|dell|hp|lenovo)\.(com|net)",
    ),
    _setting(
        "transfer-job-by-tool",
        "a job of the transfer service (BITS) was made by a tool or under a name of its own",
        "persistence command-and-control", "T1197", 30, other="transfer-started",
        text=(
            r" 3 .*(processpath=.*\\(bitsadmin|powershell|cmd|desktopimgdownldr|rundll32|wscript|cscript|mshta|"
            r"regsvr32)\.exe|jobtitle=\S*(test|backdoor|evil|\d{6,}))|string=\w{3,}"
        ),
        unless=r"windows update|microsoft|edge|chrome|mozilla|office|google|font download|bits_test",
    ),
    _setting(
        "winrm-shell-opened", "a shell for commands of another host was opened (WinRM)",
        "lateral-movement execution", "T1021.006", 14, other="winrm-shell-opened",
    ),
    _setting(
        "winrm-authenticated", "another host logged on for remote management (WinRM)", "lateral-movement",
        "T1021.006", 12, other="winrm-authenticated", text=r" 169 ",
    ),
    _setting(
        "winrm-by-ntlm",
        "another host logged on for remote management without Kerberos, as hosts outside the domain do",
        "lateral-movement", "T1021.006 T1550.002", 26, other="winrm-authenticated",
        text=r"authenticationmechanism=(ntlm|basic|negotiate)",
    ),
    # Services
    _service(
        "defence-stopped", "a service that protects or logs stopped", "defense-evasion", "T1562.001 T1562.002", 26,
        other="service-state-changed", text=rf"{_DEFENCES}.*\b(stopped|angehalten|arrêté|detenido)\b",
    ),
    _service(
        "defence-crashed", "a service that protects or logs ended unexpectedly", "defense-evasion",
        "T1562.001 T1562.002 T1489", 35, other="service-crashed", text=_DEFENCES,
    ),
    _service(
        "defence-start-changed", "a service that protects or logs was told not to start", "defense-evasion",
        "T1562.001", 40, other="service-changed", text=rf"{_DEFENCES}.*(disabled|demand start)",
        unless=r"demand start auto start|boot start",
    ),
    _service(
        "remote-registry-started", "the service that opens the registry to other hosts was started",
        "lateral-movement", "T1112 T1021", 18, other="service-state-changed", text=r"remote ?registry.*running",
    ),
    _service(
        "remote-tool-service", "the service of a tool for remote execution runs", "lateral-movement execution",
        "T1569.002 T1021.002", 50, other="service-state-changed",
        text=r"^(psexe|paexec|remcom|csexec|winexe|btobto)",
    ),
    # Tasks
    _task(
        "task-runs-code", "a scheduled task was made or changed that runs a script or an odd program",
        "persistence execution", "T1053.005", 45, text=rf": .*({_CODE}|{_PLACES})",
        unless=(
            r"^\\microsoft\\(windows|office|edge|visualstudio)|\\program files|onedrive|\\windows\\system32\\(sc|"
            r"usoclient)\.exe"
        ),
    ),
    _task(
        "task-hidden-content", "a scheduled task runs a command that is encoded or fetched from the web",
        "persistence execution defense-evasion", "T1053.005 T1027", 60,
        text=(
            r"-e(nc?|nco\w*|c)?\s+['\"]?[a-z0-9+/=]{24,}|downloadstring|frombase64|\biex\b|"
            r"https?://(?!schemas\.microsoft)"
        ),
    ),
    _task(
        "task-by-person", "a scheduled task was made", "persistence execution", "T1053.005", 10,
        other="task-created", text=r".",
        unless=r"^\\(microsoft|mozilla|google|onedrive|adobe|optimize|gp\w*|user_feed)|^\\\{?[0-9a-f-]{36}",
    ),
    _task(
        "task-changed", "a scheduled task that is not one of Windows' was changed",
        "persistence lateral-movement execution", "T1053.005", 18, other="task-changed", text=r"^\\[^\\]+ :",
        unless=r"^\\(mozilla|google|onedrive|adobe|optimize|user_feed|microsoftedge|gp\w*)",
    ),
    _task(
        "task-of-remote-tool", "a scheduled task was made with the name that a tool for remote execution gives",
        "lateral-movement execution", "T1053.005", 35, text=r"^\\([a-z]{8}|[a-z0-9]{32}|at\d+) : ",
        other="task-created",
    ),
    _task(
        "task-for-system", "a scheduled task was made that runs with the rights of the system",
        "privilege-escalation persistence", "T1053.005", 26, other="task-created",
        text=r"(s-1-5-18|nt authority\\system|localsystem|system)\s+.*(highestavailable|exec)|s-1-5-(18|19|20)\b",
        unless=r"^\\(microsoft|mozilla|google|adobe|onedrive)|\\program files",
    ),
    # Subscriptions of WMI
    _subscription(
        "subscription-runs-code", "a subscription of WMI was made that runs a program or a script",
        "persistence execution", "T1546.003", 60,
        text=r"command ?line|active ?script|script ?text|\.exe|javascript|vbscript|commandlinetemplate",
        unless=r"scm event log|bvtfilter|\\program files|\\ccm\\",
    ),
    _subscription(
        "subscription-made", "a subscription of WMI was made, which can run programs at events", "persistence",
        "T1546.003", 28, text=r"created|modified|binding|filter",
        unless=r"scm event log|bvt(filter|consumer)|ccm|dell|hewlett|tssrv",
    ),
)  # fmt: skip
