// An answer that takes some seconds: asked for by a button, told to screen readers, cancelled by hand or by a newer one.
import { latest } from "/static/api.js";
import { t } from "/static/i18n.js";
import { button, element, problemList } from "/static/markup.js";

// `ask` gets a signal and values, `draw` makes nodes of the answer; `words` and `hint` are keys of words.
export function panel(node, { id, words, hint, wait, ask, draw, drawn = () => {} }) {
  const call = latest(ask), status = element("p", { class: "hint", role: "status" });
  const head = element("div", {}), body = element("div", {});
  let found = null, busy = false, problems = [];
  node.replaceChildren(head, status, body);

  function show({ again = true } = {}) {
    const focused = node.contains(document.activeElement) ? document.activeElement : null;
    status.textContent = busy ? t(wait) : "";
    node.dataset.state = busy ? "busy" : found ? "found" : "idle";
    head.replaceChildren(...(busy ? [element("progress", { "aria-label": t(wait) }), button(t("draw_cancel"), reset, { id: `${id}-cancel` })]
      : found ? [] : [hint && element("p", { class: "hint" }, t(hint)), words && button(t(words), () => load(), { class: "primary", id: `${id}-ask` })].filter(Boolean)));
    body.classList.toggle("stale", busy);
    // an earlier answer stays in reach, greyed, until the next one is there
    if (again || !found) body.replaceChildren(...(found ? draw(found) : problemList(problems)));
    if (focused && !focused.isConnected) follow(focused);
  }

  // whoever works by keyboard goes on where they were
  function follow(before) {
    const same = before.dataset.point ? "[role=radio][tabindex='0']" : before.id ? `#${before.id}` : null;
    ((same && body.querySelector(same)) ?? (busy ? head.querySelector("button") : body.querySelector("h3[tabindex]") ?? head.querySelector("button")))?.focus();
  }

  async function load(...values) {
    busy = true;
    problems = [];
    show({ again: false });
    try {
      const answer = await call(...values);
      // a newer question is on its way, or nobody waits any more
      if (answer === undefined) return;
      found = answer;
    } catch (error) {
      found = null;
      problems = error.problems?.length ? error.problems : [{ where: t("problem"), what: error.message, remedy: "" }];
    }
    busy = false;
    show();
    drawn(found);
  }

  // The answer at hand stays, the one under way is not waited for.
  function stop() {
    call.cancel();
    busy = false;
    show();
  }

  // What was asked about has changed: neither an answer at hand nor one under way holds any more.
  function reset() {
    call.cancel();
    found = null;
    busy = false;
    problems = [];
    show();
    drawn(null);
  }

  show();
  return { load, stop, reset, show };
}
