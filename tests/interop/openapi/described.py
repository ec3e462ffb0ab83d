"""What the description promises, asked of the running program and of itself.

Every operation that needs no value filled in is called: it must answer with a status that its description lists. Every
operation that asks for a key is called without one: it must answer 401, or 403 where its description lists no 401, in a form that
the description gives that answer. Every example must be what its schema says.
"""

import json
import os
import sys
import urllib.error
import urllib.request

from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

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


def operations(document):
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield method, path, item.get("parameters", []) + item[method].get("parameters", []), item[method]


class Examples:
    """Every example of the document, held to its schema."""

    def __init__(self, document):
        self.document = document
        self.registry = Registry().with_resource("urn:document", DRAFT202012.create_resource(document))
        self.seen = 0

    def wrong(self):
        for name, schema in self.document["components"]["schemas"].items():
            yield from self.of(f"schema {name}", schema, f"/components/schemas/{name}")
        for method, path, _, operation in operations(self.document):
            bodies = [("takes", operation.get("requestBody", {}))]
            bodies += [(f"answers {status}", answer) for status, answer in operation["responses"].items()]
            for what, body in bodies:
                for media_type, content in body.get("content", {}).items():
                    name = f"{method.upper()} {path} {what} {media_type}"
                    yield from self.of(name, content, None, content["schema"])

    def of(self, name, holder, pointer, schema=None):
        examples = [holder["example"]] if "example" in holder else []
        given = holder.get("examples", [])
        if isinstance(given, dict):
            for example in given.values():
                if "$ref" in example:
                    example = self.document["components"]["examples"][example["$ref"].rsplit("/", 1)[1]]
                examples.append(example["value"])
        else:
            examples += given
        if pointer:
            schema = {"$ref": f"urn:document#{pointer}"}
        elif "$ref" in schema:
            schema = {"$ref": "urn:document" + schema["$ref"]}
        elif "$ref" in schema.get("items", {}):
            schema = {**schema, "items": {"$ref": "urn:document" + schema["items"]["$ref"]}}
        validator = Draft202012Validator(schema, registry=self.registry)
        for example in examples:
            self.seen += 1
            for error in validator.iter_errors(example):
                yield f"an example of {name} is not as its schema says, at {error.json_path}: {error.message}"


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        document = json.load(file)
    if not document["openapi"].startswith("3.1."):
        sys.exit(f"openapi is {document['openapi']}, not 3.1")
    examples = Examples(document)
    wrong = list(examples.wrong())
    plain = guarded = number = 0
    for method, path, parameters, operation in operations(document):
        number += 1
        name = f"{method.upper()} {path}"
        needs_value = any(parameter.get("required") for parameter in parameters)
        if method == "get" and not needs_value and "{" not in path:
            status, _ = call(method, path, os.environ["KEY"])
            plain += 1
            if str(status) not in operation["responses"]:
                wrong.append(f"{name} answers {status}, which its description does not list")
        security = operation.get("security", document.get("security")) or [{}]
        if any("key" in scheme for scheme in security):
            filled = path
            for parameter in parameters:
                if parameter.get("in") == "path":
                    filled = filled.replace("{" + parameter["name"] + "}", os.environ["KNOWN_ID"])
            status, kind = call(method, filled)
            guarded += 1
            refused = "401" if "401" in operation["responses"] else "403"
            if str(status) != refused or kind not in operation["responses"].get(refused, {}).get("content", {}):
                wrong.append(f"{name} without a key answers {status} {kind}")
    print(
        f"{number} operations; {plain} called as described, {guarded} refused without a key, "
        f"{examples.seen} examples as their schemas say"
    )
    if guarded == 0 or plain == 0 or examples.seen == 0:
        wrong.append("nothing was looked at: the description names no security, no plain GET or no example")
    for line in wrong:
        print("  " + line)
    sys.exit(1 if wrong else 0)


main()
