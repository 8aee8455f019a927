// The planner's map: puts the parts of the page together and tells each of them what has changed.
import { Map, NavigationControl, Popup, ScaleControl } from "/static/vendor/maplibre/maplibre-gl.mjs";
import { json } from "/static/api.js";
import * as draw from "/static/draw.js";
import { getLanguage, setLanguage, t } from "/static/i18n.js";
import * as keep from "/static/keep.js";
import { collections, drawChosen, drawLayers, drawNames, drawPlanned, forget, zoomToPlace } from "/static/layers.js";
import { areaId, drawLegend, drawLevel, popupContent } from "/static/legend.js";
import { $, element, options } from "/static/markup.js";
import { drawMoney } from "/static/money.js";
import { toggleDistrict } from "/static/placement.js";
import * as plan from "/static/plan.js";
import { drawFigures } from "/static/results.js";
import * as scenarios from "/static/scenarios.js";
import { acts, emit, entry, on, readAddress, remember, state } from "/static/state.js";

const sources = {};
let map;

// A scenario is computed once: its figures come first, then the tiles that are drawn from them.
const waiting = () => state.view === "scenario" && acts() && state.trajectory?.id !== state.scenario;

function redraw() {
  for (const radio of document.querySelectorAll("[name=view]")) radio.checked = radio.value === state.view;
  for (const radio of document.querySelectorAll("[name=level]")) radio.checked = radio.value === (state.view === "plan" ? "areas" : state.level);
  drawLegend();
  drawLevel(map);
  if (waiting()) return;
  drawLayers(map);
  drawNames(map).then(() => { if (state.editing >= 0 && state.placements[state.editing]?.where !== "place" && !document.querySelector(".ticks label")) plan.drawPlan(); });
  draw.show();
  loadSources();
}

async function loadSources() {
  const { areas, cells } = collections();
  const bodies = await Promise.all([cells, areas].filter(Boolean).map((id) => sources[id] ??= json(`/collections/${id}`)));
  const unique = new globalThis.Map(bodies.flatMap((b) => b.sources).map((s) => [s.source_id, s]));
  $("sources").replaceChildren(...[...unique.values()].map((s) => element("li", {}, `${s.attribution} (${s.licence})`)));
}

function drawWords() {
  document.documentElement.lang = getLanguage();
  for (const node of document.querySelectorAll("[data-t]")) node.textContent = t(node.dataset.t);
  for (const one of document.querySelectorAll("[data-lang]")) one.setAttribute("aria-pressed", String(one.dataset.lang === getLanguage()));
  $("map").setAttribute("aria-label", t("map_label", { name: entry().name }));
  $("legend").setAttribute("aria-label", t("legend"));
  document.title = `${entry().name} – Revier`;
}

async function choosePlace(key, { fresh = true } = {}) {
  state.place = key;
  if (fresh) {
    Object.assign(state, { level: null, areaIds: [] });
    for (const one of state.placements) Object.assign(one, { where: "place", geometry: null, properties: { ...one.properties, districts: [] } });
  }
  state.level ??= entry().kind === "region" ? "areas" : "cells";
  Object.assign(state, { impact: null, areaNames: [] });
  emit("place");
  $("place").value = key;
  drawWords();
  remember();
  await drawNames(map);
  plan.drawPlan();
  redraw();
  const scenario = state.view === "scenario" || $("scenarios").open ? scenarios.loadScenarios() : null;
  await Promise.all([zoomToPlace(map), plan.compute(), scenario]);
}

function chooseView(view) {
  state.view = view;
  if (view === "scenario") openScenarios();
  remember();
  redraw();
}

function openScenarios() {
  $("scenarios").open = true;
  if (!state.trajectory && map) scenarios.loadScenarios();
}

function clicked(event) {
  if (draw.drawing()) return;
  const feature = map.queryRenderedFeatures(event.point, { layers: ["buildings", "cells", "areas"].filter((id) => map.getLayer(id)) })[0];
  if (!feature) return;
  const one = state.placements[state.editing];
  if (state.view === "plan" && one?.where === "districts" && feature.layer.id === "areas") {
    const id = areaId(feature.properties);
    if (state.areaNames.includes(id)) toggleDistrict(one, id);
    return;
  }
  new Popup({ maxWidth: "320px" }).setLngLat(event.lngLat).setDOMContent(popupContent(feature)).addTo(map);
}

function listen() {
  $("place").addEventListener("change", (event) => choosePlace(event.target.value));
  for (const radio of document.querySelectorAll("[name=view]")) radio.addEventListener("change", () => chooseView(radio.value));
  for (const radio of document.querySelectorAll("[name=level]")) radio.addEventListener("change", () => { state.level = radio.value; remember(); redraw(); });
  for (const one of document.querySelectorAll("[data-lang]")) one.addEventListener("click", () => {
    setLanguage(one.dataset.lang);
    drawWords();
    plan.drawPlan();
    drawFigures();
    drawMoney();
    scenarios.drawChoices();
    scenarios.drawScenario();
    drawLegend();
    drawLevel(map);
    draw.show();
    remember();
  });
  $("scenarios").addEventListener("toggle", () => { if ($("scenarios").open && !state.trajectory) scenarios.loadScenarios(); });
  on("placements", () => { drawChosen(map); draw.show(); if (state.placements[state.editing]?.where !== "place" && state.editing >= 0 && state.view !== "plan") chooseView("plan"); });
  on("impact", () => { drawFigures(); drawMoney(); drawPlanned(map); });
  on("scenario", () => { remember(); redraw(); });
  on("view", () => { remember(); redraw(); });
  on("gone", () => forget(map, state.gone));
  map.on("click", clicked);
  for (const layer of ["areas", "cells", "buildings"]) {
    map.on("mouseenter", layer, () => { if (!draw.drawing()) map.getCanvas().style.cursor = "pointer"; });
    map.on("mouseleave", layer, () => { if (!draw.drawing()) map.getCanvas().style.cursor = ""; });
  }
  map.on("zoomend", () => drawLevel(map));
  map.on("idle", () => { document.body.dataset.drawn = "true"; });
  window.addEventListener("hashchange", () => location.reload());
}

async function start() {
  const [places, measures] = await Promise.all([json("/places"), json("/measures")]);
  Object.assign(state, { places: places.places, measures: measures.measures, rules: measures.rule_columns });
  readAddress();
  options($("place"), state.places.map((p) => [p.key, p.name]), state.place);
  map = new Map({
    container: "map",
    style: { version: 8, sources: {}, layers: [{ id: "ground", type: "background", paint: { "background-color": "#e9eef1" } }] },
    center: [7.2, 51.5], zoom: 8, maxZoom: 16, attributionControl: false, dragRotate: false, pitchWithRotate: false, touchPitch: false,
    fadeDuration: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 200,
  });
  map.addControl(new NavigationControl({ showCompass: false }), "top-left");
  map.addControl(new ScaleControl(), "bottom-right");
  await new Promise((done) => { map.on("load", done); });
  draw.setUp(map);
  for (const part of [plan, scenarios, keep]) part.setUp();
  listen();
  if (state.view === "scenario") openScenarios();
  scenarios.drawChoices();
  await choosePlace(state.place, { fresh: false });
}

start();
