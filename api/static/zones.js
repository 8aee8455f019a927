// Outlines of chosen zones on the map, numbered as in the table of them.
import { on } from "/static/state.js";

const EMPTY = { type: "FeatureCollection", features: [] };
let map;

export function setUp(theMap) {
  map = theMap;
  map.addSource("zones", { type: "geojson", data: EMPTY, tolerance: 0 });
  map.addSource("zone-numbers", { type: "geojson", data: EMPTY });
  map.addLayer({ id: "zones-fill", type: "fill", source: "zones", paint: { "fill-color": "#14212b", "fill-opacity": 0.12 } });
  map.addLayer({ id: "zones-casing", type: "line", source: "zones", paint: { "line-color": "#ffffff", "line-width": 5 } });
  map.addLayer({ id: "zones-line", type: "line", source: "zones", paint: { "line-color": "#14212b", "line-width": 2.5 } });
  map.addLayer({ id: "zones-number", type: "symbol", source: "zone-numbers", layout: { "text-field": ["get", "number"], "text-font": ["sans-serif"], "text-size": 13, "text-anchor": "bottom-left", "text-allow-overlap": true },
    paint: { "text-color": "#14212b", "text-halo-color": "#ffffff", "text-halo-width": 2 } });
  on("place", () => showZones([]));
}

// `chosen` as the API lists them; a zone without an outline is in the table alone.
export function showZones(chosen) {
  const features = chosen.flatMap(({ geometry }, i) => (geometry ? [{ type: "Feature", geometry, properties: { number: String(i + 1) } }] : []));
  map.getSource("zones").setData({ type: "FeatureCollection", features });
  map.getSource("zone-numbers").setData({ type: "FeatureCollection", features: features.map(({ geometry, properties }) => ({ type: "Feature", properties, geometry: { type: "Point", coordinates: corner(geometry) } })) });
}

// The number stands beside the outline: a zone of one cell would vanish beneath it.
function corner(geometry) {
  const points = geometry.coordinates.flat(geometry.type === "Polygon" ? 1 : 2);
  return [0, 1].map((axis) => points.reduce((most, point) => Math.max(most, point[axis]), -180));
}
