// Keep the plan as a scenario of the place, under a name.
import { json } from "/static/api.js";
import { t } from "/static/i18n.js";
import { $, button, problemList } from "/static/markup.js";
import { loadScenarios } from "/static/scenarios.js";
import { emit, placementsBody, state } from "/static/state.js";

const UMLAUTS = { ä: "ae", ö: "oe", ü: "ue", ß: "ss" };

export function idOf(name) {
  const text = name.toLowerCase().replace(/[äöüß]/g, (c) => UMLAUTS[c]).normalize("NFD").replace(/\p{Diacritic}/gu, "")
    .replace(/[^a-z0-9]+/g, "_").replace(/^[^a-z]+/, "").slice(0, 40).replace(/_+$/, "");
  return text || "plan";
}

async function keep(replace = false) {
  const name = $("keep-name").value.trim();
  if (!name) return tell([{ where: t("keep_name"), what: t("keep_nameless"), remedy: "", own: true }]);
  const id = idOf(name), url = `/places/${state.place}/scenarios`;
  tell([]);
  $("keep-status").textContent = t("scenario_loading");
  try {
    const body = JSON.stringify({ ...placementsBody(), id, name });
    await json(replace ? `${url}/${id}` : url, { method: replace ? "PUT" : "POST", body });
  } catch (error) {
    $("keep-status").textContent = "";
    tell(error.problems?.length ? error.problems : [{ where: t("problem"), what: error.message, remedy: "" }]);
    if (error.problems?.some((p) => p.where === "id" && p.what.endsWith("exists"))) $("keep-name-problem").append(button(t("keep_replace"), () => keep(true)));
    return;
  }
  $("keep-status").textContent = t("kept", { name });
  state.gone = id;
  emit("gone");
  Object.assign(state, { scenario: id, view: "scenario", trajectory: null });
  $("scenarios").open = true;
  await loadScenarios({ again: true });
}

function tell(problems) {
  $("keep-name-problem").replaceChildren(...problemList(problems));
  $("keep-name").toggleAttribute("aria-invalid", problems.length > 0);
}

export function setUp() {
  $("keep").addEventListener("submit", (event) => { event.preventDefault(); keep(); });
}
