// What a reader sees and presses: each training and each text is computed in a Worker of its own (worker.js).
"use strict"
const byId = id => document.getElementById(id)
const data = JSON.parse(byId("data").textContent), { params } = data, updates = params["train.updates"]
const bytesOf = base64 => Uint8Array.from(atob(base64), character => character.charCodeAt())
const program = { wasm: bytesOf(data.wasm), ziggurat: data.ziggurat }
const vocabulary = [...data.vocabulary], theta = new Float64Array(bytesOf(data.model.theta).buffer)
const source = URL.createObjectURL(new Blob([byId("worker").textContent], { type: "text/javascript" }))
const shown = (number, digits = 0) => number.toLocaleString("en", { maximumFractionDigits: digits, minimumFractionDigits: digits })
const quoted = text => /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
const element = (tag, content, attributes = {}) => {
  const made = Object.assign(document.createElement(tag), attributes)
  made.append(...[content].flat())
  return made
}

// Show a command; its arguments break nowhere, but for a long text.
const command = (id, start, given) => byId(id).replaceChildren(start, ...given.flatMap(([text, className = ""]) => [" ", element("span", text, { className })]))

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

// Curves over updates, { name: [[update, value], …] }. What lies above the frame is left out.
const draw = (svg, curves, low, high, label) => {
  const x = update => 36 + 296 * update / (updates || 1), y = value => 166 - 156 * (value - low) / (high - low)
  const power = 10 ** Math.floor(Math.log10((high - low) / 3)), step = [1, 2, 5, 10].find(n => n * power * 5 >= high - low) * power
  const marks = Array.from({ length: 12 }, (_, n) => (Math.ceil(low / step) + n) * step).filter(value => value <= high)
  const path = points => points.map(([update, value], n) => value > high ? "" :
    `${n && points[n - 1][1] <= high ? "L" : "M"}${x(update).toFixed(1)} ${y(value).toFixed(1)}`).join("")
  svg.innerHTML = marks.map(value => `<path class="axis" d="M36 ${y(value)}H332"/><text x="32" y="${y(value) + 3.5}" text-anchor="end">${label(value)}</text>`).join("")
    + [0, 0.25, 0.5, 0.75, 1].map(part => `<text x="${x(part * updates)}" y="182" text-anchor="${part === 1 ? "end" : part ? "middle" : "start"}">${shown(part * updates)}</text>`).join("")
    + Object.entries(curves).map(([name, points]) => `<path class="${name}" d="${path(points)}"/>`).join("")
}
const published = key => Object.entries(data[key]).map(([update, value]) => [Number(update), value])
const drawBoth = (box, name, { curve, saturated }) => {
  const curves = { published: published("curve"), [name]: curve }
  const later = Object.values(curves).flatMap(points => points.filter(([update]) => update >= updates / 20).map(([, value]) => value))
  const all = later.length > 2 ? later : published("curve").map(([, value]) => value)
  const low = all.reduce((a, b) => Math.min(a, b)), range = all.reduce((a, b) => Math.max(a, b)) - low || 1
  draw(box.querySelector("[data-show=loss]"), curves, low - range * 0.05, low + range * 1.4, value => shown(value, range < 5 ? 1 : 0))
  draw(box.querySelector("[data-show=saturated]"), { published: published("saturated"), [name]: saturated }, 0, 1, value => `${shown(value * 100)} %`)
}

// Take an answer of the Worker into what is known of a run; note the first point at which it is not the published one.
const take = (run, { update, smooth, statistics, checkpoint, results, diverged }) => {
  const compare = (what, here, there) => {
    if (run.compared && !run.differs && there !== undefined && here !== there) run.differs = `${what}: ${here} here, ${there} published`
  }
  if (smooth.length && update % 100 === 0) {
    run.curve.push([update, smooth[0]])
    compare(`smooth loss after ${shown(update)} updates`, smooth[0], data.curve[update])
  }
  if (update % 1000 === 0 && statistics) run.saturated.push([update, statistics[3]])
  if (checkpoint) {
    const [hash, text] = data.checkpoints[update] ?? []
    run.checkpoints[update] = checkpoint.hash
    compare(`SHA-256 of the weights after ${shown(update)} updates`, checkpoint.hash, hash)
    compare(`text after ${shown(update)} updates`, checkpoint.text, text)
    const verdict = !run.compared || !hash ? "" : checkpoint.hash === hash && checkpoint.text === text ? "Weights and text equal the published ones." : "Not as published."
    run.box.querySelector("[data-show=checkpoints]").prepend(element("article", [
      element("h3", `After ${shown(update)} updates`), element("pre", checkpoint.text, { dir: "auto" }),
      element("p", [`${verdict} Weights: SHA-256 `, element("code", checkpoint.hash.slice(0, 16)), "…"], { className: "note" }),
    ]))
  }
  if (results) compare("SHA-256 of weights and trace", results, data.results)
  Object.assign(run, { results, diverged, smooth: smooth.at(-1) ?? run.smooth, update: update + smooth.length - (results ? 1 : 0) })
}

const outcome = run => {
  const speed = `${shown(run.seconds)} s, ${shown(run.update / run.seconds)} updates a second, ${navigator.userAgent}`
  const about = `charloom, ${params["prepare.text"].split("/").at(-1)}, seed ${params.seed}, ${shown(updates)} updates`
  if (run.diverged !== undefined) return `Training diverged at update ${shown(run.diverged)}: a number is not finite; a smaller eta may help.`
  if (!run.results) return `Stopped after ${shown(run.update)} updates.${run.compared ? run.differs ? ` First difference: ${run.differs}.` : " So far all equals the published run." : ""}`
  if (!run.compared) return `Weights and trace have the SHA-256 ${run.results}. In the pipeline, the command above writes the same into metrics/results.json.`
  return run.differs ? `DIFFERENT (${about}). First difference: ${run.differs}. ${speed}` : `EQUAL (${about}): weights and trace have the published SHA-256 ${run.results}. ${speed}`
}

const progress = run => {
  const left = (updates - run.update) * run.seconds / run.update, saturated = run.saturated.at(-1)?.[1]
  return `${shown(run.update)} of ${shown(updates)} updates · ${shown(run.update / run.seconds)} a second · ${shown(left)} s left · smooth loss ${shown(run.smooth, 2)}`
    + (saturated === undefined ? "" : ` · ${shown(saturated * 100)} % of the units saturated`)
}

// The buttons of a training. `asked()` returns what to train: settings and text, and whether it is the published run.
const training = (name, asked) => {
  const box = byId(name), show = key => box.querySelector(`[data-show=${key}]`), button = key => box.querySelector(`[data-do=${key}]`)
  let run
  const refresh = () => {
    drawBoth(box, name, run)
    if (run.update) show("progress").textContent = progress(run)
    box.querySelector("progress").value = run.update / (updates || 1)
  }
  const tell = (text, className) => Object.assign(show("outcome"), { textContent: text, className: `outcome ${className}` })
  button("pause").onclick = () => {
    const paused = run.resume
    button("pause").textContent = paused ? "Pause" : "Go on"
    run.wait = paused ? paused() : new Promise(resolve => { run.resume = () => { run.resume = undefined; resolve() } })
  }
  button("stop").onclick = () => { run.stopped = true; run.resume?.() }
  button("save").onclick = () => {
    const { results, differs = null, checkpoints, seconds, update } = run, last = update === updates && results
    const statement = { outcome: outcome(run), params: run.params, text_sha256: run.compared ? data.sha256 : null, updates: update,
      results: last, published: data.results, first_difference: differs || null, checkpoints, seconds, user_agent: navigator.userAgent }
    const href = URL.createObjectURL(new Blob([JSON.stringify(statement, null, 2)], { type: "application/json" }))
    element("a", [], { download: "charloom-statement.json", href }).click()
  }
  button("start").onclick = async () => {
    const request = await asked()
    if (!request) return
    const { ask, end } = workerOf()
    run = { ...request, box, curve: [], saturated: [], checkpoints: {}, seconds: 0, update: 0, differs: "" }
    const running = on => {
      const inside = box.querySelector(".controls").contains(document.activeElement)
      for (const key of ["pause", "stop", "start"]) button(key).disabled = on === (key === "start")
      if (inside) button(on ? "pause" : "start").focus()
    }
    running(true)
    box.classList.add("begun")
    show("after").hidden = true
    show("checkpoints").replaceChildren()
    tell("", "")
    show("progress").textContent = "Reading the text …"
    try {
      await ask({ kind: "start", program, ...request })
      for (let drawn = 0; !run.results && run.diverged === undefined && !run.stopped;) {
        const begun = performance.now()
        take(run, await ask({ kind: "advance" }))
        run.seconds += (performance.now() - begun) / 1000
        if (begun - drawn > 200) refresh(drawn = begun)
        await run.wait
      }
      refresh()
      tell(outcome(run), run.differs || run.diverged !== undefined ? "differs" : run.results && run.compared ? "equal" : "")
      show("after").hidden = false
    } catch (error) {
      tell(`Cannot train: ${error.message}.`, "differs")
    }
    end()
    running(false)
    button("pause").textContent = "Pause"
  }
  drawBoth(box, name, { curve: [], saturated: [] })
}

training("again", () => ({ params, text: { text: data.text, vocabulary: data.vocabulary }, heldOut: 0, compared: true }))

// Change one thing: the form has the published settings until somebody writes others.
const form = byId("change-form"), file = form.elements["prepare.text"]
const settings = [...form.elements].filter(field => field !== file)
const valueOf = ({ name, value }) => name === "seed" || isNaN(value) ? value.trim() : Number(value)
const overrides = () => [...settings.map(field => [field.name, valueOf(field)]).filter(([name, value]) => value !== params[name]),
  ...[...file.files].map(({ name }) => ["prepare.text", `data/${name}`])]
settings.forEach(field => { field.value = params[field.name] })
form.oninput = () => {
  const changes = overrides()
  byId("change-same").hidden = !changes.length
  command("change-command", "dvc exp run", changes.map(([name, value]) => [`-S ${name}=${quoted(String(value))}`]))
}
form.onsubmit = event => event.preventDefault()
form.oninput()
training("change", async () => form.reportValidity() && {
  params: { ...params, ...Object.fromEntries(overrides()) },
  text: file.files.length ? { bytes: await file.files[0].arrayBuffer() } : { text: data.text, vocabulary: data.vocabulary },
  heldOut: file.files.length ? params["prepare.held_out"] : 0,
})

// Write: the characters, and the command that prints the same ones.
const writing = byId("write-form")
const choice = () => Object.fromEntries(["temperature", "top_k", "top_p", "length", "seed"].map(name => [name, Number(writing.elements.namedItem(name).value)]))
writing.oninput = () => {
  const prime = writing.elements.prime.value
  const given = [...prime ? [["prime", quoted(prime)]] : [], ...Object.entries(choice())]
  command("write-command", "charloom sample", given.map(([name, value]) => [`--${name.replace("_", "-")}=${value}`, name === "prime" ? "long" : ""]))
}
writing.oninput()
writing.onsubmit = async event => {
  event.preventDefault()
  const { ask, end } = workerOf(), model = { ...data.model, m: params.m, vocabulary, theta }
  try {
    const { prime, skipped, text, p } = await ask({ kind: "write", program, model, prime: writing.elements.prime.value, ...choice() })
    const shade = n => [1 / 2, 1 / 4, 1 / 16, 1 / 64, 0].findIndex(least => p[n] >= least)
    byId("skipped").textContent = skipped && `Not in the vocabulary of this model, skipped: ${skipped}`
    byId("written").replaceChildren(element("b", prime), ...[...text].map((character, n) => element("span", character, { className: `s${shade(n)}` })))
  } catch (error) {
    byId("skipped").textContent = `Cannot write: ${error.message}.`
  }
  end()
}
byId("shade").onchange = ({ target }) => {
  byId("written").classList.toggle("shades", target.checked)
  byId("legend").hidden = !target.checked
}

if (typeof WebAssembly !== "object" || !WebAssembly.validate(program.wasm)) {
  document.querySelectorAll("main button").forEach(button => { button.disabled = true })
  document.querySelector(".outcome").textContent = "This browser has no WebAssembly with 128-bit vectors, so it cannot compute here; Chrome and Firefox have had them since 2021, Safari since 2023."
}
