"""What the description promises, asked of the running program.

Every operation that needs no value filled in is called: it must answer with a status that its description lists. Every
operation that asks for a key is called without one: it must answer 401 as a problem document.
"""

import json
import os
import sys
import urllib.error
import urllib.request

API = "http://" + os.environ["ESTAFETTE_API"]
METHODS = ("get", "put", "post", "delete", "patch")


def call(method, path, key=None):
    """Status and content type of an answer; redirects are answers too."""

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_):
            return None

    request = urllib.request.Request(API + path, method=method.upper())
    if key:
        request.add_header("Authorization", "Bearer " + key)
    try:
        with urllib.request.build_opener(Stay).open(request, timeout=30) as answer:
            return answer.status, answer.headers.get_content_type()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.headers.get_content_type()


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        document = json.load(file)
    if not document["openapi"].startswith("3.1."):
        sys.exit(f"openapi is {document['openapi']}, not 3.1")
    wrong = []
    plain = guarded = operations = 0
    for path, item in document["paths"].items():
        for method in METHODS:
            operation = item.get(method)
            if operation is None:
                continue
            operations += 1
            name = f"{method.upper()} {path}"
            parameters = item.get("parameters", []) + operation.get("parameters", [])
            needs_value = any(parameter.get("required") for parameter in parameters)
            if method == "get" and not needs_value and "{" not in path:
                status, _ = call(method, path, os.environ["KEY"])
                plain += 1
                if str(status) not in operation["responses"]:
                    wrong.append(f"{name} answers {status}, which its description does not list")
            security = operation.get("security", document.get("security")) or [{}]
            if {} not in security:
                filled = path
                for parameter in parameters:
                    if parameter.get("in") == "path":
                        filled = filled.replace(
                            "{" + parameter["name"] + "}", os.environ["KNOWN_ID"]
                        )
                status, kind = call(method, filled)
                guarded += 1
                if status != 401 or kind != "application/problem+json":
                    wrong.append(f"{name} without a key answers {status} {kind}")
    print(f"{operations} operations; {plain} called as described, {guarded} refused without a key")
    if guarded == 0 or plain == 0:
        wrong.append("nothing was called: the description names no security, or no plain GET")
    for line in wrong:
        print("  " + line)
    sys.exit(1 if wrong else 0)


main()
