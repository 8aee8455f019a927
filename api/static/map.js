// The planner's map: puts the parts of the page together and tells each of them what has changed.
import { Map, NavigationControl, Popup, ScaleControl } from "/static/vendor/maplibre/maplibre-gl.mjs";
import { json } from "/static/api.js";
import * as draw from "/static/draw.js";
import * as gains from "/static/gains.js";
import { getLanguage, setLanguage, t } from "/static/i18n.js";
import * as keep from "/static/keep.js";
import { collections, drawChosen, drawLayers, drawNames, drawPlanned, forget, zoomToPlace } from "/static/layers.js";
import { areaId, drawLegend, drawLevel, popupContent, themePopup } from "/static/legend.js";
import { $, element, options } from "/static/markup.js";
import { drawMoney } from "/static/money.js";
import { toggleDistrict } from "/static/placement.js";
import * as plan from "/static/plan.js";
import { drawFigures } from "/static/results.js";
import * as scenarios from "/static/scenarios.js";
import * as siting from "/static/siting.js";
import { acts, emit, entry, GROUPS, OF_SCENARIO, on, readAddress, remember, state } from "/static/state.js";
import { coarse, describe, known, theme } from "/static/themes.js";
import * as zones from "/static/zones.js";

let map;

// A scenario is computed once: its figures come first, then the tiles that are drawn from them.
const waiting = () => OF_SCENARIO.includes(state.view) && acts() && state.trajectory?.id !== state.scenario;

function redraw() {
  drawViews();
  const level = state.view === "plan" ? "areas" : theme() ? (coarse() ? "areas" : "cells") : state.level;
  for (const radio of document.querySelectorAll("[name=level]")) radio.checked = radio.value === level;
  drawLegend();
  drawLevel(map);
  if (waiting()) return;
  drawLayers(map);
  drawNames(map).then(() => { if (state.editing >= 0 && state.placements[state.editing]?.where !== "place" && !document.querySelector(".ticks label")) plan.drawPlan(); });
  draw.show();
  loadSources();
}

function drawViews() {
  $("view").replaceChildren(...Object.entries(GROUPS).map(([group, views]) => element("optgroup", { label: t(`group_${group}`) },
    ...views.map((view) => element("option", { value: view, selected: view === state.view, disabled: !known(view) }, known(view) ? t(`view_${view}`) : t("not_here", { view: t(`view_${view}`) }))))));
}

async function loadSources() {
  const { areas, cells } = collections();
  const bodies = await Promise.all([cells, areas].filter(Boolean).map(describe));
  const unique = new globalThis.Map(bodies.flatMap((b) => b.sources).map((s) => [s.source_id, s]));
  for (const id of ["sources", "legend-sources"]) $(id).replaceChildren(...[...unique.values()].map((s) => element("li", {}, `${s.attribution} (${s.licence})`)));
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
  if (!known(state.view)) state.view = "emissions";
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
  const scenario = OF_SCENARIO.includes(state.view) || $("scenarios").open ? scenarios.loadScenarios() : null;
  await Promise.all([zoomToPlace(map), plan.compute(), scenario]);
}

function chooseView(view) {
  state.view = view;
  if (OF_SCENARIO.includes(view)) openScenarios();
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
  const content = Promise.resolve(theme() ? themePopup(feature) : popupContent(feature));
  content.then((shown) => new Popup({ maxWidth: "320px" }).setLngLat(event.lngLat).setDOMContent(shown).addTo(map));
}

function listen() {
  $("place").addEventListener("change", (event) => choosePlace(event.target.value));
  $("view").addEventListener("change", () => chooseView($("view").value));
  for (const radio of document.querySelectorAll("[name=level]")) radio.addEventListener("change", () => { state.level = radio.value; remember(); redraw(); });
  for (const one of document.querySelectorAll("[data-lang]")) one.addEventListener("click", () => {
    setLanguage(one.dataset.lang);
    drawWords();
    plan.drawPlan();
    drawFigures();
    drawMoney();
    scenarios.drawChoices();
    scenarios.drawScenario();
    for (const part of [gains, siting]) part.drawWords();
    drawViews();
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
  zones.setUp(map);
  for (const part of [plan, scenarios, keep, gains, siting]) part.setUp();
  listen();
  if (OF_SCENARIO.includes(state.view)) openScenarios();
  scenarios.drawChoices();
  await choosePlace(state.place, { fresh: false });
}

start();
