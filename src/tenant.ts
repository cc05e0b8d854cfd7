/** The tenant of every caller who is not recognised as another. */
export const defaultTenant = "default";

/** What a tenant gets where others want the same. The object stays while the tenant is known; its values follow the tenants file. */
export interface TenantShare {
  readonly name: string;
  /** How much it is served beside the weights of the others who wait; above 0. */
  readonly weight: number;
  /** The highest priority level that it may ask for, counted from 1, the highest there is. */
  readonly highestPriority: number;
}

/** The shares of all tenants. */
export interface TenantShares {
  /** The share of a tenant; the same object as long as the tenant is known. */
  find(tenant: string): TenantShare;
}

/** Everybody alike: the shares of a server without a tenants file. */
export const equalShares: TenantShares = {
  find: (name) => ({ name, weight: 1, highestPriority: 1 }),
};
