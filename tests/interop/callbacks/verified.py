"""Verifies every call to a webhook with PyPI standardwebhooks, before and after a change of secret."""
import json
import os
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

API = "http://" + os.environ["ESTAFETTE_API"]
KEY = os.environ["KEY"]
calls, lock = [], threading.Lock()


class Endpoint(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        with lock:
            calls.append(({name.lower(): value for name, value in self.headers.items()}, body))
            # The third call fails, so that one comes again.
            status = 500 if len(calls) == 3 else 204
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def ask(method, path, body=None, headers=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(API + path, data, method=method)
    request.add_header("Authorization", "Bearer " + KEY)
    request.add_header("Content-Type", "application/json")
    for name, value in (headers or {}).items():
        request.add_header(name, value)
    with urllib.request.urlopen(request, timeout=40) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def until(what, seconds=60):
    end = time.time() + seconds
    while time.time() < end:
        with lock:
            if what():
                return
        time.sleep(0.05)
    sys.exit(f"it never came to that; {len(calls)} calls")


def verified(secret, call):
    headers, body = call
    return Webhook(secret).verify(body.decode(), headers)


def main():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/hook"
    made = ask("PUT", "/v1/webhooks/interop", {"url": url, "types": ["message.settled"]})
    old = made["secret"]
    message = {"recipient": {"mobile": "+32470123456"}, "strategy": "sms-only", "content": {"text": {"fr": "Bonjour"}}}
    ids = {ask("POST", "/v1/messages", message, {"Prefer": "respond-async"})["id"] for _ in range(25)}
    settled = lambda: {json.loads(body)["data"].get("message") for _, body in calls}
    until(lambda: ids <= settled() and len(calls) > len(ids))
    for call in calls:
        event = verified(old, call)
        assert event["id"] == call[0]["webhook-id"], event
    by_id = [headers["webhook-id"] for headers, _ in calls]
    assert len(by_id) > len(set(by_id)), "the call that failed came again under its id"
    # Forged and replaced ones are not verified.
    try:
        verified(old, (calls[0][0], calls[0][1] + b" "))
        sys.exit("a changed body was verified")
    except WebhookVerificationError:
        pass
    new = ask("POST", "/v1/webhooks/interop/secret")["secret"]
    assert ask("POST", "/v1/webhooks/interop/test")["delivered"]
    assert verified(old, calls[-1])["type"] == verified(new, calls[-1])["type"] == "webhook.test"
    before = len(calls)
    ask("POST", "/v1/webhooks/interop/redeliver", {"after": "oldest"})
    # With what this sender had sent before, in no order that matters.
    until(lambda: {headers["webhook-id"] for headers, _ in calls[before:]} >= set(by_id))
    ask("DELETE", "/v1/webhooks/interop")
    print(f"{len(calls)} calls verified by standardwebhooks, {len(calls) - len(set(by_id)) - 1} of them told again")


main()
