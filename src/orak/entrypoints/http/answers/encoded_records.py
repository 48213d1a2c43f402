"""Records as JSON, each encoded once."""

import msgspec

from orak.domain.identity import RecordId
from orak.domain.record import ShownRecord
from orak.entrypoints.http.answers.languages import Language
from orak.entrypoints.http.answers.views import RecordView
from orak.entrypoints.settings.values import Settings

_MOST = 8192
"""Records of about 700 bytes each; beyond that, those encoded first are forgotten."""

_encode = msgspec.json.Encoder().encode


class EncodedRecords:
    """Encodes records, and keeps the JSON of each for as long as the record stays as it is.

    Clients list the same records again and again, and most of them are finished.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._encoded: dict[tuple[RecordId, Language], tuple[ShownRecord, bytes]] = {}

    def encoded(self, record: ShownRecord, language: Language) -> bytes:
        """Return the JSON of the `RecordView` of *record*."""
        key = (record.id, language)
        known = self._encoded.get(key)
        if known is not None and (known[0] is record or known[0].state == record.state):
            return known[1]
        found = _encode(RecordView.of(record, self._settings, language))
        self._encoded[key] = record, found
        if len(self._encoded) > _MOST:
            del self._encoded[next(iter(self._encoded))]
        return found
