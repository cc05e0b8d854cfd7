import type { ModelTask } from "../../config/model-task.ts";
import type { CreateModelPart, ModelPart, ModelPartContext } from "../../model-part.ts";
import { createClassificationMeasure } from "./classification-measure.ts";
import { ClassOutcomeSeries, RegressionOutcomeSeries } from "./outcome-series.ts";
import { PredictionSeries } from "./prediction-series.ts";
import { QualityPart } from "./quality-part.ts";
import { classificationRules } from "./quality-setup.ts";
import { createRegressionMeasure } from "./regression-measure.ts";
import { PredictionWatch } from "./seen-predictions.ts";

/** Watches the quality of a version whose task is known. @throws InferenceError "refused" when its windows need too much memory */
export const createQualityPart: CreateModelPart = (context) => {
  const { task } = context;
  if (task === undefined) return undefined;
  return task.task === "regression" ? createRegressionPart(context, task) : createClassificationPart(context, task);
};

function createClassificationPart(context: ModelPartContext, task: ModelTask): ModelPart | undefined {
  const { config, profile, predictions, series } = context;
  if (predictions === undefined) return undefined;
  const rules = classificationRules(task, config);
  const watch = new PredictionWatch(rules, profile?.calibrations ?? []);
  return new QualityPart(context, predictions, {
    measure: createClassificationMeasure(rules),
    classes: { rules, watch, series: new PredictionSeries(series, rules, watch.isCalibrated) },
    outcomeSeries: new ClassOutcomeSeries(series, rules),
  });
}

function createRegressionPart(context: ModelPartContext, task: ModelTask): ModelPart | undefined {
  const { profile, predictions, series } = context;
  if (predictions === undefined) return undefined;
  const means = Array.from({ length: task.width }, (_, output) => {
    const signal = profile?.signals.find(({ tensor, column }) => tensor === task.valueOutput && column === output);
    return signal?.numeric?.mean ?? 0;
  });
  return new QualityPart(context, predictions, {
    measure: createRegressionMeasure(task.width),
    classes: undefined,
    outcomeSeries: new RegressionOutcomeSeries(series, task.width, means),
  });
}
