// What the colours mean, what the figures rest on, and the figures of one spot.
import { bivariate, swatches } from "/static/charts.js";
import { number, percent, t } from "/static/i18n.js";
import { BUILDING_ZOOM, cellZoom, classesOf, collections, STYLES } from "/static/layers.js";
import { $, element } from "/static/markup.js";
import { acts, areaName, entry, shownAreas, state } from "/static/state.js";
import { coarse, theme, themeLegend, themeRows, themeTitle, themeValue } from "/static/themes.js";

// without a census of its own or the built-in one, a place must not claim one
export function basis() {
  const { stock, missing } = entry();
  if (stock && stock.units === 0) return t("modelled_none");
  return t(missing?.some((lack) => lack.what === "census") ? "modelled_own" : "modelled");
}

function title() {
  if (theme()) return themeTitle();
  if (state.view !== "scenario") return t(`legend_${state.view}`);
  return t(`legend_${state.figure}_year`, { year: state.year });
}

export function drawLegend() {
  let body;
  if (theme()) body = themeLegend();
  else if (state.view === "need") body = bivariate(STYLES.need.colours);
  else {
    const { breaks, colours } = classesOf();
    const say = (value) => number(value, Number.isInteger(value) && classesOf() === STYLES.measure ? 0 : 1);
    body = swatches([...colours.map((colour, i) => [colour,
      i === 0 ? `< ${say(breaks[0])}` : i === breaks.length ? `≥ ${say(breaks[i - 1])}` : `${say(breaks[i - 1])} – ${say(breaks[i])}`]), [STYLES.no_data, t("nodata")]]);
  }
  const notes = [];
  const add = (words) => notes.push(element("p", { class: "modelled" }, words));
  if (!coarse()) add(basis());
  if (!coarse() && entry().stock?.modelled_footprints) add(t("drawn", { n: number(entry().stock.modelled_footprints) }));
  if (entry().districts?.some((d) => d.geometry_status === "approximate")) add(t("approximate"));
  const towns = entry().kind === "region" ? state.places.filter((p) => entry().members.includes(p.key)) : [entry()];
  const national = towns.filter((p) => p.inventory.edition === "fallback").length;
  if (national) add(t("national", { n: national, all: towns.length }));
  const folded = element("details", { class: "legend-notes" }, element("summary", {}, t("legend_notes")), ...notes);
  const sources = element("details", { class: "legend-notes" }, element("summary", {}, t("sources")), element("ul", { id: "legend-sources", class: "list" }));
  const open = matchMedia("(min-width: 56rem)").matches, about = theme() && element("p", { class: "modelled" }, t(`about_${state.view}`));
  const whole = element("details", {}, element("summary", {}, element("h2", {}, title())), body, about, open && !theme() ? element("div", {}, ...notes) : folded, sources);
  whole.open = $("legend").querySelector("details")?.open ?? open;
  $("legend").replaceChildren(whole);
}

export function drawLevel(map) {
  const { cells, buildings } = collections();
  const hint = map.getZoom() < cellZoom() ? t("zoom_in") : buildings && map.getZoom() < BUILDING_ZOOM ? t("zoom_buildings") : "";
  const plan = state.view === "plan" && acts() ? t("plan_areas") : "";
  $("level").textContent = plan || (cells && (theme() || state.level === "cells") ? hint : "");
  for (const radio of document.querySelectorAll("[name=level]")) radio.disabled = state.view === "plan" || Boolean(theme());
}

export const areaId = (p) => (p.district ? `${p.ags}.${p.district}` : p.ags);

// What is drawn comes first, and all that is known of the spot beneath.
export async function themePopup({ properties: p }) {
  const rows = await themeRows(p), id = p.area_id ?? p.ags;
  const more = element("details", {}, element("summary", {}, t("all_of_spot")), pairs(rows));
  return popup(themeTitle(), [...(id ? [[t("area"), areaName(id)]] : []), [t("value"), themeValue(p)]], coarse() ? [] : [basis()], more);
}

const pairs = (rows) => element("dl", { class: "popup" }, ...rows.flatMap(([k, v]) => [element("dt", {}, k), element("dd", {}, v)]));

function popup(heading, rows, notes, ...more) {
  return element("div", {}, element("h3", {}, heading), pairs(rows), ...more, ...notes.map((note) => element("p", { class: "hint" }, note)));
}

export function popupContent(feature) {
  const p = feature.properties, layer = feature.layer.id;
  const isCell = layer === "cells" || layer === "buildings";
  const heading = layer === "buildings" ? t(p.data_grade === "D" ? "building_drawn" : "building") : isCell ? t("cell") : `${p.district ? t("district") : t("municipality")} ${p.district ?? p.name}`;
  const people = p.people ?? p.population;
  const planned = state.view === "plan" && !isCell ? shownAreas().find((a) => a.area_id === areaId(p)) : null;
  const done = planned ?? p, year = planned ? 2045 : state.year;
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
    "treated_m2" in done && [t("treated"), number(done.treated_m2)],
    `t_co2e_saved_${year}` in done && [t("saved_year", { year }), `${number(done[`t_co2e_saved_${year}`], 1)} t`],
    `t_co2e_${year}` in done && [t(isCell ? "households_year" : "all_year", { year }), `${number(done[`t_co2e_${year}`], isCell ? 1 : 0)} t`],
    "bill_saving_eur_a" in done && people > 0 && [t("bill_head"), `${number(done.bill_saving_eur_a / people)} EUR`],
    [t("index"), number(p.social_index, 1)],
  ].filter(Boolean);
  return popup(heading, rows, [basis()]);
}
