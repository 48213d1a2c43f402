from datetime import timedelta
from typing import Protocol

from orak.application.ports.storage import SignedRequest
from orak.domain.identity import ObjectKey


class PrivateUrls(Protocol):
    """URLs of objects that are not public.

    No record is private yet, so only `orak cdn sign` calls this port: it shows whether the CDN accepts the
    configured key pair.
    """

    def sign_get(self, key: ObjectKey, *, life: timedelta) -> SignedRequest:
        """Sign a GET that any client may send until *life* is over. No I/O.

        The signature does not promise that the object exists.
        """
        ...
