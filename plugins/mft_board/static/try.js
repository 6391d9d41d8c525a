"use strict";
// The page Try: answers are read from one response as they come, line by line, and only ever set as text.
const form = document.getElementById("try");
if (form) {
  const answers = document.getElementById("answers"), prompts = document.getElementById("prompts");
  const stop = document.getElementById("stop");
  const chosen = () => [...form.querySelectorAll("[name=run]:checked")].map(box => box.value);
  const add = (parent, name, text = "") => {
    const made = document.createElement(name);
    made.textContent = text;
    return parent.appendChild(made);
  };

  const show = (reply, columns) => {
    if (reply.titles) {
      for (const title of reply.titles) {
        const column = add(answers, "section");
        add(column, "h3", title);
        columns.push({ text: add(column, "pre"), note: add(column, "p", "waiting") });
      }
      return;
    }
    const { text, note } = columns[reply.column];
    if (reply.loaded) note.textContent = "writing";
    if (reply.text) text.append(reply.text);
    if (reply.error) note.textContent = `${reply.error} ${reply.hint}`;
    if (reply.tokens !== undefined) {
      const words = [`${reply.tokens} tokens${reply.finished ? "" : ", not at its end"}`];
      if (reply.chrf !== undefined) words.push(reply.equal ? "equal to the reference" : `chrF ${reply.chrf.toFixed(1)} against the reference`);
      note.textContent = words.join("; ");
    }
  };

  form.addEventListener("submit", async event => {
    event.preventDefault();
    answers.replaceChildren();
    const end = new AbortController(), columns = [], fields = form.elements;
    stop.hidden = false;
    stop.onclick = () => end.abort();
    try {
      const answer = await fetch("/try/answers", {
        method: "POST", signal: end.signal, headers: { "Content-Type": "application/json" },
        body: JSON.stringify({
          runs: chosen(), base: fields.base.checked, prompt: fields.prompt.value, system: fields.system.value,
          tokens: Number(fields.tokens.value), temperature: Number(fields.temperature.value), reference: fields.reference.value,
        }),
      });
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (let piece; !(piece = await reader.read()).done;) {
        const lines = (rest + piece.value).split("\n");
        rest = lines.pop();
        for (const line of lines) {
          const reply = JSON.parse(line);
          if (reply.column === undefined && reply.error) add(answers, "p", `${reply.error} ${reply.hint}`);
          else show(reply, columns);
        }
      }
    } catch {
      add(answers, "p", end.signal.aborted ? "stopped" : "the board does not answer");
    }
    stop.hidden = true;
  });

  const examples = async task => {
    const [run] = chosen();
    if (!run) return prompts.replaceChildren("Choose a run first.");
    prompts.replaceChildren("opening the validation data");
    const answer = await fetch(`/runs/${run}/prompts?${new URLSearchParams({ task })}`);
    prompts.innerHTML = await answer.text();
  };
  document.getElementById("examples").addEventListener("click", () => examples(""));
  prompts.addEventListener("change", event => examples(event.target.value));
  prompts.addEventListener("click", event => {
    const { prompt, system, reference } = event.target.dataset;
    if (prompt !== undefined) Object.assign(form.elements.prompt, { value: prompt });
    if (prompt !== undefined) Object.assign(form.elements.system, { value: system });
    if (prompt !== undefined) Object.assign(form.elements.reference, { value: reference });
  });
}
