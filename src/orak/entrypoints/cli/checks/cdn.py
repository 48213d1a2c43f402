"""The CDN, if CDN_BASE_URL is set."""

from orak.application.ports.failures import Unavailable
from orak.entrypoints.cli.finding import Finding
from orak.entrypoints.opening import made
from orak.entrypoints.running import open_parts
from orak.entrypoints.settings.checks import InvalidSetting
from orak.entrypoints.settings.values import Settings


async def check_cdn(settings: Settings) -> list[Finding]:
    """Check the distribution and the key pair."""
    if settings.cdn_base_url is None:
        return []
    shown = settings.cdn_base_url
    try:
        detail = await _try_cloudfront(settings)
    except InvalidSetting as invalid:
        return [Finding("cdn", "fail", str(invalid), invalid.hint)]
    except Unavailable as outage:
        # Not a failure: deletions wait for CloudFront.
        hint = "check CLOUDFRONT_DISTRIBUTION_ID; docs/guides/cdn.md lists the permissions that orak needs"
        return [Finding("cdn", "warn", f"{shown}: {outage}", hint)]
    return [Finding("cdn", "ok", f"{shown}, {detail}")]


async def _try_cloudfront(settings: Settings) -> str:
    """Return what the settings make of the CDN. Raise `InvalidSetting` or `Unavailable`."""
    said = "keeps a deleted record for up to a day"
    if settings.cloudfront_distribution_id is not None:
        async with open_parts(settings, "cdn_cache") as container:
            await (await made(container.cdn_cache)).check()
        said = f"distribution {settings.cloudfront_distribution_id} drops deleted records"
    if settings.cloudfront_key_id is not None:
        async with open_parts(settings, "private_urls"):
            said += f", key pair {settings.cloudfront_key_id}"
    return said
