// Drawing a polygon on the map: by pointer, or by keys (arrows move the map, space sets a point at its centre).
import { t } from "/static/i18n.js";
import { $, button, element } from "/static/markup.js";
import { state } from "/static/state.js";

const round = ({ lng, lat }) => [Number(lng.toFixed(5)), Number(lat.toFixed(5))];
let map, points = null, finish = null;

export const drawing = () => points !== null;

export function setUp(theMap) {
  map = theMap;
  map.addSource("drawn", { type: "geojson", data: shapes() });
  map.addLayer({ id: "drawn-fill", type: "fill", source: "drawn", filter: ["==", ["geometry-type"], "Polygon"], paint: { "fill-color": "#b3420a", "fill-opacity": 0.12 } });
  map.addLayer({ id: "drawn-line", type: "line", source: "drawn", filter: ["!=", ["geometry-type"], "Point"], paint: { "line-color": "#b3420a", "line-width": 3 } });
  map.addLayer({ id: "drawn-points", type: "circle", source: "drawn", filter: ["==", ["geometry-type"], "Point"], paint: { "circle-color": "#ffffff", "circle-stroke-color": "#b3420a", "circle-stroke-width": 2.5, "circle-radius": 5 } });
  map.on("click", (event) => { if (points) add(round(event.lngLat)); });
  map.on("dblclick", (event) => { if (points) { event.preventDefault(); end(); } });
  map.getCanvas().addEventListener("keydown", keys);
}

function keys(event) {
  if (!points) return;
  const work = { " ": () => add(round(map.getCenter())), Enter: end, Escape: cancel, Backspace: () => { points.pop(); show(); } }[event.key];
  if (!work) return;
  event.preventDefault();
  work();
}

export function start(done) {
  points = [];
  finish = done;
  map.getCanvas().style.cursor = "crosshair";
  $("sketch").hidden = false;
  map.getCanvas().focus();
  show();
}

function add(point) {
  const last = points.at(-1);
  // the second click of a double click is no further point
  if (!last || last[0] !== point[0] || last[1] !== point[1]) points.push(point);
  show();
}

function end() {
  if (points.length < 3) return;
  const geometry = { type: "Polygon", coordinates: [[...points, points[0]]] };
  close();
  finish(geometry);
}

function cancel() {
  close();
  finish(null);
}

function close() {
  points = null;
  map.getCanvas().style.cursor = "";
  $("sketch").hidden = true;
  show();
}

function shapes() {
  const kept = state.placements.filter((p) => p.where === "drawn" && p.geometry && state.view === "plan").map((p) => p.geometry);
  const open = points?.length > 1 ? [{ type: "LineString", coordinates: points.length > 2 ? [...points, points[0]] : points }] : [];
  const dots = points?.length ? [{ type: "MultiPoint", coordinates: points }] : [];
  return { type: "FeatureCollection", features: [...kept, ...open, ...dots].map((geometry) => ({ type: "Feature", geometry, properties: {} })) };
}

// Also called when placements change: what is drawn stays on the map.
export function show() {
  map?.getSource("drawn")?.setData(shapes());
  if (!points) return;
  $("sketch").replaceChildren(
    element("p", { role: "status" }, t("draw_hint", { n: points.length })),
    button(t("draw_done"), end, { class: "primary", disabled: points.length < 3 }),
    button(t("draw_back"), () => { points.pop(); show(); map.getCanvas().focus(); }, { disabled: points.length === 0 }),
    button(t("draw_cancel"), cancel));
}
