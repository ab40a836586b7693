// Grafana's own types, as JSON has them: what is left out has a default, and in place of an enum stand its values.
import type * as bargauge from "@grafana/grafana-foundation-sdk/bargauge";
import type * as dashboard from "@grafana/grafana-foundation-sdk/dashboard";
import type * as heatmap from "@grafana/grafana-foundation-sdk/heatmap";
import type { Dataquery } from "@grafana/grafana-foundation-sdk/prometheus";
import type * as stat from "@grafana/grafana-foundation-sdk/stat";
import type * as statetimeline from "@grafana/grafana-foundation-sdk/statetimeline";
import type * as table from "@grafana/grafana-foundation-sdk/table";
import type * as timeseries from "@grafana/grafana-foundation-sdk/timeseries";

type Json<T> = T extends string
  ? `${T}`
  : T extends number
    ? `${T}` extends `${infer N extends number}` ? N : T
    : T extends object
      ? { [K in keyof T]?: Json<T[K]> }
      : T;

/** What a panel of each type has of its own. */
interface Kinds {
  bargauge: { options: bargauge.Options; custom: Record<string, never> };
  heatmap: { options: heatmap.Options; custom: heatmap.FieldConfig };
  stat: { options: stat.Options; custom: Record<string, never> };
  "state-timeline": { options: statetimeline.Options; custom: statetimeline.FieldConfig };
  table: { options: table.Options; custom: table.FieldConfig };
  timeseries: { options: timeseries.Options; custom: timeseries.FieldConfig };
}

type Fields<Type extends keyof Kinds> = Omit<dashboard.FieldConfig, "custom"> & Pick<Kinds[Type], "custom">;

export type Panel<Type extends keyof Kinds> = Json<
  Omit<dashboard.Panel, "type" | "options" | "fieldConfig" | "targets"> & {
    type: Type;
    options: Kinds[Type]["options"];
    fieldConfig: { defaults: Fields<Type>; overrides: [] };
    targets: Dataquery[];
  }
>;
export type Row = Json<dashboard.RowPanel>;
export type Dashboard = Json<Omit<dashboard.Dashboard, "panels">>;
