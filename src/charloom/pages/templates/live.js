// The user interface of the live page. Each training and each text runs in a Worker of its own: worker.js.
const { params } = data, updates = params["train.updates"]
byId("unable").hidden = globalThis.WebAssembly?.validate(bytesOf(data.wasm)) // if not, the script ends here
const program = { module: new WebAssembly.Module(bytesOf(data.wasm)), ziggurat: data.ziggurat }
const source = URL.createObjectURL(new Blob([byId("worker").textContent], { type: "text/javascript" }))
const shown = number => number.toLocaleString("en", { maximumFractionDigits: 0 })

// Send a request to a Worker; return its answer.
const ask = (worker, request) => new Promise((resolve, reject) => {
  worker.onmessage = ({ data: answer }) => answer.error ? reject(new Error(answer.error)) : resolve(answer)
  worker.onerror = ({ message }) => reject(new Error(message))
  worker.postMessage({ program, ...request })
})

// Return the first value of the project's run that a training differs from.
const firstDifference = ({ curve, checkpoint, held_out, results }) => {
  const { update, hash, text } = checkpoint ?? {}, [published, publishedText] = data.checkpoints[update] ?? []
  const point = 100 * curve.findIndex((loss, n) => loss !== (data.curve[100 * n] ?? loss))
  return [
    ["SHA-256 of the weights after", update, hash, published],
    ["text after", update, text, publishedText],
    ["smooth loss after", point, curve[point / 100], data.curve[point]],
    ["held-out bits per character after", updates, held_out, held_out && data.held_out],
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
const progress = ({ params: { "train.updates": all }, update, seconds, smooth, statistics }) => {
  const speed = update / seconds, left = (all - update) / (speed || 1), saturated = statistics[3]
  return `${shown(update)} of ${shown(all)} updates · ${shown(speed)} updates per second · ${shown(left)} s left`
    + ` · smooth loss ${smooth.toFixed(2)} · ${shown(100 * saturated.at(-1))} % of the units saturated`
    + ` at update ${shown(1000 * (saturated.length - 1))}`
}
const outcome = ({ params: p, changed, verdict, update, seconds, first_difference, held_out, results }) => {
  const change = changed.map(([name, value]) => ` ${name}=${value} (the project’s run: ${params[name]}).`).join("")
  const about = `charloom, ${p["prepare.text"].split("/").at(-1)}, seed ${p.seed}, ${shown(update)} updates.${change}`
  const other = changed.some(([name]) => name === "prepare.text") ? ", on another text: not comparable" : ""
  const published = `${data.held_out?.toFixed(4) ?? "none"} in the project’s run${other}`
  const cost = results && held_out ? `Held-out bits per character: ${held_out.toFixed(4)} here, ${published}. ` : ""
  const difference = first_difference ? `First difference: ${first_difference}. ` : ""
  const hash = results ? `Weights and trace have the SHA-256 ${results}. ` : ""
  return `${verdict.toUpperCase()}: ${about} ${difference}${cost}${hash}${shown(seconds)} s, ${navigator.userAgent}`
}

// Return a command for a shell.
const quoted = text => /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
const command = (start, set) => [start, ...set.map(([name, value]) => `${name}=${quoted(`${value}`)}`)].join(" ")

// What a field may hold, in words and as a test of its text. No comma: it may be decimal, or separate thousands.
const NUMBER = /^([0-9]+[.]?[0-9]*|[.][0-9]+)(e[+-]?[0-9]+)?$/i
const number = (words, allows) => [words, text => NUMBER.test(text) && isFinite(text) && allows(Number(text), text)]
const whole = (low, high) => number(`a whole number from ${low} to ${high}`,
  (n, text) => !text.includes(".") && n % 1 === 0 && n >= low && n <= high) // 10.000 may be ten thousand
const positive = number("a number above 0, such as 0.05", n => n > 0), from0 = number("a number from 0 on", () => true)
const ALLOWED = {
  ...Object.fromEntries(Object.entries(data.limits).map(([name, [low, high]]) => [name, whole(low, high)])),
  optimizer: ["adagrad or adam", text => text === "adagrad" || text === "adam"],
  eta: positive, "train.initial_accumulator_value": from0, temperature: from0,
  sigma: ["a number above 0, such as 0.01, or fan_in", text => text === "fan_in" || positive[1](text)],
  top_p: number("a number above 0 and up to 1, such as 0.9", n => n > 0 && n <= 1),
  seed: ["a whole number from 0 to 2^64 - 1", text => /^[0-9]+$/.test(text) && BigInt(text) < 2n ** 64n],
  top_k: whole(0, Number.MAX_SAFE_INTEGER), length: whole(0, 100000),
}
const valueOf = (name, text) => name === "seed" ? String(BigInt(text)) : isNaN(text) ? text : Number(text)

const refusal = (name, value) => {
  const [words, allows] = ALLOWED[name], pointed = value.replace(",", ".")
  const point = value !== pointed && allows(pointed) ? `; a decimal has a point: ${pointed}` : ""
  return `${name}: ${value || "an empty value"} is not allowed; it has to be ${words}${point}`
}

// Mark the fields of a form whose text is not allowed. Show a line about the first one, and return this field; if there
// is none, show the command.
const check = (form, id, commandOf) => {
  const fields = [...form.elements].filter(({ name }) => ALLOWED[name])
  for (const field of fields) field.setAttribute("aria-invalid", !ALLOWED[field.name][1](field.value.trim()))
  const refused = fields.find(field => field.ariaInvalid === "true"), { name, value } = refused ?? {}
  byId(`${id}-refused`).textContent = refused ? refusal(name, value.trim()) : ""
  byId(`${id}-command`).textContent = refused ? "" : commandOf()
  return refused
}

// The form of a training starts with the project's settings. `dvc exp run -S` reads a value in Hydra's syntax.
const form = byId("training"), { start, pause, stop, settings, running, outcome: result } = form.elements
const changes = () => [...new FormData(form)].flatMap(([name, value]) => {
  if (value instanceof File) return value.name ? [[name, `data/${value.name}`]] : []
  const setting = valueOf(name, value.trim())
  return setting === params[name] ? [] : [[name, setting]]
})
const inHydra = value => /^[\w.+/-]+( [\w.+/-]+)*$/.test(value) ? value : `'${value.replaceAll("'", "\\'")}'`
const pipeline = changed => command("dvc exp run", changed.map(([name, value]) => [`-S ${name}`, inHydra(`${value}`)]))
form.oninput = () => {
  const refused = check(form, "change", () => pipeline(changes()))
  start.textContent = refused || changes().length ? "Train with this change" : "Run it again"
  return refused
}

// An address such as live.html#eta=0.05&seed= fills the form, and starts nothing. If a name or a value is not allowed,
// nothing is filled. An empty value is left to the reader. Spaces around a name or a value, as a chat adds them, are not
// part of it.
const decoded = text => { try { return decodeURIComponent(text).trim() } catch { return text } }
const fill = () => {
  const pairs = location.hash.slice(1).split("&").map(pair => pair.split(/=(.*)/s, 2).map(decoded))
  if (pairs[0].length < 2 || settings.disabled) return // the address of a section, or a training runs
  const names = [...form.elements].map(({ name }) => name).filter(name => Object.hasOwn(ALLOWED, name))
  const refused = pairs.find(([name, value]) => !names.includes(name) || value && !ALLOWED[name][1](value))
  if (!refused) for (const [name, value = ""] of pairs) form.elements[name].value = value
  byId("change").open = true
  form.oninput()?.focus()
  if (!refused) return
  const [name, value = ""] = refused.map(text => text.length > 40 ? `${text.slice(0, 40)}…` : text)
  const problem = names.includes(name) ? refusal(name, value)
    : `${name || "an empty name"} is no setting of this form; allowed are ${names.join(", ")}`
  byId("change-refused").textContent = `In the address: ${problem}`
}

const show = run => {
  byId("bar").max = run.params["train.updates"]
  byId("bar").value = run.update
  byId("progress").textContent = progress(run)
  draw("loss", 100, run.curve.map(loss => loss * params.seq_length / run.params.seq_length))
  draw("saturated", 1000, run.statistics[3])
}
const setState = state => {
  const focused = form.contains(document.activeElement), on = state === "running"
  form.dataset.state = state
  settings.disabled = on
  running.disabled = !on
  if (focused) (on ? pause : start).focus()
}
fill()
addEventListener("hashchange", fill)
stop.onclick = () => { form.dataset.state = "stopped" }
form.onsubmit = async event => {
  event.preventDefault()
  const refused = form.oninput()
  byId("change").open ||= refused !== undefined
  if (refused) return refused.focus()
  const worker = new Worker(source), changed = changes(), [file] = form.elements["prepare.text"].files
  byId("loss").closest(".chart").classList.toggle("other", Boolean(file)) // the dashed lines are the project's text's
  const trained = { ...params, ...Object.fromEntries(changed) }
  const run = { params: trained, changed, compared: !changed.length, checkpoints: {} }
  const kept = keep(changed.map(([name, value]) => `${name}=${value}`).join(", ") || "no change")
  pause.checked = false
  result.value = ""
  byId("checkpoints").replaceChildren()
  setState("running")
  try {
    const name = `prepare.text: ${file?.name}`, unreadable = new Error(`${name} is not UTF-8; save it as UTF-8`)
    const read = bytes => new TextDecoder("utf-8", { fatal: true }).decode(bytes).replaceAll("\r\n", "\n")
    const text = await file?.arrayBuffer().then(read).catch(() => { throw unreadable }) ?? data.text
    if (new Set(text).size < 2) throw new Error(`${name} has to have two or more distinct characters`)
    await ask(worker, { kind: "start", params: run.params, text })
    while (!run.end && form.dataset.state === "running") {
      Object.assign(run, await ask(worker, { kind: "advance" }))
      if (run.compared) run.first_difference ??= firstDifference(run)
      if (run.checkpoint) {
        run.checkpoints[run.checkpoint.update] = run.checkpoint.hash
        byId("checkpoints").append(articleOf(run.compared, run.checkpoint))
      }
      show(run)
      while (pause.checked && form.dataset.state === "running") await new Promise(resolve => setTimeout(resolve, 100))
    }
    const equal = run.compared && run.end === "complete"
    run.verdict = run.first_difference ? "different" : equal ? "equal" : run.end ?? "stopped"
    result.value = outcome(run)
    const statement = { outcome: outcome(run), published: data.results, user_agent: navigator.userAgent, ...run }
    byId("save").href = URL.createObjectURL(new Blob([JSON.stringify(statement)]))
    kept.end = run.held_out ? `, held-out ${run.held_out.toFixed(4)}` : ` after ${shown(run.update)} updates: ${run.verdict}`
    setState(run.verdict)
    if (run.end === "complete") offer(changed, await ask(worker, { kind: "best" }))
  } catch (error) {
    result.value = `Cannot train: ${error.message}.`
    setState("impossible")
  }
  worker.terminate()
}

// Write: show the characters, and the command that prints the same characters. The model comes from the project’s run,
// or from the last finished training on this page.
const writing = byId("write-form"), { model: choice } = writing.elements
const models = [{ model: { ...data.model, theta: numbersOf(data.model.theta) }, before: "" }]
const offer = (changed, model) => {
  models[1] = { model, before: changed.length ? `${pipeline(changed)} && ` : "" }
  const what = changed.map(([name, value]) => `${name}=${value}`).join(", ") || "the same settings"
  choice[1].textContent = `trained here, ${what}: after ${shown(model.update)} updates`
  choice[1].disabled = false
  choice.value = 1
  writing.oninput()
}
const asked = () => [...new FormData(writing)].filter(([name]) => name !== "model")
  .map(([name, value]) => [name, name === "prime" ? value : valueOf(name, value.trim())])
writing.oninput = () => check(writing, "write", () =>
  models[choice.value].before
    + command("charloom sample", asked().map(([name, value]) => [`--${name.replace("_", "-")}`, value])))
writing.oninput()
const shade = p => `s${[1 / 2, 1 / 4, 1 / 16, 1 / 64, 0].findIndex(least => p >= least)}`
writing.onsubmit = async event => {
  event.preventDefault()
  const refused = writing.oninput()
  if (refused) return refused.focus()
  const worker = new Worker(source), { model } = models[choice.value]
  const request = { kind: "write", model, ...Object.fromEntries(asked()) }
  const { prime, skipped, text, p } = await ask(worker, request)
  byId("skipped").textContent = skipped && `Not in the vocabulary of this model, skipped: ${skipped}`
  byId("written").replaceChildren(...[prime, ...text].map((textContent, n) =>
    element("span", { className: n ? shade(p[n - 1]) : "prime", textContent })))
  worker.terminate()
}
