// The passes of network/rnn.py, and the faults of grading/backward.py under the same names: of several with one
// sentence, the first. Nothing here knows a page.
// A matrix is a list of rows, and b and c are columns. A pass s has X, Y, p (T, K), a (T, m), h (T + 1, m), losses (T).
"use strict"
const NAMES = [..."WUVbc"], ofEach = f => Object.fromEntries(NAMES.map(name => [name, f(name)]))
const shapesOf = (m, K) => ({ W: [m, m], U: [m, K], V: [K, m], b: [m, 1], c: [K, 1] })
const map = (A, f) => A.map((row, t) => row.map((value, i) => f(value, t, i)))
const dot = (v, w) => {
  let sum = 0
  for (let i = 0; i < v.length; i++) sum += v[i] * w[i]
  return sum
}
const times = (W, v) => W.map(row => dot(row, v))

// The weights of m hidden units from all their numbers: those of W, U, V, b and c, one after the other.
const matrices = (numbers, m) => {
  const shapes = shapesOf(m, (numbers.length - m * m - m) / (2 * m + 1))
  let from = 0
  return ofEach(name => {
    const [rows, columns] = shapes[name]
    return Array.from({ length: rows }, () => numbers.subarray(from, from += columns))
  })
}

// Aᵀ B of two lists of T rows, as `rows` rows of `columns` numbers.
const product = (A, B, rows, columns) => {
  const sum = Array.from({ length: rows }, () => new Float64Array(columns))
  for (let t = 0; t < A.length; t++) {
    for (let i = 0, from = B[t]; i < rows; i++) {
      for (let j = 0, factor = A[t][i], into = sum[i]; factor && j < columns; j++) into[j] += factor * from[j]
    }
  }
  return sum
}
const turned = (v, W) => product([...v].map(value => [value]), W, 1, W[0].length)[0] // Wᵀ v

// The pass over the ids x, with the targets y, from the state h0 (m). y may be shorter than x.
const forward = ({ W, U, V, b, c }, h0, x, y) => {
  const a = [], h = [h0], rows = ids => ids.map(id => V.map((_, k) => Number(k === id)))
  x.forEach((id, t) => {
    a.push(W.map((row, i) => dot(row, h[t]) + U[i][id] + b[i][0]))
    h.push(a[t].map(Math.tanh))
  })
  const logarithms = h.slice(1).map(state => {
    const o = times(V, state).map((value, k) => value + c[k][0]), top = Math.max(...o)
    const all = top + Math.log(o.reduce((sum, value) => sum + Math.exp(value - top), 0))
    return o.map(value => value - all)
  })
  const losses = y.map((id, t) => -logarithms[t][id])
  return { W, V, X: rows(x), Y: rows(y), a, h, p: map(logarithms, Math.exp), losses }
}

const without = (A, left) => A.map((row, t) => left(t) ? row.map(() => 0) : row)
const right = s => map(s.p, (p, t, k) => p - s.Y[t][k])
const squareInside = left => s =>
  map(s.a, (a, t, i) => 1 - (left(t, s.a.length) ? Math.tanh(a * a) : s.h[t + 1][i] ** 2))

// ∂loss/∂a (T, m). carry: what later steps send back to step t, from d and from e, which is d before the slope.
const chain = (s, g, slope, carry, combine = (out, back, slope) => (out + back) * slope) => {
  const [d, e] = [0, 1].map(() => Array.from({ length: g.length + 2 }, () => s.W.map(() => 0))), slopes = slope(s)
  for (let t = g.length - 1; t >= 0; t--) {
    const out = turned(g[t], s.V), back = carry(s, t, d, e)
    e[t] = out.map((value, i) => value + back[i])
    d[t] = out.map((value, i) => combine(value, back[i], slopes[t][i]))
  }
  return d.slice(0, g.length)
}
const combined = combine => (s, g, slope, carry) => chain(s, g, slope, carry, combine)
const again = (s, g, slope, carry) => {
  const d = chain(s, g, slope, carry)
  for (let t = d.length - 2; t >= 0; t--) {
    const back = turned(d[t + 1], s.W)
    d[t] = d[t].map((value, i) => value + back[i] * (1 - s.h[t + 1][i] ** 2))
  }
  return d
}

// A gradient is a sum over the steps, Aᵀ B: a function returns A and B. `sums` has the faults of any such sum.
const sums = pair => ({
  "": pair,
  first: (...all) => pair(...all).map(rows => rows.slice(0, 1)),
  last: (...all) => pair(...all).map(rows => rows.slice(-1)),
  mean: (...all) => pair(...all).map((rows, n) => n ? rows : map(rows, value => value / rows.length)),
  zero: () => [[], []],
})
const ones = rows => [rows, rows.map(() => [1])]

const STAGES = {
  g: {
    "": right,
    factor: s => map(right(s), value => value / s.p.length),
    sign: s => map(right(s), value => -value),
    no_target: s => s.p,
    input: s => right({ ...s, Y: s.X }),
    last_step: s => without(right(s), t => t < s.p.length - 1),
    without_last: s => without(right(s), t => t === s.p.length - 1),
    without_first: s => without(right(s), t => t === 0),
  },
  c: sums((s, g) => ones(g)),
  V: {
    ...sums((s, g) => [g, s.h.slice(1)]),
    previous: (s, g) => [g, s.h.slice(0, -1)],
    before_tanh: (s, g) => [g, s.a],
    last_state: (s, g) => [g, g.map(() => s.h.at(-1))],
  },
  slope: {
    "": s => map(s.h.slice(1), h => 1 - h * h),
    tanh_of_square: squareInside(() => true),
    tanh_of_square_but_last: squareInside((t, T) => t < T - 1),
    tanh_of_square_at_last: squareInside((t, T) => t === T - 1),
    unsquared: s => map(s.h.slice(1), h => 1 - h),
    of_a: s => map(s.a, a => 1 - a * a),
    tanh_twice: s => map(s.h.slice(1), h => 1 - Math.tanh(h) ** 2),
    sigmoid: s => map(s.h.slice(1), h => h * (1 - h)),
    other_slope: s => map(s.h.slice(0, -1), h => 1 - h * h),
    last_slope: s => s.a.map(() => s.h.at(-1).map(h => 1 - h * h)),
    no_slope: s => map(s.a, () => 1),
    no_slope_at_last: s => map(s.h.slice(1), (h, t) => t === s.a.length - 1 ? 1 : 1 - h * h),
  },
  carry: {
    "": (s, t, d) => turned(d[t + 1], s.W),
    transposed: (s, t, d) => times(s.W, d[t + 1]),
    not_carried: (s, t, d) => d[t].map(() => 0),
    unsloped: (s, t, d, e) => turned(e[t + 1], s.W),
    carried_plain: (s, t, d) => d[t + 1],
    carried_from_last: (s, t, d) => turned(d[s.a.length - 1], s.W),
    carried_from_two_later: (s, t, d) => turned(d[t + 2], s.W),
    added_up: (s, t, d) => turned(d.slice(t + 1).reduce((sum, row) => sum.map((value, i) => value + row[i])), s.W),
  },
  d: {
    "": chain,
    carry_outside_slope: combined((out, back, slope) => out * slope + back),
    output_outside_slope: combined((out, back, slope) => out + back * slope),
    clipped: combined((out, back, slope) => Math.max(-5, Math.min(5, (out + back) * slope))),
    again,
    without_first: (...all) => without(chain(...all), t => t === 0),
    without_last: (s, g, ...all) => chain(s, without(g, t => t === g.length - 1), ...all),
  },
  b: sums((s, d) => ones(d)),
  U: {
    ...sums((s, d) => [d, s.X]),
    assigned: (s, d) => [without(d, t => s.X.slice(t + 1).some(row => row[s.X[t].indexOf(1)])), s.X],
    target: (s, d) => [d, s.Y],
    previous: (s, d) => [d.slice(1), s.X],
    reversed: (s, d) => [d, s.X.slice().reverse()],
  },
  W: {
    ...sums((s, d) => [d, s.h.slice(0, -1)]),
    last_before_first: (s, d) => [d, [s.h.at(-1), ...s.h.slice(1, -1)]],
    zero_before_first: (s, d) => [d, without(s.h, t => t === 0)],
    same_step: (s, d) => [d, s.h.slice(1)],
    last_state: (s, d) => [d, d.map(() => s.h.at(-1))],
    first_state: (s, d) => [d, d.map(() => s.h[0])],
    previous: (s, d) => [d, [s.h[0], ...s.h.slice(0, -2)]],
    before_tanh: (s, d) => [d, [s.h[0], ...s.a]],
    reversed: (s, d) => [d, s.h.slice(0, -1).reverse()],
    transposed: (s, d) => [s.h.slice(0, -1), d],
  },
}

// The gradients of W, U, V, b and c, with the fault of each stage; a stage that is left out is right.
const gradients = (s, faults = {}) => {
  const stage = name => STAGES[name][faults[name] ?? ""], shapes = shapesOf(s.W.length, s.V.length)
  const g = stage("g")(s), d = stage("d")(s, g, stage("slope"), stage("carry"))
  return ofEach(name => product(...stage(name)(s, "Vc".includes(name) ? g : d), ...shapes[name]))
}

// What a check finds in W, U, V, b and c: the largest difference from the derivative of the loss, relative to the
// largest entry of the matrix, as in grading/diagnosis.py.
const errors = ({ weights, h, x, y }, faults) => {
  const s = forward(weights, h, x, y), exact = gradients(s), given = gradients(s, faults)
  const largest = A => Math.max(...A.map(row => Math.max(...row.map(Math.abs))))
  const least = 1e-3 * Math.max(...NAMES.map(name => largest(exact[name])))
  const difference = name => largest(map(given[name], (value, t, i) => value - exact[name][t][i]))
  return NAMES.map(name => difference(name) / Math.max(largest(exact[name]), least))
}

// A training with AdaGrad from these weights, on the ids. Each call does an update, and returns its loss.
const training = (start, ids, { seq_length, eta, clip }, faults) => {
  const T = Math.min(seq_length, ids.length - 1)
  const weights = structuredClone(start), sums = ofEach(name => map(start[name], () => 0))
  let h, at = Infinity
  return () => {
    if (at + T >= ids.length) [h, at] = [weights.b.map(() => 0), 0]
    const s = forward(weights, h, ids.slice(at, at + T), ids.slice(at + 1, at + T + 1)), all = gradients(s, faults)
    for (const name of NAMES) {
      all[name].forEach((row, i) => row.forEach((value, j) => {
        const g = Math.max(-clip, Math.min(clip, value))
        sums[name][i][j] += g * g
        weights[name][i][j] -= eta * g / Math.sqrt(sums[name][i][j] + 2.2e-16)
      }))
    }
    [h, at] = [s.h.at(-1), at + T]
    return s.losses.reduce((sum, loss) => sum + loss)
  }
}
