/** Upper bounds of the buckets of histograms. */

/** Buckets of `rpc.server.call.duration` in the rpc conventions, seconds. */
export const conventionalBoundaries = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/** Latency buckets of gRFC A66, seconds: they begin at 10 us, where small models live. */
export const latencyBoundaries = [
  0, 0.00001, 0.00005, 0.0001, 0.0003, 0.0006, 0.0008, 0.001, 0.002, 0.003, 0.004, 0.005, 0.006, 0.008, 0.01, 0.013,
  0.016, 0.02, 0.025, 0.03, 0.04, 0.05, 0.065, 0.08, 0.1, 0.13, 0.16, 0.2, 0.25, 0.3, 0.4, 0.5, 0.65, 0.8, 1, 2, 5, 10,
  20, 50, 100,
];

/** Rows: the powers of two, because batch buckets are. */
export const rowBoundaries = Array.from({ length: 15 }, (_, exponent) => 2 ** exponent);

/** From a model of a few kilobytes to the default load timeout, seconds. */
export const loadBoundaries = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 600];

/** Buckets of `v8js.gc.duration` in the conventions (0.01 to 10 s), with one below: a scavenge takes about a millisecond. */
export const collectionBoundaries = [0.001, 0.01, 0.1, 1, 10];

/** Message sizes of gRFC A66, bytes. */
export const sizeBoundaries = [
  0, 1024, 2048, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864, 268435456, 1073741824, 4294967296,
];

/** Probabilities: twenty equal bins. */
export const scoreBoundaries = Array.from({ length: 19 }, (_, index) => (index + 1) / 20);

/** From labels that follow at once to those of a month later, seconds. */
export const delayBoundaries = [
  0.01, 0.1, 0.5, 1, 10, 60, 300, 900, 3600, 14_400, 43_200, 86_400, 172_800, 345_600, 604_800, 1_209_600, 2_592_000,
];
