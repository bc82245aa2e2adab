// The experiment in a Worker: each request gets one answer. live/kernel.c does the arithmetic.
"use strict"
const LARGEST = 10_000_000 // bytes of a text
const AT_ONCE = 100 // maximum number of updates per answer
const EVERY = 100, STATISTICS_EVERY = 1000 // updates between two points of the curve, and between two statistics
const CHECKPOINT = 1, ON_DEMAND = 3 // kinds of sample: sampling/writing.py
// The addresses that `room` in kernel.c returns, in its order.
const PLACES = "ids flat losses smooth statistics recipe ziggurat words probability h best_h".split(" ")
let wasm, place, run

// A view of n numbers at the address of that name. When memory grows, earlier views become invalid.
const view = (name, n, Type = Float64Array) => new Type(wasm.memory.buffer, place[name] ?? name, n)

const open = ({ wasm: bytes, ziggurat }, m, K, T, characters, updates) => {
  wasm = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports
  const places = wasm.room(m, K, T, characters, updates)
  const table = new Uint32Array(wasm.memory.buffer, places, PLACES.length)
  place = Object.fromEntries(PLACES.map((name, n) => [name, table[n]]))
  view("ziggurat", 768).set(ziggurat)
}

// The random stream of default_rng(numbers): each number is split into 32-bit words, lowest first.
const stream = numbers => {
  const words = numbers.map(BigInt).flatMap(n => n >> 32n ? [n & 0xffffffffn, n >> 32n] : [n])
  view("words", words.length, Uint32Array).set(words.map(Number))
  wasm.stream(words.length)
}

// SHA-256 (FIPS 180-4). A page from a plain http server has no crypto.subtle.
const NUMBERS = Array.from({ length: 310 }, (_, n) => n + 2)
const PRIMES = NUMBERS.filter(n => !NUMBERS.some(divisor => divisor < n && n % divisor === 0)) // the first 64
const fraction = root => (root % 1) * 2 ** 32 | 0 // its first 32 bits
const turned = (x, n) => x >>> n | x << 32 - n
const hash = (...arrays) => {
  const size = arrays.reduce((sum, array) => sum + array.byteLength, 0)
  const message = new Uint8Array(Math.ceil((size + 9) / 64) * 64), words = new DataView(message.buffer)
  const parts = arrays.map(({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength))
  message[parts.reduce((at, part) => (message.set(part, at), at + part.length), 0)] = 128
  words.setBigUint64(message.length - 8, BigInt(size) * 8n)
  const digest = Int32Array.from(PRIMES.slice(0, 8), prime => fraction(Math.sqrt(prime)))
  const constants = Int32Array.from(PRIMES, prime => fraction(Math.cbrt(prime))), w = new Int32Array(64)
  for (let block = 0; block < message.length; block += 64) {
    let [a, b, c, d, e, f, g, h] = digest
    for (let i = 0; i < 64; i++) {
      const x = w[i - 15], y = w[i - 2]
      w[i] = i < 16 ? words.getInt32(block + 4 * i)
        : w[i - 16] + (turned(x, 7) ^ turned(x, 18) ^ x >>> 3) + w[i - 7] + (turned(y, 17) ^ turned(y, 19) ^ y >>> 10)
      const one = h + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + (e & f ^ ~e & g) + constants[i] + w[i]
      const two = (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + (a & b ^ a & c ^ b & c);
      [a, b, c, d, e, f, g, h] = [one + two | 0, a, b, c, d + one | 0, e, f, g]
    }
    [a, b, c, d, e, f, g, h].forEach((x, i) => { digest[i] += x })
  }
  return [...digest].map(x => (x >>> 0).toString(16).padStart(8, "0")).join("")
}
const weights = which => (wasm.give(which), view("flat", run.count).slice())

// The training part of the text, as in text/corpus.py. A given vocabulary may have more characters than the text.
const prepared = ({ bytes, text, vocabulary }, heldOut) => {
  if (bytes?.byteLength > LARGEST) throw new Error(`the text has more than ${LARGEST.toLocaleString("en")} bytes`)
  text ??= new TextDecoder("utf-8", { fatal: true }).decode(bytes).replaceAll("\r\n", "\n")
  const characters = [...text]
  vocabulary = [...vocabulary ?? [...new Set(characters)].sort((a, b) => a.codePointAt() - b.codePointAt())]
  const id = new Map(vocabulary.map((character, n) => [character, n]))
  const training = characters.slice(0, characters.length - Math.trunc(heldOut * characters.length))
  return { vocabulary, ids: training.map(character => id.get(character)) }
}

// Draw characters one after the other; return the text and the probability of each character.
const written = (first, length, { temperature, top_k = 0, top_p = 1 }) => {
  const p = [], text = []
  for (let x = first; text.length < length;) {
    x = wasm.draw(x, temperature, top_k, top_p)
    text.push(run.vocabulary[x])
    p.push(view("probability", 1)[0])
  }
  return { text: text.join(""), p }
}

const answers = {
  // Prepare a training before its first update. p: the params by their dotted names.
  start({ program, params: p, text, heldOut }) {
    const { ids, vocabulary } = prepared(text, heldOut), K = vocabulary.length, m = p.m, T = p.seq_length
    if (ids.length <= T) throw new Error(`${ids.length} characters for training; seq_length ${T} needs ${T + 1}`)
    open(program, m, K, T, ids.length, p["train.updates"])
    const count = m * m + 2 * m * K + m + K
    run = { params: p, ids, vocabulary, count, update: 0, smooth: [], first: [], statistics: [] }
    view("ids", ids.length, Int32Array).set(ids)
    const scale = p["train.loss"] === "mean" ? 1 / T : 1
    view("recipe", 9).set([p.eta, p["train.initial_accumulator_value"], p["train.b1"], p["train.b2"], p["train.eps"],
      p["train.clip"] ?? Infinity, scale, Number(p.sigma), p.optimizer === "adam"])
    stream([p.seed])
    wasm.start()
    return { K, characters: ids.length }
  },

  // Compute the next rows of the trace, up to the next checkpoint. At a checkpoint, first compute its hash and its text.
  advance() {
    const { params: p, ids, update } = run, every = p["train.checkpoint_every"], updates = p["train.updates"]
    const answer = {}
    if (update % every === 0) {
      stream([p.seed, CHECKPOINT, update, 0])
      wasm.carry(1)
      const first = ids[update % Math.floor((ids.length - 1) / p.seq_length) * p.seq_length]
      const { text } = written(first, p["sample.length"], { temperature: p["sample.temperature"] })
      answer.checkpoint = { update, hash: hash(weights(0)), text }
    }
    const rows = Math.min(AT_ONCE - update % AT_ONCE, every - update % every, updates - update) || 1
    const completed = wasm.train(rows)
    const [losses, smooth] = ["losses", "smooth"].map(name => [...view(name, completed)])
    run.first.push(...losses.slice(0, Math.max(0, EVERY - update)))
    if (completed && update % EVERY === 0) run.smooth.push(smooth[0])
    if (completed && update % STATISTICS_EVERY === 0) run.statistics.push([...view("statistics", 4)])
    run.update += update < updates ? completed : 0
    Object.assign(answer, { update, losses, smooth, statistics: run.statistics.at(-1) })
    if (completed < rows) answer.diverged = update + completed
    if (update === updates) answer.results = results()
    return answer
  },

  // Write text with a model: its weights, in the order of network/rnn.py, and its hidden state.
  write({ program, model, prime, length, seed, ...choice }) {
    const { m, vocabulary, theta, h, update } = model, K = vocabulary.length
    open(program, m, K, 1, 0, 0)
    run = { vocabulary, count: theta.length }
    view("flat", m).set(h)
    wasm.carry(0)
    view("flat", theta.length).set(theta)
    wasm.take()
    const readable = [...prime].filter(c => vocabulary.includes(c)), ids = readable.map(c => vocabulary.indexOf(c))
    ids.slice(0, -1).forEach((id, step) => wasm.look(id, step))
    stream([seed, ON_DEMAND, update, 0])
    const skipped = [...new Set([...prime].filter(c => !vocabulary.includes(c)))].join("")
    return { prime: readable.join(""), skipped, ...written(ids.at(-1) ?? model.first, length, choice) }
  },
}

// The SHA-256 of last and best weights and of the trace, as `results_hash` in results/identity.py.
const results = () => {
  const columns = [run.smooth, run.first, ...[0, 1, 2, 3].map(n => run.statistics.map(row => row[n]))]
  const arrays = [weights(0), weights(3), ...columns.map(column => new Float64Array(column))]
  return hash(...arrays.flatMap(array => [new TextEncoder().encode(`<f8(${array.length},)`), array]))
}

onmessage = ({ data }) => {
  try {
    postMessage(answers[data.kind](data))
  } catch (error) {
    postMessage({ error: error instanceof WebAssembly.RuntimeError ? "not enough memory" : error.message })
  }
}
