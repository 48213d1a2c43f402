// request.json is what orak sends, to the byte: a test of orak makes the same request.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mock, test } from "node:test";

import { Webhook } from "standardwebhooks";

import { receiver } from "./receiver.js";

const { secrets, headers, body } = JSON.parse(readFileSync(new URL("request.json", import.meta.url), "utf8"));
mock.timers.enable({ apis: ["Date"], now: Number(headers["webhook-timestamp"]) * 1000 });

async function post(content, overrides = {}) {
  const events = [];
  const server = receiver(secrets.current, (event) => events.push(event));
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  try {
    const url = `http://127.0.0.1:${server.address().port}/`;
    const answer = await fetch(url, { method: "POST", headers: { ...headers, ...overrides }, body: content });
    return [answer.status, events];
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test("the receiver accepts what orak signs", async () => {
  const [status, events] = await post(body);
  assert.equal(status, 204);
  assert.deepEqual(events, [JSON.parse(body)]);
});

test("the receiver refuses another body, id or time", async () => {
  assert.equal((await post(`${body} `))[0], 401);
  assert.equal((await post(body, { "webhook-id": "2" }))[0], 401);
  assert.equal((await post(body, { "webhook-timestamp": "1" }))[0], 401);
});

test("during a rotation both secrets verify", () => {
  for (const secret of [secrets.current, secrets.previous]) new Webhook(secret).verify(body, headers);
  assert.throws(() => new Webhook("whsec_" + Buffer.alloc(32).toString("base64")).verify(body, headers));
});
