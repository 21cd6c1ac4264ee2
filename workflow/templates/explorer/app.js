// The explorer: filters → leaderboard and parallel coordinates; ticks → learning curves; a name → its record.
// A run is its position in the columns of `runs`. All text is set as text, never as HTML.
"use strict";
(() => {
  const { runs, curves, groups, importance, examined, most_terms: mostTerms, parameters: labels, logarithmic, rank_by: rankBy, sure, halved, command } = JSON.parse(document.getElementById("data").textContent);
  const texts = JSON.parse(document.getElementById("texts").textContent);
  const all = runs.model.map((_, run) => run);
  const $ = (id) => document.getElementById(id);
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (found, name) => values[name] ?? found);
  /** A text for a trace's name, in which Plotly takes HTML. */
  const plain = (text) => String(text).replace(/[&<>]/g, (character) => `&#${character.charCodeAt(0)};`);
  /** A value as a word of a shell command. */
  const word = (value) => (/^[\w./+-]+$/.test(value) ? value : `'${String(value).replaceAll("'", "'\\''")}'`);
  /** A value as it is shown; a run has none (null) for a hyper-parameter that its model lacks. */
  const spelled = (value) => (value === null ? "–" : String(value));
  const natural = new Intl.Collator("en", { numeric: true }); // for seeds, which are text
  const order = (a, b) => {
    if (a === null || b === null) return (b === null) - (a === null);
    return typeof a === "string" ? natural.compare(a, b) : a - b;
  };
  const known = new Map();
  /** The values of a column. Numbers are sorted; names, such as those of models, keep the order of the config. */
  function distinct(name) {
    if (!known.has(name)) {
      const values = [...new Set(runs[name])].filter((value) => value !== null);
      known.set(name, values.sort((a, b) => (typeof a === "string" ? 0 : a - b)));
    }
    return known.get(name);
  }
  /** A run's name as children of an element: a long one may break before each further hyper-parameter. */
  const breakable = (text) => parameters.reduce((broken, name) => broken.replaceAll(`_${name}=`, `\n_${name}=`), text)
    .split("\n").flatMap((part, position) => (position ? [el("wbr"), part] : [part]));
  const label = (run) => `${runs.model[run]}/${runs.name[run]}` + (seeds.length > 1 ? `/seed${runs.seed[run]}` : "");
  /** Whether the run's configuration cannot be told apart from the best one of its model. */
  const isAlike = (run) => sure[runs.model[run]].alike.includes(runs.name[run]);
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

  // Of more numbers than these, not each gets a tick of its own.
  const MANY = 12;
  // So many lines are drawn in parallel coordinates.
  const LINES = 2500;
  const isNumeric = (name) => distinct(name).every((value) => typeof value === "number");
  const isMany = (name) => isNumeric(name) && distinct(name).length > MANY;
  const titles = { ...labels, ...texts.columns };
  // Where a search is halved, runs of a model have different numbers of epochs.
  const rung = Object.keys(halved).length ? ["epochs"] : [];
  const seeds = distinct("seed");
  const metrics = ["last_val_loss", "last_val_acc", "last_train_loss", "last_train_acc", "best_test_acc"];
  const isMetric = (name) => metrics.includes(name) || name === "best_epoch";
  const isLoss = (name) => name.endsWith("_loss");
  const parameters = Object.keys(labels);
  const keys = [...parameters, ...(seeds.length > 1 ? ["seed"] : [])];
  // The metrics come before the parameters, which the name repeats: a phone shows the first columns only.
  const columns = ["name", "model", ...rung, ...metrics, "best_epoch", ...keys, "training_s", "status"];
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
    choices: {}, // name of a column → its values that are ticked
    bounds: {}, // name of a hyper-parameter with many values → [from, to]
    words: [], brush: {}, page: 0, open: null,
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
    ...(examined.length ? { confusion: { draw: drawConfusion }, "class-accuracy": { draw: drawClassAccuracy } } : {}),
    ...($("shift") ? { shift: { draw: drawShift } } : {}),
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

  /** Round numbers between two numbers; on a logarithmic scale 1, 2 and 5 in each power of ten, or 1 alone. */
  function roundNumbers(low, high, log) {
    const inside = (value) => low <= value && value <= high;
    if (log) {
      const powers = Array.from({ length: Math.ceil(Math.log10(high / low)) + 2 }, (_, k) => Math.floor(Math.log10(low)) + k);
      return powers.flatMap((power) => (powers.length > 6 ? [1] : [1, 2, 5]).map((digit) => Number(`${digit}e${power}`))).filter(inside);
    }
    const power = 10 ** Math.floor(Math.log10((high - low) / 5));
    const step = power * [1, 2, 5, 10].find((digit) => digit * power >= (high - low) / 6);
    return Array.from({ length: 8 }, (_, k) => Number(((Math.ceil(low / step) + k) * step).toPrecision(9))).filter(inside);
  }

  /** Where the values of a hyper-parameter stand on an axis, and the axis: many numbers on a real one, others at equal
   * distances, and below them "–", which stands for none. */
  const scales = new Map();
  function scaleOf(name) {
    if (!scales.has(name)) scales.set(name, isMany(name) ? realScale(name) : nameScale(name));
    return scales.get(name);
  }

  function nameScale(name) {
    const values = [...(runs[name].includes(null) ? [null] : []), ...distinct(name)];
    const at = new Map(values.map((value, position) => [value, position]));
    // About a dozen of them are named; more names would overlap.
    const step = Math.ceil(values.length / MANY);
    const tickvals = [...at.values()].filter((position) => position % step === 0);
    return {
      place: (value) => at.get(value), range: [-0.2, Math.max(values.length - 0.8, 0.2)],
      tickvals, ticktext: tickvals.map((position) => spelled(values[position])),
    };
  }

  function realScale(name) {
    const values = distinct(name);
    const log = logarithmic.includes(name);
    const scale = log ? Math.log10 : Number;
    const [low, high] = [scale(values[0]), scale(values.at(-1))];
    const none = runs[name].includes(null) ? [low - (high - low) / 8] : [];
    const ticks = roundNumbers(values[0], values.at(-1), log);
    return {
      place: (value) => (value === null ? none[0] : scale(value)), range: [none[0] ?? low, high],
      tickvals: [...none, ...ticks.map(scale)], ticktext: [...none.map(() => spelled(null)), ...ticks.map(String)],
    };
  }

  function drawParallel() {
    const metric = $("colour").value;
    const sign = isLoss(metric) ? 1 : -1; // the best first
    const completed = state.filtered.filter((run) => !diverged(run))
      .sort((a, b) => sign * (runs[metric][a] - runs[metric][b]) || a - b);
    // Not more than LINES of them, spread evenly over the ranks: without a graphics card a thousand lines take a second.
    const step = Math.ceil(completed.length / LINES);
    const used = completed.filter((_, rank) => rank % step === 0);
    $("parallel-note").textContent = step > 1 ? fill(texts.thinned, { drawn: used.length, all: completed.length, metric: titles[metric] }) : "";
    const dimensions = ["model", ...keys, ...rung, ...metrics].filter((name) => new Set(runs[name]).size > 1).map((name) => {
      const axis = { label: plain(titles[name]), name, constraintrange: state.brush[name] };
      if (isMetric(name)) return { ...axis, values: used.map((run) => runs[name][run]) };
      const { place, range, tickvals, ticktext } = scaleOf(name);
      return { ...axis, values: used.map((run) => place(runs[name][run])), range, tickvals, ticktext };
    });
    // So that no title of an axis lies on the next one.
    $("parallel").style.minWidth = `${Math.max(44, 6.5 * dimensions.length)}rem`;
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
      const value = isMetric(name) ? runs[name][run] : scaleOf(name).place(runs[name][run]);
      return (Array.isArray(ranges[0]) ? ranges : [ranges]).some(([low, high]) => low <= value && value <= high);
    });
  }

  // ---- the map of learning rate and dropout rate

  const RATES = ["learning_rate", "dropout_rate"];
  const ofModel = (model) => all.filter((run) => runs.model[run] === model);
  const countOf = (used, names) => new Set(used.map((run) => JSON.stringify(names.map((name) => runs[name][run])))).size;
  const othersOf = (used) => parameters.filter((name) => !RATES.includes(name) && countOf(used, [name]) > 1);

  const ratesOf = (used) => RATES.map((name) => distinct(name).filter((value) => used.some((run) => runs[name][run] === value)));
  /** Whether there are many rates, but few of their combinations, as when they are sampled: hardly two are in a row, and
   * cells would be nearly empty. */
  function isSparse(used) {
    const [rates, drops] = ratesOf(used).map((values) => values.length);
    return Math.max(rates, drops) > MANY && countOf(used, RATES) < rates * drops / 2;
  }

  /** Offer the other hyper-parameters of the chosen model. At the start each has the value of the model's best run; if
   * there are many combinations, or each has other rates, the best over all of them is shown. */
  function offerOthers() {
    const used = ofModel($("heat-model").value);
    const others = othersOf(used);
    const few = countOf(used, others) <= MANY && !isSparse(used);
    $("heat-others").replaceChildren(...others.map((name) => {
      const values = distinct(name).filter((value) => used.some((run) => runs[name][run] === value));
      const select = el("select", { name, onchange: () => changed("heat") },
        el("option", { value: "" }, texts.best_over_all),
        ...values.map((value) => el("option", { value: spelled(value) }, spelled(value))));
      select.value = few ? spelled(runs[name][bestRuns.get($("heat-model").value)]) : "";
      return el("label", {}, titles[name], " ", select);
    }));
    changed("heat");
  }

  /** A metric of a run in the map, null if it diverged. Of a halved search, the last epoch is that of the first rung,
   * which all runs have, so that like is compared with like. */
  function heatValue(run, metric) {
    const first = halved[runs.model[run]];
    if (first && metric.startsWith("last_")) return curves[metric.slice("last_".length)][run][first - 1] ?? null;
    return diverged(run) ? null : runs[metric][run];
  }

  /** The best configuration at each learning rate and dropout rate among these runs: its runs and the mean of a metric
   * over them, which is null if one of them diverged. */
  function bestAtRates(used, metric) {
    const configurations = Map.groupBy(used, (run) => runs.name[run]);
    const best = new Map();
    for (const own of configurations.values()) {
      const [rate, drop] = [runs.learning_rate[own[0]], runs.dropout_rate[own[0]]];
      const each = own.map((run) => heatValue(run, metric));
      const value = each.includes(null) ? null : each.reduce((sum, one) => sum + one, 0) / own.length;
      const other = best.get(`${rate} ${drop}`)?.value ?? null;
      const better = other === null || (value !== null && (isLoss(metric) ? value < other : value > other));
      if (better) best.set(`${rate} ${drop}`, { rate, drop, value, own });
    }
    return best;
  }

  function drawHeat() {
    const [model, metric] = ["heat-model", "heat-metric"].map((id) => $(id).value);
    const whole = ofModel(model);
    const selects = [...$("heat-others").querySelectorAll("select")];
    const fixed = selects.filter((select) => select.value);
    const used = whole.filter((run) => fixed.every(({ name, value }) => spelled(runs[name][run]) === value));
    const best = bestAtRates(used, metric);
    const shownAs = ({ value }) => (value === null ? texts.diverged : rounded(value, 4));
    const free = selects.filter((select) => !select.value).map(({ name }) => name);
    const first = halved[model];
    const note = [
      first ? fill(metric.startsWith("last_") ? texts.heat_rung : texts.heat_lengths, { epochs: first }) : "",
      fixed.map(({ name, value }) => `${titles[name]} ${value}`).join(texts.comma),
      countOf(used, ["name"]) > best.size
        ? fill(texts.best_over, { count: countOf(used, free), names: free.map((name) => titles[name]).join(texts.comma) }) : "",
    ].filter(Boolean).join(texts.stop);
    $("heat-note").textContent = used.length ? note : `${note}${texts.stop}${texts.no_such_run}`;
    const words = `${titles[metric]}, ${model}, ${note}: `
      + [...best.values()].map((each) => `${each.rate} × ${each.drop} ${shownAs(each)}`).join("; ");
    (isSparse(whole) ? drawPoints : drawCells)([...best.values()], ...ratesOf(whole), { metric, shownAs, words });
    if (plots.heat.listens) return;
    plots.heat.listens = true;
    $("heat").on("plotly_click", ({ points: [point] }) => {
      const { own } = plots.heat.chosen(point);
      for (const run of own) draw(run, true);
      openRun(own[0]);
    });
  }

  const hoverOf = (x, y, value) => `${titles.learning_rate} ${y}<br>${titles.dropout_rate} ${x}<br>${value}<extra></extra>`;
  const nameOf = ({ own: [run] }) => plain(runs.name[run]);
  const heatTitles = () => ({
    xaxis: { title: { text: titles.dropout_rate, standoff: 8 } }, yaxis: { title: { text: titles.learning_rate, standoff: 16 } },
  });

  /** A cell for each combination of the rates. One that is not among the configurations stays blank. */
  function drawCells(best, allRates, allDrops, { metric, shownAs, words }) {
    const used = (values, key) => values.filter((value) => best.some((each) => each[key] === value));
    const [rates, drops] = [used(allRates, "rate"), used(allDrops, "drop")];
    const cells = rates.map((rate) => drops.map((drop) => best.find((each) => each.rate === rate && each.drop === drop)));
    // Of more cells than these the numbers would overlap; they are shown to a mouse only.
    const numbers = rates.length <= 20 && $("heat").clientWidth / drops.length > 60;
    const axis = (values) => {
      const step = Math.ceil(values.length / 20);
      const tickvals = values.map((_, position) => position).filter((position) => position % step === 0);
      // With names and a range, because an axis would be empty if no cell had a number.
      return {
        type: "category", showgrid: false, range: [-0.5, Math.max(values.length, 1) - 0.5], categoryarray: values.map(String),
        tickvals, ticktext: tickvals.map((position) => String(values[position])),
      };
    };
    const { xaxis, yaxis } = heatTitles();
    // A heat map shows no text in a cell without a number, so an annotation does.
    const empty = cells.flatMap((row, y) => row.map((each, x) => ({ each, x, y })).filter(({ each }) => each?.value === null));
    plots.heat.chosen = ({ pointIndex: [row, column] }) => cells[row][column];
    plot("heat", [{
      type: "heatmap", z: cells.map((row) => row.map((each) => each?.value ?? null)), x: drops.map(String), y: rates.map(String),
      text: cells.map((row) => row.map((each) => (each ? shownAs(each) : ""))), customdata: cells.map((row) => row.map((each) => (each ? nameOf(each) : ""))),
      texttemplate: numbers ? "%{text}" : "", xgap: 2, ygap: 2,
      colorscale: "Viridis", reversescale: isLoss(metric), colorbar: { thickness: 12 }, hoverongaps: false,
      hovertemplate: hoverOf("%{x}", "%{y}", "%{text}<br>%{customdata}"),
    }], {
      xaxis: { ...xaxis, ...axis(drops) }, yaxis: { ...yaxis, ...axis(rates) },
      annotations: empty.map(({ x, y }) => ({ x, y, text: numbers ? texts.diverged : "×", showarrow: false })),
    }, words);
  }

  /** A point for each configuration, the best one framed. */
  function drawPoints(best, rates, drops, { metric, shownAs, words }) {
    const values = best.map(({ value }) => value);
    const finished = values.filter((value) => value !== null);
    const top = isLoss(metric) ? Math.min(...finished) : Math.max(...finished);
    const axis = (name, numbers) => {
      const log = logarithmic.includes(name);
      const tickvals = roundNumbers(numbers[0], numbers.at(-1), log);
      const scale = log ? Math.log10 : Number;
      const [low, high] = [scale(numbers[0]), scale(numbers.at(-1))];
      const margin = (high - low) / 20 || 0.5;
      return { type: log ? "log" : "linear", range: [low - margin, high + margin], ...(high > low ? { tickvals, ticktext: tickvals.map(String) } : {}) };
    };
    const { xaxis, yaxis } = heatTitles();
    plots.heat.chosen = ({ pointNumber }) => best[pointNumber];
    plot("heat", [{
      type: "scatter", mode: "markers", x: best.map(({ drop }) => drop), y: best.map(({ rate }) => rate), text: best.map(shownAs), customdata: best.map(nameOf),
      marker: {
        size: values.map((value) => (value === top ? 17 : 12)), symbol: values.map((value) => (value === null ? "x-thin" : "circle")),
        color: values, colorscale: "Viridis", reversescale: isLoss(metric), colorbar: { thickness: 12 }, showscale: true,
        line: {
          width: values.map((value) => (value === top ? 3 : value === null ? 2 : 1)),
          color: values.map((value) => colour(value === null ? "bad" : value === top ? "ink" : "line")),
        },
      },
      hovertemplate: hoverOf("%{x}", "%{y}", "%{text}<br>%{customdata}"),
    }], { hovermode: "closest", xaxis: { ...xaxis, ...axis("dropout_rate", drops) }, yaxis: { ...yaxis, ...axis("learning_rate", rates) } }, words);
  }

  // ---- filters

  const haystacks = all.map((run) => [label(run), `seed${runs.seed[run]}`, runs.status[run], runs.device_name[run], runs.precision[run], runs.series[run],
    ...parameters.map((name) => `${name}=${runs[name][run]}`)].join(" ").toLowerCase());

  function filter() {
    const sets = Object.entries(state.choices).filter(([, chosen]) => chosen.size);
    const bounds = Object.entries(state.bounds);
    const within = (value, [low, high]) => value !== null && low <= value && value <= high;
    state.filtered = all.filter((run) => sets.every(([name, chosen]) => chosen.has(runs[name][run]))
      && bounds.every(([name, ends]) => within(runs[name][run], ends))
      && state.words.every((word) => haystacks[run].includes(word)));
    list();
    changed("parallel");
  }

  /** The most epochs that a run of a halved model was trained for. */
  const furthest = Object.fromEntries(Object.keys(halved).map((model) => [model, Math.max(...all.filter((run) => runs.model[run] === model).map((run) => runs.epochs[run]))]));

  function list() {
    const { name, sign } = state.sort;
    const values = runs[name];
    // A diverged run ranks behind all others in every metric: its last value is not a result. One that a halved search
    // stopped ranks behind those of its model that were trained for more epochs.
    const behind = (run) => {
      if (values[run] === null || (isMetric(name) && diverged(run))) return Infinity;
      return isMetric(name) ? (furthest[runs.model[run]] ?? runs.epochs[run]) - runs.epochs[run] : 0;
    };
    const rank = (a, b) => (behind(a) === behind(b) ? 0 : behind(a) - behind(b));
    const compare = (a, b) => {
      if (name === "name") return keys.map((key) => order(runs[key][a], runs[key][b])).find(Boolean) ?? 0;
      return order(values[a], values[b]);
    };
    state.listed = state.filtered.filter(brushed)
      .sort((a, b) => rank(a, b) || (behind(a) === Infinity ? 0 : sign * compare(a, b)) || a - b);
    state.page = 0;
    $("count").textContent = fill(texts.count, { shown: state.listed.length, all: all.length });
    $("unbrush").hidden = !Object.keys(state.brush).length;
    showPage();
  }

  /** Ticks for the values of a column. */
  function offerValues(name) {
    const chosen = state.choices[name] = new Set();
    return distinct(name).map((value) => {
      const box = el("input", {
        type: "checkbox", name, value: spelled(value),
        onchange: () => {
          if (box.checked) chosen.add(value);
          else chosen.delete(value);
          filter();
        },
      });
      return el("label", { class: "choice" }, box, spelled(value));
    });
  }

  /** From and to for a hyper-parameter with many numbers. */
  function offerRange(name) {
    const ends = [[texts.from, distinct(name)[0]], [texts.to, distinct(name).at(-1)]];
    const boxes = ends.map(([, end]) => el("input", {
      type: "number", name, step: "any", placeholder: String(end),
      oninput: () => {
        const [low, high] = boxes.map((box) => box.valueAsNumber); // NaN if there is no number
        if (isNaN(low) && isNaN(high)) delete state.bounds[name];
        else state.bounds[name] = [isNaN(low) ? -Infinity : low, isNaN(high) ? Infinity : high];
        filter();
      },
    }));
    return ends.map(([text], end) => el("label", { class: "range" }, text, boxes[end]));
  }

  for (const name of ["model", ...parameters, ...rung, "status"]) {
    if (distinct(name).length < 2) continue;
    $("choices").append(el("fieldset", {}, el("legend", {}, titles[name]), ...(isMany(name) ? offerRange : offerValues)(name)));
  }
  $("search").addEventListener("input", () => {
    state.words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    filter();
  });
  $("filters").addEventListener("submit", (event) => event.preventDefault());
  $("filters").addEventListener("reset", () => {
    for (const chosen of Object.values(state.choices)) chosen.clear();
    state.bounds = {};
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
  const numeric = (name) => name === "seed" || isNumeric(name);
  head.append(el("td"), ...columns.map((name) => el("th", { scope: "col", "data-column": name, class: numeric(name) ? "number" : "" },
    el("button", {
      type: "button",
      onclick: () => {
        const sign = isMetric(name) && !isLoss(name) ? -1 : 1; // the best first
        state.sort = { name, sign: state.sort.name === name ? -state.sort.sign : sign };
        showSort();
        list();
      },
    }, titles[name]))));

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
      const name = el("button", { type: "button", onclick: () => { draw(run, true); openRun(run, true); } }, ...breakable(runs.name[run]));
      const mark = isAlike(run) ? [" ", el("abbr", { title: fill(texts.alike, { metric: rankBy }) }, "≈")] : [];
      return el("tr", { "data-run": run, class: diverged(run) ? "diverged" : "" }, el("td", {}, box), el("td", {}, name, ...mark),
        ...columns.slice(1).map((column) => el("td", { "data-column": column, class: numeric(column) ? "number" : "" },
          Object.hasOwn(shown, column) ? shown[column](run) : spelled(runs[column][run]))));
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
      $("selected").append(el("li", { "data-run": run, style: `--run-colour: ${COLOURS[number % COLOURS.length]}` }, el("span", {}, ...breakable(label(run))),
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
    $("record-name").replaceChildren(...breakable(label(run)), diverged(run) ? ` – ${shown.status(run)}` : "");
    $("record-name").classList.toggle("diverged", diverged(run));
    const words = Object.entries(runs).map(([name, values]) => [name, word(values[run])]);
    $("command").textContent = fill(command, { ...Object.fromEntries(words), set: runs.set[run] });
    $("copied").textContent = "";
    $("record-groups").replaceChildren(...Object.entries(groups).flatMap(([title, names]) => [
      el("h4", {}, texts.groups[title]),
      el("dl", {}, ...names.flatMap((name) => [el("dt", {}, name), el("dd", { "data-column": name }, spelled(runs[name][run]))])),
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

  // ---- how much each hyper-parameter matters

  /** A model's terms as a table, the largest share first and what is no hyper-parameter last. */
  function tellImportance(model) {
    const rows = importance.model.map((_, row) => row).filter((row) => importance.model[row] === model);
    const title = el("h3", {}, model);
    if (!rows.length) return [title, el("p", { class: "quiet" }, texts.importance_none)];
    const measured = ["val_acc", "val_loss"].filter((metric) => rows.some((row) => importance.metric[row] === metric));
    const terms = [...new Set(rows.map((row) => importance.term[row]))].map((term) => ({
      term, isRest: Object.hasOwn(texts.rests, term),
      rows: measured.map((metric) => rows.find((row) => importance.metric[row] === metric && importance.term[row] === term)),
    }));
    const share = ({ rows: [first, second] }) => importance.share[(rankBy === "val_loss" ? second : first) ?? first ?? second] ?? -1;
    terms.sort((a, b) => a.isRest - b.isRest || share(b) - share(a));
    const tested = rows.some((row) => importance.f[row] !== null);
    const words = [...new Set(rows.map((row) => importance.method[row]))].map((method) => texts.methods[method] ?? method);
    const cells = (row) => {
      if (row === undefined) return [el("td", {}), ...(tested ? [el("td", {}), el("td", {})] : [])];
      const [part, f, p] = [importance.share[row], importance.f[row], importance.p[row]];
      return [
        // A share that is not known is no zero.
        part === null ? el("td", { class: "number" }, "–")
          : el("td", { class: "number share", style: `--share: ${Math.min(Math.max(part, 0), 1) * 100}%` }, `${(part * 100).toFixed(1)} %`),
        ...(tested ? [el("td", { class: "number" }, f === null ? "" : f >= 100 && f < 1e6 ? f.toFixed(0) : f.toPrecision(3)),
          el("td", { class: "number" }, p === null ? "" : p < 0.001 ? "< 0.001" : p.toFixed(3))] : []),
      ];
    };
    const named = (term) => texts.rests[term] ?? term.split(":").map((name) => titles[name] ?? name).join(" × ");
    const body = el("tbody", {}, ...terms.map(({ term, isRest, rows: own }, position) => {
      const line = el("tr", { "data-term": term }, el("th", { scope: "row" }, named(term)), ...own.flatMap(cells));
      line.hidden = position >= mostTerms && !isRest;
      return line;
    }));
    const table = el("table", { "data-model": model, class: "importance" },
      el("thead", {}, el("tr", {}, el("th", { scope: "col" }, texts.term), ...measured.flatMap((metric) => [
        el("th", { scope: "col", class: "number" }, titles[`last_${metric}`]),
        ...(tested ? ["F", "p"].map((name) => el("th", { scope: "col", class: "number" }, name)) : []),
      ]))), body);
    const more = el("button", {
      type: "button",
      onclick: () => {
        for (const row of body.rows) row.hidden = false;
        more.remove();
      },
    }, fill(texts.all_terms, { count: terms.length }));
    const first = halved[model];
    if (first) words.push(fill(texts.heat_rung, { epochs: first }) + texts.stop.trim());
    return [title, el("p", { class: "quiet" }, words.join(" ")),
      el("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": model }, table),
      ...([...body.rows].some((row) => row.hidden) ? [more] : [])];
  }

  // ---- what was found out about the best run of each model

  // Of more classes than these, the matrix has no numbers in its cells.
  const CELLS = 25;
  const counted = new Intl.NumberFormat("en");
  const percent = (share, digits) => `${(share * 100).toFixed(digits)}\u00a0%`;
  const chosenExamined = () => examined[$("examined-model").selectedIndex];

  function showExamined() {
    const { model, class_names: names, unavailable, run: path, best_epoch: epoch, size, answered, modes } = chosenExamined();
    $("examined-unavailable").hidden = !unavailable;
    $("examined-unavailable").textContent = unavailable && texts.unavailable[unavailable];
    const run = all.find((each) => `${runs.model[each]}/${runs.name[each]}/seed${runs.seed[each]}` === path);
    const facts = {
      run: path && el("button", { type: "button", onclick: () => { draw(run, true); openRun(run, true); } }, ...breakable(label(run))),
      best_epoch: epoch, parameters: size && counted.format(size.parameters), multiply_adds: size && counted.format(size.multiply_adds),
      test_accuracy: answered && rounded(answered.accuracy, 4),
    };
    $("examined-facts").replaceChildren(...Object.entries(facts).filter(([, value]) => value !== null)
      .flatMap(([name, value]) => [el("dt", {}, texts.examined_facts[name]), el("dd", { "data-fact": name }, value)]));
    $("answered").hidden = !answered;
    if (!answered) return;
    $("mistakes-hint").textContent = answered.accuracy === 1 ? texts.mistakes_none : answered.mistakes.length ? texts.mistakes_hint : texts.mistakes_without;
    $("mistakes").setAttribute("aria-label", `${texts.mistakes}: ${model}`);
    $("mistakes").replaceChildren(...answered.mistakes.map(({ image, right, given, probability, png }) => el("li", {},
      el("img", { src: `data:image/png;base64,${png}`, width: 32, height: 32, alt: fill(texts.mistake_alt, { image, right: names[right] }) }),
      el("div", {}, fill(texts.mistake_right, { right: names[right] })),
      el("div", {}, fill(texts.mistake_given, { given: names[given] })), el("div", {}, percent(probability, 2)))));
    $("both-modes").hidden = !modes; // not known of a validation set of one picture
    if (modes) {
      $("modes-hint").textContent = fill(texts.modes_hint + (modes.passes > 1 ? texts.modes_passes : ""), { ...modes, images: counted.format(modes.images) });
      $("modes").tBodies[0].replaceChildren(...modes.rows.map(({ kind, accuracy, loss }) => el("tr", { "data-kind": kind },
        el("th", { scope: "row" }, texts.mode_kinds[kind]), ...[accuracy, loss].map((value) => el("td", { class: "number" }, rounded(value, 4))))));
    }
    changed("confusion", "class-accuracy");
  }

  /** An axis with the classes at 0, 1, 2, …, about CELLS of them named, and long names cut. */
  function classAxis(names, title) {
    const step = Math.ceil(names.length / CELLS);
    const tickvals = names.map((_, position) => position).filter((position) => position % step === 0);
    const short = (name) => (name.length > 14 ? `${name.slice(0, 13)}…` : name);
    return { title: { text: title, standoff: 8 }, showgrid: false, tickvals, ticktext: tickvals.map((position) => plain(short(names[position]))) };
  }

  /** The classes from top to bottom, in the matrix and beside it. */
  const downward = (names) => ({ ...classAxis(names, texts.right_class), range: [names.length - 0.5, -0.5] });
  const heightOf = (names) => `${Math.max(24, 9 + (names.length > CELLS ? 0.35 : 1.4) * names.length)}rem`;

  function drawConfusion() {
    const { model, class_names: names, answered: { confusion } } = chosenExamined();
    const few = names.length <= CELLS;
    $("confusion").style.height = heightOf(names);
    $("confusion").style.minWidth = `${8 + (few ? 1.7 : 0.3) * names.length}rem`;
    const shares = confusion.map((row) => {
      const images = row.reduce((sum, count) => sum + count, 0);
      return row.map((count) => (images ? count / images : 0));
    });
    const confused = confusion.flatMap((row, right) => row.map((count, given) => ({ count, right, given })))
      .filter(({ count, right, given }) => count && right !== given).sort((a, b) => b.count - a.count).slice(0, CELLS);
    const words = `${texts.confusion}, ${model}: ${confused.map(({ count, right, given }) => `${names[right]} → ${names[given]} ${count}`).join("; ") || texts.mistakes_none}`;
    plot("confusion", [{
      type: "heatmap", z: shares, text: confusion.map((row) => row.map((count) => (count ? String(count) : ""))), texttemplate: few ? "%{text}" : "",
      // What is rare is seen, too: most colours are for small shares.
      zmin: 0, zmax: 1, colorscale: [[0, colour("card")], [0.01, colour("chosen")], [0.15, colour("bar")], [1, colour("accent")]],
      showscale: !few, colorbar: { thickness: 12, tickformat: ".0%" }, xgap: few ? 1 : 0, ygap: few ? 1 : 0,
      customdata: confusion.map((row, right) => row.map((count, given) => [plain(names[right]), plain(names[given]), count, percent(shares[right][given], 1)])),
      hovertemplate: `${texts.right_class} %{customdata[0]}<br>${texts.given_class} %{customdata[1]}<br>%{customdata[2]} (%{customdata[3]})<extra></extra>`,
    }], {
      xaxis: { ...classAxis(names, texts.given_class), range: [-0.5, names.length - 0.5], tickangle: -45 }, yaxis: downward(names),
    }, words);
  }

  function drawClassAccuracy() {
    const { model, class_names: names, answered: { classes } } = chosenExamined();
    $("class-accuracy").style.height = heightOf(names);
    // A class may have no pictures.
    const known = classes.map((each, position) => ({ ...each, position })).filter(({ images }) => images);
    const told = ({ accuracy, low, high }) => `${percent(accuracy, 1)} (${percent(low, 1)} – ${percent(high, 1)})`;
    plot("class-accuracy", [{
      type: "scatter", mode: "markers", x: known.map(({ accuracy }) => accuracy), y: known.map(({ position }) => position),
      error_x: {
        type: "data", symmetric: false, color: colour("accent"), thickness: 1.5,
        array: known.map(({ accuracy, high }) => high - accuracy), arrayminus: known.map(({ accuracy, low }) => accuracy - low),
      },
      marker: { color: colour("accent"), size: 8 },
      customdata: known.map((each) => [plain(names[each.position]), told(each), fill(texts.right_of, each)]),
      hovertemplate: "%{customdata[0]}<br>%{customdata[1]}<br>%{customdata[2]}<extra></extra>",
    }], {
      hovermode: "closest", xaxis: { title: { text: texts.accuracy, standoff: 8 }, tickformat: ".0%" }, yaxis: downward(names),
    }, `${texts.class_accuracy}, ${model}: ${known.map((each) => `${names[each.position]} ${told(each)}`).join("; ")}`);
  }

  function drawShift() {
    const moved = examined.filter(({ shift }) => shift);
    const traces = moved.map(({ model, shift }, number) => ({
      type: "scatter", mode: "lines+markers", name: plain(model), x: shift.map((_, distance) => distance), y: shift,
      line: { color: COLOURS[number % COLOURS.length], width: 2 }, hovertemplate: "%{x}: %{y:.4f}<extra>%{fullData.name}</extra>",
    }));
    plot("shift", traces, {
      hovermode: "closest", showlegend: true, legend: { orientation: "h", x: 0, y: 1, yanchor: "bottom" },
      xaxis: { title: { text: texts.distance }, dtick: 1 }, yaxis: { title: { text: titles.best_test_acc, standoff: 12 } },
    }, `${texts.shift}: ${moved.map(({ model, shift }) => `${model} ${shift.map((value) => rounded(value, 4)).join(", ")}`).join("; ")}`);
  }

  // ---- the choices of the plots

  const options = (id, values, name = String) => $(id).replaceChildren(...values.map((value) => el("option", { value: String(value) }, name(value))));
  options("colour", metrics, (name) => titles[name]);
  $("colour").value = `last_${rankBy}`;
  $("colour").addEventListener("change", () => changed("parallel"));
  options("heat-model", distinct("model"));
  options("heat-metric", metrics, (name) => titles[name]);
  $("heat-metric").value = `last_${rankBy}`;
  $("heat-model").addEventListener("change", offerOthers);
  $("heat-metric").addEventListener("change", () => changed("heat"));
  if (examined.length) {
    options("examined-model", examined.map(({ model }) => model));
    $("examined-model").addEventListener("change", showExamined);
    showExamined();
  }

  document.addEventListener("theme", () => changed(...Object.keys(plots)));
  showSort();
  list();
  // At the start the best run of each model is drawn.
  const bestRuns = new Map(distinct("model").map((model) => [model, state.listed.find((run) => runs.model[run] === model)]));
  for (const run of bestRuns.values()) draw(run, true);
  offerOthers();
  for (const model of distinct("model")) $("importance").append(...tellImportance(model));
})();
