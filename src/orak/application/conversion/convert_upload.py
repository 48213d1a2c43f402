from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from orak.application.conversion.conversion_notes import ConversionNotes
from orak.application.ports.converter import ConversionOrder, Converter
from orak.application.ports.storage import ObjectMissing, Storage
from orak.application.ports.traces import Traces
from orak.domain.audio import AudioProfile
from orak.domain.record import RecordSnapshot
from orak.domain.upload import ANY_BYTES, Output, Upload


class ConversionRules(msgspec.Struct, frozen=True):
    """The output profile and the maximum input duration."""

    profile: AudioProfile
    max_duration_seconds: int


@dataclass(frozen=True, slots=True)
class ConvertUpload:
    """Converts the verified object of an upload, and stores the rendition."""

    storage: Storage
    converter: Converter
    workspace: Callable[[], AbstractContextManager[str]]
    """Makes an empty folder for the files of one conversion, and removes it."""
    rules: ConversionRules
    traces: Traces

    async def __call__(
        self, snapshot: RecordSnapshot, progress: Callable[[float], None], notes: ConversionNotes
    ) -> Output:
        """Download, convert, publish; report progress as a fraction from 0 to 1.

        Raise what `Storage.download` and `Converter.convert` raise.
        """
        upload, profile = snapshot.upload, self.rules.profile
        audio_key, waveform_key = upload.output_keys(profile.extension)
        with self.workspace() as folder:
            order = ConversionOrder(
                source=Path(folder, "input"),
                audio=Path(folder, f"output.{profile.extension}"),
                waveform=Path(folder, "waveform.json"),
                profile=profile,
                title=snapshot.record.title,
                max_duration_seconds=self.rules.max_duration_seconds,
            )
            with notes.timing("download"):
                await self.storage.download(upload.key, etag=await self._etag(upload), to=order.source)
            with notes.timing("convert"), self.traces.span("convert audio", profile=profile.value):
                conversion = await self.converter.convert(order, progress)
            with notes.timing("publish"):
                await self.storage.publish(audio_key, order.audio, content_type=profile.content_type)
                await self.storage.publish(waveform_key, order.waveform, content_type="application/json")
        return Output(audio_key, waveform_key, conversion.duration_seconds, conversion.loudness)

    async def _etag(self, upload: Upload) -> str:
        """Return the ETag of the bytes to convert: the pinned one, or else that of the object now."""
        etag = upload.etag
        if etag == ANY_BYTES:
            found = await self.storage.head(upload.key)
            etag = found.etag if found else None
        if etag is None:
            raise ObjectMissing
        return etag
