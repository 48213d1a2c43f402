from typing import TYPE_CHECKING

import rich_click as click

from orak.entrypoints.cli.errors import SettingError
from orak.entrypoints.cli.options import load_settings

if TYPE_CHECKING:
    from orak.application.ports.cdn_cache import CdnCache
    from orak.application.ports.private_urls import PrivateUrls
    from orak.application.ports.storage import SignedRequest
    from orak.entrypoints.settings.values import Settings


@click.group()
def cdn() -> None:
    """Work with the CloudFront distribution in front of the bucket."""


@cdn.command()
@click.argument("keys", metavar="KEY...", nargs=-1, required=True)
def invalidate(keys: tuple[str, ...]) -> None:
    """Drop the copies that CloudFront keeps of objects, by key.

    A key that ends in * stands for all keys that begin so. Deleted records need no command: orak invalidates
    their objects itself.
    """
    import asyncio

    settings = _settings("CLOUDFRONT_DISTRIBUTION_ID", "cloudfront_distribution_id")
    asyncio.run(_invalidate(settings, keys))
    click.echo(f"{len(keys)} accepted; the copies are gone within minutes", err=True)


@cdn.command()
@click.argument("key")
@click.option(
    "--seconds",
    metavar="N",
    type=click.IntRange(1, 604_800),
    default=3600,
    show_default=True,
    help="Number of seconds that the URL is valid.",
)
def sign(key: str, seconds: int) -> None:
    """Print a signed CloudFront URL of an object.

    Fetch it to see whether CloudFront accepts CLOUDFRONT_KEY_ID and CLOUDFRONT_PRIVATE_KEY.
    """
    import asyncio

    settings = _settings("CLOUDFRONT_KEY_ID", "cloudfront_key_id")
    click.echo(asyncio.run(_sign(settings, key, seconds)).url)


def _settings(name: str, field: str) -> "Settings":
    settings = load_settings().settings
    if getattr(settings, field) is None:
        raise SettingError(f"{name} is not set", "docs/guides/cdn.md says which settings CloudFront needs")
    return settings


async def _invalidate(settings: "Settings", keys: tuple[str, ...]) -> None:
    from orak.entrypoints.opening import made
    from orak.entrypoints.running import open_parts

    async with open_parts(settings, "cdn_cache") as container:
        cdn: CdnCache = await made(container.cdn_cache)
        # A new reference: objects under the same keys may have changed since an earlier call.
        await cdn.invalidate(keys, container.ids().uuid())


async def _sign(settings: "Settings", key: str, seconds: int) -> "SignedRequest":
    from datetime import timedelta

    from orak.domain.identity import ObjectKey
    from orak.entrypoints.opening import made
    from orak.entrypoints.running import open_parts

    async with open_parts(settings, "private_urls") as container:
        urls: PrivateUrls = await made(container.private_urls)
        return urls.sign_get(ObjectKey(key), life=timedelta(seconds=seconds))
