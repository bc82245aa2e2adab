// The user interface of the live page. Each training and each text runs in a Worker of its own: worker.js.
"use strict"
const byId = id => document.getElementById(id)
const data = JSON.parse(byId("data").textContent), { params } = data, updates = params["train.updates"]
const bytesOf = base64 => Uint8Array.from(atob(base64), character => character.charCodeAt())
const program = { wasm: bytesOf(data.wasm), ziggurat: data.ziggurat }
const ownText = { text: data.text, vocabulary: data.vocabulary }
const source = URL.createObjectURL(new Blob([byId("worker").textContent], { type: "text/javascript" }))
const shown = (number, digits = 0) =>
  number.toLocaleString("en", { maximumFractionDigits: digits, minimumFractionDigits: digits })
const quoted = text => /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
const element = (tag, content, attributes = {}) => {
  const node = Object.assign(document.createElement(tag), attributes)
  node.append(...[content].flat())
  return node
}
const span = (text, className = "") => element("span", text, { className })

// A Worker that answers one request after the other.
const workerOf = () => {
  const worker = new Worker(source)
  const ask = request => new Promise((resolve, reject) => {
    worker.onmessage = ({ data: answer }) => answer.error ? reject(new Error(answer.error)) : resolve(answer)
    worker.onerror = ({ message }) => reject(new Error(message))
    worker.postMessage(request)
  })
  return { ask, end: () => worker.terminate() }
}

// Draw curves over updates, { name: [[update, value], …] }. Points above the frame are left out.
const draw = (svg, curves, low, high, label) => {
  const x = update => (36 + 296 * update / (updates || 1)).toFixed(1)
  const y = value => (166 - 156 * (value - low) / (high - low)).toFixed(1)
  const power = 10 ** Math.floor(Math.log10((high - low) / 3))
  const step = [1, 2, 5, 10].find(n => n * power * 5 >= high - low) * power
  const marks = Array.from({ length: 12 }, (_, n) => (Math.ceil(low / step) + n) * step).filter(value => value <= high)
  const text = (x, y, anchor, words) => `<text x="${x}" y="${y}" text-anchor="${anchor}">${words}</text>`
  const path = points => points.map(([update, value], n) =>
    value > high ? "" : `${n && points[n - 1][1] <= high ? "L" : "M"}${x(update)} ${y(value)}`).join("")
  svg.innerHTML = [
    ...marks.map(value => `<path class="axis" d="M36 ${y(value)}H332"/>`
      + text(32, Number(y(value)) + 3.5, "end", label(value))),
    ...["start", "middle", "middle", "middle", "end"].map((anchor, n) =>
      text(x(n * updates / 4), 182, anchor, shown(n * updates / 4))),
    ...Object.entries(curves).map(([name, points]) => `<path class="${name}" d="${path(points)}"/>`),
  ].join("")
}
const points = curve => Object.entries(curve).map(([update, value]) => [Number(update), value])
const published = { curve: points(data.curve), saturated: points(data.saturated) }
const drawBoth = (box, name, { curve, saturated }) => {
  const all = [...published.curve, ...curve], settled = all.filter(([update]) => update >= updates / 20)
  const values = (settled.length > 2 ? settled : all).map(([, value]) => value)
  const low = values.reduce((a, b) => Math.min(a, b)), range = values.reduce((a, b) => Math.max(a, b)) - low || 1
  draw(box.querySelector("[data-show=loss]"), { published: published.curve, [name]: curve },
    low - range * 0.05, low + range * 1.4, value => shown(value, range < 5 ? 1 : 0))
  draw(box.querySelector("[data-show=saturated]"), { published: published.saturated, [name]: saturated },
    0, 1, value => `${shown(value * 100)} %`)
}

// Add an answer of the Worker to the run, and record the first difference to the project's run.
const take = (run, { update, smooth, statistics, checkpoint, results, diverged }) => {
  const compare = (what, value, expected) => {
    if (run.compared && expected !== undefined && value !== expected)
      run.differs ||= `${what}: ${value} here, ${expected} in the project’s run`
    return value === expected
  }
  const after = `after ${shown(update)} updates`
  if (smooth.length && update % 100 === 0) {
    run.curve.push([update, smooth[0]])
    compare(`smooth loss ${after}`, smooth[0], data.curve[update])
  }
  if (statistics && update % 1000 === 0) run.saturated.push([update, statistics[3]])
  if (checkpoint) {
    const [hash, text] = data.checkpoints[update] ?? []
    run.checkpoints[update] = checkpoint.hash
    const weights = compare(`SHA-256 of the weights ${after}`, checkpoint.hash, hash)
    const equal = compare(`text ${after}`, checkpoint.text, text) && weights
    const verdict = !run.compared || !hash ? "" : equal ? "Weights and text equal those of the project’s run. "
      : "Weights or text differ from those of the project’s run. "
    run.box.querySelector("[data-show=checkpoints]").prepend(element("article", [
      element("h3", after.replace("a", "A")), element("pre", checkpoint.text, { dir: "auto" }),
      element("p", [`${verdict}Weights: SHA-256 `, element("code", `${checkpoint.hash.slice(0, 16)}…`)], { className: "note" }),
    ]))
  }
  if (results) compare("SHA-256 of weights and trace", results, data.results)
  const completed = update + smooth.length - (results ? 1 : 0)
  Object.assign(run, { results, diverged, smooth: smooth.at(-1) ?? run.smooth, update: completed })
}

const speed = run => `${shown(run.update / run.seconds)} updates per second`
const progress = run => {
  const saturated = run.saturated.at(-1)?.[1], parts = [`${shown(run.update)} of ${shown(updates)} updates`, speed(run)]
  if (run.update < updates) parts.push(`${shown((updates - run.update) * run.seconds / run.update)} s left`)
  parts.push(`smooth loss ${shown(run.smooth, 2)}`)
  return [...parts, ...saturated === undefined ? [] : [`${shown(saturated * 100)} % of the units saturated`]].join(" · ")
}
const outcome = run => {
  const difference = run.differs && `First difference: ${run.differs}.`
  if (run.diverged !== undefined) return `Training diverged at update ${shown(run.diverged)}; a smaller eta may help.`
  if (!run.results) {
    const comparison = run.compared ? difference || "All results so far equal those of the project’s run." : ""
    return `Stopped after ${shown(run.update)} updates. ${comparison}`
  }
  const same = "The command above writes the same SHA-256 to metrics/results.json."
  if (!run.compared) return `Weights and trace have the SHA-256 ${run.results}. ${same}`
  const about = `charloom, ${params["prepare.text"].split("/").at(-1)}, seed ${params.seed}, ${shown(updates)} updates`
  const verdict = difference || `Weights and trace have the SHA-256 of the project’s run, ${run.results}.`
  const how = `${shown(run.seconds)} s, ${speed(run)}, ${navigator.userAgent}`
  return `${run.differs ? "DIFFERENT" : "EQUAL"}: ${about}. ${verdict} ${how}`
}
const statement = run => ({
  outcome: outcome(run), params: run.params, text_sha256: run.compared ? data.sha256 : null, updates: run.update,
  results: run.results ?? null, published: data.results, first_difference: run.differs || null,
  checkpoints: run.checkpoints, seconds: run.seconds, user_agent: navigator.userAgent,
})

// The buttons of a training. `requestOf()` returns its settings, its text, and whether to compare it with the project's run.
const training = (name, requestOf) => {
  const box = byId(name), show = key => box.querySelector(`[data-show=${key}]`)
  const [start, pause, stop, save] = ["start", "pause", "stop", "save"].map(key => box.querySelector(`[data-do=${key}]`))
  let run
  const refresh = () => {
    drawBoth(box, name, run)
    if (run.update) show("progress").textContent = progress(run)
    box.querySelector("progress").value = run.update / (updates || 1)
  }
  const showOutcome = (textContent, className) =>
    Object.assign(show("outcome"), { textContent, className: `outcome ${className}` })
  const running = on => {
    const focused = [start, pause, stop].includes(document.activeElement)
    start.disabled = on
    pause.disabled = stop.disabled = !on
    pause.textContent = "Pause"
    if (focused) (on ? pause : start).focus()
  }
  pause.onclick = () => {
    run.paused = !run.paused
    pause.textContent = run.paused ? "Resume" : "Pause"
  }
  stop.onclick = () => { run.stopped = true }
  save.onclick = () => {
    const href = URL.createObjectURL(new Blob([JSON.stringify(statement(run), null, 2)], { type: "application/json" }))
    element("a", [], { download: "charloom-statement.json", href }).click()
  }
  start.onclick = async () => {
    const request = await requestOf()
    if (!request) return
    const { ask, end } = workerOf()
    run = { ...request, box, curve: [], saturated: [], checkpoints: {}, seconds: 0, update: 0, differs: "" }
    running(true)
    box.classList.add("begun")
    show("after").hidden = true
    show("checkpoints").replaceChildren()
    show("progress").textContent = "Reading the text …"
    showOutcome("", "")
    try {
      await ask({ kind: "start", program, ...request })
      for (let drawn = 0; !run.results && run.diverged === undefined && !run.stopped;) {
        const startTime = performance.now()
        take(run, await ask({ kind: "advance" }))
        run.seconds += (performance.now() - startTime) / 1000
        if (startTime - drawn > 200) refresh(drawn = startTime)
        while (run.paused && !run.stopped) await new Promise(resolve => setTimeout(resolve, 100))
      }
      refresh()
      const fault = run.differs || run.diverged !== undefined
      showOutcome(outcome(run), fault ? "differs" : run.results && run.compared ? "equal" : "")
      show("after").hidden = false
    } catch (error) {
      showOutcome(`Cannot train: ${error.message}.`, "differs")
    }
    end()
    running(false)
  }
  drawBoth(box, name, { curve: [], saturated: [] })
}
training("again", () => ({ params, text: ownText, heldOut: 0, compared: true }))

// Show a command. Its arguments are not broken across lines, except a long text.
const command = (id, start, parts) => byId(id).replaceChildren(start, ...parts.flatMap(part => [" ", span(...part)]))

// Change one thing: the form starts with the settings of the project's run.
const form = byId("change-form"), file = form.elements["prepare.text"]
const settings = [...form.elements].filter(field => field !== file)
const valueOf = ({ name, value }) => name === "seed" || isNaN(value) ? value.trim() : Number(value)
const hydraValue = text => /^[\w./-]+( [\w./-]+)*$/.test(text) ? text : `'${text.replaceAll("'", "\\'")}'` // as dvc exp run -S reads it
const overrides = () => [
  ...settings.map(field => [field.name, valueOf(field)]).filter(([name, value]) => value !== params[name]),
  ...[...file.files].map(({ name }) => ["prepare.text", `data/${name}`]),
]
settings.forEach(field => { field.value = params[field.name] })
form.oninput = () => {
  const changes = overrides()
  byId("change-same").hidden = !changes.length
  command("change-command", "dvc exp run", changes.map(([name, value]) => [`-S ${name}=${quoted(hydraValue(String(value)))}`]))
}
form.onsubmit = event => event.preventDefault()
training("changed", async () => form.reportValidity() && {
  params: { ...params, ...Object.fromEntries(overrides()) },
  text: file.files.length ? { bytes: await file.files[0].arrayBuffer() } : ownText,
  heldOut: file.files.length ? params["prepare.held_out"] : 0,
})

// Write: show the characters, and the command that prints the same characters.
const writing = byId("write-form"), field = name => writing.elements.namedItem(name)
if ([...field("prime").value].some(letter => !data.vocabulary.includes(letter))) { // the template has English words
  field("prime").value = data.text.slice(0, 8)
}
const NUMBERS = ["temperature", "top_k", "top_p", "length", "seed"]
const choice = () => Object.fromEntries(NUMBERS.map(name => [name, Number(field(name).value)]))
writing.oninput = () => command("write-command", "charloom sample", [
  ...field("prime").value ? [[`--prime=${quoted(field("prime").value)}`, "long"]] : [],
  ...Object.entries(choice()).map(([name, value]) => [`--${name.replace("_", "-")}=${value}`]),
])
writing.onsubmit = async event => {
  event.preventDefault()
  const { ask, end } = workerOf(), theta = new Float64Array(bytesOf(data.model.theta).buffer)
  const model = { ...data.model, m: params.m, vocabulary: [...data.vocabulary], theta }
  const shade = p => `s${[1 / 2, 1 / 4, 1 / 16, 1 / 64, 0].findIndex(least => p >= least)}`
  try {
    const request = { kind: "write", program, model, prime: field("prime").value, ...choice() }
    const { prime, skipped, text, p } = await ask(request)
    byId("skipped").textContent = skipped && `Not in the vocabulary of this model, skipped: ${skipped}`
    const characters = [...text].map((character, n) => span(character, shade(p[n])))
    byId("written").replaceChildren(element("b", prime), ...characters)
  } catch (error) {
    byId("skipped").textContent = `Cannot write: ${error.message}.`
  }
  end()
}
writing.oninput()
byId("shade").onchange = ({ target }) => {
  byId("written").classList.toggle("shades", target.checked)
  byId("legend").hidden = !target.checked
}

if (typeof WebAssembly !== "object" || !WebAssembly.validate(program.wasm)) {
  document.querySelectorAll("main button").forEach(button => { button.disabled = true })
  byId("unable").hidden = false
}
