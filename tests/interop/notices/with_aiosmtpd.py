"""Mails to `aiosmtpd`, over TLS, with a password: what goes at once, the digest, whose address is none, bounces, the button, a server that is down."""
import datetime
import ssl
import sys
import tempfile
import threading
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from broker import SENDER, TITLE, Broker, checked, free_port, niss, press, report, until
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

assert sys.argv[1:], "usage: with_aiosmtpd.py PROGRAM"
# Seconds before the hour at which the program is started: what is published until then is in the digest.
BEFORE = 30
DUTCH, FRENCH, GERMAN, GONE, SILENT, PHONE = (niss(500101001 + 2 * place) for place in range(6))
ALL = (DUTCH, FRENCH, GERMAN, GONE, SILENT, PHONE)
USER, PASSWORD = "ebox", "a password of tests"


def certificate(folder):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "certificate.pem").write_bytes(made.public_bytes(pem))
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(secret)


class Keeper:
    def __init__(self):
        self.mails, self.asked, self.lock = [], [], threading.Lock()

    async def handle_RCPT(self, server, session, envelope, address, options):
        with self.lock:
            self.asked.append(address)
        if address.startswith("gone@"):
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        assert session.ssl and session.authenticated, "it came in the clear, or from nobody"
        with self.lock:
            self.mails.append((envelope.mail_from, envelope.rcpt_tos[0], bytes(envelope.content)))
        return "250 taken"

    def to(self, who):
        with self.lock:
            return [(sender, raw) for sender, to, raw in self.mails if to == f"{who}@example.org"]


def served(keeper, folder, port):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")

    def known(server, session, envelope, mechanism, data):
        is_it = mechanism in ("PLAIN", "LOGIN") and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=is_it, handled=is_it)

    controller = Controller(
        keeper, hostname="127.0.0.1", port=port, tls_context=context, require_starttls=True, auth_required=True, authenticator=known,
    )
    controller.start()
    return controller


def run(folder):
    certificate(folder)
    keeper, port = Keeper(), free_port()
    server = served(keeper, folder, port)
    broker = Broker(
        sys.argv[1], folder,
        f'smtp = "localhost:{port}"\nsecurity = "starttls"\nca_file = "{folder}/certificate.pem"\nuser = "{USER}"\n'
        f'password = "{PASSWORD}"\nfrom = "e-Box <ebox@mail.example.be>"\nbounces = "bounces@mail.example.be"'
        f'\ninstitution = "{SENDER}"\nstrategy = "sms-only"',
    )
    try:
        hour = broker.start(BEFORE)
        for who, name, language in ((DUTCH, "dutch", "nl"), (FRENCH, "french", "fr"), (GERMAN, "german", "de"), (GONE, "gone", "fr")):
            broker.holder(who, {"language": language, "email": f"{name}@example.org", "notice": "email"})
        broker.holder(SILENT, {"language": "fr", "email": "silent@example.org", "notice": "none"})
        broker.holder(PHONE, {"language": "de", "notice": "message"})
        broker.publish(PHONE, True)
        for registered in (False, True, False):
            broker.publish(DUTCH, registered)
        broker.publish(FRENCH, False)
        for who in (GERMAN, GONE, SILENT):
            broker.publish(who, True)

        sender, raw = until("registered mail is told", lambda: keeper.to("dutch"))[0]
        mail, _ = checked(raw, ALL, "nl", "Er is een aangetekende zending in uw e-Box aangekomen.")
        assert mail["Subject"] == "Aangetekende zending in uw e-Box" and mail["Date"].datetime < hour, (mail["Date"], hour)
        assert sender.startswith("bounces+") and sender.endswith("@mail.example.be") and DUTCH not in sender, sender
        # By message: the broker has one, of the institution, and says nothing of it that the mail would not say.
        until("a message", lambda: broker.figure("messaged") == 1)
        found = [event for event in broker.events() if event["data"].get("sender_reference") == "ebox-notice"]
        assert len({event["data"]["message"] for event in found}) == 1, broker.events()

        until("an address that is none is turned off", lambda: broker.holder(GONE)["email_fails"])
        assert not broker.holder(DUTCH)["email_fails"]
        assert len(keeper.to("dutch")) == 1 and not keeper.to("french"), "the rest waits for its hour"

        until("digests", lambda: len(keeper.to("dutch")) == 2 and keeper.to("french"), BEFORE + 60)
        mail, link = checked(keeper.to("dutch")[1][1], ALL, "nl", "2 nieuwe berichten")
        assert mail["Subject"] == "2 berichten in uw e-Box" and mail["Date"].datetime >= hour, (mail["Date"], hour)
        mail, _ = checked(keeper.to("french")[0][1], ALL, "fr", "1 nouveau message")
        assert mail["Subject"] == "1 message dans votre e-Box"
        assert not keeper.to("silent") and keeper.asked.count("gone@example.org") == 1

        # The page of the link changes nothing by being looked at; the button does.
        assert "unsubscribe?t=" in broker.text(link.removeprefix(broker.api))
        assert broker.holder(DUTCH)["notice"] == "email"
        press(link)
        assert broker.holder(DUTCH)["notice"] == "none" and broker.holder(FRENCH)["notice"] == "email"

        # What comes back, as a mail server pipes it.
        sender, raw = keeper.to("german")[0]
        checked(raw, ALL, "de", "In Ihrer e-Box ist ein Einschreiben eingegangen.")
        passing = broker.bounce(report(sender, "german@example.org", "4.2.2", "452 4.2.2 full"))
        assert (passing.returncode, passing.stdout.strip()) == (0, b"passing"), passing
        other = broker.bounce(report("bounces@mail.example.be", "german@example.org", "5.1.1", "550 5.1.1 no such user"))
        assert (other.returncode, other.stdout.strip()) == (0, b"not_ours"), other
        assert not broker.holder(GERMAN)["email_fails"]
        failed = broker.bounce(report("undisclosed", "german@example.org", "5.1.1", "550 5.1.1 no such user"), "--recipient", sender)
        assert (failed.returncode, failed.stdout.strip()) == (0, b"turned_off"), failed
        assert broker.holder(GERMAN)["email_fails"] and not broker.holder(FRENCH)["email_fails"]

        # A server that is down loses nothing.
        server.stop()
        broker.publish(FRENCH, True)
        until("it is seen that the server is away", lambda: broker.figure("mail_server_away") == 1)
        assert broker.figure("waiting_mails") == 1 and len(keeper.to("french")) == 1
        server = served(keeper, folder, port)
        until("what waited comes", lambda: len(keeper.to("french")) == 2)
        until("nothing waits", lambda: broker.figure("waiting_mails") == 0)
        checked(keeper.to("french")[1][1], ALL, "fr", "Un envoi recommandé est arrivé dans votre e-Box.")
        assert len(keeper.to("dutch")) == 2 and broker.figure("failed") == 0

        log = broker.log()
        for secret in (*ALL, TITLE, "@example.org", PASSWORD):
            assert secret not in log, f"{secret} is in the log"
        assert log.count("the mail server takes nothing") == 1, "it is said once"
    except BaseException:
        print(broker.log()[-3000:], file=sys.stderr)
        raise
    finally:
        broker.stop()
        server.stop()
    assert broker.bounce(b"To: a@example.org\r\n\r\n").returncode == 75, "a mail server has to try again"


with tempfile.TemporaryDirectory() as folder:
    run(Path(folder))
print("aiosmtpd: registered mail at once, one digest, both forms in three languages, bounces, the button, a server that was down")
