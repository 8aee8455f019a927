// Layers of the served release on the map: which collection is filled at which level, and in which colours.
import { json } from "/static/api.js";
import { acts, entry, isPublic, region, shownAreas, state } from "/static/state.js";
import { coarse, drawHatch, theme, themeLayer, themePaint } from "/static/themes.js";

export const STYLES = JSON.parse(document.getElementById("styles").textContent);
export const BUILDING_ZOOM = 14;
const { emissions: EMISSIONS, later: LATER, measure: MEASURE, need: NEED, no_data: NO_DATA } = STYLES;
// cells that the public sees joined say their area; squares of low zooms hold several cells
const CELL_KM2 = 0.04;
const FILLED = ["areas", "cells", "buildings"];
const labels = {};

const get = (name) => ["get", name];
const whenKnown = (name, paint) => ["case", ["has", name], paint, NO_DATA];
const classes = (value, { breaks, colours }) => ["step", value, colours[0], ...breaks.flatMap((b, i) => [b, colours[i + 1]])];
const head = () => (state.view === "scenario" && entry().kind === "region" ? "population" : "people");
export const cellZoom = () => (theme() && coarse() ? 0 : entry().kind === "region" ? 11 : 10);
export const classesOf = () => (state.view === "emissions" ? EMISSIONS : state.view === "scenario" && state.figure === "emissions" ? LATER : MEASURE);

// Which collections are shown; a scenario has its own, whose years are columns.
export function collections() {
  if (theme()) return { areas: null, cells: themeLayer(), buildings: null };
  const scenario = state.view === "scenario" && acts() ? `.${state.scenario}` : "";
  const { kind, districts, stock } = entry();
  const around = !scenario && region() ? `${region().key}.municipalities` : null;
  const areas = kind === "region" ? `${state.place}.municipalities` : districts ? `${state.place}.districts` : null;
  const fine = stock && stock.footprints > 0;
  const cells = (stock && stock.units === 0) || state.view === "plan" ? null : `${state.place}.${fine ? "cells" : "stock"}`;
  return {
    areas: areas ? areas + scenario : around,
    cells: cells && cells + scenario,
    buildings: fine && cells && !isPublic ? `${state.place}.stock${scenario}` : null,
  };
}

const areaKey = ["case", ["has", "district"], ["concat", get("ags"), ".", get("district")], get("ags")];

// What the plan saves stands in no layer yet: the answer of the API colours the districts.
function planned(property) {
  const rows = shownAreas();
  return rows.length ? ["match", areaKey, ...rows.flatMap((a) => [a.area_id, a[property] ?? -1]), -1] : null;
}

function paint(level) {
  if (theme()) return themePaint();
  const perHead = get("t_co2e_households_per_head");
  if (state.view === "emissions") return whenKnown("t_co2e_households_per_head", classes(perHead, EMISSIONS));
  if (state.view === "need") {
    const row = (i) => classes(perHead, { breaks: NEED.emissions, colours: NEED.colours[i] });
    const cells = ["step", get("social_index"), row(0), NEED.social[0], row(1), NEED.social[1], row(2)];
    return ["case", ["all", ["has", "social_index"], ["has", "t_co2e_households_per_head"]], cells, NO_DATA];
  }
  if (state.view === "plan") {
    const saved = planned("t_co2e_saved_2045");
    return saved ? ["case", ["all", ["!=", saved, -1], ["has", "area_km2"]], classes(["/", saved, ["max", get("area_km2"), 0.01]], MEASURE), NO_DATA] : NO_DATA;
  }
  if (state.figure === "emissions") {
    // cells and buildings hold households only, so districts show the same
    const column = level === "areas" ? `t_co2e_households_${state.year}` : `t_co2e_${state.year}`;
    return ["case", ["all", ["has", column], ["has", head()], [">", ["coalesce", get(head()), 0], 0]], classes(["/", get(column), get(head())], LATER), NO_DATA];
  }
  const column = `t_co2e_saved_${state.year}`;
  const km2 = ["coalesce", get("area_km2"), ["*", ["coalesce", get("n_features"), 1], CELL_KM2]];
  return whenKnown(column, classes(["/", get(column), km2], MEASURE));
}

// a building has no square kilometre: savings show on its cell, and the building stands on it
const onCells = () => state.view === "scenario" && state.figure === "saved";

function source(map, id) {
  if (!map.getSource(id)) map.addSource(id, { type: "vector", url: `${location.origin}/collections/${id}/tiles/WebMercatorQuad?f=tilejson` });
  return id;
}

// A scenario of that name was replaced or deleted: its tiles must not be drawn from memory.
export function forget(map, scenario) {
  for (const id of Object.keys(map.getStyle().sources).filter((s) => s.endsWith(`.${scenario}`))) {
    for (const layer of map.getStyle().layers.filter((l) => l.source === id)) map.removeLayer(layer.id);
    map.removeSource(id);
  }
}

export function drawLayers(map) {
  for (const id of [...FILLED, "hatched", "chosen", "outline", "border", "names"]) if (map.getLayer(id)) map.removeLayer(id);
  const { areas, cells, buildings } = collections();
  const showCells = cells && (state.level === "cells" || !areas);
  const fill = (id, collection, extra, more = {}) => map.addLayer({ id, type: "fill", source: source(map, collection), "source-layer": collection, ...extra, paint: { "fill-color": paint(id), ...more } }, lowest(map));
  if (areas) fill("areas", areas, showCells ? { maxzoom: cellZoom() } : {}, { "fill-outline-color": "#ffffff" });
  if (showCells) fill("cells", cells, { minzoom: cellZoom() }, coarse() ? { "fill-outline-color": "#ffffff" } : { "fill-antialias": false });
  if (theme()) drawHatch(map, cells, cellZoom(), lowest(map));
  if (showCells && buildings) {
    map.setPaintProperty("cells", "fill-opacity", ["step", ["zoom"], 1, BUILDING_ZOOM, onCells() ? 0.8 : 0.25]);
    fill("buildings", buildings, { minzoom: BUILDING_ZOOM }, { "fill-opacity": onCells() ? 0.5 : 1, "fill-outline-color": "#14212b", ...(onCells() ? { "fill-color": "#14212b" } : {}) });
  }
  const line = (id, collection, style, more = {}) => map.addLayer({ id, type: "line", source: source(map, collection), "source-layer": collection, ...more, paint: style }, lowest(map));
  if (region()) line("outline", `${region().key}.municipalities`, { "line-color": "#5b6973", "line-width": ["interpolate", ["linear"], ["zoom"], 8, 0.6, 12, 1.6] });
  if (entry().districts) line("border", `${state.place}.districts`, { "line-color": "#14212b", "line-width": 1.1 });
  if (areas) line("chosen", areas, { "line-color": "#b3420a", "line-width": 3.5 }, { filter: ["literal", false] });
  drawChosen(map);
}

// polygons that the planner draws stay above everything else
const lowest = (map) => (map.getLayer("drawn-fill") ? "drawn-fill" : undefined);

export function drawChosen(map) {
  if (!map.getLayer("chosen")) return;
  const ids = state.view === "plan" && state.placements[state.editing]?.where === "districts" ? state.placements[state.editing].properties.districts : [];
  map.setFilter("chosen", ["in", areaKey, ["literal", ids]]);
}

export function drawPlanned(map) {
  if (state.view === "plan" && map.getLayer("areas")) map.setPaintProperty("areas", "fill-color", paint("areas"));
}

// One label for each area, at its centre of gravity: labels of tiled polygons would come once for every tile.
export async function drawNames(map) {
  const parts = entry().districts ? `${state.place}.districts` : null;
  const ids = [region() && `${region().key}.municipalities`, parts].filter(Boolean);
  const found = await Promise.all(ids.map((id) => labels[id] ??= json(`/collections/${id}/items?limit=1000`).then((body) => body.features.map(label))));
  const shown = found.flat().filter((f) => !parts || f.properties.district || f.properties.ags !== state.place);
  state.areaNames = found.at(-1)?.map((f) => f.properties).filter((p) => (parts ? p.district : entry().members?.includes(p.ags)))
    .map((p) => (p.district ? `${p.ags}.${p.district}` : p.ags)).sort() ?? [];
  const data = { type: "FeatureCollection", features: shown };
  if (map.getSource("labels")) map.getSource("labels").setData(data);
  else map.addSource("labels", { type: "geojson", data });
  if (map.getLayer("names")) map.removeLayer("names");
  map.addLayer({
    id: "names", type: "symbol", source: "labels",
    layout: { "text-field": ["coalesce", get("district"), get("name")], "text-font": ["sans-serif"], "text-size": ["interpolate", ["linear"], ["zoom"], 8, 10, 12, 14], "text-padding": 4 },
    paint: { "text-color": "#14212b", "text-halo-color": "#ffffff", "text-halo-width": 1.6 },
  });
}

function label(feature) {
  const rings = feature.geometry.type === "Polygon" ? [feature.geometry.coordinates[0]] : feature.geometry.coordinates.map((p) => p[0]);
  const largest = rings.reduce((a, b) => (b.length > a.length ? b : a));
  let area = 0, x = 0, y = 0;
  for (let i = 0; i < largest.length - 1; i++) {
    const [[x0, y0], [x1, y1]] = [largest[i], largest[i + 1]];
    const cross = x0 * y1 - x1 * y0;
    area += cross; x += (x0 + x1) * cross; y += (y0 + y1) * cross;
  }
  const { ags, name, district } = feature.properties;
  return { type: "Feature", geometry: { type: "Point", coordinates: [x / (3 * area), y / (3 * area)] }, properties: { ags, name, district } };
}

export async function zoomToPlace(map) {
  const { districts, kind, stock } = entry();
  const units = stock && stock.units === 0 ? null : `${state.place}.${stock?.footprints > 0 ? "cells" : "stock"}`;
  const id = kind === "region" ? `${state.place}.municipalities` : districts ? `${state.place}.districts` : units ?? `${region().key}.municipalities`;
  const { extent } = await json(`/collections/${id}`);
  // room for the legend, where there is room at all
  const left = map.getContainer().clientWidth > 700 ? 140 : 20;
  map.fitBounds(extent.spatial.bbox[0], { padding: { top: 20, right: 20, bottom: 40, left }, animate: false });
}
