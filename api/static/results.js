// What the plan does: tonnes, euros, who gains, by area, and how sure all of that is.
import { lineChart, quintileChart } from "/static/charts.js";
import { getLanguage, number, percent, t } from "/static/i18n.js";
import { $, element, folded } from "/static/markup.js";
import { acts, areaName, state } from "/static/state.js";

function total(label, value, unit) {
  return element("div", {}, element("dt", {}, label), element("dd", {}, value, " ", element("small", {}, unit)));
}

export function drawFigures() {
  const body = state.impact;
  for (const part of document.querySelectorAll(".figures")) part.hidden = !body;
  if (!body) {
    for (const id of ["totals", "beside", "years", "areas", "notes", "who", "glance"]) $(id).replaceChildren();
    $("nothing").textContent = acts() ? $("status").textContent : t("no_stock");
    return;
  }
  $("nothing").textContent = "";
  drawTotals(body);
  drawWho(body);
  drawYears(body);
  drawAreas(body);
  const notes = body.notes.map((note) => note[getLanguage()]);
  $("notes").replaceChildren(...[...notes, t("social_note")].map((note) => element("li", {}, note)));
}

function drawTotals({ totals: sums }) {
  const covered = sums.bill_saving_covers_share_of_kwh;
  $("totals").replaceChildren(
    total(t("saved_2045"), number(sums.t_co2e_saved_last_year), t("per_year")),
    total(t("saved_total"), number(sums.t_co2e_saved_cumulative), t("tonnes")),
    total(t("invest"), number(sums.invest_eur / 1e6, 1), t("prices", { year: sums.price_year })),
    total(t("bill"), number(sums.bill_saving_eur_last_year / 1e6, 1), covered === null ? t("bill_unit_plain") : t("bill_unit", { share: percent(covered) })),
  );
  // stays in sight while the form above is worked on
  $("glance").replaceChildren(...[[number(sums.t_co2e_saved_last_year), t("glance_saved")], [number(sums.invest_eur / 1e6, 1), t("glance_invest")], [number(sums.bill_saving_eur_last_year / 1e6, 1), t("glance_bill")]]
    .map(([value, words]) => element("span", {}, element("strong", {}, value), ` ${words}`)));
  const beside = [["grid", sums.avoided_grid_t_last_year], ["sink", sums.sink_t_last_year], ["plant", sums.plant_t_last_year]].filter(([, value]) => value);
  $("beside").replaceChildren(...(beside.length ? [element("h3", {}, t("beside")), element("p", { class: "hint" }, t("beside_hint")),
    element("dl", { class: "rows" }, ...beside.flatMap(([name, value]) => [element("dt", {}, t(`beside_${name}`)), element("dd", {}, `${number(value)} t CO2e/a`)]))] : []));
}

function drawYears({ years }) {
  const column = (name) => years.map((r) => r[name]);
  const chart = lineChart(column("year"), [
    { label: t("without"), values: column("t_co2e_without"), line: "line-without" },
    { label: t("with"), values: column("t_co2e_with"), line: "line-with" },
  ], { gap: [0, 1] });
  // beside the emissions of a whole city one measure is a hair's breadth
  const saved = lineChart(column("year"), [{ label: t("saved_years"), values: column("t_co2e_saved"), line: "line-with" }], { height: 120 });
  $("years").replaceChildren(chart, saved, folded(t("years"), [t("year"), t("without"), t("with"), t("saved"), `${t("invest")}, EUR`],
    years.map((r) => [String(r.year), number(r.t_co2e_without), number(r.t_co2e_with), number(r.t_co2e_saved), number(r.invest_eur)])));
}

function drawAreas(body) {
  const sorted = [...body.areas].sort((a, b) => (b.social_index ?? 0) - (a.social_index ?? 0));
  $("areas").replaceChildren(folded(t("areas"), [t("area"), t("index"), t("people"), t("treated"), t("bill_head"), t("saved")],
    sorted.map((a) => [areaName(a.area_id), number(a.social_index, 1), number(a.people), number(a.treated_m2), number(a.people ? a.bill_saving_eur_a / a.people : null, 1), number(a.t_co2e_saved_2045, 1)])));
}

const between = (e, name, digits) => `${number(e[name], digits)} [${number(e[`${name}_low`], digits)} ${t("to")} ${number(e[`${name}_high`], digits)}]`;

function drawWho(body) {
  if (!body.quintiles) {
    $("who").replaceChildren(element("p", {}, t("few_areas")));
    return;
  }
  if (!body.equity || body.quintiles.some((q) => q.bill_saving_share === null)) {
    $("who").replaceChildren(element("p", {}, t("no_bill")));
    return;
  }
  const e = body.equity;
  // both what sampling so few areas leaves open, and the errors of their figures
  const sure = e.concentration_index_low > 0 || e.concentration_index_high < 0;
  const clear = sure && Math.abs(e.concentration_index) > 2 * e.concentration_index_se;
  const lean = clear ? (e.concentration_index < 0 ? "verdict_poor" : "verdict_rich") : "verdict_unclear";
  const verdict = t("verdict", { share: percent(e.low_income_benefit_share, 1), ratio: between(e, "equity_ratio", 2), index: between(e, "concentration_index", 3), se: number(e.concentration_index_se, 3), n: e.n_areas });
  $("who").replaceChildren(
    element("p", { class: "hint" }, `${t("share_axis")}. ${t("fifth")}.`),
    quintileChart(body.quintiles),
    element("p", { class: "verdict" }, `${verdict} ${t(lean)}`),
    element("p", { class: "hint" }, t("verdict_interval")),
    folded(t("who"), [t("quintile"), t("people"), t("bill_share"), t("per_head"), t("invest_share"), t("tonnes_share")],
      body.quintiles.map((q) => [`${q.quintile} ${getLanguage() === "de" ? q.label_de : q.label_en}`, number(q.people), percent(q.bill_saving_share, 1), number(q.bill_saving_eur_per_head, 1), percent(q.invest_share, 1), percent(q.t_co2e_saved_share, 1)])),
  );
}
