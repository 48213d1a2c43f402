"""Pieces of the OpenAPI document that several operations share, or that no code could tell."""

from collections.abc import Mapping

from orak.domain.audio import ACCEPTED, ACCEPTED_TYPES
from orak.domain.events import EventType
from orak.domain.identity import MAX_ID
from orak.domain.policies.batches import MAX_BATCH_SIZE
from orak.domain.policies.fields import MAX_NAME
from orak.domain.policies.uploads import MAX_CONTENT_TYPE
from orak.domain.webhooks import MAX_URL
from orak.entrypoints.http.requests.pagination import MAX_LIMIT
from orak.entrypoints.http.requests.preferences import MAX_WAIT_SECONDS

FOUR_WAYS = (
    "Parameters may come in the query string, as `application/x-www-form-urlencoded`, as\n"
    "`multipart/form-data` (a browser's `FormData`) or as JSON: each alone, or query and body mixed, and\n"
    "then the body wins. Which of them are required is therefore said of all of them together:\n"
    "`originalFilename`, `fileSize` and `contentType`."
)

_ID = {"type": "integer", "minimum": 1, "maximum": MAX_ID}

_TITLE = {"type": "string", "minLength": 1, "maxLength": MAX_NAME, "examples": ["첫 노래"]}

_DURATION = {
    "oneOf": [
        {"type": "integer", "format": "int32", "minimum": 0},
        {"type": "string", "enum": ["Infinity", "-Infinity", "NaN"]},
    ],
    "description": "Advice only: the decoder's figure is the truth. 0 and non-finite words count as absent.",
    "examples": [184],
}

_PRESIGN: Mapping[str, Mapping[str, object]] = {
    "originalFilename": {
        "type": "string",
        "minLength": 1,
        "maxLength": MAX_NAME,
        "description": f"Its extension is one of {', '.join(ACCEPTED)}.",
        "examples": ["take.webm"],
    },
    "fileSize": {
        "type": "integer",
        "format": "int64",
        "minimum": 1,
        "description": "Bytes, at most `MAX_UPLOAD_BYTES` (200 MiB unless configured).",
        "examples": [1048576],
    },
    "contentType": {
        "type": "string",
        "maxLength": MAX_CONTENT_TYPE,
        "description": f"One of {', '.join(sorted(ACCEPTED_TYPES))}; parameters are allowed and kept.",
        "examples": ["audio/webm;codecs=opus"],
    },
    "durationSeconds": _DURATION,
    "createOnly": {
        "type": "boolean",
        "default": False,
        "description": "Bind no-overwrite (`If-None-Match: *`) into the signature.",
    },
}
_WEBHOOK_URL = {
    "type": "string",
    "format": "uri",
    "maxLength": MAX_URL,
    "description": "http or https, at public addresses.",
    "examples": ["https://app.example.com/orak"],
}
_EVENT_TYPES = {
    "type": "array",
    "items": {"type": "string", "enum": sorted(EventType)},
    "description": "Empty or absent is all.",
}
_REQUIRED = ["originalFilename", "fileSize", "contentType"]

REQUESTS = {
    "NewUpload": {
        "type": "object",
        "description": "The bytes that are about to be sent.",
        "properties": _PRESIGN,
        "required": _REQUIRED,
        "additionalProperties": False,
    },
    "NewRecord": {
        "type": "object",
        "description": "What a take is called.",
        "properties": {"title": _TITLE, "uploadId": _ID, "songId": _ID, "durationSeconds": _DURATION},
        "required": ["title", "uploadId"],
        "additionalProperties": False,
    },
    "RecordChange": {
        "type": "object",
        "description": "What is to be another; what is absent stays.",
        "properties": {"title": _TITLE, "songId": _ID},
        "additionalProperties": False,
    },
    "NewWebhook": {
        "type": "object",
        "description": "Where to post events.",
        "properties": {"url": _WEBHOOK_URL, "eventTypes": _EVENT_TYPES},
        "required": ["url"],
        "additionalProperties": False,
    },
    "WebhookChange": {
        "type": "object",
        "description": "What is to be another; what is absent stays.",
        "properties": {
            "url": _WEBHOOK_URL,
            "eventTypes": _EVENT_TYPES,
            "enabled": {"type": "boolean", "description": "What happens while it is off is not told later."},
        },
        "additionalProperties": False,
    },
    "Replay": {
        "type": "object",
        "description": "From where to send events again.",
        "properties": {
            "after": {"type": "integer", "minimum": 0, "default": 0, "description": "A `position`."}
        },
        "additionalProperties": False,
    },
}

HEADERS = {
    "X-Request-Id": ("The call's id, in the log too: the caller's own if it is well-formed.", "string"),
    "ETag": ("Names this version.", "string"),
    "Location": ("Where it is.", "string"),
    "Link": ("The next page, `rel=next`; absent on the last.", "string"),
    "Preference-Applied": ("The wait that was honoured, as `wait=N`; not sent if none was.", "string"),
    "Retry-After": ("Seconds until it is worth trying again.", "integer"),
    "WWW-Authenticate": ("`Bearer`.", "string"),
    "Allow": ("The methods that this path has.", "string"),
    "Content-Range": ("Which bytes these are, or how many there are.", "string"),
    "Accept-Ranges": ("`bytes`.", "string"),
    "Last-Modified": ("When the object was stored.", "string"),
}


def reference(kind: str, name: str) -> dict[str, str]:
    """Refer to a component."""
    return {"$ref": f"#/components/{kind}/{name}"}


def headers(*names: str) -> dict[str, object]:
    """Refer to headers."""
    return {name: reference("headers", name) for name in names}


def ok(description: str, schema: str, *header_names: str, is_list: bool = False) -> dict[str, object]:
    """Describe a good answer."""
    shape: Mapping[str, object] = reference("schemas", schema)
    return {
        "description": description,
        "headers": headers("X-Request-Id", *header_names),
        "content": {"application/json": {"schema": {"type": "array", "items": shape} if is_list else shape}},
    }


def json_body(schema: str) -> dict[str, object]:
    """Describe a body that is JSON."""
    return {"required": True, "content": {"application/json": {"schema": reference("schemas", schema)}}}


PRESIGN_BODY = {
    "required": False,
    "content": {
        media_type: {"schema": reference("schemas", "NewUpload")}
        for media_type in ("application/json", "application/x-www-form-urlencoded", "multipart/form-data")
    },
}


def _parameter(
    where: str, name: str, schema: Mapping[str, object], description: str, *, required: bool = False
) -> dict[str, object]:
    return {
        "in": where,
        "name": name,
        "required": required,
        "description": description,
        "schema": schema,
    }


_TEXT = {"type": "string"}

PRESIGN_QUERY = tuple(
    _parameter("query", name, schema, "As in the body, which wins.") for name, schema in _PRESIGN.items()
)
IDEMPOTENCY_KEY = _parameter(
    "header",
    "Idempotency-Key",
    {"type": "string", "pattern": "^[!-~]{1,255}$"},
    "The same key with the same body within 24 hours has one effect, and the same answer. "
    "If the record that it made was deleted since, the answer is 404 RECORD_NOT_FOUND.",
)
PREFER = _parameter(
    "header",
    "Prefer",
    {"type": "string", "examples": ["wait=5"]},
    f"`wait=N` waits up to N seconds for the conversion, at most {MAX_WAIT_SECONDS} (RFC 7240).",
)
RECORD_ID = _parameter("path", "recordId", _ID, "The record.", required=True)
UPLOAD_ID = _parameter("path", "uploadId", _ID, "The upload.", required=True)
WEBHOOK_ID = _parameter("path", "webhookId", _ID, "The webhook.", required=True)
DELIVERY_ID = _parameter("path", "deliveryId", _ID, "The attempt in its log.", required=True)
KEY = _parameter(
    "path", "key", _TEXT, "The object's key. Its slashes stand in the path as they are.", required=True
)
IF_NONE_MATCH = _parameter("header", "If-None-Match", _TEXT, "Answer 304 if this is still the version.")
IF_MATCH = _parameter("header", "If-Match", _TEXT, "Answer 412 if this is not the version.")
LAST_EVENT_ID = _parameter("header", "Last-Event-ID", _TEXT, "Go on after this event.")
TICKET = _parameter("query", "ticket", _TEXT, "Instead of the header: a ticket, good once.")
RANGE = _parameter("header", "Range", _TEXT, "One range of bytes; several are answered whole.")
IF_RANGE = _parameter("header", "If-Range", _TEXT, "Honour Range only for this version.")
PAGE = (
    _parameter(
        "query",
        "limit",
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
        "Items on a page; without it up to 1,000.",
    ),
    _parameter("query", "cursor", _TEXT, "Where the page begins, from a `Link` of the page before."),
)
BATCH_SIZE = _parameter(
    "query",
    "size",
    {"type": "integer", "minimum": 1, "maximum": MAX_BATCH_SIZE},
    "How many takes a batch has.",
    required=True,
)
ACCEPT_LANGUAGE = _parameter(
    "header",
    "Accept-Language",
    {"type": "string", "examples": ["en"]},
    "The language of messages: Korean or English.",
)

ELSEWHERE: Mapping[str, object] = {
    "description": "It is at the URL in Location, for everyone, for an hour.",
    "headers": headers("Location"),
}
_BINARY = {"*/*": {"schema": {"type": "string", "format": "binary"}}}
_OBJECT_HEADERS = headers("ETag", "Last-Modified", "Accept-Ranges")
OBJECT: Mapping[str, Mapping[str, object]] = {
    "200": {"description": "All of it.", "headers": _OBJECT_HEADERS, "content": _BINARY},
    "206": {
        "description": "The part that Range asked for.",
        "headers": _OBJECT_HEADERS | headers("Content-Range"),
        "content": _BINARY,
    },
    "304": {"description": "It is still the version that If-None-Match names."},
}
