// The user interface of the live page. Each training and each text runs in a Worker of its own: worker.js.
"use strict"
const byId = id => document.getElementById(id)
const data = JSON.parse(byId("data").textContent), { params } = data, updates = params["train.updates"]
const bytesOf = base64 => Uint8Array.from(atob(base64), character => character.charCodeAt())
byId("unable").hidden = globalThis.WebAssembly?.validate(bytesOf(data.wasm)) // if not, the script ends here
const program = { module: new WebAssembly.Module(bytesOf(data.wasm)), ziggurat: data.ziggurat }
const model = { ...data.model, theta: new Float64Array(bytesOf(data.model.theta).buffer) }
const source = URL.createObjectURL(new Blob([byId("worker").textContent], { type: "text/javascript" }))
const shown = number => number.toLocaleString("en", { maximumFractionDigits: 0 })

// Send a request to a Worker; return its answer.
const ask = (worker, request) => new Promise((resolve, reject) => {
  worker.onmessage = ({ data: answer }) => answer.error ? reject(new Error(answer.error)) : resolve(answer)
  worker.onerror = ({ message }) => reject(new Error(message))
  worker.postMessage({ program, ...request })
})

// Return the first value of the project's run that a training differs from.
const firstDifference = ({ curve, checkpoint, results }) => {
  const { update, hash, text } = checkpoint ?? {}, [published, publishedText] = data.checkpoints[update] ?? []
  const point = 100 * curve.findIndex((loss, n) => loss !== (data.curve[100 * n] ?? loss))
  return [
    ["SHA-256 of the weights after", update, hash, published],
    ["text after", update, text, publishedText],
    ["smooth loss after", point, curve[point / 100], data.curve[point]],
    ["SHA-256 of weights and trace after", updates, results, results && data.results],
  ].filter(([, , here, there]) => there !== undefined && here !== there)
    .map(([what, n, here, there]) => `${what} ${shown(n)} updates: ${here} here, ${there} in the project’s run`)[0]
}
const articleOf = (compared, { update, text, hash }) => {
  const article = byId("checkpoint").content.firstElementChild.cloneNode(true), [title, sample] = article.children
  const published = compared && data.checkpoints[update]
  title.textContent = `After ${shown(update)} updates`
  sample.textContent = text
  article.querySelector("code").textContent = `${hash.slice(0, 16)}…`
  if (published) article.className = hash === published[0] && text === published[1] ? "equal" : "different"
  return article
}

// Texts about a training.
const progress = ({ update, seconds, smooth, statistics }) => {
  const speed = update / seconds, left = (updates - update) / (speed || 1), saturated = 100 * statistics[3].at(-1)
  return `${shown(update)} of ${shown(updates)} updates · ${shown(speed)} updates per second · ${shown(left)} s left`
    + ` · smooth loss ${smooth.toFixed(2)} · ${shown(saturated)} % of the units saturated`
}
const outcome = ({ params: p, verdict, update, seconds, first_difference, results }) => {
  const about = `charloom, ${p["prepare.text"].split("/").at(-1)}, seed ${p.seed}, ${shown(update)} updates`
  const difference = first_difference ? `First difference: ${first_difference}. ` : ""
  const hash = results ? `Weights and trace have the SHA-256 ${results}. ` : ""
  return `${verdict.toUpperCase()}: ${about}. ${difference}${hash}${shown(seconds)} s, ${navigator.userAgent}`
}

// Show a command.
const quoted = text => /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
const command = (id, start, options) => {
  byId(id).textContent = [start, ...options.map(([name, value]) => `${name}=${quoted(String(value))}`)].join(" ")
}

// The form of a training starts with the project's settings. `dvc exp run -S` reads a value in Hydra's syntax.
const form = byId("training"), { start, pause, stop, settings, running, outcome: result } = form.elements
const changes = () => [...new FormData(form)].flatMap(([name, value]) => {
  if (value instanceof File) return value.name ? [[name, `data/${value.name}`]] : []
  const setting = name === "seed" || isNaN(value) ? value : Number(value)
  return setting === params[name] ? [] : [[name, setting]]
})
const inHydra = value => /^[\w./-]+( [\w./-]+)*$/.test(value) ? value : `'${value.replaceAll("'", "\\'")}'`
form.oninput = () => {
  const changed = changes()
  start.textContent = changed.length ? "Train with this change" : "Run it again"
  command("change-command", "dvc exp run", changed.map(([name, value]) => [`-S ${name}`, inHydra(String(value))]))
}
const show = run => {
  const points = (values, every, scale) => values.map((value, n) => `${n * every},${-value * scale}`).join(" ")
  byId("bar").value = run.update
  byId("progress").textContent = progress(run)
  byId("loss").setAttribute("points", points(run.curve, 100, params.seq_length / run.params.seq_length))
  byId("saturated").setAttribute("points", points(run.statistics[3], 1000, 1))
}
const setState = state => {
  const focused = form.contains(document.activeElement), on = state === "running"
  form.dataset.state = state
  settings.disabled = on
  running.disabled = !on
  if (focused) (on ? pause : start).focus()
}
stop.onclick = () => { form.dataset.state = "stopped" }
form.onsubmit = async event => {
  event.preventDefault()
  const worker = new Worker(source), changed = changes(), [file] = form.elements["prepare.text"].files
  const run = { params: { ...params, ...Object.fromEntries(changed) }, compared: !changed.length, checkpoints: {} }
  pause.checked = false
  result.value = ""
  byId("checkpoints").replaceChildren()
  setState("running")
  try {
    const bytes = await file?.arrayBuffer(), decoder = new TextDecoder("utf-8", { fatal: true })
    const text = bytes ? decoder.decode(bytes).replaceAll("\r\n", "\n") : data.text
    await ask(worker, { kind: "start", params: run.params, text })
    while (!run.end && form.dataset.state === "running") {
      Object.assign(run, await ask(worker, { kind: "advance" }))
      if (run.compared) run.first_difference ??= firstDifference(run)
      if (run.checkpoint) {
        run.checkpoints[run.checkpoint.update] = run.checkpoint.hash
        byId("checkpoints").prepend(articleOf(run.compared, run.checkpoint))
      }
      show(run)
      while (pause.checked && form.dataset.state === "running") await new Promise(resolve => setTimeout(resolve, 100))
    }
    const equal = run.compared && run.end === "complete"
    run.verdict = run.first_difference ? "different" : equal ? "equal" : run.end ?? "stopped"
    result.value = outcome(run)
    const statement = { outcome: outcome(run), published: data.results, user_agent: navigator.userAgent, ...run }
    byId("save").href = URL.createObjectURL(new Blob([JSON.stringify(statement)]))
    setState(run.verdict)
  } catch (error) {
    result.value = `Cannot train: ${error.message}.`
    setState("impossible")
  }
  worker.terminate()
}

// Write: show the characters, and the command that prints the same characters.
const writing = byId("write-form")
const asked = () => [...new FormData(writing)].map(([name, value]) => [name, name === "prime" ? value : Number(value)])
writing.oninput = () =>
  command("write-command", "charloom sample", asked().map(([name, value]) => [`--${name.replace("_", "-")}`, value]))
writing.oninput()
const shade = p => `s${[1 / 2, 1 / 4, 1 / 16, 1 / 64, 0].findIndex(least => p >= least)}`
writing.onsubmit = async event => {
  event.preventDefault()
  const worker = new Worker(source), request = { kind: "write", model, ...Object.fromEntries(asked()) }
  const { prime, skipped, text, p } = await ask(worker, request)
  byId("skipped").textContent = skipped && `Not in the vocabulary of this model, skipped: ${skipped}`
  byId("written").replaceChildren(...[prime, ...text].map((textContent, n) =>
    Object.assign(document.createElement("span"), { className: n ? shade(p[n - 1]) : "prime", textContent })))
  worker.terminate()
}
