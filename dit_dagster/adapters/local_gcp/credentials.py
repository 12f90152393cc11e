"""A service account file with a key of our own, which Google's clients exchange at the local token endpoint."""

from __future__ import annotations

import json
import os
from pathlib import Path

from dit_dagster.adapters.local_gcp.cloud import CREDENTIALS_FILE

_KEY_BITS = 2048


def write_service_account(directory: Path, *, project: str, token: str) -> Path:
    """Write the file, readable by its owner only. The key opens nothing but the local cloud of `directory`."""
    target = directory / CREDENTIALS_FILE
    account = f"dit@{project}.iam.gserviceaccount.com"
    record = {
        "type": "service_account",
        "project_id": project,
        "private_key_id": "local",
        "private_key": _kept_key(target) or _new_key(),
        "client_email": account,
        "client_id": "1",
        "token_uri": token,
        "auth_uri": token,
        "universe_domain": "googleapis.com",
    }
    draft = target.with_suffix(f".{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as output:
        json.dump(record, output, indent=2)
    draft.replace(target)
    return target


def _kept_key(target: Path) -> str | None:
    try:
        return str(json.loads(target.read_text())["private_key"])
    except (FileNotFoundError, ValueError, KeyError):
        return None


def _new_key() -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
