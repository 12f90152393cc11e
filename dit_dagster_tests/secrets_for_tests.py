"""Credentials of several kinds, made up anew for every test: none of them opens anything, and none stands in a file."""

from __future__ import annotations

import base64
import json
import random
import string


def planted_secrets(seed: int) -> dict[str, str]:
    """A line of a program per kind of secret. The secret itself is the longest word of the line's value."""
    chance = random.Random(seed)

    def some(alphabet: str, length: int) -> str:
        return "".join(chance.choice(alphabet) for _ in range(length))

    mixed = string.ascii_letters + string.digits
    token = ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
        for part in ({"alg": "HS256", "typ": "JWT"}, {"sub": some(mixed, 12)})
    )
    return {
        "a cloud's access key": f'KEY = "{"AKIA"}{some(string.ascii_uppercase + string.digits, 16)}"',
        "a token of GitHub": f'TOKEN = "{"ghp_"}{some(mixed, 36)}"',
        "a private key": f"-----{'BEGIN RSA'} PRIVATE KEY-----\n{some(mixed, 64)}\n-----END RSA PRIVATE KEY-----",
        "a password": f'password = "{some(mixed, 18)}"',
        "a password in an address": f'URL = "postgres://reader:{some(mixed, 18)}@db.example.org/trips"',
        "a web token": f'BEARER = "{token}.{some(mixed, 43)}"',
        "a random string": f'SALT = "{some(mixed + "+/", 64)}"',
    }
