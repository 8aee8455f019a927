// The form of one placement: which measure, where, how much, who comes first, when, and a rule.
import { chooser } from "/static/choice.js";
import { drawing, start as startDrawing } from "/static/draw.js";
import { getLanguage, number, percent, t } from "/static/i18n.js";
import { $, button, element, field, options, problemList } from "/static/markup.js";
import { areaName, emit, FIRST_YEAR, LAST_YEAR, state } from "/static/state.js";

const FIELDS = ["buildings", "energy", "mobility", "industry", "green", "blue"];
const PRIORITIES = ["even", "worst_first", "cheapest_first", "low_income_first", "random"];
const ON_BUILDINGS = ["space_heat", "heat", "heat_supply", "household_power"];

export const measureOf = (one) => state.measures.find((m) => m.measure === one.properties.measure);
export const nameOf = (measure, fallback = "") => measure?.[`name_${getLanguage()}`] ?? fallback;
const unitOf = (measure) => measure?.[`unit_${getLanguage()}`] ?? "";
// only buildings can be put in an order or picked by a rule
const onBuildings = (m) => Boolean(m) && (ON_BUILDINGS.includes(m.acts_on) || "kwp_per_m2_living" in m.figures || (m.effect === "generation" && m.unit === "device"));
const onWholePlace = (m) => ["factor", "plant"].includes(m?.effect);

function money(figure, unit) {
  const digits = Math.abs(figure.value) < 10 ? 2 : 0;
  const range = figure.low === null ? "" : ` (${number(figure.low, digits)} – ${number(figure.high, digits)})`;
  return t("cost_fact", { value: number(figure.value, digits) + range, unit, year: figure.price_year, status: t(`status_${figure.status}`) });
}

function facts(measure) {
  if (!measure) return element("div");
  const { invest_eur_unit: invest, lifetime_a: life, grant_share: grant } = measure.figures;
  const lines = [
    invest && money(invest, unitOf(measure)),
    life && t("life_fact", { years: number(life.value) }),
    grant?.value > 0 && t("grant_fact", { share: percent(grant.value) }),
    t("payer_fact", { payer: t(`who_${measure.payer}`), gains: t(`who_${measure.gains}`) }),
  ].filter(Boolean);
  return element("div", { class: "facts" },
    element("ul", {}, ...lines.map((line) => element("li", {}, line))),
    measure[`caution_${getLanguage()}`] && element("p", { class: "warning" }, measure[`caution_${getLanguage()}`]),
    element("a", { href: `/measures?f=html#${measure.measure}` }, t("all_figures")));
}

function changed(event = "plan") {
  emit(event);
}

export function editor(one, i) {
  const measure = measureOf(one), p = one.properties;
  const entries = FIELDS.flatMap((group) => state.measures.filter((m) => m.field === group)
    .map((m) => ({ value: m.measure, label: nameOf(m), group: t(`field_${group}`), other: `${m.name_en} ${m.name_de} ${m.catalogue_id}` })));
  const { input, list } = chooser(`measure-${i}`, entries, p.measure, (value) => { changeMeasure(one, value); refocus(`#measure-${i}`); });
  const choice = field(`measure-${i}`, t("measure"), input);
  input.after(list);
  return element("div", { class: "editor" },
    choice, facts(measure), wherePart(one, i), amountPart(one, i), onBuildings(measure) && priorityPart(one, i), yearsPart(one, i),
    onBuildings(measure) && rulePart(one, i),
    element("div", { id: `placement-${i}-problem`, class: "problem", role: "alert" }));
}

function changeMeasure(one, value) {
  const p = one.properties;
  Object.assign(p, { measure: value, uptake: null, quantity: null });
  const measure = measureOf(one);
  p.uptake = measure.figures.uptake_max?.value ?? 0.5;
  if (!onBuildings(measure)) Object.assign(p, { priority: "even", rule: "" });
  if (onWholePlace(measure)) one.where = "place";
  if (measure.acts_on !== "space_heat") delete p.warm_rent_neutral;
  delete p.curve;
  one.needsQuantity = false;
  changed("placements");
}

function wherePart(one, i) {
  const whole = onWholePlace(measureOf(one));
  const kinds = ["place", ...(state.areaNames.length > 1 && !whole ? ["districts"] : []), ...(whole ? [] : ["drawn"])];
  const radio = (kind) => element("label", {}, element("input", { type: "radio", name: `where-${i}`, value: kind, checked: one.where === kind,
    onchange: () => { one.where = kind; changed("placements"); if (kind === "drawn" && !one.geometry) draw(one); else refocus(`[name=where-${i}]:checked`); } }), " ", t(`where_${kind}`));
  const box = element("fieldset", {}, element("legend", {}, t("where")), element("div", { class: "inline" }, ...kinds.map(radio)));
  if (one.where === "districts") box.append(element("p", { class: "hint" }, t("districts_hint")), districtList(one, i));
  if (one.where === "drawn") box.append(button(t(one.geometry ? "draw_again" : "draw"), () => draw(one), { id: `draw-${i}` }));
  box.append(element("div", { id: `where-${i}-problem`, class: "problem", role: "alert" }));
  return box;
}

function districtList(one, i) {
  const { districts } = one.properties;
  const tick = (id) => element("label", {}, element("input", { type: "checkbox", name: `district-${i}`, value: id, checked: districts.includes(id), onchange: () => { toggleDistrict(one, id); refocus(`[name=district-${i}][value="${id}"]`); } }), " ", areaName(id));
  return element("div", { class: "ticks", role: "group", "aria-label": t("where_districts") }, ...state.areaNames.map(tick));
}

const refocus = (selector) => document.querySelector(selector)?.focus();

export function toggleDistrict(one, id) {
  const p = one.properties;
  p.districts = p.districts.includes(id) ? p.districts.filter((d) => d !== id) : [...p.districts, id];
  changed("placements");
}

function draw(one) {
  if (drawing()) return;
  startDrawing((geometry) => {
    if (geometry) one.geometry = geometry;
    changed("placements");
    refocus(`#draw-${state.editing}`);
  });
}

function amountPart(one, i) {
  const p = one.properties, measure = measureOf(one), shared = byShare(one);
  const kind = (share, words) => element("label", {}, element("input", { type: "radio", name: `amount-${i}`, value: share ? "share" : "quantity", checked: shared === share, disabled: share && one.needsQuantity, onchange: () => swap(one, share, i) }), " ", words);
  const box = element("fieldset", {}, element("legend", {}, t("how_much")), element("div", { class: "inline" }, kind(true, t("by_share")), kind(false, t("by_quantity", { unit: unitOf(measure) }))));
  if (shared) {
    box.append(slider(one, i));
  } else {
    const amount = element("input", { type: "number", min: 0, step: "any", inputmode: "decimal", value: p.quantity ?? "", oninput: () => { p.quantity = amount.value === "" ? null : Number(amount.value); one.needsQuantity ||= p.quantity === null; changed(); } });
    box.append(field(`quantity-${i}`, t("quantity", { unit: unitOf(measure), year: p.end }), amount));
  }
  box.append(element("p", { id: `reach-${i}`, class: "hint" }));
  return box;
}

// Stands in the form, and alone on a card that is closed: it is what planners move most.
export function slider(one, i) {
  const p = one.properties, share = p.uptake ?? measureOf(one)?.figures.uptake_max?.value ?? 0.5;
  const shown = element("output", { for: `uptake-${i}`, id: `uptake-value-${i}` }, percent(share));
  const input = element("input", { type: "range", min: 1, max: 100, step: 1, value: Math.round(100 * share), oninput: () => {
    p.uptake = Number(input.value) / 100;
    shown.textContent = percent(p.uptake);
    changed();
  } });
  return field(`uptake-${i}`, element("span", {}, t("uptake", { year: p.end }), " ", shown), input);
}

export const byShare = (one) => one.properties.quantity === null && !one.needsQuantity;

function swap(one, share, i) {
  const p = one.properties, done = state.impact?.placements[state.placements.indexOf(one)];
  if (share) Object.assign(p, { quantity: null, uptake: done?.uptake ?? measureOf(one)?.figures.uptake_max?.value ?? 0.5 });
  else Object.assign(p, { uptake: null, quantity: done ? Number(done.quantity.toPrecision(4)) : null });
  if (!share && p.quantity === null) p.quantity = 1;
  changed("placements");
  refocus(share ? `#uptake-${i}` : `#quantity-${i}`);
}

function priorityPart(one, i) {
  const select = options(element("select", { onchange: () => { one.properties.priority = select.value; changed("placements"); refocus(`#priority-${i}`); } }), PRIORITIES.map((k) => [k, t(`priority_${k}`)]), one.properties.priority);
  return field(`priority-${i}`, t("priority"), select);
}

function yearsPart(one, i) {
  const p = one.properties;
  const year = (name) => {
    const input = element("input", { type: "number", min: FIRST_YEAR, max: LAST_YEAR, step: 1, value: p[name], oninput: () => { if (input.value !== "") { p[name] = Number(input.value); changed(); } } });
    input.id = `${name}-${i}`;
    input.setAttribute("aria-describedby", `years-${i}-problem`);
    return element("div", { class: "field" }, element("label", { for: input.id }, t(name === "start" ? "from_year" : "to_year")), input);
  };
  return element("div", {}, element("div", { class: "pair" }, year("start"), year("end")), element("div", { id: `years-${i}-problem`, class: "problem", role: "alert" }));
}

function rulePart(one, i) {
  const input = element("input", { type: "text", spellcheck: "false", autocapitalize: "off", autocomplete: "off", maxlength: 4000, placeholder: "class <= 'B' and low_income", value: one.properties.rule, oninput: () => { one.properties.rule = input.value; changed(); } });
  const rows = state.rules.map((c) => element("li", {}, element("code", {}, c.name), " ", getLanguage() === "de" ? "" : c.title, c.choices ? element("span", { class: "hint" }, ` ${c.choices.join(", ")}`) : ""));
  return element("details", { class: "rule", open: Boolean(one.properties.rule) }, element("summary", {}, t("rule_title")),
    field(`rule-${i}`, t("rule"), input, t("rule_hint")),
    element("details", {}, element("summary", {}, t("rule_columns")), element("ul", { class: "columns", lang: "en" }, ...rows)));
}

// What the server found, without touching what is being typed: how far the measure reaches.
export function showReach(i) {
  const done = state.impact?.placements[i], node = $(`reach-${i}`);
  if (!node || !done) return;
  node.textContent = done.eligible > 0 ? t("reach", { quantity: number(done.quantity, done.quantity < 100 ? 1 : 0), eligible: number(done.eligible), unit: done[`unit_${getLanguage()}`] }) : "";
}

const PLACES = [[/^rule|^column/, "rule"], [/^uptake/, "uptake"], [/^quantity/, "quantity"], [/^start|^end/, "years"], [/^districts|^geometry|^units/, "where"], [/^priority/, "priority"], [/^measure/, "measure"]];

// Each problem stands beside the input that it is about, else beneath the form.
export function showProblems(i, problems) {
  for (const node of document.querySelectorAll(`[id$="-${i}-problem"]`)) node.replaceChildren();
  for (const input of document.querySelectorAll(`.editor [id$="-${i}"][aria-invalid]`)) input.removeAttribute("aria-invalid");
  for (const problem of problems) {
    const [, name] = PLACES.find(([pattern]) => pattern.test(problem.field)) ?? [];
    const beside = (name && $(`${name}-${i}-problem`)) ?? $(`placement-${i}-problem`);
    beside?.append(...problemList([{ ...problem, where: name ? t(`of_${name}`) : t("problem") }]));
    $(`${name}-${i}`)?.setAttribute("aria-invalid", "true");
    if (name === "rule") $(`rule-${i}`)?.closest("details").setAttribute("open", "");
  }
}

export function summary(one) {
  const p = one.properties, measure = measureOf(one);
  const much = p.quantity !== null ? `${number(p.quantity)} ${unitOf(measure)}` : one.needsQuantity ? t("quantity_missing") : percent(p.uptake ?? measure?.figures.uptake_max?.value ?? 0);
  const where = one.where === "districts" ? t(p.districts.length === 1 ? "one_district" : "n_districts", { n: p.districts.length }) : t(`where_${one.where}`);
  return `${much} · ${where} · ${p.start}–${p.end}${p.rule.trim() ? ` · ${t("with_rule")}` : ""}`;
}
