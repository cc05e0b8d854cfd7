import type { InferenceError } from "../errors.ts";
import type { Call } from "./call.ts";
import type { Question } from "./inference-answer.ts";
import type { InferenceContext } from "./inference-context.ts";
import type { InferenceSurroundings } from "./inference-surroundings.ts";
import type { TenantAccount, TenantCharge } from "./tenant-account.ts";

/** Metadata by which a caller says whose its requests are. */
export const tenantKey = "sluice-tenant";

/** The parameter by which it says so for one item, before the metadata. */
const tenantParameter = "sluice_tenant";

/** Whose a request is; undefined where there are no tenants. The place where the credential of a call will be looked at. */
export function accountOf(
  { tenants }: InferenceSurroundings,
  call: Pick<Call<unknown>, "metadata">,
  { request }: Question,
): TenantAccount | undefined {
  if (tenants === undefined) return undefined;
  const own = request.parameters.size === 0 ? undefined : request.parameters.get(tenantParameter);
  return tenants.recognise(own === undefined ? call.metadata(tenantKey) : String(own));
}

/** What a request takes of its tenant's limits. Counted before it is held against the model, so a wrong shape counts as something too. */
export function chargeOf({ request, model }: Question): TenantCharge {
  const first = model.description.signature.maxBatchSize > 0 ? request.inputs[0]?.shape[0] : undefined;
  return { rows: Math.max(1, first ?? 1), bytes: request.byteLength };
}

/** Lets a unary request in, or tells its caller when to come again. @throws InferenceError "quota" */
export function enterTenant(
  surroundings: InferenceSurroundings,
  call: Pick<Call<unknown>, "metadata">,
  question: Question,
  context: InferenceContext,
): void {
  const account = accountOf(surroundings, call, question);
  if (account === undefined) return;
  const charge = chargeOf(question);
  if (context.enter(account, charge)) return;
  surroundings.observer.onTenantRefused(account.name);
  throw account.refusal(charge);
}

/** A stream's message that waits until its tenant has room for it. */
export class TenantWait {
  readonly #account: TenantAccount;
  readonly #charge: TenantCharge;
  readonly #context: InferenceContext;
  readonly #onEnd: (error: InferenceError | undefined) => void;

  /** @param onEnd called once, when the message was let in, or can never be */
  constructor(
    account: TenantAccount,
    charge: TenantCharge,
    context: InferenceContext,
    onEnd: (error: InferenceError | undefined) => void,
  ) {
    this.#account = account;
    this.#charge = charge;
    this.#context = context;
    this.#onEnd = onEnd;
    account.whenRoom(this.#onRoom);
  }

  /** For a stream that ends meanwhile. */
  cancel(): void {
    this.#account.forget(this.#onRoom);
  }

  readonly #onRoom = (): boolean => {
    const isLetIn = this.#context.enter(this.#account, this.#charge);
    if (!isLetIn && this.#account.fits(this.#charge)) return false;
    this.#account.forget(this.#onRoom);
    this.#onEnd(isLetIn ? undefined : this.#account.refusal(this.#charge));
    return true;
  };
}

/**
 * Lets a stream's request in, or makes it wait: where a unary call is refused a stream stops reading, so that its sender goes at the pace that its
 * tenant has. @returns what waits; undefined: it is in
 * @throws InferenceError "quota" when it could never be let in
 */
export function enterTenantOrWait(
  surroundings: InferenceSurroundings,
  call: Pick<Call<unknown>, "metadata">,
  question: Question,
  context: InferenceContext,
  onEnd: (error: InferenceError | undefined) => void,
): TenantWait | undefined {
  const account = accountOf(surroundings, call, question);
  if (account === undefined) return undefined;
  const charge = chargeOf(question);
  if (account.waitingCount === 0 && context.enter(account, charge)) return undefined;
  if (account.fits(charge)) return new TenantWait(account, charge, context, onEnd);
  surroundings.observer.onTenantRefused(account.name);
  throw account.refusal(charge);
}
