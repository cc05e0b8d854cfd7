import { freshCases, repositoryCases } from "./control-cases.ts";
import { type Answer, Exchange } from "./exchange.ts";
import { type Case, inferenceCases } from "./inference-cases.ts";
import { normalize } from "./normalize.ts";
import { playSchedules } from "./schedule.ts";

/** Answers by the id of their case. */
export type Answers = ReadonlyMap<string, Answer>;

/** All cases in the order in which a server gets them. */
export function allCases(backend: "onnxruntime" | "python"): Case[] {
  return [...freshCases(), ...inferenceCases(), ...repositoryCases(backend)];
}

/** Asks a server that has just started everything, one call after the other. */
export async function askEverything(address: string, backend: "onnxruntime" | "python"): Promise<Answers> {
  const exchange = new Exchange(address);
  const answers = new Map<string, Answer>();
  const ask = async (cases: readonly Case[]) => {
    for (const { id, call } of cases) answers.set(id, normalize(call.method, await exchange.call(call)));
  };
  try {
    await ask([...freshCases(), ...inferenceCases()]);
    for (const [id, answer] of await playSchedules(exchange)) answers.set(id, answer);
    await ask(repositoryCases(backend));
  } finally {
    exchange.close();
  }
  return answers;
}
