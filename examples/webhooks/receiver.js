// A receiver of orak's webhooks in Node: `WEBHOOK_SECRET=whsec_… node receiver.js`.
import { createServer } from "node:http";
import { pathToFileURL } from "node:url";

import { Webhook } from "standardwebhooks";

/**
 * Return a server that passes each genuine event to `receive`.
 *
 * @param {string} secret the signing secret of the endpoint, `whsec_…`
 * @param {(event: {id: number, type: string, uploadId: number}) => void} receive
 */
export function receiver(secret, receive) {
  const webhook = new Webhook(secret);
  return createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    try {
      receive(webhook.verify(Buffer.concat(chunks).toString(), request.headers));
      response.writeHead(204).end();
    } catch {
      response.writeHead(401).end();
    }
  });
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  receiver(process.env.WEBHOOK_SECRET, (event) => console.log(event.type, event.uploadId)).listen(8080);
}
