import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { cpSync } from "node:fs";
import { connect, constants } from "node:http2";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { Client, credentials, type ServiceError } from "@grpc/grpc-js";
import { createTensor, InferenceClient, type Outcome, predictionIdOf, predictionTokensOf } from "../../src/index.ts";
import { encodeReport } from "../../src/protocol/outcome-messages.ts";
import type { RunningServer } from "../../src/serve.ts";
import { eventually } from "../support/eventually.ts";
import { frame } from "../support/grpc-harness.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { startTestServer } from "../support/test-server.ts";

const model = "breast_cancer";
const service = "/sluice.monitor.v1.MonitorService/";
const asIs = (bytes: Buffer) => bytes;

suite("outcomes that nobody should send", () => {
  const folder = temporaryFolder({ after });
  let server: RunningServer;
  let client: InferenceClient;
  let raw: Client;

  before(async () => {
    cpSync(join(import.meta.dirname, "..", "..", "examples", "repository", model), join(folder, model), {
      recursive: true,
    });
    server = await startTestServer(folder);
    client = InferenceClient.connect(server.grpcAddress);
    raw = new Client(server.grpcAddress, credentials.createInsecure());
  });
  after(async () => {
    client.close();
    raw.close();
    await server.stop();
  });

  async function predict(count: number) {
    const inputs = [createTensor("features", "FP32", [count, 30], new Array(count * 30).fill(1))];
    const outputs = ["output_label", "output_probability"];
    const answer = await client.infer({ model, inputs, outputs, predictionId: "", predictionTokens: true });
    return { id: predictionIdOf(answer) as string, tokens: predictionTokensOf(answer) as readonly Uint8Array[] };
  }

  /** Sends bytes as a ReportOutcomesRequest. */
  function report(bytes: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      raw.makeUnaryRequest(
        `${service}ReportOutcomes`,
        asIs,
        asIs,
        bytes,
        (error: ServiceError | null, answer?: Buffer) => {
          if (error === null && answer !== undefined) resolve(answer);
          else reject(error);
        },
      );
    });
  }

  const atRest = () =>
    eventually(() => {
      const { openCalls, bufferedBytes } = server.load();
      assert.deepEqual([openCalls, bufferedBytes], [0, 0]);
    });

  test("bytes that are no report, and reports of too many, are refused and cost nothing", async () => {
    await assert.rejects(report(Buffer.from([0x0a, 0xff])), { code: 3 });
    await assert.rejects(report(randomBytes(100_000)), { code: 3 });
    const many = Buffer.concat(
      Array.from({ length: 10_001 }, () => encodeReport([{ predictionId: "a", classIndex: 1 }])),
    );
    await assert.rejects(report(many), { code: 3, details: /more than 10000 outcomes/ });
    await atRest();
  });

  test("forged and altered tokens are told apart from true ones in the same report", async () => {
    const { tokens } = await predict(8);
    const altered = tokens.map((token, i) => {
      const copy = Buffer.from(token);
      copy.writeUInt8((copy[i * 9] as number) ^ 0x40, i * 9);
      return copy;
    });
    const mixed = [...tokens, ...altered, randomBytes(73), Buffer.alloc(0), Buffer.alloc(60_000)];
    const results = await client.reportOutcomes(
      mixed.map((predictionToken): Outcome => ({ predictionToken, classIndex: 1 })),
    );
    assert.deepEqual(
      results.map(({ status }) => status),
      [...tokens.map(() => "ACCEPTED"), ...altered.map(() => "FORGED"), "FORGED", "FORGED", "FORGED"],
    );
  });

  test("an outcome larger than any is refused alone", async () => {
    const { id } = await predict(1);
    const results = await client.reportOutcomes([
      { predictionId: id, values: new Float64Array(9_000) },
      { predictionId: id, classIndex: 1 },
    ]);
    assert.deepEqual(
      results.map(({ status }) => status),
      ["INVALID", "ACCEPTED"],
    );
    assert.match(results[0]?.message ?? "", /at most 65536 are allowed/);
  });

  test("a stream that is cut off has reported what was answered, and the rest may come again", async () => {
    const { id } = await predict(50);
    const all = Array.from({ length: 50 }, (_, row): Outcome => ({ predictionId: id, row, classIndex: 1 }));
    let taken = 0;
    for await (const { status } of client.streamOutcomes(all)) {
      assert.equal(status, "ACCEPTED");
      if (++taken === 20) break;
    }
    await atRest();
    const again = await client.reportOutcomes(all);
    const duplicates = again.filter(({ status }) => status === "DUPLICATE").length;
    assert.ok(duplicates >= 20, `${duplicates}`);
    assert.equal(again.filter(({ status }) => status === "ACCEPTED").length, 50 - duplicates);
  });

  test("a sender that takes no results is not read from, and let go of when it leaves", async () => {
    // Without a gRPC library: grpc-js keeps in memory what comes before anybody reads.
    const session = connect(`http://${server.grpcAddress}`);
    const call = session.request({
      ":method": "POST",
      ":path": `${service}StreamOutcomes`,
      "content-type": "application/grpc",
      te: "trailers",
    });
    call.on("error", () => {}); // cancelled below
    const message = frame(encodeReport([{ predictionId: "a".repeat(200), classIndex: 1 }]));
    let sent = 0;
    for (let isRead = true; isRead && sent < 1_000_000; sent++) {
      if (!call.write(message))
        isRead = await Promise.race([once(call, "drain").then(() => true), setTimeout(1_000, false)]);
    }
    assert.ok(sent < 1_000_000, "the sender was stopped");
    assert.ok(server.load().bufferedBytes < 1_000_000);
    call.close(constants.NGHTTP2_CANCEL);
    session.close();
    await atRest();
  });

  test("predictions are answered while several floods of invented outcomes come", async () => {
    const stop = new AbortController();
    const flood = async (name: number) => {
      for (let i = 0; !stop.signal.aborted; i++) {
        const invented = Array.from(
          { length: 10_000 },
          (_, k): Outcome => ({ predictionId: `${name} ${i} ${k}`, classIndex: 1 }),
        );
        await client.reportOutcomes(invented);
      }
    };
    const floods = [1, 2, 3].map(flood);
    for (let i = 0; i < 50; i++) await predict(1);
    stop.abort();
    await Promise.all(floods);
    await atRest();
  });
});
