import { type SignalProfile, type SignalRole, toTimestamp } from "../../src/model/package-messages.ts";
import {
  type Alert,
  type AlertState,
  type AnomalyReport,
  type DataReport,
  emptyAnomalies,
  emptyData,
  emptyQuality,
  type Metric,
  type ModelReport,
  type MonitorReport,
  type QualityPoint,
  type QualityReport,
  type SignalReport,
  type TrafficPoint,
} from "../../src/monitor/monitor-report.ts";
import { randomNumbers } from "./random-numbers.ts";

/** Minutes of history in a sample report. */
const points = 60;
const atMs = Date.UTC(2026, 2, 14, 10, 30, 0);
const before = (minutes: number) => toTimestamp(atMs - minutes * 60_000);

const cancerFeatures = ["radius", "texture", "perimeter", "area", "smoothness", "compactness", "concavity"].flatMap(
  (name) => [`mean_${name}`, `worst_${name}`, `${name}_error`],
);

/** A name that would run a script wherever it became markup. */
export const hostileName = `<img src=x onerror="document.title='run'">`;

/**
 * A report in which every field of every message is in use: a binary classifier that is well but for two drifted features, one of many classes, a
 * regression in trouble, a model without any configuration, and one that did not load and has a hostile name. The same every time.
 * @param extra further models, small ones, for what many of them do to a page
 */
export function sampleReport({ extraModels = 0, signals = 0 } = {}): MonitorReport {
  const models = [binaryModel(signals), digitsModel(), regressionModel(), bareModel(), failedModel()];
  for (let i = 0; i < extraModels; i++) models.push(smallModel(i));
  models.sort((a, b) => (a.model_name < b.model_name ? -1 : 1));
  const random = randomNumbers(5);
  return {
    at: before(0),
    server_instance: "6f0d8a52-0b67-4a3c-9f0e-2f0f3b1c7d11",
    server_version: "0.1.0",
    started_at: before(3 * 1440 + 250),
    models,
    history: times().map((minutes) => ({
      at: before(minutes),
      seconds: 60,
      loop_delay_p99_seconds: 0.0021 + random() * 0.0012 + (minutes === 22 ? 0.009 : 0),
      front_bytes: Math.round(212e6 + random() * 9e6),
      runtime_bytes: Math.round(640e6 + (points - minutes) * 1.1e6 + random() * 4e6),
    })),
  };
}

function times(): readonly number[] {
  return Array.from({ length: points }, (_, i) => points - 1 - i);
}

interface TrafficShape {
  readonly perSecond: number;
  readonly seed: number;
  readonly inferSeconds: number;
  readonly rowsPerRequest?: number;
  /** Minutes from the end at which traffic was three times as much. */
  readonly rush?: number;
  readonly failureShare?: number;
}

function traffic({ perSecond, seed, inferSeconds, rowsPerRequest = 1, rush = -1, failureShare = 0 }: TrafficShape) {
  const random = randomNumbers(seed);
  return times().map((minutes): TrafficPoint => {
    const load =
      (1 + 0.25 * Math.sin(minutes / 9)) * (0.93 + random() * 0.14) * (Math.abs(minutes - rush) < 4 ? 2.6 : 1);
    const requests = Math.round(perSecond * 60 * load);
    const batches = Math.max(1, Math.round(requests / (2 + 4 * load)));
    const queue = inferSeconds * (0.25 + 0.6 * load * load);
    const total = queue + inferSeconds * 1.2;
    const share = [0.1, 0.16, 0.22, 0.3, 0.14, 0.08];
    return {
      at: before(minutes),
      seconds: 60,
      requests,
      failures: Math.round(requests * failureShare * load),
      rows: requests * rowsPerRequest,
      batches,
      queue_seconds: queue,
      compute_input_seconds: inferSeconds * 0.08,
      compute_infer_seconds: inferSeconds,
      compute_output_seconds: inferSeconds * 0.05,
      p50_seconds: total * 0.92,
      p95_seconds: total * (1.7 + random() * 0.2),
      p99_seconds: total * (2.5 + random() * 0.7),
      queue_size: Math.round(6 * load * load),
      batch_sizes: [1, 2, 4, 8, 16, 32].map((up_to_rows, i) => ({
        up_to_rows,
        count: Math.round(batches * (share[i] ?? 0)),
      })),
    };
  });
}

function metric(name: string, value: number, spread: number, more: Partial<Metric> = {}): Metric {
  return {
    name,
    label: "",
    value,
    lower: value - spread,
    upper: value + spread,
    sample_count: 4812,
    zero_division: false,
    ...more,
  };
}

function qualityHistory(seed: number, make: (minutes: number, noise: () => number) => Omit<QualityPoint, "at">) {
  const random = randomNumbers(seed);
  return times().map((minutes): QualityPoint => ({ at: before(minutes), ...make(minutes, () => random() - 0.5) }));
}

function signal(name: string, place: number, drift: number, role: SignalRole = "SIGNAL_ROLE_INPUT"): SignalReport {
  const random = randomNumbers(100 + place);
  const scale = [1, 20, 0.05, 700, 0.4][place % 5] ?? 1;
  const edges = Array.from({ length: 11 }, (_, i) => scale * (0.4 + 1.2 * (i / 10) ** 1.3));
  const profile = (rows: number, shift: number): SignalProfile => {
    const counts = Array.from({ length: 10 }, (_, i) =>
      Math.round((rows / 10) * Math.exp(shift * (i - 4.5)) * (0.96 + random() * 0.08)),
    );
    const count = counts.reduce((a, b) => a + b, 0);
    const numeric = {
      edges,
      counts,
      underflow_count: 0,
      overflow_count: Math.round(rows * shift * 0.08),
      null_count: place % 7 === 3 ? Math.round(rows * 0.004) : 0,
      infinite_count: 0,
      count,
      mean: scale * (1 + shift),
      m2: count * scale * scale * 0.09,
      minimum: scale * 0.41,
      maximum: scale * (1.58 + shift),
      quantiles: [0.05, 0.25, 0.5, 0.75, 0.95].map((probability) => ({
        probability,
        value: scale * (0.4 + 1.2 * probability + shift),
      })),
    };
    return { name, tensor: "features", column: place, datatype: "FP32", role, numeric };
  };
  const score = (method: string, value: number, critical: number, effect_threshold: number) => {
    const above = value > critical && value > effect_threshold;
    const history = Array.from(
      { length: 30 },
      (_, i) => (i < 22 ? value * (above ? 0.1 : 0.7) : value) * (0.7 + random() * 0.4),
    );
    return {
      method,
      value,
      critical,
      effect_threshold,
      windows_above: above ? 8 : 0,
      above,
      history: [...history.slice(0, 29), value],
    };
  };
  const noise = 0.4 + random() * 0.6;
  return {
    name,
    role,
    current: profile(4300, drift),
    reference: profile(455, 0),
    scores: [
      score("psi", 0.02 * noise + 7 * drift * drift, 0.071, 0.1),
      score("js", 0.05 * noise + 1.1 * drift, 0.098, 0.1),
      score("ks", 0.02 * noise + 1.9 * drift, 0.066, 0.05),
      score("wasserstein", 0.04 * noise + 3 * drift, 0.12, 0.1),
    ],
    anomalies:
      place % 7 === 3
        ? [
            { kind: "null", count: 18, share: 0.0042, reference_share: 0 },
            { kind: "out_of_range", count: 3, share: 0.0007, reference_share: 0.0001 },
          ]
        : [],
    drifted: drift > 0.15,
  };
}

function categoricalSignal(): SignalReport {
  const categories = (counts: readonly number[]) =>
    ["malignant", "benign"].map((text, i) => ({ text, count: counts[i] ?? 0 }));
  const profile = (counts: readonly number[]): SignalProfile => ({
    name: "label",
    tensor: "label",
    column: 0,
    datatype: "BYTES",
    role: "SIGNAL_ROLE_OUTPUT",
    categorical: { categories: categories(counts), other_count: counts[2] ?? 0, null_count: 0 },
  });
  return {
    name: "label",
    role: "SIGNAL_ROLE_OUTPUT",
    current: profile([1702, 2610, 0]),
    reference: profile([170, 285]),
    drifted: false,
    scores: [
      {
        method: "chi_square",
        value: 2.31,
        critical: 17.4,
        effect_threshold: 0,
        windows_above: 0,
        above: false,
        history: [1.1, 0.6, 2.9, 2.31],
      },
    ],
    anomalies: [],
  };
}

function dataReport(count: number): DataReport {
  const names = count === 0 ? cancerFeatures : Array.from({ length: count }, (_, i) => `feature_${i}`);
  const drifts: Readonly<Record<number, number>> = { 0: 0.21, 4: 0.17 };
  const signals = [
    ...names.map((name, i) => signal(name, i, drifts[i] ?? 0)),
    signal("probabilities[benign]", 31, 0.02, "SIGNAL_ROLE_OUTPUT"),
    categoricalSignal(),
  ];
  return {
    reference: "reference.binpb, 455 rows of breast_cancer.csv",
    note: "",
    window: { from: before(60), to: before(0), rows: 4312 },
    sampled_rows_per_second: 71.8,
    rows_per_second: 412.6,
    signals,
    drifted_signals: 2,
    windows: 4101,
    signal_count: signals.length,
  };
}

function binaryQuality(): QualityReport {
  const scoreSet = (noise: () => number, minutes: number) => [
    metric("accuracy", 0.957 + noise() * 0.016 - (minutes < 8 ? 0.02 : 0), 0.013, { sample_count: 80 }),
    metric("f1", 0.966 + noise() * 0.014 - (minutes < 8 ? 0.017 : 0), 0.012, { label: "macro", sample_count: 80 }),
    metric("roc_auc", 0.988 + noise() * 0.006, 0.006, { sample_count: 80 }),
  ];
  return {
    task: "binary",
    note: "",
    labels: ["malignant", "benign"],
    predictions: 1_843_220,
    joinable_predictions: 184_301,
    outcomes: [
      { status: "OUTCOME_STATUS_ACCEPTED", count: 152_809 },
      { status: "OUTCOME_STATUS_CORRECTED", count: 41 },
      { status: "OUTCOME_STATUS_DUPLICATE", count: 1_207 },
      { status: "OUTCOME_STATUS_UNKNOWN", count: 96 },
      { status: "OUTCOME_STATUS_EXPIRED", count: 310 },
      { status: "OUTCOME_STATUS_FORGED", count: 2 },
    ],
    label_coverage: 0.829,
    label_delay_p50_seconds: 1_420,
    label_delay_p95_seconds: 19_800,
    window: { from: before(60), to: before(0), rows: 4812 },
    metrics: [
      metric("accuracy", 0.9528, 0.006, { expected: 0.9649 }),
      metric("balanced_accuracy", 0.9487, 0.007),
      metric("precision", 0.9571, 0.0072, { label: "benign", expected: 0.9722 }),
      metric("precision", 0.9453, 0.0105, { label: "malignant", expected: 0.9524 }),
      metric("recall", 0.9683, 0.0062, { label: "benign", expected: 0.9722 }),
      metric("recall", 0.9291, 0.0119, { label: "malignant", expected: 0.9524 }),
      metric("f1", 0.9627, 0.0051, { label: "benign" }),
      metric("f1", 0.9372, 0.0083, { label: "malignant" }),
      metric("f1", 0.95, 0.006, { label: "macro" }),
      metric("f_beta", 0.966, 0.006, { label: "benign", parameter: 2 }),
      metric("log_loss", 0.1384, 0.021, { expected: 0.118 }),
      metric("brier", 0.0361, 0.004),
      metric("roc_auc", 0.9871, 0.0036, { expected: 0.9954 }),
      metric("average_precision", 0.9902, 0.0031),
      metric("ece", 0.0214, 0.006),
    ],
    confusion: { labels: ["malignant", "benign"], counts: [1663, 127, 100, 2922] },
    calibration: Array.from({ length: 10 }, (_, i) => ({
      from: i / 10,
      to: (i + 1) / 10,
      count: [1440, 180, 74, 41, 36, 44, 61, 120, 402, 2414][i] ?? 0,
      mean_confidence: (i + 0.5) / 10,
      share_correct: Math.min(1, Math.max(0, ((i + 0.5) / 10) * 1.06 - 0.05 + (i % 3) * 0.02)),
    })),
    estimates: [
      metric("accuracy", 0.9601, 0.009),
      metric("roc_auc", 0.9892, 0.004),
      metric("f1", 0.9561, 0.009, { label: "macro" }),
    ],
    estimates_calibrated: true,
    history: qualityHistory(8, (minutes, noise) => ({
      metrics: minutes < 3 ? [] : scoreSet(noise, minutes),
      estimates: [
        metric("accuracy", 0.961 + noise() * 0.006 - (minutes < 8 ? 0.012 : 0), 0.009, { sample_count: 4300 }),
      ],
    })),
    predicted_counts: [1763, 3049],
    window_estimates: [
      metric("accuracy", 0.9589, 0.009),
      metric("roc_auc", 0.9897, 0.004),
      metric("f1", 0.9553, 0.009, { label: "macro" }),
    ],
    min_samples: 30,
  };
}

const scoreProfile = (): NonNullable<AnomalyReport["scores"]> => ({
  edges: Array.from({ length: 13 }, (_, i) => i * 5),
  counts: [12, 140, 690, 1220, 1060, 620, 310, 130, 60, 31, 22, 9],
  underflow_count: 0,
  overflow_count: 8,
  null_count: 0,
  infinite_count: 0,
  count: 4312,
  mean: 21.4,
  m2: 4312 * 81,
  minimum: 3.1,
  maximum: 71.2,
  quantiles: [
    { probability: 0.5, value: 19.8 },
    { probability: 0.95, value: 38.1 },
    { probability: 0.99, value: 49.6 },
  ],
});

function alert(model: string, version: string, name: string, state: AlertState, more: Partial<Alert>): Alert {
  return {
    name,
    model_name: model,
    model_version: version,
    state,
    since: before(14),
    metric: "accuracy",
    threshold: 0.93,
    comparison: "below",
    sample_count: 4812,
    message: "",
    severity: "warning",
    ...more,
  };
}

function model(name: string, version: string, more: Partial<ModelReport>): ModelReport {
  const note = "no monitor.yaml, and the names and types of the outputs do not tell what the model predicts";
  return {
    model_name: name,
    model_version: version,
    state: "READY",
    execution_provider: "cpu",
    history: [],
    quality: emptyQuality(note),
    data: emptyData("no reference profile"),
    anomalies: emptyAnomalies("no detector is configured"),
    alerts: [],
    dropped: [],
    state_reason: "",
    ...more,
  };
}

function binaryModel(signals: number): ModelReport {
  const name = "breast_cancer";
  return model(name, "3", {
    history: traffic({ perSecond: 412, seed: 3, inferSeconds: 0.0011, rush: 21, failureShare: 0.0002 }),
    quality: binaryQuality(),
    data: dataReport(signals),
    anomalies: {
      detector: "mahalanobis",
      note: "",
      scores: scoreProfile(),
      anomalous_rows: 1_930,
      anomalous_share: 0.0091,
      threshold: 50.9,
      detectors: [
        {
          method: "adwin",
          signal: "confidence",
          changes: 1,
          changed_at: before(9),
          before: 0.961,
          after: 0.934,
          current: 0.934,
          sample_count: 18_204,
        },
        { method: "page_hinkley", signal: "error", changes: 0, current: 0.047, sample_count: 152_809 },
        {
          method: "ewma",
          signal: "latency",
          changes: 2,
          changed_at: before(19),
          before: 0.0022,
          after: 0.0067,
          current: 0.00241,
          sample_count: 1_843_220,
        },
      ],
    },
    alerts: [
      alert(name, "3", "features drift", "ALERT_STATE_FIRING", {
        metric: "drifted_signals",
        value: 2,
        threshold: 0,
        comparison: "above",
        sample_count: 4312,
        since: before(7),
        message: "drifted_signals is 2, above 0, over 4,312 rows",
      }),
      alert(name, "3", "accuracy falls", "ALERT_STATE_OK", {
        value: 0.9528,
        message: "accuracy is 0.9528, not below 0.93",
      }),
    ],
    dropped: [{ monitor: "outcomes", reason: "store_full", count: 12 }],
  });
}

function digitsModel(): ModelReport {
  const labels = Array.from({ length: 10 }, (_, i) => String(i));
  const random = randomNumbers(4);
  const counts = labels.flatMap((_, row) =>
    labels.map((_, column) =>
      row === column ? Math.round(80 + random() * 20) : random() < 0.22 ? Math.ceil(random() * 5) : 0,
    ),
  );
  return model("digits", "1", {
    execution_provider: "webgpu",
    history: traffic({ perSecond: 58, seed: 6, inferSeconds: 0.0042, rowsPerRequest: 4 }),
    quality: {
      ...emptyQuality("guessed from the outputs: label, probabilities"),
      task: "multiclass",
      labels,
      predictions: 20_880,
      joinable_predictions: 20_880,
      outcomes: [{ status: "OUTCOME_STATUS_ACCEPTED", count: 904 }],
      label_coverage: 0.043,
      label_delay_p50_seconds: 64,
      label_delay_p95_seconds: 310,
      window: { from: before(60), to: before(0), rows: 904 },
      metrics: [
        metric("accuracy", 0.9723, 0.011, { sample_count: 904 }),
        metric("f1", 0.9719, 0.011, { label: "macro", sample_count: 904 }),
        metric("top_k", 0.9956, 0.005, { parameter: 3, sample_count: 904 }),
      ],
      confusion: { labels, counts },
      predicted_counts: labels.map((_, i) => counts.filter((_, at) => at % 10 === i).reduce((a, b) => a + b, 0)),
      window_estimates: [],
      min_samples: 30,
      history: qualityHistory(2, (_, noise) => ({
        metrics: [metric("accuracy", 0.972 + noise() * 0.03, 0.03, { sample_count: 30 })],
        estimates: [],
      })),
    },
    alerts: [
      alert("digits", "1", "accuracy falls", "ALERT_STATE_PENDING", {
        value: 0.9723,
        threshold: 0.98,
        sample_count: 904,
        since: before(1),
        message: "accuracy is 0.9723, below 0.98, for 1 of 5 minutes",
      }),
    ],
  });
}

function regressionModel(): ModelReport {
  const sample_count = 640;
  return model("house_prices", "12", {
    history: traffic({ perSecond: 7.4, seed: 9, inferSeconds: 0.021, failureShare: 0.021, rush: 6 }),
    quality: {
      ...emptyQuality(""),
      task: "regression",
      predictions: 26_640,
      joinable_predictions: 26_640,
      outcomes: [
        { status: "OUTCOME_STATUS_ACCEPTED", count: 640 },
        { status: "OUTCOME_STATUS_INVALID", count: 12 },
      ],
      label_coverage: 0.024,
      label_delay_p50_seconds: 86_400,
      label_delay_p95_seconds: 259_200,
      window: { from: before(60), to: before(0), rows: 640 },
      metrics: [
        metric("mse", 3.61e9, 4.2e8, { sample_count, expected: 2.2e9 }),
        metric("rmse", 60_083, 3_500, { sample_count, expected: 46_904 }),
        metric("mae", 41_020, 2_300, { sample_count }),
        { ...metric("r2", 0.61, 0, { sample_count, expected: 0.74 }), lower: 0.55, upper: 0.66 },
      ],
      history: qualityHistory(12, (minutes, noise) => ({
        metrics: [metric("rmse", 47_000 + (60 - minutes) * 220 + noise() * 5_000, 4_000, { sample_count: 12 })],
        estimates: [],
      })),
    },
    data: { ...emptyData("no reference profile"), sampled_rows_per_second: 7.4, rows_per_second: 7.4 },
    alerts: [
      alert("house_prices", "12", "error grows", "ALERT_STATE_FIRING", {
        metric: "rmse",
        value: 60_083,
        threshold: 55_000,
        comparison: "above",
        sample_count,
        message: "rmse is 60083, above 55000, for 5 minutes, over 640 rows",
      }),
      alert("house_prices", "12", "too few labels", "ALERT_STATE_UNKNOWN", {
        metric: "label_coverage",
        threshold: 0.2,
        sample_count: 0,
        since: before(200),
        message: "fewer than 200 samples",
      }),
    ],
  });
}

function bareModel(): ModelReport {
  return model("embedder", "1", {
    history: traffic({ perSecond: 21, seed: 14, inferSeconds: 0.0088, rowsPerRequest: 12 }),
  });
}

function failedModel(): ModelReport {
  return model(hostileName, "1", {
    state: "UNAVAILABLE",
    state_reason: "the file is no ONNX model",
    execution_provider: "",
  });
}

function smallModel(i: number): ModelReport {
  return model(`tenant_model_${String(i).padStart(3, "0")}`, "1", {
    history: traffic({ perSecond: 0.2 + (i % 17), seed: 50 + i, inferSeconds: 0.0004 + (i % 5) / 1000 }),
  });
}
