// The list of placements, and what they do together, asked of the API after each change.
import { debounced, latest, send } from "/static/api.js";
import { t } from "/static/i18n.js";
import { $, button, element, options, problemList } from "/static/markup.js";
import { byShare, editor, measureOf, nameOf, showProblems, showReach, slider, summary } from "/static/placement.js";
import { acts, emit, entry, isPublic, on, PATHS, placement, placementsBody, remember, state } from "/static/state.js";

const DELAY_MS = 120;

export function drawPlan() {
  const known = state.placements.map((one, i) => card(one, i));
  $("placements").replaceChildren(...known);
  options($("path"), PATHS.map((p) => [p, t(`path_${p}`)]), state.path);
  told();
}

function card(one, i) {
  const open = state.editing === i, name = nameOf(measureOf(one), one.properties.measure);
  const about = (words) => ({ "aria-label": `${words}: ${name}`, title: words });
  const head = element("div", { class: "card-head" },
    element("div", { class: "card-name" }, element("strong", {}, name), element("span", { class: "hint", id: `summary-${i}` }, summary(one))),
    element("div", { class: "card-acts" },
      button(t(open ? "close" : "edit"), () => edit(open ? -1 : i), { "aria-expanded": String(open), ...about(t(open ? "close" : "edit")) }),
      button(t("duplicate"), () => duplicate(i), about(t("duplicate"))),
      button(t("remove"), () => remove(i), about(t("remove")))));
  return element("li", { class: open ? "card open" : "card" }, head,
    open ? editor(one, i) : element("div", { class: "closed" }, byShare(one) && slider(one, i), element("div", { id: `placement-${i}-problem`, class: "problem", role: "alert" })));
}

// Whoever works by keyboard stays at the card that was opened, closed, copied or next to the removed one.
function focusCard(i) {
  (document.querySelectorAll(".card-acts button:first-child")[i] ?? $("add")).focus();
}

function edit(i) {
  const before = Math.max(state.editing, 0);
  state.editing = i;
  emit("placements");
  focusCard(i >= 0 ? i : before);
}

function duplicate(i) {
  state.placements.splice(i + 1, 0, structuredClone(state.placements[i]));
  edit(i + 1);
}

function remove(i) {
  state.placements.splice(i, 1);
  state.editing = -1;
  emit("placements");
  focusCard(Math.max(i - 1, 0));
}

export function setPlacements(placements, path) {
  state.placements = placements;
  state.path = path;
  state.editing = -1;
  emit("placements");
}

function add() {
  const taken = state.placements.map((p) => p.properties.measure);
  const next = state.measures.find((m) => m.effect !== "none" && !taken.includes(m.measure)) ?? state.measures[0];
  state.placements.push(placement({ measure: next.measure, uptake: next.figures.uptake_max?.value ?? 0.5 }));
  edit(state.placements.length - 1);
  const input = $(`measure-${state.editing}`);
  input?.focus();
}

// Which placement a problem is about, as the engine says it and as the body's check says it.
function placed(problem) {
  const found = /^placement (\d+)(?:, (.*))?$/.exec(problem.where) ?? /^body\.features\.(\d+)\.?(?:properties\.)?(.*)$/.exec(problem.where);
  return found ? { ...problem, index: Number(found[1]), field: found[2] ?? "" } : { ...problem, index: -1, field: problem.where };
}

function told() {
  state.placements.forEach((one, i) => {
    showProblems(i, state.problems.filter((p) => p.index === i));
    showReach(i);
    const line = $(`summary-${i}`);
    if (line) line.textContent = summary(one);
  });
  const others = state.problems.filter((p) => p.index < 0 || p.index >= state.placements.length);
  $("plan-problem").replaceChildren(...problemList(others));
}

// What the page itself can tell is missing needs no request.
function unfinished() {
  return state.placements.flatMap((one, index) => {
    const p = one.properties, here = (field, what) => ({ index, field, where: field, what, remedy: "", own: true });
    return [
      one.where === "districts" && !p.districts.length && here("districts", t("tick_one")),
      one.where === "drawn" && !one.geometry && here("geometry", t("draw_one")),
      one.needsQuantity && p.quantity === null && here("quantity", t("quantity_hint")),
    ].filter(Boolean);
  });
}

const ask = latest((signal, place, body) => send(`/places/${place}/impact?detail=false`, body, { signal }));

async function compute() {
  delete document.body.dataset.ready;
  $("results").classList.add("stale");
  if (isPublic) return finish(null, [], "");
  if (!acts()) return finish(null, [], t("no_stock"));
  if (!state.placements.length) return finish(null, [], t("no_measure"));
  state.problems = unfinished();
  told();
  if (state.problems.length) return finish(null, state.problems, t("unfinished"));
  $("status").textContent = t("loading");
  const place = state.place;
  try {
    const body = await ask(place, placementsBody());
    if (body) finish(body, [], t("ready", { name: entry().name }));
  } catch (error) {
    const problems = error.problems?.map(placed) ?? [];
    const missing = problems.filter((p) => p.field === "quantity" && p.what === "is missing");
    // nothing is known that a share could be of: the form asks for an amount instead
    for (const { index } of missing) Object.assign(state.placements[index], { needsQuantity: true });
    if (missing.length) {
      for (const { index } of missing) state.placements[index].properties.uptake = null;
      drawPlan();
      return compute();
    }
    finish(null, problems.length ? problems : [{ index: -1, where: t("problem"), what: error.message, remedy: "" }], t("correct"));
  }
}

function finish(impact, problems, words) {
  Object.assign(state, { impact, problems, detail: null });
  if (impact) state.areaIds = impact.areas.map((a) => a.area_id);
  $("results").classList.remove("stale");
  $("status").textContent = words;
  told();
  emit("impact");
  const first = state.placements[0]?.properties;
  document.body.dataset.ready = `${state.place} ${first ? Math.round(100 * (first.uptake ?? 0)) : "none"}`;
}

const later = debounced(compute, DELAY_MS);

// From here on the figures at hand are those of an earlier setting.
function soon() {
  delete document.body.dataset.ready;
  later();
}

export function setUp() {
  $("add").addEventListener("click", add);
  $("path").addEventListener("change", () => { state.path = $("path").value; emit("plan"); });
  on("plan", () => { remember(); soon(); told(); });
  on("placements", () => { drawPlan(); remember(); soon(); });
}

export { compute };
