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
const element = (tag, content, attributes = {}) => {
  const node = Object.assign(document.createElement(tag), attributes)
  node.append(...content)
  return node
}

// Send a request to a Worker; return its answer.
const ask = (worker, request) => new Promise((resolve, reject) => {
  worker.onmessage = ({ data: answer }) => answer.error ? reject(new Error(answer.error)) : resolve(answer)
  worker.onerror = ({ message }) => reject(new Error(message))
  worker.postMessage(request)
})

// Draw the curves [[update, value], …] of the project's run and of a training, in a frame of four steps from `low` on.
const draw = (chart, curves, low, step) => {
  chart.querySelector("svg").setAttribute("viewBox", `0 ${-low - 4 * step} ${updates || 1} ${4 * step}`)
  chart.querySelectorAll("polyline").forEach((line, n) => {
    line.setAttribute("points", curves[n].map(([update, value]) => `${update},${-value}`).join(" "))
  })
}
const pointsOf = (values, every = 1) => Object.entries(values).map(([n, value]) => [n * every, value])
const drawRun = (form, { curve, statistics }) => {
  const [loss, saturated] = form.querySelectorAll(".chart")
  const curves = [pointsOf(data.curve), pointsOf(curve, 100)], all = curves.flat()
  const settled = all.filter(([update]) => update >= updates / 20)
  const values = (settled.length > 2 ? settled : all).map(([, value]) => value)
  const low = values.reduce((a, b) => Math.min(a, b)), range = values.reduce((a, b) => Math.max(a, b)) - low || 1
  const least = 0.35 * range, power = 10 ** Math.floor(Math.log10(least)) // the beginning may be above the frame
  const step = [1, 2, 5, 10].find(n => n * power >= least) * power
  const bottom = Math.floor(low / step) * step, mark = n => (bottom + (4 - n) * step).toLocaleString("en")
  draw(loss, curves, bottom, step)
  loss.querySelectorAll(".marks li").forEach((item, n) => { item.textContent = mark(n) })
  draw(saturated, [pointsOf(data.saturated), pointsOf(statistics.map(row => row[3]), 1000)], 0, 0.25)
}

// Return the first value of the project's run that an answer of the Worker differs from, or "".
const firstDifference = ({ update, curve, checkpoint, results }) => {
  const after = `after ${shown(update)} updates`, [hash, text] = data.checkpoints[update] ?? []
  const difference = [
    [`smooth loss ${after}`, curve[update / 100], data.curve[update]],
    [`SHA-256 of the weights ${after}`, checkpoint?.hash, hash],
    [`text ${after}`, checkpoint?.text, text],
    ["SHA-256 of weights and trace", results, results && data.results],
  ].find(([, here, published]) => published !== undefined && here !== published)
  return difference ? `${difference[0]}: ${difference[1]} here, ${difference[2]} in the project’s run` : ""
}
const articleOf = ({ compared, update, checkpoint }) => {
  const article = byId("checkpoint").content.cloneNode(true), [hash, text] = data.checkpoints[update] ?? []
  const equal = checkpoint.hash === hash && checkpoint.text === text
  const verdict = `Weights ${equal ? "and text equal" : "or text differ from"} those of the project’s run. `
  article.querySelector("h3").textContent = `After ${shown(update)} updates`
  article.querySelector("pre").textContent = checkpoint.text
  article.querySelector("span").textContent = compared && hash ? verdict : ""
  article.querySelector("code").textContent = `${checkpoint.hash.slice(0, 16)}…`
  return article
}

const speed = run => `${shown(run.completed / run.seconds)} updates per second`
const progress = run => {
  const parts = [`${shown(run.completed)} of ${shown(updates)} updates`, speed(run)]
  if (!run.end) parts.push(`${shown((updates - run.completed) * run.seconds / run.completed)} s left`)
  parts.push(`smooth loss ${shown(run.smooth, 2)}`, `${shown(run.statistics.at(-1)[3] * 100)} % of the units saturated`)
  return parts.join(" · ")
}
const outcome = run => {
  const difference = run.differs && `First difference: ${run.differs}.`
  if (run.end === "diverged") return `Training diverged at update ${shown(run.completed)}; a smaller eta may help.`
  if (!run.end) {
    const comparison = run.compared ? difference || "All results so far equal those of the project’s run." : ""
    return `Stopped after ${shown(run.completed)} updates. ${comparison}`
  }
  const same = "The command above writes the same SHA-256 to metrics/results.json."
  if (!run.compared) return `Weights and trace have the SHA-256 ${run.results}. ${same}`
  const about = `charloom, ${params["prepare.text"].split("/").at(-1)}, seed ${params.seed}, ${shown(updates)} updates`
  const verdict = difference || `Weights and trace have the SHA-256 of the project’s run, ${run.results}.`
  const how = `${shown(run.seconds)} s, ${speed(run)}, ${navigator.userAgent}`
  return `${run.differs ? "DIFFERENT" : "EQUAL"}: ${about}. ${verdict} ${how}`
}
const statement = run => ({
  outcome: outcome(run), params: run.params, text_sha256: run.compared ? data.sha256 : null, updates: run.completed,
  results: run.results ?? null, published: data.results, first_difference: run.differs || null,
  checkpoints: run.checkpoints, seconds: run.seconds, user_agent: navigator.userAgent,
})

// The form of a training. `requestOf()` returns its params, its text, and whether to compare it with the project's run.
const training = (name, requestOf) => {
  const form = byId(name), { start, pause, stop, save, outcome: result } = form.elements
  const line = form.querySelector(".progress span"), checkpoints = form.querySelector(".checkpoints")
  const blank = () => ({ curve: [], statistics: [], checkpoints: {}, completed: 0, seconds: 0, differs: "" })
  let run = blank()
  const refresh = () => {
    drawRun(form, run)
    if (run.completed) line.textContent = progress(run)
    form.querySelector("progress").value = run.completed / (updates || 1)
  }
  const show = (text, className) => Object.assign(result, { textContent: text, className: `outcome ${className}` })
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
  form.onsubmit = async event => {
    event.preventDefault()
    const worker = new Worker(source)
    run = blank()
    running(true)
    form.dataset.state = "begun"
    checkpoints.replaceChildren()
    line.textContent = "Reading the text …"
    show("", "")
    try {
      Object.assign(run, await requestOf())
      await ask(worker, { kind: "start", program, ...run })
      for (let drawn = 0; !run.end && !run.stopped;) {
        const began = performance.now()
        Object.assign(run, await ask(worker, { kind: "advance" }))
        run.seconds += (performance.now() - began) / 1000
        if (run.compared) run.differs ||= firstDifference(run)
        if (run.checkpoint) {
          run.checkpoints[run.update] = run.checkpoint.hash
          checkpoints.prepend(articleOf(run))
        }
        if (began - drawn > 200) {
          refresh()
          drawn = began
        }
        while (run.paused && !run.stopped) await new Promise(resolve => setTimeout(resolve, 100))
      }
      refresh()
      const fault = run.differs || run.end === "diverged"
      show(outcome(run), fault ? "differs" : run.results && run.compared ? "equal" : "")
      form.dataset.state = "ended"
    } catch (error) {
      show(`Cannot train: ${error.message}.`, "differs")
    }
    worker.terminate()
    running(false)
  }
  drawRun(form, run)
}
training("again", () => ({ params, text: ownText, compared: true }))

// Show a command.
const quoted = text => /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
const command = (id, start, options) => {
  const spans = options.map(([name, value]) => element("span", [`${name}=${quoted(value)}`]))
  byId(id).replaceChildren(start, ...spans.flatMap(span => [" ", span]))
}

// Change one thing: the form starts with the project's settings. `dvc exp run -S` reads a value in Hydra's syntax.
const change = byId("changed")
const hydraValue = text => /^[\w./-]+( [\w./-]+)*$/.test(text) ? text : `'${text.replaceAll("'", "\\'")}'`
const valueOf = (name, value) => name === "seed" || isNaN(value) ? value.trim() : Number(value)
const changes = () => [...new FormData(change)].flatMap(([name, value]) => {
  if (value instanceof File) return value.name ? [[name, `data/${value.name}`]] : []
  return valueOf(name, value) === params[name] ? [] : [[name, valueOf(name, value)]]
})
for (const field of change.elements) {
  if (field.name in params && field.type !== "file") field.value = params[field.name]
}
change.oninput = () => {
  byId("change-same").hidden = !changes().length
  command("change-command", "dvc exp run", changes().map(([name, value]) => [`-S ${name}`, hydraValue(String(value))]))
}
training("changed", async () => {
  const [file] = change.elements["prepare.text"].files
  const text = file ? { bytes: await file.arrayBuffer() } : ownText
  return { params: { ...params, ...Object.fromEntries(changes()) }, text }
})

// Write: show the characters, and the command that prints the same characters.
const writing = byId("write-form"), { prime: primeField } = writing.elements
if ([...primeField.value].some(letter => !data.vocabulary.includes(letter))) { // the template has English words
  primeField.value = data.text.slice(0, 8)
}
const numbers = () => [...new FormData(writing)].slice(1).map(([name, value]) => [name, Number(value)])
writing.oninput = () => command("write-command", "charloom sample", [
  ...primeField.value ? [["--prime", primeField.value]] : [],
  ...numbers().map(([name, value]) => [`--${name.replace("_", "-")}`, String(value)]),
])
writing.oninput()
writing.onsubmit = async event => {
  event.preventDefault()
  const worker = new Worker(source), theta = new Float64Array(bytesOf(data.model.theta).buffer)
  const model = { ...data.model, m: params.m, vocabulary: [...data.vocabulary], theta }
  const request = { kind: "write", program, model, prime: primeField.value, ...Object.fromEntries(numbers()) }
  const shade = p => `s${[1 / 2, 1 / 4, 1 / 16, 1 / 64, 0].findIndex(least => p >= least)}`
  try {
    const { prime, skipped, text, p } = await ask(worker, request)
    byId("skipped").textContent = skipped && `Not in the vocabulary of this model, skipped: ${skipped}`
    const characters = [...text].map((character, n) => element("span", [character], { className: shade(p[n]) }))
    byId("written").replaceChildren(element("b", [prime]), ...characters)
  } catch (error) {
    byId("skipped").textContent = `Cannot write: ${error.message}.`
  }
  worker.terminate()
}

if (typeof WebAssembly !== "object" || !WebAssembly.validate(program.wasm)) {
  document.querySelectorAll("main button").forEach(button => { button.disabled = true })
  byId("unable").hidden = false
}
