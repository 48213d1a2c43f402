"""Records as JSON, each encoded once."""

import msgspec

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
        self._encoded: dict[tuple[object, ...], bytes] = {}

    def encoded(self, record: ShownRecord, language: Language) -> bytes:
        """Return the JSON of the `RecordView` of *record*."""
        key = (language, *record.state)
        found = self._encoded.get(key)
        if found is None:
            found = self._encoded[key] = _encode(RecordView.of(record, self._settings, language))
            if len(self._encoded) > _MOST:
                del self._encoded[next(iter(self._encoded))]
        return found
