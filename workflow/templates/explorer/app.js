// The explorer: filters → leaderboard and parallel coordinates; ticks → learning curves; a name → its record.
// A run is its position in the columns of `runs`. All text is set as text, never as HTML.
"use strict";
(() => {
  const { runs, curves, groups, rank_by: rankBy, command } = JSON.parse(document.getElementById("data").textContent);
  const texts = JSON.parse(document.getElementById("texts").textContent);
  const all = runs.model.map((_, run) => run);
  const $ = (id) => document.getElementById(id);
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (found, name) => values[name] ?? found);
  /** A text for a trace's name, in which Plotly takes HTML. */
  const plain = (text) => String(text).replace(/[&<>]/g, (character) => `&#${character.charCodeAt(0)};`);
  /** A value as a word of a shell command. */
  const word = (value) => (/^[\w./+-]+$/.test(value) ? value : `'${String(value).replaceAll("'", "'\\''")}'`);
  const natural = new Intl.Collator("en", { numeric: true }); // for seeds, which are text
  const order = (a, b) => (typeof a === "number" ? a - b : natural.compare(a, b));
  const known = {};
  // Numbers are sorted; names, such as those of models, keep the order of the config.
  const distinct = (name) => (known[name] ??= [...new Set(runs[name])].sort((a, b) => (typeof a === "number" ? a - b : 0)));
  const label = (run) => `${runs.model[run]}/${runs.name[run]}` + (seeds.length > 1 ? `/seed${runs.seed[run]}` : "");
  const diverged = (run) => runs.status[run] === "diverged";
  const rounded = (value, digits) => (value === null ? "–" : value.toFixed(digits));

  /** An element with attributes and children; strings become text. */
  function el(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  }

  const seeds = distinct("seed");
  const metrics = ["last_val_loss", "last_val_acc", "last_train_loss", "last_train_acc", "best_test_acc"];
  const isMetric = (name) => name.startsWith("last_") || name.startsWith("best_");
  const isLoss = (name) => name.endsWith("_loss");
  const parameters = ["batch_size", "learning_rate", "dropout_rate", ...(seeds.length > 1 ? ["seed"] : [])];
  // The metrics come before the parameters, which the name repeats: a phone shows the first columns only.
  const columns = ["name", "model", ...metrics, "best_epoch", ...parameters, "training_s", "status"];
  const shown = {
    ...Object.fromEntries(metrics.map((name) => [name, (run) => rounded(runs[name][run], 4)])),
    best_epoch: (run) => rounded(runs.best_epoch[run], 0),
    training_s: (run) => rounded(runs.training_s[run], 1),
    status: (run) => (diverged(run) ? fill(texts.diverged_in, { epoch: runs.diverged_epoch[run] }) : runs.status[run]),
  };

  const PAGE = 25;
  const COLOURS = ["#3b82c4", "#e07b1a", "#2a9d6f", "#c95fa3", "#b8960c", "#8a6fd1", "#d6504b", "#3aa6b9", "#8c7a55", "#7a8794"];
  // Viridis without its dark end, for lines on a dark page.
  const BRIGHT = [[0, "#7d6bd6"], [0.35, "#3f9bc4"], [0.65, "#35b779"], [1, "#fde725"]];
  const state = {
    sort: { name: `last_${rankBy}`, sign: isLoss(rankBy) ? 1 : -1 },
    choices: {}, words: [], brush: {}, page: 0, open: null,
    filtered: all, // the runs that pass the form's filters
    listed: all, // those of them that lie in the selected ranges of the axes, sorted
    drawn: new Map(), // run → number of its colour
  };

  // ---- plots: drawn when they come into sight, and again when what they show has changed

  const plots = {
    loss: { draw: () => drawCurves("loss") },
    accuracy: { draw: () => drawCurves("accuracy") },
    parallel: { draw: drawParallel },
    heat: { draw: drawHeat },
  };
  const changed = (...names) => {
    for (const name of names) plots[name].stale = true;
    clearTimeout(changed.timer);
    changed.timer = setTimeout(redraw, 120);
  };
  function redraw() {
    for (const plot of Object.values(plots)) {
      if (plot.stale && plot.seen) {
        plot.stale = false;
        plot.draw();
      }
    }
  }
  const observer = new IntersectionObserver((entries) => {
    for (const entry of entries) plots[entry.target.id].seen = entry.isIntersecting;
    clearTimeout(changed.timer);
    changed.timer = setTimeout(redraw, 0);
  }, { rootMargin: "200px" });
  for (const name of Object.keys(plots)) {
    plots[name].stale = true;
    observer.observe($(name));
  }

  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  function look(layout) {
    const axis = { gridcolor: colour("line"), linecolor: colour("line"), zeroline: false, automargin: true };
    const merged = { ...layout, paper_bgcolor: colour("card"), plot_bgcolor: colour("card") };
    merged.font = { color: colour("ink"), family: getComputedStyle(document.body).fontFamily, size: 12 };
    merged.margin = { l: 10, r: 10, t: 10, b: 10, ...layout.margin };
    merged.hoverlabel = { bgcolor: colour("card"), bordercolor: colour("line"), font: { color: colour("ink") }, namelength: -1 };
    for (const name of ["xaxis", "yaxis"]) if (layout[name]) merged[name] = { ...axis, ...layout[name] };
    return merged;
  }
  // On a touch screen the plots must not catch a finger that scrolls, and they get no buttons, which would cover them.
  const mouse = matchMedia("(hover: hover)").matches;
  const plot = (name, traces, layout, words) => {
    $(name).setAttribute("aria-label", words);
    const config = { displaylogo: false, responsive: true, modeBarButtonsToRemove: ["select2d", "lasso2d"] };
    if (!mouse) config.displayModeBar = false;
    return Plotly.react($(name), traces, look({ dragmode: mouse ? "zoom" : false, ...layout }), config);
  };

  function drawCurves(kind) {
    const suffix = kind === "loss" ? "loss" : "acc";
    const traces = [];
    for (const [run, number] of state.drawn) {
      for (const [part, dash, name] of [["train", "dash", texts.training], ["val", "solid", texts.validation]]) {
        const values = curves[`${part}_${suffix}`][run];
        traces.push({
          type: "scatter", mode: values.length > 1 ? "lines" : "markers", name: `${plain(label(run))} ${name}`,
          x: values.map((_, epoch) => epoch), y: values, line: { dash, width: 2, color: COLOURS[number % COLOURS.length] },
          marker: { color: COLOURS[number % COLOURS.length] }, hovertemplate: "%{x}: %{y}<extra>%{fullData.name}</extra>",
        });
      }
    }
    const longest = Math.max(0, ...traces.map((trace) => trace.x.length));
    const words = fill(texts.plot_of, { metric: texts[kind], runs: [...state.drawn.keys()].map(label).join(", ") || "–" });
    plot(kind, traces, {
      showlegend: false, hovermode: "closest",
      xaxis: { title: { text: texts.epoch }, rangemode: "tozero", dtick: longest > 10 ? undefined : 1 }, yaxis: { title: { text: texts[kind], standoff: 12 } },
    }, words);
  }

  function drawParallel() {
    const used = state.filtered.filter((run) => !diverged(run));
    const dimensions = ["model", ...parameters, ...metrics].map((name) => {
      const values = distinct(name);
      const axis = { label: texts.columns[name], name, constraintrange: state.brush[name] };
      if (isMetric(name)) return { ...axis, values: used.map((run) => runs[name][run]) };
      const at = new Map(values.map((value, position) => [value, position]));
      // The values stand at equal distances. About 12 of them are named; more names would overlap.
      const step = Math.ceil(values.length / 12);
      const ticks = [...at.values()].filter((position) => position % step === 0);
      return {
        ...axis, values: used.map((run) => at.get(runs[name][run])), range: [-0.2, Math.max(values.length - 0.8, 0.2)],
        tickvals: ticks, ticktext: ticks.map((position) => String(values[position])),
      };
    }).filter((axis) => isMetric(axis.name) || new Set(runs[axis.name]).size > 1);
    const metric = $("colour").value;
    const values = used.map((run) => runs[metric][run]);
    const done = plot("parallel", [{
      type: "parcoords", dimensions, labelfont: { size: 12 }, unselected: { line: { opacity: 0.06 } },
      line: { color: values, colorscale: theme.current() === "dark" ? BRIGHT : "Viridis", reversescale: isLoss(metric), showscale: true, colorbar: { thickness: 12 } },
    }], { margin: { l: 60, r: 20, t: 50, b: 20 } }, `${texts.parallel}: ${used.length}`);
    done.then((graph) => {
      if (graph.listens) return;
      graph.listens = true;
      graph.on("plotly_restyle", () => {
        state.brush = {};
        for (const axis of graph.data[0].dimensions) {
          if (axis.constraintrange?.length) state.brush[axis.name] = axis.constraintrange;
        }
        list();
      });
    });
  }

  /** Whether a run lies in the selected ranges of all axes. */
  function brushed(run) {
    return Object.entries(state.brush).every(([name, ranges]) => {
      if (diverged(run)) return false;
      const value = isMetric(name) ? runs[name][run] : distinct(name).indexOf(runs[name][run]);
      return (Array.isArray(ranges[0]) ? ranges : [ranges]).some(([low, high]) => low <= value && value <= high);
    });
  }

  function drawHeat() {
    const [model, batch, metric] = ["heat-model", "heat-batch", "heat-metric"].map((id) => $(id).value);
    const used = all.filter((run) => runs.model[run] === model && String(runs.batch_size[run]) === batch);
    const [rates, drops] = ["learning_rate", "dropout_rate"].map((name) => distinct(name).filter((value) => used.some((run) => runs[name][run] === value)));
    const cell = (rate, drop) => used.filter((run) => runs.learning_rate[run] === rate && runs.dropout_rate[run] === drop);
    const mean = (cellRuns) => {
      if (!cellRuns.length || cellRuns.some(diverged)) return null;
      return cellRuns.reduce((sum, run) => sum + runs[metric][run], 0) / cellRuns.length;
    };
    const cells = rates.map((rate) => drops.map((drop) => cell(rate, drop)));
    const z = cells.map((row) => row.map(mean));
    const text = cells.map((row, i) => row.map((cellRuns, j) => (cellRuns.some(diverged) ? texts.diverged : rounded(z[i][j], 4))));
    const words = `${texts.columns[metric]}, ${model}, ${texts.columns.batch_size} ${batch}: `
      + rates.map((rate, i) => drops.map((drop, j) => `${rate} × ${drop} ${text[i][j]}`).join("; ")).join("; ");
    // A heat map shows no text in a cell without a number, so an annotation does.
    const empty = rates.flatMap((rate, i) => drops.map((drop, j) => ({ i, j })).filter(({ j }) => z[i][j] === null));
    // With names and a range, because an axis would be empty if no cell had a number.
    const categories = (values) => ({
      type: "category", showgrid: false, range: [-0.5, values.length - 0.5], tickvals: values.map((_, position) => position),
      categoryarray: values.map(String), ticktext: values.map(String),
    });
    const done = plot("heat", [{
      type: "heatmap", z, x: drops.map(String), y: rates.map(String), text, texttemplate: "%{text}", xgap: 2, ygap: 2,
      colorscale: "Viridis", reversescale: isLoss(metric), colorbar: { thickness: 12 }, hoverongaps: false,
      hovertemplate: `${texts.columns.learning_rate} %{y}<br>${texts.columns.dropout_rate} %{x}<br>%{text}<extra></extra>`,
    }], {
      xaxis: { title: { text: texts.columns.dropout_rate, standoff: 8 }, ...categories(drops) },
      yaxis: { title: { text: texts.columns.learning_rate, standoff: 16 }, ...categories(rates) },
      annotations: empty.map(({ i, j }) => ({ x: j, y: i, text: text[i][j], showarrow: false })),
    }, words);
    plots.heat.cells = cells;
    done.then((graph) => {
      if (graph.listens) return;
      graph.listens = true;
      graph.on("plotly_click", ({ points: [point] }) => {
        const [row, column] = point.pointIndex;
        for (const run of plots.heat.cells[row][column]) draw(run, true);
        openRun(plots.heat.cells[row][column][0]);
      });
    });
  }

  // ---- filters

  const haystacks = all.map((run) => [label(run), `seed${runs.seed[run]}`, runs.status[run], runs.device_name[run], runs.precision[run], runs.key[run]].join(" ").toLowerCase());

  function filter() {
    const sets = Object.entries(state.choices).filter(([, chosen]) => chosen.size);
    state.filtered = all.filter((run) => sets.every(([name, chosen]) => chosen.has(runs[name][run]))
      && state.words.every((word) => haystacks[run].includes(word)));
    list();
    changed("parallel");
  }

  function list() {
    const { name, sign } = state.sort;
    const values = runs[name];
    // A diverged run ranks behind all others in every metric: its last value is not a result.
    const behind = (run) => values[run] === null || (isMetric(name) && diverged(run));
    const compare = (a, b) => {
      if (name === "name") return parameters.map((key) => order(runs[key][a], runs[key][b])).find(Boolean) ?? 0;
      return order(values[a], values[b]);
    };
    state.listed = state.filtered.filter(brushed)
      .sort((a, b) => behind(a) - behind(b) || (behind(a) ? 0 : sign * compare(a, b)) || a - b);
    state.page = 0;
    $("count").textContent = fill(texts.count, { shown: state.listed.length, all: all.length });
    $("unbrush").hidden = !Object.keys(state.brush).length;
    showPage();
  }

  for (const name of ["model", "batch_size", "learning_rate", "dropout_rate", "status"]) {
    const values = distinct(name);
    state.choices[name] = new Set();
    if (values.length < 2) continue;
    $("choices").append(el("fieldset", {}, el("legend", {}, texts.columns[name]), ...values.map((value) => {
      const box = el("input", {
        type: "checkbox", name, value: String(value),
        onchange: () => {
          if (box.checked) state.choices[name].add(value);
          else state.choices[name].delete(value);
          filter();
        },
      });
      return el("label", { class: "choice" }, box, String(value));
    })));
  }
  $("search").addEventListener("input", () => {
    state.words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    filter();
  });
  $("filters").addEventListener("submit", (event) => event.preventDefault());
  $("filters").addEventListener("reset", () => {
    for (const chosen of Object.values(state.choices)) chosen.clear();
    state.words = [];
    state.brush = {};
    filter();
  });
  $("unbrush").addEventListener("click", () => {
    state.brush = {};
    list();
    changed("parallel");
  });

  // ---- the leaderboard

  const head = document.querySelector("#leaderboard thead tr");
  const numeric = (name) => !["name", "model", "status"].includes(name);
  head.append(el("td"), ...columns.map((name) => el("th", { scope: "col", "data-column": name, class: numeric(name) ? "number" : "" },
    el("button", {
      type: "button",
      onclick: () => {
        const sign = isMetric(name) && !isLoss(name) ? -1 : 1; // the best first
        state.sort = { name, sign: state.sort.name === name ? -state.sort.sign : sign };
        showSort();
        list();
      },
    }, texts.columns[name]))));

  function showSort() {
    for (const cell of head.querySelectorAll("th")) {
      const sorted = cell.dataset.column === state.sort.name;
      cell.setAttribute("aria-sort", sorted ? (state.sort.sign > 0 ? "ascending" : "descending") : "none");
    }
  }

  function showPage() {
    const first = state.page * PAGE;
    const page = state.listed.slice(first, first + PAGE);
    $("page").textContent = page.length ? fill(texts.page, { first: first + 1, last: first + page.length, all: state.listed.length }) : texts.none;
    $("previous").disabled = state.page === 0;
    $("next").disabled = first + PAGE >= state.listed.length;
    $("select-page").disabled = !page.length;
    document.querySelector("#leaderboard tbody").replaceChildren(...page.map((run) => {
      const box = el("input", { type: "checkbox", "aria-label": fill(texts.draw, { run: label(run) }), onchange: () => draw(run, box.checked) });
      const name = el("button", { type: "button", onclick: () => { draw(run, true); openRun(run, true); } }, runs.name[run]);
      return el("tr", { "data-run": run, class: diverged(run) ? "diverged" : "" }, el("td", {}, box), el("td", {}, name),
        ...columns.slice(1).map((column) => el("td", { "data-column": column, class: numeric(column) ? "number" : "" },
          column in shown ? shown[column](run) : String(runs[column][run]))));
    }));
    showMarks();
  }

  /** Show in the rows of this page which runs are drawn, in which colour, and which run is open. */
  function showMarks() {
    for (const row of document.querySelectorAll("#leaderboard tbody tr")) {
      const run = Number(row.dataset.run);
      row.querySelector("input").checked = state.drawn.has(run);
      row.classList.toggle("chosen", run === state.open);
      row.querySelector("button").setAttribute("aria-expanded", String(run === state.open));
      if (state.drawn.has(run)) row.style.setProperty("--run-colour", COLOURS[state.drawn.get(run) % COLOURS.length]);
      else row.style.removeProperty("--run-colour");
    }
  }

  const turn = (pages) => { state.page += pages; showPage(); };
  $("previous").addEventListener("click", () => turn(-1));
  $("next").addEventListener("click", () => turn(1));
  $("select-page").addEventListener("click", () => {
    for (const run of state.listed.slice(state.page * PAGE, (state.page + 1) * PAGE)) draw(run, true);
  });

  // ---- runs that are drawn, and the one whose record is open

  function draw(run, on) {
    if (on === state.drawn.has(run)) return;
    if (on) {
      const taken = new Set(state.drawn.values());
      let number = 0;
      while (taken.has(number)) number += 1;
      state.drawn.set(run, number);
      $("selected").append(el("li", { "data-run": run, style: `--run-colour: ${COLOURS[number % COLOURS.length]}` }, label(run),
        el("button", { type: "button", "aria-label": fill(texts.remove, { run: label(run) }), onclick: () => { draw(run, false); $("selected").querySelector("button")?.focus(); } }, "×")));
    } else {
      state.drawn.delete(run);
      $("selected").querySelector(`[data-run="${run}"]`).remove();
    }
    showMarks();
    changed("loss", "accuracy");
  }
  $("clear").addEventListener("click", () => {
    for (const run of [...state.drawn.keys()]) draw(run, false);
  });

  function openRun(run, scroll = false) {
    state.open = run;
    $("record-hint").hidden = true;
    $("record-body").hidden = false;
    $("record-name").textContent = `${label(run)}${diverged(run) ? ` – ${shown.status(run)}` : ""}`;
    $("record-name").classList.toggle("diverged", diverged(run));
    $("command").textContent = fill(command, Object.fromEntries(Object.entries(runs).map(([name, values]) => [name, word(values[run])])));
    $("copied").textContent = "";
    $("record-groups").replaceChildren(...Object.entries(groups).flatMap(([title, names]) => [
      el("h4", {}, texts.groups[title]),
      el("dl", {}, ...names.flatMap((name) => [el("dt", {}, name), el("dd", { "data-column": name }, String(runs[name][run] ?? "–"))])),
    ]));
    showMarks();
    if (scroll) $("record").scrollIntoView({ block: "nearest" });
  }

  $("copy").addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText($("command").textContent);
    } catch {
      getSelection().selectAllChildren($("command")); // some browsers give a page from a file no clipboard
      document.execCommand("copy");
    }
    $("copied").textContent = texts.copied;
  });

  // ---- the choices of the plots

  const options = (id, values, name = String) => $(id).replaceChildren(...values.map((value) => el("option", { value: String(value) }, name(value))));
  options("colour", metrics, (name) => texts.columns[name]);
  $("colour").value = `last_${rankBy}`;
  $("colour").addEventListener("change", () => changed("parallel"));
  options("heat-model", distinct("model"));
  options("heat-metric", metrics, (name) => texts.columns[name]);
  $("heat-metric").value = `last_${rankBy}`;
  const batches = () => options("heat-batch", distinct("batch_size").filter((size) => all.some((run) => runs.model[run] === $("heat-model").value && runs.batch_size[run] === size)));
  batches();
  $("heat-model").addEventListener("change", batches);
  for (const id of ["heat-model", "heat-batch", "heat-metric"]) $(id).addEventListener("change", () => changed("heat"));

  document.addEventListener("theme", () => changed(...Object.keys(plots)));
  showSort();
  list();
  // At the start the best run of each model is drawn.
  for (const model of distinct("model")) {
    const best = state.listed.find((run) => runs.model[run] === model);
    draw(best, true);
  }
})();
