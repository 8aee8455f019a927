// What the planner has chosen, who wants to know of it, and the address that brings all of it back.
import { getLanguage, setLanguage, WORDS } from "/static/i18n.js";

export const FIRST_YEAR = 2025;
export const LAST_YEAR = 2045;
export const TARGET_YEARS = [2030, 2035, 2040, 2045];
// the views of the map, in the groups of its menu
export const GROUPS = {
  emissions: ["emissions", "need", "plan", "scenario"],
  people: ["low_income"],
  around: ["heat", "cool", "access", "greens", "green", "blue"],
  benefits: ["benefits", "clusters", "priorities"],
};
export const OF_SCENARIO = ["scenario", ...GROUPS.benefits];
export const PATHS = ["slow", "central", "fast"];
// retrofit of what was built until 1918: what the API computes without a body
export const STANDARD = { measure: "envelope_usual", uptake: 0.6, rule: "class <= 'B'" };

export const state = {
  places: [], measures: [], rules: [], scenarios: [],
  place: "05913000", view: "emissions", level: "cells",
  placements: [placement(STANDARD)], path: "central", editing: -1, problems: [],
  scenario: "climate_plan", against: "", year: 2045, figure: "saved",
  impact: null, detail: null, trajectory: null, areaNames: [], areaIds: [],
};

// the public sees layers and standard scenarios; plans of one's own are for those who sign in
export const isPublic = document.querySelector(".app").dataset.role === "public";
if (isPublic) GROUPS.emissions = GROUPS.emissions.filter((view) => view !== "plan");

const listeners = {};
export const on = (event, work) => { (listeners[event] ??= []).push(work); };
export const emit = (event) => { for (const work of listeners[event] ?? []) work(); };

export const entry = () => state.places.find((p) => p.key === state.place);
export const region = () => state.places.find((p) => p.kind === "region");
// without modelled heat there is nothing that a measure could act on
export const acts = () => entry().kind === "region" || Boolean(entry().calibration);

// A placement as the API takes it; `where` says which of whole place, districts and drawing is meant.
export function placement(properties = {}, geometry = null) {
  const all = { measure: STANDARD.measure, start: FIRST_YEAR, end: LAST_YEAR, uptake: null, quantity: null, rule: "", districts: [], priority: "even", ...properties };
  return { where: geometry ? "drawn" : all.districts.length ? "districts" : "place", geometry, properties: all };
}

// A region's map shows municipalities, where the engine may know their districts.
const partsOf = (id) => { const found = state.areaIds.filter((a) => a === id || a.startsWith(`${id}.`)); return found.length ? found : [id]; };

// Areas of the answer as the map shows them: of a region, the sums of its municipalities.
export function shownAreas() {
  const rows = state.impact?.areas ?? [];
  if (entry().kind !== "region") return rows;
  const towns = {};
  for (const row of rows) {
    const ags = row.area_id.split(".")[0], sum = towns[ags] ??= { area_id: ags };
    for (const [name, value] of Object.entries(row)) if (name !== "area_id" && name !== "social_index") sum[name] = (sum[name] ?? 0) + value;
  }
  return Object.values(towns);
}

export function feature({ where, geometry, properties }) {
  const districts = where === "districts" ? properties.districts.flatMap(partsOf) : [];
  return { type: "Feature", geometry: where === "drawn" ? geometry : null, properties: { ...properties, districts } };
}

export const placementsBody = () => ({ type: "FeatureCollection", features: state.placements.map(feature), path: state.path });

export function areaName(id) {
  const [ags, district] = id.split(/\.(.*)/);
  return district ?? state.places.find((p) => p.key === ags)?.name ?? id;
}

// What is always known stays short; the plan comes along only where it differs from the standard programme.
export function remember() {
  const { place, view, level, year, scenario, figure, against, path } = state;
  const address = new URLSearchParams({ place, view, level, lang: getLanguage() });
  if (OF_SCENARIO.includes(view)) for (const [key, value] of Object.entries({ scenario, year, figure, against })) if (value) address.set(key, value);
  const features = state.placements.map(feature);
  const standard = JSON.stringify([feature(placement(STANDARD))]);
  if (path !== "central") address.set("path", path);
  if (JSON.stringify(features) !== standard) address.set("plan", JSON.stringify(features.map(({ geometry, properties }) => ({ geometry, properties: lean(properties) }))));
  history.replaceState(null, "", `#${address}`);
}

function lean(properties) {
  const usual = placement().properties;
  return Object.fromEntries(Object.entries(properties).filter(([key, value]) => key === "measure" || JSON.stringify(value) !== JSON.stringify(usual[key])));
}

function choice(value, known, otherwise) {
  return known.includes(value) ? value : otherwise;
}

export function readAddress() {
  const wanted = new URLSearchParams(location.hash.slice(1));
  const keys = state.places.map((p) => p.key);
  state.place = choice(wanted.get("place"), keys, choice(state.place, keys, keys[0]));
  state.view = choice(wanted.get("view") === "measure" ? "plan" : wanted.get("view"), Object.values(GROUPS).flat(), state.view);
  state.level = choice(wanted.get("level"), ["areas", "cells"], null);
  state.year = choice(Number(wanted.get("year")), TARGET_YEARS, state.year);
  state.figure = choice(wanted.get("figure"), ["saved", "emissions"], state.figure);
  state.path = choice(wanted.get("path"), PATHS, state.path);
  if (/^[a-z][a-z0-9_]{0,39}$/.test(wanted.get("scenario") ?? "")) state.scenario = wanted.get("scenario");
  if (/^[a-z][a-z0-9_]{0,39}$/.test(wanted.get("against") ?? "")) state.against = wanted.get("against");
  if (wanted.get("plan")) state.placements = readPlan(wanted.get("plan")) ?? state.placements;
  if (entry().kind === "region") foldToTowns();
  const uptake = Number(wanted.get("uptake"));
  if (uptake >= 5 && uptake <= 100) state.placements[0].properties.uptake = uptake / 100;
  setLanguage(wanted.get("lang") in WORDS ? wanted.get("lang") : navigator.language.startsWith("de") ? "de" : "en");
}

// The address names what the engine knows, the form ticks municipalities.
function foldToTowns() {
  state.areaIds = state.placements.flatMap((one) => one.properties.districts);
  for (const { properties } of state.placements) properties.districts = [...new Set(properties.districts.map((id) => id.split(".")[0]))];
}

// An address is typed and mailed: what is no plan is left out, what is wrong in a plan the server says.
function readPlan(text) {
  try {
    const found = JSON.parse(text).filter((f) => typeof f?.properties === "object" && typeof f.properties.measure === "string");
    const kept = found.map(({ geometry, properties }) => placement({
      ...properties, rule: String(properties.rule ?? ""), districts: Array.isArray(properties.districts) ? properties.districts.map(String) : [],
    }, geometry?.coordinates ? geometry : null));
    return kept.length ? kept : null;
  } catch {
    return null;
  }
}
