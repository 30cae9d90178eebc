"use strict";
// Without this script every card is shown and the filters are not.
const filters = document.getElementById("filters");
if (filters) {
  const form = filters.querySelector("form");
  const cards = [...document.querySelectorAll(".card")];
  const field = (name) => document.getElementById("f-" + name);
  const apply = () => {
    const dataset = field("dataset").value, label = field("label").value;
    const problem = field("problem").value, upto = Number(field("confidence").value);
    let shown = 0;
    for (const card of cards) {
      const own = card.dataset;
      const problems = own.problem.split(" ").filter(Boolean);
      // A clip without a confidence is shown unless one is asked for.
      const sure = own.confidence === "" ? upto >= 1 : Number(own.confidence) <= upto;
      const fits = (dataset === "*" || own.dataset === dataset)
        && (label === "*" || own.label === label)
        && (problem === "*" || (problem === "any" ? problems.length > 0 : problems.includes(problem)))
        && sure;
      card.hidden = !fits;
      shown += fits;
    }
    document.getElementById("upto").value = upto.toFixed(2);
    document.getElementById("count").value = shown + " of " + cards.length + " clips";
  };
  form.addEventListener("input", apply);
  form.addEventListener("reset", () => setTimeout(apply));
  form.addEventListener("submit", (event) => event.preventDefault());
  filters.hidden = false;
  // On a phone the open form would cover the cards.
  if (matchMedia("(max-width: 40rem)").matches) filters.open = false;
  apply();
}
