"use strict";
// Parts of a page that change: fetched again every few seconds while somebody looks. Polling, not a stream: a browser
// has six connections to a server for all its tabs together, which streams would hold.
for (const part of document.querySelectorAll("[data-live]")) {
  const again = async () => {
    let seconds = Number(part.dataset.seconds);
    try {
      if (!document.hidden) {
        const query = new URLSearchParams(location.search);
        query.set("revision", part.dataset.revision || "");
        const answer = await fetch(`${part.dataset.live}?${query}`);
        if (answer.status === 200) {
          const text = await answer.text();
          if (text !== part.shown) part.innerHTML = part.shown = text;
          part.dataset.revision = answer.headers.get("X-Revision") || "";
        }
      }
      document.body.classList.remove("gone");
    } catch {
      document.body.classList.add("gone"); // the board has ended, or the tunnel is down
      seconds *= 4;
    }
    setTimeout(again, 1000 * seconds);
  };
  setTimeout(again, 1000 * Number(part.dataset.seconds));
}
// Parts that take long, as what is shown has to be opened first.
for (const part of document.querySelectorAll("[data-once]"))
  fetch(part.dataset.once + location.search)
    .then(answer => answer.text(), () => "The board does not answer.")
    .then(text => { part.innerHTML = text; });
