from typing import Literal

import msgspec

from orak.adapters.storage.sigv4 import Credentials


class BucketSettings(msgspec.Struct, frozen=True):
    """A bucket and its location.

    None leaves a value to the AWS chain: environment, profile or role.
    """

    bucket: str
    region: str | None = None
    endpoint_url: str | None = None
    addressing: Literal["auto", "path", "virtual"] = "auto"
    """Where URLs name the bucket; auto: in the host on AWS, in the path at another endpoint."""
    credentials: Credentials | None = None
