/** A server that answers the three calls of an upload like orak. Tests can delay or refuse its answers. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface ReceivedRequest {
  method: string;
  path: string;
  token: string;
  type: string;
  body: string;
}

export async function serveOrak() {
  const received: ReceivedRequest[] = [];
  const records = new Map<string, object>();
  const orak = {
    url: "",
    received,
    /** The status of the store's answer. */
    store: 200,
    /** The status of the answer to a create call. */
    create: 200,
    /** The store answers once this resolves. */
    held: Promise.resolve(),
    of: (method: string, path: RegExp) => received.filter((one) => one.method === method && path.test(one.path)),
    close: () => new Promise((done) => server.close(done)),
  };

  async function answer(request: IncomingMessage, response: ServerResponse) {
    const allowed = { "Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "*, Authorization" };
    const say = (status: number, json?: object) => {
      response.writeHead(status, { ...allowed, "Access-Control-Allow-Methods": "*", "Content-Type": "application/json" });
      response.end(json && JSON.stringify(json));
    };
    const { method = "", url: path = "", headers } = request;
    let body = "";
    for await (const chunk of request) body += chunk;
    if (method === "OPTIONS") return say(204);
    const token = headers.authorization?.replace("Bearer ", "") ?? "";
    received.push({ method, path, token, type: headers["content-type"] ?? "", body });
    if (method === "PUT") {
      await orak.held;
      return say(orak.store);
    }
    if (method === "DELETE") return say(204);
    if (path.endsWith("/presigned-url")) {
      const uploadId = orak.of("POST", /presigned-url$/).length;
      // An unusual type: the client must send the signed headers, not its own.
      const signed = { method: "PUT", headers: { "Content-Type": "audio/x-signed" } };
      return say(200, { uploadId, presignedUrl: `${orak.url}/store/${uploadId}`, s3Key: "k", expirationTime: "", ...signed });
    }
    if (orak.create !== 200) return say(orak.create, { error: { code: "VALIDATION_FAILED", message: "no such title", details: [] } });
    const key = String(headers["idempotency-key"]);
    const record = records.get(key) ?? { ...JSON.parse(body), id: records.size + 1, processingStatus: "PROCESSING" };
    records.set(key, record);
    return say(200, record);
  }

  const server = createServer((request, response) => void answer(request, response));
  await new Promise((done) => server.listen(0, "127.0.0.1", () => done(undefined)));
  orak.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return orak;
}
