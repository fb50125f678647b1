// What the server cannot do: notice that it is gone itself, and move a session between the sick and the healthy ones.
"use strict";

const WORST_FIRST = ["unhealthy", "unknown", "degraded"];

// Whether the last question about all sessions got no answer, and when one got an answer (by the browser's clock: that
// of the server may differ).
let lost = false;
let answeredAt = Date.now();

function showWhetherLost() {
  const banner = document.getElementById("lost");
  if (!banner) return;
  document.body.classList.toggle("lost", lost);
  banner.hidden = !lost;
  const age = Math.round((Date.now() - answeredAt) / 1000);
  if (lost) banner.textContent = banner.dataset.words.replace("{age}", age);
}

// A session that is being made may come twice: as the answer to the form, with its code, and as news about all sessions.
function removeTwins() {
  const known = new Map();
  for (const session of document.querySelectorAll("article.session")) {
    const twin = known.get(session.id);
    if (!twin) known.set(session.id, session);
    else if (twin.querySelector(".qr")) session.remove();
    else {
      twin.remove();
      known.set(session.id, session);
    }
  }
}

// A session whose verdict has changed goes to where it belongs, unless somebody is typing in it just now.
function sortSessions() {
  removeTwins();
  const troubled = document.getElementById("troubled");
  const healthy = document.getElementById("healthy");
  if (!troubled || !healthy) return;
  for (const session of document.querySelectorAll("article.session")) {
    if (session.contains(document.activeElement)) continue;
    const status = session.querySelector(".status");
    const verdict = status && status.dataset.verdict;
    const place = verdict === "healthy" ? healthy : troubled;
    if (verdict && session.parentElement !== place) place.append(session);
  }
  const rank = (session) => {
    const status = session.querySelector(".status");
    const at = WORST_FIRST.indexOf(status && status.dataset.verdict);
    return at < 0 ? WORST_FIRST.length : at;
  };
  const sessions = [...troubled.querySelectorAll(":scope > article")];
  const sorted = [...sessions].sort((one, other) => rank(one) - rank(other));
  if (sorted.some((session, at) => session !== sessions[at]) && !troubled.contains(document.activeElement)) {
    troubled.append(...sorted);
  }
}

document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.elt.id !== "poll") return;
  lost = !event.detail.successful;
  if (!lost) answeredAt = Date.now();
  showWhetherLost();
});
document.addEventListener("htmx:oobAfterSwap", sortSessions);
document.addEventListener("htmx:afterSwap", removeTwins);
setInterval(showWhetherLost, 1000);
