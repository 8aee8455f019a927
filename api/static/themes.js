// Layers by theme: who lives where, what surrounds people, what a scenario brings to whom.
import { json } from "/static/api.js";
import { swatches } from "/static/charts.js";
import { getLanguage, number, t } from "/static/i18n.js";
import { element, svg } from "/static/markup.js";
import { acts, entry, OF_SCENARIO, state } from "/static/state.js";

const { themes: SCALES, no_data: NO_DATA } = JSON.parse(document.getElementById("styles").textContent);
// "05913000 green": places whose single areas of a kind are known
const GROUNDS = JSON.parse(document.getElementById("grounds").textContent);
const AREAS = { green: "#41ab5d", blue: "#2c7fb8" };

export const THEMES = {
  low_income: { layer: "low_income", scale: "low_income" },
  heat: { layer: "heat", scale: "night", tells: "night_anomaly_k" },
  access: { layer: "access", scale: "green_per_head", tells: "green_m2_per_head" },
  cool: { layer: "priority", scale: "cool_type", tells: "night_anomaly_k" },
  greens: { layer: "priority", scale: "green_type", tells: "green_m2_per_head" },
  green: { layer: "green", scale: "green_share", coarse: true },
  blue: { layer: "blue", scale: "blue_share", coarse: true },
  benefits: { layer: "benefits", scale: "benefit" },
  clusters: { layer: "benefits", scale: "cluster" },
  priorities: { layer: "priority", scale: "benefit_type" },
};

export const theme = () => THEMES[state.view];
const members = () => (entry().members ?? [entry().key]).map((key) => state.places.find((p) => p.key === key));
const single = (name) => GROUNDS.includes(`${state.place} ${name}`);

// Whether the place has the layer of a view at all.
export function known(view) {
  const found = THEMES[view];
  if (!found) return true;
  if (found.coarse) return single(view) || members().every((p) => p?.built_in);
  if (OF_SCENARIO.includes(view) || view === "low_income") return acts();
  // the layer needs them all, a figure in it one that tells it
  const told = members().map((p) => p?.surroundings ?? []);
  return told.every((columns) => columns.length) && told.flat().includes(found.tells) && (found.layer !== "priority" || acts());
}

export const themeLayer = () => `${state.place}.${theme().layer}${OF_SCENARIO.includes(state.view) ? `.${state.scenario}` : ""}`;
// published totals of whole municipalities show at every zoom, cells from afar do not
export const coarse = () => Boolean(theme()?.coarse) && !single(state.view);

const kinds = (scale) => ["match", ["coalesce", ["get", scale.column], ""], ...scale.kinds.flatMap(([kind, colour]) => [kind, colour]), NO_DATA];

export function themePaint() {
  if (theme().coarse && !coarse()) return AREAS[state.view];
  const scale = SCALES[theme().scale], value = ["get", scale.column];
  if (scale.kinds) return kinds(scale);
  const steps = ["step", value, scale.colours[0], ...scale.breaks.flatMap((b, i) => [b, scale.colours[i + 1]])];
  return ["case", ["has", scale.column], steps, NO_DATA];
}

// What comes first is hatched as well: it is told without colours.
export function drawHatch(map, source, minzoom, before) {
  const scale = SCALES[theme().scale];
  if (!scale.kinds) return;
  if (!map.hasImage("hatch")) map.addImage("hatch", hatch(12));
  map.addLayer({ id: "hatched", type: "fill", source, "source-layer": source, minzoom, filter: ["==", ["get", scale.column], scale.kinds[0][0]], paint: { "fill-pattern": "hatch" } }, before);
}

function hatch(size) {
  const data = new Uint8Array(size * size * 4);
  for (let y = 0; y < size; y++) for (let x = 0; x < size; x++) if ((x + y) % size < 2) data.set([255, 255, 255, 230], 4 * (y * size + x));
  return { width: size, height: size, data };
}

export function themeTitle() {
  if (theme().coarse && !coarse()) return t(`areas_${state.view}`);
  return SCALES[theme().scale][getLanguage()];
}

export function themeLegend() {
  if (theme().coarse && !coarse()) return swatches([[AREAS[state.view], t(`view_${state.view}`)]]);
  const scale = SCALES[theme().scale];
  if (scale.kinds) return kindList(scale);
  const digits = (value) => number(value, Number.isInteger(value) ? 0 : String(value).split(".")[1].length);
  return swatches([...scale.colours.map((colour, i) => [colour, i === 0 ? `< ${digits(scale.breaks[0])}`
    : i === scale.breaks.length ? `≥ ${digits(scale.breaks[i - 1])}` : `${digits(scale.breaks[i - 1])} – ${digits(scale.breaks[i])}`]), [NO_DATA, t("nodata")]]);
}

function kindList(scale) {
  const german = getLanguage() === "de";
  const box = (colour, letters) => svg("svg", { width: 30, height: 18, "aria-hidden": "true" },
    svg("rect", { width: 30, height: 18, fill: colour, stroke: "#74828d", "stroke-width": 0.5 }),
    ...(letters === scale.kinds[0][0] ? [svg("path", { d: "M-4 18L14 0M8 18L26 0M20 18L38 0", stroke: "#fff", "stroke-width": 2, opacity: 0.6 })] : []),
    svg("text", { x: 15, y: 13, "text-anchor": "middle", "font-size": 11, "font-weight": 700, fill: letters === scale.kinds[0][0] ? "#fff" : "#14212b" }, letters));
  return element("ul", {}, ...scale.kinds.map(([kind, colour, en, de]) => element("li", {}, box(colour, kind), german ? de : en)),
    element("li", {}, box(NO_DATA, ""), scale.none[german ? 1 : 0]));
}

const described = {};
export const describe = (id) => described[id] ??= json(`/collections/${id}`).catch((error) => { delete described[id]; throw error; });

// What is drawn of one spot, in the words of the legend.
export function themeValue(properties) {
  const scale = SCALES[theme().scale], value = properties[scale.column];
  if (theme().coarse && !coarse()) return properties.name || properties.kind;
  if (!scale.kinds) return typeof value === "number" ? number(value, 2) : t("nodata");
  const [, , en, de] = scale.kinds.find(([kind]) => kind === value) ?? [, , ...scale.none];
  return `${value ?? ""} ${getLanguage() === "de" ? de : en}`.trim();
}

const OF_PLACE = ["unit_id", "cell_id", "ags", "area_id", "osm_id"];

// Every figure of one spot, named and with its unit as the collection says it.
export async function themeRows(properties) {
  const { attributes } = await describe(themeLayer());
  return attributes.filter((a) => a.name in properties && !OF_PLACE.includes(a.name)).map((a) => [a.title[getLanguage()], figure(properties[a.name], a.unit)]);
}

function figure(value, unit) {
  if (typeof value !== "number") return value === "" ? "–" : String(value);
  const digits = Number.isInteger(value) ? 0 : Math.abs(value) < 10 ? 2 : Math.abs(value) < 100 ? 1 : 0;
  return `${number(value, digits)} ${/^[01-]/.test(unit) ? "" : unit}`.trim();
}
