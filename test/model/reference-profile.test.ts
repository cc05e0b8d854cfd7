import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { InferenceError } from "../../src/errors.ts";
import type { Signature } from "../../src/inference.ts";
import type { ReferenceProfile } from "../../src/model/package-messages.ts";
import { checkProfileFits, validateProfile } from "../../src/model/profile-rules.ts";
import { decodeProfile, encodeProfile, profileText } from "../../src/model/reference-profile.ts";

const profile: ReferenceProfile = {
  format_version: 1,
  model_name: "m",
  model_version: 3,
  created_at: { seconds: 1_700_000_000, nanos: 250_000_000 },
  row_count: 6,
  signals: [
    {
      name: "age",
      tensor: "features",
      column: 1,
      datatype: "FP32",
      role: "SIGNAL_ROLE_INPUT",
      numeric: {
        edges: [-1.5, 0, 2],
        counts: [2, 3],
        underflow_count: 0,
        overflow_count: 1,
        null_count: 0,
        infinite_count: 2 ** 40,
        count: 6,
        mean: 0.5,
        m2: 4,
        minimum: -1.5,
        maximum: 3,
        quantiles: [{ probability: 0.5, value: 0.25 }],
      },
    },
    {
      name: "label",
      tensor: "label",
      column: 0,
      datatype: "BYTES",
      role: "SIGNAL_ROLE_OUTPUT",
      categorical: {
        categories: [
          { text: "__proto__", count: 4 },
          { text: "b", count: 2 },
        ],
        other_count: 0,
        null_count: 0,
      },
    },
    {
      name: "code",
      tensor: "code",
      column: 0,
      datatype: "INT64",
      role: "SIGNAL_ROLE_OUTPUT",
      categorical: {
        categories: [
          { code: 0, count: 4 },
          { code: -7, count: 2 },
        ],
        other_count: 0,
        null_count: 0,
      },
    },
  ],
  calibrations: [
    {
      class_index: 1,
      scores: [0, 0.5, 1],
      probabilities: [0.1, 0.5, 0.5],
      sample_count: 6,
      calibration_error_before: 0.2,
      calibration_error_after: 0.1,
    },
  ],
  expected: [{ name: "accuracy", label: "", value: 0.75, sample_count: 6, standard_error: 0.1 }],
  labels: ["no", "yes"],
  anomaly: { signals: ["age"], mean: [0.5], inverse_covariance: [2], threshold: 3.8, threshold_probability: 0.95 },
};

const signature: Signature = {
  inputs: [{ name: "features", datatype: "FP32", dims: [2] }],
  outputs: [
    { name: "label", datatype: "BYTES", dims: [], labels: ["no", "yes"] },
    { name: "code", datatype: "INT64", dims: [1] },
  ],
  maxBatchSize: 8,
};
const model = { name: "m", version: "3", signature };

function refusal(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof InferenceError && error.reason === "refused", String(error));
    return error.message;
  }
  assert.fail("not refused");
}

test("a profile comes back from both of its forms as it was", () => {
  assert.deepEqual(decodeProfile(encodeProfile(profile)), profile);
  const text = profileText(profile);
  assert.deepEqual(decodeProfile(Buffer.from(text)), profile);
  assert.match(text, /"rowCount": "6"/);
  assert.match(text, /"createdAt": "2023-11-14T22:13:20.250Z"/);
  assert.ok(!text.includes("underflowCount"), "defaults are left out");
});

test("the JSON form may be written with the names of the definition, and by hand", () => {
  const decoded = decodeProfile(Buffer.from('{"format_version": 1, "row_count": 5, "labels": ["a"]}'));
  assert.equal(decoded.row_count, 5);
  assert.deepEqual(decoded.signals, []);
  assert.equal(decoded.anomaly, undefined);
});

test("what is no profile is refused with its place", () => {
  assert.match(
    refusal(() => decodeProfile(Buffer.from([0xff, 0xff, 0xff]))),
    /neither the binary nor the JSON form/,
  );
  assert.match(
    refusal(() => decodeProfile(Buffer.from("{"))),
    /no valid JSON form/,
  );
  assert.match(
    refusal(() => decodeProfile(Buffer.from('{"formatVersion":1,"rowCount":1,"signal":[]}'))),
    /'signal'/,
  );
  assert.match(
    refusal(() => decodeProfile(Buffer.from('{"formatVersion":1,"rowCount":1,"signals":[{"name":3}]}'))),
    /signals\[0\]\.name/,
  );
  assert.match(
    refusal(() => decodeProfile(Buffer.from('{"formatVersion":2,"rowCount":1}'))),
    /format version 2/,
  );
  assert.match(
    refusal(() => decodeProfile(Buffer.alloc(16 * 1024 * 1024 + 1))),
    /the limit is/,
  );
});

const [age, label, code] = profile.signals;
const many = Array.from({ length: 10_001 }, () => ({ probability: 0.5, value: 0 }));
const numeric = age!.numeric!;
const contradictions: readonly (readonly [Partial<ReferenceProfile>, RegExp])[] = [
  [{ row_count: 0 }, /no rows/],
  [{ labels: ["a", "a"] }, /label 'a' is there twice/],
  [{ signals: [age!, age!] }, /signal 'age' is there twice/],
  [{ signals: [{ ...age!, datatype: "FLOAT" }] }, /datatype 'FLOAT'/],
  [{ signals: [{ ...age!, role: "SIGNAL_ROLE_UNSPECIFIED" }] }, /no role/],
  [{ signals: [{ ...age!, numeric: { ...numeric, edges: [0, 0, 1] } }] }, /do not ascend/],
  [{ signals: [{ ...age!, numeric: { ...numeric, counts: [5] } }] }, /1 counts for 2 bins/],
  [{ signals: [{ ...age!, numeric: { ...numeric, count: 7 } }] }, /hold 6 values, its count is 7/],
  [{ signals: [{ ...age!, numeric: { ...numeric, mean: Number.NaN } }] }, /no finite number/],
  [{ signals: [{ ...age!, numeric: { ...numeric, edges: [-1e308, 0, 1e308] } }] }, /beyond 1e\+150/],
  [
    { signals: [{ ...age!, numeric: { ...numeric, minimum: 4 } }] },
    /smallest value of signal 'age' is 4, the largest 3/,
  ],
  [{ signals: [{ ...age!, numeric: { ...numeric, quantiles: many } }] }, /10001 quantiles, at most 1000/],
  [{ signals: [{ ...age!, datatype: "BYTES" }] }, /'age' is BYTES, but its distribution is one of numbers/],
  [{ signals: [{ ...label!, datatype: "FP32" }] }, /'label' has a category that is no integer/],
  [{ signals: [{ ...code!, datatype: "BYTES" }] }, /'code' has a category that is no text/],
  [{ created_at: { seconds: 1e15, nanos: 0 } }, /is no date/],
  [{ expected: many.map(() => profile.expected[0]!) }, /10001 metrics, at most 10000/],
  [{ signals: [{ ...age!, score: numeric }] }, /2 distributions/],
  [{ signals: [{ ...age!, statistic: "median" }] }, /statistic 'median'/],
  [{ calibrations: [{ ...profile.calibrations[0]!, probabilities: [0.5, 0.1, 0.6] }] }, /does not rise/],
  [{ calibrations: [{ ...profile.calibrations[0]!, class_index: 2 }] }, /has no label/],
  [{ anomaly: { ...profile.anomaly!, inverse_covariance: [] } }, /a matrix of 0 numbers for 1 signals/],
  [{ anomaly: { ...profile.anomaly!, signals: ["label"] } }, /'label', which is no numeric input/],
];

test("a profile that contradicts itself is refused", () => {
  validateProfile(profile);
  for (const [change, message] of contradictions) {
    assert.match(
      refusal(() => validateProfile({ ...profile, ...change })),
      message,
    );
  }
});

test("a damaged profile is refused or is another valid one, and never anything else", () => {
  const whole = encodeProfile(profile);
  const change = fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 0, max: 255 }));
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), fc.nat(whole.length), (changes, cut) => {
      const bytes = Uint8Array.from(whole);
      for (const [at, value] of changes) bytes[at] = value;
      for (const damaged of [bytes, bytes.subarray(0, cut)]) {
        try {
          validateProfile(decodeProfile(damaged));
        } catch (error) {
          assert.ok(error instanceof InferenceError && error.reason === "refused", String(error));
        }
      }
    }),
    { numRuns: 500 },
  );
});

test("a profile of another model is refused, with what it has and what the model has", () => {
  checkProfileFits(profile, model);
  const cases: readonly (readonly [Partial<ReferenceProfile>, RegExp])[] = [
    [{ model_name: "other" }, /model 'other', not of 'm'/],
    [{ model_version: 2 }, /version 2, not of 3/],
    [{ signals: [{ ...age!, tensor: "x" }] }, /input 'x', the model has 'features'/],
    [{ signals: [{ ...age!, datatype: "FP64" }] }, /'age' is FP64, input 'features' is FP32/],
    [{ signals: [{ ...age!, column: 2 }] }, /column 2 of input 'features', which has 2/],
    [{ labels: ["a", "b", "c"], calibrations: [] }, /3 labels, output 'label' has 2/],
  ];
  for (const [change, message] of cases)
    assert.match(
      refusal(() => checkProfileFits({ ...profile, ...change }, model)),
      message,
    );
  checkProfileFits({ ...profile, model_name: "", model_version: 0 }, model);
  const unbatched = [{ name: "features", datatype: "FP32", dims: [-1, 2] } as const];
  const withoutBatches = { ...model, signature: { ...signature, inputs: unbatched, maxBatchSize: 0 } };
  checkProfileFits(profile, withoutBatches);
  assert.match(
    refusal(() => checkProfileFits({ ...profile, signals: [{ ...age!, column: 2 }] }, withoutBatches)),
    /column 2 of input 'features', which has 2/,
  );
  const { numeric: score, ...identity } = age!;
  const scored: ReferenceProfile = {
    ...profile,
    signals: [{ ...identity, name: "p", tensor: "p", role: "SIGNAL_ROLE_OUTPUT", score: score! }],
  };
  const scoring = (columns: number) => ({
    ...model,
    signature: { ...signature, outputs: [{ name: "p", datatype: "FP32", dims: [columns] } as const] },
  });
  checkProfileFits(scored, scoring(2));
  assert.match(
    refusal(() => checkProfileFits(scored, scoring(3))),
    /2 labels, output 'p' has 3/,
  );
  assert.match(
    refusal(() => checkProfileFits(scored, scoring(1))),
    /column 1 of output 'p'/,
  );
});
