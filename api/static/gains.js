// Who gains from the measures or from a scenario, and how sure that is; and what another order would change.
import { json, send } from "/static/api.js";
import { chanceOf, curveChart, fifthsChart, nameOf, range, ratioChart, shares } from "/static/equity_charts.js";
import { getLanguage, number, percent, t } from "/static/i18n.js";
import { $, element, field, folded, options, scrolled } from "/static/markup.js";
import { panel } from "/static/panel.js";
import { on, placementsBody, state } from "/static/state.js";

// how the answer is judged: shared by all panels, kept when the plan changes
const how = { definition: "quintile", zoning: "", indicator: "" };
const query = () => new URLSearchParams(Object.entries(how).filter(([, value]) => value));
const panels = {};

const said = (pair) => pair[getLanguage()];
const notesOf = (body) => (body.notes ?? []).map((note) => hint(said(note)));
const hint = (words) => element("p", { class: "hint" }, words);

// Of what the city asks about: which areas count as poor, and how the city is cut into areas.
function choices(body, id) {
  const known = { definition: body.definitions.map((d) => [d.definition, t(`definition_${d.definition}`)]),
    zoning: body.zonings.map((z) => [z.name, said(z)]), indicator: body.indicator.available.map((name) => [name, name === body.indicator.name ? said(body.indicator) : name]) };
  const chosen = { definition: body.definition, zoning: body.zoning, indicator: body.indicator.name };
  const select = (name) => {
    const node = options(element("select", { onchange: () => { Object.assign(how, { [name]: node.value }); panels[id].load(); } }), known[name], chosen[name]);
    return field(`${id}-${name}`, t(`choose_${name}`), node);
  };
  return element("div", { class: "pair" }, ...Object.keys(known).filter((name) => known[name].length > 1).map(select));
}

function verdict(ratio) {
  return element("p", { class: `verdict grade ${ratio.stability}` }, element("strong", {}, t(`grade_${ratio.stability}`)), " ", t(`grade_${ratio.stability}_means`));
}

function ratioTable(title, ratio) {
  return folded(title, [t("zoning"), t("areas_count"), t("ratio"), "p", t("by_chance"), t("verdict_column")],
    ratio.zonings.map((z) => [nameOf(z), number(z.areas), range(z), chanceOf(z.p) || "–", z.by_chance === undefined ? "–" : number(z.by_chance, 2), t(`ratio_${z.verdict}`)]));
}

function draw(body, id) {
  // tables of the plan and of the scenario may stand on the page together
  const of = (words) => (id === "scenario" ? `${t("scenario")}: ${words}` : words);
  const heading = element("h3", { tabindex: "-1" }, t("gains_title"));
  // green measures save no bill: then what they give is judged
  const metric = body.metrics.find((m) => m.metric === "bill_saving") ?? body.metrics.find((m) => m.benefit);
  if (!metric) return [heading, element("p", { class: "warning" }, t("loaded_none"))];
  const sentences = body.sentences.map((s) => element("p", { class: "sentence" }, said(s)));
  if ("missing" in metric) return [heading, ...sentences, element("p", { class: "warning" }, getLanguage() === "de" ? metric.missing_de : metric.missing), choices(body, id)];
  const { equity_ratio: ratio, curve, quintiles } = metric, level = percent(body.interval);
  const title = `${said(metric)}: ${t("ratio")}`, fifths = `${said(metric)}: ${t("fifths")}`;
  return [
    heading, ...sentences, choices(body, id),
    element("h4", {}, title), hint(t("ratio_hint", { level, draws: number(body.draws), permutations: number(body.permutations) })),
    ratioChart(ratio), verdict(ratio), ratioTable(of(t("ratio")), ratio),
    element("dl", { class: "rows" }, ...pairs(metric)),
    element("h4", {}, fifths), fifthsChart(quintiles, fifths),
    folded(of(fifths), [t("quintile"), t("people"), t("share"), t("per_head")], quintiles.map((q) => [`${q.quintile} ${q[`label_${getLanguage()}`]}`, number(q.people), shares(q.share), number(q.per_head, 1)])),
    element("h4", {}, `${said(metric)}: ${t("curve")}`), curveChart(curve), element("p", { class: "verdict" }, t(`curve_${curve.dominance}`)),
    folded(of(t("curve")), [t("curve_people"), t("curve_amount")], tenths(curve)),
    hint(t("gains_note")), ...notesOf(body),
  ];
}

const pairs = (metric) => [[t("low_per_head"), `${range(metric.low_income_per_head, 1)} ${metric.unit}`], [t("other_per_head"), `${number(metric.other_per_head, 1)} ${metric.unit}`],
  [t("index_of"), range(metric.concentration_index, 3)]].flatMap(([k, v]) => [element("dt", {}, k), element("dd", {}, v)]);

// A curve of hundreds of areas is read at every tenth.
function tenths({ people, amount }) {
  const at = (share) => {
    const i = Math.max(1, people.findIndex((p) => p >= share - 1e-9)), step = people[i] - people[i - 1];
    return amount[i - 1] + (step > 0 ? (amount[i] - amount[i - 1]) * (share - people[i - 1]) / step : 0);
  };
  return [...Array(11).keys()].map((i) => [percent(i / 10), percent(at(i / 10), 1)]);
}

function drawOrders({ orders, price, interval, notes }) {
  const figure = (one) => ("missing" in one.bill_saving ? t("loaded_none") : range(one.bill_saving.equity_ratio));
  const sentence = price.t_co2e_given_up_cumulative > 0 ? "orders_price" : "orders_free";
  const given = { t: number(Math.abs(price.t_co2e_given_up_cumulative)), share: percent(Math.abs(price.share_given_up), 1), eur: number(price.bill_saving_eur_a_gained_in_low_income / 1e6, 2) };
  return [
    element("h3", { tabindex: "-1" }, t("orders_title")), element("p", { class: "sentence" }, t(sentence, given)),
    scrolled(t("orders_title"), [t("order"), t("tonnes_years"), t("ratio_level", { level: percent(interval) }), t("chance_column")],
      orders.map((o) => [t(`order_${o.order}`), number(o.t_co2e_saved_cumulative), figure(o), chanceOf(o.bill_saving.equity_ratio?.p) || "–"])),
    hint(t("orders_note")), ...notesOf({ notes }),
  ];
}

export function drawWords() {
  for (const one of Object.values(panels)) one.show();
}

export function setUp() {
  const of = (id) => (body) => draw(body, id);
  panels.gains = panel($("gains"), { id: "gains", words: "gains_ask", hint: "gains_hint", wait: "gains_wait", draw: of("gains"),
    ask: (signal) => send(`/places/${state.place}/equity?${query()}`, placementsBody(), { signal }) });
  panels.orders = panel($("orders"), { id: "orders", words: "orders_ask", hint: "orders_hint", wait: "gains_wait", draw: drawOrders,
    ask: (signal) => send(`/places/${state.place}/equity/orders?${query()}`, placementsBody(), { signal }) });
  panels.scenario = panel($("scenario-gains"), { id: "scenario", words: "gains_ask", hint: "gains_hint", wait: "gains_wait", draw: of("scenario"),
    ask: (signal) => json(`/places/${state.place}/scenarios/${state.scenario}/equity?${query()}`, { signal }) });
  const forget = (...names) => names.forEach((name) => panels[name].reset());
  let shown = "", plan = "";
  // opening a form changes nothing that was asked about
  const changed = () => {
    const now = JSON.stringify(placementsBody());
    if (now !== plan) forget("gains", "orders");
    plan = now;
  };
  on("plan", changed);
  on("placements", changed);
  on("scenario", () => {
    const now = `${state.place} ${state.scenario}`;
    if (now !== shown) forget("scenario");
    shown = now;
    $("scenario-gains").hidden = !state.trajectory;
  });
  on("place", () => { Object.assign(how, { zoning: "", indicator: "" }); forget("gains", "orders", "scenario"); });
}
