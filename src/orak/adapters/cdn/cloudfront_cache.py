import hashlib
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Self
from urllib.parse import quote, urlsplit

from orak.adapters.aws.clients import AwsService, open_service
from orak.adapters.aws.config import AwsConfig
from orak.application.ports.cdn_cache import ALL

_MAX_PATHS = 1000
"""Paths in one call; CloudFront allows 3,000 in progress at once."""


class CloudFrontCache:
    """A `CdnCache` on a CloudFront distribution.

    CloudFront counts a path that ends in `*` as one, and works on 15 of these at once and on 3,000 others.
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html
    """

    def __init__(self, service: AwsService, distribution: str, base_url: str) -> None:
        self._service = service
        self._distribution = distribution
        self._base_path = urlsplit(base_url).path.rstrip("/")

    @classmethod
    @asynccontextmanager
    async def open(cls, config: AwsConfig, distribution: str, base_url: str) -> AsyncIterator[Self]:
        """Open the cache of the *distribution* that serves *base_url*; CloudFront need not answer yet."""
        async with open_service("cloudfront", config) as service:
            yield cls(service, distribution, base_url)

    async def invalidate(self, keys: Collection[str], reference: str) -> None:
        """Create as many invalidations as the number of keys needs."""
        paths = sorted({self._path(key) for key in keys})
        for start in range(0, len(paths), _MAX_PATHS):
            await self._create(paths[start : start + _MAX_PATHS], reference)

    async def check(self) -> None:
        """Raise `Unavailable` unless the distribution exists."""
        await self._service.call("get_distribution", Id=self._distribution)

    async def _create(self, paths: list[str], reference: str) -> None:
        # Under the same reference, CloudFront answers a repeated call with the first invalidation, and
        # refuses other paths. So it holds the paths, too: a restored database counts its events again.
        digest = hashlib.sha256("\n".join((reference, *paths)).encode()).hexdigest()
        batch = {"Paths": {"Quantity": len(paths), "Items": paths}, "CallerReference": f"orak-{digest}"}
        await self._service.call(
            "create_invalidation", DistributionId=self._distribution, InvalidationBatch=batch
        )

    def _path(self, key: str) -> str:
        """Return the path as it is in the public URL; CloudFront compares it so."""
        return f"{self._base_path}/{quote(key, safe=f'/{ALL}')}"
