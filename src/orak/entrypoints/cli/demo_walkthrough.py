"""The steps of the demo: one recording goes through the real HTTP API."""

import asyncio
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory

import httpx
from rich.console import Console
from rich.text import Text

from orak.adapters.audio.sung_sample import write_sung_sample
from orak.client import AsyncOrakClient, Record
from orak.domain.identity import safe_name
from orak.entrypoints.cli.output import labelled, step
from orak.entrypoints.cli.records import length_of, loudness_of

_SAMPLE_TITLE = "아리랑"


async def walk_through(screen: Console, url: str, token: str, file: Path | None, results: Path) -> Record:
    """Upload and convert *file*, or a sung sample; save the rendition in the folder *results*.

    Return the record, COMPLETED or FAILED. Raise the errors of the client.
    """
    with TemporaryDirectory(prefix="orak-demo-") as folder:
        title = _SAMPLE_TITLE if file is None else file.stem
        if file is None:
            file = Path(folder, "arirang.webm")
            with step(screen, "sing") as note:
                await asyncio.to_thread(write_sung_sample, file)
                note(f"{file.name}, {_kilobytes(_size_of(file))}, synthesised")
        async with AsyncOrakClient(url, token, language="en") as orak:
            record = await _send(screen, orak, file, title)
    if record.public_url is not None:
        with step(screen, "fetch") as note:
            content = await _fetch(record.public_url)
            saved = _save(content, results, f"{record.id}_{title}{PurePath(record.public_url).suffix}")
            note(f"{_kilobytes(len(content))} from the public URL")
        _show(screen, record, saved)
    return record


async def _send(screen: Console, orak: AsyncOrakClient, file: Path, title: str) -> Record:
    with step(screen, "presign") as note:
        presigned = await orak.presign(file.name, _size_of(file))
        note(f"upload {presigned.upload_id}, URL valid until {presigned.expiration_time.astimezone():%H:%M}")
    with step(screen, "upload") as note:
        await orak.put(presigned, file, lambda sent, total: note(f"{100 * sent // total} %"))
        note(f"{_kilobytes(_size_of(file))} straight to storage")
    with step(screen, "record") as note:
        record = await orak.create(title, presigned.upload_id, wait=0)
        note(f"record {record.id}, {title}")
    with step(screen, "convert") as note:
        record = await orak.wait(record.id, on_progress=lambda record: note(f"{record.progress} %"))
        if record.failure is not None:
            note.fail(f"{record.failure.message} ({record.failure.code})")
        else:
            note(record.processing_status if record.loudness is None else loudness_of(record))
    return record


async def _fetch(url: str) -> bytes:
    async with httpx.AsyncClient() as http:
        return (await http.get(url)).raise_for_status().content


def _save(content: bytes, folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / safe_name(name)
    file.write_bytes(content)
    return file


def _show(screen: Console, record: Record, saved: Path) -> None:
    screen.print()
    screen.print(
        Text.assemble(
            (record.title, "bold"),
            f"  record {record.id}  ",
            (record.processing_status, "green"),
            f"  {length_of(record)}",
        )
    )
    labelled(
        screen,
        (
            ("loudness", loudness_of(record)),
            ("listen", str(record.public_url)),
            ("waveform", str(record.waveform_url)),
            ("file", str(saved.absolute())),
        ),
    )


def _size_of(file: Path) -> int:
    return file.stat().st_size


def _kilobytes(count: int) -> str:
    return f"{count / 1000:,.0f} kB"
