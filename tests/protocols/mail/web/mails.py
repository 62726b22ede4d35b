"""Mails for the tests of the page, some of them hostile."""

from __future__ import annotations

from email.message import EmailMessage
from email.policy import SMTP

from protocols.mail import Maildir
from protocols.mail.maildir import NewMail

NOW = 1_700_000_000
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c63f8cf"
    "c0f01f0005000201f5f2c8600000000049454e44ae426082"
)


def mail(subject: str = "tea", text: str = "The water boils.\n", **fields: str) -> EmailMessage:
    """``fields``: ``to`` and ``sender``, if they matter."""
    made = EmailMessage(policy=SMTP)
    made["From"] = fields.get("sender", "Ada <ada@example.com>")
    made["To"] = fields.get("to", "bob@example.org")
    made["Subject"] = subject
    made["Date"] = "Tue, 14 Nov 2023 22:13:20 +0000"
    made.set_content(text)
    return made


def with_html(html: str, subject: str = "with HTML") -> EmailMessage:
    """A mail with a text, HTML, an image in it, and attachments."""
    made = mail(subject, "The text.\n")
    made.add_alternative(html, subtype="html")
    made.get_payload()[1].add_related(PIXEL, "image", "png", cid="<pixel@example.com>")
    made.add_attachment("<script>alert(1)</script>", subtype="html", filename="tea.html")
    made.add_attachment(b"a,b\r\n", "text", "csv", filename="Tëe: \u202e1.csv")
    return made


def hostile(elsewhere: str) -> str:
    """HTML that tries everything. ``elsewhere``: a server that must get no request."""
    return f"""<!doctype html><html><head>
<base href="{elsewhere}/base/"><meta http-equiv="refresh" content="0;url={elsewhere}/refresh">
<link rel="stylesheet" href="{elsewhere}/style.css"><link rel="preconnect" href="{elsewhere}">
<link rel="dns-prefetch" href="{elsewhere}"><link rel="prefetch" href="{elsewhere}/prefetch">
<style>@import "{elsewhere}/import.css"; body {{ background: url({elsewhere}/background.png) }}
@font-face {{ font-family: x; src: url({elsewhere}/font.woff2) }} h1 {{ font-family: x }}</style>
<script>parent.hacked = 1; top.document.title = "hacked"; fetch("/api/messages")</script>
<script src="{elsewhere}/script.js"></script></head>
<body onload="top.document.title = 'hacked'">
<h1 style="background: url('{elsewhere}/style.png')">Hello</h1>
<img id="inside" src="cid:pixel@example.com"><img src="{elsewhere}/image.png"
 srcset="{elsewhere}/set.png 2x" onerror="top.document.title = 'hacked'">
<svg onload="top.document.title = 'hacked'"><image href="{elsewhere}/svg.png"/></svg>
<object data="{elsewhere}/object"></object><embed src="{elsewhere}/embed">
<iframe src="{elsewhere}/frame"></iframe><iframe srcdoc="<script>top.hacked=1</script>"></iframe>
<body background="{elsewhere}/body.png"><table background="{elsewhere}/table.png"></table>
<!--[if mso]><img src="{elsewhere}/mso.png"><![endif]--><!--[if !mso]><!-->
<picture><source srcset="{elsewhere}/source.png"><img src="{elsewhere}/picture.png"></picture>
<img src="cid:pixel@example.com" attributionsrc="{elsewhere}/attribution">
<input type="image" src="{elsewhere}/input.png"><audio autoplay src="{elsewhere}/audio.mp3"></audio>
<script type="speculationrules">{{"prefetch": [{{"urls": ["{elsewhere}/rules"]}}]}}</script>
<p style="cursor: url({elsewhere}/cursor.cur), auto; list-style: url({elsewhere}/list.png);
 background-image: image-set('{elsewhere}/set.png' 1x); content: url({elsewhere}/content.png)">x</p>
<svg><use href="{elsewhere}/use.svg#a"/><filter><feImage href="{elsewhere}/filter.png"/></filter>
<style>@import url({elsewhere}/svg.css);</style><script href="{elsewhere}/svg.js"></script></svg>
<svg><a id="animated"><set attributeName="href" to="{elsewhere}/set"/><text y="20">Set</text></a>
<a id="xlink" xlink:href="{elsewhere}/xlink"><text y="40">XLink</text></a></svg>
<math><mtext id="math" href="{elsewhere}/math">Math</mtext></math>
<a id="data" href="data:text/html,<script>top.document.title='hacked'</script>">Data</a>
<a id="parent" href="{elsewhere}/parent" target="_parent">Parent</a>
<a id="ping" href="#" ping="{elsewhere}/ping">Ping</a>
<map name="m"><area id="area" href="{elsewhere}/area" shape="default"></map>
<form id="form" action="/api/messages" method="post"><button id="own" formmethod="post"
 formaction="{elsewhere}/formaction" formtarget="_top">Own</button></form>
<frameset><frame src="{elsewhere}/frame"></frameset><meta http-equiv="refresh" content="0;
 url=javascript:top.document.title='hacked'"><template><img src="{elsewhere}/x.png"></template>
<video autoplay poster="{elsewhere}/poster.png" src="{elsewhere}/video.mp4"></video>
<form action="{elsewhere}/form" method="post"><button id="submit">Send</button></form>
<a id="top" href="{elsewhere}/top" target="_top">Top</a>
<a id="blank" href="{elsewhere}/blank" target="_blank">Blank</a>
<a id="plain" href="{elsewhere}/plain">Plain</a>
<a id="script" href="javascript:top.document.title='hacked'">Script</a>
</body></html>"""


def fill(maildir: Maildir, *mails: EmailMessage | bytes) -> list[str]:
    """Store ``mails``, the oldest first; returns their identities."""
    new = [
        NewMail(
            maildir.new_identity(NOW + number), b"", one if isinstance(one, bytes) else bytes(one)
        )
        for number, one in enumerate(mails)
    ]
    return [stored.identity for stored in maildir.write(new)]
