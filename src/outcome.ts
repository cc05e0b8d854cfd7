/**
 * Outcomes: what turned out to be true of earlier predictions, and what becomes of such a report. The words of `sluice.monitor.v1`, whose
 * messages server and client make of these.
 */

/** What may become of an outcome, in the order of the numbers of `sluice.monitor.v1.OutcomeStatus`. */
export const outcomeStatuses = [
  /** Not given. */
  "UNSPECIFIED",
  /** It counts. */
  "ACCEPTED",
  /** It took the place of an earlier one. */
  "CORRECTED",
  /** There is a truth about this row already. */
  "DUPLICATE",
  /** No prediction of this id is known here: there never was one, or it is forgotten. */
  "UNKNOWN",
  /** The prediction is older than the label horizon. */
  "EXPIRED",
  /** The id was made by another server, or by this one before it was started again. */
  "FOREIGN",
  /** The prediction was not kept, because only a share of them is. */
  "NOT_SAMPLED",
  /** The outcome does not fit the model, or is no outcome at all. */
  "INVALID",
  /** The token is not one of ours, or was changed. */
  "FORGED",
  /** The model version is not loaded, or its quality is not watched. */
  "UNWATCHED",
] as const;

export type OutcomeStatus = (typeof outcomeStatuses)[number];

/** The truth about one row of an earlier prediction. */
export interface Outcome {
  /** The value of the parameter `sluice_prediction_id` of the response. Either this or a token. */
  readonly predictionId?: string | undefined;
  /** An element of the output `sluice_prediction_token` of the response. It names its row by itself. */
  readonly predictionToken?: Uint8Array | undefined;
  /** Row of the request, from 0; only with an id. Absent: 0. */
  readonly row?: number | undefined;
  /** Exactly one of the four: index of the true class, */
  readonly classIndex?: number | undefined;
  /** its label, */
  readonly label?: string | undefined;
  /** the true number, where the model predicts one, */
  readonly value?: number | undefined;
  /** the true numbers, where it predicts several. */
  readonly values?: ArrayLike<number> | undefined;
  /** When it turned out, epoch milliseconds. Absent: when it is received. */
  readonly observedAtMs?: number | undefined;
  /** How much it counts, above 0 and at most 1,000,000. Absent: 1. */
  readonly weight?: number | undefined;
  /** Puts this truth in the place of one that was reported before. Without it a second truth about a row is a duplicate. */
  readonly isCorrection?: boolean | undefined;
  /** The model that predicted; needed only where one id was given to several models. */
  readonly modelName?: string | undefined;
  /** Its version; needed only where one id was given to several versions of a model. */
  readonly modelVersion?: string | undefined;
}

/** What became of one outcome. */
export interface OutcomeResult {
  readonly status: OutcomeStatus;
  /** Why, and what to change; empty when it was accepted. */
  readonly message: string;
}

/** Most outcomes of one ReportOutcomes call. */
export const maxReportedOutcomes = 10_000;

/** Largest outcome in bytes of its message: a token and some thousands of true numbers. */
export const maxOutcomeBytes = 64 * 1024;

/** Longest prediction id, in UTF-16 units: an id is hashed with every request that has one. */
export const maxPredictionIdLength = 256;

/** The request parameter that gives a prediction its id, or asks for one; the response carries it back. */
export const predictionIdParameter = "sluice_prediction_id";

/** The output of one token a row, for those who ask for it by this name. */
export const predictionTokenOutput = "sluice_prediction_token";
