// What htmx cannot do for the status page: say that the gateway does not answer, keep the sick sessions first, and fold
// what is healthy. Nothing here is needed to use the page.
(() => {
  "use strict";
  const refresh = document.getElementById("refresh");
  if (!refresh) return; // nobody has signed in
  const list = document.getElementById("sessions");
  const banner = document.getElementById("unanswered");
  const age = banner.querySelector(".age");
  const LATE = 30_000; // ms without an answer: longer than any request that holds the renewal up
  const RANK = { unhealthy: 0, unknown: 1, degraded: 2, healthy: 3 };
  let answered = Date.now();

  function showAge() {
    const seconds = Math.round((Date.now() - answered) / 1000);
    const text = seconds < 120 ? age.dataset.seconds : age.dataset.minutes;
    age.textContent = text.replace("{n}", seconds < 120 ? seconds : Math.floor(seconds / 60));
  }

  function setGone(gone) {
    document.body.classList.toggle("gone", gone);
    banner.hidden = !gone;
    showAge();
  }

  function verdict(article) {
    return article.querySelector(".status")?.dataset.verdict;
  }

  // A card that falls ill opens. One that recovers is folded, unless the reader has done something with it.
  function fold(article) {
    const now = verdict(article);
    const before = article.dataset.was;
    article.dataset.was = now;
    if (before === undefined || before === now) return;
    const box = article.querySelector(".fold");
    if (now !== "healthy") box.open = true;
    else if (!("touched" in article.dataset)) box.open = false;
  }

  function sort(articles) {
    if (list.contains(document.activeElement)) return; // nothing moves under somebody's fingers
    const wanted = [...articles].sort((a, b) => {
      const byRank = RANK[verdict(a)] - RANK[verdict(b)];
      return byRank || (a.dataset.name < b.dataset.name ? -1 : 1);
    });
    if (wanted.some((each, at) => each !== articles[at])) list.append(...wanted);
  }

  function arrange() {
    const articles = [...list.querySelectorAll(":scope > article")];
    articles.forEach(fold);
    sort(articles);
  }

  for (const kind of ["click", "input"]) {
    list.addEventListener(kind, (event) => {
      const article = event.target.closest("article");
      if (article) article.dataset.touched = "";
    });
  }
  refresh.addEventListener("htmx:afterRequest", (event) => {
    const status = event.detail.xhr.status;
    if (status !== 200 && status !== 204) return; // also an abort by a form that makes a session
    answered = Date.now();
    setGone(false);
    arrange();
  });
  for (const kind of ["htmx:sendError", "htmx:timeout", "htmx:responseError"]) {
    refresh.addEventListener(kind, (event) => {
      if (event.detail.xhr.status !== 401) setGone(true); // 401 leads to the sign-in form
    });
  }
  setInterval(() => {
    if (Date.now() - answered > LATE) setGone(true);
    if (!banner.hidden) showAge();
  }, 1000);
  arrange();
})();
