"""Dialogues as they are on the wire, with the section that requires each reply.

A case is a name and lines in pairs: what the client sends, and the codes of the replies, as the
first three characters of their lines. ``LOGIN`` stands for logging in."""

from __future__ import annotations

LOGIN = ("USER anonymous", "331", "PASS me@example.org", "230")

DIALOGUES: dict[str, tuple[str, ...]] = {
    # RFC 959 section 5.4: sequences of replies
    "greeting, then quit": ("QUIT", "221"),
    "login": LOGIN,
    "login is required": ("PWD", "530", "RETR a.txt", "530", "LIST", "530", "TYPE I", "530"),
    "pass without user": ("PASS x", "503"),
    "user again logs out": (*LOGIN, "USER anonymous", "331", "PWD", "530", "PASS x", "230"),
    "pass when logged in": (*LOGIN, "PASS x", "202"),
    "acct is superfluous": ("ACCT x", "202"),
    "rein logs out": (*LOGIN, "REIN", "220", "PWD", "530", *LOGIN),
    "user again forgets RNFR and REST": (
        *LOGIN, "TYPE I", "200", "RNFR a.txt", "350", "REST 9", "350", "PASV", "227", *LOGIN,
        "RNTO c.txt", "503", "RETR a.txt", "150 226"),
    "rein forgets what was prepared": (
        *LOGIN, "RNFR a.txt", "350", "REST 9", "350", "PASV", "227", "REIN", "220", *LOGIN,
        "RNTO c.txt", "503", "TYPE I", "200", "RETR a.txt", "425", "PASV", "227",
        "RETR a.txt", "150 226"),
    "user again keeps the parameters of transfers": (
        *LOGIN, "TYPE I", "200", "EPSV ALL", "200", "EPSV", "229", *LOGIN, "PASV", "503",
        "REST 9", "350", "RETR a.txt", "554"),
    "unknown command": ("XYZZY", "500"),
    "empty line": ("", "500"),
    "smnt is not implemented": ("SMNT /", "502"),
    "lower case": ("user anonymous", "331", "pass x", "230", "pwd", "257"),
    "argument missing": (*LOGIN, "RETR", "501", "CWD", "501", "TYPE", "501", "RNFR", "501"),
    "argument that is too much": (*LOGIN, "PWD x", "501", "CDUP x", "501", "PASV x", "501"),
    "noop": ("NOOP", "200"),
    "syst": ("SYST", "215"),
    "help": ("HELP", "214"),
    "stat": ("STAT", "211"),
    "allo": (*LOGIN, "ALLO 100", "202"),
    # RFC 959 section 5.1, RFC 1123 section 4.1.5: parameters
    "types": (*LOGIN, "TYPE A", "200", "TYPE A N", "200", "TYPE I", "200", "TYPE L 8", "200"),
    "types that are not possible": (*LOGIN, "TYPE E", "504", "TYPE A T", "504", "TYPE L 7", "504"),
    "types that do not exist": (*LOGIN, "TYPE X", "501"),
    "mode": (*LOGIN, "MODE S", "200", "MODE B", "504", "MODE C", "504", "MODE X", "501"),
    "structure": (*LOGIN, "STRU F", "200", "STRU R", "504", "STRU P", "504", "STRU X", "501"),
    # folders
    "pwd": (*LOGIN, "PWD", "257", "XPWD", "257"),
    "cwd and cdup": (*LOGIN, "CWD sub", "250", "CDUP", "250", "CDUP", "250", "XCWD sub", "250"),
    "cwd to nothing": (*LOGIN, "CWD nothing", "550"),
    "cwd to a file": (*LOGIN, "CWD a.txt", "550"),
    "mkd and rmd": (*LOGIN, "MKD new", "257", "MKD new", "550", "RMD new", "250", "RMD new", "550"),
    "old names": (*LOGIN, "XMKD new", "257", "XCWD new", "250", "XCUP", "250", "XRMD new", "250"),
    "rmd of a folder that is not empty": (*LOGIN, "RMD sub", "550"),
    "rmd of the root": (*LOGIN, "RMD /", "550"),
    "dele": (*LOGIN, "DELE a.txt", "250", "DELE a.txt", "550", "DELE sub", "550"),
    "rename": (*LOGIN, "RNFR a.txt", "350", "RNTO c.txt", "250", "SIZE c.txt", "213"),
    "rename of nothing": (*LOGIN, "RNFR nothing", "550", "RNTO c", "503"),
    "rename without a beginning": (*LOGIN, "RNTO c", "503"),
    "rename to a folder that is not there": (*LOGIN, "RNFR a.txt", "350", "RNTO no/c", "553"),
    # transfers
    "no port": (*LOGIN, "RETR a.txt", "425", "STOR x", "425", "LIST", "425", "NLST", "425"),
    "retr of nothing": (*LOGIN, "PASV", "227", "RETR nothing", "550"),
    "retr of a folder": (*LOGIN, "PASV", "227", "RETR sub", "550"),
    "a port is for one transfer": (*LOGIN, "PASV", "227", "RETR a.txt", "150 226",
                                   "RETR a.txt", "425"),
    "list of nothing": (*LOGIN, "PASV", "227", "LIST nothing", "550"),
    "stor to a folder": (*LOGIN, "PASV", "227", "STOR sub", "550"),
    "stor to the root": (*LOGIN, "PASV", "227", "STOR /", "550"),
    "stor with a name that is too long": (*LOGIN, "PASV", "227", "STOR " + "x" * 300, "553"),
    "abor without a transfer": (*LOGIN, "ABOR", "226"),
    # RFC 2389
    "feat": ("FEAT", "211"),
    "opts": ("OPTS UTF8 ON", "200", "OPTS utf8 on", "200", "OPTS X", "501"),
    # RFC 2640 section 4.1
    "lang": ("LANG", "200", "LANG EN", "200", "LANG en-us", "200", "LANG FR", "504"),
    # RFC 2428
    "epsv": (*LOGIN, "EPSV", "229", "EPSV 1", "229", "EPSV 2", "522", "EPSV 3", "501"),
    "epsv all": (*LOGIN, "EPSV ALL", "200", "PASV", "503", "PORT 192,0,2,1,200,0", "503",
                 "EPRT |1|192.0.2.1|51200|", "503", "EPSV", "229"),
    "eprt": (*LOGIN, "EPRT |1|192.0.2.1|51200|", "200", "EPRT !1!192.0.2.1!51200!", "200",
             "EPRT ~1~192.0.2.1~51200~", "200"),
    "eprt of another family": (*LOGIN, "EPRT |3|x|51200|", "522", "EPRT |3|x|y|", "522"),
    "eprt with a delimiter that is not allowed": (
        *LOGIN, "EPRT  1 192.0.2.1 51200 ", "501", "EPRT \x7f1\x7f192.0.2.1\x7f51200\x7f", "501",
        "EPRT \u20131\u2013192.0.2.1\u201351200\u2013", "501"),
    "eprt that is wrong": (*LOGIN, "EPRT |1|192.0.2.1|", "501", "EPRT x", "501",
                           "EPRT |1|192.0.2.1|99999|", "501", "EPRT |1|x|51200|", "501",
                           # digits of other scripts: 51200 in Arabic-Indic ones
                           "EPRT |1|192.0.2.1|\u0665\u0661\u0662\u0660\u0660|", "501",
                           "EPRT |1|192.0.2.1|" + "5" * 4000 + "|", "501"),
    "port": (*LOGIN, "PORT 192,0,2,1,200,0", "200"),
    "port that is wrong": (*LOGIN, "PORT 192,0,2,1,200", "501", "PORT 192,0,2,1,200,256", "501",
                           "PORT a,b,c,d,e,f", "501", "PORT 192,0,2,1,200,-1", "501",
                           "PORT 192,0,2,\u0661,200,0", "501", "PORT 192,0,2,\u00b9,200,0", "501",
                           "PORT 192,0,2,1,200," + "0" * 4000, "501"),
    # RFC 2577 section 3: bounce
    "port of another machine": (*LOGIN, "PORT 192,0,2,9,200,0", "504",
                                "EPRT |1|192.0.2.9|51200|", "504",
                                "EPRT |2|2001:db8::1|51200|", "504"),
    "port of another service": (*LOGIN, "PORT 192,0,2,1,0,25", "504",
                                "EPRT |1|192.0.2.1|1023|", "504"),
    # RFC 3659
    "size": (*LOGIN, "SIZE a.txt", "213", "SIZE sub", "550", "SIZE nothing", "550"),
    "mdtm": (*LOGIN, "MDTM a.txt", "213", "MDTM nothing", "550"),
    "mlst": (*LOGIN, "MLST a.txt", "250", "MLST", "250", "MLST nothing", "550"),
    "mlsd of a file": (*LOGIN, "PASV", "227", "MLSD a.txt", "501", "MLSD nothing", "550"),
    "opts mlst": (*LOGIN, "OPTS MLST type;size;", "200", "OPTS MLST", "200"),
    "rest": (*LOGIN, "REST 3", "350", "REST x", "501", "REST -1", "501"),
    "rest beyond the end": (*LOGIN, "TYPE I", "200", "REST 9", "350", "PASV", "227",
                            "RETR a.txt", "554"),
    "stor beyond the end": (*LOGIN, "TYPE I", "200", "REST 9", "350", "PASV", "227",
                            "STOR a.txt", "554"),
    "mfmt": (*LOGIN, "MFMT 20200102030405 a.txt", "213", "MFMT 20200102030405", "501",
             "MFMT 20201302030405 a.txt", "501", "MFMT x a.txt", "501"),
    "site": (*LOGIN, "SITE CHMOD 600 a.txt", "200", "SITE CHMOD 8 a.txt", "501",
             "SITE CHMOD 4755 a.txt", "501", "SITE CHMOD 000 /", "550",
             "SITE HELP", "214", "SITE X", "504"),
    "stat of a path": (*LOGIN, "STAT a.txt", "213", "STAT sub", "212", "STAT nothing", "550"),
    "stat of a path without login": ("STAT a.txt", "530"),
    # RFC 4217, without a certificate
    "auth": ("AUTH TLS", "431", "AUTH KERBEROS_V4", "504"),
    "pbsz and prot before auth": ("PBSZ 0", "503", "PROT P", "503", "CCC", "533"),
    # names
    "a nul in a name": (*LOGIN, "CWD a\0b", "501"),
    "a cr in a name": (*LOGIN, "CWD a\rb", "501"),
    # RFC 3659 section 2.2: that is how a client sends CR and LF that are in a name
    "a cr and lf in a name": (*LOGIN, "MKD x\r\0\nDELE a.txt", "501", "SIZE a.txt", "213"),
    "a cr at the end of a name": (*LOGIN, "MKD x\r\0", "501", "SIZE a.txt", "213"),
    "the name of an upload in progress": (*LOGIN, "SIZE .ftp-upload-00", "550",
                                          "MKD .ftp-upload-00", "550"),
}  # fmt: skip
