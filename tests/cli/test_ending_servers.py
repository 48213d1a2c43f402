"""The port of the metrics ends while the API still answers: both share one deadline."""

import asyncio
import socket

import uvicorn

from orak.entrypoints.cli.metrics_server import serving_metrics
from orak.entrypoints.cli.uvicorn_server import answering
from orak.entrypoints.running import run
from orak.entrypoints.settings.values import Settings
from served import DEADLINE


async def test_the_metrics_end_while_a_call_is_still_answered(tmp_path):
    called, answer, started, ending = (asyncio.Event() for _ in range(4))

    async def slow(_scope, _receive, send):
        called.set()
        await answer.wait()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    async def serve():
        config = uvicorn.Config(slow, lifespan="off", log_config=None, timeout_graceful_shutdown=DEADLINE)
        async with (
            run(Settings(data_dir=tmp_path, batch_enabled=False), serves=False) as orak,
            serving_metrics(orak, metrics) as end_metrics,
            answering(config, api, when_ending=end_metrics),
        ):
            started.set()
            await ending.wait()

    with socket.create_server(("127.0.0.1", 0)) as api, socket.create_server(("127.0.0.1", 0)) as metrics:
        addresses = api.getsockname(), metrics.getsockname()
        async with asyncio.timeout(DEADLINE / 2), asyncio.TaskGroup() as tasks:
            tasks.create_task(serve())
            await started.wait()
            (answers, call), (scraped, scrape) = [await asyncio.open_connection(*one) for one in addresses]
            call.write(b"GET / HTTP/1.1\r\nHost: orak\r\n\r\n")
            await called.wait()
            ending.set()
            await scraped.read()  # until the server closes the connection
            answer.set()
            assert (await answers.readline()).split()[1] == b"204"
            call.close()
            scrape.close()
