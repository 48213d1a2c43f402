import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from orak.application.ports.clock import Clock
from orak.application.ports.failures import InvalidConfiguration
from orak.application.ports.private_urls import PrivateUrls
from orak.application.ports.storage import SignedRequest
from orak.domain.identity import ObjectKey

_PEM = "-----BEGIN "

_KEY_BITS = 2048

_URL_SAFE = str.maketrans("+=/", "-_~")
"""CloudFront's own replacements of the base64 characters that a query cannot hold."""


class InvalidKeyPair(InvalidConfiguration):
    """The private key cannot sign for CloudFront."""

    hint = "use an RSA key of 2,048 bits without a passphrase: `openssl genrsa -out key.pem 2048`"


class CloudFrontUrls:
    """`PrivateUrls` that CloudFront verifies: signed URLs with a canned policy.

    The signature is RSA-SHA1, as CloudFront requires. A signature takes about a millisecond of CPU.
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-creating-signed-url-canned-policy.html
    """

    def __init__(self, base_url: str, key_id: str, key: RSAPrivateKey, clock: Clock) -> None:
        self._base_url = base_url
        self._key_id = key_id
        self._key = key
        self._clock = clock

    @classmethod
    @asynccontextmanager
    async def open(
        cls, base_url: str, key_id: str, private_key: str, clock: Clock
    ) -> AsyncIterator[PrivateUrls]:
        """Read the key, a PEM text or the path of a file with one. Raise `InvalidKeyPair`."""
        yield cls(base_url, key_id, await asyncio.to_thread(_read_key, private_key), clock)

    def sign_get(self, key: ObjectKey, *, life: timedelta) -> SignedRequest:
        """Sign a GET of the object below the base URL."""
        url = f"{self._base_url}/{quote(key)}"
        until = int((self._clock.now() + life).timestamp())
        policy = (
            f'{{"Statement":[{{"Resource":"{url}","Condition":{{"DateLessThan":'
            f'{{"AWS:EpochTime":{until}}}}}}}]}}'
        )
        signed = self._key.sign(policy.encode(), PKCS1v15(), SHA1())  # noqa: S303 - CloudFront verifies SHA-1 only
        signature = base64.b64encode(signed).decode().translate(_URL_SAFE)
        query = f"Expires={until}&Signature={signature}&Key-Pair-Id={self._key_id}"
        return SignedRequest("GET", f"{url}?{query}", {}, datetime.fromtimestamp(until, UTC))


def _read_key(given: str) -> RSAPrivateKey:
    """Return the key; no error names its text."""
    if given.startswith(_PEM):
        text = given.replace("\\n", "\n")  # environment files often hold a PEM on one line
    else:
        try:
            text = Path(given).read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidKeyPair(f"its file cannot be read ({type(error).__name__})") from error
    try:
        key = load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InvalidKeyPair("it is not a PEM private key, or has a passphrase") from error
    if not isinstance(key, RSAPrivateKey) or key.key_size != _KEY_BITS:
        raise InvalidKeyPair("it is not an RSA key of 2,048 bits")
    return key
