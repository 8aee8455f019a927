// Scenarios of a place: their path against target and budget, what drives it, and two of them side by side.
import { json, latest } from "/static/api.js";
import { balanceBars, lineChart } from "/static/charts.js";
import { getLanguage, number, percent, t } from "/static/i18n.js";
import { $, button, element, folded, options, scrolled } from "/static/markup.js";
import { setPlacements } from "/static/plan.js";
import { acts, areaName, emit, OF_SCENARIO, on, PATHS, placement, remember, state, TARGET_YEARS } from "/static/state.js";

const SECTORS = ["households", "economy", "transport", "municipal"];
const DRIVERS = ["municipal_measures", "external_path", "activity"];
const at = (path = "") => `/places/${state.place}/scenarios${path}`;
const ask = latest((signal, url) => json(url, { signal }));
const askCompare = latest((signal, url) => json(url, { signal }));
const askList = latest((signal, url) => json(url, { signal }));

export const nameOf = (s) => (getLanguage() === "de" && s.name_de) || s.name || s.id;
export const chosen = () => state.scenarios.find((s) => s.id === state.scenario);
let comparison = null, listing = null;

// Asked for once for each place, however many parts of the page want it.
function list() {
  if (listing?.place === state.place) return listing.found;
  const asked = { place: state.place, found: askList(at()) };
  asked.found.catch(() => { if (listing === asked) listing = null; });
  listing = asked;
  return asked.found;
}

export async function loadScenarios({ again = false } = {}) {
  if (!acts()) return say(t("no_stock"));
  if (again) listing = null;
  if (!state.trajectory) say(t("scenario_loading"));
  try {
    const body = await list();
    if (!body || body.place !== state.place) return;
    state.scenarios = body.scenarios;
  } catch (error) {
    return say(`${t("failed")} ${error.message}`);
  }
  if (!chosen()) state.scenario = state.scenarios[1]?.id ?? "reference";
  if (!state.scenarios.some((s) => s.id === state.against)) state.against = "";
  drawChoices();
  await loadTrajectory();
}

function say(words) {
  state.trajectory = null;
  $("trajectory").replaceChildren(element("p", { class: "hint", role: "status" }, words));
  document.body.dataset.scenario = "";
}

export async function loadTrajectory() {
  document.body.dataset.scenario = "";
  const { place, scenario, against } = state;
  if (state.trajectory?.id !== scenario || state.trajectory?.place !== place) say(t("scenario_loading"));
  try {
    const body = await ask(at(`/${scenario}`));
    if (!body) return;
    state.trajectory = body;
    comparison = against && against !== scenario ? await askCompare(at(`/${scenario}/compare?against=${against}`)) : null;
    if (comparison === undefined) return;
    drawScenario();
    emit("scenario");
    document.body.dataset.scenario = `${place} ${scenario} ${against}`.trim();
  } catch (error) {
    say(`${t("failed")} ${error.message}`);
  }
}

export function drawChoices() {
  const pairs = state.scenarios.map((s) => [s.id, s.own ? `${nameOf(s)} (${t("own")})` : nameOf(s)]);
  if (pairs.length) {
    options($("scenario"), pairs, state.scenario);
    options($("against"), [["", t("against_none")], ...pairs.filter(([id]) => id !== state.scenario)], state.against);
  }
  options($("year"), TARGET_YEARS.map((y) => [String(y), String(y)]), String(state.year));
  options($("figure"), ["saved", "emissions"].map((f) => [f, t(`figure_${f}`)]), state.figure);
}

export function drawScenario() {
  const found = state.trajectory;
  if (!found) return;
  const path = found.trajectory, i = path.years.indexOf(state.year), target = path.targets.linear;
  const lines = [
    { label: nameOf(found), values: path.t_co2e, line: "line-with" },
    { label: t("without_measures"), values: path.t_co2e_without_measures, line: "line-without" },
    { label: t("target_line", { year: target.zero_year }), values: target.t_co2e, line: "line-target" },
  ];
  const other = comparison?.scenarios[1];
  if (other) lines.splice(1, 0, { label: nameOf(other), values: other.t_co2e, line: "line-other" });
  const used = path.budget.used_up_year;
  const marks = used ? [{ year: used, words: t("budget_mark", { year: used }) }] : [];
  $("trajectory").replaceChildren(
    element("h3", {}, t("trajectory")),
    lineChart(path.years, lines, { marks }),
    folded(t("trajectory"), [t("year"), ...lines.map((l) => l.label)], path.years.map((y, k) => [String(y), ...lines.map((l) => number(l.values[k]))])),
    element("dl", { class: "rows" },
      ...row(t("gap_to_target", { year: state.year }), signed(target.gap_t[i], "t")),
      ...row(t("required"), path.required_t_a === null ? t("loaded_none") : `${number(path.required_t_a)} t/a`),
      ...row(t("budget_used"), used ?? t("budget_not_used"))),
    element("p", { class: "hint" }, t("budget_hint")),
    element("h3", {}, t("change", { from: path.base.year, to: state.year })),
    balanceBars(DRIVERS.map((d) => ({ label: t(`driver_${d}`), value: path.change[d][i], text: signed(path.change[d][i]) })), "t/a"),
    folded(t("change", { from: path.base.year, to: state.year }), [t("year"), ...DRIVERS.map((d) => t(`driver_${d}`))],
      path.years.map((y, k) => [String(y), ...DRIVERS.map((d) => signed(path.change[d][k]))])),
    ...(comparison ? compared() : []), made(found));
}

const row = (name, value) => [element("dt", {}, name), element("dd", {}, String(value))];

function signed(value, unit = "") {
  if (value === null || value === undefined) return number(value);
  return `${value > 0.5 ? "+" : ""}${number(value)} ${unit}`.trim();
}

function compared() {
  const [one, other] = comparison.scenarios, title = t("differences", { one: nameOf(one), other: nameOf(other) });
  const years = TARGET_YEARS.map((y) => `t_co2e_difference_${y}`);
  const sums = years.map((c) => comparison.sectors.reduce((sum, s) => sum + (s[c] ?? 0), 0));
  const areas = comparison.areas.map((a) => [areaName(a.area_id), signed(a.t_co2e_2045_difference), signed(a.invest_eur_difference / 1e6), signed(a.bill_saving_eur_a_difference / 1e6)]);
  return [element("h3", {}, title), element("p", { class: "hint" }, t("differences_hint")),
    scrolled(title, [t("sector"), ...TARGET_YEARS.map(String)], [
      ...SECTORS.map((name) => comparison.sectors.find((s) => s.sector === name)).filter(Boolean).map((s) => [t(`sector_${s.sector}`), ...years.map((c) => signed(s[c]))]),
      [t("sum"), ...sums.map((s) => signed(s))]]),
    element("dl", { class: "rows" }, ...row(`${t("invest")}, ${t("meur")}`, signed((one.invest_eur - other.invest_eur) / 1e6)),
      ...row(t("cumulative"), signed(one.t_co2e_cumulative - other.t_co2e_cumulative, "t"))),
    element("details", {}, element("summary", {}, t("areas")), scrolled(`${title}, ${t("areas")}`, [t("area"), `${t("tonnes")} 2045`, `${t("invest")}, ${t("meur")}`, `${t("bill")}, ${t("meur")}`], areas))];
}

function made(found) {
  const lines = found.features.map(({ properties: p }) => {
    const measure = state.measures.find((m) => m.measure === p.measure);
    const much = p.quantity !== null ? `${number(p.quantity)} ${measure?.[`unit_${getLanguage()}`] ?? ""}` : p.uptake !== null ? percent(p.uptake) : "";
    return element("li", {}, `${measure?.[`name_${getLanguage()}`] ?? p.measure}: ${much}`);
  });
  return element("details", {}, element("summary", {}, t("made_of")), element("ul", { class: "notes" }, ...lines),
    element("p", { class: "hint" }, `${t("path")}: ${t(`path_${found.path}`)}. `, element("a", { href: at(`/${found.id}/table?kind=csv`) }, t("as_csv"))),
    button(t("take_over"), takeOver), found.own && button(t("delete_scenario"), remove, { class: "danger" }));
}

// the plan cannot hold what a scenario only has by itself: growth, own figures, seed
function takeOver() {
  const found = state.trajectory;
  state.view = "plan";
  setPlacements(found.features.map(({ properties, geometry }) => placement(properties, geometry)), PATHS.includes(found.path) ? found.path : "central");
  emit("view");
  $("plan-title").scrollIntoView();
}

async function remove() {
  const found = state.trajectory;
  if (!confirm(t("delete_sure", { name: nameOf(found) }))) return;
  try {
    await json(at(`/${found.id}`), { method: "DELETE" });
  } catch (error) {
    return say(`${t("failed")} ${error.message}`);
  }
  state.gone = found.id;
  emit("gone");
  Object.assign(state, { scenario: "climate_plan", trajectory: null });
  await loadScenarios({ again: true });
  $("scenario").focus();
}

export function setUp() {
  const pick = (id, work) => $(id).addEventListener("change", () => { work($(id).value); remember(); });
  pick("scenario", (value) => { Object.assign(state, { scenario: value, view: OF_SCENARIO.includes(state.view) ? state.view : "scenario", against: state.against === value ? "" : state.against }); drawChoices(); loadTrajectory(); });
  pick("against", (value) => { state.against = value; loadTrajectory(); });
  pick("year", (value) => { Object.assign(state, { year: Number(value), view: "scenario" }); drawScenario(); emit("scenario"); });
  pick("figure", (value) => { Object.assign(state, { figure: value, view: "scenario" }); emit("scenario"); });
  on("place", () => { comparison = null; listing = null; state.trajectory = null; state.scenarios = []; });
}
