"""Mails to Debian's `opensmtpd`, which delivers them into folders and pipes what came back to `estafette mailbox bounce`: also the report that
it makes itself when the next server knows no such user. Runs on a port of its own with a configuration of its own."""
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from aiosmtpd.controller import Controller
from broker import Broker, checked, free_port, niss, until

assert sys.argv[1:], "usage: with_opensmtpd.py PROGRAM"
NEW, GONE = niss(500101001), niss(500101003)
# As whom it delivers.
USER = "nobody"


class Next:
    """Knows nobody."""

    async def handle_RCPT(self, server, session, envelope, address, options):
        return "550 5.1.1 no such user here"


def configured(folder, port, onward):
    (folder / "mail").mkdir()
    shutil.chown(folder / "mail", USER)
    text = f"""
table all {{ "@" = "{USER}" }}
listen on 127.0.0.1 port {port} hostname mail.example.be
action keep maildir "{folder}/mail/%{{rcpt.user}}" virtual <all>
action come_back mda "{folder}/come_back" virtual <all>
action "further" relay host "smtp://127.0.0.1:{onward}"
match from any for rcpt-to "gone@example.org" action "further"
match from any for domain "example.org" action keep
match from any for domain "mail.example.be" action come_back
"""
    (folder / "smtpd.conf").write_text(text)
    checked = subprocess.run(["/usr/sbin/smtpd", "-n", "-f", folder / "smtpd.conf"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr


def piped(folder, program, broker):
    """What runs as another user finds the program there, and the key only in what that user may run."""
    shutil.copy(program, folder / "estafette")
    (folder / "estafette").chmod(0o755)
    script = folder / "come_back"
    script.write_text(
        f'#!/bin/sh\nexport ESTAFETTE_API={broker.api} ESTAFETTE_KEY={broker.key}\n'
        f'cat > "{folder}/mail/last" && exec "{folder}/estafette" mailbox bounce < "{folder}/mail/last" > "{folder}/mail/outcome"\n'
    )
    shutil.chown(script, USER)
    script.chmod(0o500)


def run(folder):
    folder.chmod(0o755)
    port, onward = free_port(), free_port()
    following = Controller(Next(), hostname="127.0.0.1", port=onward)
    following.start()
    configured(folder, port, onward)
    (folder / "broker").mkdir()
    broker = Broker(
        sys.argv[1], folder / "broker",
        f'smtp = "127.0.0.1:{port}"\nsecurity = "none"\nfrom = "e-Box <ebox@mail.example.be>"\nbounces = "bounces@mail.example.be"',
    )
    piped(folder, sys.argv[1], broker)
    server = None
    try:
        with open(folder / "smtpd.log", "w") as log:
            server = subprocess.Popen(
                ["/usr/sbin/smtpd", "-d", "-v", "-f", folder / "smtpd.conf"], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        hour = broker.start(25)
        assert server.poll() is None, (folder / "smtpd.log").read_text()
        broker.holder(NEW, {"language": "en", "email": "new@example.org", "notice": "email"})
        broker.holder(GONE, {"language": "en", "email": "gone@example.org", "notice": "email"})
        broker.publish(NEW, True)
        for _ in range(3):
            broker.publish(NEW, False)
        broker.publish(GONE, True)
        mails = lambda: sorted((folder / "mail" / "new" / "new").glob("*"), key=lambda path: path.stat().st_mtime_ns)
        first = until("registered mail is told", mails)[0].read_bytes()
        mail, _ = checked(first, (NEW, GONE), "en", "Registered mail has arrived in your e-Box.")
        assert mail["Date"].datetime < hour
        until("the report of the next server's refusal turns the address off", lambda: broker.holder(GONE)["email_fails"])
        until("the command says so", lambda: (folder / "mail" / "outcome").read_text().strip() == "turned_off")
        until("the digest", lambda: len(mails()) == 2, 90)
        mail, _ = checked(mails()[1].read_bytes(), (NEW, GONE), "en", "3 new messages")
        assert mail["Subject"] == "3 messages in your e-Box" and mail["Date"].datetime >= hour
        assert not broker.holder(NEW)["email_fails"]
        assert broker.figure("waiting_mails") == broker.figure("failed") == 0
    except BaseException:
        for name in ("smtpd.log", "broker/log", "mail/last", "mail/outcome"):
            if (folder / name).exists():
                print(f"{name}:\n{(folder / name).read_text()[:6000]}", file=sys.stderr)
        raise
    finally:
        broker.stop()
        following.stop()
        if server and server.poll() is None:
            server.terminate()
            server.wait(20)


assert os.geteuid() == 0, "opensmtpd changes to other users: start this as root"
with tempfile.TemporaryDirectory() as folder:
    run(Path(folder))
print("opensmtpd: registered mail at once, one digest, and its own report of an address that is none turned that off")
