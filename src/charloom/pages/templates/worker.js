// The experiment in a Worker: each request gets one answer. live/kernel.c does the arithmetic of an update.
"use strict"
const EVERY = 100, STATISTICS_EVERY = 1000 // updates between two points of the curve, and between two statistics
const CHUNK = 100 // characters of the held-out text read at a time: core/model/scoring.py
const CHECKPOINT = 1, ON_DEMAND = 3 // kinds of sample: sampling/writing.py
// The kernel and the table of normal numbers; arrays, text and params; what a training has recorded.
let module, wasm, ziggurat, network, run

// Start the kernel for m hidden units, K characters and sequences of T. Return its arrays, as views of its memory. Each
// array begins a page of memory, 64 KiB, and has a page more than it needs.
const open = (program, m, K, T) => {
  ({ module, ziggurat } = program)
  wasm = new WebAssembly.Instance(module).exports
  const count = m * m + 2 * m * K + m + K, values = { m, K, T, count }
  const lengths = Object.entries({
    theta: count, gradient: count, first: count, second: count, WT: m * m, VT: m * K,
    h: (T + 1) * m, d: (T + 1) * m, o: T * K, totals: T, a: m, state: m, x: T + 1,
  })
  for (const [name, length] of lengths) values[name] = wasm.memory.grow(Math.ceil(length / 8192) + 1) * 65536
  const { buffer } = wasm.memory
  for (const name in values) new Int32Array(buffer, wasm[name].value, 1)[0] = values[name]
  const arrays = lengths.map(([name, length]) => [name, new Float64Array(buffer, values[name], length)])
  return { m, K, T, ...Object.fromEntries(arrays), x: new Int32Array(buffer, values.x, T + 1) }
}

// Random numbers: NumPy's default_rng (SeedSequence, then PCG64 XSL-RR 128/64).
const MULTIPLIER = 2549297995355413924n << 64n | 4865540595714422341n
let generator, increment
const next = () => {
  generator = BigInt.asUintN(128, generator * MULTIPLIER + increment)
  const x = BigInt.asUintN(64, generator >> 64n ^ generator), turn = generator >> 122n
  return BigInt.asUintN(64, x >> turn | x << 64n - turn)
}
const uniform = () => Number(next() >> 11n) * 2 ** -53

// Start the random stream default_rng(numbers): each number is split into 32-bit words, lowest first.
const folded = x => x ^ x >>> 16
const hashing = (constant, factor) => word => {
  const x = word ^ constant
  constant = Math.imul(constant, factor)
  return folded(Math.imul(x, constant))
}
const stream = numbers => {
  const words = numbers.map(BigInt).flatMap(n => n >> 32n ? [n & 0xffffffffn, n >> 32n] : [n]).map(Number)
  const hashed = hashing(0x43b0d7e5, 0x931e8875), pool = [0, 1, 2, 3].map(n => hashed(words[n] ?? 0))
  for (let from = 0; from < Math.max(4, words.length); from++) {
    for (let to = 0; to < 4; to++) {
      const word = pool[from] ?? words[from]
      if (from !== to) pool[to] = folded(Math.imul(0xca01f9dd, pool[to]) - Math.imul(0x4973f715, hashed(word)))
    }
  }
  const state = new BigUint64Array(Uint32Array.from([...pool, ...pool], hashing(0x8b51f9dd, 0x58f38ded)).buffer)
  increment = (state[2] << 64n | state[3]) << 1n | 1n
  generator = (state[0] << 64n | state[1]) + increment
  next()
}

// log x for 0 < x ≤ 1, and log(1 + x) for x = −uniform(), where 1 + x is exact: network/logarithm.py. `near` allows a
// shorter series around 1.
const log = (x, near = true) => {
  let n = 0
  for (; x < 0x16a09e / 2 ** 21; n--) x *= 2
  const f = x - 1, high = n * 6.93147180369123816490e-01, low = n * 1.90821492927058770002e-10, square = 0.5 * f * f
  if ((near || n) && f >= -3 / 2 ** 21 && f < 1 / 2 ** 20) {
    return high - (square * (1 - 0.66666666666666666 * f) - low - f)
  }
  const s = f / (2 + f), z = s * s, z2 = z * z
  const tail = z * 6.666666666666735130e-01 + z2 * (3.999999999940941908e-01 + z * 2.857142874366239149e-01)
    + z2 * z2 * (2.222219843214978396e-01 + z * 1.818357216161805012e-01)
    + z2 * z2 * z2 * (1.531383769920937332e-01 + z * 1.479819860511658591e-01)
  return high - (square - (s * (square + tail) + low) - f)
}
const log1p = x => x > -(2 ** -29) ? x - x * x * 0.5 : log(1 + x, false)

// A normal number: network/normal.py.
const R = 3.6541528853610088, INVERSE_R = 0.27366123732975828 // where the tail begins
const normal = () => {
  for (;;) {
    const r = next(), low = Number(r & 0x3ffffn), k = Number(r >> 9n & (1n << 52n) - 1n)
    const i = 3 * (low & 255), x = (low & 256 ? -k : k) * ziggurat[i + 1], height = ziggurat[i + 2] // rows of k, w, f
    if (k < ziggurat[i]) return x
    if (i > 0 && log((ziggurat[i - 1] - height) * uniform() + height) < -0.5 * x * x) return x
    while (i === 0) {
      const a = INVERSE_R * -log1p(-uniform()), b = -log1p(-uniform())
      if (2 * b > a * a) return low & 0x20000 ? -(R + a) : R + a
    }
  }
}

// The SHA-256 of texts and arrays, one after the other: live/sha256.zig. It has a memory of its own, because views of
// a memory end when it grows.
const sha256 = async (...parts) => {
  const { memory, sha256: replace } = new WebAssembly.Instance(module).exports
  const message = new Uint8Array(await new Blob(parts).arrayBuffer())
  const address = memory.grow(Math.ceil(message.length / 65536)) * 65536
  new Uint8Array(memory.buffer, address).set(message)
  replace(address, message.length)
  return Array.from(new Uint8Array(memory.buffer, address, 32), byte => byte.toString(16).padStart(2, "0")).join("")
}

// The vocabulary of a text, and the ids of its training part and of its held-out end, as in text/corpus.py.
const prepared = (text, held_out) => {
  const characters = [...text], vocabulary = [...new Set(characters)].sort((a, b) => a.codePointAt() - b.codePointAt())
  const id = new Map(vocabulary.map((character, n) => [character, n]))
  const ids = Int32Array.from(characters, character => id.get(character))
  const end = ids.length - Math.trunc(held_out * ids.length)
  return { vocabulary, ids: ids.subarray(0, end), held_out: ids.subarray(end) }
}

// The first character of an update, as an index of the text.
const position = (update = run.update) => update % Math.floor((network.ids.length - 1) / network.T) * network.T

// product · base ** exponent by the multiplications of network/adam.py.
const power = (base, exponent, product = 1) =>
  exponent ? power(base * base, exponent >> 1, exponent % 2 ? product * base : product) : product

// Take a step of the optimiser; return whether all numbers are finite.
const step = () => {
  const { optimizer, eta, "train.clip": clip, "train.b1": b1, "train.b2": b2, "train.eps": eps } = network.params
  const adam = optimizer === "adam", root = Math.sqrt(1 - power(b2, run.update + 1))
  const rate = adam ? eta * root / (1 - power(b1, run.update + 1)) : eta
  return wasm.step(adam, rate, clip ?? Infinity, b1, b2, eps * root)
}

// Do one update; after the last step, only its loss. Return "complete" or "diverged" if training ends with it.
const update = () => {
  const { params: p, m, T, h, x, ids, theta, best, best_h } = network, start = position()
  x.set(ids.subarray(start, start + T + 1))
  const loss = run.loss = wasm.gradients(p["train.loss"] === "mean" ? 1 / T : 1)
  if (!isFinite(loss)) return "diverged"
  run.smooth = run.update ? 0.999 * run.smooth + 0.001 * loss : loss
  if (run.smooth < run.lowest) {
    best.set(theta)
    best_h.set(h.subarray(0, m))
    Object.assign(run, { lowest: run.smooth, best_update: run.update })
  }
  if (run.update < EVERY) run.first_losses.push(loss)
  if (run.update % EVERY === 0) run.curve.push(run.smooth)
  if (run.update % STATISTICS_EVERY === 0) statistics(loss).forEach((number, n) => run.statistics[n].push(number))
  if (run.update === p["train.updates"]) return "complete"
  if (!step()) return "diverged"
  h.copyWithin(0, T * m)
  run.update++
  if (position() === 0) h.fill(0, 0, m)
}

// The loss, and what kernel/gradient_statistics.py computes of the update, in its order.
const statistics = loss => {
  const { m, K, T, params: p, gradient, h, x } = network, U = m * m, V = U + m * K, b = V + K * m, c = b + m
  const row = start => gradient.subarray(start, start + m), seen = [...new Set(x.subarray(0, T))], ordered = []
  for (let i = 0; i < m; i++) ordered.push(gradient[b + i], ...row(i * m), ...seen.map(id => gradient[U + i * K + id]))
  for (let k = 0; k < K; k++) ordered.push(gradient[c + k], ...row(V + k * m))
  const norm = Math.sqrt(ordered.reduce((squares, g) => squares + g * g, 0))
  const share = (numbers, limit) => numbers.filter(number => Math.abs(number) > limit).length / numbers.length
  const clipped = share(gradient, p["train.clip"] ?? Infinity), saturated = share(h.subarray(m), 0.99)
  return [loss, Math.min(norm, Number.MAX_VALUE), clipped, saturated]
}

// Write characters as kernel/drawing.py does, from the state h, after the characters `prime`. random: the numbers that
// start the random stream. Return the text and the probability of each character.
const written = (h, prime, random, length, { temperature, top_k = 0, top_p = 1 }) => {
  const { K, vocabulary, state } = network, o = network.o.subarray(0, K), text = [], p = []
  state.set(h)
  wasm.transpose()
  prime.slice(0, -1).forEach((id, step) => wasm.look(id, step))
  stream(random)
  for (let x = prime.at(-1); text.length < length;) {
    wasm.look(x, 0)
    const outputs = o.slice(), top = Math.max(...outputs), u = uniform(), ids = [...outputs.keys()]
    o.set(outputs.map(output => (output - top) / temperature))
    wasm.exponentials(o.byteOffset, 0)
    if (top_k > 0 || top_p < 1) ids.sort((i, j) => outputs[j] - outputs[i])
    let all = 0
    const sums = ids.slice(0, top_k || K).map(id => all += o[id]), kept = sums.find(sum => sum >= top_p * all)
    x = temperature > 0 ? ids[sums.findIndex(sum => sum > u * kept)] : outputs.indexOf(top)
    text.push(vocabulary[x])
    p.push(1 / outputs.reduce((total, output) => total + Math.exp(output - outputs[x]), 0))
  }
  return { text: text.join(""), p }
}

const checkpoint = async () => {
  const { params: p, ids, m, h, theta } = network, { update } = run, random = [p.seed, CHECKPOINT, update, 0]
  const length = p["sample.length"], choice = { temperature: p["sample.temperature"] }
  const { text } = written(h.subarray(0, m), [ids[position()]], random, length, choice)
  return { update, text, hash: await sha256(theta) }
}

// The mean cost of the held-out text under the present weights, from the present state: bits_per_character in
// core/model/scoring.py, with the additions of `read` in kernel/passes.py. null for fewer than two characters.
const heldOut = () => {
  const { m, K, h, state, params: p } = network, o = network.o.subarray(0, K)
  const ids = network.held_out.subarray(0, p["train.held_out_characters"]), count = ids.length - 1
  state.set(h.subarray(0, m))
  wasm.transpose()
  const terms = Array.from(ids.subarray(0, -1), (id, n) => {
    wasm.look(id, n % CHUNK)
    const top = Math.max(...o)
    return [top - o[ids[n + 1]], wasm.logarithm(wasm.exponentials(o.byteOffset, top))]
  })
  let total = 0
  for (let start = 0; start < count; start += CHUNK) {
    const chunk = terms.slice(start, start + CHUNK), ordered = [0, 1].flatMap(n => chunk.map(pair => pair[n]))
    total += ordered.reduce((sum, nats) => sum + nats)
  }
  return count > 0 ? total / count / Math.LN2 : null
}

// The SHA-256 of last and best weights and of the trace, as `results_hash` in core/training/trace.py.
const results = () => {
  const columns = [run.curve, run.first_losses, ...run.statistics].map(column => new Float64Array(column))
  return sha256(...[network.theta, network.best, ...columns].flatMap(array => [`<f8(${array.length},)`, array]))
}

const answers = {
  // Prepare a training before its first update. p: the params by their dotted names.
  async start({ program, params: p, text }) {
    const { m, seq_length: T } = p, corpus = prepared(text, p["prepare.held_out"])
    const { ids, vocabulary: { length: K } } = corpus
    if (ids.length <= T) throw new Error(`${ids.length} characters for training; seq_length ${T} needs ${T + 1}`)
    network = { ...open(program, m, K, T), params: p, ...corpus }
    network.best = network.theta.slice()
    network.best_h = new Float64Array(m)
    network.first.fill(p.optimizer === "adam" ? 0 : p["train.initial_accumulator_value"])
    stream([p.seed])
    const deviation = fan => p.sigma === "fan_in" ? 1 / Math.sqrt(fan) : p.sigma
    const fans = [[m * m, 2 * m], [m * K, 2 * K], [K * m, m]].flatMap(([size, fan]) => Array(size).fill(fan))
    network.theta.set(fans.map(fan => normal() * deviation(fan) + 0)) // no −0
    const statistics = [[], [], [], []]
    run = { update: 0, seconds: 0, smooth: NaN, lowest: Infinity, first_losses: [], curve: [], statistics }
    return run
  },

  // Do updates for a fifth of a second, or up to the next checkpoint. At a checkpoint, first write a text. With the
  // last weights, first read the held-out text.
  async advance() {
    const { "train.checkpoint_every": every, "train.updates": updates } = network.params, begin = performance.now()
    run.checkpoint = run.update % every ? null : await checkpoint()
    if (run.update === updates) run.held_out = heldOut()
    do run.end = update()
    while (!run.end && run.update % every && run.update !== updates && performance.now() - begin < 200)
    if (!isFinite(run.held_out ?? 0)) run.end = "diverged"
    if (run.end === "complete") run.results = await results()
    run.seconds += (performance.now() - begin) / 1000
    return run
  },

  // The model at the lowest smooth loss, as `write` takes it.
  async best() {
    const { m, vocabulary, best, best_h, ids } = network, { best_update } = run
    return { m, vocabulary, theta: best, h: best_h, first: ids[position(best_update)], update: best_update }
  },

  // Write text with a model: its weights, in the order of network/rnn.py, and its hidden state.
  async write({ program, model, prime, length, seed, ...choice }) {
    const { m, vocabulary, theta, h, first, update } = model
    network = { ...open(program, m, vocabulary.length, 1), vocabulary }
    network.theta.set(theta)
    const ids = [...prime].map(character => vocabulary.indexOf(character)), known = ids.filter(id => id >= 0)
    const skipped = [...new Set(prime)].filter(character => !vocabulary.includes(character)).join("")
    const after = written(h, known.length ? known : [first], [seed, ON_DEMAND, update, 0], length, choice)
    return { prime: known.map(id => vocabulary[id]).join(""), skipped, ...after }
  },
}

onmessage = ({ data }) => answers[data.kind](data).then(postMessage, ({ message: error }) => postMessage({ error }))
