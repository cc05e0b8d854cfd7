import type { TenantShares } from "../tenant.ts";
import { defaultTenant } from "../tenant.ts";
import { TenantAccount } from "./tenant-account.ts";
import { plainSettings, type TenantSettings } from "./tenants-file.ts";

/**
 * The tenants that are known: those of the tenants file and the default one. The only place that says whose a request is, and the only one that turns a
 * name from outside into a tenant.
 */
export class TenantDirectory implements TenantShares {
  /** By name: all that were ever listed, so that what is under way when the file changes keeps its account. */
  readonly #accounts = new Map<string, TenantAccount>();
  readonly #default = new TenantAccount(defaultTenant);
  #listed: ReadonlyMap<string, TenantSettings> = new Map();

  constructor() {
    this.#accounts.set(defaultTenant, this.#default);
  }

  /** Puts a tenants file in force. Who is listed no more has no limits and the plain weight for what it still has in the server. */
  replace(listed: ReadonlyMap<string, TenantSettings>): void {
    this.#listed = listed;
    for (const account of this.#accounts.values()) account.settings = listed.get(account.name) ?? plainSettings;
    for (const [name, settings] of listed) this.find(name).settings = settings;
    for (const account of this.#accounts.values()) account.wake(); // a limit may be higher now
  }

  /**
   * Whose a request is. A credential's tenant wins; without one a caller may name any tenant that is listed, and whoever names none, or one that is
   * not listed, is the default one: names that are made up gain nothing.
   * @param claimed what the caller says
   * @param credential the tenant that its credential names; undefined: it has none
   */
  recognise(claimed: string | undefined, credential?: string): TenantAccount {
    const name = credential ?? claimed;
    if (name === undefined || !this.#listed.has(name)) return this.#default;
    return this.find(name);
  }

  /** The account of a tenant, whether it is listed or not. */
  find(name: string): TenantAccount {
    let account = this.#accounts.get(name);
    if (account === undefined) {
      account = new TenantAccount(name);
      this.#accounts.set(name, account);
    }
    return account;
  }

  /** All accounts there are, for what shows or checks them. */
  get accounts(): readonly TenantAccount[] {
    return [...this.#accounts.values()];
  }
}
