"""Keys as JWK files (RFC 7517) in one folder that only its owner can read."""

from orchestrator.keys.folder import KeyFolder, create_missing, read_public
from orchestrator.keys.signing import RecordSigner, RecordVerifier

__all__ = ["KeyFolder", "RecordSigner", "RecordVerifier", "create_missing", "read_public"]
