"""Owns the signs in accounts, groups, the directory and single log-ons.

Rights in the directory are the GUIDs of [MS-ADTS] 5.1.3.2.1, groups the relative identifiers of [MS-DTYP] 2.4.2.4,
bits of accounts those of the audit events' ``UserAccountControl`` messages.
"""

from __future__ import annotations

from pandora_core.detect.signs.sign import Kind

_account = Kind("account")
_directory = Kind("directory")
_logon = Kind("logon")

_ADMINISTRATORS = (
    r"(s-1-5-32-544|s-1-5-21-[\d-]+-(512|518|519|500)\b|administrators\b|domain admins|enterprise admins|"
    r"schema admins|администраторы|administrateurs|administratoren|administradores)"
)
_POWERFUL = (
    r"(s-1-5-32-(548|549|550|551|555|556|562|580)\b|s-1-5-21-[\d-]+-(520|526|527)\b|s-1-5-21-[\d-]+-1101\b|"
    r"dnsadmins|backup operators|account operators|server operators|remote desktop users|remote management users|"
    r"group policy creator|hyper-v administrators|exchange windows permissions|organization management)"
)
_REPLICATION = r"(1131f6aa|1131f6ad|89e95b76)-\w{4}-\w{4}-\w{4}-\w{12}"

ACCOUNTS = (
    _account(
        "administrator-made", "an account became an administrator", "persistence privilege-escalation", "T1098", 35,
        other="group-member-added", text=_ADMINISTRATORS,
    ),
    _account(
        "guest-made-administrator", "the guest account, a service or a machine became an administrator",
        "persistence privilege-escalation", "T1098 T1078.001", 60, other="group-member-added",
        text=(
            rf"^(?=.*{_ADMINISTRATORS})(?=.*(-501\b|memberid=s-1-5-(19|20|7)\b|membersid=s-1-5-(18|19|20|7)\b|"
            r"memberid=s-1-1-0|membersid=s-1-1-0|\bguest\b))"
        ),
    ),
    _account(
        "operator-made", "an account joined a group with wide rights", "persistence privilege-escalation", "T1098",
        26, other="group-member-added", text=_POWERFUL,
    ),
    _account(
        "account-made", "an account was made", "persistence", "T1136.001 T1136.002", 12, other="user-created",
        text=r".",
    ),
    _account(
        "account-with-machine-name", "an account for a person was made with the name of a machine, which hides it",
        "defense-evasion persistence", "T1136.001 T1036.010", 55, other="user-created user-renamed",
        text=r"^ : [^:]*\$ :",
    ),
    _account(
        "machine-renamed", "a machine's account got the name of another kind of account, as in CVE-2021-42278",
        "privilege-escalation", "T1068 T1078.002", 60, other="user-renamed",
        text=r": [^:]*\$ :.*newtargetusername=[^$ ]+( |$)",
    ),
    _account(
        "machine-made-by-person", "a machine's account was made by a person", "persistence", "T1136.002", 16,
        other="computer-created", text=r".",
    ),
    _account(
        "machine-changed-by-nobody",
        "a machine's password was changed by a log-on without a name, as in CVE-2020-1472 (Zerologon)",
        "credential-access lateral-movement privilege-escalation", "T1210 T1068 T1098", 75,
        other="computer-changed password-reset", text=r".", origin=r"anonymous",
    ),
    _account(
        "preauthentication-off",
        "an account was changed so that its password can be guessed off-line (AS-REP roasting)",
        "credential-access", "T1558.004", 50, other="user-changed", text=r"useraccountcontrol=.*(%%2096)",
    ),
    _account(
        "trusted-for-delegation", "an account was trusted to act for everybody else",
        "credential-access persistence privilege-escalation", "T1098 T1558", 45,
        other="user-changed computer-changed",
        text=r"useraccountcontrol=.*(%%2093|%%2098)|allowedtodelegateto=\S*\w",
    ),
    _account(
        "weak-password-setting", "an account's password was made weak: reversible, weakly encrypted or none",
        "persistence credential-access", "T1098 T1556", 40, other="user-changed",
        text=r"useraccountcontrol=.*(%%2082|%%2091|%%2095)",
    ),
    _account(
        "identity-added", "an account was given the identity of another one (SID history)",
        "privilege-escalation persistence", "T1134.005", 65, other="user-changed", path=r"^(4765|4766)$",
    ),
    _account(
        "identity-in-change", "an account was given the identity of another one (SID history)",
        "privilege-escalation persistence", "T1134.005", 55, other="user-changed",
        text=r"sidhistory=(?!%%1793)\S*s-1-",
    ),
    _account(
        "recovery-password-set", "the recovery password of a domain controller was set",
        "credential-access persistence", "T1098", 55, other="password-reset", path=r"^4794$",
    ),
    _account(
        "service-name-on-person",
        "an account of a person was given a service's name, so that its password can be guessed off-line",
        "credential-access", "T1558.003", 45, other="user-changed", text=r"serviceprincipalnames=(?!%%1793)[^ ]*/",
    ),
    _account(
        "machine-posing-as-controller",
        "a machine's account was given the names of a domain controller, as for DCShadow",
        "defense-evasion persistence", "T1207", 65, other="computer-changed user-changed",
        text=r"serviceprincipalnames=.*(gc/|e3514235-4b06-11d1-ab04-00c04fc2dcd2)", origin=r"^(?!.*\$$)",
    ),
    _account(
        "password-reset", "somebody set the password of another account", "persistence credential-access", "T1098",
        2, other="password-reset", path=r"^4724$",
    ),
    _account(
        "administrator-password-set", "the password of the built-in administrator was set by somebody",
        "persistence credential-access", "T1098", 30, other="password-reset", path=r"^4724$",
        text=r": (administrator|krbtgt) :|-50[02]\b",
    ),
    _account(
        "dangerous-right-granted", "an account was granted a right that stands above all permissions",
        "privilege-escalation persistence", "T1098 T1134", 40, other="right-granted",
        text=(
            r"se(debug|tcb|backup|restore|takeownership|loaddriver|impersonate|createtoken|enabledelegation|"
            r"assignprimarytoken)privilege"
        ),
    ),
    _account(
        "administrators-listed", "somebody listed who the administrators are", "discovery", "T1069.001 T1087.001",
        8, other="group-members-listed", text=rf"{_ADMINISTRATORS}|s-1-5-32-555|remote desktop users",
        origin=r"[^$]$",
    ),
    _account(
        "groups-of-user-listed", "somebody listed the groups of an account", "discovery", "T1069.001 T1087.001", 6,
        other="user-groups-listed", origin=r"[^$]$", text=r".",
    ),
    # The directory
    _directory(
        "directory-replicated",
        "somebody who is no domain controller asked for the passwords of the domain (DCSync)", "credential-access",
        "T1003.006", 75, other="person", text=_REPLICATION, path=r"^4662$",
        origin=r"^(?!.*\b(msol_\w+|aad_\w+|azureadssoacc)\b)",
    ),
    _directory(
        "rights-to-directory-changed", "who may do what to the domain was changed",
        "persistence privilege-escalation credential-access", "T1222.001 T1098 T1484", 45,
        words="ntsecuritydescriptor",
        text=(
            r"ntsecuritydescriptor.*(1131f6a[ad]|89e95b76|00299570|ga;;;|;cr;)|(^|\s)(domaindns|"
            r"dc=[\w,=-]+) .*ntsecuritydescriptor"
        ),
        path=r"^5136$",
    ),
    _directory(
        "holder-template-changed", "the template for the rights of all administrators was changed",
        "persistence privilege-escalation", "T1098 T1484", 60, words="adminsdholder", text=r"cn=adminsdholder",
        path=r"^5136$",
    ),
    _directory(
        "service-name-added", "an account was given a service's name, so that its password can be guessed off-line",
        "credential-access", "T1558.003", 26, other="person", words="serviceprincipalname",
        text=r"serviceprincipalname", path=r"^5136$",
        unless=r"objectclass computer|cn=computers|ou=domain controllers",
    ),
    _directory(
        "delegation-added", "a machine was told whom to trust, or a key was added to an account",
        "credential-access persistence privilege-escalation", "T1098 T1556", 50, words="msds",
        text=r"msds-(allowedtoactonbehalfofotheridentity|keycredentiallink)", path=r"^5136$", other="person",
    ),
    _directory(
        "policy-changed", "a group policy was changed, which reaches many hosts",
        "persistence privilege-escalation", "T1484.001", 26,
        words="gpcmachineextensionnames gpcuserextensionnames gpcfilesyspath", path=r"^5136$", other="person",
    ),
    _directory(
        "controller-object-made", "an object of a domain controller was made by a person, as for DCShadow",
        "defense-evasion persistence", "T1207", 60, words="ntdsdsa server", text=r"ntdsdsa|cn=servers,cn=",
        path=r"^513[67]$", other="person",
    ),
    _directory(
        "controllers-searched",
        "a person touched the place where domain controllers are registered, as for DCShadow",
        "defense-evasion persistence", "T1207", 35, words="server ntdsdsa bf967a92", other="person", path=r"^4662$",
        text=r"bf967a92-0de6-11d0-a285-00aa003049e2|f0f8ffab-1191-11d0-a060-00aa006c33ed",
    ),
    _directory(
        "administrators-asked-for",
        "somebody asked the directory for its administrators or for many of its accounts", "discovery",
        "T1069.002 T1087.002", 10, other="person", path=r"^4661$",
        text=r"-(512|519|518|500|502)\b|domain admins|sam_(group|user|alias)",
    ),
    _directory(
        "backup-key-read", "somebody asked for the key that opens all saved passwords of the domain",
        "credential-access", "T1555 T1003.004", 60, words="bckupkey_ bckupkey", text=r"bckupkey",
    ),
    # Log-ons
    _logon(
        "other-credentials",
        (
            "a program took other credentials for the network while it stays who it is (pass the hash, or runas "
            "/netonly)"
        ),
        "lateral-movement defense-evasion credential-access", "T1550.002 T1134.002", 40,
        text=r"^type 9 seclogo negotiate",
    ),
    _logon(
        "other-credentials-by-library", "a program took other credentials for the network in an unusual way",
        "lateral-movement defense-evasion credential-access", "T1550.002 T1134.003", 26,
        text=r"^type 9 (?!seclogo)",
    ),
    _logon(
        "relayed-to-itself", "a host logged on to itself over the network with NTLM, as when its log-on is relayed",
        "privilege-escalation lateral-movement credential-access", "T1187 T1557.001 T1550.002", 35,
        text=r"^type 3 \S* ?ntlm key \S+ from (127\.0\.0\.1|::1)\b",
    ),
    _logon(
        "hash-without-key",
        "an account logged on over the network with NTLM and no session key, as tools with a password hash do",
        "lateral-movement", "T1550.002", 20, text=r"^type 3 ntlmssp ntlm key 0 from \d+\.",
        unless=r"from (127\.|::1)|anonymous",
    ),
    _logon(
        "password-asked-by-program", "a program of a user checked a password by itself", "credential-access",
        "T1555.003 T1056.002", 30, text=r"^type 2 (?!user32|advapi|winlogon|seclogo|consent)\w+",
        unless=r"^type 2 (iisuser|chap|schannel|ntlmssp|kerberos|negotiate|sshd|cygwin)",
    ),
)  # fmt: skip
