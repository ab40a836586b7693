// What alerts compare with, where a chart shows the same.
import { app } from "./app.js";

/** The family in which an engine exposes that, with the label `alert`. */
export const THRESHOLDS = "quipu_alert_threshold";

/** By the name of the threshold, the family whose values it is for, below any namespace, and of which series. */
const LIMITS = {
  high_latency_p95_seconds: { of: "http_request_duration_seconds" },
  latency_objective_seconds: { of: "http_request_duration_seconds" },
  active_p0_incidents_threshold: { of: "incidents_active", label: "severity", value: "P0" },
  job_queue_backlog_threshold: { of: "jobs_queue_depth" },
};

/** Whether any threshold is for this family. */
export function hasLimits(family) {
  return Object.values(LIMITS).some(({ of }) => isOf(family, of));
}

function isOf(family, name) {
  return family.name === name || family.name.endsWith(`_${name}`);
}

/** The thresholds for what a view shows of a family, each a name and a value. */
export function limitsOf(family, view) {
  // A rate is no time.
  if (view.show === "rate") return [];
  const { history } = app;
  return history.named(THRESHOLDS).flatMap(({ labels, values }) => {
    const limit = Object.hasOwn(LIMITS, labels.alert) ? LIMITS[labels.alert] : undefined;
    const value = values[history.times.length - 1];
    if (!limit || !isOf(family, limit.of) || !Number.isFinite(value)) return [];
    const isAsked = !limit.label || view.matchers[limit.label] === limit.value || view.by === limit.label;
    return isAsked ? [{ name: labels.alert, value }] : [];
  });
}
