// Requests to the service that serves this page; every failure is told as the API tells it.
export class ApiProblem extends Error {
  constructor(detail, problems, status) {
    super(detail);
    this.problems = problems;
    this.status = status;
  }
}

export async function json(url, options = {}) {
  let answer, body;
  try {
    answer = await fetch(url, { headers: { Accept: "application/json", "Content-Type": "application/json" }, ...options });
    body = answer.status === 204 ? null : await answer.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiProblem(error.message, [], 0);
  }
  if (!answer.ok) throw new ApiProblem(body.detail ?? answer.statusText, body.problems ?? [], answer.status);
  return body;
}

export const send = (url, body, options = {}) => json(url, { method: "POST", body: JSON.stringify(body), ...options });

// Keeps only the latest of several calls: an earlier one is cancelled, and its answer never arrives.
export function latest(work) {
  let running = null;
  const call = async (...values) => {
    running?.abort();
    const mine = new AbortController();
    running = mine;
    try {
      const result = await work(mine.signal, ...values);
      return mine === running ? result : undefined;
    } catch (error) {
      if (mine !== running || error.name === "AbortError") return undefined;
      throw error;
    }
  };
  call.cancel = () => { running?.abort(); running = null; };
  return call;
}

export function debounced(work, delay_ms) {
  let timer;
  return () => { clearTimeout(timer); timer = setTimeout(work, delay_ms); };
}
