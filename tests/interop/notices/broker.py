"""The real program with an e-Box, in a folder of its own, and what a mail of it has to be."""
import datetime
import email
import email.policy
import glob
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from zoneinfo import ZoneInfo

SENDER = "0403019261"
TITLE = "Votre pension secrete"
HOUR = 8
BRUSSELS = ZoneInfo("Europe/Brussels")


def niss(nine):
    return f"{nine:09}{97 - nine % 97:02}"


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def until(what, look, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {what}")


class Broker:
    """Never outlives this process: whatever ends that kills it."""

    def __init__(self, program, folder, notices):
        self.program, self.folder, self.process = program, Path(folder), None
        self.port = free_port()
        self.api = f"http://127.0.0.1:{self.port}"
        self.config = self.folder / "estafette.toml"
        self.config.write_text(
            f'[data]\nfolder = "{self.folder}/data"\n[http]\naddress = "127.0.0.1:{self.port}"\n[admin]\naddress = "127.0.0.1:0"\n'
            f'[mailbox]\nenabled = true\npublic_url = "{self.api}"\n[mailbox.sign_in]\nissuer = "http://127.0.0.1:9/openid"\n'
            f'[mailbox.notices]\ndigest_hour = {HOUR}\n{notices}\n[[institution]]\ncbe = "{SENDER}"\nname = "Pensions"\noperator = true\n'
        )
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("ESTAFETTE")}
        command = [program, "key", "new", "--institution", SENDER, "--name", "t", "--output", "json", "--config", self.config]
        made = subprocess.run(command, env=self.environment, check=True, capture_output=True)
        self.key = json.loads(made.stdout)["key"]

    def start(self, before):
        """So many seconds before tomorrow's digests."""
        tomorrow = datetime.datetime.now(BRUSSELS).date() + datetime.timedelta(days=1)
        hour = datetime.datetime.combine(tomorrow, datetime.time(HOUR), BRUSSELS)
        at = (hour - datetime.timedelta(seconds=before)).astimezone(datetime.timezone.utc)
        library = glob.glob("/usr/lib*/*/faketime/libfaketimeMT.so.1")
        assert library, "libfaketime is missing: install Debian's faketime"
        environment = self.environment | {
            "LD_PRELOAD": library[0], "FAKETIME": at.strftime("@%Y-%m-%d %H:%M:%S"), "TZ": "UTC0", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        with open(self.folder / "log", "a") as log:
            command = [self.program, "serve", "--config", self.config]
            self.process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until("the program is ready", self.is_ready)
        names = {"fr": "Pension", "nl": "Pensioen", "de": "Rente", "en": "Pension"}
        kind = {"names": names, "validity": {"number": 1, "unit": "year"}, "may_be_registered": True}
        self.call("PUT", "/v1/mailbox/types/pension", kind)
        return hour

    def is_ready(self):
        assert self.process.poll() is None, f"it ended by itself:\n{self.log()}"
        try:
            self.text("/readyz")
            return True
        except (urllib.error.URLError, ConnectionError):
            return False

    def log(self):
        return (self.folder / "log").read_text()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def sent(self, method, path, body, kind):
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": kind}
        request = urllib.request.Request(self.api + path, data=body, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read().decode()[:500]}") from error

    def call(self, method, path, body):
        return self.sent(method, path, json.dumps(body).encode(), "application/json")

    def text(self, path):
        with urllib.request.urlopen(self.api + path, timeout=20) as answer:
            return answer.read().decode()

    def events(self):
        request = urllib.request.Request(self.api + "/v1/events", headers={"Authorization": f"Bearer {self.key}"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read())["events"]

    def figure(self, name):
        lines = self.text("/metrics").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(f'estafette_notices{{figure="{name}"}}'))

    def holder(self, who, preferences=None):
        """Sets what a holder wants, or asks what it is."""
        body = {"ebox_id": {"eboxType": "citizen", "eboxIdValue": who}}
        if preferences:
            body |= {"active": True, "preferences": preferences}
        return self.call("PUT", "/v1/mailbox/boxes", body)["preferences"]

    def publish(self, who, registered):
        description = {
            "recipient": {"eboxType": "citizen", "eboxIdValue": who}, "subject": {"fr": TITLE, "nl": TITLE},
            "messageTypeId": "pension", "registeredMail": registered, "bodyMainContent": False, "replyAuthorized": False,
            "attachments": [{"httpPartName": "file", "mainContent": True}],
        }
        edge = uuid.uuid4().hex
        parts = (
            f'--{edge}\r\nContent-Disposition: form-data; name="messageToPublish"\r\n\r\n{json.dumps(description)}\r\n'
            f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\nContent-Type: application/pdf\r\n\r\n'
            f"%PDF-1.4\n%%EOF\n\r\n--{edge}--\r\n"
        )
        answer = self.sent("POST", "/messageRegistry/v2/publishMessage", parts.encode(), f"multipart/form-data; boundary={edge}")
        assert answer["code"] == "SUCCESS", answer

    def bounce(self, mail, *more):
        """As a mail server pipes it."""
        environment = self.environment | {"ESTAFETTE_API": self.api, "ESTAFETTE_KEY": self.key}
        command = [self.program, "mailbox", "bounce", *more]
        return subprocess.run(command, env=environment, input=mail, capture_output=True, timeout=60)


def checked(raw, secrets, language, words):
    """A mail that is whole, in this language, with these words in both its forms, and that says nothing of anybody."""
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    assert not mail.defects, mail.defects
    assert mail.get_content_type() == "multipart/alternative", mail.get_content_type()
    parts = list(mail.iter_parts())
    assert [part.get_content_type() for part in parts] == ["text/plain", "text/html"], parts
    plain, html = (part.get_content() for part in parts)
    assert mail["Content-Language"] == language and f'<html lang="{language}">' in html, mail["Content-Language"]
    for text in (plain, html):
        assert words in text.replace("\n", " "), text
        assert "/mailbox/" in text and "/mailbox/preferences" in text and "/mailbox/unsubscribe?t=" in text, text
    assert mail["Auto-Submitted"] == "auto-generated" and mail["Precedence"] is None
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = mail["List-Unsubscribe"].strip("<>")
    assert link in plain and link in html, link
    assert mail["Message-ID"] and mail["Date"].datetime and mail["From"] == "e-Box <ebox@mail.example.be>", mail.items()
    for secret in (*secrets, TITLE, "secrete", SENDER, "Pensions"):
        for text in (raw.decode(), plain, html):
            assert secret not in text, f"{secret} is in a mail:\n{text}"
    return mail, link


def press(link):
    """The button of a mail program (RFC 8058)."""
    request = urllib.request.Request(link, data=b"List-Unsubscribe=One-Click", method="POST")
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert answer.status == 200


def report(to, recipient, status, diagnostic):
    return (
        f"From: MAILER-DAEMON@mx.example.org\r\nTo: <{to}>\r\nSubject: Undelivered Mail\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="edge"\r\n\r\n'
        "--edge\r\nContent-Type: text/plain\r\n\r\nIt came back.\r\n"
        "--edge\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.org\r\n\r\n"
        f"Final-Recipient: rfc822; {recipient}\r\nAction: failed\r\nStatus: {status}\r\nDiagnostic-Code: smtp; {diagnostic}\r\n\r\n--edge--\r\n"
    ).encode()
