// The planner's map: layers of the served release, the measure's impact from the same API that everybody has.
import { Map, NavigationControl, Popup, ScaleControl } from "/static/vendor/maplibre/maplibre-gl.mjs";
import { bivariate, element, folded, quintileChart, swatches, yearChart } from "/static/charts.js";
import { getLanguage, number, percent, setLanguage, t, WORDS } from "/static/i18n.js";

const { emissions: EMISSIONS, measure: MEASURE, need: NEED, no_data: NO_DATA } = JSON.parse(document.getElementById("styles").textContent);
const STANDARD_UPTAKE = 0.6;
const BUILDING_ZOOM = 14;
const $ = (id) => document.getElementById(id);

const state = { place: "05913000", view: "emissions", level: "cells", uptake: 60, places: [], impact: null, sources: {}, request: 0 };
const labels = {};
let map;

const get = (name) => ["get", name];
const whenKnown = (name, paint) => ["case", ["has", name], paint, NO_DATA];
const classes = (value, { breaks, colours }) => ["step", value, colours[0], ...breaks.flatMap((b, i) => [b, colours[i + 1]])];

function paint(view, level) {
  const perHead = get("t_co2e_households_per_head");
  if (view === "emissions") return whenKnown("t_co2e_households_per_head", classes(perHead, EMISSIONS));
  if (view === "need") {
    const row = (i) => classes(perHead, { breaks: NEED.emissions, colours: NEED.colours[i] });
    const cells = ["step", get("social_index"), row(0), NEED.social[0], row(1), NEED.social[1], row(2)];
    return ["case", ["all", ["has", "social_index"], ["has", "t_co2e_households_per_head"]], cells, NO_DATA];
  }
  const perKm2 = level === "cells" ? ["*", 25, get("t_co2e_saved_2045")] : ["/", get("t_co2e_saved_2045"), get("area_km2")];
  return whenKnown("t_co2e_saved_2045", classes(perKm2, MEASURE));
}

const entry = () => state.places.find((p) => p.key === state.place);
const region = () => state.places.find((p) => p.kind === "region");

// which collection is filled at which level, for the place and view at hand
function collections() {
  const suffix = state.view === "measure" ? ".retrofit" : "";
  const areas = entry().kind === "region" ? `${state.place}.municipalities` : entry().districts ? `${state.place}.districts` : region() ? `${region().key}.municipalities` : null;
  const { stock } = entry();
  const fine = stock && stock.footprints > 0;
  const cells = stock && stock.units === 0 ? null : `${state.place}.${fine ? "cells" : "stock"}`;
  // without modelled heat there is nothing that a measure could act on
  const acts = entry().kind === "region" || Boolean(entry().calibration);
  const end = acts ? suffix : "";
  return { acts, areas: areas && areas + end, cells: cells && cells + end, buildings: fine ? `${state.place}.stock${end}` : null };
}

async function json(url, options) {
  const answer = await fetch(url, { headers: { Accept: "application/json", "Content-Type": "application/json" }, ...options });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.detail);
  return body;
}

function source(id) {
  if (!map.getSource(id)) map.addSource(id, { type: "vector", url: `${location.origin}/collections/${id}/tiles/WebMercatorQuad` });
  return id;
}

function drawLayers() {
  for (const id of ["areas", "cells", "buildings", "outline", "border", "names"]) if (map.getLayer(id)) map.removeLayer(id);
  const { areas, cells, buildings } = collections();
  const showCells = cells && (state.level === "cells" || !areas);
  const cellZoom = entry().kind === "region" ? 11 : 10;
  if (areas) {
    const below = showCells ? { maxzoom: cellZoom } : {};
    map.addLayer({ id: "areas", type: "fill", source: source(areas), "source-layer": areas, ...below, paint: { "fill-color": paint(state.view, "areas"), "fill-outline-color": "#ffffff" } });
  }
  if (showCells) {
    map.addLayer({ id: "cells", type: "fill", source: source(cells), "source-layer": cells, minzoom: cellZoom, paint: { "fill-color": paint(state.view, "cells"), "fill-antialias": false } });
  }
  if (showCells && buildings) {
    // a saving per km² is a figure of cells: buildings show where they stand on it, other views colour them
    const colour = state.view === "measure" ? "#14212b" : paint(state.view, "cells");
    map.setPaintProperty("cells", "fill-opacity", ["step", ["zoom"], 1, BUILDING_ZOOM, state.view === "measure" ? 0.8 : 0.25]);
    map.addLayer({ id: "buildings", type: "fill", source: source(buildings), "source-layer": buildings, minzoom: BUILDING_ZOOM, paint: { "fill-color": colour, "fill-opacity": state.view === "measure" ? 0.5 : 1, "fill-outline-color": "#14212b" } });
  }
  if (region()) {
    const towns = `${region().key}.municipalities`;
    map.addLayer({ id: "outline", type: "line", source: source(towns), "source-layer": towns, paint: { "line-color": "#5b6973", "line-width": ["interpolate", ["linear"], ["zoom"], 8, 0.6, 12, 1.6] } });
  }
  if (entry().districts) {
    const parts = `${state.place}.districts`;
    map.addLayer({ id: "border", type: "line", source: source(parts), "source-layer": parts, paint: { "line-color": "#14212b", "line-width": 1.1 } });
  }
}

// One label for each area, at its centre of gravity: labels of tiled polygons would come once for every tile.
async function drawNames() {
  const parts = entry().districts ? `${state.place}.districts` : null;
  const ids = [region() && `${region().key}.municipalities`, parts].filter(Boolean);
  const found = await Promise.all(ids.map((id) => labels[id] ??= json(`/collections/${id}/items?limit=1000`).then((body) => body.features.map(label))));
  const shown = found.flat().filter((f) => !parts || f.properties.district || f.properties.ags !== state.place);
  const data = { type: "FeatureCollection", features: shown };
  if (map.getSource("labels")) map.getSource("labels").setData(data);
  else map.addSource("labels", { type: "geojson", data });
  if (map.getLayer("names")) map.removeLayer("names");
  map.addLayer({
    id: "names", type: "symbol", source: "labels",
    layout: { "text-field": ["coalesce", ["get", "district"], ["get", "name"]], "text-font": ["sans-serif"], "text-size": ["interpolate", ["linear"], ["zoom"], 8, 10, 12, 14], "text-padding": 4 },
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

// what the figures rest on: without a census of its own or the built-in one, a place must not claim one
function basis() {
  const { stock, missing } = entry();
  if (stock && stock.units === 0) return t("modelled_none");
  return t(missing?.some((lack) => lack.what === "census") ? "modelled_own" : "modelled");
}

function redraw() {
  drawLayers();
  drawNames();
  drawLegend();
  drawLevel();
}

function drawLevel() {
  const zoom = entry().kind === "region" ? 11 : 10;
  const { cells, buildings } = collections();
  const hint = map.getZoom() < zoom ? t("zoom_in") : buildings && map.getZoom() < BUILDING_ZOOM ? t("zoom_buildings") : "";
  $("level").textContent = cells && state.level === "cells" ? hint : "";
}

function drawLegend() {
  const legend = $("legend");
  const title = element("h2", {}, t(`legend_${state.view}`));
  const scale = state.view === "measure" ? state.uptake / 100 / STANDARD_UPTAKE : 1;
  let body;
  if (state.view === "need") body = bivariate(NEED.colours);
  else {
    const { breaks, colours } = state.view === "emissions" ? EMISSIONS : MEASURE;
    const digits = state.view === "emissions" ? 1 : 0;
    // the map's colours are those of the standard uptake; a saving is proportional to it, so the numbers move instead
    const say = (value) => number(value * scale, scale === 1 || value * scale >= 10 ? digits : 1);
    body = swatches([...colours.map((colour, i) => [colour,
      i === 0 ? `< ${say(breaks[0])}` : i === breaks.length ? `≥ ${say(breaks[i - 1])}` : `${say(breaks[i - 1])} – ${say(breaks[i])}`]), [NO_DATA, t("nodata")]]);
  }
  const notes = [element("p", { class: "modelled" }, basis())];
  if (entry().stock?.modelled_footprints) notes.push(element("p", { class: "modelled" }, t("drawn", { n: number(entry().stock.modelled_footprints) })));
  if (entry().districts?.some((d) => d.geometry_status === "approximate")) notes.push(element("p", { class: "modelled" }, t("approximate")));
  const towns = entry().kind === "region" ? state.places.filter((p) => entry().members.includes(p.key)) : [entry()];
  const national = towns.filter((p) => p.inventory.edition === "fallback").length;
  if (national) notes.push(element("p", { class: "modelled" }, t("national", { n: national, all: towns.length })));
  legend.replaceChildren(title, body, ...notes);
}

function drawWords() {
  document.documentElement.lang = getLanguage();
  for (const node of document.querySelectorAll("[data-t]")) node.textContent = t(node.dataset.t);
  for (const button of document.querySelectorAll("[data-lang]")) button.setAttribute("aria-pressed", String(button.dataset.lang === getLanguage()));
  $("map").setAttribute("aria-label", t("map_label", { name: entry().name }));
  document.title = `${entry().name} – Revier`;
}

function total(label, value, unit) {
  return element("div", {}, element("dt", {}, label), element("dd", {}, value, " ", element("small", {}, unit)));
}

function drawFigures() {
  const body = state.impact;
  if (!body) return;
  const sums = body.totals;
  $("totals").replaceChildren(
    total(t("saved_2045"), number(sums.t_co2e_saved_last_year), t("per_year")),
    total(t("saved_total"), number(sums.t_co2e_saved_cumulative), t("tonnes")),
    total(t("invest"), number(sums.invest_eur / 1e6, 1), t("prices", { year: sums.price_year_of_investment })),
    total(t("bill"), number(sums.bill_saving_eur_last_year / 1e6, 1), t("bill_unit", { share: percent(sums.bill_saving_covers_share_of_kwh ?? 0) })),
  );
  drawWho(body);
  $("years").replaceChildren(yearChart(body.years), folded(t("years"), ["", t("without"), t("with"), t("saved").split(" 2045")[0], `${t("invest")} EUR`],
    body.years.map((r) => [String(r.year), number(r.t_co2e_without), number(r.t_co2e_with), number(r.t_co2e_saved), number(r.invest_eur)])));
  const sorted = [...body.areas].sort((a, b) => (b.social_index ?? 0) - (a.social_index ?? 0));
  $("areas").replaceChildren(folded(t("areas"), [t("area"), t("index"), t("people"), t("treated"), t("bill_head"), t("saved")],
    sorted.map((a) => [areaName(a.area_id), number(a.social_index, 1), number(a.people), number(a.treated_m2), number(a.people ? a.bill_saving_eur_a / a.people : null, 1), number(a.t_co2e_saved_2045, 1)])));
  const notes = body.notes.map((note) => note[getLanguage()]);
  $("notes").replaceChildren(...[...notes, t("social_note")].map((note) => element("li", {}, note)));
}

function areaName(id) {
  const [ags, district] = id.split(/\.(.*)/);
  return district ?? state.places.find((p) => p.key === ags)?.name ?? id;
}

function drawWho(body) {
  if (!body.quintiles) {
    $("who").replaceChildren(element("p", {}, t("few_areas")));
    return;
  }
  const e = body.equity;
  const clear = Math.abs(e.concentration_index) > 2 * e.concentration_index_se;
  const lean = clear ? (e.concentration_index < 0 ? "verdict_poor" : "verdict_rich") : "verdict_unclear";
  const verdict = t("verdict", { share: percent(e.low_income_benefit_share, 1), ratio: number(e.equity_ratio, 2), index: number(e.concentration_index, 3), se: number(e.concentration_index_se, 3), n: e.n_areas });
  $("who").replaceChildren(
    element("p", { class: "hint" }, `${t("share_axis")}. ${t("fifth")}.`),
    quintileChart(body.quintiles),
    element("p", { class: "verdict" }, `${verdict} ${t(lean)}`),
    folded(t("who"), [t("quintile"), t("people"), t("bill_share"), t("per_head"), t("invest_share"), t("tonnes_share")],
      body.quintiles.map((q) => [`${q.quintile} ${getLanguage() === "de" ? q.label_de : q.label_en}`, number(q.people), percent(q.bill_saving_share, 1), number(q.bill_saving_eur_per_head, 1), percent(q.invest_share, 1), percent(q.t_co2e_saved_share, 1)])),
  );
}

async function loadImpact() {
  const mine = ++state.request;
  if (!collections().acts) {
    for (const id of ["totals", "years", "areas", "notes", "who"]) $(id).replaceChildren();
    $("who").replaceChildren(element("p", { class: "hint" }, t("no_stock")));
    state.impact = null;
    $("status").textContent = t("no_stock");
    document.body.dataset.ready = `${state.place} ${state.uptake}`;
    return;
  }
  $("status").textContent = t("loading");
  const placement = { type: "Feature", geometry: null, properties: { uptake: state.uptake / 100 } };
  try {
    const body = await json(`/places/${state.place}/impact`, { method: "POST", body: JSON.stringify({ type: "FeatureCollection", features: [placement] }) });
    if (mine !== state.request) return; // a later setting has overtaken this one
    state.impact = body;
    drawFigures();
    $("status").textContent = t("ready", { name: entry().name });
    document.body.dataset.ready = `${state.place} ${state.uptake}`;
  } catch (error) {
    $("status").textContent = `${t("failed")} ${error.message}`;
    $("totals").replaceChildren(element("p", { class: "warning" }, `${t("failed")} ${error.message}`));
  }
}

async function loadSources() {
  const { areas, cells } = collections();
  const names = [cells, areas].filter(Boolean);
  const bodies = await Promise.all(names.map((id) => state.sources[id] ?? json(`/collections/${id}`)));
  names.forEach((id, i) => { state.sources[id] = bodies[i]; });
  const unique = new globalThis.Map(bodies.flatMap((b) => b.sources).map((s) => [s.source_id, s]));
  $("sources").replaceChildren(...[...unique.values()].map((s) => element("li", {}, `${s.attribution} (${s.licence})`)));
}

async function zoomToPlace() {
  const { areas, cells } = collections();
  const id = entry().kind === "region" || !cells ? areas : cells;
  const { extent } = await json(`/collections/${id}`);
  // room for the legend, where there is room at all
  const left = $("map").clientWidth > 700 ? 140 : 20;
  map.fitBounds(extent.spatial.bbox[0], { padding: { top: 20, right: 20, bottom: 40, left }, animate: false });
}

function remember() {
  history.replaceState(null, "", `#place=${state.place}&view=${state.view}&level=${state.level}&uptake=${state.uptake}&lang=${getLanguage()}`);
}

async function choosePlace(key, level) {
  state.place = key;
  state.level = level ?? (entry().kind === "region" ? "areas" : "cells");
  drawChoices();
  drawWords();
  remember();
  redraw();
  await Promise.all([zoomToPlace(), loadImpact(), loadSources()]);
}

function drawChoices() {
  $("place").value = state.place;
  for (const radio of document.querySelectorAll("[name=view]")) radio.checked = radio.value === state.view;
  for (const radio of document.querySelectorAll("[name=level]")) radio.checked = radio.value === state.level;
  $("uptake").value = state.uptake;
  $("uptake-value").textContent = percent(state.uptake / 100);
}

function popup(event) {
  const p = event.features[0].properties;
  const layer = event.features[0].layer.id;
  const isCell = layer === "cells" || layer === "buildings";
  // a building lies on its cell: the finest one answers
  if (layer === "cells" && map.getLayer("buildings") && map.queryRenderedFeatures(event.point, { layers: ["buildings"] }).length) return;
  const title = layer === "buildings" ? t(p.data_grade === "D" ? "building_drawn" : "building") : isCell ? t("cell") : `${p.district ? t("district") : t("municipality")} ${p.district ?? p.name}`;
  const scale = state.uptake / 100 / STANDARD_UPTAKE;
  const people = p.people ?? p.population;
  const rows = [
    isCell && [t("area"), areaName(p.area_id ?? p.ags)],
    "use" in p && p.use !== "cell" && [t("use"), [t(`use_${p.use}`), p.building_type].filter(Boolean).join(", ")],
    "storeys" in p && [t("storeys"), number(p.storeys)],
    "data_grade" in p && [t("grade"), p.data_grade],
    [t("people"), number(people)],
    "n_buildings" in p && [t("buildings"), number(p.n_buildings)],
    "t_co2e_households_per_head" in p && [t("view_emissions"), `${number(p.t_co2e_households_per_head, 2)} t`],
    "t_co2e" in p && [t("all_sectors"), `${number(p.t_co2e)} t`],
    "share_until_1918" in p && [t("old_share"), percent(p.share_until_1918)],
    "treated_m2" in p && [t("treated"), number(p.treated_m2 * scale)],
    "t_co2e_saved_2045" in p && [t("saved"), number(p.t_co2e_saved_2045 * scale, 1)],
    "bill_saving_eur_a" in p && people > 0 && [t("bill_head"), `${number(p.bill_saving_eur_a * scale / people, 1)} EUR`],
    [t("index"), number(p.social_index, 1)],
  ].filter(Boolean);
  const list = element("dl", { class: "popup" }, ...rows.flatMap(([k, v]) => [element("dt", {}, k), element("dd", {}, v)]));
  const content = element("div", {}, element("h3", {}, title), list, element("p", { class: "hint" }, basis()));
  new Popup({ maxWidth: "320px" }).setLngLat(event.lngLat).setDOMContent(content).addTo(map);
}

function listen() {
  $("place").addEventListener("change", (event) => choosePlace(event.target.value));
  for (const radio of document.querySelectorAll("[name=view]")) radio.addEventListener("change", () => { state.view = radio.value; remember(); redraw(); loadSources(); });
  for (const radio of document.querySelectorAll("[name=level]")) radio.addEventListener("change", () => { state.level = radio.value; remember(); redraw(); });
  $("uptake").addEventListener("input", (event) => {
    state.uptake = Number(event.target.value);
    drawChoices();
    drawLegend();
    remember();
    loadImpact();
  });
  for (const button of document.querySelectorAll("[data-lang]")) button.addEventListener("click", () => {
    setLanguage(button.dataset.lang);
    drawWords(); drawChoices(); drawLegend(); drawLevel(); drawFigures(); remember();
  });
  for (const layer of ["areas", "cells", "buildings"]) {
    map.on("click", layer, popup);
    map.on("mouseenter", layer, () => { map.getCanvas().style.cursor = "pointer"; });
    map.on("mouseleave", layer, () => { map.getCanvas().style.cursor = ""; });
  }
  map.on("zoomend", drawLevel);
  map.on("idle", () => { document.body.dataset.drawn = "true"; });
}

function readAddress() {
  const wanted = new URLSearchParams(location.hash.slice(1));
  if (state.places.some((p) => p.key === wanted.get("place"))) state.place = wanted.get("place");
  else if (!state.places.some((p) => p.key === state.place)) state.place = state.places[0].key;
  if (["emissions", "need", "measure"].includes(wanted.get("view"))) state.view = wanted.get("view");
  const uptake = Number(wanted.get("uptake"));
  if (uptake >= 5 && uptake <= 100) state.uptake = uptake;
  const level = ["areas", "cells"].includes(wanted.get("level")) ? wanted.get("level") : undefined;
  setLanguage(wanted.get("lang") in WORDS ? wanted.get("lang") : navigator.language.startsWith("de") ? "de" : "en");
  return level;
}

async function start() {
  state.places = (await json("/places")).places;
  const level = readAddress();
  $("place").replaceChildren(...state.places.map((p) => element("option", { value: p.key }, p.name)));
  map = new Map({
    container: "map",
    style: { version: 8, sources: {}, layers: [{ id: "ground", type: "background", paint: { "background-color": "#e9eef1" } }] },
    center: [7.2, 51.5], zoom: 8, maxZoom: 16, attributionControl: false, dragRotate: false, pitchWithRotate: false, touchPitch: false,
    fadeDuration: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 200,
  });
  map.addControl(new NavigationControl({ showCompass: false }), "top-left");
  map.addControl(new ScaleControl(), "bottom-right");
  await new Promise((done) => { map.on("load", done); });
  listen();
  await choosePlace(state.place, level);
}

start();
