"""What the pages may do in a browser: the origins they connect to and the devices they use."""

from urllib.parse import urlsplit

from orak.entrypoints.settings.values import Settings

_WAVEFORM_STYLE = "'sha256-fF0LBso7Nz75zaFRDBUefBDvPe19hjaiDnnc8lt+2Js='"
"""Hash of the style sheet that wavesurfer.js adds to its shadow root, at the one height of player.js."""


def page_headers(settings: Settings) -> dict[str, str]:
    """Return the headers of a page: own scripts and styles only, audio to and from the configured store."""
    return {
        "Content-Security-Policy": _content_policy(settings),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
        "Referrer-Policy": "no-referrer",
    }


def _content_policy(settings: Settings) -> str:
    elsewhere = " ".join(["'self'", *stores(settings)])
    # Not every browser applies 'self' to WebSockets.
    live = _origin(settings.base_url).replace("http", "ws", 1)
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            f"style-src 'self' {_WAVEFORM_STYLE}",
            "img-src 'self'",
            f"media-src blob: {elsewhere}",
            f"connect-src {elsewhere} {live}",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


def stores(settings: Settings) -> list[str]:
    """Return the CSP host sources, beside the page's own origin, that audio is sent to and played from."""
    sources = {_origin(settings.base_url), _origin(settings.media_url)}
    return sorted(sources | _s3_sources(settings.s3_bucket_name, settings))


def _s3_sources(bucket: str | None, settings: Settings) -> set[str]:
    if bucket is None:
        return set()
    if settings.s3_endpoint_url is not None:
        urls = {settings.s3_endpoint_url}
    else:
        urls = {"https://s3.amazonaws.com"}
        if settings.s3_region:
            urls.add(f"https://s3.{settings.s3_region}.amazonaws.com")
    # If the path names the bucket, the source includes it: the same host serves buckets of others too.
    in_path = {f"{url.rstrip('/')}/{bucket}/" for url in urls}
    return in_path | {_origin(url).replace("://", f"://{bucket}.", 1) for url in urls}


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
