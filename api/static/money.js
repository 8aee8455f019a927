// Who pays: money by payer, by placement, and warm rents by district; asked for when a planner wants to see it.
import { latest, send } from "/static/api.js";
import { balanceBars } from "/static/charts.js";
import { number, t } from "/static/i18n.js";
import { $, button, element, folded, scrolled } from "/static/markup.js";
import { measureOf, nameOf } from "/static/placement.js";
import { areaName, placementsBody, state } from "/static/state.js";

const ask = latest((signal, place, body) => send(`/places/${place}/impact?detail=true`, body, { signal }));
const millions = (value) => number(value / 1e6, Math.abs(value) < 1e7 ? 2 : 1);

export function drawMoney() {
  const asked = button(t("pays_ask"), load, { class: "primary", id: "pays-ask" });
  $("pays").replaceChildren(...(state.detail ? found(state.detail) : [element("p", { class: "hint" }, t("pays_hint")), asked]));
}

async function load() {
  const of = state.impact;
  $("pays").replaceChildren(element("p", { class: "hint", role: "status" }, t("loading")));
  try {
    const body = await ask(state.place, placementsBody());
    // the plan has changed meanwhile: this answer is about another one
    if (!body || state.impact !== of) return;
    state.detail = body;
    drawMoney();
    $("pays-title").focus();
  } catch (error) {
    $("pays").replaceChildren(element("p", { class: "warning" }, `${t("failed")} ${error.message}`), button(t("again"), load));
  }
}

function found({ money, rents, attribution }) {
  const payers = money.payers.filter((p) => p.invest_eur || p.net_eur || p.saving_eur || p.transfer_eur);
  const net = balanceBars(payers.map((p) => ({ label: t(`who_${p.payer}`), value: p.net_eur, text: millions(p.net_eur) })), t("meur"));
  const columns = ["invest", "grant", "opex", "saving", "transfer", "net"];
  const byPayer = folded(t("pays"), [t("payer"), ...columns.map((c) => t(`pays_${c}`))],
    payers.map((p) => [t(`who_${p.payer}`), ...columns.map((c) => millions(p[`${c}_eur`]))]));
  const parts = [
    element("h3", { id: "pays-title", tabindex: "-1" }, t("pays_title")),
    element("p", { class: "hint" }, t("pays_net_hint", { year: money.price_year })), net, byPayer,
    element("dl", { class: "rows" }, element("dt", {}, t("funding_gap")), element("dd", {}, `${millions(money.funding_gap_eur)} ${t("meur")}`)),
    element("h3", {}, t("per_measure")),
    scrolled(t("per_measure"), [t("measure"), t("tonnes_fair"), t("abatement")], money.placements.map((p, i) => [
      nameOf(measureOf(state.placements[i]), p.measure), number(attribution[i].t_co2e_saved_cumulative), number(p.abatement_eur_t_society)])),
  ];
  return [...parts, ...rents.flatMap(rent)];
}

function rent({ placement, areas }) {
  if (!areas.length) return [];
  const name = nameOf(measureOf(state.placements[placement]));
  const sign = (value) => (value === null ? number(value) : `${value > 0 ? "+" : ""}${number(value, 2)}`);
  return [element("h3", {}, t("rent", { name })), element("p", { class: "hint" }, t("rent_hint")),
    scrolled(t("rent", { name }), [t("area"), t("rent_1"), t("rent_10"), t("rent_grant")],
      areas.map((a) => [areaName(a.area_id), sign(a.change_1_eur_m2), sign(a.change_10_eur_m2), number(a.neutral_grant_eur_m2)]))];
}
