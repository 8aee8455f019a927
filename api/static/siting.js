// Where should the next euro go? Measures and zones under a budget, and what it costs to reach low-income areas.
import { debounced, send } from "/static/api.js";
import { frontChart, pointWords } from "/static/front.js";
import { number, percent, t } from "/static/i18n.js";
import { $, button, element, field, folded, scrolled } from "/static/markup.js";
import { panel } from "/static/panel.js";
import { nameOf } from "/static/placement.js";
import { on, state } from "/static/state.js";
import { showZones } from "/static/zones.js";

const MEASURES = ["envelope_usual", "envelope_deep", "heat_pump_air", "district_heat_connection"];
const ASK_AGAIN_MS = 500;
const wanted = { million_eur: 50, measures: ["envelope_usual", "heat_pump_air"], floor: 0 };
let answer, picked = -1;

const body = () => ({ budget_eur: wanted.million_eur * 1e6, measures: wanted.measures, floor: wanted.floor || null });
const nameOfMeasure = (id) => nameOf(state.measures.find((m) => m.measure === id), id);
const again = debounced(() => answer.load(), ASK_AGAIN_MS);

function changed() {
  picked = -1;
  answer.reset();
}

function drawForm() {
  const budget = element("input", { type: "number", min: 0, step: "any", inputmode: "decimal", value: wanted.million_eur, oninput: () => { wanted.million_eur = Number(budget.value); changed(); } });
  const tick = (id) => {
    const box = element("input", { type: "checkbox", name: "siting-measure", value: id, checked: wanted.measures.includes(id), onchange: () => { wanted.measures = MEASURES.filter((m) => (m === id ? box.checked : wanted.measures.includes(m))); changed(); } });
    return element("label", {}, box, " ", nameOfMeasure(id));
  };
  const said = element("output", { for: "siting-floor" });
  const slider = element("input", { type: "range", min: 0, max: 100, step: 1, value: Math.round(100 * wanted.floor), "aria-valuetext": floorWords(), oninput: () => { wanted.floor = Number(slider.value) / 100; tell(); changed(); } });
  const tell = () => { said.textContent = floorWords(); slider.setAttribute("aria-valuetext", floorWords()); };
  tell();
  $("siting-form").replaceChildren(
    element("p", { class: "hint" }, t("siting_hint")),
    field("siting-budget", t("siting_budget"), budget),
    element("fieldset", {}, element("legend", {}, t("siting_measures")), ...MEASURES.map(tick)),
    field("siting-floor", element("span", {}, t("siting_floor"), " ", said), slider),
    element("p", { class: "ends", "aria-hidden": "true" }, element("span", {}, t("floor_none")), element("span", {}, t("floor_all"))),
    element("button", { type: "submit", class: "primary", id: "siting-ask" }, t("siting_ask")));
}

function floorWords() {
  return wanted.floor === 0 ? t("floor_0") : wanted.floor === 1 ? t("floor_1") : t("floor_some", { share: percent(wanted.floor) });
}

// Which point of the front an answer is: the nearest by tonnes in low-income areas.
function nearest(points, found) {
  const away = points.map((p) => Math.abs(p.t_co2e_saved_cumulative_in_low_income - found));
  return away.indexOf(Math.min(...away));
}

// The figures of a point are known at once; its zones are asked for when the picking has come to rest.
function pick(found, i) {
  const { points } = found.front, most = points.at(-1).t_co2e_saved_cumulative_in_low_income;
  picked = i;
  // rounded down: a floor beyond what can be reached would be refused
  wanted.floor = i === 0 || most === 0 ? 0 : Math.floor(9999 * points[i].t_co2e_saved_cumulative_in_low_income / most) / 1e4;
  drawForm();
  showZones([]);
  answer.stop();
  again();
}

function price(found, i) {
  const rate = found.front.price_of_equity_t_per_t[i];
  if (rate === undefined) return t("price_end");
  return rate * 1000 < 0.5 ? t("price_free") : t("price", { t: number(rate * 1000, rate * 1000 < 10 ? 1 : 0) });
}

function draw(found) {
  const { points } = found.front;
  const at = picked >= 0 ? picked : nearest(points, found.t_co2e_saved_cumulative_in_low_income);
  const shown = picked >= 0 ? points[at] : found;
  const share = shown.t_co2e_saved_cumulative ? shown.t_co2e_saved_cumulative_in_low_income / shown.t_co2e_saved_cumulative : null;
  const total = (label, value, unit) => element("div", {}, element("dt", {}, label), element("dd", {}, value, " ", element("small", {}, unit)));
  const status = t(`status_${found.status}`, { gap: percent(found.gap ?? 0, 2) });
  return [
    element("h3", { tabindex: "-1" }, t("siting_found", { n: number(picked >= 0 ? shown.zones : found.chosen.length) })),
    element("p", { class: "verdict" }, status),
    element("dl", { class: "totals" }, total(t("saved_total"), number(shown.t_co2e_saved_cumulative), t("tonnes")),
      total(t("in_low_income"), number(shown.t_co2e_saved_cumulative_in_low_income), `${t("tonnes")} (${share === null ? t("loaded_none") : percent(share)})`),
      total(t("invest"), number(shown.cost_eur / 1e6, 1), t("siting_meur")), total(t("bill"), number(shown.bill_saving_eur_a / 1e6, 2), t("bill_unit_plain"))),
    ...(points.length > 1 ? [element("h3", {}, t("front")), frontChart(points, at, (i) => pick(found, i)), element("p", { class: "sentence", role: "status" }, `${pointWords(points[at])} ${price(found, at)}`),
      folded(t("front"), [t("front_point"), t("tonnes_years"), t("in_low_income"), t("invest_meur"), t("zones")],
        points.map((p, i) => [String(i + 1), number(p.t_co2e_saved_cumulative), number(p.t_co2e_saved_cumulative_in_low_income), number(p.cost_eur / 1e6, 1), number(p.zones)]))] : []),
    ...(picked >= 0 ? [] : zoneTable(found)),
    element("p", { class: "hint" }, t("siting_note")),
  ];
}

function zoneTable({ chosen }) {
  if (!chosen.length) return [];
  return [element("h3", {}, t("zones_title")), element("p", { class: "hint" }, t("zones_hint")),
    scrolled(t("zones_title"), [t("measures_column"), t("eur_t"), t("invest_meur"), t("low_probability")],
      chosen.map((z, i) => [`${i + 1} · ${z.measures.map(nameOfMeasure).join(", ")}`, number(z.eur_t), number(z.cost_eur / 1e6, 2), percent(z.low_income_probability)])),
    button(t("zones_hide"), () => showZones([]), { id: "zones-hide" })];
}

export function drawWords() {
  drawForm();
  answer.show();
}

export function setUp() {
  answer = panel($("siting-answer"), { id: "siting", wait: "siting_wait", draw, drawn: (found) => showZones(found?.chosen ?? []),
    ask: async (signal) => {
      const found = await send(`/places/${state.place}/siting?geometry=true`, body(), { signal });
      picked = -1;
      return found;
    } });
  drawForm();
  $("siting-form").addEventListener("submit", (event) => { event.preventDefault(); answer.load(); });
  on("place", changed);
}
